/* server_test - the whole process: listeners, threads, signals, generations, the way it ends. TG_TSAN */
#include "../../../src/web/server.c"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "certificate.h"
#include "tap.h"

struct process { /* a server in a child process */
    char dir[64];
    pid_t pid;
    int port, tls_port;
};

#define APP                                                                                                            \
    "return {authenticate = function() return nil, {code = 'denied', status = 401, detail = 'no'} end, routes = {\n"   \
    "  {method = 'GET', path = '/v1/hello', public = 'test', handler = function() return 200, 'WORD' end},\n"          \
    "  {method = 'GET', path = '/v1/nap', public = 'test', handler = function() tg.time.sleep(400) return 200, "       \
    "'slept' end},\n"                                                                                                  \
    "  {method = 'GET', path = '/v1/big', public = 'test', handler = function()\n"                                     \
    "     local list = {}\n"                                                                                           \
    "     for i = 1, 500 do list[i] = 'the same words' end\n"                                                          \
    "     return 200, {data = list} end},\n"                                                                           \
    "  {method = 'GET', path = '/v1/long', public = 'test', handler = function() tg.time.sleep(20000) return 200 "     \
    "end},\n"                                                                                                          \
    "  {method = 'POST', path = '/v1/len', public = 'test', body_max = 3000000, handler = function(req) return 200, "  \
    "tostring(#req.body) end},\n"                                                                                      \
    "}}\n"

static const char *in_dir(const struct process *p, const char *name)
{
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", p->dir, name);
    return path;
}

static void put_file(const struct process *p, const char *name, const char *text)
{
    FILE *fp = fopen(in_dir(p, name), "w");
    if (fp == NULL || fputs(text, fp) < 0 || fclose(fp) != 0)
        abort();
}

/* The app with another answer; old code is told from new by it. */
static void put_app(const struct process *p, const char *word)
{
    char app[4096] = APP;
    char *at = strstr(app, "WORD"), tail[4096];
    strcpy(tail, at + 4);
    sprintf(at, "%s%s", word, tail);
    put_file(p, "lua/app.lua", app);
}

static int serve(const struct process *p)
{
    struct tg_conf *conf;
    struct tg_err err;
    int ret = -1;
    if (tg_conf_load(in_dir(p, "h2o.conf"), &conf, &err) == 0) {
        if (tg_server_open(conf, &err) == 0)
            ret = tg_server_run(conf, NULL, NULL, &err);
        tg_conf_free(&conf);
    }
    if (ret == -1) {
        fprintf(stderr, "%s\n", err.text);
        return 9;
    }
    return ret;
}

/* --- A client ------------------------------------------------------------------------------------------------------- */

static int dial(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (void *)&sin, sizeof(sin)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int dial_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 20};
    strcpy(sa.sun_path, path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (void *)&sa, sizeof(sa)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        tap_note("the server has closed");
}

/* What comes until the end, or until `part` has come. */
static const char *hear(int fd, const char *part)
{
    static char text[65536];
    size_t len = 0;
    ssize_t n;
    text[0] = '\0';
    while (len < sizeof(text) - 1 && (n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0) {
        len += (size_t)n;
        text[len] = '\0';
        if (part != NULL && strstr(text, part) != NULL)
            break;
    }
    return text;
}

static const char *get(int port, const char *path, const char *part)
{
    char request[256];
    int fd = dial(port);
    if (fd == -1)
        return "";
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", path);
    say(fd, request);
    const char *answer = hear(fd, part);
    close(fd);
    return answer;
}

static const char *control_says(const struct process *p, const char *command)
{
    int fd = dial_unix(in_dir(p, "control.sock"));
    if (fd == -1)
        return "";
    say(fd, command);
    const char *answer = hear(fd, "\n");
    close(fd);
    return answer;
}

/* --- A server ------------------------------------------------------------------------------------------------------- */

static void read_ports(struct process *p)
{
    const char *at = NULL;
    for (int i = 0; i < 200 && at == NULL; i++) {
        at = strstr(control_says(p, "status\n"), "\"listeners\":[\"127.0.0.1:");
        if (at == NULL)
            usleep(50000);
    }
    if (at == NULL || sscanf(at, "\"listeners\":[\"127.0.0.1:%d\",\"127.0.0.1:%d\"", &p->port, &p->tls_port) != 2) {
        printf("Bail out! the server did not start, see %s\n", p->dir);
        exit(1);
    }
    for (int i = 0; i < 200 && strstr(control_says(p, "status\n"), "\"generation\":0") != NULL; i++)
        usleep(50000);
}

static struct process start_with(const char *directives, const char *hosts)
{
    struct process p = {.dir = "/tmp/tollgate-server-XXXXXX"};
    char conf[4096];
    if (mkdtemp(p.dir) == NULL)
        abort();
    mkdir(in_dir(&p, "lua"), 0700);
    put_app(&p, "one");
    certificate_make(in_dir(&p, "a.crt"), in_dir(&p, "a.key"), "first.example");
    snprintf(conf, sizeof(conf),
             "listen:\n  - {host: 127.0.0.1, port: 0}\n"
             "  - {host: 127.0.0.1, port: 0, ssl: {certificate-file: %s/a.crt, key-file: %s/a.key}}\n"
             "  - {port: %s/http.sock, type: unix, permission: 600}\n"
             "num-threads: 2\npid-file: %s/pid\nerror-log: %s/error.log\ntollgate.access-log: %s/access.log\n"
             "tollgate.control-socket: %s/control.sock\ntollgate.lua-dir: %s/lua\n%s\n"
             "compress: [gzip]\nhosts:\n  default:\n    paths:\n      /mixed:\n        - tollgate.app: ON\n        - "
             "file.dir: %s/lua\n"
             "      /:\n        - tollgate.status: ON\n        - tollgate.app: ON\n%s",
             p.dir, p.dir, p.dir, p.dir, p.dir, p.dir, p.dir, p.dir, directives, p.dir, hosts);
    put_file(&p, "h2o.conf", conf);
    fflush(stdout);
    p.pid = fork();
    if (p.pid == 0)
        exit(serve(&p));
    read_ports(&p);
    return p;
}

static struct process start(const char *directives)
{
    return start_with(directives, "");
}

static void forget(struct process *p)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    if (system(command) != 0)
        tap_note("%s is left", p->dir);
}

/* Its exit code. */
static int wait_for_end(struct process *p)
{
    int status = 0;
    waitpid(p->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void stop_cleanly(struct process *p)
{
    kill(p->pid, SIGTERM);
    int code = wait_for_end(p);
    if (!ok(code == 0, "it ends cleanly"))
        tap_note("code %d, see %s/error.log", code, p->dir);
    else
        forget(p);
}

/* --- TLS ------------------------------------------------------------------------------------------------------------ */

/* The protocol and the certificate's name that a client gets; "" when the handshake fails. */
static void handshake_with(int port, const char *host, int max_version, const char *alpn, char protocol[static 32],
                           char name[static 64])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int fd = dial(port);
    protocol[0] = name[0] = '\0';
    SSL_CTX_set_max_proto_version(ctx, max_version);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (host != NULL)
        SSL_set_tlsext_host_name(ssl, host);
    if (SSL_connect(ssl) == 1) {
        const unsigned char *selected;
        unsigned len;
        SSL_get0_alpn_selected(ssl, &selected, &len);
        snprintf(protocol, 32, "%s %.*s", SSL_get_version(ssl), (int)len, selected);
        X509 *cert = SSL_get1_peer_certificate(ssl);
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, 64);
        X509_free(cert);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void handshake(int port, int max_version, const char *alpn, char protocol[static 32], char name[static 64])
{
    handshake_with(port, NULL, max_version, alpn, protocol, name);
}

TEST(it_answers_on_every_listener)
{
    struct process p = start("");
    contains(get(p.port, "/v1/hello", NULL), "one");
    contains(get(p.port, "/healthz", NULL), "ok");
    int fd = dial_unix(in_dir(&p, "http.sock"));
    say(fd, "GET /v1/hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    contains(hear(fd, NULL), "one");
    close(fd);
    char protocol[32], name[64];
    handshake(p.tls_port, 0, "\2h2\10http/1.1", protocol, name);
    is_str(protocol, TG_H2O_HARDENED ? "TLSv1.3 h2" : "TLSv1.3 http/1.1");
    is_str(name, "first.example");
    handshake(p.tls_port, TLS1_2_VERSION, "\10http/1.1", protocol, name);
    is_str(protocol, "TLSv1.2 http/1.1");
    handshake(p.tls_port, TLS1_1_VERSION, "\10http/1.1", protocol, name);
    is_str(protocol, "");
    stop_cleanly(&p);
}

TEST(a_connection_of_its_own_is_answered_many_times_a_second)
{
    struct process p = start("");
    int fd = dial(p.port);
    uint64_t started_us = tg_clock_mono_us();
    for (int i = 0; i < 100; i++) {
        say(fd, "GET /v1/hello HTTP/1.1\r\nhost: a\r\n\r\n");
        if (!ok(strstr(hear(fd, "one"), "200 OK") != NULL, "an answer"))
            break;
    }
    ok(tg_clock_mono_us() - started_us < 10000000, "100 requests in 10 s");
    close(fd);
    stop_cleanly(&p);
}

TEST(each_host_has_its_certificate)
{
    char dir[64] = "/tmp/tollgate-names-XXXXXX", hosts[1024], protocol[32], name[64], command[128];
    char files[2][2][96];
    if (mkdtemp(dir) == NULL)
        abort();
    for (int i = 0; i < 2; i++) {
        snprintf(files[i][0], sizeof(files[i][0]), "%s/%d.crt", dir, i);
        snprintf(files[i][1], sizeof(files[i][1]), "%s/%d.key", dir, i);
        certificate_make(files[i][0], files[i][1], i == 0 ? "a.example" : "wild.b.example");
    }
    int probe = socket(AF_INET, SOCK_STREAM, 0); /* a port that is free now */
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(sin);
    if (bind(probe, (void *)&sin, len) != 0 || getsockname(probe, (void *)&sin, &len) != 0)
        abort();
    close(probe);
    int port = ntohs(sin.sin_port);
    snprintf(hosts, sizeof(hosts),
             "  a.example:\n    listen: {host: 127.0.0.1, port: %d, ssl: {certificate-file: %s, key-file: %s}}\n"
             "    paths: {/: {tollgate.app: ON}}\n"
             "  \"*.b.example\":\n    listen: {host: 127.0.0.1, port: %d, ssl: {certificate-file: %s, key-file: %s}}\n"
             "    paths: {/: {tollgate.app: ON}}\n",
             port, files[0][0], files[0][1], port, files[1][0], files[1][1]);
    struct process p = start_with("", hosts);
    handshake_with(port, "a.example", 0, "\2h2", protocol, name);
    is_str(name, "a.example");
    handshake_with(port, "x.b.example", 0, "\2h2", protocol, name);
    is_str(name, "wild.b.example");
    handshake_with(port, "x.y.b.example", 0, "\2h2", protocol, name);
    is_str(name, "a.example");
    handshake(port, 0, "\2h2", protocol, name);
    is_str(name, "a.example");
    is_str(control_says(&p, "reload\n"), "ok 2\n");
    handshake_with(port, "x.b.example", 0, "\2h2", protocol, name);
    is_str(name, "wild.b.example");
    stop_cleanly(&p);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        tap_note("%s is left", dir);
}

TEST(files_and_routes_share_a_path)
{
    struct process p = start("");
    contains(get(p.port, "/mixed/app.lua", NULL), "return {authenticate");
    contains(get(p.port, "/mixed/none", NULL), "404");
    contains(get(p.port, "/v1/hello", NULL), "one");
    stop_cleanly(&p);
}

TEST(a_long_answer_is_compressed_for_who_takes_it)
{
    struct process p = start("");
    int fd = dial(p.port);
    say(fd, "GET /v1/big HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n");
    const char *answer = hear(fd, NULL);
    contains(answer, "content-encoding: gzip");
    contains(answer, "vary: origin, accept-encoding");
    close(fd);
    stop_cleanly(&p);
}

TEST(bodies_have_a_limit_by_route_and_all_together)
{
    struct process p = start("tollgate.max-body-memory: 2000000\nlimit-request-body: 100");
    char *body = calloc(1, 2500001);
    int fd = dial(p.port);
    memset(body, 'x', 2500000);
    say(fd, "POST /v1/len HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2500000\r\n\r\n");
    say(fd, body);
    contains(hear(fd, NULL), "503 Service Unavailable");
    close(fd);
    fd = dial(p.port);
    say(fd, "POST /v1/len HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1500000\r\n\r\n");
    say(fd, body + 1000000);
    contains(hear(fd, NULL), "\r\n\r\n1500000");
    close(fd);
    if (TG_H2O_HARDENED) {
        fd = dial(p.port);
        say(fd, "POST /v1/none HTTP/1.1\r\nhost: a\r\ncontent-length: 101\r\n\r\n");
        const char *answer = hear(fd, NULL);
        contains(answer, "413");
        contains(answer, "problems/body_too_large");
        close(fd);
    }
    free(body);
    stop_cleanly(&p);
}

TEST(a_reload_swaps_code_and_certificates)
{
    struct process p = start("");
    char protocol[32], name[64];
    put_app(&p, "two");
    certificate_make(in_dir(&p, "a.crt"), in_dir(&p, "a.key"), "second.example");
    is_str(control_says(&p, "reload\n"), "ok 2\n");
    contains(get(p.port, "/v1/hello", NULL), "two");
    usleep(200000);
    handshake(p.tls_port, 0, "\2h2", protocol, name);
    is_str(name, "second.example");
    stop_cleanly(&p);
}

TEST(a_broken_release_is_refused_and_the_old_one_goes_on)
{
    struct process p = start("");
    put_file(&p, "lua/app.lua", "return {\n  routes = {\n    {method = 'GET' path = '/'}\n  }\n}\n");
    contains(control_says(&p, "reload\n"), "app.lua:3:");
    put_file(&p, "lua/app.lua", "return {routes = {{method = 'GET', path = '/x', handler = function() end}}}\n");
    contains(control_says(&p, "reload\n"), "needs either a permission or public");
    put_app(&p, "three");
    put_file(&p, "a.crt", "no certificate");
    contains(control_says(&p, "reload\n"), "a.crt");
    contains(get(p.port, "/v1/hello", NULL), "one");
    contains(control_says(&p, "what\n"), "error the commands are");
    stop_cleanly(&p);
}

TEST(sighup_reloads_and_opens_the_logs_again)
{
    struct process p = start("");
    contains(get(p.port, "/v1/hello?secret=1", NULL), "one");
    usleep(200000);
    rename(in_dir(&p, "access.log"), in_dir(&p, "access.log.1"));
    put_app(&p, "two");
    kill(p.pid, SIGHUP);
    for (int i = 0; i < 100 && strstr(get(p.port, "/v1/hello", NULL), "two") == NULL; i++)
        usleep(50000);
    contains(get(p.port, "/v1/nap", NULL), "slept");
    usleep(200000);
    char line[1024] = "";
    FILE *fp = fopen(in_dir(&p, "access.log.1"), "r");
    ok(fp != NULL && fgets(line, sizeof(line), fp) != NULL, "the old file has the first line");
    contains(line, "\"path\":\"/v1/hello\",\"status\":200");
    contains(line, "\"route\":\"/v1/hello\"");
    ok(strstr(line, "secret") == NULL, "without the query");
    if (fp != NULL)
        fclose(fp);
    struct stat st;
    ok(stat(in_dir(&p, "access.log"), &st) == 0 && st.st_size > 0, "the new file has lines");
    stop_cleanly(&p);
}

TEST(no_request_fails_while_releases_are_swapped)
{
    struct process p = start("");
    int fds[20], n_right = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 20; i++) {
            fds[i] = dial(p.port);
            say(fds[i], i % 2 == 0 ? "GET /v1/nap HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
                                   : "GET /v1/hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        }
        const char *answer = control_says(&p, "reload\n");
        ok(strncmp(answer, "ok ", 3) == 0 || strstr(answer, "drain") != NULL || strstr(answer, "generation") != NULL,
           "reload: %s", answer);
        for (int i = 0; i < 20; i++) {
            n_right += strstr(hear(fds[i], NULL), "200 OK") != NULL;
            close(fds[i]);
        }
    }
    is_int(n_right, 100);
    stop_cleanly(&p);
}

TEST(requests_in_work_finish_at_a_shutdown)
{
    struct process p = start("");
    int napping = dial(p.port), uploading = dial(p.port), idle = dial(p.port);
    say(napping, "GET /v1/nap HTTP/1.1\r\nhost: a\r\n\r\n");
    say(uploading, "POST /v1/len HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
    usleep(100000);
    kill(p.pid, SIGTERM);
    usleep(100000);
    is_int(dial(p.port), -1);
    const char *answer = hear(napping, NULL);
    contains(answer, "slept");
    contains(answer, "Connection: close");
    say(uploading, "67890");
    contains(hear(uploading, NULL), "\r\n\r\n10");
    is_str(hear(idle, NULL), "");
    int code = wait_for_end(&p);
    is_int(code, 0);
    is_int(access(in_dir(&p, "pid"), F_OK), -1);
    is_int(access(in_dir(&p, "control.sock"), F_OK), -1);
    is_int(access(in_dir(&p, "http.sock"), F_OK), -1);
    close(napping);
    close(uploading);
    close(idle);
    forget(&p);
}

TEST(a_second_signal_does_not_wait)
{
    struct process p = start("");
    int fd = dial(p.port);
    say(fd, "GET /v1/long HTTP/1.1\r\nhost: a\r\n\r\n");
    usleep(200000);
    uint64_t started_us = tg_clock_mono_us();
    kill(p.pid, SIGTERM);
    usleep(200000);
    kill(p.pid, SIGTERM);
    int code = wait_for_end(&p);
    is_int(code, 1);
    ok(tg_clock_mono_us() - started_us < 8000000, "soon");
    close(fd);
    forget(&p);
}

TEST(a_connection_that_does_nothing_is_closed)
{
    struct process p = start("tollgate.idle-timeout: 1\nhttp1-request-timeout: 60");
    int silent = dial(p.port), dripping = dial(p.port);
    uint64_t started_us = tg_clock_mono_us();
    say(dripping, "POST /v1/len HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n12345");
    is_str(hear(silent, NULL), "");
    is_str(hear(dripping, NULL), "");
    ok(tg_clock_mono_us() - started_us < 10000000, "within ten seconds");
    close(silent);
    close(dripping);
    stop_cleanly(&p);
}

TEST(one_address_has_so_many_connections)
{
    struct process p = start("tollgate.max-connections-per-address: 3");
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(p.port);
        say(fds[i], "GET /v1/hello HTTP/1.1\r\nhost: a\r\n\r\n");
        const char *answer = hear(fds[i], "one");
        ok((strstr(answer, "one") != NULL) == (i < 3), "connection %d", i);
    }
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    usleep(100000);
    contains(get(p.port, "/v1/hello", NULL), "one");
    stop_cleanly(&p);
}

TEST(more_connections_than_fit_wait_their_turn)
{
    struct process p = start("max-connections: 2");
    int a = dial(p.port), b = dial(p.port);
    say(a, "GET /v1/hello HTTP/1.1\r\nhost: a\r\n\r\n");
    say(b, "GET /v1/hello HTTP/1.1\r\nhost: a\r\n\r\n");
    contains(hear(a, "one"), "one");
    contains(hear(b, "one"), "one");
    int c = dial(p.port);
    say(c, "GET /v1/hello HTTP/1.1\r\nhost: a\r\n\r\n");
    usleep(200000);
    close(a);
    contains(hear(c, "one"), "one");
    close(b);
    close(c);
    stop_cleanly(&p);
}

TEST(the_last_client_leaves_in_the_middle_and_nothing_breaks)
{
    struct process p = start("");
    for (int i = 0; i < 20; i++) {
        int fd = dial(p.port);
        say(fd, "GET /v1/nap HTTP/1.1\r\nhost: a\r\n\r\n");
        if (i % 2 == 0)
            usleep(5000);
        close(fd);
    }
    contains(get(p.port, "/v1/hello", NULL), "one");
    stop_cleanly(&p);
}

TEST(a_release_that_is_broken_from_the_start_ends_the_server)
{
    struct process p = {.dir = "/tmp/tollgate-server-XXXXXX"};
    char conf[512], said[512] = "";
    if (mkdtemp(p.dir) == NULL)
        abort();
    mkdir(in_dir(&p, "lua"), 0700);
    put_file(&p, "lua/app.lua", "return {\n  oops\n");
    snprintf(
        conf, sizeof(conf),
        "listen: {host: 127.0.0.1, port: 0}\nerror-log: %s/error.log\ntollgate.lua-dir: %s/lua\nhosts:\n  default:\n"
        "    paths:\n      /:\n        tollgate.app: ON\n",
        p.dir, p.dir);
    put_file(&p, "h2o.conf", conf);
    fflush(stdout);
    p.pid = fork();
    if (p.pid == 0)
        exit(serve(&p));
    int code = wait_for_end(&p);
    is_int(code, 9);
    FILE *fp = fopen(in_dir(&p, "error.log"), "r");
    while (fp != NULL && fgets(said, sizeof(said), fp) != NULL && strstr(said, "app.lua:") == NULL)
        continue;
    contains(said, "app.lua:");
    if (fp != NULL)
        fclose(fp);
    forget(&p);
}

TAP_MAIN()

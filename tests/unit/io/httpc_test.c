/* httpc_test - the HTTP client against servers that answer, answer half, and do not answer. */
#include "../../../src/io/httpc.c"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "certificates.h"
#include "httpserver.h"

static struct tg_loop *loop;
static struct tg_work *work;
static struct httpserver server;

struct answer {
    int n;
    struct tg_http_response *res;
    struct tg_err err;
};

static void on_answer(struct tg_http_response *res, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    a->res = res;
    is_true((res == NULL) == (err != NULL));
    if (err != NULL)
        a->err = *err;
}

static void wait_for(const int *n)
{
    uint64_t give_up_us = tg_clock_mono_us() + 30 * 1000000ull;
    while (*n == 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_int(*n, 1);
}

static struct tg_httpc *fresh_client(const struct tg_httpc_settings *set)
{
    signal(SIGPIPE, SIG_IGN);
    loop = tg_loop_new();
    work = tg_work_new(1, 3); /* many requests to one host are one lookup */
    return tg_httpc_new(loop, work, set);
}

static struct tg_httpc *fresh_client_and_server(void)
{
    const struct tg_httpc_settings set = {.allow_private_addresses = true, .response_bytes_max = 1024 * 1024};
    is_true(httpserver_start(&server, NULL));
    return fresh_client(&set);
}

static void note_closed(void *arg)
{
    (*(int *)arg)++;
}

static void close_client(struct tg_httpc *c)
{
    int closed = 0;
    tg_httpc_close(&c, note_closed, &closed);
    is_null(c);
    is_int(closed, 0);
    wait_for(&closed);
    tg_work_free(&work);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

static void close_both(struct tg_httpc *c)
{
    close_client(c);
    httpserver_stop(&server);
}

static const char *url_of(const char *path)
{
    static char url[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server.port, path);
    return url;
}

static struct answer ask(struct tg_httpc *c, const struct tg_http_request *req)
{
    struct answer a = {0};
    tg_httpc_send(c, req, on_answer, &a);
    is_int(a.n, 0); /* never before the call has returned */
    wait_for(&a.n);
    return a;
}

static struct answer ask_path(struct tg_httpc *c, const char *method, const char *path, const char *body,
                              uint32_t timeout_ms)
{
    const struct tg_http_request req = {.method = method,
                                        .url = url_of(path),
                                        .body = body,
                                        .body_len = body == NULL ? 0 : strlen(body),
                                        .timeout_ms = timeout_ms};
    return ask(c, &req);
}

static void is_answer(struct answer *a, int status, const char *body)
{
    if (ok(a->res != NULL, "%s", a->err.text)) {
        is_int(a->res->status, status);
        is_str(a->res->body, body);
    }
    tg_http_response_free(&a->res);
}

TEST(methods_bodies_and_headers_go_out_and_answers_come_back)
{
    struct tg_httpc *c = fresh_client_and_server();
    static char large[200001];
    memset(large, 'x', sizeof(large) - 1);
    struct answer a = ask_path(c, "GET", "/", NULL, 5000);
    contains(a.res->headers, "x-test: One\r\n");
    is_int(strlen(a.res->headers), a.res->headers_len);
    is_answer(&a, 200, "hello");
    a = ask_path(c, "POST", "/echo", "some body", 5000);
    is_answer(&a, 200, "some body");
    a = ask_path(c, "PUT", "/echo", large, 5000);
    is_answer(&a, 200, large);
    a = ask_path(c, "PATCH", "/echo", "p", 5000);
    is_answer(&a, 200, "p");
    a = ask_path(c, "POST", "/echo", NULL, 5000);
    is_answer(&a, 200, "");
    a = ask_path(c, "HEAD", "/", NULL, 5000);
    is_answer(&a, 200, "");
    const char *const headers[] = {"X-Mine: a b", "Content-Type: application/json", NULL};
    const struct tg_http_request req = {.method = "DELETE",
                                        .url = url_of("/head"),
                                        .headers = headers,
                                        .timeout_ms = 5000};
    a = ask(c, &req);
    if (ok(a.res != NULL, "%s", a.err.text)) {
        contains(a.res->body, "DELETE /head HTTP/1.1\r\n");
        contains(a.res->body, "\r\nX-Mine: a b\r\n");
        contains(a.res->body, "\r\nContent-Type: application/json\r\n");
        contains(a.res->body, "\r\nUser-Agent: Tollgate/");
        is_null(strstr(a.res->body, "Expect"));
    }
    tg_http_response_free(&a.res);
    close_both(c);
}

TEST(connections_are_kept_and_used_again)
{
    struct tg_httpc *c = fresh_client_and_server();
    for (int i = 0; i < 5; i++) {
        struct answer a = ask_path(c, "POST", "/echo", "x", 5000);
        is_answer(&a, 200, "x");
    }
    is_int(server.n_connections, 1);
    close_both(c);
}

TEST(many_requests_share_a_few_connections_to_a_host)
{
    const struct tg_httpc_settings set = {.allow_private_addresses = true, .connections_per_host_max = 3};
    static struct answer answers[50];
    is_true(httpserver_start(&server, NULL));
    struct tg_httpc *c = fresh_client(&set);
    const struct tg_http_request req = {.method = "GET", .url = url_of("/"), .timeout_ms = 10000};
    for (int i = 0; i < 50; i++) {
        answers[i] = (struct answer){0};
        tg_httpc_send(c, &req, on_answer, &answers[i]);
    }
    for (int i = 0; i < 50; i++) {
        wait_for(&answers[i].n);
        is_answer(&answers[i], 200, "hello");
    }
    ok(server.n_connections <= 3, "%d connections", (int)server.n_connections);
    close_both(c);
}

TEST(a_status_of_400_or_more_is_an_answer_and_a_redirect_is_not_followed)
{
    struct tg_httpc *c = fresh_client_and_server();
    struct answer a = ask_path(c, "GET", "/503", NULL, 5000);
    is_answer(&a, 503, "busy");
    a = ask_path(c, "GET", "/redirect", NULL, 5000);
    contains(a.res->headers, "location: /echo\r\n");
    is_answer(&a, 302, "");
    a = ask_path(c, "GET", "/early", NULL, 5000);
    is_null(strstr(a.res->headers, "x-early"));
    contains(a.res->headers, "x-test: One");
    is_answer(&a, 200, "after");
    is_int(server.n_requests, 3);
    close_both(c);
}

TEST(sent_and_not_answered_is_uncertain)
{
    static const char *const paths[] = {"/half", "/close", "/silent", "/garbage", "/large"};
    struct tg_httpc *c = fresh_client_and_server();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        tap_case("%s", paths[i]);
        int before = server.n_requests;
        struct answer a = ask_path(c, "POST", paths[i], "charge", 500);
        is_int(a.err.code, TG_ERR_UNCERTAIN);
        is_int(server.n_requests - before, 1); /* and never sent twice */
        tg_http_response_free(&a.res);
    }
    close_both(c);
}

TEST(a_reused_connection_that_dies_does_not_repeat_what_must_not_happen_twice)
{
    struct tg_httpc *c = fresh_client_and_server();
    struct answer a = ask_path(c, "POST", "/second-dies", "charge", 5000);
    is_answer(&a, 200, "hello");
    a = ask_path(c, "POST", "/second-dies", "charge", 5000); /* the same connection: read, then closed */
    is_int(a.err.code, TG_ERR_UNCERTAIN);
    is_int(server.n_requests, 2);
    a = ask_path(c, "POST", "/second-dies", NULL, 5000);
    is_answer(&a, 200, "hello");
    a = ask_path(c, "POST", "/second-dies", NULL, 5000); /* without a body: on a connection of its own */
    is_answer(&a, 200, "hello");
    is_int(server.n_requests, 4);
    close_both(c);
}

TEST(a_refused_connection_is_upstream_and_is_tried_again_as_often_as_told)
{
    struct tg_httpc *c = fresh_client_and_server();
    httpserver_stop(&server);
    struct answer a = ask_path(c, "POST", "/", "charge", 5000);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_int(a.err.native, CURLE_COULDNT_CONNECT);
    const struct tg_http_request req = {.method = "POST", .url = url_of("/"), .timeout_ms = 5000, .retries_max = 3};
    uint64_t begin_us = tg_clock_mono_us();
    a = ask(c, &req);
    uint64_t took_ms = (tg_clock_mono_us() - begin_us) / 1000;
    is_int(a.err.code, TG_ERR_UPSTREAM);
    ok(took_ms >= 25 + 50 + 100 && took_ms < 2000, "three waits: %d ms", (int)took_ms);
    close_client(c);
}

TEST(what_is_idempotent_is_tried_again_after_a_lost_answer_and_the_rest_is_not)
{
    struct tg_httpc *c = fresh_client_and_server();
    struct tg_http_request req = {.method = "POST",
                                  .url = url_of("/fails-twice"),
                                  .body = "x",
                                  .body_len = 1,
                                  .timeout_ms = 5000,
                                  .retries_max = 5,
                                  .idempotent = true};
    struct answer a = ask(c, &req);
    is_answer(&a, 200, "hello");
    is_int(server.n_requests, 3);
    server.n_requests = 0;
    req.idempotent = false;
    a = ask(c, &req);
    is_int(a.err.code, TG_ERR_UNCERTAIN);
    is_int(server.n_requests, 1);
    close_both(c);
}

TEST(bad_requests_are_input)
{
    static const char *const urls[] = {"",          "nonsense",          "ftp://h/x",          "file:///etc/passwd",
                                       "http://",   "http://u:p@h/",     "gopher://h/",        "http://h:99999/",
                                       "http:// /", "http://h/\r\nX: y", "javascript:alert(1)"};
    struct tg_httpc *c = fresh_client_and_server();
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const struct tg_http_request req = {.method = "GET", .url = urls[i], .timeout_ms = 1000};
        tap_case("'%s'", urls[i]);
        struct answer a = ask(c, &req);
        is_int(a.err.code, TG_ERR_INPUT);
        tg_http_response_free(&a.res);
    }
    const char *const smuggled[] = {"X: y\r\nEvil: 1", NULL}, *const nameless[] = {"no colon", NULL};
    struct tg_http_request req = {.method = "GET", .url = url_of("/"), .headers = smuggled, .timeout_ms = 1000};
    is_int(ask(c, &req).err.code, TG_ERR_INPUT);
    req.headers = nameless;
    is_int(ask(c, &req).err.code, TG_ERR_INPUT);
    req.headers = NULL;
    req.method = "GET / HTTP/1.1\r\n";
    is_int(ask(c, &req).err.code, TG_ERR_INPUT);
    is_int(server.n_requests, 0);
    close_both(c);
}

TEST(private_addresses_are_denied_in_whatever_spelling)
{
    static const char *const hosts[] = {
        "127.0.0.1", "localhost",         "2130706433",      "0x7f.1",     "127.1",     "[::1]",
        "10.1.2.3",  "192.168.0.1",       "169.254.169.254", "172.16.9.9", "0.0.0.0",   "[fe80::1]",
        "[fd00::1]", "[::ffff:10.0.0.1]", "100.64.0.1",      "[::]",       "224.0.0.1", "255.255.255.255"};
    const struct tg_httpc_settings set = {0};
    is_true(httpserver_start(&server, NULL));
    struct tg_httpc *c = fresh_client(&set);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char url[100];
        snprintf(url, sizeof(url), "http://%s:%d/", hosts[i], server.port);
        const struct tg_http_request req = {.method = "GET", .url = url, .timeout_ms = 2000};
        tap_case("%s", url);
        struct answer a = ask(c, &req);
        is_int(a.err.code, TG_ERR_DENIED);
        tg_http_response_free(&a.res);
    }
    is_int(server.n_connections, 0);
    close_both(c);
}

TEST(public_addresses_are_not_taken_for_private_ones)
{
    static const char *const hosts[] = {"1.1.1.1",     "9.255.255.255",   "11.0.0.0",     "172.15.255.255",
                                        "172.32.0.0",  "100.63.0.1",      "100.128.0.0",  "192.0.1.1",
                                        "169.253.0.1", "223.255.255.255", "2606:4700::1", "2a00:1450::1",
                                        "3fff:ffff::"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct sockaddr_storage address;
        tap_case("%s", hosts[i]);
        is_true(tg_address_parse(hosts[i], 80, &address));
        is_false(tg_address_is_private(&address));
    }
}

TEST(too_many_at_once_are_busy_and_an_unknown_name_is_upstream)
{
    const struct tg_httpc_settings set = {.allow_private_addresses = true, .pending_max = 2};
    is_true(httpserver_start(&server, NULL));
    struct tg_httpc *c = fresh_client(&set);
    struct answer answers[3] = {0};
    const struct tg_http_request req = {.method = "GET", .url = url_of("/"), .timeout_ms = 5000};
    for (int i = 0; i < 3; i++)
        tg_httpc_send(c, &req, on_answer, &answers[i]);
    for (int i = 0; i < 3; i++) {
        wait_for(&answers[i].n);
        is_int(answers[i].err.code, i < 2 ? TG_ERR_NONE : TG_ERR_BUSY);
        tg_http_response_free(&answers[i].res);
    }
    const struct tg_http_request unknown = {.method = "GET",
                                            .url = "http://no-such-host.invalid/",
                                            .timeout_ms = 15000};
    is_int(ask(c, &unknown).err.code, TG_ERR_UPSTREAM);
    close_both(c);
}

TEST(closing_answers_what_runs_what_waits_and_what_resolves)
{
    struct tg_httpc *c = fresh_client_and_server();
    struct answer silent = {0}, resolving = {0};
    const struct tg_http_request req = {.method = "POST", .url = url_of("/silent"), .timeout_ms = 20000};
    tg_httpc_send(c, &req, on_answer, &silent);
    uint64_t give_up_us = tg_clock_mono_us() + 5 * 1000000ull;
    while (server.n_requests == 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 10);
    char url[60];
    snprintf(url, sizeof(url), "http://localhost:%d/", server.port);
    const struct tg_http_request other = {.method = "GET", .url = url, .timeout_ms = 20000};
    tg_httpc_send(c, &other, on_answer, &resolving);
    close_both(c);
    is_int(silent.n, 1);
    is_int(silent.err.code, TG_ERR_UNCERTAIN);
    is_int(resolving.n, 1);
    is_int(resolving.err.code, TG_ERR_UPSTREAM);
}

/* --- TLS and HTTP/2: with a CA made for the run ---------------------------------------------------------------------------- */

TEST(tls_is_verified_against_the_ca_and_the_name)
{
    if (!ok(make_certificates(), "openssl"))
        return;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    is_int(SSL_CTX_use_certificate_file(ctx, tls_file("s.pem"), SSL_FILETYPE_PEM), 1);
    is_int(SSL_CTX_use_PrivateKey_file(ctx, tls_file("s.key"), SSL_FILETYPE_PEM), 1);
    struct tg_httpc_settings set = {.allow_private_addresses = true, .ca_file = tls_file("ca.pem")};
    is_true(httpserver_start(&server, ctx));
    struct tg_httpc *c = fresh_client(&set);
    char url[60];
    snprintf(url, sizeof(url), "https://localhost:%d/echo", server.port);
    struct tg_http_request req = {
        .method = "POST", .url = url, .body = "secret", .body_len = 6, .timeout_ms = 5000, .retries_max = 3};
    struct answer a = ask(c, &req);
    is_answer(&a, 200, "secret");
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/echo", server.port); /* not the certificate's name */
    int connections = server.n_connections;
    a = ask(c, &req);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_int(a.err.native, CURLE_PEER_FAILED_VERIFICATION);
    is_int(server.n_connections - connections, 1); /* trying again would be no use */
    close_client(c);
    set.ca_file = NULL; /* the system's know nothing of our CA */
    c = fresh_client(&set);
    snprintf(url, sizeof(url), "https://localhost:%d/echo", server.port);
    a = ask(c, &req);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_int(server.n_requests, 1);
    close_both(c);
}

static int free_port(void)
{
    struct httpserver probe;
    if (!httpserver_start(&probe, NULL))
        return 0;
    httpserver_stop(&probe);
    return probe.port;
}

TEST(http_2_is_spoken_where_it_is_offered_and_requests_share_one_connection)
{
    if (system("command -v nghttpd >/dev/null 2>&1") != 0)
        TAP_SKIP("nghttpd is not installed (package nghttp2-server)");
    if (!ok(make_certificates(), "openssl"))
        return;
    char port[8], url[60];
    snprintf(port, sizeof(port), "%d", free_port());
    FILE *file = fopen(tls_file("hello"), "w");
    fputs("hello over 2", file);
    fclose(file);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execlp("nghttpd", "nghttpd", "-a", "127.0.0.1", "-d", tls_dir, port, tls_file("s.key"), tls_file("s.pem"),
               NULL);
        _exit(127);
    }
    const struct tg_httpc_settings set = {.allow_private_addresses = true, .ca_file = tls_file("ca.pem")};
    struct tg_httpc *c = fresh_client(&set);
    snprintf(url, sizeof(url), "https://localhost:%s/hello", port);
    struct tg_http_request req = {.method = "GET", .url = url, .timeout_ms = 10000, .retries_max = 10};
    struct answer a = ask(c, &req);
    if (ok(a.res != NULL, "%s", a.err.text))
        contains(a.res->headers, "server: nghttpd");
    is_answer(&a, 200, "hello over 2");
    static struct answer answers[40];
    for (int i = 0; i < 40; i++) {
        answers[i] = (struct answer){0};
        tg_httpc_send(c, &req, on_answer, &answers[i]);
    }
    for (int i = 0; i < 40; i++) {
        wait_for(&answers[i].n);
        is_answer(&answers[i], 200, "hello over 2");
    }
    req.method = "POST";
    req.body = "x";
    req.body_len = 1;
    a = ask(c, &req);
    ok(a.res != NULL, "POST: %s", a.err.text);
    tg_http_response_free(&a.res);
    close_client(c);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
}

TAP_MAIN()

/* conf_test - h2o.conf, read and checked; each directive of ours stands in the shipped file. */
#include "../../../src/web/conf.c"

#include <ctype.h>
#include <sys/stat.h>

#include "certificate.h"
#include "tap.h"

static char dir[] = "/tmp/tollgate-conf-XXXXXX";

static const char *in_dir(const char *name)
{
    static char paths[4][128];
    static int turn;
    if (strstr(dir, "XXXXXX") != NULL && mkdtemp(dir) == NULL)
        abort();
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static const char *file(const char *name, const char *text)
{
    const char *path = in_dir(name);
    FILE *fp = fopen(path, "w");
    if (fp == NULL || fputs(text, fp) < 0 || fclose(fp) != 0)
        abort();
    return path;
}

#define HOSTS "hosts:\n  default:\n    paths:\n      /:\n        tollgate.app: ON\n"

static struct tg_conf *load(const char *text)
{
    struct tg_conf *conf = NULL;
    struct tg_err err;
    if (!ok(tg_conf_load(file("h2o.conf", text), &conf, &err) == 0, "it loads"))
        tap_note("%s", err.text);
    return conf;
}

static void refuses(const char *text, const char *place, const char *part)
{
    struct tg_conf *conf = NULL;
    struct tg_err err = {.text = ""};
    char wanted[64];
    tap_case("%.100s", text);
    is_int(tg_conf_load(file("h2o.conf", text), &conf, &err), -1);
    snprintf(wanted, sizeof(wanted), "h2o.conf:%s: ", place);
    contains(err.text, wanted);
    contains(err.text, part);
    tap_case("%s", "");
}

TEST(values_reach_their_places)
{
    unsetenv("TOLLGATE_DATABASE_URL");
    struct tg_conf *conf =
        load("listen: 0\nnum-threads: 3\nmax-connections: 77\ntollgate.request-timeout: 7\n"
             "tollgate.rate-per-key: 10\ntollgate.lua-dir: x/y\ntollgate.allow-private-addresses: ON\n"
             "tollgate.metrics: ALL\ntollgate.database: mysql://a@b/c\n"
             "tollgate.cors-origins: [\"https://a\", \"*\"]\n" HOSTS);
    is_uint(conf->num_threads, 3);
    is_uint(conf->max_connections, 77);
    is_uint(conf->request_timeout_ms, 7000);
    is_uint(conf->rate_per_key, 10);
    is_uint(conf->burst_per_key, 20);
    is_str(conf->lua_dir, "x/y");
    is_str(conf->migrations_dir, "migrations");
    is_true(conf->allow_private_addresses);
    is_int(conf->metrics_audience, TG_AUDIENCE_ALL);
    is_str(conf->database_url, "mysql://a@b/c");
    is_uint(conf->n_cors_origins, 2);
    is_true(conf->has_app);
    ok(conf->n_listeners >= 1, "it listens");
    is_ptr(conf->listeners[0]->hosts, conf->global.hosts);
    tg_conf_free(&conf);
    is_null(conf);
}

TEST(the_environment_wins_over_the_file)
{
    setenv("TOLLGATE_DATABASE_URL", "mysql://x:secret@y/z", 1);
    struct tg_conf *conf = load("listen: 0\ntollgate.database: mysql://a@b/c\n" HOSTS);
    is_str(conf->database_url, "mysql://x:secret@y/z");
    tg_conf_free(&conf);
    unsetenv("TOLLGATE_DATABASE_URL");
}

TEST(a_secret_stands_in_a_file_of_its_own)
{
    char text[256];
    const char *secret = file("url", "mysql://x:secret@y/z\n");
    chmod(secret, 0600);
    snprintf(text, sizeof(text), "listen: 0\ntollgate.database: {file: %s}\n" HOSTS, secret);
    struct tg_conf *conf = load(text);
    is_str(conf->database_url, "mysql://x:secret@y/z");
    tg_conf_free(&conf);
    chmod(in_dir("url"), 0644);
    refuses(text, "2:27", "can be read by others");
    refuses("listen: 0\ntollgate.database: mysql://x:secret@y/z\n" HOSTS, "2:20", "belongs into a file");
    refuses("listen: 0\ntollgate.redis: {file: /nowhere/x}\n" HOSTS, "2:24", "cannot be read");
    refuses("listen: 0\ntollgate.redis: [1]\n" HOSTS, "2:17", "must be a URL");
}

TEST(what_is_wrong_is_told_with_line_and_column)
{
    refuses("listen: 0\nnum-thread: 2\n" HOSTS, "2:1", "unknown command: num-thread");
    refuses("listen: 0\nnum-threads: 0\n" HOSTS, "2:14", "between 1 and 256");
    refuses("listen: 0\nnum-threads: 2x\n" HOSTS, "2:14", "num-threads: must be a whole number");
    refuses("listen: 0\nnum-threads: -1\n" HOSTS, "2:14", "whole number");
    refuses("listen: 0\nnum-threads: [1]\n" HOSTS, "2:14", "cannot be a sequence");
    refuses("listen: 0\ntollgate.metrics: SOME\n" HOSTS, "2:19", "NOBODY,LOOPBACK,ALL");
    refuses("listen: 0\ntollgate.lua-dir: \"\"\n" HOSTS, "2:19", "must not be empty");
    refuses("listen: 0\nuser: nobody-of-this-name\n" HOSTS, "2:7", "does not exist");
    refuses("listen: 0\ntollgate.cors-origins: [a.example]\n" HOSTS, "2:25", "scheme://host");
    refuses("listen: 0\ntollgate.log-level: loud\n" HOSTS, "2:21", "debug,info,warn,error");
    refuses(HOSTS, "1:1", "`listen` is missing");
    refuses("listen: 0\n", "1:1", "`hosts` is missing");
    refuses("listen: 0\nhosts:\n  default:\n    paths:\n      /:\n        tollgate.app: MAYBE\n", "6:23", "OFF,ON");
    refuses("listen: 0\nhosts:\n  default:\n    paths:\n      /:\n        num-threads: 2\n", "6:9",
            "cannot be used at this level");
    refuses("listen: 0\nhosts:\n  default:\n    x: y\n", "4:5", "unknown command");
    refuses("listen: {host: 127.0.0.1}\n" HOSTS, "1:9", "`port` is missing");
    refuses("listen: {port: 1, colour: red}\n" HOSTS, "1:19", "unknown property of listen");
    refuses("listen: {port: 1, http2: maybe}\n" HOSTS, "1:26", "OFF,ON");
    refuses("listen: {port: x, host: 127.0.0.1}\n" HOSTS, "1:9", "not x");
    refuses("listen: {port: 1, permission: 9, type: unix}\n" HOSTS, "1:31", "octal");
    refuses("listen: {port: 1, ssl: {certificate-file: a}}\n" HOSTS, "1:24", "are both needed");
    refuses("listen: {port: 1, ssl: {certificate-file: /nowhere/a, key-file: b}}\n" HOSTS, "1:24", "/nowhere/a");
    refuses("listen: {port: 1, ssl: {certificate-file: a, key-file: b, min-version: TLSv1}}\n" HOSTS, "1:72",
            "TLSv1.2 and TLSv1.3");
    refuses("listen: [1, {port: 1, proxy-protocol: ON}]\n" HOSTS, "1:13", "defined already");
}

TEST(what_could_be_turned_against_us_is_not_known)
{
    refuses("listen: 0\nhosts:\n  default:\n    paths:\n      /:\n        proxy.reverse.url: http://127.0.0.1/\n",
            "6:9", "unknown command");
    refuses("listen: 0\nhosts:\n  default:\n    paths:\n      /:\n        fastcgi.connect: 1\n", "6:9",
            "unknown command");
    refuses("listen: 0\nreproxy: ON\n" HOSTS, "2:1", "unknown command");
    refuses("listen: 0\nhosts:\n  default:\n    paths:\n      /:\n        mruby.handler: x\n", "6:9",
            "unknown command");
}

TEST(the_librarys_directives_work)
{
    char text[512];
    snprintf(
        text, sizeof(text),
        "listen: 0\nlimit-request-body: 5\ncompress: [gzip]\naccess-log: /dev/null\nhosts:\n  default:\n    paths:\n"
        "      /files:\n        file.dir: %s\n        expires: 1 day\n      /old: {redirect: /new}\n"
        "      /:\n        - tollgate.app: ON\n        - header.add: \"a: b\"\n        - header.add: \"c: d\"\n",
        dir);
    struct tg_conf *conf = load(text);
    is_uint(conf->global.max_request_entity_size, 5);
    is_uint(conf->global.hosts[0]->paths.size, 3);
    tg_conf_free(&conf);
}

TEST(certificates_are_checked_when_the_file_is_read)
{
    char text[512];
    certificate_make(in_dir("a.crt"), in_dir("a.key"), "a.example");
    certificate_make(in_dir("b.crt"), in_dir("b.key"), "b.example");
    snprintf(text, sizeof(text),
             "listen: {port: 0, host: 127.0.0.1, ssl: {certificate-file: %s, key-file: %s}}\n" HOSTS, in_dir("a.crt"),
             in_dir("a.key"));
    struct tg_conf *conf = load(text);
    is_uint(conf->listeners[0]->n_certificates, 1);
    ok(conf->listeners[0]->tls != NULL, "a context");
    tg_conf_free(&conf);
    snprintf(text, sizeof(text),
             "listen: {port: 0, host: 127.0.0.1, ssl: {certificate-file: %s, key-file: %s}}\n" HOSTS, in_dir("a.crt"),
             in_dir("b.key"));
    refuses(text, "1:41", "b.key");
    chmod(in_dir("a.key"), 0644);
    snprintf(text, sizeof(text),
             "listen: {port: 0, host: 127.0.0.1, ssl: {certificate-file: %s, key-file: %s}}\n" HOSTS, in_dir("a.crt"),
             in_dir("a.key"));
    refuses(text, "1:41", "can be read by everybody");
}

/* --- The shipped file ----------------------------------------------------------------------------------------------- */

static char *shipped(void)
{
    size_t n;
    FILE *fp = fopen("h2o.conf", "r");
    static char text[65536];
    if (fp == NULL)
        return NULL;
    n = fread(text, 1, sizeof(text) - 1, fp);
    text[n] = '\0';
    fclose(fp);
    return text;
}

/* `name:` at the beginning of a line, behind spaces, '#' and '-'. */
static bool has_line(const char *text, const char *name)
{
    for (const char *p = text; p != NULL; p = strchr(p, '\n')) {
        p += strspn(p, "\n #-");
        if (strncmp(p, name, strlen(name)) == 0 && p[strlen(name)] == ':')
            return true;
    }
    return false;
}

TEST(every_directive_of_ours_stands_in_the_shipped_file)
{
    const char *text = shipped();
    size_t n;
    const struct tg_directive *all = tg_directives(&n);
    if (text == NULL)
        TAP_SKIP("run it at the top of the repository");
    for (size_t i = 0; i < n; i++) {
        ok(has_line(text, all[i].name), "h2o.conf has a line for %s", all[i].name);
        ok(all[i].doc[0] != '\0' && all[i].doc[strlen(all[i].doc) - 1] == '.', "%s has a sentence", all[i].name);
    }
}

TEST(the_shipped_file_names_no_directive_that_we_do_not_have)
{
    const char *text = shipped();
    size_t n;
    const struct tg_directive *all = tg_directives(&n);
    if (text == NULL)
        TAP_SKIP("run it at the top of the repository");
    for (const char *p = strstr(text, "tollgate."); p != NULL; p = strstr(p + 1, "tollgate.")) {
        size_t len = 9, i = 0;
        while (islower((unsigned char)p[len]) || p[len] == '-')
            len++;
        if (p[len] != ':' || (p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '/')))
            continue; /* prose, or a part of something else */
        while (i < n && (strlen(all[i].name) != len || memcmp(all[i].name, p, len) != 0))
            i++;
        ok(i < n, "%.*s is a directive", (int)len, p);
    }
}

TEST(the_shipped_file_loads)
{
    struct tg_conf *conf = NULL;
    struct tg_err err;
    if (shipped() == NULL)
        TAP_SKIP("run it at the top of the repository");
    certificate_make(in_dir("s.crt"), in_dir("s.key"), "localhost");
    setenv("TOLLGATE_CERTIFICATE", in_dir("s.crt"), 1);
    setenv("TOLLGATE_KEY", in_dir("s.key"), 1);
    if (!ok(tg_conf_load("h2o.conf", &conf, &err) == 0, "it loads"))
        tap_note("%s", err.text);
    else
        is_uint(conf->n_listeners, 2);
    tg_conf_free(&conf);
}

TAP_MAIN()

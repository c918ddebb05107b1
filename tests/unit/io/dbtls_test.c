/* dbtls_test - tls=verify against a MariaDB that listens on TCP with a certificate of our own CA. */
#include "../../../src/io/dbsession.c"
#include "tap.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "certificates.h"
#include "io/sqlconn.h"
#include "services.h"

static int port;

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        exit(1);
    close(fd);
    return ntohs(address.sin_port);
}

static bool run_sql(const char *sql)
{
    struct tg_err err = {0};
    struct tg_dburl url;
    if (tg_dburl_parse(services.database_url, &url, &err) != 0)
        return false;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int status = tg_sqlconn_query(conn, sql, NULL, 0, NULL, &err);
    if (status != 0)
        tap_note("%s", err.text);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
    return status == 0;
}

/* The private server again, now with TLS on a TCP port. */
static bool start_with_tls(void)
{
    char command[1024];
    if (port != 0)
        return true;
    if (!services_start() || !make_certificates())
        return false;
    /* The owner may create nobody, so the grant tables are left out: this server only has to encrypt. */
    services_kill_db();
    port = free_port();
    snprintf(
        command, sizeof(command),
        "setsid mariadbd --defaults-file='%s/my.cnf' --skip-networking=0 --bind-address=127.0.0.1 --port=%d "
        "--ssl-cert='%s' --ssl-key='%s' --skip-grant-tables $(test $(id -u) != 0 || stat -c --user=%%U '%s/mysql') "
        ">'%s/tls.out' 2>&1 </dev/null &",
        services.dir, port, tls_file("s.pem"), tls_file("s.key"), services.dir, services.dir);
    if (system(command) != 0)
        return false;
    for (int i = 0; i < 200; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool answers = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (answers)
            return run_sql("DO 0");
        services_sleep_ms(50);
    }
    return false;
}

static struct tg_dburl url_of(const char *host, const char *options)
{
    char text[200];
    struct tg_dburl url = {0};
    struct tg_err err = {0};
    snprintf(text, sizeof(text), "mysql://u:p@%s:%d/mysql%s", host, port, options);
    ok(tg_dburl_parse(text, &url, &err) == 0, "%s", err.text);
    return url;
}

static void ask_blocking(const char *host, const char *options, struct tg_err *err_r, char version_r[32])
{
    struct tg_dburl url = url_of(host, options);
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    struct tg_dbresult *res = NULL;
    *err_r = (struct tg_err){0};
    if (tg_sqlconn_query(conn, "SHOW STATUS LIKE 'Ssl_version'", NULL, 0, &res, err_r) == 0)
        snprintf(version_r, 32, "%s", tg_dbresult_cell(res, 0, 1)->bytes);
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
}

TEST(a_certificate_of_an_unknown_ca_or_another_name_is_refused)
{
    struct tg_err err;
    char version[32] = "none";
    if (!ok(start_with_tls(), "MariaDB with TLS"))
        return;
    ask_blocking("localhost", "?tls=verify", &err, version);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_str(version, "none");
    setenv("SSL_CERT_FILE", tls_file("ca.pem"), 1);
    ask_blocking("127.0.0.1", "?tls=verify", &err, version);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_str(version, "none");
    ask_blocking("localhost", "?tls=verify", &err, version);
    is_str(err.text, "");
    contains(version, "TLSv1.");
    ask_blocking("127.0.0.1", "", &err, version);
    is_str(err.text, "");
    is_str(version, ""); /* in clear, as the url says */
}

struct answer {
    int n;
    char version[32];
    struct tg_err err;
};

static void on_answer(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    if (err != NULL)
        a->err = *err;
    else
        snprintf(a->version, sizeof(a->version), "%s", tg_dbresult_cell(res, 0, 1)->bytes);
    tg_dbresult_free(&res);
}

static void note_closed(void *arg)
{
    *(bool *)arg = true;
}

static struct answer ask_pool(const char *host)
{
    const struct tg_dbpool_settings set = {.connections_max = 2, .queue_len_max = 5, .connect_timeout_ms = 5000};
    struct tg_loop *loop = tg_loop_new();
    struct tg_dburl url = url_of(host, "?tls=verify");
    struct tg_dbpool *pool = tg_dbpool_new(loop, &url, &set);
    struct answer a = {0};
    bool closed = false;
    tg_db_query(pool, "SHOW STATUS LIKE 'Ssl_version'", NULL, 0, tg_loop_now_ms(loop) + 10000, on_answer, &a);
    while (a.n == 0)
        tg_loop_run_once(loop, 100);
    for (int i = 0; i < 10; i++) /* an idle connection stays: nothing of TLS wakes it */
        tg_loop_run_once(loop, 10);
    is_uint(tg_dbpool_stats_get(pool).connected, a.err.code == TG_ERR_NONE);
    tg_dbpool_close(&pool, note_closed, &closed);
    while (!closed)
        tg_loop_run_once(loop, 100);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
    tg_dburl_deinit(&url);
    return a;
}

TEST(the_pool_does_the_same_without_blocking)
{
    if (!ok(start_with_tls(), "MariaDB with TLS"))
        return;
    setenv("SSL_CERT_FILE", tls_file("ca.pem"), 1);
    struct answer a = ask_pool("localhost");
    is_str(a.err.text, "");
    contains(a.version, "TLSv1.");
    a = ask_pool("127.0.0.1");
    is_int(a.err.code, TG_ERR_UPSTREAM);
}

TEST(what_reads_and_what_writes)
{
    static const struct {
        const char *sql;
        bool is_read;
    } cases[] = {
        {"SELECT 1", true},
        {"  select 1", true},
        {"(SELECT 1) UNION (SELECT 2)", true},
        {"/* a */ /* b */SELECT 1", true},
        {"WITH x AS (SELECT 1) SELECT * FROM x", true},
        {"SHOW STATUS", true},
        {"SET max_statement_time=1", true},
        {"SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)", false},
        {"INSERT INTO t SELECT 1", false},
        {"SELECTED", false},
        {"select_into()", false},
        {"UPDATE t SET a = 1", false},
        {"", false},
        {"/* unfinished", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_case("%s", cases[i].sql);
        is_int(tg_dbsession_is_read(cases[i].sql), cases[i].is_read);
    }
}

TEST(snapshot_isolation_is_asked_for_only_where_it_exists)
{
    static const struct {
        unsigned long version;
        bool has;
    } cases[] = {{100521, false}, {100617, false}, {100618, true},  {100799, false}, {101107, false}, {101108, true},
                 {110005, false}, {110006, true},  {110300, false}, {110402, true},  {120000, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_case("%lu", cases[i].version);
        is_int(has_snapshot_isolation(cases[i].version), cases[i].has);
    }
}

TAP_MAIN()

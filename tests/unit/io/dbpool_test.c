/* dbpool_test - the pool without blocking, against a real MariaDB that is also killed, stopped and restarted. */
#include "../../../src/io/dbpool.c"
#include "../../../src/io/dbtx.c"
#include "tap.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "base/fault.h"
#include "io/sqlconn.h"
#include "services.h"

static struct tg_loop *loop;

struct answer {
    int n; /* callbacks */
    struct tg_dbresult *res;
    struct tg_dbtx *tx;
    struct tg_err err;
};

static void on_answer(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    a->res = res;
    is_true((res == NULL) || err == NULL);
    if (err != NULL)
        a->err = *err;
}

static void on_tx(struct tg_dbtx *tx, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    a->tx = tx;
    is_true((tx == NULL) == (err != NULL));
    if (err != NULL)
        a->err = *err;
}

static void wait_for_answer(const struct answer *a)
{
    uint64_t give_up_us = tg_clock_mono_us() + 30 * 1000000ull;
    while (a->n == 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_int(a->n, 1);
}

static void run_for_ms(uint64_t ms)
{
    uint64_t end_us = tg_clock_mono_us() + ms * 1000;
    while (tg_clock_mono_us() < end_us)
        tg_loop_run_once(loop, 5);
}

static struct tg_dbpool *fresh_pool(unsigned connections_max, size_t queue_len_max)
{
    struct tg_dburl url = services_dburl();
    const struct tg_dbpool_settings set = {.connections_max = connections_max,
                                           .queue_len_max = queue_len_max,
                                           .connect_timeout_ms = 3000};
    loop = tg_loop_new();
    struct tg_dbpool *pool = tg_dbpool_new(loop, &url, &set);
    tg_dburl_deinit(&url);
    return pool;
}

static void on_closed_note(void *arg)
{
    *(bool *)arg = true;
}

static void close_pool(struct tg_dbpool *pool)
{
    bool closed = false;
    tg_dbpool_close(&pool, on_closed_note, &closed);
    is_null(pool);
    is_false(closed);
    uint64_t give_up_us = tg_clock_mono_us() + 20 * 1000000ull;
    while (!closed && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_true(closed);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

static uint64_t in_ms(uint64_t ms)
{
    return tg_loop_now_ms(loop) + ms;
}

static struct answer query(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n)
{
    struct answer a = {0};
    tg_db_query(pool, sql, values, n, in_ms(20000), on_answer, &a);
    is_int(a.n, 0); /* never before the call has returned */
    wait_for_answer(&a);
    return a;
}

static bool run_ok(struct tg_dbpool *pool, const char *sql)
{
    struct answer a = query(pool, sql, NULL, 0);
    bool fine = ok(a.res != NULL, "%.60s: %s", sql, a.err.text);
    tg_dbresult_free(&a.res);
    return fine;
}

static int64_t query_int(struct tg_dbpool *pool, const char *sql)
{
    struct answer a = query(pool, sql, NULL, 0);
    int64_t num = INT64_MIN;
    if (ok(a.res != NULL && tg_dbresult_n_rows(a.res) == 1, "%s: %s", sql, a.err.text))
        num = tg_dbresult_cell(a.res, 0, 0)->num;
    tg_dbresult_free(&a.res);
    return num;
}

static struct tg_dbtx *begin(struct tg_dbpool *pool, uint64_t deadline_ms)
{
    struct answer a = {0};
    tg_db_tx_begin(pool, deadline_ms, on_tx, &a);
    is_int(a.n, 0);
    wait_for_answer(&a);
    ok(a.tx != NULL, "begin: %s", a.err.text);
    return a.tx;
}

static struct answer tx_query(struct tg_dbtx *tx, const char *sql)
{
    struct answer a = {0};
    tg_db_tx_query(tx, sql, NULL, 0, on_answer, &a);
    is_int(a.n, 0);
    wait_for_answer(&a);
    return a;
}

static bool tx_ok(struct tg_dbtx *tx, const char *sql)
{
    struct answer a = tx_query(tx, sql);
    bool fine = ok(a.res != NULL, "%s: %s", sql, a.err.text);
    tg_dbresult_free(&a.res);
    return fine;
}

static struct answer commit(struct tg_dbtx *tx)
{
    struct answer a = {0};
    tg_db_tx_commit(tx, on_answer, &a);
    is_int(a.n, 0);
    wait_for_answer(&a);
    return a;
}

TEST(values_of_every_type_go_through_and_are_copied_at_the_call)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    char text[20] = "text";
    struct tg_dbval values[] = {TG_DBVAL_INT(-5),
                                TG_DBVAL_STR(text),
                                TG_DBVAL_TIME(1784019723123456),
                                TG_DBVAL_NULL,
                                TG_DBVAL_DEC(tg_decimal_from_int(3)),
                                TG_DBVAL_BYTES("", 0)};
    run_ok(pool,
           "CREATE OR REPLACE TABLE t (i INT, x VARCHAR(20), t DATETIME(6), n INT, d DECIMAL(38,12), e VARCHAR(5))");
    struct answer a = {0};
    tg_db_query(pool, "INSERT INTO t VALUES (?,?,?,?,?,?)", values, 6, in_ms(5000), on_answer, &a);
    memcpy(text, "gone", 5); /* the caller's memory is the caller's again */
    values[0].num = 99;
    wait_for_answer(&a);
    ok(a.res != NULL, "%s", a.err.text);
    is_uint(tg_dbresult_affected(a.res), 1);
    tg_dbresult_free(&a.res);
    for (int pass = 0; pass < 3; pass++) {
        a = query(pool, "SELECT i, x AS `name:co`, t, n, d, e FROM t", NULL, 0);
        if (!ok(a.res != NULL && tg_dbresult_n_rows(a.res) == 1, "%s", a.err.text))
            return;
        is_int(tg_dbresult_cell(a.res, 0, 0)->num, -5);
        is_str(tg_dbresult_column(a.res, 1, NULL), "name:co");
        is_str(tg_dbresult_cell(a.res, 0, 1)->bytes, "text");
        is_int(tg_dbresult_cell(a.res, 0, 2)->num, 1784019723123456);
        is_int(tg_dbresult_cell(a.res, 0, 3)->type, TG_DB_NULL);
        is_int(tg_decimal_cmp(tg_dbresult_cell(a.res, 0, 4)->dec, tg_decimal_from_int(3)), 0);
        is_int(tg_dbresult_cell(a.res, 0, 5)->type, TG_DB_BYTES);
        is_int(tg_dbresult_cell(a.res, 0, 5)->len, 0);
        tg_dbresult_free(&a.res);
    }
    is_uint(tg_dbpool_stats_get(pool).connected, 1); /* one was enough */
    close_pool(pool);
}

TEST(a_hundred_statements_share_three_connections)
{
    struct tg_dbpool *pool = fresh_pool(3, 200);
    struct answer answers[100] = {0};
    for (int i = 0; i < 100; i++) {
        const struct tg_dbval value = TG_DBVAL_INT(i);
        tg_db_query(pool, "SELECT ? + 0 FROM (SELECT SLEEP(0.001)) s", &value, 1, in_ms(20000), on_answer, &answers[i]);
    }
    for (int i = 0; i < 100; i++) {
        wait_for_answer(&answers[i]);
        if (ok(answers[i].res != NULL, "%s", answers[i].err.text))
            is_int(tg_dbresult_cell(answers[i].res, 0, 0)->num, i);
        tg_dbresult_free(&answers[i].res);
    }
    is_uint(tg_dbpool_stats_get(pool).connected, 3);
    is_uint(tg_dbpool_stats_get(pool).queries, 100);
    close_pool(pool);
}

TEST(a_full_queue_is_busy)
{
    struct tg_dbpool *pool = fresh_pool(1, 2);
    struct answer answers[5] = {0};
    for (int i = 0; i < 5; i++)
        tg_db_query(pool, "SELECT 1", NULL, 0, in_ms(20000), on_answer, &answers[i]);
    for (int i = 0; i < 5; i++) {
        wait_for_answer(&answers[i]);
        tap_case("%d", i);
        is_int(answers[i].err.code, i < 2 ? TG_ERR_NONE : TG_ERR_BUSY);
        tg_dbresult_free(&answers[i].res);
    }
    close_pool(pool);
}

TEST(errors_have_their_codes_and_leave_the_connection_whole)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    run_ok(pool, "CREATE OR REPLACE TABLE e (a INT, UNIQUE KEY own_key (a))");
    run_ok(pool, "INSERT INTO e VALUES (1)");
    struct answer a = query(pool, "INSERT INTO e VALUES (1)", NULL, 0);
    is_int(a.err.code, TG_ERR_CONFLICT);
    is_int(a.err.native, 1062);
    contains(a.err.text, "own_key");
    a = query(pool, "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1213", NULL, 0);
    is_int(a.err.code, TG_ERR_CONFLICT);
    a = query(pool, "SELECT no_column FROM e", NULL, 0);
    is_int(a.err.code, TG_ERR_BUG);
    a = query(pool, "SELECT ?", NULL, 0);
    is_int(a.err.code, TG_ERR_BUG);
    a = query(pool, "SELECT ?", NULL, 0); /* prepared by now */
    is_int(a.err.code, TG_ERR_BUG);
    is_int(query_int(pool, "SELECT COUNT(*) FROM e"), 1);
    is_uint(tg_dbpool_stats_get(pool).reconnects, 0);
    is_uint(tg_dbpool_stats_get(pool).errors, 5);
    close_pool(pool);
}

TEST(a_result_beyond_its_limits_is_refused)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    struct answer a = query(pool, "SELECT seq FROM seq_1_to_10000", NULL, 0);
    if (ok(a.res != NULL, "%s", a.err.text))
        is_uint(tg_dbresult_n_rows(a.res), 10000);
    tg_dbresult_free(&a.res);
    a = query(pool, "SELECT seq FROM seq_1_to_10001", NULL, 0);
    is_int(a.err.code, TG_ERR_INPUT);
    a = query(pool, "SELECT REPEAT('x', 1000000) FROM seq_1_to_20", NULL, 0);
    is_int(a.err.code, TG_ERR_INPUT);
    is_int(query_int(pool, "SELECT 5"), 5);
    close_pool(pool);
}

TEST(a_transaction_is_kept_or_undone_as_a_whole)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    run_ok(pool, "CREATE OR REPLACE TABLE tx (a INT PRIMARY KEY)");
    struct tg_dbtx *tx = begin(pool, in_ms(10000));
    tx_ok(tx, "INSERT INTO tx VALUES (1)");
    is_int(query_int(pool, "SELECT COUNT(*) FROM tx"), 0); /* on the other connection */
    tg_db_tx_rollback(tx);
    is_int(query_int(pool, "SELECT COUNT(*) FROM tx"), 0);
    tx = begin(pool, in_ms(10000));
    tx_ok(tx, "INSERT INTO tx VALUES (1)");
    struct answer a = tx_query(tx, "INSERT INTO tx VALUES (1)");
    is_int(a.err.native, 1062);
    tx_ok(tx, "INSERT INTO tx VALUES (2)");
    a = commit(tx);
    ok(a.err.code == TG_ERR_NONE, "%s", a.err.text);
    is_int(query_int(pool, "SELECT COUNT(*) FROM tx"), 2);
    run_for_ms(20);
    is_uint(tg_dbpool_stats_get(pool).busy, 0);
    close_pool(pool);
}

TEST(two_transactions_that_update_a_row_they_have_both_read_do_not_lose_one)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    run_ok(pool, "CREATE OR REPLACE TABLE w (id INT PRIMARY KEY, n INT)");
    run_ok(pool, "INSERT INTO w VALUES (1, 100)");
    struct tg_dbtx *a = begin(pool, in_ms(10000)), *b = begin(pool, in_ms(10000));
    tx_ok(a, "SELECT n FROM w WHERE id = 1");
    tx_ok(b, "SELECT n FROM w WHERE id = 1");
    tx_ok(a, "UPDATE w SET n = 110 WHERE id = 1");
    is_int(commit(a).err.code, TG_ERR_NONE);
    struct answer late = tx_query(b, "UPDATE w SET n = 120 WHERE id = 1");
    is_int(late.err.code, TG_ERR_CONFLICT);
    is_int(late.err.native, 1020);
    tg_dbresult_free(&late.res);
    tg_db_tx_rollback(b);
    is_int(query_int(pool, "SELECT n FROM w"), 110);
    close_pool(pool);
}

TEST(a_deadline_while_a_read_runs_is_upstream_and_of_a_write_uncertain)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    struct answer a = {0}, b = {0};
    run_ok(pool, "CREATE OR REPLACE TABLE slow (a INT)");
    uint64_t begin_us = tg_clock_mono_us();
    tg_db_query(pool, "SELECT SLEEP(20)", NULL, 0, in_ms(300), on_answer, &a);
    tg_db_query(pool, "INSERT INTO slow SELECT SLEEP(20)", NULL, 0, in_ms(300), on_answer, &b);
    wait_for_answer(&a);
    wait_for_answer(&b);
    ok(tg_clock_mono_us() - begin_us < 5000000, "long before its 20 s");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_int(b.err.code, TG_ERR_UNCERTAIN);
    is_int(query_int(pool, "SELECT 1"), 1);
    /* The server's own bound ends a statement whose client has gone. */
    services_sleep_ms(1200);
    is_int(query_int(pool, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(20)%' "
                           "AND info NOT LIKE '%processlist%'"),
           0);
    close_pool(pool);
}

TEST(a_deadline_while_waiting_in_the_queue_is_busy_and_nothing_is_sent)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    struct answer a = {0}, b = {0}, c = {0};
    run_ok(pool, "CREATE OR REPLACE TABLE q (a INT)");
    tg_db_query(pool, "SELECT SLEEP(0.5)", NULL, 0, in_ms(5000), on_answer, &a);
    tg_db_query(pool, "INSERT INTO q VALUES (1)", NULL, 0, in_ms(100), on_answer, &b);
    tg_db_query(pool, "INSERT INTO q VALUES (2)", NULL, 0, in_ms(0), on_answer, &c);
    is_int(c.n, 0);
    wait_for_answer(&c);
    is_int(c.err.code, TG_ERR_BUSY);
    wait_for_answer(&b);
    is_int(b.err.code, TG_ERR_BUSY);
    wait_for_answer(&a);
    is_int(a.err.code, TG_ERR_NONE);
    tg_dbresult_free(&a.res);
    is_int(query_int(pool, "SELECT COUNT(*) FROM q"), 0);
    close_pool(pool);
}

TEST(a_transactions_deadline_is_sticky_and_its_locks_are_gone)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    run_ok(pool, "CREATE OR REPLACE TABLE sticky (a INT PRIMARY KEY)");
    run_ok(pool, "INSERT INTO sticky VALUES (1)");
    struct tg_dbtx *tx = begin(pool, in_ms(200));
    tx_ok(tx, "UPDATE sticky SET a = 2");
    run_for_ms(400);
    is_int(query_int(pool, "SELECT a FROM sticky FOR UPDATE"), 1);
    struct answer a = tx_query(tx, "SELECT 1");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    a = tx_query(tx, "SELECT 1");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    a = commit(tx);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_int(query_int(pool, "SELECT a FROM sticky"), 1);
    tx = begin(pool, in_ms(200));
    a = tx_query(tx, "SELECT SLEEP(5)");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    tg_db_tx_rollback(tx);
    is_int(query_int(pool, "SELECT 3"), 3);
    close_pool(pool);
}

static void kill_id(int64_t id)
{
    struct tg_dburl url = services_dburl();
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    struct tg_err err = {0};
    char sql[40];
    snprintf(sql, sizeof(sql), "KILL %" PRId64, id);
    ok(tg_sqlconn_script(conn, sql, strlen(sql), &err) == 0, "%s", err.text);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
}

TEST(a_connection_killed_under_a_read_a_write_a_transaction_and_idle)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    struct answer a = {0};
    int64_t id = query_int(pool, "SELECT CONNECTION_ID()");
    tg_db_query(pool, "SELECT SLEEP(10)", NULL, 0, in_ms(20000), on_answer, &a);
    run_for_ms(50);
    kill_id(id);
    wait_for_answer(&a);
    is_int(a.err.code, TG_ERR_UPSTREAM);

    id = query_int(pool, "SELECT CONNECTION_ID()");
    a = (struct answer){0};
    tg_db_query(pool, "CREATE OR REPLACE TABLE killed SELECT SLEEP(10)", NULL, 0, in_ms(20000), on_answer, &a);
    run_for_ms(50);
    kill_id(id);
    wait_for_answer(&a);
    is_int(a.err.code, TG_ERR_UNCERTAIN);

    struct tg_dbtx *tx = begin(pool, in_ms(20000));
    struct answer b = tx_query(tx, "SELECT CONNECTION_ID()");
    kill_id(tg_dbresult_cell(b.res, 0, 0)->num);
    tg_dbresult_free(&b.res);
    run_for_ms(50);
    b = tx_query(tx, "INSERT INTO no_matter VALUES (1)");
    is_int(b.err.code, TG_ERR_UPSTREAM);
    is_int(commit(tx).err.code, TG_ERR_UPSTREAM);

    id = query_int(pool, "SELECT CONNECTION_ID()");
    kill_id(id);
    for (int i = 0; i < 100 && tg_dbpool_stats_get(pool).connected > 0; i++)
        run_for_ms(50);
    is_uint(tg_dbpool_stats_get(pool).connected, 0); /* noticed without being asked */
    ok(query_int(pool, "SELECT CONNECTION_ID()") != id, "a new one");
    ok(tg_dbpool_stats_get(pool).reconnects >= 4, "counted");
    close_pool(pool);
}

TEST(a_lost_answer_is_uncertain_for_writes_and_commits_only)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    struct tg_err err = {0};
    run_ok(pool, "CREATE OR REPLACE TABLE unsure (a INT)");
    is_int(tg_fault_arm("db_query_lost_reply=hit:1x1", &err), 0);
    is_int(query(pool, "INSERT INTO unsure VALUES (1)", NULL, 0).err.code, TG_ERR_UNCERTAIN);
    is_int(tg_fault_arm("db_query_lost_reply=hit:1x1", &err), 0);
    is_int(query(pool, "SELECT 1", NULL, 0).err.code, TG_ERR_UPSTREAM);
    struct tg_dbtx *tx = begin(pool, in_ms(10000));
    tx_ok(tx, "INSERT INTO unsure VALUES (2)");
    is_int(tg_fault_arm("db_commit_lost_reply=hit:1x1", &err), 0);
    is_int(commit(tx).err.code, TG_ERR_UNCERTAIN);
    tx = begin(pool, in_ms(10000));
    is_int(tg_fault_arm("db_query_lost_reply=hit:1x1", &err), 0);
    is_int(tx_query(tx, "INSERT INTO unsure VALUES (3)").err.code, TG_ERR_UPSTREAM); /* the server undoes it */
    tg_db_tx_rollback(tx);
    tg_fault_disarm_all();
    is_int(query_int(pool, "SELECT CAST(SUM(a) AS SIGNED) FROM unsure"), 3);
    close_pool(pool);
}

TEST(a_killed_server_fails_what_waits_and_comes_back_by_itself)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    is_int(query_int(pool, "SELECT 1"), 1);
    services_kill_db();
    for (int i = 0; i < 100 && tg_dbpool_stats_get(pool).connected > 0; i++)
        run_for_ms(50);
    is_uint(tg_dbpool_stats_get(pool).connected, 0);
    uint64_t begin_us = tg_clock_mono_us();
    for (int i = 0; i < 4; i++) {
        struct answer a = query(pool, "SELECT 1", NULL, 0);
        is_int(a.err.code, TG_ERR_UPSTREAM);
    }
    ok(tg_clock_mono_us() - begin_us < 5000000, "failed at the next attempt, not at the deadline");
    services_start();
    uint64_t give_up_us = tg_clock_mono_us() + 10 * 1000000ull;
    struct answer a = {0};
    do {
        a = query(pool, "SELECT 7", NULL, 0);
    } while (a.res == NULL && tg_clock_mono_us() < give_up_us);
    ok(a.res != NULL, "%s", a.err.text);
    tg_dbresult_free(&a.res);
    close_pool(pool);
}

TEST(refused_connections_back_off)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    struct tg_err err = {0};
    is_int(tg_fault_arm("db_connect_refused=hit", &err), 0);
    uint64_t begin_us = tg_clock_mono_us();
    for (int i = 0; i < 5; i++)
        is_int(query(pool, "SELECT 1", NULL, 0).err.code, TG_ERR_UPSTREAM);
    uint64_t took_ms = (tg_clock_mono_us() - begin_us) / 1000;
    ok(took_ms >= 25 + 50 + 100 + 200 && took_ms < 3000, "four waits, of 50, 100, 200 and 400 ms less jitter: %d ms",
       (int)took_ms);
    tg_fault_disarm_all();
    is_int(query_int(pool, "SELECT 1"), 1);
    is_uint(pool->backoff_ms, 0);
    close_pool(pool);
}

TEST(closing_fails_what_waits_and_lets_what_runs_finish)
{
    struct tg_dbpool *pool = fresh_pool(1, 10);
    struct answer running = {0}, waiting = {0};
    is_int(query_int(pool, "SELECT 1"), 1);
    tg_db_query(pool, "SELECT 5 FROM (SELECT SLEEP(0.2)) s", NULL, 0, in_ms(5000), on_answer, &running);
    tg_db_query(pool, "SELECT 6", NULL, 0, in_ms(5000), on_answer, &waiting);
    close_pool(pool);
    is_int(running.n, 1);
    is_int(running.err.code, TG_ERR_NONE);
    tg_dbresult_free(&running.res);
    is_int(waiting.n, 1);
    is_int(waiting.err.code, TG_ERR_UPSTREAM);
}

TEST(closing_while_connecting_and_with_an_open_transaction)
{
    struct tg_dbpool *pool = fresh_pool(2, 10);
    struct answer a = {0};
    tg_db_query(pool, "SELECT 6", NULL, 0, in_ms(5000), on_answer, &a);
    close_pool(pool);
    is_int(a.n, 1);
    is_int(a.err.code, TG_ERR_UPSTREAM);

    pool = fresh_pool(2, 10);
    bool closed = false;
    struct tg_dbtx *tx = begin(pool, in_ms(10000));
    tg_dbpool_close(&pool, on_closed_note, &closed);
    run_for_ms(30);
    is_false(closed);
    tg_db_tx_rollback(tx);
    run_for_ms(50);
    is_true(closed);
    tg_loop_free(&loop);
}

TEST(a_server_that_accepts_and_says_nothing_is_given_up_in_time)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    is_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    is_int(listen(fd, 5), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    char text[100];
    struct tg_dburl url;
    struct tg_err err = {0};
    snprintf(text, sizeof(text), "mysql://u:p@127.0.0.1:%d/d", ntohs(address.sin_port));
    is_int(tg_dburl_parse(text, &url, &err), 0);
    const struct tg_dbpool_settings set = {.connections_max = 1, .queue_len_max = 5, .connect_timeout_ms = 300};
    loop = tg_loop_new();
    struct tg_dbpool *pool = tg_dbpool_new(loop, &url, &set);
    tg_dburl_deinit(&url);
    uint64_t begin_us = tg_clock_mono_us();
    struct answer a = query(pool, "SELECT 1", NULL, 0);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    ok(tg_clock_mono_us() - begin_us < 3000000, "after 300 ms");
    close(fd);
    a = query(pool, "SELECT 1", NULL, 0);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    close_pool(pool);
}

struct chain {
    struct tg_dbpool *pool;
    int left;
};

static void on_chain(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct chain *c = arg;
    is_null(err);
    tg_dbresult_free(&res);
    if (--c->left > 0)
        tg_db_query(c->pool, "SELECT ? + 1", (struct tg_dbval[]){TG_DBVAL_INT(c->left)}, 1, in_ms(5000), on_chain, c);
}

TEST(queries_one_after_the_other_are_fast)
{
    enum { N = 4000, CHAINS = 4 };
    struct tg_dbpool *pool = fresh_pool(CHAINS, 10);
    struct chain chains[CHAINS];
    uint64_t begin_us = tg_clock_mono_us();
    for (int i = 0; i < CHAINS; i++) {
        chains[i] = (struct chain){pool, N / CHAINS};
        tg_db_query(pool, "SELECT ? + 1", (struct tg_dbval[]){TG_DBVAL_INT(0)}, 1, in_ms(5000), on_chain, &chains[i]);
    }
    uint64_t give_up_us = begin_us + 30 * 1000000ull;
    while (chains[0].left + chains[1].left + chains[2].left + chains[3].left > 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    uint64_t took_us = tg_clock_mono_us() - begin_us;
    tap_note("%d queries on %d connections: %.0f/s", N, CHAINS, N / ((double)took_us / 1e6));
    for (int i = 0; i < CHAINS; i++)
        is_int(chains[i].left, 0);
    close_pool(pool);
}

TAP_MAIN()

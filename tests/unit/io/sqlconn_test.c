/* sqlconn_test - the blocking connection against a real MariaDB: every type, every loss. */
#include "../../../src/io/sqlconn.c"
#include "tap.h"

#include "base/clock.h"
#include "services.h"

static struct tg_sqlconn *fresh_conn(void)
{
    struct tg_dburl url = services_dburl();
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    tg_dburl_deinit(&url);
    return conn;
}

static bool run_ok(struct tg_sqlconn *conn, const char *sql)
{
    struct tg_err err = {0};
    return ok(tg_sqlconn_script(conn, sql, strlen(sql), &err) == 0, "%.60s: %s", sql, err.text);
}

static int64_t query_int(struct tg_sqlconn *conn, const char *sql)
{
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    if (!ok(tg_sqlconn_query(conn, sql, NULL, 0, &res, &err) == 0, "%s: %s", sql, err.text))
        return INT64_MIN;
    const struct tg_dbval *cell = tg_dbresult_cell(res, 0, 0);
    int64_t num = INT64_MIN;
    if (cell->type == TG_DB_INT)
        num = cell->num;
    else if (cell->type == TG_DB_DECIMAL)
        ok(tg_decimal_to_int(cell->dec, &num) == 1, "a whole number");
    tg_dbresult_free(&res);
    return num;
}

static struct tg_decimal dec(const char *text)
{
    struct tg_decimal d;
    struct tg_err err = {0};
    ok(tg_decimal_parse(text, strlen(text), &d, &err) == 0, "%s: %s", text, err.text);
    return d;
}

static void is_dec(const struct tg_dbval *cell, const char *expected)
{
    char text[TG_DECIMAL_TEXT_SIZE] = "not a decimal";
    if (cell->type == TG_DB_DECIMAL)
        tg_decimal_format(cell->dec, text);
    is_str(text, expected);
}

TEST(every_type_goes_in_and_comes_out_unchanged)
{
    static const char create[] =
        "CREATE OR REPLACE TABLE t (i BIGINT, u BIGINT UNSIGNED, s TINYINT, d DECIMAL(38,12), "
        "t DATETIME(6), b BINARY(16), x VARCHAR(50) CHARACTER SET utf8mb4, j JSON, n INT NULL, "
        "day DATE, c CHAR(3) CHARACTER SET ascii, e ENUM('red','blue'), l MEDIUMBLOB)";
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    static char large[300000];
    uint8_t id[16] = {0xff, 0x00, 0xc3, 0x28, 0xa0, 0xa1, 0x27, 0x5c, 0x00, 0xf0, 0x28, 0x8c, 0x80, 0x20, 0x20, 0x00};
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 7 % 251);
    run_ok(conn, create);
    const struct tg_dbval values[] = {
        TG_DBVAL_INT(INT64_MIN),
        TG_DBVAL_INT(INT64_MAX),
        TG_DBVAL_INT(-128),
        TG_DBVAL_DEC(dec("-99999999999999999999999999.123456789012")),
        TG_DBVAL_TIME(-1),
        TG_DBVAL_BYTES((const char *)id, 16),
        TG_DBVAL_STR("Grüße \xf0\x9f\x93\x9e '\"\\"),
        TG_DBVAL_STR("{\"a\": [1, 2]}"),
        TG_DBVAL_NULL,
        TG_DBVAL_STR("2026-07-14"),
        TG_DBVAL_STR("USD"),
        TG_DBVAL_STR("blue"),
        TG_DBVAL_BYTES(large, sizeof(large)),
    };
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(conn, "INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", values, 13, &res, &err), 0);
    is_str(err.text, "");
    is_uint(tg_dbresult_affected(res), 1);
    is_int(tg_dbresult_n_columns(res), 0);
    tg_dbresult_free(&res);
    for (int pass = 0; pass < 2; pass++) { /* the second time the statement comes from the cache */
        is_int(tg_sqlconn_query(conn, "SELECT * FROM t WHERE b = ? AND d = ?",
                                (struct tg_dbval[]){values[5], values[3]}, 2, &res, &err),
               0);
        if (!ok(tg_dbresult_n_rows(res) == 1, "one row"))
            return;
        is_str(tg_dbresult_column(res, 3, NULL), "d");
        is_int(tg_dbresult_cell(res, 0, 0)->num, INT64_MIN);
        is_int(tg_dbresult_cell(res, 0, 1)->num, INT64_MAX);
        is_int(tg_dbresult_cell(res, 0, 2)->num, -128);
        is_dec(tg_dbresult_cell(res, 0, 3), "-99999999999999999999999999.123456789012");
        is_int(tg_dbresult_cell(res, 0, 4)->type, TG_DB_TIME);
        is_int(tg_dbresult_cell(res, 0, 4)->num, -1);
        is_mem(tg_dbresult_cell(res, 0, 5)->bytes, tg_dbresult_cell(res, 0, 5)->len, id, 16);
        is_str(tg_dbresult_cell(res, 0, 6)->bytes, values[6].bytes);
        is_str(tg_dbresult_cell(res, 0, 7)->bytes, "{\"a\": [1, 2]}");
        is_int(tg_dbresult_cell(res, 0, 8)->type, TG_DB_NULL);
        is_str(tg_dbresult_cell(res, 0, 9)->bytes, "2026-07-14");
        is_str(tg_dbresult_cell(res, 0, 10)->bytes, "USD");
        is_str(tg_dbresult_cell(res, 0, 11)->bytes, "blue");
        is_mem(tg_dbresult_cell(res, 0, 12)->bytes, tg_dbresult_cell(res, 0, 12)->len, large, sizeof(large));
        tg_dbresult_free(&res);
    }
    tg_sqlconn_free(&conn);
    is_null(conn);
}

TEST(times_agree_with_the_server_over_nine_thousand_years)
{
    static const int64_t times[] = {-62135596800000000, -1, 0, 951782399999999, 951782400000000, 1784019723123456,
                                    253402300799999999};
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    run_ok(conn, "CREATE OR REPLACE TABLE times (t DATETIME(6))");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[TG_RFC3339_SIZE], got[64];
        struct tg_dbresult *res = NULL;
        tg_time_format_sql(times[i], text);
        tap_case("%s", text);
        const struct tg_dbval value = TG_DBVAL_TIME(times[i]);
        run_ok(conn, "DELETE FROM times");
        is_int(tg_sqlconn_query(conn, "INSERT INTO times VALUES (?)", &value, 1, NULL, &err), 0);
        is_int(tg_sqlconn_query(conn, "SELECT CAST(t AS CHAR), t FROM times", NULL, 0, &res, &err), 0);
        snprintf(got, sizeof(got), "%s", tg_dbresult_cell(res, 0, 0)->bytes);
        is_str(got, text);
        is_int(tg_dbresult_cell(res, 0, 1)->num, times[i]);
        tg_dbresult_free(&res);
    }
    const struct tg_dbval too_late = TG_DBVAL_TIME(253402300800000000);
    is_int(tg_sqlconn_query(conn, "INSERT INTO times VALUES (?)", &too_late, 1, NULL, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    tg_sqlconn_free(&conn);
}

TEST(decimals_of_other_scales_fit_when_nothing_is_lost)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(
               conn,
               "SELECT CAST(1.5 AS DECIMAL(10,2)), CAST(0.25 AS DECIMAL(40,20)), SUM(7), CAST(-3 AS DECIMAL(5,0))",
               NULL, 0, &res, &err),
           0);
    is_dec(tg_dbresult_cell(res, 0, 0), "1.5");
    is_dec(tg_dbresult_cell(res, 0, 1), "0.25");
    is_dec(tg_dbresult_cell(res, 0, 2), "7");
    is_dec(tg_dbresult_cell(res, 0, 3), "-3");
    tg_dbresult_free(&res);
    is_int(tg_sqlconn_query(conn, "SELECT CAST(0.1234567890123 AS DECIMAL(40,13))", NULL, 0, &res, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    is_int(tg_sqlconn_query(conn, "SELECT CAST(18446744073709551615 AS UNSIGNED)", NULL, 0, &res, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    is_int(query_int(conn, "SELECT 1"), 1); /* the connection is whole */
    tg_sqlconn_free(&conn);
}

TEST(errors_of_statements_have_the_code_the_header_says)
{
    static const struct {
        const char *sql;
        enum tg_errcode code;
        int native;
    } cases[] = {
        {"INSERT INTO errors VALUES (1, 1)", TG_ERR_CONFLICT, 1062},
        {"INSERT INTO errors VALUES (2, -5)", TG_ERR_INPUT, 4025},
        {"INSERT INTO errors VALUES (3, 1e30)", TG_ERR_INPUT, 1264},
        {"INSERT INTO errors VALUES (NULL, 1)", TG_ERR_INPUT, 1048},
        {"SELECT nothing FROM errors", TG_ERR_BUG, 1054},
        {"SELECT 1 FROM no_such_table", TG_ERR_BUG, 1146},
        {"SELEC 1", TG_ERR_BUG, 1064},
        {"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1213", TG_ERR_CONFLICT, 1213},
        {"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205", TG_ERR_CONFLICT, 1205},
        {"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1020", TG_ERR_CONFLICT, 1020},
        {"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1969", TG_ERR_UPSTREAM, 1969},
    };
    struct tg_sqlconn *conn = fresh_conn();
    run_ok(conn, "CREATE OR REPLACE TABLE errors (a INT NOT NULL, n INT CHECK (n >= 0), UNIQUE KEY own_key (a));"
                 "INSERT INTO errors VALUES (1, 1)");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {0};
        tap_case("%s", cases[i].sql);
        is_int(tg_sqlconn_query(conn, cases[i].sql, NULL, 0, NULL, &err), -1);
        is_int(err.code, cases[i].code);
        is_int(err.native, cases[i].native);
        if (cases[i].native == 1062)
            is_str(err.text, "a row with this key exists already: own_key");
        is_int(query_int(conn, "SELECT COUNT(*) FROM errors"), 1);
    }
    struct tg_err err = {0};
    is_int(tg_sqlconn_query(conn, "SELECT ?", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_BUG);
    tg_sqlconn_free(&conn);
}

TEST(a_lock_that_is_waited_for_in_vain_is_a_conflict_and_the_connection_goes_on)
{
    struct tg_sqlconn *conn = fresh_conn(), *other = fresh_conn();
    struct tg_err err = {0};
    run_ok(conn, "CREATE OR REPLACE TABLE locked (a INT PRIMARY KEY); INSERT INTO locked VALUES (1), (2)");
    is_int(tg_sqlconn_begin(other, &err), 0);
    is_int(tg_sqlconn_query(other, "SELECT a FROM locked WHERE a = 2 FOR UPDATE", NULL, 0, NULL, &err), 0);
    is_int(tg_sqlconn_begin(conn, &err), 0);
    /* the first row has been sent when the second is waited for */
    is_int(tg_sqlconn_query(conn, "SELECT a FROM locked FOR UPDATE WAIT 0", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_CONFLICT);
    is_int(err.native, 1205);
    is_int(query_int(conn, "SELECT COUNT(*) FROM locked"), 2);
    tg_sqlconn_rollback(conn);
    tg_sqlconn_rollback(other);
    tg_sqlconn_free(&conn);
    tg_sqlconn_free(&other);
}

TEST(the_session_is_set_up_as_the_header_promises)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(conn,
                            "SELECT @@time_zone, @@character_set_connection, @@tx_isolation, "
                            "@@innodb_lock_wait_timeout, @@sql_mode, @@innodb_snapshot_isolation",
                            NULL, 0, &res, &err),
           0);
    is_str(tg_dbresult_cell(res, 0, 0)->bytes, "+00:00");
    is_str(tg_dbresult_cell(res, 0, 1)->bytes, "utf8mb4");
    is_str(tg_dbresult_cell(res, 0, 2)->bytes, "READ-COMMITTED");
    is_int(tg_dbresult_cell(res, 0, 3)->num, 2);
    contains(tg_dbresult_cell(res, 0, 4)->bytes, "STRICT_ALL_TABLES");
    is_int(tg_dbresult_cell(res, 0, 5)->num, 1);
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
}

TEST(a_transaction_is_kept_or_undone_as_a_whole)
{
    struct tg_sqlconn *conn = fresh_conn(), *other = fresh_conn();
    struct tg_err err = {0};
    run_ok(conn, "CREATE OR REPLACE TABLE tx (a INT PRIMARY KEY)");
    is_int(tg_sqlconn_begin(conn, &err), 0);
    is_int(tg_sqlconn_query(conn, "INSERT INTO tx VALUES (1)", NULL, 0, NULL, &err), 0);
    is_int(query_int(other, "SELECT COUNT(*) FROM tx"), 0);
    tg_sqlconn_rollback(conn);
    is_int(query_int(conn, "SELECT COUNT(*) FROM tx"), 0);
    is_int(tg_sqlconn_begin(conn, &err), 0);
    is_int(tg_sqlconn_query(conn, "INSERT INTO tx VALUES (2)", NULL, 0, NULL, &err), 0);
    is_int(tg_sqlconn_commit(conn, &err), 0);
    is_int(query_int(other, "SELECT COUNT(*) FROM tx"), 1);
    tg_sqlconn_free(&conn);
    tg_sqlconn_free(&other);
}

TEST(many_rows_go_in_one_execution_with_nulls_and_all_types)
{
    enum { N = 12345 };
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct tg_dbval *values = tg_calloc(N * 5, sizeof(*values));
    static char ids[N][16];
    uint64_t affected = 0;
    run_ok(conn, "CREATE OR REPLACE TABLE bulk (id BINARY(16) PRIMARY KEY, n INT, d DECIMAL(38,12), t DATETIME(6), x "
                 "VARCHAR(20))");
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], 16, "row %d", i);
        values[i * 5] = TG_DBVAL_BYTES(ids[i], 16);
        values[i * 5 + 1] = i % 3 == 0 ? TG_DBVAL_NULL : TG_DBVAL_INT(i);
        values[i * 5 + 2] = TG_DBVAL_DEC(dec("0.024000000001"));
        values[i * 5 + 3] = TG_DBVAL_TIME(1784019723123456 + i);
        values[i * 5 + 4] = i % 2 == 0 ? TG_DBVAL_NULL : TG_DBVAL_STR("é");
    }
    is_int(tg_sqlconn_begin(conn, &err), 0);
    ok(tg_sqlconn_bulk(conn, "INSERT INTO bulk VALUES (?,?,?,?,?)", values, 5, N, &affected, &err) == 0, "%s",
       err.text);
    is_int(tg_sqlconn_commit(conn, &err), 0);
    is_uint(affected, N);
    is_int(query_int(conn, "SELECT COUNT(*) FROM bulk"), N);
    is_int(query_int(conn, "SELECT COUNT(*) FROM bulk WHERE n IS NULL"), N / 3);
    is_int(query_int(conn, "SELECT COUNT(*) FROM bulk WHERE x = 'é'"), N / 2);
    is_int(query_int(conn, "SELECT CAST(SUM(n) AS SIGNED) FROM bulk"),
           (int64_t)N * (N - 1) / 2 - 3 * ((int64_t)4114 * 4115 / 2));
    is_int(query_int(conn, "SELECT COUNT(*) FROM bulk WHERE t < '2026-07-14 09:02:03.123556'"), 100);
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(conn, "SELECT SUM(d) FROM bulk", NULL, 0, &res, &err), 0);
    is_dec(tg_dbresult_cell(res, 0, 0), "296.280000012345");
    tg_dbresult_free(&res);
    /* The same statement for one row, then again for many: the array size goes back. */
    values[0] = TG_DBVAL_BYTES("0123456789abcdef", 16);
    is_int(tg_sqlconn_query(conn, "INSERT INTO bulk VALUES (?,?,?,?,?)", values, 5, NULL, &err), 0);
    is_int(tg_sqlconn_bulk(conn, "DELETE FROM bulk WHERE id = ?", values, 1, 1, &affected, &err), 0);
    is_uint(affected, 1);
    is_int(tg_sqlconn_bulk(conn, "INSERT INTO bulk VALUES (?,?,?,?,?)", values, 5, 2, &affected, &err), -1);
    is_int(err.code, TG_ERR_CONFLICT);
    is_int(err.native, 1062);
    values[6] = TG_DBVAL_STR("not a number");
    is_int(tg_sqlconn_bulk(conn, "INSERT INTO bulk VALUES (?,?,?,?,?)", values + 5, 5, 2, &affected, &err), -1);
    is_int(err.code, TG_ERR_BUG);
    is_int(tg_sqlconn_bulk(conn, "INSERT INTO bulk VALUES (?,?,?,?,?)", values, 5, 0, &affected, &err), 0);
    is_uint(affected, 0);
    free(values);
    tg_sqlconn_free(&conn);
}

TEST(bulk_inserts_reach_a_hundred_thousand_small_rows_a_second)
{
    enum { N = 100000 };
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct tg_dbval *values = tg_calloc(N * 3, sizeof(*values));
    run_ok(conn, "CREATE OR REPLACE TABLE fast (a INT PRIMARY KEY, b BIGINT, c VARCHAR(20))");
    for (int i = 0; i < N; i++) {
        values[i * 3] = TG_DBVAL_INT(i);
        values[i * 3 + 1] = TG_DBVAL_INT(i * 7);
        values[i * 3 + 2] = TG_DBVAL_STR("some text");
    }
    uint64_t begin_us = tg_clock_mono_us();
    is_int(tg_sqlconn_begin(conn, &err), 0);
    is_int(tg_sqlconn_bulk(conn, "INSERT INTO fast VALUES (?,?,?)", values, 3, N, NULL, &err), 0);
    is_int(tg_sqlconn_commit(conn, &err), 0);
    uint64_t took_us = tg_clock_mono_us() - begin_us;
    tap_note("%d rows in %.3f s: %.0f rows/s", N, (double)took_us / 1e6, N / ((double)took_us / 1e6));
    is_int(query_int(conn, "SELECT COUNT(*) FROM fast"), N); /* speed itself is not asserted: machines differ */
    free(values);
    tg_sqlconn_free(&conn);
}

struct sum {
    int64_t total;
    int n, n_max;
};

static int add_row(const struct tg_dbval *cells, size_t n_cells, void *arg)
{
    struct sum *sum = arg;
    is_int(n_cells, 2);
    sum->total += cells[0].num;
    return ++sum->n == sum->n_max;
}

TEST(each_hands_rows_over_as_they_come_and_stops_when_told)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct sum sum = {0, 0, -1};
    is_int(tg_sqlconn_each(conn, "SELECT seq, 'text' FROM seq_1_to_20000", NULL, 0, add_row, &sum, &err), 0);
    is_int(sum.n, 20000);
    is_int(sum.total, 20000LL * 20001 / 2);
    sum = (struct sum){0, 0, 10};
    is_int(tg_sqlconn_each(conn, "SELECT seq, 'text' FROM seq_1_to_20000", NULL, 0, add_row, &sum, &err), 0);
    is_int(sum.n, 10);
    is_int(query_int(conn, "SELECT 5"), 5);
    tg_sqlconn_free(&conn);
}

TEST(an_alter_under_a_cached_statement_is_noticed)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    run_ok(conn, "CREATE OR REPLACE TABLE changing (a INT); INSERT INTO changing VALUES (7)");
    is_int(query_int(conn, "SELECT * FROM changing"), 7);
    run_ok(conn, "ALTER TABLE changing MODIFY a VARCHAR(10)"); /* another type: read as what it is now */
    is_int(tg_sqlconn_query(conn, "SELECT * FROM changing", NULL, 0, &res, &err), 0);
    is_str(tg_dbresult_cell(res, 0, 0)->bytes, "7");
    tg_dbresult_free(&res);
    run_ok(conn, "ALTER TABLE changing ADD b DECIMAL(10,2) DEFAULT 1.25"); /* another number: fails once */
    is_int(tg_sqlconn_query(conn, "SELECT * FROM changing", NULL, 0, &res, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(tg_sqlconn_query(conn, "SELECT * FROM changing", NULL, 0, &res, &err), 0);
    is_int(tg_dbresult_n_columns(res), 2);
    is_dec(tg_dbresult_cell(res, 0, 1), "1.25");
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
}

TEST(more_statements_than_the_cache_holds_are_no_trouble)
{
    static char sql[TG_DB_STATEMENTS_MAX + 50][40];
    struct tg_sqlconn *conn = fresh_conn();
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < TG_DB_STATEMENTS_MAX + 50; i++) {
            snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i);
            is_int(query_int(conn, sql[i]), i);
        }
    }
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(conn, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'", NULL, 0, &res, &err), 0);
    ok(atoi(tg_dbresult_cell(res, 0, 1)->bytes) <= TG_DB_STATEMENTS_MAX, "%s, the others are closed",
       tg_dbresult_cell(res, 0, 1)->bytes);
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
}

static void kill_connection(struct tg_sqlconn *killer, unsigned long id)
{
    char sql[40];
    struct tg_err err = {0};
    snprintf(sql, sizeof(sql), "KILL %lu", id);
    is_int(tg_sqlconn_script(killer, sql, strlen(sql), &err), 0);
    services_sleep_ms(50);
}

TEST(a_connection_the_server_closed_is_replaced_before_use)
{
    struct tg_sqlconn *conn = fresh_conn(), *killer = fresh_conn();
    is_int(query_int(conn, "SELECT 1"), 1);
    kill_connection(killer, mysql_thread_id(conn->my));
    is_int(query_int(conn, "SELECT 2"), 2);
    tg_sqlconn_free(&conn);
    tg_sqlconn_free(&killer);
}

TEST(a_connection_lost_inside_a_transaction_stays_lost_until_its_end)
{
    struct tg_sqlconn *conn = fresh_conn(), *killer = fresh_conn();
    struct tg_err err = {0};
    run_ok(conn, "CREATE OR REPLACE TABLE lost (a INT)");
    is_int(tg_sqlconn_begin(conn, &err), 0);
    is_int(tg_sqlconn_query(conn, "INSERT INTO lost VALUES (1)", NULL, 0, NULL, &err), 0);
    kill_connection(killer, mysql_thread_id(conn->my));
    is_int(tg_sqlconn_query(conn, "INSERT INTO lost VALUES (2)", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(tg_sqlconn_query(conn, "INSERT INTO lost VALUES (3)", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(tg_sqlconn_commit(conn, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(query_int(conn, "SELECT COUNT(*) FROM lost"), 0);
    tg_sqlconn_free(&conn);
    tg_sqlconn_free(&killer);
}

TEST(a_lost_answer_to_a_commit_or_a_write_is_uncertain_and_to_a_read_is_not)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    run_ok(conn, "CREATE OR REPLACE TABLE unsure (a INT)");
    is_int(tg_fault_arm("db_commit_lost_reply=hit:1x1", &err), 0);
    is_int(tg_sqlconn_begin(conn, &err), 0);
    is_int(tg_sqlconn_query(conn, "INSERT INTO unsure VALUES (1)", NULL, 0, NULL, &err), 0);
    is_int(tg_sqlconn_commit(conn, &err), -1);
    is_int(err.code, TG_ERR_UNCERTAIN);
    is_int(query_int(conn, "SELECT COUNT(*) FROM unsure"), 1); /* it had happened */
    is_int(tg_fault_arm("db_query_lost_reply=hit:1x1", &err), 0);
    is_int(tg_sqlconn_query(conn, "INSERT INTO unsure VALUES (2)", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UNCERTAIN);
    is_int(tg_fault_arm("db_query_lost_reply=hit:1x1", &err), 0);
    is_int(tg_sqlconn_query(conn, "SELECT 1", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(tg_fault_arm("db_connect_refused=hit:1x1", &err), 0);
    is_int(tg_sqlconn_query(conn, "SELECT 1", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    tg_fault_disarm_all();
    is_int(query_int(conn, "SELECT COUNT(*) FROM unsure"), 2);
    tg_sqlconn_free(&conn);
}

TEST(a_killed_server_is_upstream_and_once_it_is_back_so_are_we)
{
    struct tg_sqlconn *conn = fresh_conn();
    struct tg_err err = {0};
    is_int(query_int(conn, "SELECT 1"), 1);
    services_kill_db();
    is_int(tg_sqlconn_query(conn, "SELECT 1", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(tg_sqlconn_begin(conn, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    services_start();
    is_int(query_int(conn, "SELECT 1"), 1);
    tg_sqlconn_free(&conn);
}

TEST(a_wrong_password_says_so_without_showing_it)
{
    struct tg_dburl url = services_dburl();
    struct tg_err err = {0};
    free(url.password);
    url.password = strdup("secret");
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    is_int(tg_sqlconn_query(conn, "SELECT 1", NULL, 0, NULL, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(err.native, 1045);
    is_null(strstr(err.text, "secret"));
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
}

TAP_MAIN()

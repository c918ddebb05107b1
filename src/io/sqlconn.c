/* sqlconn - a blocking connection on the parts that dbconn.c drives without blocking.
 *
 * Outside a transaction a connection that the server has closed meanwhile is
 * noticed before it is used (its socket is readable) and replaced. Inside one it
 * stays lost until commit (UPSTREAM: nothing happened) or rollback.
 */
#include "io/sqlconn.h"

#include <assert.h>
#include <errmsg.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/dbresult.h"
#include "io/dbsession.h"
#include "io/dbstmt.h"

#define CONNECT_TIMEOUT_S 5
#define ANSWER_TIMEOUT_S 900 /* a server that is silent for so long is gone; an ALTER may take a while */
#define BULK_ROWS_MAX 5000 /* a chunk; its packet stays far below max_allowed_packet for rows as ours */
#define BULK_BYTES_MAX (8u * 1024 * 1024)

struct tg_sqlconn {
    struct tg_dburl url;
    MYSQL *my; /* NULL: not connected */
    struct tg_dbstmt_cache *cache;
    bool in_tx, tx_lost;
    bool is_busy; /* inside tg_sqlconn_each() */
    unsigned connect_timeout_s, answer_timeout_s;
};

struct tg_sqlconn *tg_sqlconn_new(const struct tg_dburl *url)
{
    tg_dbsession_init_library();
    struct tg_sqlconn *conn = TG_NEW(struct tg_sqlconn);
    tg_dburl_copy(url, &conn->url);
    tg_sqlconn_set_timeouts(conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    return conn;
}

void tg_sqlconn_set_timeouts(struct tg_sqlconn *conn, unsigned connect_s, unsigned answer_s)
{
    conn->connect_timeout_s = connect_s;
    conn->answer_timeout_s = answer_s;
}

static void disconnect(struct tg_sqlconn *conn)
{
    if (conn->my != NULL)
        mysql_close(conn->my);
    conn->my = NULL;
    tg_dbstmt_cache_free(&conn->cache);
    conn->tx_lost = conn->in_tx;
}

void tg_sqlconn_free(struct tg_sqlconn **conn_p)
{
    struct tg_sqlconn *conn = *conn_p;
    if (conn == NULL)
        return;
    assert(!conn->is_busy);
    disconnect(conn);
    tg_dburl_deinit(&conn->url);
    free(conn);
    *conn_p = NULL;
}

static int fail(struct tg_sqlconn *conn, enum tg_dbphase phase, struct tg_err *err_r)
{
    unsigned native = mysql_errno(conn->my);
    tg_dbsession_error(phase, native != 0 ? native : CR_UNKNOWN_ERROR, mysql_error(conn->my), err_r);
    if (phase == TG_DBPHASE_CONNECT || native == 0 || tg_dbsession_error_is_fatal(native))
        disconnect(conn);
    return -1;
}

static int connect_now(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    char setup[TG_DBSESSION_SQL_SIZE];
    if (TG_FAULT("db_connect_refused"))
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "cannot connect to the database: refused (fault point)");
    conn->my = mysql_init(NULL);
    assert(conn->my != NULL);
    conn->cache = tg_dbstmt_cache_new(TG_DB_STATEMENTS_MAX);
    tg_dbsession_set_options(conn->my, &conn->url, conn->connect_timeout_s, conn->answer_timeout_s);
    const struct tg_dburl *url = &conn->url;
    if (mysql_real_connect(conn->my, tg_dbsession_host(url), url->user, url->password, url->database, url->port,
                           url->socket, 0) == NULL)
        return fail(conn, TG_DBPHASE_CONNECT, err_r);
    size_t len = tg_dbsession_setup_sql(conn->my, true, 0, setup);
    if (mysql_real_query(conn->my, setup, len) != 0)
        return fail(conn, TG_DBPHASE_CONNECT, err_r);
    return 0;
}

/* Nobody sends us anything while we are silent: a readable socket is the server's farewell. */
static bool was_closed_by_server(MYSQL *my)
{
    struct pollfd poll_fd = {.fd = mysql_get_socket(my), .events = POLLIN};
    return poll(&poll_fd, 1, 0) != 0;
}

static int ensure_connected(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    assert(!conn->is_busy);
    if (conn->in_tx) {
        if (!conn->tx_lost)
            return 0;
        return tg_err_set(err_r, TG_ERR_UPSTREAM,
                          "the connection was lost inside the transaction, which is rolled back");
    }
    if (conn->my != NULL && was_closed_by_server(conn->my)) {
        TG_LOG_INFO("sqlconn_connection_lost");
        disconnect(conn);
    }
    return conn->my != NULL ? 0 : connect_now(conn, err_r);
}

static int fail_stmt(struct tg_sqlconn *conn, struct tg_dbstmt *stmt, enum tg_dbphase phase, struct tg_err *err_r)
{
    MYSQL_STMT *handle = tg_dbstmt_handle(stmt);
    unsigned native = mysql_stmt_errno(handle);
    const char *text = mysql_stmt_error(handle);
    if (native == 0) { /* libmariadb leaves what comes instead of a row, like a lock's timeout, with the connection */
        native = mysql_errno(conn->my);
        text = mysql_error(conn->my);
    }
    tg_dbsession_error(phase, native != 0 ? native : CR_UNKNOWN_ERROR, text, err_r);
    if (native == 0 || tg_dbsession_error_is_fatal(native))
        disconnect(conn);
    else if (phase == TG_DBPHASE_PREPARE)
        tg_dbstmt_cache_drop(conn->cache, &stmt);
    else
        tg_dbstmt_finished(stmt);
    return -1;
}

static int prepare(struct tg_sqlconn *conn, const char *sql, struct tg_dbstmt **stmt_r, struct tg_err *err_r)
{
    struct tg_dbstmt *stmt = tg_dbstmt_cache_find(conn->cache, sql);
    if (stmt == NULL) {
        stmt = tg_dbstmt_cache_add(conn->cache, conn->my, sql);
        if (mysql_stmt_prepare(tg_dbstmt_handle(stmt), sql, strlen(sql)) != 0)
            return fail_stmt(conn, stmt, TG_DBPHASE_PREPARE, err_r);
        tg_dbstmt_prepared(stmt);
    }
    *stmt_r = stmt;
    return 0;
}

static enum tg_dbphase phase_of(const struct tg_sqlconn *conn, const char *sql)
{
    if (conn->in_tx)
        return TG_DBPHASE_TX;
    return tg_dbsession_is_read(sql) ? TG_DBPHASE_READ : TG_DBPHASE_WRITE;
}

/* What is left when the answer did not come. */
static int lose_answer(struct tg_sqlconn *conn, enum tg_dbphase phase, struct tg_err *err_r)
{
    disconnect(conn);
    return tg_dbsession_error(phase, CR_SERVER_LOST, "lost connection (fault point)", err_r);
}

/* Prepares, binds, executes. A result with columns has its rows still to be fetched. */
static int execute(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                   struct tg_dbstmt **stmt_r, struct tg_dbresult **res_r, bool *has_rows_r, struct tg_err *err_r)
{
    if (ensure_connected(conn, err_r) != 0 || prepare(conn, sql, stmt_r, err_r) != 0 ||
        tg_dbstmt_bind(*stmt_r, values, n_values, err_r) != 0)
        return -1;
    if (mysql_stmt_execute(tg_dbstmt_handle(*stmt_r)) != 0)
        return fail_stmt(conn, *stmt_r, phase_of(conn, sql), err_r);
    if (TG_FAULT("db_query_lost_reply"))
        return lose_answer(conn, phase_of(conn, sql), err_r);
    *res_r = tg_dbstmt_executed(*stmt_r, has_rows_r);
    return 0;
}

/* 1: the next row is fetched, 0: there is none, -1. */
static int fetch(struct tg_sqlconn *conn, struct tg_dbstmt *stmt, const char *sql, struct tg_err *err_r)
{
    int status = mysql_stmt_fetch(tg_dbstmt_handle(stmt));
    if (status == 0 || status == MYSQL_DATA_TRUNCATED)
        return 1;
    return status == MYSQL_NO_DATA ? 0 : fail_stmt(conn, stmt, phase_of(conn, sql), err_r);
}

int tg_sqlconn_query(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                     struct tg_dbresult **res_r, struct tg_err *err_r)
{
    struct tg_dbstmt *stmt;
    struct tg_dbresult *res;
    bool has_rows;
    int found = 0;
    if (execute(conn, sql, values, n_values, &stmt, &res, &has_rows, err_r) != 0)
        return -1;
    while (has_rows && (found = fetch(conn, stmt, sql, err_r)) == 1) {
        if (tg_dbstmt_read_row(stmt, res, err_r) != 0) {
            tg_dbstmt_finished(stmt);
            found = -1;
            break;
        }
    }
    if (found == -1) {
        tg_dbresult_free(&res);
        return -1;
    }
    tg_dbstmt_finished(stmt);
    if (res_r != NULL)
        *res_r = res;
    else
        tg_dbresult_free(&res);
    return 0;
}

int tg_sqlconn_each(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                    tg_sqlconn_row_fn *fn, void *arg, struct tg_err *err_r)
{
    struct tg_dbstmt *stmt;
    struct tg_dbresult *res;
    bool has_rows;
    int status = 0;
    if (execute(conn, sql, values, n_values, &stmt, &res, &has_rows, err_r) != 0)
        return -1;
    conn->is_busy = true; /* fn must not use this connection: the rest of the rows is still on its way */
    while (has_rows && (status = fetch(conn, stmt, sql, err_r)) == 1) {
        tg_dbresult_reset_rows(res);
        status = tg_dbstmt_read_row(stmt, res, err_r);
        if (status != 0) {
            tg_dbstmt_finished(stmt);
            break;
        }
        if (fn(tg_dbresult_cell(res, 0, 0), tg_dbresult_n_columns(res), arg) != 0)
            break;
    }
    conn->is_busy = false;
    tg_dbresult_free(&res);
    if (status < 0)
        return -1;
    tg_dbstmt_finished(stmt);
    return 0;
}

static int execute_bulk(struct tg_sqlconn *conn, struct tg_dbstmt *stmt, const struct tg_dbval *values, size_t n_values,
                        size_t n_rows, enum tg_dbphase phase, uint64_t *affected, struct tg_err *err_r)
{
    struct tg_dbbulk *bulk = tg_dbstmt_bind_bulk(stmt, values, n_values, n_rows, err_r);
    if (bulk == NULL)
        return -1;
    int status = mysql_stmt_execute(tg_dbstmt_handle(stmt));
    if (status == 0 && TG_FAULT("db_query_lost_reply"))
        status = lose_answer(conn, phase, err_r);
    else if (status != 0)
        status = fail_stmt(conn, stmt, phase, err_r);
    else
        *affected += mysql_stmt_affected_rows(tg_dbstmt_handle(stmt));
    /* A lost connection took its statements with it. */
    tg_dbstmt_unbind_bulk(conn->my == NULL ? NULL : stmt, &bulk);
    return status;
}

/* How many of the rows fit into a packet. At least one. */
static size_t chunk_len(const struct tg_dbval *values, size_t n_values, size_t n_rows)
{
    size_t bytes = 0;
    for (size_t row = 0; row < n_rows && row < BULK_ROWS_MAX; row++) {
        for (size_t i = 0; i < n_values; i++) {
            const struct tg_dbval *value = &values[row * n_values + i];
            bytes += 48 + (value->type == TG_DB_BYTES ? value->len : 0);
        }
        if (bytes > BULK_BYTES_MAX)
            return row == 0 ? 1 : row;
    }
    return n_rows < BULK_ROWS_MAX ? n_rows : BULK_ROWS_MAX;
}

int tg_sqlconn_bulk(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                    size_t n_rows, uint64_t *affected_r, struct tg_err *err_r)
{
    struct tg_dbstmt *stmt;
    uint64_t affected = 0;
    if (n_rows > 0 && (ensure_connected(conn, err_r) != 0 || prepare(conn, sql, &stmt, err_r) != 0))
        return -1;
    for (size_t row = 0; row < n_rows;) {
        const struct tg_dbval *chunk = values + row * n_values;
        size_t n = chunk_len(chunk, n_values, n_rows - row);
        if (execute_bulk(conn, stmt, chunk, n_values, n, phase_of(conn, sql), &affected, err_r) != 0)
            return -1;
        row += n;
    }
    if (affected_r != NULL)
        *affected_r = affected;
    return 0;
}

int tg_sqlconn_begin(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    static const char sql[] = "START TRANSACTION";
    assert(!conn->in_tx);
    if (ensure_connected(conn, err_r) != 0)
        return -1;
    if (mysql_real_query(conn->my, sql, strlen(sql)) != 0)
        return fail(conn, TG_DBPHASE_TX, err_r);
    conn->in_tx = true;
    conn->tx_lost = false;
    return 0;
}

int tg_sqlconn_commit(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    assert(conn->in_tx && !conn->is_busy);
    int status = ensure_connected(conn, err_r);
    conn->in_tx = conn->tx_lost = false;
    if (status != 0)
        return -1;
    if (mysql_real_query(conn->my, "COMMIT", strlen("COMMIT")) != 0) {
        fail(conn, TG_DBPHASE_COMMIT, err_r);
        disconnect(conn); /* whatever state it is in, the next one begins afresh */
        return -1;
    }
    if (TG_FAULT("db_commit_lost_reply"))
        return lose_answer(conn, TG_DBPHASE_COMMIT, err_r);
    return 0;
}

void tg_sqlconn_rollback(struct tg_sqlconn *conn)
{
    assert(conn->in_tx && !conn->is_busy);
    bool lost = conn->tx_lost;
    conn->in_tx = conn->tx_lost = false;
    if (!lost && mysql_real_query(conn->my, "ROLLBACK", strlen("ROLLBACK")) != 0)
        disconnect(conn); /* the server rolls back what it has of it */
}

int tg_sqlconn_script(struct tg_sqlconn *conn, const char *sql, size_t len, struct tg_err *err_r)
{
    if (ensure_connected(conn, err_r) != 0)
        return -1;
    /* Several statements in one text: only here, so that nothing else could be made to run a second one. */
    if (mysql_set_server_option(conn->my, MYSQL_OPTION_MULTI_STATEMENTS_ON) != 0)
        return fail(conn, TG_DBPHASE_PREPARE, err_r);
    int status = mysql_real_query(conn->my, sql, len);
    while (status == 0) {
        MYSQL_RES *rows = mysql_store_result(conn->my);
        if (rows != NULL)
            mysql_free_result(rows);
        else if (mysql_errno(conn->my) != 0)
            break;
        status = mysql_next_result(conn->my); /* -1: that was the last */
    }
    if (status != -1)
        return fail(conn, TG_DBPHASE_WRITE, err_r);
    if (mysql_set_server_option(conn->my, MYSQL_OPTION_MULTI_STATEMENTS_OFF) != 0)
        disconnect(conn);
    return 0;
}

/* dbconn - libmariadb's non-blocking calls as a chain of steps.
 *
 * Each step is a pair mysql_…_start/_cont. Both return what to wait for, or 0
 * when the step is done, which a _start may be at once; advance() then goes on to
 * the next step without waiting. So an operation can end inside the call that
 * began it: its callback is then deferred (`is_starting`).
 *
 *   connect:  CONNECT → SETUP
 *   query:    [STATEMENT_TIME →] [PREPARE →] EXECUTE → FETCH … FETCH
 *   command:  [STATEMENT_TIME →] COMMAND
 *
 * Rows are fetched one by one and never stored by libmariadb, so that the limits
 * on a result hold while it arrives.
 *
 * max_statement_time is the server's own bound on a statement whose client has
 * given up. It is a session variable, and setting it costs a round trip; so the
 * remaining time is rounded up to a power of four seconds and set only when that
 * changes. The exact deadline is our timer's.
 *
 * The socket is always watched for reading: waiting costs no system call, and an
 * idle connection that becomes readable has been closed by the server.
 */
#include "io/dbconn.h"

#include <assert.h>
#include <errmsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/mem.h"
#include "io/dbresult.h"
#include "io/dbstmt.h"

#define STATEMENT_TIME_FIRST_S 64
#define CONNECT_STEPS_MAX 64 /* addresses that are tried */

enum step {
    STEP_NONE,
    STEP_CONNECT,
    STEP_SETUP,
    STEP_STATEMENT_TIME,
    STEP_PREPARE,
    STEP_EXECUTE,
    STEP_FETCH,
    STEP_COMMAND
};

struct tg_dbconn {
    struct tg_loop *loop;
    const struct tg_dburl *url;
    tg_loop_fn *on_lost;
    void *on_lost_arg;
    MYSQL *my; /* NULL: never connected, or closed */
    struct tg_dbstmt_cache *cache;
    struct tg_watch *watch;
    unsigned statement_time_s; /* of the session */
    unsigned wanted_statement_time_s;
    char text[TG_DBSESSION_SQL_SIZE]; /* of SETUP and STATEMENT_TIME */
    char *host;

    /* The running operation */
    enum step step;
    bool is_starting; /* the call that began it has not returned */
    int wait_status; /* MYSQL_WAIT_… of the step */
    struct tg_timer deadline;
    struct tg_dbconn_query query; /* of a command: sql and phase */
    bool is_command;
    tg_db_result_fn *fn;
    void *arg;
    struct tg_dbstmt *stmt;
    struct tg_dbresult *res;
    struct tg_err err; /* of an end that is deferred */
    bool failed;
    int ret; /* of the step */
    MYSQL *ret_my;
};

static void on_ready(int events, void *arg);

struct tg_dbconn *tg_dbconn_new(struct tg_loop *loop, const struct tg_dburl *url, tg_loop_fn *on_lost, void *arg)
{
    tg_dbsession_init_library();
    struct tg_dbconn *conn = TG_NEW(struct tg_dbconn);
    conn->loop = loop;
    conn->url = url;
    conn->on_lost = on_lost;
    conn->on_lost_arg = arg;
    return conn;
}

/* Closes at once, whatever is going on: with the socket shut down, mysql_close() has nothing to wait for. */
static void close_now(struct tg_dbconn *conn)
{
    if (conn->my == NULL)
        return;
    tg_watch_free(&conn->watch);
    int fd = mysql_get_socket(conn->my); /* -1 when libmariadb has closed it already */
    if (fd != -1 && conn->step != STEP_NONE)
        shutdown(fd, SHUT_RDWR);
    mysql_close(conn->my);
    conn->my = NULL;
    conn->stmt = NULL;
    tg_dbstmt_cache_free(&conn->cache);
}

void tg_dbconn_free(struct tg_dbconn **conn_p)
{
    struct tg_dbconn *conn = *conn_p;
    if (conn == NULL)
        return;
    assert(conn->step == STEP_NONE);
    close_now(conn);
    free(conn->host);
    free(conn);
    *conn_p = NULL;
}

bool tg_dbconn_is_usable(const struct tg_dbconn *conn)
{
    return conn->my != NULL && conn->step == STEP_NONE;
}

/* --- the end of an operation ---------------------------------------------------------------------------------------- */

/* There is no watch yet when nothing had to be waited for: a server can be that fast. */
static void watch(struct tg_dbconn *conn, int events)
{
    if (conn->watch == NULL)
        conn->watch = tg_watch_new(conn->loop, mysql_get_socket(conn->my), on_ready, conn);
    tg_watch_set(conn->watch, events);
}

static void end(struct tg_dbconn *conn)
{
    struct tg_dbresult *res = conn->res;
    struct tg_err err = conn->err;
    bool failed = conn->failed;
    assert(!failed || res == NULL);
    tg_timer_stop(conn->loop, &conn->deadline);
    conn->step = STEP_NONE;
    conn->stmt = NULL;
    conn->res = NULL;
    conn->failed = false;
    conn->fn(res, failed ? &err : NULL, conn->arg); /* may begin the next operation or free conn */
}

static void on_end_deferred(void *arg)
{
    end(arg);
}

static void finish(struct tg_dbconn *conn)
{
    if (conn->my != NULL)
        watch(conn, TG_WATCH_READ);
    if (!conn->is_starting) {
        end(conn);
        return;
    }
    tg_timer_stop(conn->loop, &conn->deadline); /* it must not end twice */
    tg_loop_defer(conn->loop, on_end_deferred, conn);
}

/* conn->err says why. */
static void finish_failed(struct tg_dbconn *conn)
{
    tg_dbresult_free(&conn->res);
    conn->failed = true;
    finish(conn);
}

/* Which part of the operation was running: before EXECUTE nothing can have happened. */
static enum tg_dbphase running_phase(const struct tg_dbconn *conn)
{
    switch (conn->step) {
    case STEP_CONNECT:
    case STEP_SETUP: return TG_DBPHASE_CONNECT;
    case STEP_EXECUTE:
    case STEP_FETCH:
    case STEP_COMMAND: return conn->query.phase;
    default: return TG_DBPHASE_PREPARE;
    }
}

static void finish_with_native(struct tg_dbconn *conn, unsigned native, const char *text)
{
    if (native == 0)
        native = CR_UNKNOWN_ERROR;
    tg_dbsession_error(running_phase(conn), native, text, &conn->err);
    if (conn->step == STEP_CONNECT || conn->step == STEP_SETUP || tg_dbsession_error_is_fatal(native))
        close_now(conn);
    else if (conn->step == STEP_PREPARE)
        tg_dbstmt_cache_drop(conn->cache, &conn->stmt);
    else if (conn->stmt != NULL)
        tg_dbstmt_finished(conn->stmt);
    finish_failed(conn);
}

static void finish_lost(struct tg_dbconn *conn)
{
    finish_with_native(conn, CR_SERVER_LOST, "lost connection (fault point)");
}

static void on_deadline(void *arg)
{
    struct tg_dbconn *conn = arg;
    enum tg_dbphase phase = running_phase(conn);
    bool may_have_happened = phase == TG_DBPHASE_WRITE || phase == TG_DBPHASE_COMMIT;
    tg_err_set(&conn->err, may_have_happened ? TG_ERR_UNCERTAIN : TG_ERR_UPSTREAM, "database: %s",
               phase == TG_DBPHASE_CONNECT ? "no connection within its time" : "no answer before the deadline");
    /* Told of the timeout, a connecting libmariadb frees what it holds; otherwise that would leak. */
    for (int i = 0; i < CONNECT_STEPS_MAX && conn->step == STEP_CONNECT && conn->wait_status != 0; i++)
        conn->wait_status = mysql_real_connect_cont(&conn->ret_my, conn->my, MYSQL_WAIT_TIMEOUT);
    close_now(conn);
    finish_failed(conn);
}

/* --- steps ------------------------------------------------------------------------------------------------------------ */

static int start_connect(struct tg_dbconn *conn)
{
    const struct tg_dburl *url = conn->url;
    return mysql_real_connect_start(&conn->ret_my, conn->my, conn->host, url->user, url->password, url->database,
                                    url->port, url->socket, 0);
}

static int start_text(struct tg_dbconn *conn, const char *sql)
{
    return mysql_real_query_start(&conn->ret, conn->my, sql, strlen(sql));
}

static int start_step(struct tg_dbconn *conn)
{
    switch (conn->step) {
    case STEP_CONNECT: return start_connect(conn);
    case STEP_SETUP:
        tg_dbsession_setup_sql(conn->my, false, STATEMENT_TIME_FIRST_S, conn->text);
        return start_text(conn, conn->text);
    case STEP_STATEMENT_TIME:
        snprintf(conn->text, sizeof(conn->text), "SET max_statement_time=%u", conn->wanted_statement_time_s);
        return start_text(conn, conn->text);
    case STEP_PREPARE:
        return mysql_stmt_prepare_start(&conn->ret, tg_dbstmt_handle(conn->stmt), conn->query.sql,
                                        strlen(conn->query.sql));
    case STEP_EXECUTE: return mysql_stmt_execute_start(&conn->ret, tg_dbstmt_handle(conn->stmt));
    case STEP_FETCH: return mysql_stmt_fetch_start(&conn->ret, tg_dbstmt_handle(conn->stmt));
    case STEP_COMMAND: return start_text(conn, conn->query.sql);
    default: abort();
    }
}

static int continue_step(struct tg_dbconn *conn, int status)
{
    switch (conn->step) {
    case STEP_CONNECT: return mysql_real_connect_cont(&conn->ret_my, conn->my, status);
    case STEP_SETUP:
    case STEP_STATEMENT_TIME:
    case STEP_COMMAND: return mysql_real_query_cont(&conn->ret, conn->my, status);
    case STEP_PREPARE: return mysql_stmt_prepare_cont(&conn->ret, tg_dbstmt_handle(conn->stmt), status);
    case STEP_EXECUTE: return mysql_stmt_execute_cont(&conn->ret, tg_dbstmt_handle(conn->stmt), status);
    case STEP_FETCH: return mysql_stmt_fetch_cont(&conn->ret, tg_dbstmt_handle(conn->stmt), status);
    default: abort();
    }
}

/* The result's limits and types. False: the operation has ended. */
static bool take_row(struct tg_dbconn *conn)
{
    if (tg_dbstmt_read_row(conn->stmt, conn->res, &conn->err) == 0) {
        if (tg_dbresult_n_rows(conn->res) <= conn->query.rows_max &&
            tg_dbresult_size(conn->res) <= conn->query.bytes_max)
            return true;
        tg_err_set(&conn->err, TG_ERR_INPUT, "the result is too large: at most %zu rows and %zu bytes",
                   conn->query.rows_max, conn->query.bytes_max);
    }
    close_now(conn); /* the rest of the rows is on its way: cheaper to leave than to read */
    finish_failed(conn);
    return false;
}

/* Statement found or made, parameters bound: what is next. STEP_NONE: it has ended. */
static enum step begin_statement(struct tg_dbconn *conn)
{
    conn->stmt = tg_dbstmt_cache_find(conn->cache, conn->query.sql);
    if (conn->stmt == NULL) {
        conn->stmt = tg_dbstmt_cache_add(conn->cache, conn->my, conn->query.sql);
        return STEP_PREPARE;
    }
    if (tg_dbstmt_bind(conn->stmt, conn->query.values, conn->query.n_values, &conn->err) == 0)
        return STEP_EXECUTE;
    conn->stmt = NULL;
    finish_failed(conn);
    return STEP_NONE;
}

static enum step after_prepare(struct tg_dbconn *conn)
{
    tg_dbstmt_prepared(conn->stmt);
    if (tg_dbstmt_bind(conn->stmt, conn->query.values, conn->query.n_values, &conn->err) == 0)
        return STEP_EXECUTE;
    finish_failed(conn);
    return STEP_NONE;
}

static enum step after_execute(struct tg_dbconn *conn)
{
    bool has_rows;
    if (TG_FAULT("db_query_lost_reply")) {
        finish_lost(conn);
        return STEP_NONE;
    }
    conn->res = tg_dbstmt_executed(conn->stmt, &has_rows);
    if (has_rows)
        return STEP_FETCH;
    tg_dbstmt_finished(conn->stmt);
    finish(conn);
    return STEP_NONE;
}

static enum step after_fetch(struct tg_dbconn *conn)
{
    if (conn->ret == 0 || conn->ret == MYSQL_DATA_TRUNCATED)
        return take_row(conn) ? STEP_FETCH : STEP_NONE;
    assert(conn->ret == MYSQL_NO_DATA);
    tg_dbstmt_finished(conn->stmt);
    finish(conn);
    return STEP_NONE;
}

static enum step after_command(struct tg_dbconn *conn)
{
    if (conn->query.phase == TG_DBPHASE_COMMIT && TG_FAULT("db_commit_lost_reply"))
        finish_lost(conn);
    else
        finish(conn);
    return STEP_NONE;
}

static bool step_failed(const struct tg_dbconn *conn)
{
    if (conn->step == STEP_CONNECT)
        return conn->ret_my == NULL;
    return conn->ret != 0 &&
           !(conn->step == STEP_FETCH && (conn->ret == MYSQL_NO_DATA || conn->ret == MYSQL_DATA_TRUNCATED));
}

/* The step that follows the one that is done. STEP_NONE: the operation has ended (and conn may be gone). */
static enum step next_step(struct tg_dbconn *conn)
{
    if (step_failed(conn)) {
        bool in_statement = conn->step >= STEP_PREPARE && conn->step <= STEP_FETCH;
        if (in_statement && mysql_stmt_errno(tg_dbstmt_handle(conn->stmt)) != 0)
            finish_with_native(conn, mysql_stmt_errno(tg_dbstmt_handle(conn->stmt)),
                               mysql_stmt_error(tg_dbstmt_handle(conn->stmt)));
        else /* libmariadb leaves what comes instead of a row, like a lock's timeout, with the connection */
            finish_with_native(conn, mysql_errno(conn->my), mysql_error(conn->my));
        return STEP_NONE;
    }
    switch (conn->step) {
    case STEP_CONNECT: return STEP_SETUP;
    case STEP_SETUP:
        conn->statement_time_s = STATEMENT_TIME_FIRST_S;
        finish(conn);
        return STEP_NONE;
    case STEP_STATEMENT_TIME:
        conn->statement_time_s = conn->wanted_statement_time_s;
        return conn->is_command ? STEP_COMMAND : begin_statement(conn);
    case STEP_PREPARE: return after_prepare(conn);
    case STEP_EXECUTE: return after_execute(conn);
    case STEP_FETCH: return after_fetch(conn);
    case STEP_COMMAND: return after_command(conn);
    default: abort();
    }
}

/* Waits for what libmariadb wants to wait for. */
static void wait_for(struct tg_dbconn *conn, int status)
{
    conn->wait_status = status;
    if (conn->step == STEP_CONNECT) /* it tries one address after the other: another socket, perhaps the same number */
        tg_watch_free(&conn->watch);
    watch(conn, ((status & MYSQL_WAIT_READ) != 0 ? TG_WATCH_READ : 0) |
                    ((status & MYSQL_WAIT_WRITE) != 0 ? TG_WATCH_WRITE : 0));
}

/* status: of the step that was just started or continued. */
static void advance(struct tg_dbconn *conn, int status)
{
    while (status == 0) {
        conn->wait_status = 0;
        enum step next = next_step(conn);
        if (next == STEP_NONE)
            return;
        conn->step = next;
        status = start_step(conn);
    }
    wait_for(conn, status);
}

static void on_ready(int events, void *arg)
{
    struct tg_dbconn *conn = arg;
    if (conn->step == STEP_NONE) {
        close_now(conn);
        conn->on_lost(conn->on_lost_arg);
        return;
    }
    int status =
        ((events & TG_WATCH_READ) != 0 ? MYSQL_WAIT_READ : 0) | ((events & TG_WATCH_WRITE) != 0 ? MYSQL_WAIT_WRITE : 0);
    if ((status & conn->wait_status) != 0) /* 0: it has ended already and waits for its deferred callback */
        advance(conn, continue_step(conn, status & conn->wait_status));
}

/* --- the beginning of an operation --------------------------------------------------------------------------------- */

static void begin(struct tg_dbconn *conn, enum step step, uint64_t timeout_ms)
{
    conn->step = step;
    conn->is_starting = true;
    conn->wait_status = 0;
    tg_timer_start(conn->loop, &conn->deadline, timeout_ms, on_deadline, conn);
    if (step == STEP_PREPARE)
        step = begin_statement(conn);
    if (step != STEP_NONE) {
        conn->step = step;
        advance(conn, start_step(conn));
    }
    conn->is_starting = false;
}

static uint64_t remaining_ms(const struct tg_dbconn *conn, uint64_t deadline_ms)
{
    uint64_t now_ms = tg_loop_now_ms(conn->loop);
    return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

static unsigned statement_time_s(uint64_t timeout_ms)
{
    unsigned seconds = 1;
    while (seconds < 4096 && (uint64_t)seconds * 1000 < timeout_ms)
        seconds *= 4;
    return seconds;
}

static void set_operation(struct tg_dbconn *conn, tg_db_result_fn *fn, void *arg)
{
    assert(conn->step == STEP_NONE && fn != NULL);
    conn->fn = fn;
    conn->arg = arg;
    conn->err = (struct tg_err){0};
}

void tg_dbconn_connect(struct tg_dbconn *conn, const char *host, uint32_t timeout_ms, tg_db_result_fn *fn, void *arg)
{
    assert(conn->my == NULL);
    set_operation(conn, fn, arg);
    conn->query = (struct tg_dbconn_query){.phase = TG_DBPHASE_CONNECT};
    free(conn->host);
    conn->host = host == NULL ? NULL : tg_strdup(host);
    conn->my = mysql_init(NULL);
    assert(conn->my != NULL);
    mysql_options(conn->my, MYSQL_OPT_NONBLOCK, 0);
    tg_dbsession_set_options(conn->my, conn->url, timeout_ms / 1000 + 1, 0);
    conn->cache = tg_dbstmt_cache_new(TG_DB_STATEMENTS_MAX);
    if (!TG_FAULT("db_connect_refused")) {
        begin(conn, STEP_CONNECT, timeout_ms);
        return;
    }
    conn->is_starting = true;
    conn->step = STEP_CONNECT;
    finish_with_native(conn, CR_CONN_HOST_ERROR, "refused (fault point)");
    conn->is_starting = false;
}

void tg_dbconn_query(struct tg_dbconn *conn, const struct tg_dbconn_query *query, tg_db_result_fn *fn, void *arg)
{
    assert(tg_dbconn_is_usable(conn));
    set_operation(conn, fn, arg);
    conn->query = *query;
    conn->is_command = false;
    uint64_t timeout_ms = remaining_ms(conn, query->deadline_ms);
    conn->wanted_statement_time_s = statement_time_s(timeout_ms);
    begin(conn, conn->wanted_statement_time_s != conn->statement_time_s ? STEP_STATEMENT_TIME : STEP_PREPARE,
          timeout_ms);
}

void tg_dbconn_command(struct tg_dbconn *conn, const char *sql, enum tg_dbphase phase, uint64_t deadline_ms,
                       tg_db_result_fn *fn, void *arg)
{
    assert(tg_dbconn_is_usable(conn));
    set_operation(conn, fn, arg);
    conn->query = (struct tg_dbconn_query){.sql = sql, .phase = phase, .deadline_ms = deadline_ms};
    conn->is_command = true;
    begin(conn, STEP_COMMAND, remaining_ms(conn, deadline_ms));
}

void tg_dbconn_abort(struct tg_dbconn *conn)
{
    /* Not armed: nothing runs, or it has ended and only its callback is still to come. */
    if (tg_timer_is_armed(&conn->deadline))
        tg_timer_start(conn->loop, &conn->deadline, 0, on_deadline, conn);
}

/* dbpool - connections of one loop thread and the operations that wait for one.
 *
 * A connection (struct member) is on exactly one list: connecting, idle or busy;
 * move() is the only place that changes it. Operations wait in one queue, first
 * come first served; pump() gives idle connections to them and opens new ones
 * while there are more waiting than connecting.
 *
 * When an attempt to connect fails and no other connection is alive, everything
 * that waits fails with its reason: who waits for a dead database should hear of
 * it now and not at its deadline. The next attempt is then made no sooner than
 * the backoff allows; operations that come meanwhile wait for that attempt.
 *
 * A transaction pins a busy connection. When its deadline passes between two
 * operations, it is rolled back at once so that it holds no locks; the tx object
 * stays, failed, until its owner ends it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/dbconn.h"
#include "io/dbresult.h"
#include "io/resolve.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
#define ROLLBACK_TIMEOUT_MS 2000
#define RESULT_ROWS_MAX 10000
#define RESULT_BYTES_MAX (16u * 1024 * 1024)

enum member_state { MEMBER_CONNECTING, MEMBER_IDLE, MEMBER_BUSY, N_MEMBER_STATES }; /* each is a list of the pool */

struct member {
    h2o_linklist_t link;
    enum member_state state;
    struct tg_dbpool *pool;
    struct tg_dbconn *conn;
};

struct tg_dbpool {
    struct tg_loop *loop;
    struct tg_dburl url;
    struct tg_dbpool_settings set;
    h2o_linklist_t members[N_MEMBER_STATES];
    unsigned n_members[N_MEMBER_STATES];
    h2o_linklist_t waiting; /* struct op */
    size_t n_waiting;
    size_t n_alive; /* operations and transactions whose end is still to come: close waits for them */
    uint32_t backoff_ms;
    struct tg_timer reconnect;
    unsigned n_lost; /* connections to be replaced, for the statistics */
    unsigned seed;
    struct tg_dbpool_stats stats;
    bool is_closing;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

/* A statement or a BEGIN, from the call to its callback. Its values and their bytes are behind it. */
struct op {
    h2o_linklist_t link; /* waiting */
    struct tg_dbpool *pool;
    struct member *member;
    struct tg_dbtx *tx; /* the statement of a transaction, or NULL */
    const char *sql; /* NULL: begins a transaction */
    size_t n_values;
    uint64_t deadline_ms;
    struct tg_timer queue_deadline;
    tg_db_result_fn *fn;
    tg_db_tx_fn *tx_fn;
    void *arg;
    struct tg_err err; /* of a failure that is deferred */
    struct tg_dbval values[];
};

struct tg_dbtx {
    struct tg_dbpool *pool;
    struct member *member; /* NULL: it is lost, err says why */
    uint64_t deadline_ms;
    struct tg_timer deadline; /* armed between operations */
    struct tg_err err;
    bool is_running; /* an operation */
};

static void pump(struct tg_dbpool *pool);
static void on_connected(struct tg_dbresult *res, const struct tg_err *err, void *arg);

/* --- members -------------------------------------------------------------------------------------------------------- */

static void move(struct member *m, enum member_state state)
{
    struct tg_dbpool *pool = m->pool;
    h2o_linklist_unlink(&m->link);
    pool->n_members[m->state]--;
    m->state = state;
    h2o_linklist_insert(pool->members[state].next, &m->link); /* at the front: the idle one used last is the warmest */
    pool->n_members[state]++;
}

static void member_free(struct member *m)
{
    h2o_linklist_unlink(&m->link);
    m->pool->n_members[m->state]--;
    tg_dbconn_free(&m->conn);
    free(m);
}

static struct member *first_member(struct tg_dbpool *pool, enum member_state state)
{
    if (h2o_linklist_is_empty(&pool->members[state]))
        return NULL;
    return H2O_STRUCT_FROM_MEMBER(struct member, link, pool->members[state].next);
}

static void check_closed(struct tg_dbpool *pool)
{
    if (!pool->is_closing || pool->n_alive > 0 || pool->n_members[MEMBER_CONNECTING] + pool->n_members[MEMBER_BUSY] > 0)
        return;
    tg_loop_fn *done = pool->on_closed;
    void *arg = pool->on_closed_arg;
    assert(pool->n_waiting == 0 && pool->n_members[MEMBER_IDLE] == 0);
    tg_timer_stop(pool->loop, &pool->reconnect);
    tg_dburl_deinit(&pool->url);
    free(pool);
    if (done != NULL)
        done(arg);
}

/* The operation on a busy member has ended: it serves the next one, or is thrown away. */
static void release(struct member *m, bool is_clean)
{
    struct tg_dbpool *pool = m->pool;
    assert(m->state == MEMBER_BUSY);
    if (is_clean && tg_dbconn_is_usable(m->conn) && !pool->is_closing) {
        move(m, MEMBER_IDLE);
    } else {
        pool->n_lost += !pool->is_closing;
        member_free(m);
    }
    pump(pool);
}

static void on_idle_lost(void *arg)
{
    struct member *m = arg;
    struct tg_dbpool *pool = m->pool;
    if (m->state == MEMBER_BUSY)
        return; /* between two statements of a transaction, which finds out at the next one */
    assert(m->state == MEMBER_IDLE);
    pool->n_lost++;
    TG_LOG_INFO("db_connection_lost", TG_LOG_INT("connections", pool->n_members[MEMBER_IDLE] - 1));
    member_free(m);
}

/* --- operations ------------------------------------------------------------------------------------------------------ */

static struct op *op_new(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n_values,
                         uint64_t deadline_ms, void *arg)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_values; i++)
        n_bytes += values[i].type == TG_DB_BYTES ? values[i].len : 0;
    struct op *op = tg_malloc(sizeof(*op) + n_values * sizeof(*values) + n_bytes);
    *op = (struct op){.pool = pool, .sql = sql, .n_values = n_values, .deadline_ms = deadline_ms, .arg = arg};
    char *bytes = (char *)(op->values + n_values);
    for (size_t i = 0; i < n_values; i++) {
        op->values[i] = values[i];
        if (values[i].type != TG_DB_BYTES || values[i].len == 0)
            continue;
        memcpy(bytes, values[i].bytes, values[i].len);
        op->values[i].bytes = bytes;
        bytes += values[i].len;
    }
    pool->n_alive++;
    return op;
}

/* Gives the answer, frees op. The callback may do anything, also close the pool. */
static void op_end(struct op *op, struct tg_dbresult *res, struct tg_dbtx *tx, const struct tg_err *err)
{
    struct tg_dbpool *pool = op->pool;
    pool->stats.queries++;
    pool->stats.errors += err != NULL;
    if (op->tx_fn != NULL)
        op->tx_fn(tx, err, op->arg);
    else
        op->fn(res, err, op->arg);
    free(op);
    pool->n_alive--;
    check_closed(pool);
}

static void on_op_failed(void *arg)
{
    struct op *op = arg;
    op_end(op, NULL, NULL, &op->err);
}

static void op_fail_later(struct op *op, const struct tg_err *err)
{
    op->err = *err;
    tg_loop_defer(op->pool->loop, on_op_failed, op);
}

static void unqueue(struct op *op)
{
    h2o_linklist_unlink(&op->link);
    op->pool->n_waiting--;
    tg_timer_stop(op->pool->loop, &op->queue_deadline);
}

static void on_queue_deadline(void *arg)
{
    struct op *op = arg;
    struct tg_dbpool *pool = op->pool;
    struct tg_err err;
    bool has_connection = pool->n_members[MEMBER_IDLE] + pool->n_members[MEMBER_BUSY] > 0;
    unqueue(op);
    tg_err_set(&err, TG_ERR_BUSY,
               has_connection ? "no database connection was free before the deadline"
                              : "the database was not there before the deadline");
    op_end(op, NULL, NULL, &err);
}

static void fail_waiting(struct tg_dbpool *pool, const struct tg_err *err)
{
    while (!h2o_linklist_is_empty(&pool->waiting)) {
        struct op *op = H2O_STRUCT_FROM_MEMBER(struct op, link, pool->waiting.next);
        unqueue(op);
        op_fail_later(op, err);
    }
}

static void on_query_done(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct op *op = arg;
    struct tg_err copy = {0};
    if (err != NULL)
        copy = *err; /* releasing may free what it is in */
    release(op->member, op->sql != NULL || err == NULL); /* a failed COMMIT leaves we do not know what */
    op_end(op, res, NULL, err == NULL ? NULL : &copy);
}

static void on_tx_deadline(void *arg);

static void on_begin_done(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct op *op = arg;
    assert(res == NULL);
    if (err != NULL) {
        struct tg_err copy = *err;
        release(op->member, true);
        op_end(op, NULL, NULL, &copy);
        return;
    }
    struct tg_dbtx *tx = TG_NEW(struct tg_dbtx);
    *tx = (struct tg_dbtx){.pool = op->pool, .member = op->member, .deadline_ms = op->deadline_ms};
    op->pool->n_alive++;
    uint64_t now_ms = tg_loop_now_ms(op->pool->loop);
    tg_timer_start(op->pool->loop, &tx->deadline, tx->deadline_ms > now_ms ? tx->deadline_ms - now_ms : 0,
                   on_tx_deadline, tx);
    op_end(op, NULL, tx, NULL);
}

static void query_on(struct member *m, struct op *op, enum tg_dbphase phase, tg_db_result_fn *fn)
{
    const struct tg_dbpool_settings *set = &m->pool->set;
    const struct tg_dbconn_query query = {
        .sql = op->sql,
        .values = op->values,
        .n_values = op->n_values,
        .phase = phase,
        .deadline_ms = op->deadline_ms,
        .rows_max = set->result_rows_max,
        .bytes_max = set->result_bytes_max,
    };
    op->member = m;
    tg_dbconn_query(m->conn, &query, fn, op);
}

static void start_op(struct member *m, struct op *op)
{
    unqueue(op);
    move(m, MEMBER_BUSY);
    if (op->sql != NULL) {
        query_on(m, op, tg_dbsession_is_read(op->sql) ? TG_DBPHASE_READ : TG_DBPHASE_WRITE, on_query_done);
    } else {
        op->member = m;
        tg_dbconn_command(m->conn, "START TRANSACTION", TG_DBPHASE_TX, op->deadline_ms, on_begin_done, op);
    }
}

/* --- connecting ------------------------------------------------------------------------------------------------------ */

static void on_backoff_over(void *arg)
{
    pump(arg);
}

static void start_backoff(struct tg_dbpool *pool)
{
    uint32_t ms = pool->backoff_ms == 0 ? BACKOFF_FIRST_MS : pool->backoff_ms * 2;
    pool->backoff_ms = ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms;
    uint32_t jitter_ms = (uint32_t)rand_r(&pool->seed) % (pool->backoff_ms / 2 + 1);
    tg_timer_start(pool->loop, &pool->reconnect, pool->backoff_ms - jitter_ms, on_backoff_over, pool);
}

static void connect_failed(struct member *m, const struct tg_err *err)
{
    struct tg_dbpool *pool = m->pool;
    struct tg_err copy = *err;
    TG_LOG_WARN("db_connect_finished", TG_LOG_ERR(&copy), TG_LOG_INT("waiting", (int64_t)pool->n_waiting));
    pool->stats.errors++;
    member_free(m);
    if (!pool->is_closing && !tg_timer_is_armed(&pool->reconnect))
        start_backoff(pool);
    if (pool->n_members[MEMBER_IDLE] + pool->n_members[MEMBER_BUSY] == 0)
        fail_waiting(pool, &copy);
    check_closed(pool);
}

static void on_connected(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct member *m = arg;
    struct tg_dbpool *pool = m->pool;
    assert(res == NULL && m->state == MEMBER_CONNECTING);
    if (err != NULL) {
        connect_failed(m, err);
        return;
    }
    pool->backoff_ms = 0;
    if (pool->n_lost > 0) {
        pool->n_lost--;
        pool->stats.reconnects++;
    }
    move(m, MEMBER_BUSY);
    release(m, true);
    check_closed(pool);
}

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct member *m = arg;
    struct tg_dbpool *pool = m->pool;
    char address[TG_ADDRESS_TEXT_SIZE];
    struct tg_err closing;
    if (pool->is_closing) {
        tg_err_set(&closing, TG_ERR_UPSTREAM, "the pool is closing");
        err = &closing;
    }
    if (err != NULL) {
        connect_failed(m, err);
        return;
    }
    /* With TLS libmariadb checks the certificate against the name it connects to, so it gets the name and looks it
     * up once more: the resolver has just answered. */
    tg_address_format(&addresses->list[0], address);
    tg_dbconn_connect(m->conn, pool->url.tls_verify ? pool->url.host : address, pool->set.connect_timeout_ms,
                      on_connected, m);
}

static void connect_one(struct tg_dbpool *pool)
{
    struct member *m = TG_NEW(struct member);
    m->pool = pool;
    m->state = MEMBER_CONNECTING;
    m->conn = tg_dbconn_new(pool->loop, &pool->url, on_idle_lost, m);
    h2o_linklist_insert(&pool->members[MEMBER_CONNECTING], &m->link);
    pool->n_members[MEMBER_CONNECTING]++;
    if (pool->url.socket != NULL)
        tg_dbconn_connect(m->conn, NULL, pool->set.connect_timeout_ms, on_connected, m);
    else
        tg_resolve(pool->loop, NULL, pool->url.host, pool->url.port, on_resolved, m);
}

static bool may_connect(const struct tg_dbpool *pool)
{
    unsigned n = pool->n_members[MEMBER_CONNECTING] + pool->n_members[MEMBER_IDLE] + pool->n_members[MEMBER_BUSY];
    return !pool->is_closing && n < pool->set.connections_max && !tg_timer_is_armed(&pool->reconnect);
}

static void pump(struct tg_dbpool *pool)
{
    struct member *idle;
    while (pool->n_waiting > 0 && (idle = first_member(pool, MEMBER_IDLE)) != NULL)
        start_op(idle, H2O_STRUCT_FROM_MEMBER(struct op, link, pool->waiting.next));
    while (pool->n_waiting > pool->n_members[MEMBER_CONNECTING] && may_connect(pool))
        connect_one(pool);
}

/* --- the pool --------------------------------------------------------------------------------------------------------- */

struct tg_dbpool *tg_dbpool_new(struct tg_loop *loop, const struct tg_dburl *url, const struct tg_dbpool_settings *set)
{
    assert(set->connections_max > 0 && set->connect_timeout_ms > 0);
    struct tg_dbpool *pool = TG_NEW(struct tg_dbpool);
    pool->loop = loop;
    pool->set = *set;
    if (pool->set.result_rows_max == 0)
        pool->set.result_rows_max = RESULT_ROWS_MAX;
    if (pool->set.result_bytes_max == 0)
        pool->set.result_bytes_max = RESULT_BYTES_MAX;
    tg_dburl_copy(url, &pool->url);
    for (int i = 0; i < N_MEMBER_STATES; i++)
        h2o_linklist_init_anchor(&pool->members[i]);
    h2o_linklist_init_anchor(&pool->waiting);
    tg_random(&pool->seed, sizeof(pool->seed));
    return pool;
}

/* Deferred, so that the pool is never freed inside a call of its owner. */
static void on_close(void *arg)
{
    struct tg_dbpool *pool = arg;
    pool->n_alive--;
    check_closed(pool);
}

static void check_closed_later(struct tg_dbpool *pool)
{
    pool->n_alive++;
    tg_loop_defer(pool->loop, on_close, pool);
}

void tg_dbpool_close(struct tg_dbpool **pool_p, tg_loop_fn *done, void *arg)
{
    struct tg_dbpool *pool = *pool_p;
    struct tg_err err;
    struct member *idle;
    *pool_p = NULL;
    assert(!pool->is_closing);
    pool->is_closing = true;
    pool->on_closed = done;
    pool->on_closed_arg = arg;
    tg_timer_stop(pool->loop, &pool->reconnect);
    tg_err_set(&err, TG_ERR_UPSTREAM, "the server is shutting down");
    fail_waiting(pool, &err);
    while ((idle = first_member(pool, MEMBER_IDLE)) != NULL)
        member_free(idle);
    for (h2o_linklist_t *l = pool->members[MEMBER_CONNECTING].next; l != &pool->members[MEMBER_CONNECTING]; l = l->next)
        tg_dbconn_abort(H2O_STRUCT_FROM_MEMBER(struct member, link, l)->conn);
    check_closed_later(pool);
}

struct tg_dbpool_stats tg_dbpool_stats_get(const struct tg_dbpool *pool)
{
    struct tg_dbpool_stats stats = pool->stats;
    stats.busy = pool->n_members[MEMBER_BUSY];
    stats.connected = pool->n_members[MEMBER_BUSY] + pool->n_members[MEMBER_IDLE];
    stats.queued = pool->n_waiting;
    return stats;
}

/* Queues op, or fails it at once where waiting is no use. */
static void submit(struct op *op)
{
    struct tg_dbpool *pool = op->pool;
    struct tg_err err = {0};
    uint64_t now_ms = tg_loop_now_ms(pool->loop);
    if (pool->is_closing)
        tg_err_set(&err, TG_ERR_UPSTREAM, "the server is shutting down");
    else if (op->deadline_ms <= now_ms)
        tg_err_set(&err, TG_ERR_BUSY, "the deadline had passed before the statement was sent");
    else if (first_member(pool, MEMBER_IDLE) == NULL && pool->n_waiting >= pool->set.queue_len_max)
        tg_err_set(&err, TG_ERR_BUSY, "%zu operations wait for a database connection already", pool->n_waiting);
    if (err.code != TG_ERR_NONE) {
        op_fail_later(op, &err);
        return;
    }
    h2o_linklist_insert(&pool->waiting, &op->link);
    pool->n_waiting++;
    tg_timer_start(pool->loop, &op->queue_deadline, op->deadline_ms - now_ms, on_queue_deadline, op);
    pump(pool);
}

void tg_db_query(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n_values,
                 uint64_t deadline_ms, tg_db_result_fn *fn, void *arg)
{
    assert(sql != NULL && fn != NULL);
    struct op *op = op_new(pool, sql, values, n_values, deadline_ms, arg);
    op->fn = fn;
    submit(op);
}

/* --- transactions ----------------------------------------------------------------------------------------------------- */

void tg_db_tx_begin(struct tg_dbpool *pool, uint64_t deadline_ms, tg_db_tx_fn *fn, void *arg)
{
    assert(fn != NULL);
    struct op *op = op_new(pool, NULL, NULL, 0, deadline_ms, arg);
    op->tx_fn = fn;
    submit(op);
}

static void on_rolled_back(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct member *m = arg;
    struct tg_dbpool *pool = m->pool;
    assert(res == NULL);
    (void)err; /* a connection that cannot roll back is closed, and so rolled back */
    release(m, true);
    check_closed(pool);
}

/* Takes the connection away from tx, which stays as a failed one. */
static void tx_detach(struct tg_dbtx *tx, const struct tg_err *err)
{
    struct member *m = tx->member;
    tx->member = NULL;
    tx->err = *err;
    tg_timer_stop(tx->pool->loop, &tx->deadline);
    if (tg_dbconn_is_usable(m->conn))
        tg_dbconn_command(m->conn, "ROLLBACK", TG_DBPHASE_TX, tg_loop_now_ms(tx->pool->loop) + ROLLBACK_TIMEOUT_MS,
                          on_rolled_back, m);
    else
        release(m, true);
}

static void on_tx_deadline(void *arg)
{
    struct tg_dbtx *tx = arg;
    struct tg_err err;
    tg_err_set(&err, TG_ERR_UPSTREAM, "the deadline of the transaction has passed; it is rolled back");
    tx_detach(tx, &err);
}

/* What may have happened since its last statement: the timer may be due in this very turn, the connection lost. */
static void check_tx(struct tg_dbtx *tx)
{
    struct tg_err err;
    if (tx->member == NULL)
        return;
    if (!tg_dbconn_is_usable(tx->member->conn)) {
        tg_err_set(&err, TG_ERR_UPSTREAM, "the connection was lost inside the transaction, which is rolled back");
        tx_detach(tx, &err);
    } else if (tx->deadline_ms <= tg_loop_now_ms(tx->pool->loop)) {
        on_tx_deadline(tx);
    }
}

static void tx_free(struct tg_dbtx *tx)
{
    struct tg_dbpool *pool = tx->pool;
    tg_timer_stop(pool->loop, &tx->deadline);
    free(tx);
    pool->n_alive--;
}

static void on_tx_query_done(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct op *op = arg;
    struct tg_dbtx *tx = op->tx;
    struct tg_err copy = {0};
    tx->is_running = false;
    if (err != NULL)
        copy = *err;
    if (!tg_dbconn_is_usable(tx->member->conn)) {
        assert(err != NULL);
        tx_detach(tx, &copy);
    } else {
        uint64_t now_ms = tg_loop_now_ms(tx->pool->loop);
        tg_timer_start(tx->pool->loop, &tx->deadline, tx->deadline_ms > now_ms ? tx->deadline_ms - now_ms : 0,
                       on_tx_deadline, tx);
    }
    op_end(op, res, NULL, err == NULL ? NULL : &copy);
}

void tg_db_tx_query(struct tg_dbtx *tx, const char *sql, const struct tg_dbval *values, size_t n_values,
                    tg_db_result_fn *fn, void *arg)
{
    assert(!tx->is_running && sql != NULL && fn != NULL);
    struct op *op = op_new(tx->pool, sql, values, n_values, tx->deadline_ms, arg);
    op->fn = fn;
    op->tx = tx;
    check_tx(tx);
    if (tx->member == NULL) {
        op_fail_later(op, &tx->err);
        return;
    }
    tx->is_running = true;
    tg_timer_stop(tx->pool->loop, &tx->deadline); /* the connection has it while the statement runs */
    query_on(tx->member, op, TG_DBPHASE_TX, on_tx_query_done);
}

void tg_db_tx_commit(struct tg_dbtx *tx, tg_db_result_fn *fn, void *arg)
{
    assert(!tx->is_running && fn != NULL);
    struct op *op = op_new(tx->pool, NULL, NULL, 0, tx->deadline_ms, arg);
    op->fn = fn;
    check_tx(tx); /* too late to be sent: then it is certain that nothing happened */
    op->member = tx->member;
    if (tx->member == NULL)
        op_fail_later(op, &tx->err);
    else
        tg_dbconn_command(tx->member->conn, "COMMIT", TG_DBPHASE_COMMIT, tx->deadline_ms, on_query_done, op);
    tx_free(tx);
}

void tg_db_tx_rollback(struct tg_dbtx *tx)
{
    assert(!tx->is_running);
    struct tg_dbpool *pool = tx->pool;
    static const struct tg_err none;
    if (tx->member != NULL)
        tx_detach(tx, &none);
    tx_free(tx);
    if (pool->is_closing)
        check_closed_later(pool);
}

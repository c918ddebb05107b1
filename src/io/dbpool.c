/* dbpool - connections of one loop thread and the operations that wait for one.
 *
 * A connection (struct tg_dbmember) is on exactly one list: connecting, idle or busy;
 * move() is the only place that changes it. Operations wait in one queue, first
 * come first served; pump() gives idle connections to them and opens new ones
 * while there are more waiting than connecting.
 *
 * When an attempt to connect fails and no other connection is alive, everything
 * that waits fails with its reason: who waits for a dead database should hear of
 * it now and not at its deadline. The next attempt is then made no sooner than
 * the backoff allows; operations that come meanwhile wait for that attempt.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/dbpool_private.h"
#include "io/dbresult.h"
#include "io/resolve.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
#define RESULT_ROWS_MAX 10000
#define RESULT_BYTES_MAX (16u * 1024 * 1024)

static void pump(struct tg_dbpool *pool);

/* --- members -------------------------------------------------------------------------------------------------------- */

static void move(struct tg_dbmember *m, enum tg_dbmember_state state)
{
    struct tg_dbpool *pool = m->pool;
    h2o_linklist_unlink(&m->link);
    pool->n_members[m->state]--;
    m->state = state;
    h2o_linklist_insert(pool->members[state].next, &m->link); /* at the front: the idle one used last is the warmest */
    pool->n_members[state]++;
}

static void member_free(struct tg_dbmember *m)
{
    h2o_linklist_unlink(&m->link);
    m->pool->n_members[m->state]--;
    tg_dbconn_free(&m->conn);
    free(m);
}

static struct tg_dbmember *first_member(struct tg_dbpool *pool, enum tg_dbmember_state state)
{
    if (h2o_linklist_is_empty(&pool->members[state]))
        return NULL;
    return H2O_STRUCT_FROM_MEMBER(struct tg_dbmember, link, pool->members[state].next);
}

void tg_dbpool_check_closed(struct tg_dbpool *pool)
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

void tg_dbmember_release(struct tg_dbmember *m, bool is_clean)
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
    struct tg_dbmember *m = arg;
    struct tg_dbpool *pool = m->pool;
    if (m->state == MEMBER_BUSY)
        return; /* between two statements of a transaction, which finds out at the next one */
    assert(m->state == MEMBER_IDLE);
    pool->n_lost++;
    TG_LOG_INFO("db_connection_lost", TG_LOG_INT("connections", pool->n_members[MEMBER_IDLE] - 1));
    member_free(m);
}

/* --- operations ------------------------------------------------------------------------------------------------------ */

struct tg_dbop *tg_dbop_new(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n_values,
                            uint64_t deadline_ms, void *arg)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_values; i++)
        n_bytes += values[i].type == TG_DB_BYTES ? values[i].len : 0;
    struct tg_dbop *op = tg_malloc(sizeof(*op) + n_values * sizeof(*values) + n_bytes);
    *op = (struct tg_dbop){.pool = pool, .sql = sql, .n_values = n_values, .deadline_ms = deadline_ms, .arg = arg};
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

void tg_dbop_end(struct tg_dbop *op, struct tg_dbresult *res, struct tg_dbtx *tx, const struct tg_err *err)
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
    tg_dbpool_check_closed(pool);
}

static void on_op_failed(void *arg)
{
    struct tg_dbop *op = arg;
    tg_dbop_end(op, NULL, NULL, &op->err);
}

void tg_dbop_fail_later(struct tg_dbop *op, const struct tg_err *err)
{
    op->err = *err;
    tg_loop_defer(op->pool->loop, on_op_failed, op);
}

static void unqueue(struct tg_dbop *op)
{
    h2o_linklist_unlink(&op->link);
    op->pool->n_waiting--;
    tg_timer_stop(op->pool->loop, &op->queue_deadline);
}

static void on_queue_deadline(void *arg)
{
    struct tg_dbop *op = arg;
    struct tg_dbpool *pool = op->pool;
    struct tg_err err;
    bool has_connection = pool->n_members[MEMBER_IDLE] + pool->n_members[MEMBER_BUSY] > 0;
    unqueue(op);
    tg_err_set(&err, TG_ERR_BUSY,
               has_connection ? "no database connection was free before the deadline"
                              : "the database was not there before the deadline");
    tg_dbop_end(op, NULL, NULL, &err);
}

static void fail_waiting(struct tg_dbpool *pool, const struct tg_err *err)
{
    while (!h2o_linklist_is_empty(&pool->waiting)) {
        struct tg_dbop *op = H2O_STRUCT_FROM_MEMBER(struct tg_dbop, link, pool->waiting.next);
        unqueue(op);
        tg_dbop_fail_later(op, err);
    }
}

static void on_query_done(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_dbop *op = arg;
    struct tg_err copy = {0};
    if (err != NULL)
        copy = *err; /* releasing may free what it is in */
    tg_dbmember_release(op->member, true);
    tg_dbop_end(op, res, NULL, err == NULL ? NULL : &copy);
}

void tg_dbop_start_query(struct tg_dbmember *m, struct tg_dbop *op, enum tg_dbphase phase, tg_db_result_fn *fn)
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

static void start_op(struct tg_dbmember *m, struct tg_dbop *op)
{
    unqueue(op);
    move(m, MEMBER_BUSY);
    if (op->sql != NULL) {
        tg_dbop_start_query(m, op, tg_dbsession_is_read(op->sql) ? TG_DBPHASE_READ : TG_DBPHASE_WRITE, on_query_done);
    } else {
        op->member = m;
        tg_dbconn_command(m->conn, "START TRANSACTION", TG_DBPHASE_TX, op->deadline_ms, tg_dbop_on_begun, op);
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

static void connect_failed(struct tg_dbmember *m, const struct tg_err *err)
{
    struct tg_dbpool *pool = m->pool;
    struct tg_err copy = *err;
    TG_LOG_WARN("db_connect_finished", TG_LOG_ERR(&copy), TG_LOG_INT("waiting", (int64_t)pool->n_waiting));
    pool->stats.errors++;
    pool->n_failures++;
    member_free(m);
    if (!pool->is_closing && !tg_timer_is_armed(&pool->reconnect))
        start_backoff(pool);
    if (pool->n_members[MEMBER_IDLE] + pool->n_members[MEMBER_BUSY] == 0)
        fail_waiting(pool, &copy);
    tg_dbpool_check_closed(pool);
}

static void on_connected(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_dbmember *m = arg;
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
    tg_dbmember_release(m, true);
    tg_dbpool_check_closed(pool);
}

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct tg_dbmember *m = arg;
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
    /* A name may have an address where nobody listens (localhost is ::1, too): each failure turns to the next. */
    tg_address_format(&addresses->list[pool->n_failures % addresses->n], address);
    tg_dbconn_connect(m->conn, pool->url.tls_verify ? pool->url.host : address, pool->set.connect_timeout_ms,
                      on_connected, m);
}

static void connect_one(struct tg_dbpool *pool)
{
    struct tg_dbmember *m = TG_NEW(struct tg_dbmember);
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
    struct tg_dbmember *idle;
    while (pool->n_waiting > 0 && (idle = first_member(pool, MEMBER_IDLE)) != NULL)
        start_op(idle, H2O_STRUCT_FROM_MEMBER(struct tg_dbop, link, pool->waiting.next));
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

static void on_close(void *arg)
{
    struct tg_dbpool *pool = arg;
    pool->n_alive--;
    tg_dbpool_check_closed(pool);
}

void tg_dbpool_check_closed_later(struct tg_dbpool *pool)
{
    pool->n_alive++;
    tg_loop_defer(pool->loop, on_close, pool);
}

void tg_dbpool_close(struct tg_dbpool **pool_p, tg_loop_fn *done, void *arg)
{
    struct tg_dbpool *pool = *pool_p;
    struct tg_err err;
    struct tg_dbmember *idle;
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
        tg_dbconn_abort(H2O_STRUCT_FROM_MEMBER(struct tg_dbmember, link, l)->conn);
    tg_dbpool_check_closed_later(pool);
}

struct tg_dbpool_stats tg_dbpool_stats_get(const struct tg_dbpool *pool)
{
    struct tg_dbpool_stats stats = pool->stats;
    stats.busy = pool->n_members[MEMBER_BUSY];
    stats.connected = pool->n_members[MEMBER_BUSY] + pool->n_members[MEMBER_IDLE];
    stats.queued = pool->n_waiting;
    return stats;
}

void tg_dbop_submit(struct tg_dbop *op)
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
        tg_dbop_fail_later(op, &err);
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
    struct tg_dbop *op = tg_dbop_new(pool, sql, values, n_values, deadline_ms, arg);
    op->fn = fn;
    tg_dbop_submit(op);
}

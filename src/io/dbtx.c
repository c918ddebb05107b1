/* dbtx - transactions: a busy connection that is nobody else's until the end.
 *
 * A transaction pins a busy connection. When its deadline passes between two
 * operations, it is rolled back at once so that it holds no locks; the tx object
 * stays, failed, until its owner ends it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/dbpool_private.h"

#define ROLLBACK_TIMEOUT_MS 2000

struct tg_dbtx {
    struct tg_dbpool *pool;
    struct tg_dbmember *member; /* NULL: it is lost, err says why */
    uint64_t deadline_ms;
    struct tg_timer deadline; /* armed between operations */
    struct tg_err err;
    bool is_running; /* an operation */
};

static void on_tx_deadline(void *arg);

void tg_dbop_on_begun(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_dbop *op = arg;
    assert(res == NULL);
    if (err != NULL) {
        struct tg_err copy = *err;
        tg_dbmember_release(op->member, true);
        tg_dbop_end(op, NULL, NULL, &copy);
        return;
    }
    struct tg_dbtx *tx = TG_NEW(struct tg_dbtx);
    *tx = (struct tg_dbtx){.pool = op->pool, .member = op->member, .deadline_ms = op->deadline_ms};
    op->pool->n_alive++;
    uint64_t now_ms = tg_loop_now_ms(op->pool->loop);
    tg_timer_start(op->pool->loop, &tx->deadline, tx->deadline_ms > now_ms ? tx->deadline_ms - now_ms : 0,
                   on_tx_deadline, tx);
    tg_dbop_end(op, NULL, tx, NULL);
}

void tg_db_tx_begin(struct tg_dbpool *pool, uint64_t deadline_ms, tg_db_tx_fn *fn, void *arg)
{
    assert(fn != NULL);
    struct tg_dbop *op = tg_dbop_new(pool, NULL, NULL, 0, deadline_ms, arg);
    op->tx_fn = fn;
    tg_dbop_submit(op);
}

static void on_rolled_back(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_dbmember *m = arg;
    struct tg_dbpool *pool = m->pool;
    assert(res == NULL);
    (void)err; /* a connection that cannot roll back is closed, and so rolled back */
    tg_dbmember_release(m, true);
    tg_dbpool_check_closed(pool);
}

/* Takes the connection away from tx, which stays as a failed one. */
static void tx_detach(struct tg_dbtx *tx, const struct tg_err *err)
{
    struct tg_dbmember *m = tx->member;
    tx->member = NULL;
    tx->err = *err;
    tg_timer_stop(tx->pool->loop, &tx->deadline);
    if (tg_dbconn_is_usable(m->conn))
        tg_dbconn_command(m->conn, "ROLLBACK", TG_DBPHASE_TX, tg_loop_now_ms(tx->pool->loop) + ROLLBACK_TIMEOUT_MS,
                          on_rolled_back, m);
    else
        tg_dbmember_release(m, true);
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
    struct tg_dbop *op = arg;
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
    tg_dbop_end(op, res, NULL, err == NULL ? NULL : &copy);
}

void tg_db_tx_query(struct tg_dbtx *tx, const char *sql, const struct tg_dbval *values, size_t n_values,
                    tg_db_result_fn *fn, void *arg)
{
    assert(!tx->is_running && sql != NULL && fn != NULL);
    struct tg_dbop *op = tg_dbop_new(tx->pool, sql, values, n_values, tx->deadline_ms, arg);
    op->fn = fn;
    op->tx = tx;
    check_tx(tx);
    if (tx->member == NULL) {
        tg_dbop_fail_later(op, &tx->err);
        return;
    }
    tx->is_running = true;
    tg_timer_stop(tx->pool->loop, &tx->deadline); /* the connection has it while the statement runs */
    tg_dbop_start_query(tx->member, op, TG_DBPHASE_TX, on_tx_query_done);
}

static void on_committed(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_dbop *op = arg;
    struct tg_err copy = {0};
    assert(res == NULL);
    if (err != NULL)
        copy = *err; /* releasing may free what it is in */
    tg_dbmember_release(op->member, err == NULL); /* a failed COMMIT leaves we do not know what */
    tg_dbop_end(op, NULL, NULL, err == NULL ? NULL : &copy);
}

void tg_db_tx_commit(struct tg_dbtx *tx, tg_db_result_fn *fn, void *arg)
{
    assert(!tx->is_running && fn != NULL);
    struct tg_dbop *op = tg_dbop_new(tx->pool, NULL, NULL, 0, tx->deadline_ms, arg);
    op->fn = fn;
    check_tx(tx); /* too late to be sent: then it is certain that nothing happened */
    op->member = tx->member;
    if (tx->member == NULL)
        tg_dbop_fail_later(op, &tx->err);
    else
        tg_dbconn_command(tx->member->conn, "COMMIT", TG_DBPHASE_COMMIT, tx->deadline_ms, on_committed, op);
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
        tg_dbpool_check_closed_later(pool);
}

/* dbpool_private - what dbpool.c (connections, the queue) and dbtx.c (transactions)
 * share. Nobody else includes this.
 */
#ifndef TG_IO_DBPOOL_PRIVATE_H
#define TG_IO_DBPOOL_PRIVATE_H

#include "io/dbconn.h"

/* Each is a list of the pool. */
enum tg_dbmember_state { MEMBER_CONNECTING, MEMBER_IDLE, MEMBER_BUSY, N_MEMBER_STATES };

struct tg_dbmember {
    h2o_linklist_t link;
    enum tg_dbmember_state state;
    struct tg_dbpool *pool;
    struct tg_dbconn *conn;
};

struct tg_dbpool {
    struct tg_loop *loop;
    struct tg_dburl url;
    struct tg_dbpool_settings set;
    h2o_linklist_t members[N_MEMBER_STATES];
    unsigned n_members[N_MEMBER_STATES];
    h2o_linklist_t waiting; /* struct tg_dbop */
    size_t n_waiting;
    size_t n_alive; /* operations and transactions whose end is still to come: close waits for them */
    uint32_t backoff_ms;
    unsigned n_failures; /* chooses among the addresses of the host's name */
    struct tg_timer reconnect;
    unsigned n_lost; /* connections to be replaced, for the statistics */
    unsigned seed;
    struct tg_dbpool_stats stats;
    bool is_closing;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

/* A statement or a BEGIN, from the call to its callback. Its values and their bytes are behind it. */
struct tg_dbop {
    h2o_linklist_t link; /* waiting */
    struct tg_dbpool *pool;
    struct tg_dbmember *member;
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

/* Values and their bytes are copied. Counted by the pool until tg_dbop_end(). */
struct tg_dbop *tg_dbop_new(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n_values,
                            uint64_t deadline_ms, void *arg);
/* Queues op, or fails it at once where waiting is no use. */
void tg_dbop_submit(struct tg_dbop *op);
/* Sends op's statement on m, which is busy; fn gets op as its arg. */
void tg_dbop_start_query(struct tg_dbmember *m, struct tg_dbop *op, enum tg_dbphase phase, tg_db_result_fn *fn);
/* Gives the answer and frees op. The callback may do anything, also close the pool. */
void tg_dbop_end(struct tg_dbop *op, struct tg_dbresult *res, struct tg_dbtx *tx, const struct tg_err *err);
void tg_dbop_fail_later(struct tg_dbop *op, const struct tg_err *err);
/* The operation on a busy member has ended: it serves the next one, or is thrown away. */
void tg_dbmember_release(struct tg_dbmember *m, bool is_clean);
void tg_dbpool_check_closed(struct tg_dbpool *pool);
/* Next turn, so that the pool is never freed inside a call of its owner. */
void tg_dbpool_check_closed_later(struct tg_dbpool *pool);

/* START TRANSACTION has been answered on op's member (arg is the op): makes the tx. */
void tg_dbop_on_begun(struct tg_dbresult *res, const struct tg_err *err, void *arg);

#endif

/* engine - the ledger engine: the one place where charges move money.
 *
 * One plain thread a process, with blocking SQL and rule VMs of its own. Loop
 * threads validate, copy and submit; what queued while the last transaction
 * committed forms the next one (architecture.md, decision 5). A transaction:
 * lock the wallets it needs, ascending, SKIP LOCKED → read what is already there
 * → rate → decide in arrival order → write with a few bulk statements → commit.
 *
 * A permanent error rolls back and bisects the batch, so that a poisoned
 * operation fails alone; a lost COMMIT answer runs the same batch again and the
 * keys decide; 1020, 1205, 1213 roll back and run the whole batch again.
 */
#ifndef TG_CHARGE_ENGINE_H
#define TG_CHARGE_ENGINE_H

#include "charge/usage.h"
#include "io/db.h"
#include "io/loop.h"
#include "rt/vm.h"

struct tg_engine;

struct tg_engine_settings {
    size_t queue_events_max;  /* 0: 100000; beyond: BUSY */
    size_t batch_events_max;  /* 0: 5000 rows written in one transaction */
};
/* Connects lazily and keeps trying: a database that is down makes operations fail after their deadline, not the
 * engine. The rule VM is built from src. */
int tg_engine_new(const struct tg_dburl *url, struct tg_luasource *src, const struct tg_engine_settings *set,
                  struct tg_engine **engine_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Takes the rules of another generation: the next batch is rated with them. On failure the old go on. Any thread. */
int tg_engine_swap_rules(struct tg_engine *engine, struct tg_luasource *src, struct tg_err *err_r) TG_MUST_CHECK;
/* Answers what is queued, then joins. Sets *engine to NULL. */
void tg_engine_free(struct tg_engine **engine);

struct tg_usage_op { /* zeroed, then filled by the caller */
    struct tg_id caller_company;   /* events may name it or a company below it */
    struct tg_usage_batch *batch;  /* borrowed until the answer */
    const char *idempotency_key;   /* NULL: none. Borrowed until the answer */
    uint8_t request_hash[32];
    uint64_t deadline_mono_us;     /* not begun by then: BUSY */
};
/* On the submitting loop. err NULL: every event of the batch has its outcome and all that is ACCEPTED is durable.
 * Otherwise nothing of it is acknowledged (BUSY, UPSTREAM: nothing happened; UNCERTAIN; CONFLICT: the idempotency
 * key stands with another body). replay: the stored answer of the first request with this key (JSON), or NULL. */
typedef void tg_usage_done_fn(struct tg_usage_op *op, const char *replay, const struct tg_err *err, void *arg);
/* -1 (BUSY): the queue is full; done will not run. */
int tg_engine_submit_usage(struct tg_engine *engine, struct tg_loop *loop, struct tg_usage_op *op,
                           tg_usage_done_fn *done, void *arg, struct tg_err *err_r) TG_MUST_CHECK;

struct tg_engine_stats {
    uint64_t transactions, events, retries, bisections, skipped_locked;
    size_t queued_events;
};
struct tg_engine_stats tg_engine_stats_get(struct tg_engine *engine);

/* tg.ledger and tg.usage for application VMs: tg_vm_lib with the engine as context. */
int tg_charge_open_usage(lua_State *L);

#endif

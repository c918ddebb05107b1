/* engine - the ledger engine: the one place where charges move money.
 *
 * Lanes (charge/lane): plain threads with blocking SQL and rule VMs of their own. Two share the companies; a third takes
 * what meets locked wallets, and large uploads. Loop threads validate, copy and submit; what queued while the last transaction committed forms the next one, calls
 * first (src/README.md). A transaction: lock the wallets it needs, ascending, SKIP LOCKED → read what is already there
 * → rate and decide in arrival order → write with a few bulk statements → commit.
 *
 * A permanent error rolls back and bisects the batch, so that a poisoned
 * operation fails alone; a lost COMMIT answer runs the same batch again and the
 * keys decide; 1020, 1205, 1213 roll back and run the whole batch again.
 */
#ifndef TG_CHARGE_ENGINE_H
#define TG_CHARGE_ENGINE_H

#include "charge/op.h"
#include "io/db.h"
#include "io/loop.h"
#include "rt/vm.h"

struct tg_engine;
struct tg_rulebook; /* rt/rulebook.h */

struct tg_engine_settings {
    size_t queue_rows_max; /* 0: 100000; beyond: BUSY */
    size_t batch_rows_max; /* 0: 5000 rows written in one transaction */
};
/* Connects lazily and keeps trying: a database that is down makes operations fail after their deadline, not the
 * engine. It has the seats "engine", "engine-2" and "engine-slow" in book: a batch is decided with the newest rules there are when it
 * begins. Before there are rules that the database confirms nothing is charged, as when the database is away. */
struct tg_engine *tg_engine_new(const struct tg_dburl *url, struct tg_rulebook *book,
                                const struct tg_engine_settings *set);
/* Answers what is queued, then joins. Sets *engine to NULL. */
void tg_engine_free(struct tg_engine **engine);

/* -1 (BUSY): the queue is full; done will not run. */
int tg_engine_submit(struct tg_engine *engine, struct tg_loop *loop, struct tg_op *op, tg_op_done_fn *done, void *arg,
                     struct tg_err *err_r) TG_MUST_CHECK;

struct tg_engine_stats { /* since the start */
    uint64_t transactions; /* committed */
    uint64_t operations, events; /* answered */
    uint64_t retries, bisections, deferred; /* deferred: a wallet was locked by another engine */
    size_t queued_rows; /* that operations will write, of the running transaction too */
};
struct tg_engine_stats tg_engine_stats_get(struct tg_engine *engine);

/* The decks of this process, and where their rows are; borrowed. For the deck door. */
struct tg_deckstore;
struct tg_deckstore *tg_engine_decks(struct tg_engine *engine);
const struct tg_dburl *tg_engine_url(const struct tg_engine *engine);

/* tg.usage and tg.decks for application VMs: tg_vm_lib {"usage", tg_charge_open_usage, engine} and
 * {"decks", tg_charge_open_decks, engine}, likewise "calls" and "backtests". */
int tg_charge_open_usage(lua_State *L);
int tg_charge_open_calls(lua_State *L);
int tg_charge_open_decks(lua_State *L);
int tg_charge_open_backtests(lua_State *L);

#endif

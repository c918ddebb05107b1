/* batch - one transaction of the ledger engine: operations in, answers out.
 *
 * An attempt runs whole or not at all: read operation keys, companies and decks → lock the wallets, ascending, SKIP
 * LOCKED → look up which events and calls are there already → decide about calls, then rate usage, in arrival order →
 * write with a few bulk statements → commit.
 * The lock on a company's wallet is what orders everything about that company between engines: who holds it sees all
 * that was committed before, so a duplicate cannot slip in beside it.
 *
 * An operation is never split over transactions: its events, its charges and the row of its idempotency key stand or
 * fall together. That is why a repeat after a crash gives the answer the first would have given: either the key's row
 * is there, with the answer, or nothing of the operation is.
 *
 * Used by one thread (the engine's); blocks.
 */
#ifndef TG_CHARGE_BATCH_H
#define TG_CHARGE_BATCH_H

#include "charge/deckstore.h"
#include "charge/op.h"
#include "charge/rulepins.h"
#include "io/sqlconn.h"
#include "rt/ruleseat.h"

enum tg_batch_item_state {
    TG_BATCH_WAITING, /* not decided: before an attempt, or after one that failed */
    TG_BATCH_ANSWERED, /* answer or err is set */
    TG_BATCH_DEFERRED /* a wallet it needs is locked by somebody else: try again in another batch */
};
struct tg_batch_item { /* an operation on its way through transactions; zeroed, then op set */
    struct tg_op *op;
    struct tg_id operation_id; /* given at the first attempt, kept for the later ones */
    bool has_id;
    enum tg_batch_item_state state;
    char *answer; /* JSON, free()d by whoever owns the item */
    size_t answer_len;
    bool is_replay; /* the answer is the stored one of an earlier request */
    struct tg_err err;
};

struct tg_batch;
/* Gives rules whose VM is not spoilt: at the beginning of an attempt, and again after a rule met a limit, so that it
 * costs nobody but the company whose usage it was; the same bundle then. NULL: there are none. */
typedef struct tg_ruleset *tg_batch_rules_fn(void *arg);
/* Everything is borrowed. */
struct tg_batch *tg_batch_new(struct tg_sqlconn *conn, struct tg_deckstore *decks, struct tg_rulepins *pins,
                              tg_batch_rules_fn *rules, void *rules_arg);
void tg_batch_free(struct tg_batch **batch);
/* Careful attempts put a savepoint before each write of usage and halve what cannot be written until the one event
 * that spoils it stands alone; it is rejected as "unprocessable" and the others go on. */
enum {
    TG_BATCH_CAREFUL = 1,
    TG_BATCH_WAITS = 2 /* for locked wallets, a second at most (CONFLICT), instead of DEFERRED */
};
/* One attempt. 0: committed, every item is ANSWERED or DEFERRED. -1: nothing of it happened (UNCERTAIN: unless the
 * answer to COMMIT was lost), every item is WAITING. CONFLICT: the same attempt may succeed when repeated. */
int tg_batch_attempt(struct tg_batch *batch, struct tg_batch_item *const *items, size_t n_items, int flags,
                     struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* op - an operation of the ledger engine: what somebody asks of it, whatever its kind.
 *
 * Filled by the caller, borrowed until the answer. Kinds differ in what they read, decide and write (batch.h); queueing,
 * deadlines, repeated transactions and answers are the same for all.
 */
#ifndef TG_CHARGE_OP_H
#define TG_CHARGE_OP_H

#include "charge/call.h"
#include "charge/usage.h"

enum tg_opkind { TG_OP_USAGE, TG_OP_AUTHORIZE, TG_OP_RENEW, TG_OP_SETTLE, TG_OP_EXPIRE };
#define TG_OPKINDS 5

struct tg_call_op { /* of a live call; the member of the union is its kind's; TG_OP_EXPIRE has none */
    struct tg_id company; /* zero: the caller's own */
    const char *call_id;
    uint8_t key[16]; /* tg_call_key() */
    union {
        struct {
            struct tg_text request; /* canonical JSON */
            const char *to; /* of it */
            const char *agent_id; /* of it, NULL none */
            uint8_t hash[16]; /* of all that was asked */
            uint32_t request_s; /* 0: TG_CALL_REQUEST_S */
        } authorize;
        struct tg_call_renewal renewal;
        struct tg_call_end end;
    };
};

/* How the database knows a call_id: first 16 bytes of its SHA-256. */
void tg_call_key(const char *call_id, uint8_t key[static 16]);

struct tg_op { /* zeroed, then filled by the caller */
    enum tg_opkind kind;
    struct tg_id caller_company; /* it may name this one or a company below it */
    uint64_t deadline_mono_us; /* not begun by then: BUSY */
    union {
        struct {
            struct tg_usage_batch *batch;
            const char *idempotency_key; /* NULL: none */
            uint8_t request_hash[32];
        } usage;
        struct tg_call_op call; /* of every other kind */
    };
};
struct tg_op_answer { /* borrowed */
    const char *json; /* every repeat gets these bytes */
    size_t len;
    bool is_replay; /* of an earlier request; then the events of usage have no outcomes */
};
/* On the submitting loop. err NULL: what the answer says is durable, and every usage event has its outcome. Otherwise
 * answer is NULL and nothing is acknowledged (BUSY, UPSTREAM: nothing happened; UNCERTAIN: the database did not say;
 * CONFLICT: the key stands with another request; BUG). */
typedef void tg_op_done_fn(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg);

/* Usage events in it; 0 of another kind. */
static inline size_t tg_op_n_events(const struct tg_op *op)
{
    return op->kind == TG_OP_USAGE ? tg_usage_batch_n(op->usage.batch) : 0;
}
/* NULL: it has none. */
static inline const char *tg_op_key(const struct tg_op *op)
{
    return op->kind == TG_OP_USAGE ? op->usage.idempotency_key : NULL;
}

#endif

/* queue - operations that wait for the ledger engine, fair between companies.
 *
 * A list for each company that asks, and a ring of those lists: a batch takes one operation of each in turn until it
 * is full, so a company with ten thousand waiting requests delays another's single one by a batch and no more.
 *
 * Somebody listens to a phone ring while a call waits, so calls go first, and little usage goes with them: a batch of
 * calls is a short one. Usage that found no room in one batch has all the room of the next.
 * No locks here: the engine holds its own.
 */
#ifndef TG_CHARGE_QUEUE_H
#define TG_CHARGE_QUEUE_H

#include "charge/batch.h"
#include "io/loop.h"

struct tg_queued { /* one operation from submit to answer */
    struct tg_queued *next; /* of its company's list */
    struct tg_batch_item item;
    struct tg_loop *loop;
    tg_op_done_fn *done;
    void *arg;
    size_t n_rows; /* that it will write, about; at least 1 */
    uint64_t submitted_us; /* monotonic */
    unsigned misses; /* how often its wallets were locked by others */
    uint64_t not_before_us; /* monotonic; 0: at once */
    bool is_uncertain; /* an attempt's COMMIT was not answered */
    struct tg_err last_err; /* of the last attempt, code NONE when there was none */
};

struct tg_queue;
struct tg_queue *tg_queue_new(void);
void tg_queue_free(struct tg_queue **queue); /* empty: asserted */
void tg_queue_push(struct tg_queue *queue, struct tg_queued *q);
/* Before the others of its company: it has waited already. */
void tg_queue_push_front(struct tg_queue *queue, struct tg_queued *q);
bool tg_queue_is_empty(const struct tg_queue *queue);
/* Takes up to ops_max operations that write at most rows_max rows (one may be larger), each ready at now_us and
 * no two of a company with the same idempotency key. Returns how many. *next_us_r: when none was ready, the instant at
 * which one may be, else untouched. */
size_t tg_queue_take(struct tg_queue *queue, uint64_t now_us, size_t rows_max, struct tg_queued **out, size_t ops_max,
                     uint64_t *next_us_r);
/* The same, of one company alone: of each in turn. */
size_t tg_queue_take_company(struct tg_queue *queue, uint64_t now_us, size_t rows_max, struct tg_queued **out,
                             size_t ops_max, uint64_t *next_us_r);
/* Takes one whose deadline has passed, or NULL. */
struct tg_queued *tg_queue_take_expired(struct tg_queue *queue, uint64_t now_us);

#endif

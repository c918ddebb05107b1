/* queue - operations that wait for the ledger engine, fair between companies. */
#include "charge/queue.h"

#include <assert.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BESIDE_CALLS 10 /* a batch with calls has room for usage of this part of its rows */
#define LOOK_AHEAD 64 /* how far behind a company's first operation one is looked for that may go now */

struct line { /* of one company; exists while it has operations */
    struct tg_id company;
    struct tg_queued *first, *last;
    struct line *next, *previous; /* the ring */
};
struct ring { /* of one class of operations */
    GHashTable *lines; /* company → line */
    struct line *turn; /* whose operation is taken next; NULL: empty */
};
struct tg_queue {
    struct ring calls, usage;
    bool was_usage_left; /* the last batch took none of what waits */
    bool was_calls_company; /* the last batch of one company was of calls */
};

static struct ring *ring_of(struct tg_queue *queue, const struct tg_queued *q)
{
    return q->item.op->kind == TG_OP_USAGE ? &queue->usage : &queue->calls;
}

static guint hash_id(gconstpointer key)
{
    guint hash;
    memcpy(&hash, (const char *)key + 12, sizeof(hash)); /* the random end of a UUIDv7 */
    return hash;
}

static gboolean equal_ids(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(struct tg_id)) == 0;
}

struct tg_queue *tg_queue_new(void)
{
    struct tg_queue *queue = TG_NEW(struct tg_queue);
    queue->calls.lines = g_hash_table_new(hash_id, equal_ids);
    queue->usage.lines = g_hash_table_new(hash_id, equal_ids);
    return queue;
}

void tg_queue_free(struct tg_queue **queue)
{
    assert(tg_queue_is_empty(*queue));
    g_hash_table_destroy((*queue)->calls.lines);
    g_hash_table_destroy((*queue)->usage.lines);
    free(*queue);
    *queue = NULL;
}

bool tg_queue_is_empty(const struct tg_queue *queue)
{
    return queue->calls.turn == NULL && queue->usage.turn == NULL;
}

static struct line *line_of(struct ring *ring, struct tg_id company)
{
    struct line *line = g_hash_table_lookup(ring->lines, company.bytes);
    if (line != NULL)
        return line;
    line = TG_NEW(struct line);
    line->company = company;
    if (ring->turn == NULL) {
        line->next = line->previous = line;
        ring->turn = line;
    } else { /* behind all others */
        line->next = ring->turn;
        line->previous = ring->turn->previous;
        line->previous->next = line;
        ring->turn->previous = line;
    }
    g_hash_table_insert(ring->lines, line->company.bytes, line);
    return line;
}

static void remove_line(struct ring *ring, struct line *line)
{
    assert(line->first == NULL);
    if (ring->turn == line)
        ring->turn = line->next == line ? NULL : line->next;
    line->next->previous = line->previous;
    line->previous->next = line->next;
    g_hash_table_remove(ring->lines, line->company.bytes);
    free(line);
}

void tg_queue_push(struct tg_queue *queue, struct tg_queued *q)
{
    struct line *line = line_of(ring_of(queue, q), q->item.op->caller_company);
    q->next = NULL;
    if (line->first == NULL)
        line->first = q;
    else
        line->last->next = q;
    line->last = q;
}

void tg_queue_push_front(struct tg_queue *queue, struct tg_queued *q)
{
    struct line *line = line_of(ring_of(queue, q), q->item.op->caller_company);
    q->next = line->first;
    line->first = q;
    if (line->last == NULL)
        line->last = q;
}

/* Unlinks q, which follows previous (NULL: it is the first). The line may be gone afterwards. */
static void unlink_from(struct ring *ring, struct line *line, struct tg_queued *previous, struct tg_queued *q)
{
    if (previous == NULL)
        line->first = q->next;
    else
        previous->next = q->next;
    if (line->last == q)
        line->last = previous;
    q->next = NULL;
    if (line->first == NULL)
        remove_line(ring, line);
}

static bool has_key_of(const struct tg_queued *q, struct tg_queued *const *taken, size_t n)
{
    const char *key = tg_op_key(q->item.op);
    for (size_t i = 0; key != NULL && i < n; i++) {
        const struct tg_op *other = taken[i]->item.op;
        if (tg_op_key(other) != NULL && strcmp(tg_op_key(other), key) == 0 &&
            tg_id_equal(other->caller_company, q->item.op->caller_company))
            return true;
    }
    return false;
}

/* Takes the first of the line that may go now; NULL: none may. */
static struct tg_queued *take_from(struct ring *ring, struct line *line, uint64_t now_us,
                                   struct tg_queued *const *taken, size_t n, uint64_t *next_us)
{
    struct tg_queued *previous = NULL, *q = line->first;
    for (int i = 0; q != NULL && i < LOOK_AHEAD; previous = q, q = q->next, i++) {
        if (q->not_before_us > now_us) {
            if (q->not_before_us < *next_us)
                *next_us = q->not_before_us;
            continue;
        }
        if (has_key_of(q, taken, n))
            continue;
        unlink_from(ring, line, previous, q);
        return q;
    }
    return NULL;
}

struct taking { /* a batch on its way */
    uint64_t now_us, next_us;
    struct tg_queued **out;
    size_t n;
};

/* Takes up to ops_max more that write at most rows_max rows, one of each company in turn; the first may be larger if
 * may_exceed. Returns how many. */
static size_t take_ring(struct tg_queue *queue, struct ring *ring, struct taking *t, size_t rows_max, size_t ops_max,
                        bool may_exceed)
{
    size_t n = 0, n_rows = 0, fruitless = 0;
    while (ring->turn != NULL && n < ops_max && n_rows < rows_max) {
        struct line *line = ring->turn;
        const size_t n_lines = g_hash_table_size(ring->lines);
        ring->turn = line->next;
        struct tg_queued *q = take_from(ring, line, t->now_us, t->out, t->n, &t->next_us);
        if (q == NULL) {
            if (++fruitless >= n_lines)
                break;
            continue;
        }
        if (n_rows + q->n_rows > rows_max && !(n == 0 && may_exceed)) { /* it opens the next batch */
            tg_queue_push_front(queue, q);
            ring->turn = g_hash_table_lookup(ring->lines, q->item.op->caller_company.bytes);
            break;
        }
        fruitless = 0;
        n_rows += q->n_rows;
        t->out[t->n++] = q;
        n++;
    }
    return n;
}

size_t tg_queue_take(struct tg_queue *queue, uint64_t now_us, size_t rows_max, struct tg_queued **out, size_t ops_max,
                     uint64_t *next_us_r)
{
    struct taking t = {.now_us = now_us, .next_us = UINT64_MAX, .out = out};
    const bool does_usage_wait = queue->usage.turn != NULL;
    const size_t calls_max = does_usage_wait ? ops_max - ops_max / 4 : ops_max;
    const size_t n_calls = take_ring(queue, &queue->calls, &t, rows_max, calls_max, true);
    const bool is_usages_turn = n_calls == 0 || queue->was_usage_left;
    const size_t n_usage = take_ring(queue, &queue->usage, &t, is_usages_turn ? rows_max : rows_max / BESIDE_CALLS,
                                     ops_max - n_calls, is_usages_turn);
    queue->was_usage_left = does_usage_wait && n_usage == 0;
    if (t.n == 0)
        *next_us_r = t.next_us;
    return t.n;
}

size_t tg_queue_take_company(struct tg_queue *queue, uint64_t now_us, size_t rows_max, struct tg_queued **out,
                             size_t ops_max, uint64_t *next_us_r)
{
    const bool is_usages = queue->calls.turn == NULL || (queue->usage.turn != NULL && queue->was_calls_company);
    struct ring *ring = is_usages ? &queue->usage : &queue->calls;
    struct line *line = ring->turn;
    size_t n = 0, n_rows = 0;
    queue->was_calls_company = !is_usages;
    if (line == NULL)
        return 0;
    const struct tg_id company = line->company;
    *next_us_r = UINT64_MAX;
    ring->turn = line->next;
    while (line != NULL && n < ops_max && (n == 0 || n_rows + line->first->n_rows <= rows_max)) {
        struct tg_queued *q = take_from(ring, line, now_us, out, n, next_us_r);
        if (q == NULL)
            break;
        n_rows += q->n_rows;
        out[n++] = q;
        line = g_hash_table_lookup(ring->lines, company.bytes);
    }
    return n;
}

static struct tg_queued *take_expired(struct ring *ring, uint64_t now_us)
{
    struct line *line = ring->turn;
    if (line == NULL)
        return NULL;
    do {
        struct tg_queued *previous = NULL;
        for (struct tg_queued *q = line->first; q != NULL; previous = q, q = q->next) {
            if (q->item.op->deadline_mono_us > now_us)
                continue;
            unlink_from(ring, line, previous, q);
            return q;
        }
        line = line->next;
    } while (line != ring->turn);
    return NULL;
}

struct tg_queued *tg_queue_take_expired(struct tg_queue *queue, uint64_t now_us)
{
    struct tg_queued *q = take_expired(&queue->calls, now_us);
    return q != NULL ? q : take_expired(&queue->usage, now_us);
}

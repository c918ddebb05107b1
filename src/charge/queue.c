/* queue - operations that wait for the ledger engine, fair between companies. */
#include "charge/queue.h"

#include <assert.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LOOK_AHEAD 64 /* how far behind a company's first operation one is looked for that may go now */

struct line { /* of one company; exists while it has operations */
    struct tg_id company;
    struct tg_queued *first, *last;
    struct line *next, *previous; /* the ring */
};
struct tg_queue {
    GHashTable *lines; /* company → line */
    struct line *turn; /* whose operation is taken next; NULL: empty */
};

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
    queue->lines = g_hash_table_new(hash_id, equal_ids);
    return queue;
}

void tg_queue_free(struct tg_queue **queue)
{
    assert(tg_queue_is_empty(*queue));
    g_hash_table_destroy((*queue)->lines);
    free(*queue);
    *queue = NULL;
}

bool tg_queue_is_empty(const struct tg_queue *queue)
{
    return queue->turn == NULL;
}

static struct line *line_of(struct tg_queue *queue, struct tg_id company)
{
    struct line *line = g_hash_table_lookup(queue->lines, company.bytes);
    if (line != NULL)
        return line;
    line = TG_NEW(struct line);
    line->company = company;
    if (queue->turn == NULL) {
        line->next = line->previous = line;
        queue->turn = line;
    } else { /* behind all others */
        line->next = queue->turn;
        line->previous = queue->turn->previous;
        line->previous->next = line;
        queue->turn->previous = line;
    }
    g_hash_table_insert(queue->lines, line->company.bytes, line);
    return line;
}

static void remove_line(struct tg_queue *queue, struct line *line)
{
    assert(line->first == NULL);
    if (queue->turn == line)
        queue->turn = line->next == line ? NULL : line->next;
    line->next->previous = line->previous;
    line->previous->next = line->next;
    g_hash_table_remove(queue->lines, line->company.bytes);
    free(line);
}

void tg_queue_push(struct tg_queue *queue, struct tg_queued *q)
{
    struct line *line = line_of(queue, q->item.op->caller_company);
    q->next = NULL;
    if (line->first == NULL)
        line->first = q;
    else
        line->last->next = q;
    line->last = q;
}

void tg_queue_push_front(struct tg_queue *queue, struct tg_queued *q)
{
    struct line *line = line_of(queue, q->item.op->caller_company);
    q->next = line->first;
    line->first = q;
    if (line->last == NULL)
        line->last = q;
}

/* Unlinks q, which follows previous (NULL: it is the first). The line may be gone afterwards. */
static void unlink_from(struct tg_queue *queue, struct line *line, struct tg_queued *previous, struct tg_queued *q)
{
    if (previous == NULL)
        line->first = q->next;
    else
        previous->next = q->next;
    if (line->last == q)
        line->last = previous;
    q->next = NULL;
    if (line->first == NULL)
        remove_line(queue, line);
}

static bool has_key_of(const struct tg_queued *q, struct tg_queued *const *taken, size_t n)
{
    const char *key = q->item.op->idempotency_key;
    for (size_t i = 0; key != NULL && i < n; i++) {
        const struct tg_usage_op *other = taken[i]->item.op;
        if (other->idempotency_key != NULL && strcmp(other->idempotency_key, key) == 0 &&
            tg_id_equal(other->caller_company, q->item.op->caller_company))
            return true;
    }
    return false;
}

/* Takes the first of the line that may go now; NULL: none may. */
static struct tg_queued *take_from(struct tg_queue *queue, struct line *line, uint64_t now_us,
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
        unlink_from(queue, line, previous, q);
        return q;
    }
    return NULL;
}

size_t tg_queue_take(struct tg_queue *queue, uint64_t now_us, size_t events_max, struct tg_queued **out, size_t ops_max,
                     uint64_t *next_us_r)
{
    size_t n = 0, n_events = 0, fruitless = 0;
    uint64_t next_us = UINT64_MAX;
    while (queue->turn != NULL && n < ops_max && n_events < events_max) {
        struct line *line = queue->turn;
        const size_t n_lines = g_hash_table_size(queue->lines);
        queue->turn = line->next;
        struct tg_queued *q = take_from(queue, line, now_us, out, n, &next_us);
        if (q == NULL) {
            if (++fruitless >= n_lines)
                break;
            continue;
        }
        if (n > 0 && n_events + q->n_events > events_max) { /* it opens the next batch */
            tg_queue_push_front(queue, q);
            queue->turn = g_hash_table_lookup(queue->lines, q->item.op->caller_company.bytes);
            break;
        }
        fruitless = 0;
        n_events += q->n_events;
        out[n++] = q;
    }
    if (n == 0)
        *next_us_r = next_us;
    return n;
}

struct tg_queued *tg_queue_take_expired(struct tg_queue *queue, uint64_t now_us)
{
    struct line *line = queue->turn;
    if (line == NULL)
        return NULL;
    do {
        struct tg_queued *previous = NULL;
        for (struct tg_queued *q = line->first; q != NULL; previous = q, q = q->next) {
            if (q->item.op->deadline_mono_us > now_us)
                continue;
            unlink_from(queue, line, previous, q);
            return q;
        }
        line = line->next;
    } while (line != queue->turn);
    return NULL;
}

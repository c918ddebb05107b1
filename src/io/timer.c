/* timer - the loop's timers: a binary heap of pointers to timers that their
 * owners embed. Each timer knows its place, so stopping one costs O(log n).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/loop_private.h"

static void heap_put(struct tg_timers *heap, size_t index, struct tg_timer *t)
{
    heap->slots[index] = t;
    t->heap_index = (uint32_t)index;
}

static void heap_up(struct tg_timers *heap, size_t index)
{
    struct tg_timer *t = heap->slots[index];
    while (index > 1 && heap->slots[index / 2]->due_ms > t->due_ms) {
        heap_put(heap, index, heap->slots[index / 2]);
        index /= 2;
    }
    heap_put(heap, index, t);
}

static void heap_down(struct tg_timers *heap, size_t index)
{
    struct tg_timer *t = heap->slots[index];
    for (;;) {
        size_t child = index * 2;
        if (child > heap->n)
            break;
        if (child < heap->n && heap->slots[child + 1]->due_ms < heap->slots[child]->due_ms)
            child++;
        if (heap->slots[child]->due_ms >= t->due_ms)
            break;
        heap_put(heap, index, heap->slots[child]);
        index = child;
    }
    heap_put(heap, index, t);
}

static void heap_add(struct tg_timers *heap, struct tg_timer *t)
{
    if (heap->n + 1 >= heap->capacity) {
        heap->capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
        heap->slots = tg_realloc(heap->slots, heap->capacity * sizeof(struct tg_timer *));
    }
    heap->n++;
    heap_put(heap, heap->n, t);
    heap_up(heap, heap->n);
}

static void heap_remove(struct tg_timers *heap, struct tg_timer *t)
{
    size_t index = t->heap_index;
    assert(index >= 1 && index <= heap->n && heap->slots[index] == t);
    struct tg_timer *last = heap->slots[heap->n--];
    t->heap_index = 0;
    if (last == t)
        return;
    heap_put(heap, index, last);
    heap_up(heap, index);
    heap_down(heap, last->heap_index);
}

void tg_timer_start(struct tg_loop *loop, struct tg_timer *t, uint64_t delay_ms, tg_loop_fn *fn, void *arg)
{
    TG_LOOP_ASSERT_OWN_THREAD(loop);
    assert(fn != NULL);
    tg_timer_stop(loop, t);
    uint64_t now_ms = tg_loop_now_ms(loop);
    t->due_ms = delay_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + delay_ms;
    t->fn = fn;
    t->arg = arg;
    heap_add(&loop->timers, t);
}

void tg_timer_stop(struct tg_loop *loop, struct tg_timer *t)
{
    TG_LOOP_ASSERT_OWN_THREAD(loop);
    if (t->heap_index != 0)
        heap_remove(&loop->timers, t);
}

bool tg_timer_is_armed(const struct tg_timer *t)
{
    return t->heap_index != 0;
}

int64_t tg_timers_wait_ms(const struct tg_loop *loop, uint64_t now_ms)
{
    if (loop->timers.n == 0)
        return -1;
    uint64_t due_ms = loop->timers.slots[1]->due_ms;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms > INT32_MAX ? INT32_MAX : (int64_t)(due_ms - now_ms);
}

void tg_timers_run(struct tg_loop *loop, uint64_t now_ms)
{
    /* At most as many as were armed when the turn began: one that arms itself with no delay waits a turn. */
    size_t budget = loop->timers.n;
    while (budget-- > 0 && loop->timers.n > 0 && loop->timers.slots[1]->due_ms <= now_ms) {
        struct tg_timer *t = loop->timers.slots[1];
        heap_remove(&loop->timers, t);
        t->fn(t->arg); /* may free t */
    }
}

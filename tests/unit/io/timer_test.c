/* timer_test - the heap behind the loop's timers, against a plain list. */
#include "../../../src/io/timer.c"
#include "tap.h"

#include "base/clock.h"

static int n_fired;
static void count(void *arg)
{
    (void)arg;
    n_fired++;
}

struct numbered {
    struct tg_timer timer;
    int *fired, *n;
    int id;
};

static void note(void *arg)
{
    struct numbered *t = arg;
    t->fired[(*t->n)++] = t->id;
}

static void run_until(struct tg_loop *loop, const int *n, int wanted, uint64_t max_ms)
{
    uint64_t give_up_us = tg_clock_mono_us() + max_ms * 1000;
    while (*n < wanted && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 50);
}

TEST(timers_fire_in_the_order_of_their_times_whatever_the_order_of_arming)
{
    static const int delays_ms[] = {30, 5, 25, 0, 10, 15, 20};
    struct numbered timers[7] = {0};
    int fired[7], n = 0;
    struct tg_loop *loop = tg_loop_new();
    for (int i = 0; i < 7; i++) {
        timers[i] = (struct numbered){.fired = fired, .n = &n, .id = delays_ms[i]};
        tg_timer_start(loop, &timers[i].timer, (uint64_t)delays_ms[i], note, &timers[i]);
    }
    run_until(loop, &n, 7, 5000);
    is_int(n, 7);
    for (int i = 0; i < n; i++)
        is_int(fired[i], i * 5);
    tg_loop_free(&loop);
}

TEST(a_timer_never_fires_early)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_timer t = {0};
    n_fired = 0;
    uint64_t begin_us = tg_clock_mono_us();
    tg_timer_start(loop, &t, 50, count, NULL);
    is_true(tg_timer_is_armed(&t));
    run_until(loop, &n_fired, 1, 5000);
    is_int(n_fired, 1);
    is_false(tg_timer_is_armed(&t));
    ok(tg_clock_mono_us() - begin_us >= 49000, "not before 50 ms (the clock counts whole milliseconds)");
    tg_loop_free(&loop);
}

TEST(a_stopped_timer_never_fires_and_stopping_twice_is_nothing)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_timer t = {0};
    n_fired = 0;
    tg_timer_stop(loop, &t);
    tg_timer_start(loop, &t, 1, count, NULL);
    tg_timer_stop(loop, &t);
    tg_timer_stop(loop, &t);
    for (int i = 0; i < 3; i++)
        tg_loop_run_once(loop, 5);
    is_int(n_fired, 0);
    tg_loop_free(&loop);
}

TEST(starting_an_armed_timer_moves_it)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_timer t = {0};
    n_fired = 0;
    tg_timer_start(loop, &t, 100000, count, NULL);
    tg_timer_start(loop, &t, 1, count, NULL);
    run_until(loop, &n_fired, 1, 5000);
    is_int(n_fired, 1);
    tg_timer_start(loop, &t, UINT64_MAX, count, NULL); /* as good as never */
    tg_loop_run_once(loop, 5);
    is_int(n_fired, 1);
    tg_timer_stop(loop, &t);
    tg_loop_free(&loop);
}

struct self_arming {
    struct tg_loop *loop;
    struct tg_timer timer;
    int n;
};

static void arm_again(void *arg)
{
    struct self_arming *s = arg;
    s->n++;
    tg_timer_start(s->loop, &s->timer, 0, arm_again, s);
}

TEST(a_timer_that_arms_itself_with_no_delay_fires_once_a_turn)
{
    struct self_arming s = {.loop = tg_loop_new()};
    tg_timer_start(s.loop, &s.timer, 0, arm_again, &s);
    tg_loop_run_once(s.loop, 1000);
    is_int(s.n, 1);
    tg_loop_run_once(s.loop, 1000);
    is_int(s.n, 2);
    tg_timer_stop(s.loop, &s.timer);
    tg_loop_free(&s.loop);
}

static bool heap_is_ordered(const struct tg_timers *heap)
{
    for (size_t i = 1; i <= heap->n; i++) {
        if (heap->slots[i]->heap_index != i || (i > 1 && heap->slots[i / 2]->due_ms > heap->slots[i]->due_ms))
            return false;
    }
    return true;
}

TEST(ten_thousand_random_starts_and_stops_keep_the_heap_in_order)
{
    enum { N = 300 };
    static struct tg_timer timers[N];
    struct tg_loop *loop = tg_loop_new();
    unsigned seed = 42;
    size_t armed = 0, n_bad = 0;
    for (int step = 0; step < 10000; step++) {
        struct tg_timer *t = &timers[(unsigned)rand_r(&seed) % N];
        armed -= tg_timer_is_armed(t);
        if (rand_r(&seed) % 3 != 0) {
            tg_timer_start(loop, t, 1000000 + (unsigned)rand_r(&seed) % 5000, count, NULL);
            armed++;
        } else {
            tg_timer_stop(loop, t);
        }
        n_bad += loop->timers.n != armed || (step % 50 == 0 && !heap_is_ordered(&loop->timers));
    }
    is_int(n_bad, 0);
    for (int i = 0; i < N; i++)
        tg_timer_stop(loop, &timers[i]);
    is_int(loop->timers.n, 0);
    tg_loop_free(&loop);
}

TAP_MAIN()

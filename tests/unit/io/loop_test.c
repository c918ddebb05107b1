/* loop_test - TG_TSAN - turns, deferred calls, posts from other threads, and the descriptors that are watched. */
#include "../../../src/io/loop.c"
#include "../../../src/io/watch.c"
#include "tap.h"

#include <sys/socket.h>
#include <time.h>

#include "base/fault.h"

static int n_calls;
static char order[64];

static void count(void *arg)
{
    (void)arg;
    n_calls++;
}

static void note_letter(void *arg)
{
    size_t len = strlen(order);
    assert(len + 1 < sizeof(order));
    order[len] = *(const char *)arg;
    order[len + 1] = '\0';
}

static struct tg_loop *fresh_loop(void)
{
    n_calls = 0;
    order[0] = '\0';
    return tg_loop_new();
}

TEST(a_deferred_call_runs_once_and_not_before_defer_has_returned)
{
    struct tg_loop *loop = fresh_loop();
    tg_loop_defer(loop, count, NULL);
    is_int(n_calls, 0);
    tg_loop_run_once(loop, 1000);
    is_int(n_calls, 1);
    tg_loop_run_once(loop, 0);
    is_int(n_calls, 1);
    tg_loop_free(&loop);
    is_null(loop);
}

struct forever {
    struct tg_loop *loop;
    int n;
};

static void defer_again(void *arg)
{
    struct forever *f = arg;
    f->n++;
    if (f->n < 5)
        tg_loop_defer(f->loop, defer_again, f);
}

TEST(a_call_that_defers_itself_gets_one_run_a_turn_so_that_it_starves_nobody)
{
    struct tg_loop *loop = fresh_loop();
    struct forever f = {loop, 0};
    tg_loop_defer(loop, defer_again, &f);
    for (int turn = 1; turn <= 5; turn++) {
        tg_loop_run_once(loop, 60000); /* does not wait while something is deferred */
        is_int(f.n, turn);
    }
    tg_loop_free(&loop);
}

TEST(deferred_calls_run_in_order)
{
    struct tg_loop *loop = fresh_loop();
    for (const char *c = "abcdefgh"; *c != '\0'; c++)
        tg_loop_defer(loop, note_letter, (void *)(uintptr_t)c);
    tg_loop_run_once(loop, 0);
    is_str(order, "abcdefgh");
    tg_loop_free(&loop);
}

TEST(the_clock_stands_still_within_a_turn_and_follows_the_monotonic_clock)
{
    struct tg_loop *loop = fresh_loop();
    uint64_t before = tg_loop_now_ms(loop);
    const struct timespec pause = {0, 20 * 1000 * 1000};
    nanosleep(&pause, NULL);
    is_uint(tg_loop_now_ms(loop), before);
    tg_loop_run_once(loop, 0);
    ok(tg_loop_now_ms(loop) >= before + 19, "20 ms have passed");
    ok(tg_clock_mono_us() / 1000 - tg_loop_now_ms(loop) < 1000, "it is the monotonic clock");
    tg_loop_free(&loop);
}

struct sender {
    struct tg_loop *loop;
    size_t n;
    struct message {
        struct receiver *to;
        int sender, nth;
    } * messages;
};

struct receiver {
    int next[4];
    int n_wrong, n_total;
};

static void on_message(void *arg)
{
    struct message *m = arg;
    m->to->n_wrong += m->to->next[m->sender]++ != m->nth;
    m->to->n_total++;
}

static void *send_all(void *arg)
{
    struct sender *s = arg;
    for (size_t i = 0; i < s->n; i++)
        tg_loop_post(s->loop, on_message, &s->messages[i]);
    return NULL;
}

TEST(posts_of_four_threads_all_arrive_and_each_threads_in_its_order)
{
    enum { PER_SENDER = 20000 };
    struct tg_loop *loop = fresh_loop();
    struct receiver receiver = {0};
    struct sender senders[4];
    pthread_t threads[4];
    for (int s = 0; s < 4; s++) {
        senders[s] = (struct sender){loop, PER_SENDER, tg_calloc(PER_SENDER, sizeof(struct message))};
        for (int i = 0; i < PER_SENDER; i++)
            senders[s].messages[i] = (struct message){&receiver, s, i};
        pthread_create(&threads[s], NULL, send_all, &senders[s]);
    }
    uint64_t give_up_us = tg_clock_mono_us() + 30 * 1000000ull;
    while (receiver.n_total < 4 * PER_SENDER && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 1000);
    is_int(receiver.n_total, 4 * PER_SENDER);
    is_int(receiver.n_wrong, 0);
    for (int s = 0; s < 4; s++) {
        pthread_join(threads[s], NULL);
        free(senders[s].messages);
    }
    tg_loop_free(&loop);
}

static void *post_late(void *arg)
{
    const struct timespec pause = {0, 30 * 1000 * 1000};
    nanosleep(&pause, NULL);
    tg_loop_post(arg, count, NULL);
    return NULL;
}

TEST(a_post_wakes_a_loop_that_waits)
{
    struct tg_loop *loop = fresh_loop();
    pthread_t thread;
    uint64_t begin_us = tg_clock_mono_us();
    pthread_create(&thread, NULL, post_late, loop);
    while (n_calls == 0)
        tg_loop_run_once(loop, 20000);
    ok(tg_clock_mono_us() - begin_us < 10 * 1000000ull, "long before its 20 s");
    pthread_join(thread, NULL);
    tg_loop_free(&loop);
}

struct pipe_end {
    struct tg_watch *watch;
    int fds[2];
    int n_reads, n_writes;
    bool drain, stop_after_write;
};

static void on_ready(int events, void *arg)
{
    struct pipe_end *p = arg;
    char bytes[64];
    if ((events & TG_WATCH_READ) != 0) {
        p->n_reads++;
        if (p->drain && read(p->fds[0], bytes, sizeof(bytes)) < 0)
            p->n_reads += 1000;
    }
    if ((events & TG_WATCH_WRITE) != 0) {
        p->n_writes++;
        if (p->stop_after_write)
            tg_watch_set(p->watch, 0);
    }
}

static void pipe_open(struct pipe_end *p, struct tg_loop *loop)
{
    *p = (struct pipe_end){.drain = true};
    is_int(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fds), 0);
    p->watch = tg_watch_new(loop, p->fds[0], on_ready, p);
}

static void pipe_close(struct pipe_end *p)
{
    tg_watch_free(&p->watch);
    close(p->fds[0]);
    close(p->fds[1]);
}

static void put(const struct pipe_end *p, const char *text)
{
    is_int(write(p->fds[1], text, strlen(text)), strlen(text));
}

TEST(a_watch_without_interest_says_nothing)
{
    struct tg_loop *loop = fresh_loop();
    struct pipe_end p;
    pipe_open(&p, loop);
    put(&p, "x");
    tg_loop_run_once(loop, 5);
    is_int(p.n_reads + p.n_writes, 0);
    pipe_close(&p);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

TEST(a_watch_is_level_triggered_what_is_not_read_is_told_again)
{
    struct tg_loop *loop = fresh_loop();
    struct pipe_end p;
    pipe_open(&p, loop);
    p.drain = false;
    tg_watch_set(p.watch, TG_WATCH_READ);
    tg_loop_run_once(loop, 5);
    is_int(p.n_reads, 0);
    put(&p, "x");
    tg_loop_run_once(loop, 1000);
    tg_loop_run_once(loop, 1000);
    is_int(p.n_reads, 2);
    tg_watch_set(p.watch, 0);
    tg_loop_run_once(loop, 5);
    is_int(p.n_reads, 2);
    tg_watch_set(p.watch, TG_WATCH_READ);
    p.drain = true;
    tg_loop_run_once(loop, 1000);
    is_int(p.n_reads, 3);
    tg_loop_run_once(loop, 5);
    is_int(p.n_reads, 3);
    pipe_close(&p);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

TEST(interest_in_writing_can_be_dropped_and_taken_up_again)
{
    struct tg_loop *loop = fresh_loop();
    struct pipe_end p;
    pipe_open(&p, loop);
    tg_watch_set(p.watch, TG_WATCH_WRITE);
    tg_watch_set(p.watch, 0);
    tg_loop_run_once(loop, 5);
    tg_loop_run_once(loop, 5);
    is_int(p.n_writes, 0);
    tg_watch_set(p.watch, TG_WATCH_READ | TG_WATCH_WRITE);
    tg_loop_run_once(loop, 1000);
    tg_loop_run_once(loop, 1000);
    is_int(p.n_writes, 2);
    p.stop_after_write = true;
    tg_loop_run_once(loop, 1000);
    tg_loop_run_once(loop, 5);
    is_int(p.n_writes, 3);
    pipe_close(&p);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

static void free_own_watch(int events, void *arg)
{
    struct pipe_end *p = arg;
    p->n_reads += (events & TG_WATCH_READ) != 0;
    p->n_writes += (events & TG_WATCH_WRITE) != 0;
    tg_watch_free(&p->watch);
}

TEST(a_watch_may_be_freed_from_its_own_callback_and_is_not_called_again)
{
    struct tg_loop *loop = fresh_loop();
    struct pipe_end p = {0};
    is_int(socketpair(AF_UNIX, SOCK_STREAM, 0, p.fds), 0);
    p.watch = tg_watch_new(loop, p.fds[0], free_own_watch, &p);
    put(&p, "x");
    tg_watch_set(p.watch, TG_WATCH_READ | TG_WATCH_WRITE); /* both are ready in the same turn */
    tg_loop_run_once(loop, 1000);
    tg_loop_run_once(loop, 5);
    is_int(p.n_reads + p.n_writes, 1);
    is_null(p.watch);
    is_int(fcntl(p.fds[0], F_GETFD) == -1, 0); /* the owner's descriptor is still open */
    close(p.fds[0]);
    close(p.fds[1]);
    tg_loop_free(&loop);
}

TEST(the_far_end_closing_wakes_a_reader)
{
    struct tg_loop *loop = fresh_loop();
    struct pipe_end p;
    pipe_open(&p, loop);
    tg_watch_set(p.watch, TG_WATCH_READ);
    shutdown(p.fds[1], SHUT_RDWR);
    tg_loop_run_once(loop, 1000);
    is_int(p.n_reads, 1);
    pipe_close(&p);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

TEST(a_signal_is_not_the_end_of_the_loop)
{
    struct tg_loop *loop = fresh_loop();
    struct sigaction old, act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, &old);
    const struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    tg_loop_run_once(loop, 5000); /* EINTR */
    tg_loop_defer(loop, count, NULL);
    tg_loop_run_once(loop, 0);
    is_int(n_calls, 1);
    sigaction(SIGALRM, &old, NULL);
    tg_loop_free(&loop);
}

TEST(a_loop_with_something_on_it_is_not_freed)
{
    struct tg_loop *loop = fresh_loop();
    tg_loop_defer(loop, count, NULL);
    dies(tg_loop_free(&loop));
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

TAP_MAIN()

/* loop - libh2o's event loop with timers, deferred calls, watches and messages.
 *
 * A turn is: wait (h2o_evloop_run, which also runs the socket callbacks), run
 * the timers that are due, run what other threads posted, run what was
 * deferred, tell sockets that what these wrote is written. What those callbacks
 * defer or arm belongs to the next turn, which then does not wait; so a callback
 * that always defers itself starves nobody. The last step saves two epoll_ctl a
 * request: a socket that stops reading and starts again in one turn changes
 * nothing.
 *
 * Timers are a heap of ours: h2o_timeout_t is a list of one fixed delay, and
 * walks all lists each turn. They follow the monotonic clock; h2o's own clock
 * is the wall clock, which may jump, so it serves only to see that a new turn
 * has begun (tg_loop_now_ms).
 *
 * A watch is an h2o socket on a dup of the descriptor with DONT_READ: closing
 * the socket then closes the dup, never the descriptor of the library that owns
 * it. Readiness for writing is one-shot in h2o and cannot be taken back: a
 * watch arms it again while it is wanted and swallows the late notification
 * when it no longer is.
 *
 * Messages are a list of (function, argument) under a mutex and an eventfd that
 * is written only when the list was empty: a burst of posts costs one write and
 * no allocation. h2o_multithread_queue_t needs a heap message each, and leaks
 * its queue when destroyed.
 */
#include "io/loop_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CALLS_KEPT_MAX 4096 /* a list that grew beyond this in a burst gives its memory back */

static void calls_add(struct tg_calls *list, tg_loop_fn *fn, void *arg)
{
    if (list->n == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->calls = tg_realloc(list->calls, list->capacity * sizeof(*list->calls));
    }
    list->calls[list->n++] = (struct tg_call){fn, arg};
}

static void calls_free(struct tg_calls *list)
{
    free(list->calls);
    *list = (struct tg_calls){0};
}

static void calls_swap(struct tg_calls *a, struct tg_calls *b)
{
    struct tg_calls old = *a;
    *a = *b;
    *b = old;
}

/* Runs all of a list nobody adds to meanwhile, and empties it. */
static void calls_run(struct tg_calls *list)
{
    for (size_t i = 0; i < list->n; i++)
        list->calls[i].fn(list->calls[i].arg);
    list->n = 0;
    if (list->capacity > CALLS_KEPT_MAX)
        calls_free(list);
}

static void on_posted(h2o_socket_t *sock, const char *err)
{
    struct tg_loop *loop = sock->data;
    uint64_t count;
    assert(err == NULL);
    /* The list itself is looked at once a turn, by run_posted(). */
    ssize_t got = read(loop->post.event_fd, &count, sizeof(count));
    assert(got == (ssize_t)sizeof(count) || (got == -1 && (errno == EAGAIN || errno == EINTR)));
}

static void run_posted(struct tg_loop *loop)
{
    assert(loop->post.batch.n == 0);
    pthread_mutex_lock(&loop->post.lock);
    calls_swap(&loop->post.calls, &loop->post.batch);
    pthread_mutex_unlock(&loop->post.lock);
    calls_run(&loop->post.batch);
}

static void run_deferred(struct tg_loop *loop)
{
    assert(loop->running.n == 0);
    calls_swap(&loop->deferred, &loop->running);
    calls_run(&loop->running);
}

struct tg_loop *tg_loop_new(void)
{
    struct tg_loop *loop = TG_NEW(struct tg_loop);
    loop->h2o = h2o_evloop_create();
    loop->thread = pthread_self();
    loop->now_ms = tg_clock_mono_us() / 1000;
    loop->h2o_now_ms = h2o_now(loop->h2o);
    pthread_mutex_init(&loop->post.lock, NULL);
    loop->post.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(loop->post.event_fd != -1);
    loop->post.sock = h2o_evloop_socket_create(loop->h2o, loop->post.event_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->post.sock->data = loop;
    h2o_socket_read_start(loop->post.sock, on_posted);
    return loop;
}

void tg_loop_free(struct tg_loop **loop_p)
{
    struct tg_loop *loop = *loop_p;
    if (loop == NULL)
        return;
    assert(loop->timers.n == 0);
    assert(loop->n_watches == 0);
    assert(loop->deferred.n == 0 && loop->running.n == 0);
    assert(loop->post.calls.n == 0 && loop->post.batch.n == 0);
    h2o_socket_close(loop->post.sock); /* closes event_fd */
    h2o_evloop_destroy(loop->h2o);
    pthread_mutex_destroy(&loop->post.lock);
    calls_free(&loop->deferred);
    calls_free(&loop->running);
    calls_free(&loop->post.calls);
    calls_free(&loop->post.batch);
    free(loop->timers.slots);
    free(loop);
    *loop_p = NULL;
}

h2o_loop_t *tg_loop_h2o(struct tg_loop *loop)
{
    return loop->h2o;
}

/* Reads the monotonic clock when h2o has read its own since, that is once a turn. */
static uint64_t refresh_now_ms(struct tg_loop *loop)
{
    if (loop->h2o_now_ms != h2o_now(loop->h2o)) {
        loop->h2o_now_ms = h2o_now(loop->h2o);
        loop->now_ms = tg_clock_mono_us() / 1000;
    }
    return loop->now_ms;
}

uint64_t tg_loop_now_ms(const struct tg_loop *loop)
{
    /* Only the cached reading changes: for the caller the loop is const. */
    return refresh_now_ms((struct tg_loop *)(uintptr_t)loop);
}

static int32_t wait_ms(struct tg_loop *loop, int32_t max_wait_ms)
{
    if (loop->deferred.n > 0)
        return 0;
    /* what our callbacks wrote is complete or has input waiting, and h2o has yet to say so */
    if (loop->h2o->_pending_as_client != NULL || loop->h2o->_pending_as_server != NULL)
        return 0;
    int64_t timer_ms = tg_timers_wait_ms(loop, tg_clock_mono_us() / 1000);
    if (timer_ms >= 0 && (max_wait_ms < 0 || timer_ms < max_wait_ms))
        return (int32_t)timer_ms;
    return max_wait_ms;
}

void tg_loop_run_once(struct tg_loop *loop, int32_t max_wait_ms)
{
    TG_LOOP_ASSERT_OWN_THREAD(loop);
    assert(loop->running.n == 0); /* not from inside a callback */
    if (max_wait_ms < 0)
        max_wait_ms = INT32_MAX; /* h2o compares it unsigned */
    if (h2o_evloop_run(loop->h2o, wait_ms(loop, max_wait_ms)) != 0 && errno != EINTR) {
        perror("tg_loop_run_once: epoll");
        abort(); /* a descriptor was closed behind the loop's back: nothing it watches can be trusted */
    }
    loop->now_ms = tg_clock_mono_us() / 1000;
    loop->h2o_now_ms = h2o_now(loop->h2o);
    tg_timers_run(loop, loop->now_ms);
    run_posted(loop);
    run_deferred(loop);
    h2o_timeout__do_post_callback(loop->h2o);
}

void tg_loop_defer(struct tg_loop *loop, tg_loop_fn *fn, void *arg)
{
    TG_LOOP_ASSERT_OWN_THREAD(loop);
    assert(fn != NULL);
    calls_add(&loop->deferred, fn, arg);
}

void tg_loop_post(struct tg_loop *loop, tg_loop_fn *fn, void *arg)
{
    static const uint64_t one = 1;
    assert(fn != NULL);
    pthread_mutex_lock(&loop->post.lock);
    bool was_empty = loop->post.calls.n == 0;
    calls_add(&loop->post.calls, fn, arg);
    /* Written under the lock: once the call is visible, its loop may run it, end and free itself. */
    ssize_t put = was_empty ? write(loop->post.event_fd, &one, sizeof(one)) : (ssize_t)sizeof(one);
    pthread_mutex_unlock(&loop->post.lock);
    assert(put == (ssize_t)sizeof(one) || errno == EAGAIN);
    (void)put;
}

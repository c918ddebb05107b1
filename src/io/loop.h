/* loop - one event loop a thread: libh2o's, with timers of any delay, deferred
 * calls, watched descriptors and messages from other threads.
 *
 * Everything here is called on the loop's own thread, except tg_loop_post().
 * The five promises of every asynchronous call in io, rt and charge: the
 * callback runs exactly once; never before the call has returned; on the loop
 * that made the call; it owns what the header says it owns; and an error's code
 * says whether the work may have happened (UNCERTAIN) or has not.
 */
#ifndef TG_IO_LOOP_H
#define TG_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <h2o.h>

struct tg_loop;

/* A loop of its own, for the calling thread. */
struct tg_loop *tg_loop_new(void);
/* All timers, watches and messages must be gone: asserted. Sets *loop to NULL. */
void tg_loop_free(struct tg_loop **loop);
/* For h2o_context_init; borrowed. */
h2o_loop_t *tg_loop_h2o(struct tg_loop *loop);
/* Waits at most max_wait_ms for something, then runs what is due. EINTR is not an end. */
void tg_loop_run_once(struct tg_loop *loop, int32_t max_wait_ms);
/* Milliseconds of the monotonic clock, read once a turn. */
uint64_t tg_loop_now_ms(const struct tg_loop *loop);

typedef void tg_loop_fn(void *arg);
/* Runs fn(arg) on this loop's next turn. Not cancellable: arg must live until then. */
void tg_loop_defer(struct tg_loop *loop, tg_loop_fn *fn, void *arg);
/* The same, from any thread; wakes the loop. In order for one sender. */
void tg_loop_post(struct tg_loop *loop, tg_loop_fn *fn, void *arg);

/* A timer is embedded in its owner; zeroed memory is an unarmed timer. */
struct tg_timer {
    uint64_t due_ms;
    uint32_t heap_index; /* 0: not armed, else its place in the loop's heap */
    tg_loop_fn *fn;
    void *arg;
};
/* (Re)arms t to run fn(arg) once after delay_ms. */
void tg_timer_start(struct tg_loop *loop, struct tg_timer *t, uint64_t delay_ms, tg_loop_fn *fn, void *arg);
/* Disarms; nothing when it is not armed. */
void tg_timer_stop(struct tg_loop *loop, struct tg_timer *t);
bool tg_timer_is_armed(const struct tg_timer *t);

/* A watched descriptor (the watch works on a dup of fd: closing fd is its owner's business). */
struct tg_watch;
enum { TG_WATCH_READ = 1, TG_WATCH_WRITE = 2 };
typedef void tg_watch_fn(int events, void *arg);
/* Starts with no interest. */
struct tg_watch *tg_watch_new(struct tg_loop *loop, int fd, tg_watch_fn *fn, void *arg);
/* Level triggered: fn runs on later turns while fd is ready for any of `events`. */
void tg_watch_set(struct tg_watch *w, int events);
/* May be called from its own fn. Sets *w to NULL. */
void tg_watch_free(struct tg_watch **w);

#endif

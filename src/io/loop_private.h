/* loop_private - what loop.c, timer.c and watch.c share: the loop's own parts.
 * Nobody else includes this. */
#ifndef TG_IO_LOOP_PRIVATE_H
#define TG_IO_LOOP_PRIVATE_H

#include <pthread.h>
#include <stddef.h>

#include "io/loop.h"

/* A call to be made: an entry of the deferred and of the posted list. */
struct tg_call {
    tg_loop_fn *fn;
    void *arg;
};

/* A list of calls that keeps its memory, so that deferring costs no allocation once it has grown. */
struct tg_calls {
    struct tg_call *calls;
    size_t n, capacity;
};

struct tg_timers { /* binary heap on due_ms; slot 0 is unused, so that index 0 can mean "not armed" */
    struct tg_timer **slots;
    size_t n, capacity;
};

struct tg_loop {
    h2o_loop_t *h2o;
    pthread_t thread;
    uint64_t h2o_now_ms; /* h2o's (wall) clock when now_ms was read: it moves once a turn */
    uint64_t now_ms;
    struct tg_timers timers;
    size_t n_watches;
    struct tg_calls deferred, running; /* `running` is the batch being run */
    struct {
        pthread_mutex_t lock;
        struct tg_calls calls; /* of any thread, under the lock */
        struct tg_calls batch; /* swapped out of `calls`, the loop's own */
        int event_fd;
        h2o_socket_t *sock; /* reads event_fd */
    } post;
};

#define TG_LOOP_ASSERT_OWN_THREAD(loop) assert(pthread_equal((loop)->thread, pthread_self()))

/* Milliseconds until the first timer is due (0: now), or -1 when none is armed. */
int64_t tg_timers_wait_ms(const struct tg_loop *loop, uint64_t now_ms);
/* Runs what is due at now_ms; timers armed meanwhile wait for the next turn, even with no delay. */
void tg_timers_run(struct tg_loop *loop, uint64_t now_ms);

#endif

/* thread - one event-loop thread of the server: its h2o context, its services, its application, its connections.
 *
 * Nothing here is shared: another thread reaches it by tg_loop_post() only. What threads share is struct tg_shared,
 * which is immutable or made of atomics.
 */
#ifndef TG_WEB_THREAD_H
#define TG_WEB_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>

#include "base/strbuf.h"
#include "io/loop.h"
#include "rt/vm.h"
#include "web/conf.h"
#include "web/limit.h"
#include "web/origins.h"
#include "web/refused.h"

struct tg_app;
struct tg_auth;
struct tg_ratelink;
struct tg_conn;
struct tg_request;
struct tg_jobs;
struct tg_acceptor;
struct tg_access_lines;
struct tg_rulebook;

struct tg_shared { /* of the process; outlives the threads */
    struct tg_conf *conf;
    struct tg_gen *gen;
    struct tg_web_thread *threads;
    size_t n_threads;
    sem_t swapped; /* posted by each thread once it serves a new generation */
    struct tg_limits *limits;
    struct tg_work *work;
    struct tg_rulebook *rulebook; /* NULL: there are no rules */
    uint64_t started_mono_us;
    _Atomic size_t n_connections;
    _Atomic size_t body_memory;
    _Atomic uint64_t generation; /* the newest that every thread has been given */
    _Atomic bool is_draining; /* /readyz says so first */
    _Atomic bool is_impatient; /* what still works is cut off */
};

#define TG_DURATION_BUCKETS 14

struct tg_web_stats { /* counted by the thread, read by others */
    _Atomic uint64_t requests, by_class[6], unanswered, timeouts, refused_busy, refused_rate, accepted, swept;
    _Atomic uint64_t durations[TG_DURATION_BUCKETS + 1], duration_usecs; /* from dispatch to the end of the response */
};

enum tg_thread_state {
    TG_THREAD_STARTING, /* waits for its first generation */
    TG_THREAD_RUNNING, /* accepts */
    TG_THREAD_DRAINING, /* accepts nothing new, finishes what there is */
    TG_THREAD_CLOSING, /* has no requests; its VM and services say goodbye */
    TG_THREAD_ENDED
};

struct tg_web_thread {
    struct tg_shared *shared;
    unsigned index;
    pthread_t tid;
    enum tg_thread_state state;
    struct tg_loop *loop;
    h2o_context_t ctx;
    struct tg_services services;
    struct tg_app *app; /* the generation that new requests get; a reference */
    struct tg_auth *auth;
    struct tg_ratelink *ratelink;
    struct tg_refused refused;
    struct tg_origins origins;
    struct tg_strbuf scratch; /* for one reply at a time */
    h2o_timeout_t request_timeout, bulk_timeout;
    h2o_linklist_t connections;
    size_t n_connections;
    struct tg_request *spare_requests;
    unsigned n_spare_requests;
    size_t n_requests; /* in work: from dispatch until the handler has ended */
    struct tg_access_lines *access_lines;
    struct tg_acceptor *acceptors;
    size_t n_acceptors;
    struct tg_timer sweep, drain;
    uint64_t drain_since_ms, drain_until_ms;
    bool was_cut_off; /* something was not answered in time */
    unsigned n_closing; /* services, VMs and the runner of jobs that have not said done */
    struct tg_jobs *jobs; /* NULL once the drain has begun */
    bool has_jobs; /* until the last of them has ended */
    struct tg_web_stats stats;
};

/* --- Life: by the server, in this order ------------------------------------------------------------------------------ */

/* Starts the thread; it serves nothing before its first tg_web_thread_swap(). */
void tg_web_thread_start(struct tg_web_thread *thread, struct tg_shared *shared, unsigned index);
/* As tg_gen_thread.on_swap: on the thread, arg is it. */
void tg_web_thread_swap(struct tg_vm *vm, uint64_t number, void *arg);
/* Any thread, once: begins to drain. */
void tg_web_thread_drain(struct tg_web_thread *thread);
/* Waits for its end. True: everything was answered. */
bool tg_web_thread_join(struct tg_web_thread *thread);

static inline struct tg_web_thread *tg_web_thread_of(h2o_context_t *ctx)
{
    return H2O_STRUCT_FROM_MEMBER(struct tg_web_thread, ctx, ctx);
}

static inline void tg_web_count(_Atomic uint64_t *counter)
{
    /* one writer: no locked instruction needed */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif

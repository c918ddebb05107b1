/* thread - one event-loop thread of the server: from its first generation to its last connection. */
#include "web/thread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "charge/rulekeeper.h"
#include "io/db.h"
#include "rt/gen.h"
#include "rt/jobs.h"
#include "web/accesslog.h"
#include "web/app.h"
#include "web/auth.h"
#include "web/conn.h"
#include "web/ratelink.h"
#include "web/request.h"

#define REPLY_BYTES_MAX (32u << 20)
#define DEADLINE_GRACE_MS 500 /* ours comes after those of the handler's own operations */
#define DRAIN_TICK_MS 50
#define DRAIN_IDLE_MS 500 /* clients that send one more request just now get their answer */
#define DRAIN_CLOSE_MS 2000 /* for libh2o to notice that a connection was shut */
#define GIVE_UP_MS 500 /* for services to close when requests were cut off */
#define DB_QUEUE_MAX 10000
#define JOBS_AT_ONCE 2 /* of the application's jobs, on each thread */
#define JOBS_INTERVAL_MS 1000
#define REDIS_PENDING_MAX 100000

/* --- Services ------------------------------------------------------------------------------------------------------- */

static void on_rules_hint(const char *channel, const char *payload, size_t len, void *arg)
{
    (void)channel;
    (void)payload;
    (void)len;
    tg_rulebook_wake(arg);
}

static void on_rules_gap(void *arg)
{
    tg_rulebook_wake(arg);
}

/* Somewhere a key, a session or a role has changed: nothing that is remembered of who may do what holds any more. */
static void on_auth_hint(const char *channel, const char *payload, size_t len, void *arg)
{
    struct tg_web_thread *thread = arg;
    (void)channel;
    (void)payload;
    (void)len;
    tg_auth_forget(thread->auth);
    tg_origins_reload(thread);
}

static void on_auth_gap(void *arg)
{
    struct tg_web_thread *thread = arg;
    tg_auth_forget(thread->auth);
    tg_origins_reload(thread);
}

/* A seat for the rules, and one thread's ears for the hint that they have changed. */
static void open_rules(struct tg_web_thread *thread)
{
    struct tg_rulebook *book = thread->shared->rulebook;
    char name[TG_RULESEAT_NAME_SIZE];
    if (book == NULL)
        return;
    snprintf(name, sizeof(name), "loop-%u", thread->index);
    thread->services.rules = tg_ruleseat_new(book, name, thread->loop, NULL, NULL);
    if (thread->index == 0 && thread->services.redis != NULL)
        tg_redis_subscribe(thread->services.redis, TG_RULES_CHANNEL, on_rules_hint, on_rules_gap, book);
}

static void open_services(struct tg_web_thread *thread)
{
    const struct tg_conf *conf = thread->shared->conf;
    struct tg_err err;
    thread->services = (struct tg_services){.loop = thread->loop, .work = thread->shared->work};
    if (conf->database_url != NULL) {
        struct tg_dbpool_settings set = {.connections_max = (unsigned)conf->database_connections,
                                         .queue_len_max = DB_QUEUE_MAX,
                                         .connect_timeout_ms = 5000};
        struct tg_dburl url;
        int ret = tg_dburl_parse(conf->database_url, &url, &err);
        assert(ret == 0); /* the server has checked it */
        (void)ret;
        thread->services.db = tg_dbpool_new(thread->loop, &url, &set);
        tg_dburl_deinit(&url);
    }
    if (conf->redis_url != NULL)
        thread->services.redis = tg_redis_new(thread->loop, conf->redis_url, REDIS_PENDING_MAX, &err);
    if (thread->services.redis != NULL)
        tg_redis_subscribe(thread->services.redis, TG_AUTH_CHANNEL, on_auth_hint, on_auth_gap, thread);
    thread->ratelink = tg_ratelink_new(thread->loop, thread->services.redis, thread->shared->limits);
    struct tg_httpc_settings http = {.allow_private_addresses = conf->allow_private_addresses,
                                     .ca_file = conf->ca_file};
    thread->services.http = tg_httpc_new(thread->loop, thread->shared->work, &http);
    open_rules(thread);
}

static void on_service_closed(void *arg)
{
    struct tg_web_thread *thread = arg;
    assert(thread->n_closing != 0);
    if (--thread->n_closing == 0)
        thread->state = TG_THREAD_ENDED;
}

/* Its requests are lost already: nobody waits until the last of their operations has met its deadline. */
static void on_give_up(void *arg)
{
    struct tg_web_thread *thread = arg;
    thread->state = TG_THREAD_ENDED;
}

static void close_services(struct tg_web_thread *thread)
{
    if (thread->was_cut_off)
        tg_timer_start(thread->loop, &thread->drain, GIVE_UP_MS, on_give_up, thread);
    tg_ratelink_stop(thread->ratelink);
    thread->n_closing++; /* ours, so that the end comes after all were begun */
    if (thread->services.db != NULL) {
        thread->n_closing++;
        tg_dbpool_close(&thread->services.db, on_service_closed, thread);
    }
    if (thread->services.redis != NULL) {
        thread->n_closing++;
        tg_redis_close(&thread->services.redis, on_service_closed, thread);
    }
    thread->n_closing++;
    tg_httpc_close(&thread->services.http, on_service_closed, thread);
    on_service_closed(thread);
}

/* --- Generations ---------------------------------------------------------------------------------------------------- */

/* A VM or the runner of jobs has said done. */
static void on_closed(struct tg_web_thread *thread)
{
    assert(thread->n_closing != 0);
    thread->n_closing--;
    if (thread->state == TG_THREAD_CLOSING && thread->n_closing == 0)
        close_services(thread);
}

static void on_vm_closed(void *arg)
{
    struct tg_web_thread *thread = arg;
    tg_gen_closed(thread->shared->gen);
    on_closed(thread);
}

static void on_jobs_closed(void *arg)
{
    struct tg_web_thread *thread = arg;
    thread->has_jobs = false;
    on_closed(thread);
}

/* Begins no more jobs; those that run may end. */
static void close_jobs(struct tg_web_thread *thread)
{
    if (thread->jobs == NULL)
        return;
    thread->n_closing++;
    tg_jobs_close(&thread->jobs, on_jobs_closed, thread);
}

static void retire(struct tg_web_thread *thread, uint32_t drain_ms)
{
    struct tg_app *old = thread->app;
    thread->app = NULL;
    thread->n_closing++;
    tg_vm_retire(&old->vm, drain_ms, on_vm_closed, thread);
    tg_app_unref(&old);
}

void tg_web_thread_swap(struct tg_vm *vm, uint64_t number, void *arg)
{
    struct tg_web_thread *thread = arg;
    if (thread->jobs != NULL)
        tg_jobs_set_vm(thread->jobs, vm);
    if (thread->app != NULL) {
        tg_auth_forget(thread->auth);
        retire(thread, TG_GENERATION_DRAIN_MS);
    }
    thread->app = tg_app_of(vm);
    thread->app->number = number;
    if (thread->state == TG_THREAD_STARTING) {
        thread->state = TG_THREAD_RUNNING;
        tg_conn_accept(thread);
    }
    tg_origins_reload(thread);
    sem_post(&thread->shared->swapped);
}

/* --- The end -------------------------------------------------------------------------------------------------------- */

static void begin_closing(struct tg_web_thread *thread)
{
    thread->state = TG_THREAD_CLOSING;
    thread->was_cut_off = thread->was_cut_off || thread->n_connections != 0 || thread->n_requests != 0;
    if (thread->app != NULL)
        retire(thread, 0);
    else if (thread->n_closing == 0)
        close_services(thread);
}

static void on_drain_tick(void *arg)
{
    struct tg_web_thread *thread = arg;
    uint64_t now_ms = tg_loop_now_ms(thread->loop);
    if (atomic_load(&thread->shared->is_impatient) && now_ms < thread->drain_until_ms)
        thread->drain_until_ms = now_ms;
    bool is_idle = thread->n_connections == 0 && thread->n_requests == 0 && !thread->has_jobs;
    if (is_idle || now_ms >= thread->drain_until_ms + DRAIN_CLOSE_MS) {
        begin_closing(thread);
        return;
    }
    if (now_ms >= thread->drain_until_ms) {
        thread->was_cut_off = true;
        tg_conn_close_idle(thread, true);
    } else if (now_ms >= thread->drain_since_ms + DRAIN_IDLE_MS) {
        tg_conn_close_idle(thread, false);
    }
    tg_timer_start(thread->loop, &thread->drain, DRAIN_TICK_MS, on_drain_tick, thread);
}

static void on_drain(void *arg)
{
    struct tg_web_thread *thread = arg;
    if (thread->state > TG_THREAD_RUNNING)
        return;
    thread->state = TG_THREAD_DRAINING;
    thread->drain_since_ms = tg_loop_now_ms(thread->loop);
    thread->drain_until_ms = thread->drain_since_ms + thread->shared->conf->drain_timeout_ms;
    close_jobs(thread);
    tg_origins_stop(thread);
    tg_conn_stop_accepting(thread);
    /* bodies under way are still received: our libh2o keeps reading them after its GOAWAY */
    h2o_context_request_shutdown(&thread->ctx);
    on_drain_tick(thread);
}

void tg_web_thread_drain(struct tg_web_thread *thread)
{
    tg_loop_post(thread->loop, on_drain, thread);
}

/* --- Running -------------------------------------------------------------------------------------------------------- */

static void init(struct tg_web_thread *thread)
{
    const struct tg_conf *conf = thread->shared->conf;
    open_services(thread);
    h2o_context_init(&thread->ctx, tg_loop_h2o(thread->loop), &thread->shared->conf->global);
    h2o_timeout_init(thread->ctx.loop, &thread->request_timeout, conf->request_timeout_ms + DEADLINE_GRACE_MS);
    h2o_timeout_init(thread->ctx.loop, &thread->bulk_timeout, conf->bulk_timeout_ms + DEADLINE_GRACE_MS);
    tg_strbuf_init(&thread->scratch, REPLY_BYTES_MAX);
    thread->auth = tg_auth_new();
    thread->jobs = tg_jobs_new(thread->loop, JOBS_AT_ONCE, JOBS_INTERVAL_MS);
    thread->has_jobs = true;
    tg_conn_init(thread);
}

/* What is left of a thread that had to give up stays: the process ends, and operations that nobody waits for any more
 * still point at it. */
static void deinit(struct tg_web_thread *thread)
{
    tg_access_log_deinit(thread);
    if (thread->was_cut_off)
        return;
    tg_conn_deinit(thread);
    h2o_timeout_unlink(&thread->ctx.http2._graceful_shutdown_timeout);
    h2o_timeout_dispose(thread->ctx.loop, &thread->request_timeout);
    h2o_timeout_dispose(thread->ctx.loop, &thread->bulk_timeout);
    h2o_multithread_queue_t *queue = thread->ctx.queue;
    h2o_context_dispose(&thread->ctx);
    free(queue); /* h2o 2.2 takes it down and forgets to */
    tg_auth_free(&thread->auth);
    tg_origins_deinit(&thread->origins);
    tg_ratelink_free(&thread->ratelink);
    tg_request_free_spares(thread);
    tg_strbuf_deinit(&thread->scratch);
    tg_loop_free(&thread->loop);
}

static void *run(void *arg)
{
    struct tg_web_thread *thread = arg;
    thread->loop = tg_loop_new();
    init(thread);
    sem_post(&thread->shared->swapped);
    while (thread->state != TG_THREAD_ENDED)
        tg_loop_run_once(thread->loop, 1000);
    tg_ruleseat_free(&thread->services.rules);
    tg_loop_run_once(thread->loop, 0);
    deinit(thread);
    return NULL;
}

void tg_web_thread_start(struct tg_web_thread *thread, struct tg_shared *shared, unsigned index)
{
    char name[16];
    thread->shared = shared;
    thread->index = index;
    if (pthread_create(&thread->tid, NULL, run, thread) != 0)
        abort();
    snprintf(name, sizeof(name), "web-%u", index);
    pthread_setname_np(thread->tid, name);
    sem_wait(&shared->swapped);
}

bool tg_web_thread_join(struct tg_web_thread *thread)
{
    pthread_join(thread->tid, NULL);
    return !thread->was_cut_off;
}

/* engine - the ledger engine: one thread, its queue, and what to do when a transaction does not succeed.
 *
 * The thread never sleeps while there is something it can do: whatever was queued while the last transaction committed
 * forms the next, so the batch grows with the load and nothing waits for a timer. What a failed attempt means:
 *
 *   CONFLICT            nothing happened, the same batch again, after a few milliseconds
 *   UPSTREAM, BUSY      the database is away: back into the queue, a pause, again, but no longer than a caller who
 *                       knows that nothing happened likes to wait
 *   UNCERTAIN           the same, and the ids decide: what was committed is recognised by the ids it was given
 *   INPUT, BUG          something in the batch cannot be written: halves, down to the operation, then to the event
 */
#include "charge/engine.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "charge/engine_metrics.h"
#include "charge/queue.h"
#include "charge/rulepins.h"
#include "io/dbsession.h"
#include "rt/rulebook.h"

#define QUEUE_ROWS_MAX 100000
#define BATCH_ROWS_MAX 5000
#define BATCH_OPS_MAX 512
#define CALL_ROWS 4 /* that an operation of a call writes, about */
#define CONFLICT_TRIES_MAX 12
#define CONFLICT_PAUSE_MAX_US 50000
#define DEFER_PAUSE_MAX_US 50000
#define AWAY_PAUSE_MIN_US 50000
#define AWAY_PAUSE_MAX_US 1000000
#define AWAY_PATIENCE_US 2000000 /* then "nothing was stored, send it again" is the better answer */
#define UNCERTAIN_PATIENCE_US 10000000 /* whether it was stored is worth a longer wait */
#define CONNECT_TIMEOUT_S 2 /* meanwhile nobody can be told that the database is away */
#define ANSWER_TIMEOUT_S 5
#define IDLE_US 200000 /* how often deadlines are looked at while nothing can be done */

struct tg_engine {
    pthread_t thread;
    pthread_mutex_t lock; /* of everything down to the line */
    pthread_cond_t wake;
    struct tg_queue *queue;
    size_t queued_rows;
    bool is_stopping;
    bool has_rules_offered; /* to be taken at the next batch */
    struct tg_engine_stats stats;
    /* ------------------------------------------------------------------ the thread's own */
    struct tg_engine_settings set;
    struct tg_dburl url;
    struct tg_deckstore *decks;
    struct tg_sqlconn *conn;
    struct tg_batch *batch;
    struct tg_ruleseat *seat;
    struct tg_rulepins *pins;
    uint64_t away_pause_us; /* 0: the database answered last time */
    uint32_t dice;
    struct tg_engine_stats published; /* in the metrics */
};

static uint64_t jittered(struct tg_engine *e, uint64_t usecs)
{
    e->dice = e->dice * 1664525u + 1013904223u;
    return usecs / 2 + (usecs / 2 * (e->dice >> 16)) / 65536 + 1;
}

static void sleep_us(uint64_t usecs)
{
    const struct timespec t = {(time_t)(usecs / 1000000), (long)(usecs % 1000000) * 1000};
    nanosleep(&t, NULL);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void on_answer(void *arg) /* on the submitting loop */
{
    struct tg_queued *q = arg;
    const struct tg_op_answer answer = {q->item.answer, q->item.answer_len, q->item.is_replay};
    if (q->item.err.code != TG_ERR_NONE)
        q->done(q->item.op, NULL, &q->item.err, q->arg);
    else
        q->done(q->item.op, &answer, NULL, q->arg);
    free(q->item.answer);
    free(q);
}

/* Several at a time: the lock is taken once. */
static void answer(struct tg_engine *e, struct tg_queued *const *list, size_t n)
{
    const uint64_t now_us = tg_clock_mono_us();
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        assert(e->queued_rows >= list[i]->n_rows);
        e->queued_rows -= list[i]->n_rows;
        e->stats.events += tg_op_n_events(list[i]->item.op);
    }
    e->stats.operations += n;
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        struct tg_queued *q = list[i];
        assert(q->item.err.code != TG_ERR_NONE || q->item.answer != NULL);
        tg_engine_metrics_answered(q->item.op->kind, now_us - q->submitted_us);
        tg_loop_post(q->loop, on_answer, q);
    }
}

static void answer_error(struct tg_engine *e, struct tg_queued *q, const struct tg_err *err)
{
    q->item.err = *err;
    if (q->is_uncertain)
        tg_err_set(&q->item.err, TG_ERR_UNCERTAIN, "the database did not say whether it was stored; send it again");
    answer(e, &q, 1);
}

/* Its deadline has passed, or the engine ends. */
static void answer_too_late(struct tg_engine *e, struct tg_queued *q)
{
    struct tg_err err;
    if (q->last_err.code == TG_ERR_NONE)
        tg_err_set(&err, TG_ERR_BUSY, "too much is waiting to be charged; send it again later");
    else if (q->last_err.code == TG_ERR_CONFLICT)
        tg_err_set(&err, TG_ERR_BUSY, "a wallet was in use for too long; send it again");
    else
        tg_err_set(&err, TG_ERR_UPSTREAM,
                   "the database takes nothing at present; nothing was stored, send it again later");
    answer_error(e, q, &err);
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

static void count(struct tg_engine *e, uint64_t *counter, uint64_t n)
{
    pthread_mutex_lock(&e->lock);
    *counter += n;
    pthread_mutex_unlock(&e->lock);
}

static void requeue(struct tg_engine *e, struct tg_queued **list, size_t n)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = n; i-- > 0;)
        tg_queue_push_front(e->queue, list[i]);
    pthread_mutex_unlock(&e->lock);
}

/* A wallet that it needs is locked. */
static void defer(struct tg_engine *e, struct tg_queued *q, uint64_t now_us)
{
    const uint64_t pause_us = UINT64_C(500) << (q->misses < 10 ? q->misses : 10);
    q->misses++;
    q->not_before_us = now_us + jittered(e, pause_us < DEFER_PAUSE_MAX_US ? pause_us : DEFER_PAUSE_MAX_US);
    tg_err_set(&q->last_err, TG_ERR_CONFLICT, "a wallet is locked");
    requeue(e, &q, 1);
}

static void finish(struct tg_engine *e, struct tg_queued **list, size_t n)
{
    const uint64_t now_us = tg_clock_mono_us();
    size_t n_answered = 0;
    e->away_pause_us = 0;
    for (size_t i = n; i-- > 0;) { /* backwards: those put back keep their order */
        if (list[i]->item.state == TG_BATCH_DEFERRED) {
            defer(e, list[i], now_us);
            list[i] = NULL;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (list[i] != NULL)
            list[n_answered++] = list[i];
    }
    count(e, &e->stats.deferred, n - n_answered);
    count(e, &e->stats.transactions, n_answered > 0);
    answer(e, list, n_answered);
}

/* Nobody waits for a database that is away as long as for one that works. */
static void shorten_deadline(struct tg_queued *q)
{
    const uint64_t patience_us = q->is_uncertain ? UNCERTAIN_PATIENCE_US : AWAY_PATIENCE_US;
    const uint64_t until_us = tg_clock_mono_us() + patience_us;
    if (q->item.op->deadline_mono_us > until_us)
        q->item.op->deadline_mono_us = until_us;
}

/* The database is away: everything waits in the queue. */
static void put_back(struct tg_engine *e, struct tg_queued **list, size_t n, const struct tg_err *err)
{
    if (e->away_pause_us == 0)
        TG_LOG_ERROR("charge_transaction_finished", TG_LOG_STR("code", tg_errcode_name(err->code)), TG_LOG_ERR(err));
    for (size_t i = 0; i < n; i++) {
        list[i]->is_uncertain |= err->code == TG_ERR_UNCERTAIN;
        list[i]->last_err = *err;
        shorten_deadline(list[i]);
    }
    e->away_pause_us = e->away_pause_us == 0 ? AWAY_PAUSE_MIN_US : e->away_pause_us * 2;
    if (e->away_pause_us > AWAY_PAUSE_MAX_US)
        e->away_pause_us = AWAY_PAUSE_MAX_US;
    requeue(e, list, n);
}

static bool is_permanent(const struct tg_err *err)
{
    return err->code == TG_ERR_INPUT || err->code == TG_ERR_BUG || err->code == TG_ERR_DENIED ||
           err->code == TG_ERR_NOT_FOUND;
}

/* The rules that rate. A VM that met a limit is built anew here: its batch waits for the few milliseconds, and nothing
 * has to be parked for want of rules. */
static struct tg_ruleset *usable_rules(void *arg)
{
    struct tg_engine *e = arg;
    struct tg_ruleset *set = tg_ruleseat_current(e->seat);
    struct tg_err err;
    if (set == NULL || !tg_ruleset_is_spoilt(set))
        return set;
    if (tg_ruleset_mend(set, &err) != 0) {
        TG_LOG_ERROR("charge_rules_built", TG_LOG_ERR(&err)); /* they were built before; usage is parked */
        return NULL;
    }
    return set;
}

/* Rules that nobody has confirmed, of the disk or the release, may be old ones: they price nothing. */
static bool has_rules(struct tg_engine *e, struct tg_err *err_r)
{
    const struct tg_ruleset *set = tg_ruleseat_current(e->seat);
    if (set != NULL && tg_ruleset_state(set)->is_confirmed)
        return true;
    tg_err_set(err_r, TG_ERR_UPSTREAM, "the database has not said yet which rules decide");
    return false;
}

/* One attempt, and the same again while it meets conflicts. */
static int attempt(struct tg_engine *e, struct tg_batch_item *const *items, size_t n, int flags, struct tg_err *err_r)
{
    for (int tries = 1;; tries++) {
        if (tg_batch_attempt(e->batch, items, n, flags, err_r) == 0)
            return 0;
        if (err_r->code != TG_ERR_CONFLICT || tries == CONFLICT_TRIES_MAX)
            return -1;
        count(e, &e->stats.retries, 1);
        const uint64_t pause_us = UINT64_C(500) << tries;
        sleep_us(jittered(e, pause_us < CONFLICT_PAUSE_MAX_US ? pause_us : CONFLICT_PAUSE_MAX_US));
    }
}

static void run_batch(struct tg_engine *e, struct tg_queued **list, size_t n, int flags)
{
    struct tg_batch_item *items[BATCH_OPS_MAX];
    struct tg_err err;
    assert(n > 0 && n <= BATCH_OPS_MAX);
    for (size_t i = 0; i < n; i++)
        items[i] = &list[i]->item;
    if (!has_rules(e, &err)) {
        put_back(e, list, n, &err);
    } else if (attempt(e, items, n, flags, &err) == 0) {
        finish(e, list, n);
    } else if (!is_permanent(&err)) {
        put_back(e, list, n, &err);
    } else if (n > 1) {
        count(e, &e->stats.bisections, 1);
        run_batch(e, list, n / 2, flags);
        run_batch(e, list + n / 2, n - n / 2, flags);
    } else if (flags == 0) {
        count(e, &e->stats.bisections, 1);
        run_batch(e, list, 1, TG_BATCH_CAREFUL);
    } else {
        TG_LOG_ERROR("charge_operation_finished", TG_LOG_STR("code", tg_errcode_name(err.code)), TG_LOG_ERR(&err));
        tg_err_set(&err, TG_ERR_BUG, "it could not be stored");
        answer_error(e, list[0], &err);
    }
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static void wait_us(struct tg_engine *e, uint64_t usecs) /* under the lock */
{
    const uint64_t until_us = tg_clock_mono_us() + usecs; /* the clock of `wake`, too */
    const struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    pthread_cond_timedwait(&e->wake, &e->lock, &until);
}

/* Any thread; the seat's lock is held. */
static void on_rules_offered(void *arg)
{
    struct tg_engine *e = arg;
    pthread_mutex_lock(&e->lock);
    e->has_rules_offered = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

/* Those that cannot be served in time; when the engine ends and the database is away: all. */
static void answer_expired(struct tg_engine *e)
{
    for (;;) {
        pthread_mutex_lock(&e->lock);
        const bool gives_up = e->is_stopping && e->away_pause_us > 0;
        struct tg_queued *q = tg_queue_take_expired(e->queue, gives_up ? UINT64_MAX : tg_clock_mono_us());
        pthread_mutex_unlock(&e->lock);
        if (q == NULL)
            return;
        answer_too_late(e, q);
    }
}

/* Waits for operations that can go now and takes them; 0: the engine ends. */
static size_t next_batch(struct tg_engine *e, struct tg_queued **list)
{
    uint64_t away_until_us = e->away_pause_us == 0 ? 0 : tg_clock_mono_us() + jittered(e, e->away_pause_us);
    for (;;) {
        answer_expired(e);
        (void)tg_ruleseat_take(e->seat);
        pthread_mutex_lock(&e->lock);
        const uint64_t now_us = tg_clock_mono_us();
        const bool is_empty = tg_queue_is_empty(e->queue);
        uint64_t next_us = UINT64_MAX;
        size_t n = 0;
        if (away_until_us > now_us)
            next_us = away_until_us;
        else
            n = tg_queue_take(e->queue, now_us, e->set.batch_rows_max, list, BATCH_OPS_MAX, &next_us);
        const bool ends = n == 0 && is_empty && e->is_stopping;
        struct tg_engine_stats stats = e->stats;
        stats.queued_rows = e->queued_rows;
        tg_engine_metrics_publish(&stats, e->away_pause_us > 0, &e->published);
        if (n == 0 && !ends && !e->has_rules_offered) {
            if (is_empty)
                pthread_cond_wait(&e->wake, &e->lock);
            else
                wait_us(e, next_us > now_us && next_us - now_us < IDLE_US ? next_us - now_us : IDLE_US);
        }
        e->has_rules_offered = false;
        pthread_mutex_unlock(&e->lock);
        if (n > 0 || ends)
            return n;
    }
}

static void *engine_main(void *arg)
{
    struct tg_engine *e = arg;
    struct tg_queued *list[BATCH_OPS_MAX];
    size_t n;
    while ((n = next_batch(e, list)) > 0)
        run_batch(e, list, n, 0);
    return NULL;
}

/* --- public ------------------------------------------------------------------------------------------------------- */

static void init_lock(struct tg_engine *e)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &attr);
    pthread_condattr_destroy(&attr);
}

static void start_thread(struct tg_engine *e)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&e->thread, NULL, engine_main, e) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct tg_engine *tg_engine_new(const struct tg_dburl *url, struct tg_rulebook *book,
                                const struct tg_engine_settings *set)
{
    struct tg_engine *e = TG_NEW(struct tg_engine);
    e->set = *set;
    if (e->set.queue_rows_max == 0)
        e->set.queue_rows_max = QUEUE_ROWS_MAX;
    if (e->set.batch_rows_max == 0)
        e->set.batch_rows_max = BATCH_ROWS_MAX;
    tg_dburl_copy(url, &e->url);
    e->decks = tg_deckstore_new();
    e->conn = tg_sqlconn_new(url);
    tg_sqlconn_set_timeouts(e->conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    e->queue = tg_queue_new();
    tg_engine_metrics_register();
    tg_random(&e->dice, sizeof(e->dice));
    init_lock(e);
    e->seat = tg_ruleseat_new(book, "engine", NULL, on_rules_offered, e);
    e->pins = tg_rulepins_new(e->seat);
    e->batch = tg_batch_new(e->conn, e->decks, e->pins, usable_rules, e);
    start_thread(e);
    return e;
}

void tg_engine_free(struct tg_engine **engine)
{
    struct tg_engine *e = *engine;
    if (e == NULL)
        return;
    pthread_mutex_lock(&e->lock);
    e->is_stopping = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    tg_queue_free(&e->queue);
    tg_batch_free(&e->batch);
    tg_sqlconn_free(&e->conn);
    tg_deckstore_free(&e->decks);
    tg_rulepins_free(&e->pins);
    tg_ruleseat_free(&e->seat);
    tg_dburl_deinit(&e->url);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
    *engine = NULL;
}

static size_t rows_of(const struct tg_op *op)
{
    const size_t n = tg_op_n_events(op);
    return op->kind != TG_OP_USAGE ? CALL_ROWS : n == 0 ? 1 : n;
}

int tg_engine_submit(struct tg_engine *engine, struct tg_loop *loop, struct tg_op *op, tg_op_done_fn *done, void *arg,
                     struct tg_err *err_r)
{
    struct tg_queued *q = TG_NEW(struct tg_queued);
    *q = (struct tg_queued){.item.op = op,
                            .loop = loop,
                            .done = done,
                            .arg = arg,
                            .n_rows = rows_of(op),
                            .submitted_us = tg_clock_mono_us()};
    pthread_mutex_lock(&engine->lock);
    const bool fits = engine->queued_rows == 0 || engine->queued_rows + q->n_rows <= engine->set.queue_rows_max;
    if (fits && !engine->is_stopping) {
        engine->queued_rows += q->n_rows;
        tg_queue_push(engine->queue, q);
        pthread_cond_signal(&engine->wake);
        q = NULL;
    }
    pthread_mutex_unlock(&engine->lock);
    if (q == NULL)
        return 0;
    free(q);
    return tg_err_set(err_r, TG_ERR_BUSY, "too much is waiting to be charged; send it again later");
}

struct tg_engine_stats tg_engine_stats_get(struct tg_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    struct tg_engine_stats stats = engine->stats;
    stats.queued_rows = engine->queued_rows;
    pthread_mutex_unlock(&engine->lock);
    return stats;
}

struct tg_deckstore *tg_engine_decks(struct tg_engine *engine)
{
    return engine->decks;
}

const struct tg_dburl *tg_engine_url(const struct tg_engine *engine)
{
    return &engine->url;
}

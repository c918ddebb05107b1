/* lane - a thread of the ledger engine: its queue, and what to do when a transaction does not succeed.
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
#include "charge/lane.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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

#define BATCH_OPS_MAX 512
#define CONFLICT_TRIES_MAX 12
#define CONFLICT_PAUSE_MAX_US 50000
#define DEFER_PAUSE_US 500
#define MISSES_MAX 4 /* of its wallet's lock, then an operation goes to the slow lane */
#define AWAY_PAUSE_MIN_US 50000
#define AWAY_PAUSE_MAX_US 1000000
#define AWAY_PATIENCE_US 2000000 /* then "nothing was stored, send it again" is the better answer */
#define UNCERTAIN_PATIENCE_US 10000000 /* whether it was stored is worth a longer wait */
#define CONNECT_TIMEOUT_S 2 /* meanwhile nobody can be told that the database is away */
#define ANSWER_TIMEOUT_S 5
#define IDLE_US 200000 /* how often deadlines are looked at while nothing can be done */

struct tg_lane {
    struct tg_lane_settings set;
    pthread_t thread;
    pthread_mutex_t lock; /* of everything down to the line */
    pthread_cond_t wake;
    struct tg_queue *queue;
    atomic_size_t queued_rows; /* those of the running transaction, too; read without the lock */
    bool is_stopping;
    bool has_rules_offered; /* to be taken at the next batch */
    struct tg_engine_stats stats;
    /* ------------------------------------------------------------------ the thread's own */
    struct tg_sqlconn *conn;
    struct tg_batch *batch;
    struct tg_ruleseat *seat;
    struct tg_rulepins *pins;
    bool is_waiting_turn; /* a slow lane: the next batch is one company's, and waits for its wallets */
    uint64_t away_pause_us; /* 0: the database answered last time */
    uint32_t dice;
    struct tg_engine_stats published; /* in the metrics */
};

static uint64_t jittered(struct tg_lane *lane, uint64_t usecs)
{
    lane->dice = lane->dice * 1664525u + 1013904223u;
    return usecs / 2 + (usecs / 2 * (lane->dice >> 16)) / 65536 + 1;
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
static void answer(struct tg_lane *lane, struct tg_queued *const *list, size_t n)
{
    const uint64_t now_us = tg_clock_mono_us();
    pthread_mutex_lock(&lane->lock);
    for (size_t i = 0; i < n; i++) {
        assert(lane->queued_rows >= list[i]->n_rows);
        lane->queued_rows -= list[i]->n_rows;
        lane->stats.events += tg_op_n_events(list[i]->item.op);
    }
    lane->stats.operations += n;
    pthread_mutex_unlock(&lane->lock);
    for (size_t i = 0; i < n; i++) {
        struct tg_queued *q = list[i];
        assert(q->item.err.code != TG_ERR_NONE || q->item.answer != NULL);
        tg_engine_metrics_answered(q->item.op->kind, now_us - q->submitted_us);
        tg_loop_post(q->loop, on_answer, q);
    }
}

static void answer_error(struct tg_lane *lane, struct tg_queued *q, const struct tg_err *err)
{
    q->item.err = *err;
    if (q->is_uncertain)
        tg_err_set(&q->item.err, TG_ERR_UNCERTAIN, "the database did not say whether it was stored; send it again");
    answer(lane, &q, 1);
}

/* Its deadline has passed, or the engine ends. */
static void answer_too_late(struct tg_lane *lane, struct tg_queued *q)
{
    struct tg_err err;
    if (q->last_err.code == TG_ERR_NONE)
        tg_err_set(&err, TG_ERR_BUSY, "too much is waiting to be charged; send it again later");
    else if (q->last_err.code == TG_ERR_CONFLICT)
        tg_err_set(&err, TG_ERR_BUSY, "a wallet was in use for too long; send it again");
    else
        tg_err_set(&err, TG_ERR_UPSTREAM,
                   "the database takes nothing at present; nothing was stored, send it again later");
    answer_error(lane, q, &err);
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

static void count(struct tg_lane *lane, uint64_t *counter, uint64_t n)
{
    pthread_mutex_lock(&lane->lock);
    *counter += n;
    pthread_mutex_unlock(&lane->lock);
}

static void requeue(struct tg_lane *lane, struct tg_queued **list, size_t n)
{
    pthread_mutex_lock(&lane->lock);
    for (size_t i = n; i-- > 0;)
        tg_queue_push_front(lane->queue, list[i]);
    pthread_mutex_unlock(&lane->lock);
}

static void push(struct tg_lane *lane, struct tg_queued *q) /* under the lock */
{
    lane->queued_rows += q->n_rows;
    tg_queue_push(lane->queue, q);
    pthread_cond_signal(&lane->wake);
}

/* A wallet that they need is locked. Somebody who has it in one transaction after the other may be met each time: then
 * they are the slow lane's, which waits for the lock. Those of a company keep their order. */
static void defer(struct tg_lane *lane, struct tg_queued **list, size_t n)
{
    struct tg_lane *slow = lane->set.slow == NULL ? lane : lane->set.slow;
    const uint64_t now_us = tg_clock_mono_us(), pause_us = jittered(lane, DEFER_PAUSE_US);
    size_t n_again = 0;
    count(lane, &lane->stats.deferred, n);
    for (size_t i = 0; i < n; i++) {
        tg_err_set(&list[i]->last_err, TG_ERR_CONFLICT, "a wallet is locked");
        if (++list[i]->misses < MISSES_MAX) {
            list[i]->not_before_us = now_us + (pause_us << list[i]->misses);
            list[n_again++] = list[i];
            continue;
        }
        list[i]->not_before_us = 0;
        lane->queued_rows -= list[i]->n_rows;
        pthread_mutex_lock(&slow->lock); /* it may be ending, but takes what there is */
        push(slow, list[i]);
        pthread_mutex_unlock(&slow->lock);
    }
    requeue(lane, list, n_again);
}

static void finish(struct tg_lane *lane, struct tg_queued **list, size_t n)
{
    struct tg_queued *deferred[BATCH_OPS_MAX];
    size_t n_answered = 0, n_deferred = 0;
    lane->away_pause_us = 0;
    for (size_t i = 0; i < n; i++) {
        if (list[i]->item.state == TG_BATCH_DEFERRED)
            deferred[n_deferred++] = list[i];
        else
            list[n_answered++] = list[i];
    }
    defer(lane, deferred, n_deferred);
    lane->is_waiting_turn = lane->set.slow == NULL && n_deferred > 0;
    count(lane, &lane->stats.transactions, n_answered > 0);
    answer(lane, list, n_answered);
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
static void put_back(struct tg_lane *lane, struct tg_queued **list, size_t n, const struct tg_err *err)
{
    if (lane->away_pause_us == 0)
        TG_LOG_ERROR("charge_transaction_finished", TG_LOG_STR("code", tg_errcode_name(err->code)), TG_LOG_ERR(err));
    for (size_t i = 0; i < n; i++) {
        list[i]->is_uncertain |= err->code == TG_ERR_UNCERTAIN;
        list[i]->last_err = *err;
        shorten_deadline(list[i]);
    }
    lane->away_pause_us = lane->away_pause_us == 0 ? AWAY_PAUSE_MIN_US : lane->away_pause_us * 2;
    if (lane->away_pause_us > AWAY_PAUSE_MAX_US)
        lane->away_pause_us = AWAY_PAUSE_MAX_US;
    requeue(lane, list, n);
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
    struct tg_lane *lane = arg;
    struct tg_ruleset *set = tg_ruleseat_current(lane->seat);
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
static bool has_rules(struct tg_lane *lane, struct tg_err *err_r)
{
    const struct tg_ruleset *set = tg_ruleseat_current(lane->seat);
    if (set != NULL && tg_ruleset_state(set)->is_confirmed)
        return true;
    tg_err_set(err_r, TG_ERR_UPSTREAM, "the database has not said yet which rules decide");
    return false;
}

/* One attempt, and the same again while it meets conflicts. Who waits for a lock does so once. */
static int attempt(struct tg_lane *lane, struct tg_batch_item *const *items, size_t n, int flags, struct tg_err *err_r)
{
    for (int tries = 1;; tries++) {
        if (tg_batch_attempt(lane->batch, items, n, flags, err_r) == 0)
            return 0;
        if (err_r->code != TG_ERR_CONFLICT || tries == CONFLICT_TRIES_MAX || (flags & TG_BATCH_WAITS) != 0)
            return -1;
        count(lane, &lane->stats.retries, 1);
        const uint64_t pause_us = UINT64_C(500) << tries;
        sleep_us(jittered(lane, pause_us < CONFLICT_PAUSE_MAX_US ? pause_us : CONFLICT_PAUSE_MAX_US));
    }
}

static void run_batch(struct tg_lane *lane, struct tg_queued **list, size_t n, int flags)
{
    struct tg_batch_item *items[BATCH_OPS_MAX];
    struct tg_err err;
    assert(n > 0 && n <= BATCH_OPS_MAX);
    for (size_t i = 0; i < n; i++)
        items[i] = &list[i]->item;
    if (!has_rules(lane, &err)) {
        put_back(lane, list, n, &err);
    } else if (attempt(lane, items, n, flags, &err) == 0) {
        finish(lane, list, n);
    } else if (err.code == TG_ERR_CONFLICT && (flags & TG_BATCH_WAITS) != 0) {
        defer(lane, list, n); /* others shall not wait for it, too: behind them */
    } else if (!is_permanent(&err)) {
        put_back(lane, list, n, &err);
    } else if (n > 1) {
        count(lane, &lane->stats.bisections, 1);
        run_batch(lane, list, n / 2, flags);
        run_batch(lane, list + n / 2, n - n / 2, flags);
    } else if ((flags & TG_BATCH_CAREFUL) == 0) {
        count(lane, &lane->stats.bisections, 1);
        run_batch(lane, list, 1, flags | TG_BATCH_CAREFUL);
    } else {
        TG_LOG_ERROR("charge_operation_finished", TG_LOG_STR("code", tg_errcode_name(err.code)), TG_LOG_ERR(&err));
        tg_err_set(&err, TG_ERR_BUG, "it could not be stored");
        answer_error(lane, list[0], &err);
    }
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static void wait_us(struct tg_lane *lane, uint64_t usecs) /* under the lock */
{
    const uint64_t until_us = tg_clock_mono_us() + usecs; /* the clock of `wake`, too */
    const struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    pthread_cond_timedwait(&lane->wake, &lane->lock, &until);
}

/* Any thread; the seat's lock is held. */
static void on_rules_offered(void *arg)
{
    struct tg_lane *lane = arg;
    pthread_mutex_lock(&lane->lock);
    lane->has_rules_offered = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
}

/* Those that cannot be served in time; when the engine ends and the database is away: all. */
static void answer_expired(struct tg_lane *lane)
{
    for (;;) {
        pthread_mutex_lock(&lane->lock);
        const bool gives_up = lane->is_stopping && lane->away_pause_us > 0;
        struct tg_queued *q = tg_queue_take_expired(lane->queue, gives_up ? UINT64_MAX : tg_clock_mono_us());
        pthread_mutex_unlock(&lane->lock);
        if (q == NULL)
            return;
        answer_too_late(lane, q);
    }
}

/* Waits for operations that can go now and takes them; 0: the engine ends. */
static size_t next_batch(struct tg_lane *lane, struct tg_queued **list)
{
    uint64_t away_until_us = lane->away_pause_us == 0 ? 0 : tg_clock_mono_us() + jittered(lane, lane->away_pause_us);
    for (;;) {
        answer_expired(lane);
        (void)tg_ruleseat_take(lane->seat);
        pthread_mutex_lock(&lane->lock);
        const uint64_t now_us = tg_clock_mono_us();
        const bool is_empty = tg_queue_is_empty(lane->queue);
        uint64_t next_us = UINT64_MAX;
        size_t n = 0;
        if (away_until_us > now_us)
            next_us = away_until_us;
        else if (lane->is_waiting_turn)
            n = tg_queue_take_company(lane->queue, now_us, lane->set.batch_rows_max, list, BATCH_OPS_MAX, &next_us);
        else
            n = tg_queue_take(lane->queue, now_us, lane->set.batch_rows_max, list, BATCH_OPS_MAX, &next_us);
        const bool ends = n == 0 && is_empty && lane->is_stopping;
        struct tg_engine_stats stats = lane->stats;
        stats.queued_rows = lane->queued_rows;
        tg_engine_metrics_publish(&stats, lane->away_pause_us > 0, &lane->published);
        if (n == 0 && !ends && !lane->has_rules_offered) {
            if (is_empty)
                pthread_cond_wait(&lane->wake, &lane->lock);
            else
                wait_us(lane, next_us > now_us && next_us - now_us < IDLE_US ? next_us - now_us : IDLE_US);
        }
        lane->has_rules_offered = false;
        pthread_mutex_unlock(&lane->lock);
        if (n > 0 || ends)
            return n;
    }
}

static void *lane_main(void *arg)
{
    struct tg_lane *lane = arg;
    struct tg_queued *list[BATCH_OPS_MAX];
    size_t n;
    while ((n = next_batch(lane, list)) > 0) {
        const int flags = lane->is_waiting_turn ? TG_BATCH_WAITS : 0;
        lane->is_waiting_turn = false;
        run_batch(lane, list, n, flags);
    }
    return NULL;
}

/* --- public ------------------------------------------------------------------------------------------------------- */

static void init_lock(struct tg_lane *lane)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->wake, &attr);
    pthread_condattr_destroy(&attr);
}

static void start_thread(struct tg_lane *lane)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct tg_lane *tg_lane_new(const struct tg_lane_settings *set)
{
    struct tg_lane *lane = TG_NEW(struct tg_lane);
    lane->set = *set;
    lane->conn = tg_sqlconn_new(set->url);
    tg_sqlconn_set_timeouts(lane->conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    lane->queue = tg_queue_new();
    tg_random(&lane->dice, sizeof(lane->dice));
    init_lock(lane);
    lane->seat = tg_ruleseat_new(set->book, set->seat, NULL, on_rules_offered, lane);
    lane->pins = tg_rulepins_new(lane->seat);
    lane->batch = tg_batch_new(lane->conn, set->decks, lane->pins, usable_rules, lane);
    start_thread(lane);
    return lane;
}

void tg_lane_free(struct tg_lane **lane_p)
{
    struct tg_lane *lane = *lane_p;
    pthread_mutex_lock(&lane->lock);
    lane->is_stopping = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
    pthread_join(lane->thread, NULL);
    tg_queue_free(&lane->queue);
    tg_batch_free(&lane->batch);
    tg_sqlconn_free(&lane->conn);
    tg_rulepins_free(&lane->pins);
    tg_ruleseat_free(&lane->seat);
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
    *lane_p = NULL;
}

bool tg_lane_push(struct tg_lane *lane, struct tg_queued *q)
{
    pthread_mutex_lock(&lane->lock);
    const bool is_open = !lane->is_stopping;
    if (is_open)
        push(lane, q);
    pthread_mutex_unlock(&lane->lock);
    return is_open;
}

struct tg_engine_stats tg_lane_stats(struct tg_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    struct tg_engine_stats stats = lane->stats;
    pthread_mutex_unlock(&lane->lock);
    stats.queued_rows = lane->queued_rows;
    return stats;
}

size_t tg_lane_queued_rows(const struct tg_lane *lane)
{
    return lane->queued_rows;
}

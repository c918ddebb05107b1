/* ruleseat - the rules as one thread has them: a seat, and sets of rule VMs that come and go on it. */
#include "rt/ruleseat.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rt/metrics.h"
#include "rt/rulebook.h"
#include "rt/vm.h"

#define KEPT_MAX 4

struct tg_ruleset {
    struct tg_ruleset *older, *newer; /* on its seat */
    struct tg_ruleseat *seat; /* NULL: of none; a reference */
    struct tg_rulestate *state;
    unsigned n_refs;
    struct tg_rules *live, *candidate;
    struct tg_strbuf *log; /* of live; NULL: the log of all */
    bool is_mending, is_lost;
};

/* Written by the seat's thread, read by any. */
struct tally {
    char hook[64];
    _Atomic uint64_t calls, failures, total, total_failed, total_limits, total_usecs;
};

struct tg_ruleseat {
    atomic_uint refs;
    char name[TG_RULESEAT_NAME_SIZE];
    struct tg_rulebook *book;
    struct tg_loop *loop;
    tg_loop_fn *wake;
    void *wake_arg;
    pthread_mutex_t lock; /* of everything down to the line */
    bool is_closed;
    struct tg_ruleset *offered;
    uint64_t offered_since_us;
    struct tg_rulestate *taken;
    /* ------------------------------------------------------------------ the thread's own */
    struct tg_ruleset *current, *oldest, *newest;
    unsigned n_sets;
    struct tg_ruleset *kept[KEPT_MAX]; /* the last one used comes first */
    struct tg_shadowing shadowing;
    struct tg_metric *swaps;
    atomic_size_t n_tallies;
    struct tally tallies[TG_RULESEAT_HOOKS_MAX];
};

/* --- what is to decide -------------------------------------------------------------------------------------------- */

struct tg_rulestate *tg_rulestate_new(const struct tg_rulestate *values)
{
    struct tg_rulestate *state = TG_NEW(struct tg_rulestate);
    *state = *values;
    state->refs = 1;
    tg_luasource_ref(state->host);
    tg_bundle_ref(state->bundle);
    if (state->candidate != NULL)
        tg_bundle_ref(state->candidate);
    return state;
}

struct tg_rulestate *tg_rulestate_ref(struct tg_rulestate *state)
{
    atomic_fetch_add(&state->refs, 1);
    return state;
}

void tg_rulestate_unref(struct tg_rulestate **state_p)
{
    struct tg_rulestate *state = *state_p;
    *state_p = NULL;
    if (state == NULL || atomic_fetch_sub(&state->refs, 1) != 1)
        return;
    tg_luasource_unref(&state->host);
    tg_bundle_unref(&state->bundle);
    tg_bundle_unref(&state->candidate);
    free(state);
}

/* --- sets --------------------------------------------------------------------------------------------------------- */

int tg_ruleset_new(struct tg_rulestate *state, struct tg_ruleset **set_r, struct tg_err *err_r)
{
    struct tg_rules *live, *candidate = NULL;
    struct tg_err err;
    if (tg_rules_new(state->host, state->bundle, 0, &live, err_r) != 0)
        return -1;
    if (state->candidate != NULL && tg_rules_new(state->host, state->candidate, 0, &candidate, &err) != 0)
        TG_LOG_WARN("rules_candidate_built", TG_LOG_STR("bundle", tg_bundle_id(state->candidate)), TG_LOG_ERR(&err));
    struct tg_ruleset *set = TG_NEW(struct tg_ruleset);
    *set = (struct tg_ruleset){.state = tg_rulestate_ref(state), .n_refs = 1, .live = live, .candidate = candidate};
    *set_r = set;
    return 0;
}

struct tg_ruleset *tg_ruleset_ref(struct tg_ruleset *set)
{
    set->n_refs++;
    return set;
}

static void sit_down(struct tg_ruleseat *seat, struct tg_ruleset *set)
{
    set->seat = tg_ruleseat_ref(seat);
    set->older = seat->newest;
    if (seat->newest != NULL)
        seat->newest->newer = set;
    else
        seat->oldest = set;
    seat->newest = set;
    seat->n_sets++;
}

static void get_up(struct tg_ruleset *set)
{
    struct tg_ruleseat *seat = set->seat;
    if (set->older != NULL)
        set->older->newer = set->newer;
    else
        seat->oldest = set->newer;
    if (set->newer != NULL)
        set->newer->older = set->older;
    else
        seat->newest = set->older;
    seat->n_sets--;
    set->older = set->newer = NULL;
    tg_ruleseat_unref(&set->seat);
}

/* Its VMs go; who still refers to it is told so. */
static void lose(struct tg_ruleset *set)
{
    tg_rules_free(&set->live);
    tg_rules_free(&set->candidate);
    set->is_lost = true;
    if (set->seat != NULL)
        get_up(set);
}

void tg_ruleset_unref(struct tg_ruleset **set_p)
{
    struct tg_ruleset *set = *set_p;
    *set_p = NULL;
    if (set == NULL || --set->n_refs > 0)
        return;
    lose(set);
    tg_rulestate_unref(&set->state);
    free(set);
}

const struct tg_rulestate *tg_ruleset_state(const struct tg_ruleset *set)
{
    return set->state;
}

const char *tg_ruleset_bundle(const struct tg_ruleset *set)
{
    return tg_bundle_id(set->state->bundle);
}

void tg_ruleset_set_log(struct tg_ruleset *set, struct tg_strbuf *log)
{
    assert(set->seat == NULL);
    set->log = log;
    tg_rules_set_log(set->live, log);
}

/* --- spoilt VMs --------------------------------------------------------------------------------------------------- */

bool tg_ruleset_is_spoilt(const struct tg_ruleset *set)
{
    return set->live == NULL || tg_rules_is_spoilt(set->live);
}

int tg_ruleset_mend(struct tg_ruleset *set, struct tg_err *err_r)
{
    assert(!set->is_lost && !set->is_mending);
    tg_rules_free(&set->live);
    if (tg_rules_new(set->state->host, set->state->bundle, 0, &set->live, err_r) != 0)
        return -1;
    tg_rules_set_log(set->live, set->log);
    return 0;
}

struct mending { /* on its way to a worker and back */
    struct tg_ruleset *set;
    struct tg_rulestate *state;
    struct tg_rules *rules;
    struct tg_err err;
};

static void mend(void *arg) /* on a worker */
{
    struct mending *job = arg;
    (void)!tg_rules_new(job->state->host, job->state->bundle, 0, &job->rules, &job->err);
}

static void on_mended(void *arg) /* on the seat's thread */
{
    struct mending *job = arg;
    struct tg_ruleset *set = job->set;
    if (job->rules == NULL)
        TG_LOG_ERROR("rt_rules_rebuilt", TG_LOG_ERR(&job->err)); /* the next call tries again */
    set->is_mending = false;
    if (set->is_lost)
        tg_rules_free(&job->rules);
    else
        set->live = job->rules;
    tg_ruleset_unref(&set);
    tg_rulestate_unref(&job->state);
    free(job);
}

void tg_ruleset_mend_on_worker(struct tg_ruleset *set, struct tg_work *work, struct tg_loop *loop)
{
    struct tg_err err;
    if (set->is_mending || set->is_lost)
        return;
    tg_rules_free(&set->live);
    struct mending *job = TG_NEW(struct mending);
    *job = (struct mending){.set = tg_ruleset_ref(set), .state = tg_rulestate_ref(set->state)};
    set->is_mending = true;
    if (work != NULL && tg_work_submit(work, loop, mend, on_mended, job, &err) == 0)
        return;
    if (work == NULL)
        mend(job);
    else
        job->err = err; /* the workers' queue is full: later */
    on_mended(job);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void add(_Atomic uint64_t *counter, uint64_t n) /* one writer: no locked instruction needed */
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static struct tally *tally_of(struct tg_ruleseat *seat, const char *hook)
{
    size_t n = atomic_load_explicit(&seat->n_tallies, memory_order_relaxed);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(seat->tallies[i].hook, hook) == 0)
            return &seat->tallies[i];
    }
    if (n == TG_RULESEAT_HOOKS_MAX || strlen(hook) >= sizeof(seat->tallies[0].hook))
        return NULL;
    memcpy(seat->tallies[n].hook, hook, strlen(hook) + 1);
    atomic_store_explicit(&seat->n_tallies, n + 1, memory_order_release);
    return &seat->tallies[n];
}

/* A revision is judged by what it decides, not by the calls of those who stay with an older one. */
static void count(struct tg_ruleset *set, const char *hook, int status, bool is_limit, uint32_t usecs)
{
    struct tally *t = tally_of(set->seat, hook);
    if (t == NULL)
        return;
    if (set == set->seat->current) {
        add(&t->calls, 1);
        add(&t->failures, status != 0);
    }
    add(&t->total, 1);
    add(&t->total_failed, status != 0 && !is_limit);
    add(&t->total_limits, is_limit);
    add(&t->total_usecs, usecs);
}

/* A revision is judged by these, too: of rules that always meet a limit few calls are made, and most refused. */
void tg_ruleset_count_refused(struct tg_ruleset *set, const char *hook)
{
    if (set->seat != NULL)
        count(set, hook, -1, true, 0);
}

struct pushing { /* tells a fault of the caller's input from one of the rule */
    tg_rules_push_fn *push;
    void *arg;
    bool is_pushed;
};

static void push_noted(lua_State *L, void *arg)
{
    struct pushing *p = arg;
    p->push(L, p->arg);
    p->is_pushed = true;
}

int tg_ruleset_call(struct tg_ruleset *set, const char *hook, const struct tg_rules_snapshot *snap,
                    tg_rules_push_fn *push, void *push_arg, tg_rules_read_fn *read, void *read_arg,
                    struct tg_rules_report *report_r, struct tg_err *err_r)
{
    struct pushing p = {push, push_arg, false};
    struct tg_rules_report own, *report = report_r != NULL ? report_r : &own;
    if (set->is_lost)
        return tg_err_set(err_r, TG_ERR_BUSY, "the rules this began with have been replaced too often; begin again");
    if (tg_ruleset_is_spoilt(set)) {
        tg_ruleset_count_refused(set, hook);
        return tg_err_set(err_r, TG_ERR_BUSY, "the rules are being loaded again");
    }
    const struct tg_shadow_pair pair = {set->live, set->candidate, set->state->candidate_revision,
                                        set->state->share_ppm};
    const int status = set->seat == NULL
                           ? tg_rules_call(set->live, hook, snap, push_noted, &p, read, read_arg, report, err_r)
                           : tg_shadow_call(tg_rulebook_shadow(set->seat->book), &set->seat->shadowing, &pair, hook,
                                            snap, push_noted, &p, read, read_arg, report, err_r);
    if (set->seat != NULL && p.is_pushed)
        count(set, hook, status, tg_rules_is_spoilt(set->live), report->usecs);
    return status;
}

/* --- seats -------------------------------------------------------------------------------------------------------- */

struct tg_ruleseat *tg_ruleseat_ref(struct tg_ruleseat *seat)
{
    atomic_fetch_add(&seat->refs, 1);
    return seat;
}

void tg_ruleseat_unref(struct tg_ruleseat **seat_p)
{
    struct tg_ruleseat *seat = *seat_p;
    *seat_p = NULL;
    if (seat == NULL || atomic_fetch_sub(&seat->refs, 1) != 1)
        return;
    assert(seat->n_sets == 0 && seat->offered == NULL);
    tg_rulestate_unref(&seat->taken);
    pthread_mutex_destroy(&seat->lock);
    free(seat);
}

struct tg_ruleseat *tg_ruleseat_new(struct tg_rulebook *book, const char *name, struct tg_loop *loop, tg_loop_fn *wake,
                                    void *arg)
{
    struct tg_ruleseat *seat = TG_NEW(struct tg_ruleseat);
    assert(strlen(name) < sizeof(seat->name));
    seat->refs = 1;
    memcpy(seat->name, name, strlen(name) + 1);
    seat->book = book;
    seat->loop = loop;
    seat->wake = wake;
    seat->wake_arg = arg;
    pthread_mutex_init(&seat->lock, NULL);
    seat->swaps = tg_metric_register(TG_METRIC_HISTOGRAM, "tollgate_rules_swap_seconds",
                                     "From the beginning of a swap until a thread has its rules.", NULL, 0, NULL);
    tg_rulebook_join(book, seat);
    return seat;
}

void tg_ruleseat_free(struct tg_ruleseat **seat_p)
{
    struct tg_ruleseat *seat = *seat_p;
    *seat_p = NULL;
    if (seat == NULL)
        return;
    pthread_mutex_lock(&seat->lock);
    seat->is_closed = true;
    struct tg_ruleset *offered = seat->offered;
    seat->offered = NULL;
    pthread_mutex_unlock(&seat->lock);
    tg_ruleset_unref(&offered);
    tg_ruleset_unref(&seat->current);
    for (size_t i = 0; i < KEPT_MAX; i++)
        tg_ruleset_unref(&seat->kept[i]);
    tg_rulebook_leave(seat->book, seat);
    tg_ruleseat_unref(&seat);
}

static void on_offer(void *arg) /* on the loop */
{
    struct tg_ruleseat *seat = arg;
    (void)tg_ruleseat_take(seat);
    tg_ruleseat_unref(&seat);
}

void tg_ruleseat_offer(struct tg_ruleseat *seat, struct tg_ruleset *set, uint64_t began_us)
{
    pthread_mutex_lock(&seat->lock);
    struct tg_ruleset *unwanted = seat->is_closed ? set : seat->offered;
    if (!seat->is_closed) {
        seat->offered = set;
        seat->offered_since_us = began_us;
        if (seat->loop != NULL)
            tg_loop_post(seat->loop, on_offer, tg_ruleseat_ref(seat));
        else if (seat->wake != NULL)
            seat->wake(seat->wake_arg);
    }
    pthread_mutex_unlock(&seat->lock);
    tg_ruleset_unref(&unwanted);
}

/* The counts of the revision begin anew; who reads them holds the lock. */
static void note_taken(struct tg_ruleseat *seat, struct tg_rulestate *state) /* under the lock */
{
    const bool is_new = seat->taken == NULL || seat->taken->revision != state->revision;
    tg_rulestate_unref(&seat->taken);
    seat->taken = tg_rulestate_ref(state);
    for (size_t i = 0; i < seat->n_tallies && is_new; i++) {
        atomic_store_explicit(&seat->tallies[i].calls, 0, memory_order_relaxed);
        atomic_store_explicit(&seat->tallies[i].failures, 0, memory_order_relaxed);
    }
}

static void log_swap(struct tg_ruleseat *seat, const struct tg_rulestate *state, uint64_t usecs)
{
    const int64_t published_us = state->set_at_us == 0 ? 0 : tg_clock_now_us() - state->set_at_us;
    tg_metric_observe(seat->swaps, NULL, (double)usecs / 1e6);
    TG_LOG_INFO("rules_swapped", TG_LOG_STR("seat", seat->name), TG_LOG_INT("revision", (int64_t)state->revision),
                TG_LOG_STR("bundle", tg_bundle_id(state->bundle)),
                TG_LOG_INT("candidate_revision", (int64_t)state->candidate_revision),
                TG_LOG_INT("usecs", (int64_t)usecs), TG_LOG_INT("published_usecs", published_us));
}

bool tg_ruleseat_take(struct tg_ruleseat *seat)
{
    pthread_mutex_lock(&seat->lock);
    struct tg_ruleset *set = seat->offered;
    const uint64_t since_us = seat->offered_since_us;
    seat->offered = NULL;
    if (set != NULL)
        note_taken(seat, set->state);
    pthread_mutex_unlock(&seat->lock);
    if (set == NULL)
        return false;
    tg_ruleset_unref(&seat->current);
    seat->current = set;
    sit_down(seat, set);
    if (seat->n_sets > TG_RULESETS_MAX) {
        TG_LOG_WARN("rules_lost", TG_LOG_STR("seat", seat->name),
                    TG_LOG_INT("revision", (int64_t)seat->oldest->state->revision));
        lose(seat->oldest);
    }
    log_swap(seat, set->state, tg_clock_mono_us() - since_us);
    tg_rulebook_on_taken(seat->book);
    return true;
}

struct tg_ruleset *tg_ruleseat_current(struct tg_ruleseat *seat)
{
    return seat->current;
}

struct tg_rulebook *tg_ruleseat_book(struct tg_ruleseat *seat)
{
    return seat->book;
}

struct tg_ruleset *tg_ruleseat_find(struct tg_ruleseat *seat, const char *bundle_id)
{
    if (seat->current != NULL && strcmp(tg_ruleset_bundle(seat->current), bundle_id) == 0)
        return seat->current;
    for (size_t i = 0; i < KEPT_MAX && seat->kept[i] != NULL; i++) {
        struct tg_ruleset *set = seat->kept[i];
        if (strcmp(tg_ruleset_bundle(set), bundle_id) != 0)
            continue;
        memmove(&seat->kept[1], &seat->kept[0], i * sizeof(seat->kept[0]));
        return seat->kept[0] = set;
    }
    return NULL;
}

void tg_ruleseat_keep(struct tg_ruleseat *seat, struct tg_ruleset *set)
{
    if (seat->is_closed) /* written by this thread */
        return;
    tg_ruleset_unref(&seat->kept[KEPT_MAX - 1]);
    memmove(&seat->kept[1], &seat->kept[0], (KEPT_MAX - 1) * sizeof(seat->kept[0]));
    seat->kept[0] = tg_ruleset_ref(set);
}

/* --- for the book ------------------------------------------------------------------------------------------------- */

bool tg_ruleseat_has(struct tg_ruleseat *seat, const struct tg_rulestate *state)
{
    pthread_mutex_lock(&seat->lock);
    const bool has = state != NULL && seat->taken == state;
    pthread_mutex_unlock(&seat->lock);
    return has;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void tg_ruleseat_look(struct tg_ruleseat *seat, struct tg_ruleseat_view *view)
{
    pthread_mutex_lock(&seat->lock);
    memcpy(view->name, seat->name, sizeof(view->name));
    view->has_rules = seat->taken != NULL;
    view->revision = view->has_rules ? seat->taken->revision : 0;
    view->candidate_revision = view->has_rules ? seat->taken->candidate_revision : 0;
    view->n_hooks = atomic_load_explicit(&seat->n_tallies, memory_order_acquire);
    for (size_t i = 0; i < view->n_hooks; i++) {
        const struct tally *t = &seat->tallies[i];
        struct tg_rulecount *c = &view->hooks[i];
        memcpy(c->hook, t->hook, sizeof(c->hook));
        c->calls = get(&t->calls);
        c->failures = get(&t->failures);
        c->total = get(&t->total);
        c->total_failed = get(&t->total_failed);
        c->total_limits = get(&t->total_limits);
        c->total_usecs = get(&t->total_usecs);
    }
    pthread_mutex_unlock(&seat->lock);
}

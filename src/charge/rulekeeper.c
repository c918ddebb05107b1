/* rulekeeper - keeps the rules of this process what the database says they are.
 *
 * One turn at a time, of its own thread or of whoever brings a release: read the slots, get the bundles, give them to
 * the book. Everything a turn uses is guarded by `turn`; `lock` is held for moments and only for the thread's sleep.
 */
#include "charge/rulekeeper.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "charge/rulecache.h"
#include "charge/rulereport.h"
#include "charge/rulestore.h"
#include "charge/shadowstore.h"
#include "io/dbsession.h"
#include "rt/rulecases.h"
#include "rt/vm.h"

#define POLL_US UINT64_C(2000000)
#define AWAY_POLL_US UINT64_C(500000) /* while the database is away, or has not answered yet */
#define TAKING_POLL_US UINT64_C(100000) /* while a thread has not taken its rules yet */
#define RETRY_US UINT64_C(30000000) /* rules that could not be built may be built again then */
#define PURGE_US UINT64_C(600000000)
#define BEHIND_US INT64_C(30000000)
#define TAKEN_WAIT_MS 20
#define TRIED_MAX 16
#define RECENT_MAX 8
#define CONNECT_TIMEOUT_S 2
#define ANSWER_TIMEOUT_S 5

struct tg_rulekeeper {
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_woken, is_stopping;
    struct tg_bundle *recent[RECENT_MAX]; /* with their compiled files: who goes back to one gets it at once */
    size_t next_recent;
    /* ------------------------------------------------------------------ under `turn` */
    pthread_mutex_t turn;
    struct tg_dburl url;
    struct tg_rulebook *book;
    char *cache_dir;
    struct tg_sqlconn *conn;
    struct tg_rulereport *report;
    struct tg_luasource *host;
    struct tg_bundle *release; /* the host's own rules */
    char tried[TRIED_MAX][TG_BUNDLE_ID_SIZE]; /* bundles whose cases hold on this host */
    size_t next_tried;
    struct tg_ruleslots slots; /* as last read */
    bool is_confirmed; /* from the database */
    bool is_away; /* it did not answer the last time */
    char error[240]; /* why the rules stay behind, "" they do not */
    uint64_t failed_revision, retry_us; /* could not be built on this host */
    uint64_t told_revision; /* of a candidate that cannot be loaded */
    uint64_t beat_us, purge_us; /* when next */
    size_t n_behind; /* nodes */
};

/* --- getting bundles ---------------------------------------------------------------------------------------------- */

/* What decides, or was loaded not long ago: a reference for the caller, or NULL. */
static struct tg_bundle *find_here(struct tg_rulekeeper *k, const char *id)
{
    struct tg_rulestate *state = tg_rulebook_state(k->book);
    struct tg_bundle *found = NULL;
    if (state != NULL && strcmp(tg_bundle_id(state->bundle), id) == 0)
        found = tg_bundle_ref(state->bundle);
    tg_rulestate_unref(&state);
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < RECENT_MAX && found == NULL; i++) {
        if (k->recent[i] != NULL && strcmp(tg_bundle_id(k->recent[i]), id) == 0)
            found = tg_bundle_ref(k->recent[i]);
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

static void keep_recent(struct tg_rulekeeper *k, struct tg_bundle *bundle)
{
    pthread_mutex_lock(&k->lock);
    struct tg_bundle **slot = &k->recent[k->next_recent++ % RECENT_MAX], *old = *slot;
    *slot = tg_bundle_ref(bundle);
    pthread_mutex_unlock(&k->lock);
    tg_bundle_unref(&old);
}

static int get_bundle(struct tg_rulekeeper *k, struct tg_sqlconn *conn, const char *id, struct tg_bundle **bundle_r,
                      struct tg_err *err_r)
{
    struct tg_bundle *found = find_here(k, id);
    if (found == NULL) {
        if (tg_rulestore_load(conn, id, &found, err_r) != 0)
            return -1;
        keep_recent(k, found);
    }
    *bundle_r = found;
    return 0;
}

/* For tg.rules.load(), on a worker. */
static int load(const char *bundle_id, struct tg_bundle **bundle_r, void *arg, struct tg_err *err_r)
{
    struct tg_rulekeeper *k = arg;
    struct tg_sqlconn *conn = tg_sqlconn_new(&k->url);
    tg_sqlconn_set_timeouts(conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    const int status = get_bundle(k, conn, bundle_id, bundle_r, err_r);
    tg_sqlconn_free(&conn);
    return status;
}

/* --- a turn ------------------------------------------------------------------------------------------------------- */

/* Whether the threads have been given exactly this. */
static bool is_given(struct tg_rulekeeper *k, const struct tg_rulestate *wanted)
{
    struct tg_rulestate *state = tg_rulebook_state(k->book);
    const bool is = state != NULL && state->host == wanted->host && state->revision == wanted->revision &&
                    state->is_confirmed == wanted->is_confirmed &&
                    state->candidate_revision == wanted->candidate_revision && state->share_ppm == wanted->share_ppm &&
                    strcmp(tg_bundle_id(state->bundle), tg_bundle_id(wanted->bundle)) == 0 &&
                    (state->candidate == NULL) == (wanted->candidate == NULL);
    tg_rulestate_unref(&state);
    return is;
}

/* Golden cases are tried again where they will decide: this release may answer otherwise than the one that checked them.
 * What held once on this host holds. */
static int try_cases(struct tg_rulekeeper *k, const struct tg_bundle *bundle, struct tg_err *err_r)
{
    struct tg_rules *rules;
    for (size_t i = 0; i < TRIED_MAX; i++) {
        if (strcmp(k->tried[i], tg_bundle_id(bundle)) == 0)
            return 0;
    }
    if (tg_rules_new(k->host, bundle, TG_RULES_KEEP_CASES, &rules, err_r) != 0)
        return -1;
    int status = 0;
    const size_t n = tg_rulecases_n(rules);
    for (size_t i = 0; i < n && status == 0; i++) {
        struct tg_rulecase tried;
        tg_rulecases_try(rules, i, &tried);
        if (tried.why[0] != '\0')
            status = tg_err_set(err_r, TG_ERR_INPUT, "%s: the case '%s' of %s does not hold here: %s", tried.path,
                                tried.name, tried.hook, tried.why);
        json_decref(tried.outcome);
    }
    if (status == 0)
        tg_rulereport_unanswered(rules);
    tg_rules_free(&rules);
    if (status == 0)
        memcpy(k->tried[k->next_tried++ % TRIED_MAX], tg_bundle_id(bundle), TG_BUNDLE_ID_SIZE);
    return status;
}

/* Copies for times without a database; that one of them fails is no reason not to decide. */
static void keep_copies(struct tg_rulekeeper *k, const struct tg_rulestate *state)
{
    struct tg_err err;
    const bool is_release = k->slots.bundle[0] == '\0';
    if (!k->is_confirmed)
        return;
    if (is_release && tg_rulestore_keep_release(k->conn, state->bundle, &err) != 0)
        TG_LOG_WARN("rules_release_kept", TG_LOG_ERR(&err));
    if (k->cache_dir != NULL &&
        tg_rulecache_write(k->cache_dir, state->revision, is_release ? NULL : state->bundle, &err) != 0)
        TG_LOG_WARN("rules_copy_written", TG_LOG_ERR(&err));
}

/* Without it the rules decide all the same. */
static void get_candidate(struct tg_rulekeeper *k, struct tg_bundle **bundle_r)
{
    struct tg_err err;
    if (k->slots.candidate[0] == '\0' || get_bundle(k, k->conn, k->slots.candidate, bundle_r, &err) == 0)
        return;
    if (k->told_revision != k->slots.candidate_revision)
        TG_LOG_WARN("rules_candidate_loaded", TG_LOG_STR("bundle", k->slots.candidate), TG_LOG_ERR(&err));
    k->told_revision = k->slots.candidate_revision;
}

/* Gives the threads what the slots say, built on the host, unless they have it. active: NULL: get it. */
static int give(struct tg_rulekeeper *k, struct tg_bundle *active, struct tg_err *err_r)
{
    struct tg_rulestate wanted = {.host = k->host,
                                  .revision = k->slots.revision,
                                  .set_at_us = k->slots.set_at_us,
                                  .is_confirmed = k->is_confirmed,
                                  .candidate_revision = k->slots.candidate_revision,
                                  .share_ppm = k->slots.share_ppm};
    int status = 0;
    if (active != NULL)
        wanted.bundle = tg_bundle_ref(active);
    else if (k->slots.bundle[0] == '\0')
        wanted.bundle = tg_bundle_ref(k->release);
    else
        status = get_bundle(k, k->conn, k->slots.bundle, &wanted.bundle, err_r);
    if (status != 0)
        return -1;
    get_candidate(k, &wanted.candidate);
    if (!is_given(k, &wanted)) {
        TG_FAULT_POINT("rules_before_give");
        status = k->slots.bundle[0] == '\0' ? 0 : try_cases(k, wanted.bundle, err_r);
        if (status == 0)
            status = tg_rulebook_set(k->book, &wanted, err_r);
        if (status == 0)
            keep_copies(k, &wanted);
    }
    tg_bundle_unref(&wanted.bundle);
    tg_bundle_unref(&wanted.candidate);
    return status;
}

/* Says it once, not at every turn. */
static void note_error(struct tg_rulekeeper *k, const struct tg_err *err)
{
    if (err == NULL) {
        k->error[0] = '\0';
        return;
    }
    if (strcmp(k->error, err->text) != 0)
        TG_LOG_ERROR("rules_given", TG_LOG_INT("revision", (int64_t)k->slots.revision), TG_LOG_ERR(err));
    memcpy(k->error, err->text, sizeof(k->error));
}

static int read_slots(struct tg_rulekeeper *k, struct tg_err *err_r)
{
    struct tg_ruleslots slots;
    if (tg_rulestore_read(k->conn, &slots, err_r) != 0) {
        if (!k->is_away)
            TG_LOG_WARN("rules_database_away", TG_LOG_ERR(err_r));
        k->is_away = true;
        return -1;
    }
    k->slots = slots;
    k->is_away = false;
    k->is_confirmed = true;
    return 0;
}

/* What could not be built is not tried at every turn. */
static void follow(struct tg_rulekeeper *k)
{
    struct tg_err err;
    const uint64_t now_us = tg_clock_mono_us();
    if (k->error[0] != '\0' && k->failed_revision == k->slots.revision && now_us < k->retry_us)
        return;
    if (give(k, NULL, &err) == 0) {
        note_error(k, NULL);
        return;
    }
    note_error(k, &err);
    k->failed_revision = k->slots.revision;
    k->retry_us = now_us + (err.code == TG_ERR_INPUT || err.code == TG_ERR_BUG ? RETRY_US : POLL_US);
    k->beat_us = 0;
}

static void look_at_nodes(struct tg_rulekeeper *k, struct tg_err *err_r)
{
    char host[101];
    const size_t before = k->n_behind;
    k->n_behind = 0;
    if (tg_clock_now_us() - k->slots.set_at_us < BEHIND_US)
        return;
    if (tg_rulestore_count_behind(k->conn, k->slots.revision, &k->n_behind, host, err_r) == 0 && k->n_behind > before)
        TG_LOG_ERROR("rules_node_behind", TG_LOG_INT("nodes", (int64_t)k->n_behind), TG_LOG_STR("host", host),
                     TG_LOG_INT("revision", (int64_t)k->slots.revision));
}

static void judge(struct tg_rulekeeper *k, struct tg_err *err_r)
{
    char detail[200];
    if (tg_rulestore_judge(k->conn, &k->slots, detail, err_r) != 1)
        return;
    TG_LOG_ERROR("rules_rolled_back", TG_LOG_INT("revision", (int64_t)k->slots.revision),
                 TG_LOG_STR("bundle", k->slots.bundle), TG_LOG_STR("reason", detail));
    tg_rulekeeper_wake(k);
}

/* What nobody waits for: the node's row, the calls, whether they speak against the rules. */
static void keep_house(struct tg_rulekeeper *k)
{
    struct tg_err err = {0};
    const uint64_t now_us = tg_clock_mono_us();
    if (now_us < k->beat_us)
        return;
    k->beat_us = now_us + POLL_US;
    if (tg_rulereport_beat(k->report, k->conn, k->error[0] == '\0' ? NULL : k->error, &err) == 0) {
        judge(k, &err);
        look_at_nodes(k, &err);
    }
    if (err.code == TG_ERR_NONE && now_us >= k->purge_us) {
        k->purge_us = now_us + PURGE_US;
        if (tg_rulestore_purge(k->conn, k->slots.revision, &err) == 0)
            (void)!tg_shadowstore_purge(k->conn, &err);
    }
    if (err.code != TG_ERR_NONE)
        TG_LOG_WARN("rules_report_written", TG_LOG_ERR(&err));
    tg_rulereport_publish(k->report, k->slots.revision, k->n_behind);
}

/* Returns when the next turn is due, from now. */
static uint64_t take_turn(struct tg_rulekeeper *k)
{
    struct tg_err err;
    uint64_t pause_us = POLL_US;
    pthread_mutex_lock(&k->turn);
    struct tg_rulestate *before = tg_rulebook_state(k->book);
    if (read_slots(k, &err) == 0) {
        follow(k);
        struct tg_rulestate *now = tg_rulebook_state(k->book);
        if (now != before)
            k->beat_us = 0; /* as soon as the threads have it, so that who activated can see it */
        tg_rulestate_unref(&now);
        const bool is_applied = tg_rulebook_is_applied(k->book, TAKEN_WAIT_MS);
        keep_house(k);
        if (!is_applied) {
            k->beat_us = 0;
            pause_us = TAKING_POLL_US;
        }
    } else {
        pause_us = AWAY_POLL_US;
    }
    tg_rulestate_unref(&before);
    pthread_mutex_unlock(&k->turn);
    return pause_us;
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

/* Sleeps until it is woken or so much later; false: it is to end. */
static bool sleep_us(struct tg_rulekeeper *k, uint64_t usecs)
{
    const uint64_t until_us = tg_clock_mono_us() + usecs;
    const struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    pthread_mutex_lock(&k->lock);
    while (!k->is_woken && !k->is_stopping && tg_clock_mono_us() < until_us)
        pthread_cond_timedwait(&k->wake, &k->lock, &until);
    k->is_woken = false;
    const bool goes_on = !k->is_stopping;
    pthread_mutex_unlock(&k->lock);
    return goes_on;
}

static void *keeper_main(void *arg)
{
    struct tg_rulekeeper *k = arg;
    uint64_t pause_us = 0;
    while (sleep_us(k, pause_us))
        pause_us = take_turn(k);
    return NULL;
}

static void start_thread(struct tg_rulekeeper *k)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&k->thread, NULL, keeper_main, k) != 0)
        abort();
    pthread_setname_np(k->thread, "rules");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    k->has_thread = true;
}

/* --- public ------------------------------------------------------------------------------------------------------- */

static void wake(void *arg)
{
    tg_rulekeeper_wake(arg);
}

struct tg_rulekeeper *tg_rulekeeper_new(const struct tg_dburl *url, struct tg_rulebook *book, const char *cache_dir)
{
    struct tg_rulekeeper *k = TG_NEW(struct tg_rulekeeper);
    pthread_condattr_t attr;
    pthread_mutex_init(&k->lock, NULL);
    pthread_mutex_init(&k->turn, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &attr);
    pthread_condattr_destroy(&attr);
    tg_dburl_copy(url, &k->url);
    k->book = book;
    k->cache_dir = cache_dir == NULL ? NULL : tg_strdup(cache_dir);
    k->conn = tg_sqlconn_new(url);
    tg_sqlconn_set_timeouts(k->conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    k->report = tg_rulereport_new(book);
    tg_rulebook_set_keeper(book, &(struct tg_rulebook_keeper){wake, load, k});
    return k;
}

/* At the start, without a database: the copy on the disk, else the release's rules. */
static void read_copy(struct tg_rulekeeper *k, struct tg_bundle **active_r)
{
    struct tg_err err;
    uint64_t revision = 0;
    if (k->cache_dir == NULL)
        return;
    const int status = tg_rulecache_read(k->cache_dir, &revision, active_r, &err);
    if (status < 0)
        TG_LOG_ERROR("rules_copy_read", TG_LOG_ERR(&err));
    if (status != 1)
        return;
    k->slots.revision = revision;
    if (*active_r != NULL)
        memcpy(k->slots.bundle, tg_bundle_id(*active_r), sizeof(k->slots.bundle));
    TG_LOG_WARN("rules_copy_read", TG_LOG_INT("revision", (int64_t)revision), TG_LOG_STR("bundle", k->slots.bundle));
}

/* A release whose rules do not load is refused, also while others are active. */
static int load_release(struct tg_luasource *host, struct tg_bundle **release_r, struct tg_err *err_r)
{
    struct tg_rules *rules;
    struct tg_bundle *release = NULL;
    if (tg_bundle_of_source(host, &release, err_r) != 0)
        return -1;
    if (tg_rules_new(host, release, 0, &rules, err_r) != 0) {
        tg_bundle_unref(&release);
        return -1;
    }
    tg_rules_free(&rules);
    *release_r = release;
    return 0;
}

/* The host and its own rules change places with what is there. */
static void swap_host(struct tg_rulekeeper *k, struct tg_luasource **host, struct tg_bundle **release)
{
    struct tg_luasource *old_host = k->host;
    struct tg_bundle *old_release = k->release;
    k->host = *host;
    k->release = *release;
    *host = old_host;
    *release = old_release;
    memset(k->tried, 0, sizeof(k->tried));
}

int tg_rulekeeper_set_host(struct tg_rulekeeper *k, struct tg_luasource *host, struct tg_err *err_r)
{
    struct tg_bundle *active = NULL, *release;
    struct tg_err err;
    if (load_release(host, &release, err_r) != 0)
        return -1;
    tg_luasource_ref(host);
    pthread_mutex_lock(&k->turn);
    swap_host(k, &host, &release);
    if (read_slots(k, &err) != 0 && host == NULL)
        read_copy(k, &active);
    const int status = give(k, active, err_r);
    if (status == 0)
        note_error(k, NULL);
    else
        swap_host(k, &host, &release);
    pthread_mutex_unlock(&k->turn);
    tg_bundle_unref(&active);
    tg_bundle_unref(&release);
    tg_luasource_unref(&host);
    if (status == 0 && !k->has_thread)
        start_thread(k);
    return status;
}

void tg_rulekeeper_wake(struct tg_rulekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->is_woken = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}

/* What candidates would have answered in the last two seconds. */
static void tell_the_rest(struct tg_rulekeeper *k)
{
    struct tg_err err;
    if (!k->is_away && tg_rulereport_shadow(k->report, k->conn, &err) != 0)
        TG_LOG_WARN("rules_report_written", TG_LOG_ERR(&err));
}

void tg_rulekeeper_stop(struct tg_rulekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->is_stopping = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    if (k->has_thread) {
        pthread_join(k->thread, NULL);
        tell_the_rest(k);
    }
    k->has_thread = false;
}

void tg_rulekeeper_free(struct tg_rulekeeper **keeper)
{
    struct tg_rulekeeper *k = *keeper;
    *keeper = NULL;
    if (k == NULL)
        return;
    tg_rulekeeper_stop(k);
    tg_luasource_unref(&k->host);
    tg_bundle_unref(&k->release);
    for (size_t i = 0; i < RECENT_MAX; i++)
        tg_bundle_unref(&k->recent[i]);
    tg_sqlconn_free(&k->conn);
    tg_rulereport_free(&k->report);
    tg_dburl_deinit(&k->url);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->turn);
    pthread_mutex_destroy(&k->lock);
    free(k->cache_dir);
    free(k);
}

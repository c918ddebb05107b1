/* rulereport - what this process says of its rules: its row among the nodes, its calls, the metrics. */
#include "charge/rulereport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "charge/shadowstore.h"
#include "rt/hooks.h"
#include "rt/rulemetrics.h"

#define THREADS_MAX (64u << 10)

struct sum { /* of one hook over the seats */
    struct tg_rulecount now;
    uint64_t calls_written, failures_written; /* of the revision */
    struct tg_rulecount published;
};

struct tg_rulereport {
    struct tg_rulebook *book;
    struct tg_id node;
    char host[101];
    int64_t started_at_us;
    struct tg_strbuf threads; /* JSON */
    struct tg_jsonw w;
    size_t n_seats;
    uint64_t revision, candidate_revision; /* the least of all seats */
    uint64_t written_revision;
    size_t n_sums;
    struct sum sums[TG_RULESEAT_HOOKS_MAX];
};

struct tg_rulereport *tg_rulereport_new(struct tg_rulebook *book)
{
    struct tg_rulereport *r = TG_NEW(struct tg_rulereport);
    r->book = book;
    r->node = tg_id_new();
    r->started_at_us = tg_clock_now_us();
    char name[80] = "?";
    (void)!gethostname(name, sizeof(name) - 1);
    snprintf(r->host, sizeof(r->host), "%s:%d", name, (int)getpid());
    tg_strbuf_init(&r->threads, THREADS_MAX);
    tg_rulemetrics_register();
    return r;
}

void tg_rulereport_free(struct tg_rulereport **report)
{
    if (*report == NULL)
        return;
    tg_strbuf_deinit(&(*report)->threads);
    free(*report);
    *report = NULL;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static struct sum *sum_of(struct tg_rulereport *r, const char *hook)
{
    for (size_t i = 0; i < r->n_sums; i++) {
        if (strcmp(r->sums[i].now.hook, hook) == 0)
            return &r->sums[i];
    }
    if (r->n_sums == TG_RULESEAT_HOOKS_MAX)
        return NULL;
    struct sum *sum = &r->sums[r->n_sums++];
    *sum = (struct sum){0};
    memcpy(sum->now.hook, hook, sizeof(sum->now.hook));
    return sum;
}

/* Counts of the revision are of seats that have it. */
static void add_counts(struct tg_rulereport *r, const struct tg_ruleseat_view *view, uint64_t revision)
{
    for (size_t i = 0; i < view->n_hooks; i++) {
        const struct tg_rulecount *c = &view->hooks[i];
        struct sum *sum = sum_of(r, c->hook);
        if (sum == NULL)
            continue;
        sum->now.calls += view->revision == revision ? c->calls : 0;
        sum->now.failures += view->revision == revision ? c->failures : 0;
        sum->now.total += c->total;
        sum->now.total_failed += c->total_failed;
        sum->now.total_limits += c->total_limits;
        sum->now.total_usecs += c->total_usecs;
    }
}

static void on_view(const struct tg_ruleseat_view *view, void *arg)
{
    struct tg_rulereport *r = arg;
    tg_jsonw_object(&r->w);
    tg_jsonw_key(&r->w, "name");
    tg_jsonw_str(&r->w, view->name);
    tg_jsonw_key(&r->w, "revision");
    tg_jsonw_int(&r->w, (int64_t)view->revision);
    tg_jsonw_object_end(&r->w);
    if (r->n_seats++ == 0 || view->revision < r->revision)
        r->revision = view->revision;
    if (r->n_seats == 1 || view->candidate_revision < r->candidate_revision)
        r->candidate_revision = view->candidate_revision;
    add_counts(r, view, r->written_revision);
}

/* written_revision is the one whose calls are counted. */
static void look(struct tg_rulereport *r, uint64_t revision)
{
    for (size_t i = 0; i < r->n_sums; i++) {
        struct sum *sum = &r->sums[i];
        struct tg_rulecount zero = {0};
        memcpy(zero.hook, sum->now.hook, sizeof(zero.hook));
        sum->now = zero;
        if (revision != r->written_revision)
            sum->calls_written = sum->failures_written = 0;
    }
    r->written_revision = revision;
    r->n_seats = 0;
    r->revision = r->candidate_revision = 0;
    tg_strbuf_reset(&r->threads);
    tg_jsonw_init(&r->w, &r->threads);
    tg_jsonw_array(&r->w);
    tg_rulebook_each(r->book, on_view, r);
    tg_jsonw_array_end(&r->w);
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static int write_calls(struct tg_rulereport *r, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    for (size_t i = 0; i < r->n_sums; i++) {
        struct sum *sum = &r->sums[i];
        if (sum->now.calls == sum->calls_written && sum->now.failures == sum->failures_written)
            continue;
        if (tg_rulestore_write_calls(conn, r->node, r->written_revision, sum->now.hook, sum->now.calls,
                                     sum->now.failures, err_r) != 0)
            return -1;
        sum->calls_written = sum->now.calls;
        sum->failures_written = sum->now.failures;
    }
    return 0;
}

int tg_rulereport_shadow(struct tg_rulereport *r, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    return tg_shadowstore_write(conn, tg_rulebook_shadow(r->book), r->node, err_r);
}

int tg_rulereport_beat(struct tg_rulereport *r, struct tg_sqlconn *conn, const char *error, struct tg_err *err_r)
{
    struct tg_rulestate *state = tg_rulebook_state(r->book);
    look(r, state == NULL ? 0 : state->revision);
    const struct tg_rulenode node = {.id = r->node,
                                     .host = r->host,
                                     .revision = r->revision,
                                     .bundle = state == NULL ? "" : tg_bundle_id(state->bundle),
                                     .candidate_revision = r->candidate_revision,
                                     .threads = r->threads.bytes,
                                     .error = error,
                                     .started_at_us = r->started_at_us};
    int status = tg_rulestore_beat(conn, &node, err_r);
    if (status == 0)
        status = write_calls(r, conn, err_r);
    if (status == 0)
        status = tg_rulereport_shadow(r, conn, err_r);
    tg_rulestate_unref(&state);
    return status;
}

void tg_rulereport_publish(struct tg_rulereport *r, uint64_t revision, size_t n_nodes_behind)
{
    for (size_t i = 0; i < r->n_sums; i++)
        tg_rulemetrics_count(&r->sums[i].now, &r->sums[i].published);
    tg_rulemetrics_set(r->revision, revision > r->revision ? revision - r->revision : 0, n_nodes_behind);
}

void tg_rulereport_unanswered(const struct tg_rules *rules)
{
    const struct tg_hooks *hooks = tg_rules_hooks(rules);
    for (size_t i = 0; i < hooks->n; i++) {
        const struct tg_hook *hook = &hooks->list[i];
        if (hook->awaits[0] == '\0' && !tg_rules_has(rules, hook->name))
            TG_LOG_ERROR("rules_hook_unanswered", TG_LOG_STR("hook", hook->name),
                         TG_LOG_STR("bundle", tg_rules_bundle(rules)));
    }
}

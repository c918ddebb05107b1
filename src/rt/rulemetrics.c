/* rulemetrics - what rules do, for /metrics. */
#include "rt/rulemetrics.h"

#include <assert.h>

#include "rt/metrics.h"

static struct tg_metric *revision, *behind, *nodes, *calls, *seconds;

static struct tg_metric *add(enum tg_metrickind kind, const char *name, const char *help, size_t n_labels)
{
    static const char *const labels[] = {"hook", "outcome"};
    struct tg_err err;
    struct tg_metric *metric = tg_metric_register(kind, name, help, labels, n_labels, &err);
    assert(metric != NULL);
    return metric;
}

void tg_rulemetrics_register(void)
{
    revision = add(TG_METRIC_GAUGE, "tollgate_rules_revision", "The revision that every thread decides with.", 0);
    behind = add(TG_METRIC_GAUGE, "tollgate_rules_revision_behind",
                 "By how many revisions that is behind the active one.", 0);
    nodes = add(TG_METRIC_GAUGE, "tollgate_rules_nodes_behind",
                "Processes on this database that are behind 30 s after an activation.", 0);
    calls = add(TG_METRIC_COUNTER, "tollgate_rules_calls", "Calls of rules: ok, failed, limit (of time or memory).", 2);
    seconds = add(TG_METRIC_COUNTER, "tollgate_rules_call_seconds", "Time spent in calls of rules.", 1);
}

static void grow(const char *hook, const char *outcome, uint64_t now, uint64_t before)
{
    if (now > before)
        tg_metric_add(calls, (const char *[]){hook, outcome}, (double)(now - before));
}

void tg_rulemetrics_count(const struct tg_rulecount *now, struct tg_rulecount *published)
{
    grow(now->hook, "failed", now->total_failed, published->total_failed);
    grow(now->hook, "limit", now->total_limits, published->total_limits);
    grow(now->hook, "ok", now->total - now->total_failed - now->total_limits,
         published->total - published->total_failed - published->total_limits);
    if (now->total_usecs > published->total_usecs)
        tg_metric_add(seconds, (const char *[]){now->hook}, (double)(now->total_usecs - published->total_usecs) / 1e6);
    *published = *now;
}

void tg_rulemetrics_set(uint64_t the_revision, uint64_t revisions_behind, uint64_t nodes_behind)
{
    tg_metric_set(revision, NULL, (double)the_revision);
    tg_metric_set(behind, NULL, (double)revisions_behind);
    tg_metric_set(nodes, NULL, (double)nodes_behind);
}

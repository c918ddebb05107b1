/* engine_metrics - what the ledger engine does, for /metrics. */
#include "charge/engine_metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "rt/metrics.h"

static const struct {
    const char *name, *help;
    size_t at; /* in struct tg_engine_stats */
} counters[] = {
    {"tollgate_engine_transactions", "Transactions of the ledger engine that were committed.",
     offsetof(struct tg_engine_stats, transactions)},
    {"tollgate_engine_events", "Usage events in those operations.", offsetof(struct tg_engine_stats, events)},
    {"tollgate_engine_retries", "Transactions run again because another was in the way.",
     offsetof(struct tg_engine_stats, retries)},
    {"tollgate_engine_bisections", "Batches halved because something in them could not be written.",
     offsetof(struct tg_engine_stats, bisections)},
    {"tollgate_engine_deferred", "Operations put off because a wallet was locked by another engine.",
     offsetof(struct tg_engine_stats, deferred)},
};
#define N_COUNTERS (sizeof(counters) / sizeof(counters[0]))
static struct tg_metric *metrics[N_COUNTERS], *queued, *away, *waits;
static const char *const kinds[TG_OPKINDS] = {"usage", "authorize", "renew", "settle", "expire"};

static struct tg_metric *add(enum tg_metrickind kind, const char *name, const char *help, size_t n_labels)
{
    static const char *const labels[] = {"kind"};
    struct tg_err err;
    struct tg_metric *metric = tg_metric_register(kind, name, help, labels, n_labels, &err);
    assert(metric != NULL);
    return metric;
}

static void register_all(void)
{
    for (size_t i = 0; i < N_COUNTERS; i++)
        metrics[i] = add(TG_METRIC_COUNTER, counters[i].name, counters[i].help, 0);
    queued = add(TG_METRIC_GAUGE, "tollgate_engine_queued_rows",
                 "Rows that waiting operations will write, those of the running transaction too.", 0);
    away = add(TG_METRIC_GAUGE, "tollgate_engine_database_away",
               "Lanes of the ledger engine that the database did not answer last time.", 0);
    waits = add(TG_METRIC_HISTOGRAM, "tollgate_engine_operation_seconds",
                "From the submission of an operation to its answer, failed ones too.", 1);
}

void tg_engine_metrics_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT; /* another engine may be running */
    pthread_once(&once, register_all);
}

void tg_engine_metrics_answered(enum tg_opkind kind, uint64_t usecs)
{
    tg_metric_observe_us(waits, &kinds[kind], usecs);
}

static uint64_t value_of(const struct tg_engine_stats *stats, size_t at)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + at, sizeof(value));
    return value;
}

void tg_engine_metrics_publish(const struct tg_engine_stats *now, bool is_away, struct tg_engine_stats *published)
{
    for (size_t i = 0; i < N_COUNTERS; i++)
        tg_metric_add(metrics[i], NULL, value_of(now, counters[i].at) - value_of(published, counters[i].at));
    tg_metric_set(queued, NULL, now->queued_rows);
    tg_metric_set(away, NULL, is_away);
    *published = *now;
}

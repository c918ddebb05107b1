/* metrics - the server's own numbers, beside what Lua and the log count. */
#include "web/metrics.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/clock.h"
#include "rt/metrics.h"
#include "web/thread.h"

static const uint64_t bounds_us[TG_DURATION_BUCKETS] = {100,   250,   500,    1000,   2500,    5000,    10000,
                                                        25000, 50000, 100000, 250000, 1000000, 5000000, 30000000};

void tg_web_metrics_observe(struct tg_web_stats *stats, uint64_t usecs)
{
    size_t i = 0;
    while (i < TG_DURATION_BUCKETS && usecs > bounds_us[i])
        i++;
    tg_web_count(&stats->durations[i]);
    atomic_store_explicit(&stats->duration_usecs,
                          atomic_load_explicit(&stats->duration_usecs, memory_order_relaxed) + usecs,
                          memory_order_relaxed);
}

/* Adds up the counter at this offset of every thread's stats. */
static uint64_t sum(const struct tg_shared *shared, size_t offset)
{
    uint64_t total = 0;
    for (size_t i = 0; i < shared->n_threads; i++) {
        const char *stats = (const char *)&shared->threads[i].stats;
        total += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(stats + offset), memory_order_relaxed);
    }
    return total;
}

static void head(struct tg_strbuf *out, const char *name, const char *type, const char *help)
{
    tg_strbuf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static void write_counters(const struct tg_shared *shared, struct tg_strbuf *out)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } counters[] = {
        {"tollgate_http_requests", "Requests that reached the application.", offsetof(struct tg_web_stats, requests)},
        {"tollgate_http_unanswered", "Clients that left before the answer.", offsetof(struct tg_web_stats, unanswered)},
        {"tollgate_http_timeouts", "Requests answered because their handler was too late.",
         offsetof(struct tg_web_stats, timeouts)},
        {"tollgate_http_refused_busy", "Requests refused: too many at one time.",
         offsetof(struct tg_web_stats, refused_busy)},
        {"tollgate_http_refused_rate", "Requests refused: too many of a key or an address.",
         offsetof(struct tg_web_stats, refused_rate)},
        {"tollgate_http_connections_accepted", "Connections accepted.", offsetof(struct tg_web_stats, accepted)},
        {"tollgate_http_connections_swept", "Connections closed because they did nothing.",
         offsetof(struct tg_web_stats, swept)},
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        head(out, counters[i].name, "counter", counters[i].help);
        tg_strbuf_printf(out, "%s_total %" PRIu64 "\n", counters[i].name, sum(shared, counters[i].offset));
    }
    head(out, "tollgate_http_responses", "counter", "Responses by class of status.");
    for (size_t i = 2; i < 6; i++)
        tg_strbuf_printf(out, "tollgate_http_responses_total{class=\"%zuxx\"} %" PRIu64 "\n", i,
                         sum(shared, offsetof(struct tg_web_stats, by_class) + i * sizeof(uint64_t)));
}

static void write_durations(const struct tg_shared *shared, struct tg_strbuf *out)
{
    uint64_t total = 0;
    head(out, "tollgate_http_request_duration_seconds", "histogram", "From dispatch to the end of the response.");
    for (size_t i = 0; i <= TG_DURATION_BUCKETS; i++) {
        total += sum(shared, offsetof(struct tg_web_stats, durations) + i * sizeof(uint64_t));
        if (i < TG_DURATION_BUCKETS)
            tg_strbuf_printf(out,
                             "tollgate_http_request_duration_seconds_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64
                             "\n",
                             bounds_us[i] / 1000000, bounds_us[i] % 1000000, total);
        else
            tg_strbuf_printf(out, "tollgate_http_request_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", total);
    }
    uint64_t usecs = sum(shared, offsetof(struct tg_web_stats, duration_usecs));
    tg_strbuf_printf(out, "tollgate_http_request_duration_seconds_count %" PRIu64 "\n", total);
    tg_strbuf_printf(out, "tollgate_http_request_duration_seconds_sum %" PRIu64 ".%06" PRIu64 "\n", usecs / 1000000,
                     usecs % 1000000);
}

static void write_gauge(struct tg_strbuf *out, const char *name, const char *help, uint64_t n)
{
    head(out, name, "gauge", help);
    tg_strbuf_printf(out, "%s %" PRIu64 "\n", name, n);
}

void tg_web_metrics_write(const struct tg_shared *shared, struct tg_strbuf *out)
{
    write_counters(shared, out);
    write_durations(shared, out);
    write_gauge(out, "tollgate_http_connections", "Connections open.",
                atomic_load_explicit(&shared->n_connections, memory_order_relaxed));
    write_gauge(out, "tollgate_http_body_memory_bytes", "Request bodies in work.",
                atomic_load_explicit(&shared->body_memory, memory_order_relaxed));
    write_gauge(out, "tollgate_generation", "The generation of the application that serves.",
                atomic_load_explicit(&shared->generation, memory_order_relaxed));
    write_gauge(out, "tollgate_uptime_seconds", "Since the server began to serve.",
                (tg_clock_mono_us() - shared->started_mono_us) / 1000000);
    tg_metrics_render(out); /* ends with # EOF */
}

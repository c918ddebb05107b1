/* sim_stats - see sim_stats.h. */
#include "cli/sim_stats.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"

#define REDRAW_US 250000
#define PLAIN_US 10000000

static const char *const route_names[TG_SIMROUTES] = {"authorize", "renew",       "settle",           "GET calls/{id}",
                                                      "GET calls", "GET wallets", "GET usage/summary"};

/* Below 64 µs each has a class of its own; above, each power of two has 64. */
void tg_histogram_add(struct tg_histogram *h, uint64_t us)
{
    unsigned power = 0;
    while (us >> power >= 2 * TG_HISTOGRAM_SUB)
        ++power;
    size_t at = us < TG_HISTOGRAM_SUB ? us : power * TG_HISTOGRAM_SUB + (us >> power);
    ++h->classes[at < TG_HISTOGRAM_CLASSES ? at : TG_HISTOGRAM_CLASSES - 1];
    ++h->n;
}

uint64_t tg_histogram_us(const struct tg_histogram *h, unsigned per_mille)
{
    uint64_t rank = (h->n * per_mille + 999) / 1000, seen = 0;
    for (uint64_t at = 0; at != TG_HISTOGRAM_CLASSES && h->n != 0; ++at) {
        seen += h->classes[at];
        if (seen >= rank && seen != 0) {
            uint64_t power = at < 2 * TG_HISTOGRAM_SUB ? 0 : at / TG_HISTOGRAM_SUB - 1;
            return (at - power * TG_HISTOGRAM_SUB + 1) << power;
        }
    }
    return 0;
}

void tg_simstats_begin(struct tg_simstats *stats)
{
    stats->begun_us = stats->drawn_us = tg_clock_mono_us();
    stats->is_tty = isatty(2) == 1;
}

static uint64_t sum_errors(const struct tg_simstats *stats)
{
    uint64_t n = 0;
    for (int i = 0; i != TG_SIMROUTES; ++i)
        n += stats->routes[i].errors;
    return n;
}

static void measure_rates(struct tg_simstats *stats, uint64_t now)
{
    double seconds = (double)(now - stats->drawn_us) / 1e6;
    for (int i = 0; i != TG_SIMROUTES; ++i) {
        struct tg_simstats_route *r = &stats->routes[i];
        r->rate = (double)(r->answers.n - r->shown_n) / seconds;
        r->shown_n = r->answers.n;
    }
    stats->drawn_us = now;
}

static double ms(const struct tg_histogram *h, unsigned per_mille)
{
    return (double)tg_histogram_us(h, per_mille) / 1000;
}

static const char heading[] = "                       req/s        n   p50 ms   p95 ms   p99 ms p99.9 ms  refused     "
                              "lost  dropped repeated errors";

static void print_route(FILE *out, int i, const struct tg_simstats_route *r, double rate, const char *end)
{
    const struct tg_histogram *h = &r->answers;
    fprintf(out,
            "  %-18s %8.1f %8" PRIu64 " %8.2f %8.2f %8.2f %8.2f %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
            " %6" PRIu64 "%s\n",
            route_names[i], rate, h->n, ms(h, 500), ms(h, 950), ms(h, 990), ms(h, 999), r->refused, r->lost, r->dropped,
            r->repeated, r->errors, end);
}

static bool is_used(const struct tg_simstats_route *r)
{
    return r->answers.n + r->refused + r->lost + r->dropped + r->errors != 0;
}

static void print_calls(FILE *out, const struct tg_simstats *stats, const char *end)
{
    fprintf(out,
            "calls: %" PRIu64 " open (%" PRIu64 " at most), %" PRIu64 " arrived, %" PRIu64 " allowed, %" PRIu64
            " denied, %" PRIu64 " stopped, %" PRIu64 " settled, %" PRIu64 " too late, %" PRIu64 " abandoned%s\n",
            stats->open, stats->open_max, stats->arrived, stats->allowed, stats->denied, stats->stopped, stats->settled,
            stats->late, stats->abandoned, end);
}

static void draw(struct tg_simstats *stats, const char *phase, uint64_t now)
{
    static const char end[] = "\033[K";
    tg_simstats_clear(stats);
    fprintf(stderr, "%s, %.1f s%s\n", phase, (double)(now - stats->begun_us) / 1e6, end);
    print_calls(stderr, stats, end);
    fprintf(stderr, "%s%s\n", heading, end);
    stats->lines_drawn = 3;
    for (int i = 0; i != TG_SIMROUTES; ++i) {
        if (is_used(&stats->routes[i])) {
            print_route(stderr, i, &stats->routes[i], stats->routes[i].rate, end);
            ++stats->lines_drawn;
        }
    }
    fflush(stderr);
}

void tg_simstats_show(struct tg_simstats *stats, const char *phase)
{
    uint64_t now = tg_clock_mono_us();
    if (now - stats->drawn_us < (stats->is_tty ? REDRAW_US : PLAIN_US))
        return;
    measure_rates(stats, now);
    if (stats->is_tty) {
        draw(stats, phase, now);
        return;
    }
    const struct tg_simstats_route *r = stats->routes;
    fprintf(stderr,
            "%5.0f s %s: %" PRIu64 " open, %" PRIu64 " arrived, %" PRIu64
            " denied; authorize %.1f/s p95 %.1f ms, renew "
            "%.1f/s p95 %.1f ms, settle %.1f/s p95 %.1f ms; %" PRIu64 " errors\n",
            (double)(now - stats->begun_us) / 1e6, phase, stats->open, stats->arrived, stats->denied,
            r[TG_SIM_AUTHORIZE].rate, ms(&r[TG_SIM_AUTHORIZE].answers, 950), r[TG_SIM_RENEW].rate,
            ms(&r[TG_SIM_RENEW].answers, 950), r[TG_SIM_SETTLE].rate, ms(&r[TG_SIM_SETTLE].answers, 950),
            sum_errors(stats));
}

void tg_simstats_clear(struct tg_simstats *stats)
{
    if (stats->lines_drawn > 0)
        fprintf(stderr, "\033[%uA\r\033[J", stats->lines_drawn);
    stats->lines_drawn = 0;
}

static double seconds_of(const struct tg_simstats *stats)
{
    uint64_t until = stats->ended_us != 0 ? stats->ended_us : tg_clock_mono_us();
    return (double)(until - stats->begun_us) / 1e6;
}

void tg_simstats_print(const struct tg_simstats *stats, FILE *out)
{
    double seconds = seconds_of(stats);
    fprintf(out, "%.1f seconds of arrivals; killed %" PRIu64 " times\n", seconds, stats->kills);
    print_calls(out, stats, "");
    fprintf(out, "%s\n", heading);
    for (int i = 0; i != TG_SIMROUTES; ++i) {
        if (is_used(&stats->routes[i]))
            print_route(out, i, &stats->routes[i], (double)stats->routes[i].answers.n / seconds, "");
    }
}

json_t *tg_simstats_json(const struct tg_simstats *stats)
{
    double seconds = seconds_of(stats);
    json_t *routes = json_object();
    for (int i = 0; i != TG_SIMROUTES; ++i) {
        const struct tg_simstats_route *r = &stats->routes[i];
        const struct tg_histogram *h = &r->answers;
        if (is_used(r))
            json_object_set_new(routes, route_names[i],
                                json_pack("{s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "n",
                                          (json_int_t)h->n, "per_second", (double)h->n / seconds, "p50_us",
                                          (json_int_t)tg_histogram_us(h, 500), "p95_us",
                                          (json_int_t)tg_histogram_us(h, 950), "p99_us",
                                          (json_int_t)tg_histogram_us(h, 990), "p999_us",
                                          (json_int_t)tg_histogram_us(h, 999), "refused", (json_int_t)r->refused,
                                          "lost", (json_int_t)r->lost, "dropped", (json_int_t)r->dropped, "repeated",
                                          (json_int_t)r->repeated, "errors", (json_int_t)r->errors));
    }
    return json_pack("{s:f, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:I, s:o}", "seconds", seconds, "calls",
                     "arrived", (json_int_t)stats->arrived, "allowed", (json_int_t)stats->allowed, "denied",
                     (json_int_t)stats->denied, "stopped", (json_int_t)stats->stopped, "settled",
                     (json_int_t)stats->settled, "late", (json_int_t)stats->late, "abandoned",
                     (json_int_t)stats->abandoned, "open_max", (json_int_t)stats->open_max, "kills",
                     (json_int_t)stats->kills, "routes", routes);
}

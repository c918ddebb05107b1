/* sim_stats_test - percentiles that err by one class at most. */
#include "../../../src/cli/sim_stats.c"

#include "tap.h"

TEST(small_values_are_exact_and_large_ones_within_their_class)
{
    static const uint64_t values[] = {1, 2, 63, 64, 127, 128, 1000, 4321, 15000, 999999, 60000000};
    for (size_t i = 0; i != sizeof(values) / sizeof(*values); ++i) {
        struct tg_histogram h = {0};
        tg_histogram_add(&h, values[i]);
        uint64_t us = tg_histogram_us(&h, 500);
        ok(us > values[i] && us <= values[i] + 1 + values[i] / TG_HISTOGRAM_SUB, "%" PRIu64 " is told as %" PRIu64,
           values[i], us);
    }
}

TEST(a_percentile_is_what_so_many_do_not_pass)
{
    static struct tg_histogram h;
    for (uint64_t us = 0; us != 100; ++us)
        tg_histogram_add(&h, us);
    is_uint(tg_histogram_us(&h, 500), 50);
    is_uint(tg_histogram_us(&h, 950), 95);
    is_uint(tg_histogram_us(&h, 999), 100);
    tg_histogram_add(&h, UINT64_MAX / 2);
    ok(tg_histogram_us(&h, 1000) > 500000000, "what is beyond all classes is in the last");
    is_uint(tg_histogram_us(&(struct tg_histogram){0}, 950), 0);
}

TEST(only_routes_that_were_used_are_told)
{
    static struct tg_simstats stats;
    tg_histogram_add(&stats.routes[TG_SIM_RENEW].answers, 1500);
    stats.routes[TG_SIM_SETTLE].lost = 1;
    json_t *json = tg_simstats_json(&stats), *routes = json_object_get(json, "routes");
    is_uint(json_object_size(routes), 2);
    is_int(json_integer_value(json_object_get(json_object_get(routes, "renew"), "n")), 1);
    is_int(json_integer_value(json_object_get(json_object_get(routes, "settle"), "lost")), 1);
    json_decref(json);
}

TAP_MAIN()

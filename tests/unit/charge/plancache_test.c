/* plancache_test - parameters are parsed when they change, and a copy outlives the cache. */
#include "../../../src/charge/plancache.c"

#include "tap.h"

static struct tg_rate_plan get(struct tg_plancache *cache, struct tg_id company, const char *zone, const char *country,
                               const char *pricing, struct tg_id *id_r)
{
    const struct tg_dbval currency = TG_DBVAL_STR("USD"), zone_cell = TG_DBVAL_STR(zone);
    const struct tg_dbval country_cell = country == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(country);
    const struct tg_dbval pricing_cell = pricing == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(pricing);
    const struct tg_plan_columns columns = {&currency, &zone_cell, &country_cell, &pricing_cell};
    struct tg_rate_plan plan;
    tg_plancache_get(cache, company, &columns, &plan, id_r);
    return plan;
}

TEST(what_has_not_changed_is_not_parsed_again)
{
    struct tg_plancache *cache = tg_plancache_new();
    const struct tg_id a = tg_id_new(), b = tg_id_new();
    struct tg_id id, other;
    struct tg_rate_plan one = get(cache, a, "UTC", "US", "{\"x\":1}", &id);
    struct tg_rate_plan two = get(cache, a, "UTC", "US", "{\"x\":1}", &other);
    ok(one.pricing == two.pricing, "the same object");
    ok(tg_id_equal(id, other) && tg_id_equal(id, tg_planstore_id(&one)), "and id");
    struct tg_rate_plan changed = get(cache, a, "UTC", "US", "{\"x\":2}", &other);
    ok(!tg_id_equal(id, other) && json_integer_value(json_object_get(changed.pricing, "x")) == 2, "another text");
    is_int(json_integer_value(json_object_get(one.pricing, "x")), 1); /* a copy stays */
    struct tg_rate_plan of_b = get(cache, b, "UTC", "US", "{\"x\":1}", &other);
    ok(tg_id_equal(id, other) && of_b.pricing != one.pricing, "another company has its own");
    is_int(cache->n, 2);
    tg_plancache_free(&cache);
    is_str(one.timezone, "UTC");
    is_str(two.country, "US");
    tg_rate_plan_deinit(&one);
    tg_rate_plan_deinit(&two);
    tg_rate_plan_deinit(&changed);
    tg_rate_plan_deinit(&of_b);
}

TEST(columns_do_not_run_into_each_other_and_null_is_not_empty)
{
    struct tg_plancache *cache = tg_plancache_new();
    const struct tg_id a = tg_id_new();
    static const struct {
        const char *zone, *country, *pricing;
    } cases[] = {{"UTC", NULL, NULL}, {"UTC", "", NULL}, {"UTC", "US", NULL}, {"UTC", NULL, "{}"}, {"UT", "CU", NULL}};
    struct tg_id ids[5];
    for (size_t i = 0; i < 5; i++) {
        struct tg_rate_plan plan = get(cache, a, cases[i].zone, cases[i].country, cases[i].pricing, &ids[i]);
        ok(tg_id_equal(ids[i], tg_planstore_id(&plan)), "of these columns");
        is_str(plan.country, cases[i].country == NULL ? "" : cases[i].country);
        ok((plan.pricing == NULL) == (cases[i].pricing == NULL), "%zu", i);
        tg_rate_plan_deinit(&plan);
    }
    struct tg_rate_plan bad = get(cache, a, "UTC", NULL, "[]", &ids[0]);
    ok(bad.fault != NULL, "what cannot be read says so each time");
    tg_rate_plan_deinit(&bad);
    tg_plancache_free(&cache);
}

TEST(it_is_bounded_by_number_and_by_bytes)
{
    struct tg_plancache *cache = tg_plancache_new();
    const struct tg_id first = tg_id_new();
    struct tg_id id;
    char *large = tg_malloc((1u << 20) + 20);
    for (int i = 0; i < TG_PLANCACHE_COMPANIES_MAX + 10; i++) {
        struct tg_rate_plan plan = get(cache, i == 0 ? first : tg_id_new(), "UTC", NULL, NULL, &id);
        tg_rate_plan_deinit(&plan);
    }
    ok(cache->n <= TG_PLANCACHE_COMPANIES_MAX, "%zu", cache->n);
    ok(tg_keymap_get(&cache->map, first.bytes, zeroes) == TG_KEYMAP_ABSENT, "the first went");
    memset(large, ' ', 1u << 20);
    memcpy(large + (1u << 20), "{}", 3);
    for (int i = 0; i < 40; i++) {
        struct tg_rate_plan plan = get(cache, tg_id_new(), "UTC", NULL, large, &id);
        tg_rate_plan_deinit(&plan);
    }
    ok(cache->bytes <= TG_PLANCACHE_BYTES_MAX + (2u << 20), "%zu", cache->bytes);
    free(large);
    tg_plancache_free(&cache);
}

TAP_MAIN()

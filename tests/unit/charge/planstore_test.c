/* planstore_test - parameters have one id, are written once and found again as they were. */
#include "../../../src/charge/planstore.c"

#include "fixture.h"

static struct tg_rate_plan make_plan(const char *zone, const char *country, const char *pricing)
{
    struct tg_rate_plan plan = {.timezone = tg_strdup(zone)};
    memcpy(plan.currency, "USD", 4);
    memcpy(plan.country, country, strlen(country) + 1);
    if (pricing != NULL)
        plan.pricing = json_loads(pricing, 0, NULL);
    return plan;
}

static bool has_same_id(struct tg_rate_plan a, struct tg_rate_plan b)
{
    const bool same = tg_id_equal(tg_planstore_id(&a), tg_planstore_id(&b));
    tg_rate_plan_deinit(&a);
    tg_rate_plan_deinit(&b);
    return same;
}

TEST(an_id_is_of_what_the_parameters_say_and_of_nothing_else)
{
    ok(has_same_id(make_plan("UTC", "US", "{\"a\":1,\"b\":{\"c\":\"2\",\"d\":[1, 2]}}"),
                   make_plan("UTC", "US", " {\"b\": {\"d\":[1,2],\"c\":\"2\"}, \"a\": 1}")),
       "however it is written");
    ok(!has_same_id(make_plan("UTC", "US", "{\"a\":1}"), make_plan("UTC", "US", "{\"a\":\"1\"}")), "a number, a text");
    ok(!has_same_id(make_plan("UTC", "US", "{}"), make_plan("UTC", "US", NULL)), "none, empty ones");
    ok(!has_same_id(make_plan("UTC", "US", NULL), make_plan("UTC", "", NULL)), "the country");
    ok(!has_same_id(make_plan("UTC", "US", NULL), make_plan("Europe/Berlin", "US", NULL)), "the zone");
    struct tg_rate_plan a = make_plan("UTC", "US", NULL), b = make_plan("UTC", "US", NULL);
    memcpy(b.currency, "EUR", 4);
    memcpy(b.company, "co_x", 5);
    ok(!has_same_id(a, b), "the currency");
    ok(has_same_id(make_plan("UTC", "US", NULL), make_plan("UTC", "US", NULL)), "the same");
}

/* A transaction that needs the plan; the number of its rows afterwards. */
static int64_t use(struct tg_planstore *store, struct tg_sqlconn *conn, const struct tg_plankey *key,
                   const struct tg_rate_plan *plan, bool commits)
{
    struct tg_err err = {0};
    ok(tg_sqlconn_begin(world.conn, &err) == 0, "%s", err.text);
    tg_planstore_want(store, key, plan);
    tg_planstore_want(store, key, plan);
    ok(tg_planstore_write(store, conn, tg_clock_now_us(), &err) == 0, "%s", err.text);
    if (commits)
        ok(tg_sqlconn_commit(world.conn, &err) == 0, "%s", err.text);
    else
        tg_sqlconn_rollback(world.conn);
    tg_planstore_end(store, commits);
    return db_int("SELECT COUNT(*) FROM call_plans WHERE company_id = ?", &TG_DBVAL_ID(key->company), 1);
}

TEST(a_plan_is_written_once_and_again_when_its_transaction_was_rolled_back)
{
    world_begin();
    struct tg_planstore *store = tg_planstore_new();
    struct tg_rate_plan plan = make_plan("Europe/Berlin", "DE", "{\"max_charge\":\"1.00\",\"grace_ms\":500}");
    const struct tg_plankey key = {world.client, tg_planstore_id(&plan)};
    struct tg_err err = {0};
    is_int(use(store, world.conn, &key, &plan, false), 0);
    ok(tg_planstore_find(store, &key) == NULL, "not kept");
    is_int(use(store, world.conn, &key, &plan, true), 1);
    is_int(use(store, NULL, &key, &plan, true), 1); /* known: no statement */
    ok(tg_planstore_load(store, world.conn, &key, 1, &err) == 0, "%s", err.text);
    const struct tg_rate_plan *found = tg_planstore_find(store, &key);
    ok(found != NULL && tg_id_equal(tg_planstore_id(found), key.id), "found");
    is_str(found->timezone, "Europe/Berlin");
    is_str(found->country, "DE");
    is_str(found->currency, "USD");
    is_int(json_integer_value(json_object_get(found->pricing, "grace_ms")), 500);
    ok(found->deck == NULL && found->fault == NULL, "no deck, no fault");
    ok(tg_planstore_load(store, NULL, &key, 1, &err) == 0, "in memory: no statement");
    tg_planstore_free(&store);
    store = tg_planstore_new(); /* another process, which knows nothing */
    is_int(use(store, world.conn, &key, &plan, true), 1);
    tg_planstore_free(&store);
    tg_rate_plan_deinit(&plan);
}

TEST(what_is_not_there_is_not_found_and_one_company_has_not_the_plan_of_another)
{
    world_begin();
    struct tg_planstore *store = tg_planstore_new();
    struct tg_rate_plan plan = make_plan("UTC", "", NULL);
    const struct tg_plankey keys[] = {{world.agency, tg_planstore_id(&plan)},
                                      {world.other, tg_planstore_id(&plan)},
                                      {world.agency, tg_id_new()}};
    struct tg_err err = {0};
    is_int(use(store, world.conn, &keys[0], &plan, true), 1);
    ok(tg_planstore_load(store, world.conn, keys, 3, &err) == 0, "%s", err.text);
    const struct tg_rate_plan *found = tg_planstore_find(store, &keys[0]);
    ok(found != NULL && found->pricing == NULL && found->country[0] == '\0', "as it was");
    ok(tg_planstore_find(store, &keys[1]) == NULL && tg_planstore_find(store, &keys[2]) == NULL, "not there");
    tg_planstore_free(&store);
    tg_rate_plan_deinit(&plan);
}

TEST(those_used_least_recently_go_when_there_are_too_many)
{
    struct tg_planstore *store = tg_planstore_new();
    struct tg_rate_plan plan = make_plan("UTC", "", NULL);
    const struct tg_plankey first = {tg_id_new(), tg_planstore_id(&plan)};
    struct tg_plankey second = {tg_id_new(), first.id};
    tg_planstore_want(store, &first, &plan);
    tg_planstore_want(store, &second, &plan);
    tg_planstore_end(store, true);
    for (int i = 0; i < TG_PLANSTORE_PLANS_MAX; i++) {
        const struct tg_plankey key = {tg_id_new(), first.id};
        tg_planstore_want(store, &key, &plan);
        tg_planstore_want(store, &first, &plan); /* in use */
        tg_planstore_end(store, true);
    }
    ok(store->n <= TG_PLANSTORE_PLANS_MAX, "%zu", store->n);
    ok(find(store, &first) != NULL, "the one in use");
    ok(find(store, &second) == NULL, "the other one went");
    tg_planstore_free(&store);
    tg_rate_plan_deinit(&plan);
}

TAP_MAIN()

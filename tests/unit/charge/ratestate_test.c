/* ratestate_test - tiers, prices with a memory and free seconds: read, used up and written, over batches and months. */
#include "../../../src/charge/ratestate.c"

#include "charge/deckstore.h"
#include "fixture.h"
#include "rt/ruleset_fixture.h"

#define ANSWERED_US (INT64_C(1784109600) * 1000000) /* 2026-07-15T10:00:00Z */
#define SECOND INT64_C(1000000)

static struct tg_ratestates *states;
static struct tg_ruleset *rules;
static struct tg_deckstore *decks;

static void begin(void)
{
    if (states != NULL)
        return;
    world_begin();
    states = tg_ratestates_new();
    decks = tg_deckstore_new();
    rules = ruleset_of(NULL, NULL);
}

static struct tg_rate_plan make_plan(const char *zone, const char *pricing)
{
    struct tg_err err = {0};
    struct tg_rate_plan plan = {.timezone = tg_strdup(zone), .pricing = json_loads(pricing, 0, NULL)};
    memcpy(plan.currency, "USD", 4);
    ok(plan.pricing != NULL, "%s", pricing);
    ok(tg_deckstore_load(decks, world.conn, world.deck, 1, &plan.deck, &err) == 0, "%s", err.text);
    return plan;
}

static struct tg_id grant(struct tg_id company, int seconds, int priority, int64_t from_us, int64_t to_us)
{
    const struct tg_id id = tg_id_new();
    const struct tg_dbval values[] = {TG_DBVAL_ID(company),
                                      TG_DBVAL_ID(id),
                                      TG_DBVAL_INT(seconds),
                                      TG_DBVAL_INT(seconds),
                                      TG_DBVAL_INT(priority),
                                      TG_DBVAL_TIME(from_us),
                                      to_us == 0 ? TG_DBVAL_NULL : TG_DBVAL_TIME(to_us),
                                      TG_DBVAL_TIME(from_us)};
    db_int(
        "INSERT INTO allowances (company_id, id, granted_s, remaining_s, priority, starts_at, expires_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values, 8);
    return id;
}

static int64_t remaining(struct tg_id id)
{
    return db_int("SELECT remaining_s FROM allowances WHERE id = ?", &TG_DBVAL_ID(id), 1);
}

static int64_t counter(struct tg_id company, const char *period)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(company), TG_DBVAL_STR(period)};
    return db_int("SELECT counter_s FROM rating_states WHERE company_id = ? AND period = ?", values, 2);
}

/* Rates a call as a batch of its own does; the price is the static text. */
static const char *rate(struct tg_id company, const struct tg_rate_plan *plan, const char *to, int64_t at_us,
                        int64_t seconds)
{
    static char price[TG_DECIMAL_TEXT_SIZE];
    struct tg_usage_event event = {.event_id = "e", .meter = "call.seconds", .to = to, .event_time_us = at_us};
    struct tg_strbuf rating;
    struct tg_err err = {0};
    event.has_duration_ms = true;
    event.duration_ms = seconds * 1000;
    tg_strbuf_init(&rating, 1u << 20);
    tg_ratestates_clear(states);
    const struct tg_ratestate handle = {states, company, plan};
    tg_ratestate_want(&handle, true, at_us);
    ok(tg_ratestates_load(states, world.conn, &err) == 0, "%s", err.text);
    json_t *before = NULL;
    ok(tg_ratestate_get(&handle, at_us, &before, &err) == 0, "%s", err.text);
    struct tg_rate_state state = {.before = before};
    ok(tg_rate_usage(rules, plan, &event, &state, &rating), "%s", rating.bytes);
    tg_ratestate_take(&handle, at_us, state.after);
    ok(tg_ratestates_save(states, world.conn, &err) == 0, "%s", err.text);
    json_decref(before);
    json_decref(state.after);
    ok(event.status == TG_USAGE_RATED, "%s", rating.bytes);
    tg_decimal_format(event.amount, price);
    tg_strbuf_deinit(&rating);
    return price;
}

#define LONDON "+442079460000"

TEST(a_plan_without_memory_in_a_company_without_free_seconds_costs_no_statement)
{
    begin();
    struct tg_rate_plan plan = make_plan("UTC", "{\"prices\":{\"a\":{\"model\":\"per_unit\",\"price\":\"1\"}}}");
    struct tg_err err = {0};
    tg_ratestates_clear(states);
    const struct tg_ratestate handle = {states, world.client, &plan};
    json_t *before;
    tg_ratestate_want(&handle, false, ANSWERED_US);
    is_int(tg_ratestates_load(states, NULL, &err), 0);
    is_int(tg_ratestate_get(&handle, ANSWERED_US, &before, &err), 0);
    ok(before == NULL, "nothing");
    is_int(tg_ratestates_save(states, NULL, &err), 0);
    tg_rate_plan_deinit(&plan);
}

#define TIERS "{\"tiers\":[{\"up_to_s\":6000,\"per_minute\":\"0.06\"},{\"per_minute\":\"0.03\"}]}"

TEST(a_call_over_a_tier_is_split_where_the_seconds_of_earlier_batches_say)
{
    begin();
    const struct tg_id company = add_company("tiers", world.platform, true);
    struct tg_rate_plan plan = make_plan("UTC", TIERS);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 5950), "5.95");
    is_int(counter(company, "2026-07-01"), 5950);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 100), "0.075");
    is_int(counter(company, "2026-07-01"), 6050);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 60), "0.03");
    tg_rate_plan_deinit(&plan);
}

TEST(a_late_call_takes_the_counter_of_its_own_month_and_months_are_those_of_the_zone)
{
    begin();
    const struct tg_id company = add_company("months", world.platform, true);
    struct tg_rate_plan plan = make_plan("Europe/Berlin", TIERS);
    const int64_t november_us = INT64_C(1793487600) * SECOND; /* 2026-10-31T23:00:00Z, midnight in Berlin (CET) */
    is_str(rate(company, &plan, LONDON, november_us, 6000), "6");
    is_str(rate(company, &plan, LONDON, november_us - 1, 60), "0.06"); /* October's first */
    is_str(rate(company, &plan, LONDON, november_us, 60), "0.03");
    is_int(counter(company, "2026-10-01"), 60);
    is_int(counter(company, "2026-11-01"), 6060);
    const int64_t april_us = INT64_C(1774994400) * SECOND; /* 2026-03-31T22:00:00Z, midnight in Berlin (CEST) */
    is_int(tg_ratestate_period("Europe/Berlin", april_us), 2026 * 12 + 3);
    is_int(tg_ratestate_period("Europe/Berlin", april_us - 1), 2026 * 12 + 2);
    is_int(tg_ratestate_period("America/New_York", april_us), 2026 * 12 + 2);
    is_int(tg_ratestate_period(NULL, -1), 1969 * 12 + 11);
    tg_rate_plan_deinit(&plan);
}

TEST(graduated_tiers_cost_the_same_in_all_whatever_the_order_of_arrival)
{
    enum { CALLS = 24, ORDERS = 6 };
    begin();
    struct tg_rate_plan plan = make_plan("UTC", TIERS);
    uint32_t dice = 20261122;
    int64_t seconds[CALLS], all_s = 0;
    for (int i = 0; i < CALLS; i++) {
        dice = dice * 1664525u + 1013904223u;
        all_s += seconds[i] = 1 + (dice >> 16) % 600;
    }
    const int64_t exact = (all_s < 6000 ? all_s : 6000) * 1000 + (all_s > 6000 ? all_s - 6000 : 0) * 500; /* 10^-6 */
    ok(all_s > 6000, "over the tier");
    for (int order = 0; order < ORDERS; order++) {
        const struct tg_id company = add_company("orders", world.platform, true);
        struct tg_decimal total = tg_decimal_zero, price;
        struct tg_err err;
        for (int i = CALLS - 1; i > 0; i--) {
            dice = dice * 1664525u + 1013904223u;
            const int k = (int)((dice >> 16) % (uint32_t)(i + 1));
            const int64_t held = seconds[i];
            seconds[i] = seconds[k], seconds[k] = held;
        }
        for (int i = 0; i < CALLS; i++) {
            const char *text = rate(company, &plan, LONDON, ANSWERED_US, seconds[i]);
            ok(tg_decimal_parse(text, strlen(text), &price, &err) == 0 &&
                   tg_decimal_add(total, price, &total, &err) == 0,
               "%s", text);
        }
        /* prices a second are whole in 10^-6 here, so nothing is rounded */
        is_int((int64_t)(total.units / 1000000), exact);
        is_int(counter(company, "2026-07-01"), all_s);
    }
    tg_rate_plan_deinit(&plan);
}

TEST(free_seconds_are_used_by_priority_and_only_in_their_time_and_never_below_zero)
{
    begin();
    const struct tg_id company = add_company("free", world.platform, true);
    struct tg_rate_plan plan = make_plan("UTC", "{}");
    const struct tg_id second = grant(company, 100, 2, ANSWERED_US - SECOND, 0);
    const struct tg_id first = grant(company, 30, 1, ANSWERED_US - SECOND, ANSWERED_US + 3600 * SECOND);
    const struct tg_id later = grant(company, 1000, 0, ANSWERED_US + 1, 0);
    const struct tg_id over = grant(company, 1000, 0, 0, ANSWERED_US);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 50), "0");
    is_int(remaining(first), 0);
    is_int(remaining(second), 80);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 100), "0.01"); /* 80 free, 20 s at 0.03 */
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 100), "0.05");
    is_int(remaining(second), 0);
    is_int(remaining(later), 1000);
    is_int(remaining(over), 1000);
    tg_rate_plan_deinit(&plan);
}

/* Authorizes, renews and settles calls of one company in one attempt after the other; what an attempt holds of the
 * allowance never is more than there was. */
struct live {
    json_t *consumed;
    int64_t seconds, want_s;
};

static void step(struct tg_id company, const struct tg_rate_plan *plan, struct live *call, int64_t seconds, bool ends)
{
    struct tg_err err = {0};
    tg_ratestates_clear(states);
    const struct tg_ratestate handle = {states, company, plan};
    tg_ratestate_want(&handle, true, ANSWERED_US);
    tg_ratestate_want_consumed(&handle, call->consumed);
    ok(tg_ratestates_load(states, world.conn, &err) == 0, "%s", err.text);
    tg_ratestate_give_back(&handle, call->consumed);
    json_decref(call->consumed);
    json_t *before = NULL;
    ok(tg_ratestate_get(&handle, ANSWERED_US, &before, &err) == 0, "%s", err.text);
    struct tg_rate_state state = {.before = before};
    struct tg_usage_event event = {.event_id = "e", .meter = "call.seconds", .to = LONDON};
    struct tg_strbuf rating;
    event.event_time_us = ANSWERED_US;
    event.has_duration_ms = true;
    event.duration_ms = seconds * 1000;
    tg_strbuf_init(&rating, 1u << 20);
    ok(tg_rate_usage(rules, plan, &event, &state, &rating), "%s", rating.bytes);
    tg_ratestate_take(&handle, ANSWERED_US, state.after);
    ok(tg_ratestates_save(states, world.conn, &err) == 0, "%s", err.text);
    call->consumed = ends ? NULL : tg_ratestate_consumed(before, state.after);
    call->seconds = seconds;
    json_decref(before);
    json_decref(state.after);
    tg_strbuf_deinit(&rating);
}

TEST(an_allowance_that_twenty_calls_share_is_never_granted_twice)
{
    enum { CALLS = 20, GRANTED_S = 1000 };
    begin();
    const struct tg_id company = add_company("shared", world.platform, true);
    const struct tg_id allowance = grant(company, GRANTED_S, 0, 0, 0);
    struct tg_rate_plan plan = make_plan("UTC", TIERS);
    struct live calls[CALLS] = {{0}};
    uint32_t dice = 7;
    int64_t all_s = 0;
    for (int i = 0; i < CALLS; i++)
        step(company, &plan, &calls[i], 60, false); /* 1200 s are held, 1000 are free */
    is_int(remaining(allowance), 0);
    is_int(counter(company, "2026-07-01"), CALLS * 60 - GRANTED_S);
    for (int turn = 0; turn < 60; turn++) {
        dice = dice * 1664525u + 1013904223u;
        struct live *call = &calls[(dice >> 16) % CALLS];
        step(company, &plan, call, call->seconds + (dice >> 24) % 40, false);
        int64_t held_s = 0;
        for (int i = 0; i < CALLS; i++) {
            const json_t *bundles = json_object_get(calls[i].consumed, "bundles");
            const char *id;
            json_t *seconds;
            json_object_foreach((json_t *)bundles, id, seconds) held_s += json_integer_value(seconds);
        }
        is_int(held_s + remaining(allowance), GRANTED_S);
    }
    for (int i = 0; i < CALLS; i++) { /* each ends earlier than what it holds, as calls do */
        calls[i].want_s = calls[i].seconds - calls[i].seconds / 3;
        step(company, &plan, &calls[i], calls[i].want_s, true);
        all_s += calls[i].want_s;
    }
    ok(all_s > GRANTED_S, "%" PRId64, all_s);
    /* what the others gave back is there for later calls, so no more is charged than if nobody had held anything */
    is_int(counter(company, "2026-07-01"), all_s - (GRANTED_S - remaining(allowance)));
    tg_rate_plan_deinit(&plan);
}

TEST(the_same_attempt_twice_counts_once)
{
    begin();
    const struct tg_id company = add_company("twice", world.platform, true);
    struct tg_rate_plan plan = make_plan("UTC", TIERS);
    struct tg_err err = {0};
    ok(tg_sqlconn_begin(world.conn, &err) == 0, "%s", err.text);
    (void)rate(company, &plan, LONDON, ANSWERED_US, 100);
    is_int(counter(company, "2026-07-01"), 100);
    tg_sqlconn_rollback(world.conn);
    is_str(rate(company, &plan, LONDON, ANSWERED_US, 100), "0.1");
    is_int(counter(company, "2026-07-01"), 100);
    tg_rate_plan_deinit(&plan);
}

static struct tg_usage_event meter_event(const char *meter, const char *quantity)
{
    struct tg_usage_event event = {.event_id = "m", .meter = meter, .event_time_us = ANSWERED_US};
    struct tg_err err;
    ok(tg_decimal_parse(quantity, strlen(quantity), &event.quantity, &err) == 0, "%s", quantity);
    return event;
}

/* As rate(), of a meter. */
static const char *rate_meter(struct tg_id company, const struct tg_rate_plan *plan, const char *meter, int64_t at_us,
                              const char *quantity, char rating_r[2000])
{
    static char price[TG_DECIMAL_TEXT_SIZE];
    struct tg_usage_event event = meter_event(meter, quantity);
    struct tg_strbuf rating;
    struct tg_err err = {0};
    event.event_time_us = at_us;
    tg_strbuf_init(&rating, 1u << 20);
    tg_ratestates_clear(states);
    const struct tg_ratestate handle = {states, company, plan};
    tg_ratestate_want(&handle, false, at_us);
    ok(tg_ratestates_load(states, world.conn, &err) == 0, "%s", err.text);
    json_t *before = NULL;
    ok(tg_ratestate_get(&handle, at_us, &before, &err) == 0, "%s", err.text);
    struct tg_rate_state state = {.before = before};
    ok(tg_rate_usage(rules, plan, &event, &state, &rating), "%s", rating.bytes);
    tg_ratestate_take(&handle, at_us, state.after);
    ok(tg_ratestates_save(states, world.conn, &err) == 0, "%s", err.text);
    ok(event.status == TG_USAGE_RATED, "%s", rating.bytes);
    snprintf(rating_r, 2000, "%s", rating.bytes);
    json_decref(before);
    json_decref(state.after);
    tg_strbuf_deinit(&rating);
    tg_decimal_format(event.amount, price);
    return price;
}

TEST(a_price_with_a_memory_remembers_its_month_and_the_row_keeps_what_the_price_depended_on)
{
    begin();
    char rating[2000];
    const struct tg_id company = add_company("meters", world.platform, false);
    struct tg_rate_plan plan =
        make_plan("UTC", "{\"prices\":{\"sms\":{\"model\":\"graduated\",\"tiers\":[{\"up_to\":1000,\"price\":\"0.01\"},"
                         "{\"price\":\"0.008\"}]},\"other\":{\"model\":\"volume\",\"tiers\":[{\"price\":\"1\"}]}}}");
    const int64_t august_us = ANSWERED_US + 31 * 86400 * SECOND;
    is_str(rate_meter(company, &plan, "sms", ANSWERED_US, "900", rating), "9");
    contains(rating, "\"state\":{\"meters\":{},\"period\":24318}}"); /* a correction must know the month */
    is_str(rate_meter(company, &plan, "other", ANSWERED_US, "1", rating), "1");
    is_str(rate_meter(company, &plan, "sms", ANSWERED_US, "300", rating), "2.6");
    contains(rating, "\"state\":{\"meters\":{\"sms\":{\"quantity\":\"900\"}},\"period\":24318}}");
    is_str(rate_meter(company, &plan, "sms", august_us, "300", rating), "3");
    is_str(rate_meter(company, &plan, "sms", ANSWERED_US, "1", rating), "0.008");
    tg_rate_plan_deinit(&plan);
}

TEST(what_is_rolled_over_is_one_memory_for_all_months)
{
    begin();
    char rating[2000];
    const struct tg_id company = add_company("rollover", world.platform, false);
    struct tg_rate_plan plan = make_plan(
        "UTC", "{\"prices\":{\"sms\":{\"model\":\"included\",\"quantity\":100,\"rollover\":{\"periods\":1},"
               "\"over\":{\"model\":\"per_unit\",\"price\":\"0.10\"}},"
               "\"mms\":{\"model\":\"included\",\"quantity\":10,\"over\":{\"model\":\"per_unit\",\"price\":\"1\"}}}}");
    const int64_t august_us = ANSWERED_US + 31 * 86400 * SECOND;
    is_str(rate_meter(company, &plan, "sms", ANSWERED_US, "80", rating), "0");
    is_str(rate_meter(company, &plan, "sms", august_us, "130", rating), "1");
    is_str(rate_meter(company, &plan, "sms", ANSWERED_US, "20", rating), "2"); /* late: its units are used up */
    is_str(rate_meter(company, &plan, "mms", ANSWERED_US, "8", rating), "0");
    is_str(rate_meter(company, &plan, "mms", august_us, "9", rating), "0");
    is_str(rate_meter(company, &plan, "mms", ANSWERED_US, "3", rating), "1");
    const struct tg_dbval id = TG_DBVAL_ID(company);
    is_int(db_int("SELECT COUNT(*) FROM rating_states WHERE company_id = ?", &id, 1), 3);
    tg_rate_plan_deinit(&plan);
}

TEST(a_month_that_nobody_wanted_is_no_month_without_usage)
{
    begin();
    struct tg_rate_plan plan = make_plan("UTC", TIERS);
    const struct tg_ratestate handle = {states, world.client, &plan};
    json_t *before = NULL;
    struct tg_err err = {0};
    tg_ratestates_clear(states);
    tg_ratestate_want(&handle, false, ANSWERED_US);
    is_int(tg_ratestate_get(&handle, ANSWERED_US, &before, &err), 0); /* without load: nothing was used */
    is_int(json_integer_value(json_object_get(before, "counter_s")), 0);
    json_decref(before);
    is_int(tg_ratestate_get(&handle, ANSWERED_US - 31 * 86400 * SECOND, &before, &err), -1);
    is_int(err.code, TG_ERR_BUG);
    tg_rate_plan_deinit(&plan);
}

TEST(what_a_rule_may_not_answer_is_refused)
{
    static const struct {
        const char *before, *after, *why;
    } cases[] = {
        {"{\"counter_s\":5}", "{\"counter_s\":0}", NULL},
        {"{\"counter_s\":5}", "{\"counter_s\":-1}", "counter_s"},
        {"{\"counter_s\":5}", "{\"counter_s\":\"6\"}", "counter_s"},
        {"{\"bundles\":[{\"id\":\"a\",\"remaining_s\":5}]}", "{\"bundles\":{\"a\":0}}", NULL},
        {"{\"bundles\":[{\"id\":\"a\",\"remaining_s\":5}]}", "{\"bundles\":{\"a\":6}}", "cannot have that left"},
        {"{\"bundles\":[{\"id\":\"a\",\"remaining_s\":5}]}", "{\"bundles\":{\"a\":-1}}", "cannot have that left"},
        {"{\"bundles\":[{\"id\":\"a\",\"remaining_s\":5}]}", "{\"bundles\":{\"b\":1}}",
         "an allowance that there is not"},
        {"{}", "{\"meters\":[1]}", "meters"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {0};
        json_t *before = json_loads(cases[i].before, 0, NULL), *after = json_loads(cases[i].after, 0, NULL);
        is_int(tg_ratestate_check(before, after, &err), cases[i].why == NULL ? 0 : -1);
        contains(err.text, cases[i].why == NULL ? "" : cases[i].why);
        json_decref(before);
        json_decref(after);
    }
}

TEST(what_was_taken_of_a_memory_can_be_given_back_while_others_have_taken_more)
{
    static const struct {
        const char *before, *after, *consumed, *now, *left;
    } cases[] = {
        {"{\"m\":{\"quantity\":\"900\"}}", "{\"m\":{\"quantity\":\"1200.5\"}}", "{\"quantity\":\"300.5\"}",
         "{\"quantity\":\"2000.5\"}", "{\"quantity\":\"1700\"}"},
        {"{}", "{\"m\":{\"quantity\":7}}", "{\"quantity\":\"7\"}", "{\"quantity\":\"3\"}", "{\"quantity\":\"0\"}"},
        {"{\"m\":{\"period\":1,\"lots\":[{\"last\":1,\"of\":\"9\",\"used\":\"4\"}]}}",
         "{\"m\":{\"period\":2,\"lots\":[{\"last\":1,\"of\":\"9\",\"used\":\"9\"},{\"last\":2,\"of\":\"9\",\"used\":"
         "\"1\"}],"
         "\"over\":{\"quantity\":\"5\"}}}",
         "{\"lots\":[{\"last\":1,\"used\":\"5\"},{\"last\":2,\"used\":\"1\"}],\"over\":{\"quantity\":\"5\"}}",
         "{\"lots\":[{\"last\":2,\"of\":\"9\",\"used\":\"8\"},{\"last\":3,\"of\":\"9\",\"used\":\"0\"}],"
         "\"over\":{\"quantity\":\"6\"},\"period\":3}",
         "{\"lots\":[{\"last\":2,\"of\":\"9\",\"used\":\"7\"},{\"last\":3,\"of\":\"9\",\"used\":\"0\"}],"
         "\"over\":{\"quantity\":\"1\"},\"period\":3}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *before = json_pack("{s:i, s:o}", "period", 5, "meters", json_loads(cases[i].before, 0, NULL));
        json_t *after = json_pack("{s:o}", "meters", json_loads(cases[i].after, 0, NULL));
        json_t *consumed = tg_ratestate_consumed(before, after);
        const json_t *taken = json_object_get(json_object_get(consumed, "meters"), "m");
        json_t *now = json_loads(cases[i].now, 0, NULL), *left = tg_ratestate_without(now, taken);
        char *taken_text = json_dumps(taken, JSON_COMPACT | JSON_SORT_KEYS);
        char *left_text = json_dumps(left, JSON_COMPACT | JSON_SORT_KEYS);
        is_int(json_integer_value(json_object_get(consumed, "period")), 5);
        is_str(taken_text, cases[i].consumed);
        is_str(left_text, cases[i].left);
        free(taken_text);
        free(left_text);
        json_decref(before);
        json_decref(after);
        json_decref(consumed);
        json_decref(now);
        json_decref(left);
    }
}

TEST(nothing_is_left_behind)
{
    tg_ratestates_free(&states);
    tg_ruleset_unref(&rules);
    tg_deckstore_free(&decks);
}

TAP_MAIN()

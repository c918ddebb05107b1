/* backtest_test - stored usage is rated again as it was rated, page by page, and what differs is counted. */
#include "../../../src/charge/backtest.c"

#include "base/log.h"
#include "fixture.h"
#include "rt/ruleset_fixture.h"

#define NOON_US (INT64_C(1784109600) * 1000000) /* 2026-07-15T10:00:00Z, of call_event() */
#define HOUR_US (INT64_C(3600) * 1000000)

static struct tg_deckstore *decks;

static int n_heard;

static void on_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    (void)level, (void)fields, (void)arg;
    n_heard += strcmp(name, "rules_message_logged") == 0 || strcmp(name, "charge_rating_finished") == 0;
}

/* Usage of five companies, once: 44 at 0.03/min 1/1, 1 at 0.012/min 60/60. `bare` cannot be rated today. */
static void begin(void)
{
    if (decks != NULL)
        return;
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[8000];
    decks = tg_deckstore_new();
    snprintf(body, sizeof(body), "[%s,%s,%s,%s,%s,%s,%s]", call_event("b1", &world.agency, "+442079460000", "10"),
             call_event("b2", &world.agency, "+12125550100", "61"),
             call_event("b3", &world.client, "+442079460000", "100"),
             call_event("b4", &world.client, "+3312345678", "10"), call_event("b5", &world.client, "+12125550100", "0"),
             call_event("b6", &world.other, "+442079460000", "20"), call_event("b7", NULL, "+99123456789", "20"));
    contains(ask(engine, loop, world.platform, body), "\"rated\":4,");
    contains(ask(engine, loop, world.bare, call_event("b8", NULL, "+442079460000", "20")), "\"no_rate\":1");
    contains(ask(engine, loop, world.client,
                 "{\"event_id\":\"b9\",\"source\":\"llm\",\"meter\":\"llm.tokens.in\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"5120\"}"),
             "\"unrated\":1");
    contains(ask(engine, loop, world.other,
                 "{\"event_id\":\"b10\",\"source\":\"gw\",\"meter\":\"call.seconds\",\"event_time\":"
                 "\"2026-07-15T11:00:00Z\",\"quantity\":\"1\",\"properties\":{\"to\":\"+442079460000\"}}"),
             "\"rated\":1");
    db_int("UPDATE companies SET pricing = '[]' WHERE id = ?", &TG_DBVAL_ID(world.bare), 1);
    contains(ask(engine, loop, world.bare, call_event("b11", NULL, "+442079460000", "20")), "\"failed\":1");
    db_int("UPDATE companies SET pricing = '{}' WHERE id = ?", &TG_DBVAL_ID(world.bare), 1);
    contains(ask(engine, loop, world.bare, call_event("b12", NULL, "+442079460000", "20")), "\"no_rate\":1");
    db_int("UPDATE companies SET pricing = '[]' WHERE id = ?", &TG_DBVAL_ID(world.bare), 1);
    db_int("UPDATE companies SET pricing = '{\"tiers\":[{\"up_to_s\":6000,\"per_minute\":\"0.06\"},{\"per_minute\":"
           "\"0.03\"}]}' WHERE id = ?",
           &TG_DBVAL_ID(world.stranger), 1);
    contains(ask(engine, loop, world.stranger, call_event("t1", NULL, "+442079460000", "5950")), "\"rated\":1");
    contains(ask(engine, loop, world.stranger, call_event("t2", NULL, "+442079460000", "100")), "\"rated\":1");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* The release's rules, or a rule with this body instead of pricing/rules.lua. */
static struct tg_ruleset *make_set(const char *body)
{
    char text[4096];
    if (body == NULL)
        return ruleset_of(NULL, NULL);
    snprintf(text, sizeof(text),
             "return {hook = 'pricing.rate_usage', api = 1, needs = {'decimal', 'log'},"
             " decide = function(input, cap) cap.log.warn('heard') %s end}",
             body);
    return ruleset_of("pricing/rules.lua", text);
}

static struct tg_backtest backtest_of(struct tg_id company, uint32_t events_max)
{
    return (struct tg_backtest){.company = company,
                                .from_us = NOON_US,
                                .to_us = NOON_US + HOUR_US,
                                .events_max = events_max};
}

/* A page, to be freed; NULL: err. */
static json_t *page_of(const struct tg_backtest *b, struct tg_ruleset *set, struct tg_err *err)
{
    struct tg_strbuf out;
    json_t *json = NULL;
    tg_strbuf_init(&out, 1 << 20);
    if (tg_backtest_page(b, world.conn, decks, set, &out, err) == 0) {
        json = json_loadb(out.bytes, out.len, 0, NULL);
        ok(json != NULL, "%s", out.bytes);
    }
    tg_strbuf_deinit(&out);
    return json;
}

/* "events same/different/errors stored new" of a company, or "". */
static const char *figures_of(const json_t *page, struct tg_id company)
{
    static char text[200];
    char id[TG_ID_TEXT_SIZE];
    size_t i;
    json_t *g;
    tg_id_format(company, "co", id);
    text[0] = '\0';
    json_array_foreach(json_object_get(page, "companies"), i, g)
    {
        int events, same, different, errors;
        const char *name, *stored, *new;
        is_int(json_unpack(g, "{s:s,s:i,s:i,s:i,s:i,s:s,s:s}", "company", &name, "events", &events, "same", &same,
                           "different", &different, "errors", &errors, "stored", &stored, "new", &new),
               0);
        if (strcmp(name, id) == 0)
            snprintf(text, sizeof(text), "%d %d/%d/%d %s %s", events, same, different, errors, stored, new);
    }
    return text;
}

TEST(rules_that_decided_change_nothing_where_the_parameters_are_the_same)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set(NULL);
    const struct tg_backtest b = backtest_of(world.platform, 100);
    json_t *page = page_of(&b, set, &err);
    is_str(json_string_value(json_object_get(page, "cursor")), "");
    is_int(json_integer_value(json_object_get(page, "events")), 11);
    is_str(figures_of(page, world.agency), "2 2/0/0 0.029 0.029");
    is_str(figures_of(page, world.client), "4 4/0/0 0.05 0.05");
    is_str(figures_of(page, world.other), "1 1/0/0 0.01 0.01");
    is_str(figures_of(page, world.platform), "1 1/0/0 0 0");
    is_str(figures_of(page, world.bare), "3 1/0/2 0 0"); /* what failed then, too, and what did not */
    is_int(json_array_size(json_object_get(page, "samples")), 2);
    json_decref(page);
    tg_ruleset_unref(&set);
}

TEST(an_event_stands_in_the_tier_it_stood_in)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set(NULL);
    const struct tg_backtest b = backtest_of(world.stranger, 100);
    json_t *page = page_of(&b, set, &err);
    is_str(figures_of(page, world.stranger), "2 2/0/0 6.025 6.025");
    json_decref(page);
    tg_ruleset_unref(&set);
}

TEST(the_deck_is_that_of_the_day_and_the_parameters_are_those_of_today)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set(NULL);
    const struct tg_backtest b = backtest_of(world.platform, 100);
    const struct tg_dbval deck = TG_DBVAL_ID(world.deck), other = TG_DBVAL_ID(world.other);
    db_int("INSERT INTO rate_deck_versions SELECT deck_id, 2, 'ready', source_hash, 1, '{}', created_at"
           " FROM rate_deck_versions WHERE deck_id = ?",
           &deck, 1);
    db_int("INSERT INTO rate_deck_rows (deck_id, version, row_no, prefix, per_minute, initial_s, increment_s, blocked)"
           " SELECT deck_id, 2, row_no, prefix, 7, 1, 1, 0 FROM rate_deck_rows WHERE deck_id = ?",
           &deck, 1);
    db_int("UPDATE rate_decks SET active_version = 2 WHERE id = ?", &deck, 1);
    db_int("UPDATE companies SET pricing = '{\"charge_decimals\": 1, \"rounding\": \"up\"}' WHERE id = ?", &other, 1);
    json_t *page = page_of(&b, set, &err);
    is_str(figures_of(page, world.agency), "2 2/0/0 0.029 0.029");
    is_str(figures_of(page, world.client), "4 4/0/0 0.05 0.05");
    is_str(figures_of(page, world.other), "1 0/1/0 0.01 0.1");
    json_decref(page);
    db_int("UPDATE companies SET pricing = NULL WHERE id = ?", &other, 1);
    tg_ruleset_unref(&set);
}

TEST(other_rules_are_counted_in_money_by_company)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set("local a = cap.decimal.new('0.02') return {status = 'rated', billed_s = 1,"
                                      " total = a, lines = {{kind = 'usage', amount = a}}}");
    const struct tg_backtest b = backtest_of(world.agency, 100);
    json_t *page = page_of(&b, set, &err);
    is_str(figures_of(page, world.agency), "2 0/2/0 0.029 0.04");
    is_str(figures_of(page, world.client), "4 1/3/0 0.05 0.06"); /* the meter without a price asks no rule */
    is_str(figures_of(page, world.other), "");
    char *deltas =
        json_dumps(json_object_get(json_array_get(json_object_get(page, "companies"), 0), "deltas"), JSON_COMPACT);
    is_str(deltas, "{\"-0.004\":1,\"0.015\":1}");
    free(deltas);
    const json_t *sample = json_array_get(json_object_get(page, "samples"), 0);
    is_str(json_string_value(json_object_get(sample, "stored")), "0.005");
    is_str(json_string_value(json_object_get(sample, "new")), "0.02");
    json_decref(page);
    tg_ruleset_unref(&set);
}

TEST(pages_of_any_size_are_the_same_in_sum)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set(NULL);
    struct tg_backtest b = backtest_of(world.platform, 1);
    int n = 0;
    for (; n < 20; n++) {
        json_t *page = page_of(&b, set, &err);
        const char *cursor = json_string_value(json_object_get(page, "cursor"));
        const bool is_last = cursor[0] == '\0';
        is_int(json_integer_value(json_object_get(page, "events")), is_last ? 0 : 1);
        snprintf(b.cursor, sizeof(b.cursor), "%s", cursor);
        json_decref(page);
        if (is_last)
            break;
    }
    is_int(n, 11);
    tg_ruleset_unref(&set);
}

TEST(a_period_is_half_open)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set(NULL);
    struct tg_backtest b = backtest_of(world.platform, 100);
    b.from_us = NOON_US + 1;
    json_t *page = page_of(&b, set, &err);
    is_int(json_integer_value(json_object_get(page, "events")), 0);
    json_decref(page);
    b.from_us = NOON_US - HOUR_US;
    b.to_us = NOON_US;
    page = page_of(&b, set, &err);
    is_int(json_integer_value(json_object_get(page, "events")), 0);
    json_decref(page);
    tg_ruleset_unref(&set);
}

TEST(a_rule_that_fails_is_an_error_with_its_reason_and_no_money)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set("error('not today')");
    n_heard = 0;
    tg_log_set_listener(on_log, NULL);
    const struct tg_backtest b = backtest_of(world.other, 100);
    json_t *page = page_of(&b, set, &err);
    is_str(figures_of(page, world.other), "1 0/0/1 0 0");
    const json_t *sample = json_array_get(json_object_get(page, "samples"), 0);
    is_str(json_string_value(json_object_get(sample, "stored")), "0.01");
    is_str(json_string_value(json_object_get(sample, "new")), "failed");
    is_str(json_string_value(json_object_get(sample, "error")), "pricing/rules.lua:1: not today");
    tg_log_set_listener(NULL, NULL);
    is_int(n_heard, 0); /* neither the rule's own lines nor its failures */
    json_decref(page);
    tg_ruleset_unref(&set);
}

TEST(a_rule_that_meets_limits_is_mended_a_few_times_and_then_given_up)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = make_set("while input.event.to == '+442079460000' do end return {status = 'blocked', "
                                      "total = cap.decimal.new(0), lines = {}}");
    const struct tg_backtest b = backtest_of(world.client, 100);
    json_t *page = page_of(&b, set, &err);
    is_str(figures_of(page, world.client), "4 1/2/1 0 0");
    json_decref(page);
    is_int(tg_ruleset_is_spoilt(set), false);
    tg_ruleset_unref(&set);
}

TEST(a_cursor_that_is_none_is_refused)
{
    static const char *const bad[] = {"x",
                                      "00.1.00",
                                      "0123456789abcdef0123456789abcdeg.1.0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef.1.0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdef.1x.0123456789abcdef0123456789abcdef",
                                      "0123456789abcdef0123456789abcdef.1.0123456789abcdef0123456789abcdef"};
    begin();
    struct tg_ruleset *set = make_set(NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tg_err err = {0};
        struct tg_backtest b = backtest_of(world.platform, 10);
        tap_case("%s", bad[i]);
        strcpy(b.cursor, bad[i]);
        json_t *page = page_of(&b, set, &err);
        ok(page == NULL && err.code == TG_ERR_INPUT, "%s", err.text);
        json_decref(page);
    }
    tg_ruleset_unref(&set);
}

TAP_MAIN()

/* call_test - a live call from its authorization to its end, in memory: what is held, what is charged, what is said. */
#include "../../../src/charge/call.c"

#include "call_fixture.h"

/* --- authorize ------------------------------------------------------------------------------------------------------ */

TEST(authorize_holds_the_first_slice_and_says_how_long_it_lasts)
{
    struct live live;
    begin("1");
    is_str(authorize(&live, "c-1", "+442079460000", 60),
           "{\"decision\":\"allow\",\"call_id\":\"c-1\",\"hold\":{\"amount\":\"0.012\",\"currency\":\"USD\"},"
           "\"max_seconds\":60,\"renew_in_seconds\":45,\"rate\":{\"per_minute\":\"0.012\",\"prefix\":\"44\"}}");
    is_str(wallet(), "1 0.012 0.988");
    is_int(fx.purse.open_calls, 1);
    is_int(live.call.expires_at_us - NOON_US, INT64_C(120000000));
    ok(tg_decimal_is_zero(fx.step.debit), "a hold is no charge");
}

TEST(money_for_less_than_was_asked_is_the_end)
{
    struct live live;
    begin("0.04");
    is_str(authorize(&live, "c-1", "+12125550100", 60),
           "{\"decision\":\"allow\",\"call_id\":\"c-1\",\"hold\":{\"amount\":\"0.04\",\"currency\":\"USD\"},"
           "\"max_seconds\":30,\"renew_in_seconds\":30,\"final\":true,"
           "\"rate\":{\"per_minute\":\"0.06\",\"prefix\":\"1\"}}");
    is_str(wallet(), "0.04 0.04 0");
}

TEST(a_call_that_may_not_start_is_told_why_and_leaves_nothing)
{
    static const struct {
        const char *to, *balance, *status, *limits, *pricing, *reason;
        struct tg_call_counts counts;
        bool has_no_rules;
    } cases[] = {
        {.reason = "insufficient_funds", .balance = "0.01"},
        {.reason = "insufficient_funds", .balance = "-1"},
        {.reason = "no_rate", .to = "+819012345678"},
        {.reason = "destination_blocked", .to = "+900123456"},
        {.reason = "company_suspended", .status = "suspended"},
        {.reason = "destination_blocked", .limits = "{\"blocked_prefixes\":[\"1212\"]}"},
        {.reason = "concurrency_limit", .limits = "{\"concurrent_calls\":2}", .counts = {.open = 2}},
        {.reason = "concurrency_limit", .limits = "{\"calls_per_number\":1}", .counts = {.number_open = 1}},
        {.reason = "concurrency_limit", .limits = "{\"calls_per_agent\":1}", .counts = {.agent_open = 1}},
        {.reason = "rule_denied", .limits = "{\"calls_per_minute\":5}", .counts = {.last_minute = 5}},
        {.reason = "rule_denied", .pricing = "{\"prices\":{\"call.seconds\":{\"model\":\"no such\"}}}"},
        {.reason = "rule_denied", .has_no_rules = true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct live live;
        char digits[TG_CALL_DIGITS_SIZE], want[100];
        const char *to = cases[i].to == NULL ? "+12125550100" : cases[i].to;
        tap_case("%zu", i);
        begin(cases[i].balance == NULL ? "1" : cases[i].balance);
        const struct tg_purse was = fx.purse;
        if (cases[i].status != NULL)
            fx.ctx.company_status = cases[i].status;
        fx.ctx.counts = cases[i].counts;
        set_limits(cases[i].limits);
        set_plan(cases[i].pricing == NULL ? "{}" : cases[i].pricing);
        if (cases[i].has_no_rules)
            fx.ctx.rules = NULL;
        ok(tg_call_digits(fx.rules, &fx.plan, to, digits), "%s is a number", to);
        fx.ctx.digits = digits;
        snprintf(want, sizeof(want), "{\"decision\":\"deny\",\"reason\":\"%s\"}", cases[i].reason);
        is_str(authorize(&live, "c-1", to, 60), want);
        is_int(fx.step.outcome, TG_CALL_DENIED);
        ok(memcmp(&was, &fx.purse, sizeof(was)) == 0, "the wallet is as it was");
    }
}

TEST(a_called_number_is_read_as_its_country_dials)
{
    char digits[TG_CALL_DIGITS_SIZE];
    begin("1");
    ok(tg_call_digits(fx.rules, &fx.plan, "+442079460000", digits), "E.164");
    is_str(digits, "442079460000");
    ok(tg_call_digits(NULL, &fx.plan, "+442079460000", digits), "needs no rule");
    ok(tg_call_digits(fx.rules, &fx.plan, "(212) 555-0100", digits), "North America");
    is_str(digits, "12125550100");
    strcpy(fx.plan.country, "DE");
    ok(tg_call_digits(fx.rules, &fx.plan, "030 1234567", digits), "Berlin");
    is_str(digits, "49301234567");
    fx.plan.country[0] = '\0';
    ok(!tg_call_digits(fx.rules, &fx.plan, "911", digits), "a short code is no number");
    ok(!tg_call_digits(fx.rules, &fx.plan, "+1234567890123456", digits), "nor are 16 digits");
    ok(!tg_call_digits(NULL, &fx.plan, "(212) 555-0100", digits), "without rules nothing is known");
}

/* A rule that decides about money is not believed. */
static const char *ask_liar(const char *quote)
{
    static struct live live;
    char rules[1000];
    snprintf(rules, sizeof(rules),
             "return {{hook='charging.admit', api=1, decide=function() return {decision='allow'} end},"
             "{hook='charging.quote', api=1, needs={'decimal'}, decide=function(input, cap) local d = cap.decimal.new\n"
             "return {status='quoted', granted_s=60, renew_in_s=45, final=false, %s} end}}",
             quote);
    begin("1");
    fx.ctx.rules = ruleset_of("charging/rules.lua", rules);
    authorize(&live, "c-1", "+12125550100", 60);
    tg_ruleset_unref(&fx.ctx.rules);
    is_str(wallet(), live.call.granted_s > 0 ? "1 1 0" : "1 0 1");
    return fx.step.reason == NULL ? "allowed" : fx.step.reason;
}

TEST(a_rule_that_lies_about_money_holds_nothing)
{
    is_str(ask_liar("hold=d('1'), max_s=60"), "allowed");
    is_str(ask_liar("hold=d('1.000000000001'), max_s=60"), "insufficient_funds");
    is_str(ask_liar("hold=d('-1'), max_s=60"), "rule_denied");
    is_str(ask_liar("hold=d('9999999999999999999999999'), max_s=60"), "rule_denied");
    is_str(ask_liar("hold=d('0.5'), max_s=0"), "insufficient_funds");
    is_str(ask_liar("hold=d('0.5'), max_s=4294967296"), "rule_denied");
    is_str(ask_liar("hold='0.5', max_s=60"), "rule_denied");
}

TEST(a_rule_that_meets_a_limit_denies_and_says_that_it_cost_time)
{
    static struct live live;
    begin("1");
    fx.ctx.rules = ruleset_of("charging/rules.lua",
                              "return {{hook='charging.admit', api=1, decide=function() while true do end end}}");
    authorize(&live, "c-1", "+12125550100", 60);
    is_str(fx.step.reason, "rule_denied");
    ok(fx.step.met_limit && tg_ruleset_is_spoilt(fx.ctx.rules), "others must not pay for it");
    tg_ruleset_unref(&fx.ctx.rules);
    fx.ctx.rules = fx.rules;
    authorize(&live, "c-2", "+12125550100", 60);
    ok(!fx.step.met_limit, "another has not");
    drop(&live);
}

/* --- renew ---------------------------------------------------------------------------------------------------------- */

TEST(renew_charges_what_was_used_and_holds_the_next_slice)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+442079460000", 60);
    is_str(renew(&live, 1, 45, 60), "{\"decision\":\"continue\",\"max_seconds\":120,\"renew_in_seconds\":45,"
                                    "\"charged\":{\"amount\":\"0.012\",\"currency\":\"USD\"}}");
    is_str(wallet(), "0.988 0.012 0.976");
    is_str(text_of(fx.step.debit), "0.012");
    is_int(live.call.expires_at_us - NOON_US, INT64_C(150000000)); /* twice the 75 s that were granted */
    renew(&live, 2, 50, 60); /* the same block */
    is_str(text_of(fx.step.debit), "0");
    is_str(wallet(), "0.988 0.012 0.976");
    is_int(live.call.version, 3);
    drop(&live);
}

TEST(a_renewal_that_is_repeated_moves_nothing)
{
    struct live live;
    char first[400], second[400];
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    snprintf(first, sizeof(first), "%s", renew(&live, 1, 45, 60));
    snprintf(second, sizeof(second), "%s", renew(&live, 2, 90, 60));
    const struct tg_purse was = fx.purse;
    is_str(renew(&live, 2, 90, 60), second);
    is_int(fx.step.outcome, TG_CALL_REPLAYED);
    is_str(renew(&live, 2, 100, 600), second); /* the number says what it is, not what it brings */
    second[strlen(second) - 1] = '\0';
    strcat(second, ",\"duplicate\":true}");
    is_str(renew(&live, 1, 45, 60), second);
    ok(strcmp(first, second) != 0 && memcmp(&was, &fx.purse, sizeof(was)) == 0, "nothing moved");
    is_int(live.call.version, 3);
    drop(&live);
}

TEST(what_was_reported_is_not_taken_back_and_a_ringing_call_costs_nothing)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    contains(renew(&live, 1, 0, 60), "\"charged\":{\"amount\":\"0\"");
    renew(&live, 2, 50, 60);
    is_str(text_of(live.call.debited), "0.06");
    renew(&live, 3, 20, 60);
    is_int(live.call.used_s, 50);
    is_str(text_of(live.call.debited), "0.06");
    drop(&live);
}

TEST(where_the_money_ends_the_last_slice_is_final_and_then_the_call_stops)
{
    struct live live;
    begin("0.10");
    authorize(&live, "c-1", "+12125550100", 60);
    contains(renew(&live, 1, 60, 60), "\"max_seconds\":90,\"renew_in_seconds\":30,\"final\":true");
    is_str(renew(&live, 2, 90, 60), "{\"decision\":\"stop\",\"reason\":\"insufficient_funds\",\"grace_seconds\":10}");
    is_str(wallet(), "0 0 0");
    ok(live.call.state == TG_CALL_OPEN, "it is open until it is settled");
    fx.purse.balance = dec("0.02"); /* somebody pays */
    contains(renew(&live, 3, 95, 60), "\"max_seconds\":110,");
    is_str(text_of(fx.step.overrun), "0.005");
    is_str(wallet(), "0.015 0.015 0");
    drop(&live);
}

TEST(a_fraud_score_beyond_our_scale_is_the_worst_there_is)
{
    struct live live;
    begin("1");
    contains(authorize(&live, "c-1", "{\"properties\":{\"fraud_score\":999},\"to\":\"+12125550100\"}", 60), "\"deny\"");
    drop(&live);
    contains(authorize(&live, "c-2", "{\"properties\":{\"fraud_score\":89},\"to\":\"+12125550100\"}", 60), "\"allow\"");
    drop(&live);
}

TEST(a_call_that_is_to_end_gets_its_last_seconds_and_no_more)
{
    static const struct {
        const char *status, *stop_reason, *want;
    } cases[] = {{"suspended", "", "company_suspended"}, {"active", "fraud", "fraud"}};
    for (size_t i = 0; i < 2; i++) {
        struct live live;
        begin("1");
        authorize(&live, "c-1", "+12125550100", 60);
        fx.ctx.company_status = cases[i].status;
        strcpy(live.call.stop_reason, cases[i].stop_reason);
        contains(renew(&live, 1, 45, 60), cases[i].want);
        contains(fx.answer, "\"decision\":\"stop\"");
        is_str(fx.step.reason, cases[i].want);
        is_str(wallet(), "0.945 0.01 0.935"); /* ten seconds */
        is_int(live.call.granted_s, 55);
        contains(settle(&live, 55000, "answered"), "\"charge\":{\"amount\":\"0.065\"");
        ok(tg_decimal_is_zero(live.call.overrun), "the grace was held for");
        is_str(wallet(), "0.935 0 0.935");
        drop(&live);
    }
}

TEST(while_rules_fail_a_call_uses_up_what_it_was_granted)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    fx.ctx.rules = NULL;
    contains(renew(&live, 1, 45, 60), "{\"decision\":\"continue\",\"max_seconds\":60,\"renew_in_seconds\":7,");
    is_str(wallet(), "1 0.07 0.93");
    contains(renew(&live, 2, 60, 60), "{\"decision\":\"stop\",\"reason\":\"rule_denied\",");
    is_str(wallet(), "1 0.07 0.93"); /* it is owed, and nobody else may have it */
    fx.ctx.rules = fx.rules;
    contains(renew(&live, 3, 61, 60), "\"max_seconds\":121,");
    is_str(wallet(), "0.929 0.06 0.869"); /* all that was used is charged when somebody knows what it costs */
    drop(&live);
}

/* --- settle --------------------------------------------------------------------------------------------------------- */

TEST(settle_charges_the_call_once_and_answers_for_ever)
{
    struct live live;
    char first[2000];
    begin("1");
    authorize(&live, "c-1", "+442079460000", 60);
    renew(&live, 1, 45, 60);
    snprintf(first, sizeof(first), "%s", settle(&live, 61000, "answered"));
    is_str(first, "{\"call_id\":\"c-1\",\"charge\":{\"amount\":\"0.024\",\"currency\":\"USD\"},"
                  "\"lines\":[{\"meter\":\"call.seconds\",\"kind\":\"usage\",\"from_s\":0,\"seconds\":120,"
                  "\"prefix\":\"44\",\"row\":1,\"per_minute\":\"0.012\",\"amount\":\"0.024\"}],"
                  "\"wallet\":{\"balance\":{\"amount\":\"0.976\",\"currency\":\"USD\"},"
                  "\"held\":{\"amount\":\"0\",\"currency\":\"USD\"},"
                  "\"available\":{\"amount\":\"0.976\",\"currency\":\"USD\"}}}");
    is_str(text_of(fx.step.debit), "0.012");
    is_int(fx.purse.open_calls, 0);
    is_str(settle(&live, 99000, "busy"), first);
    is_int(fx.step.outcome, TG_CALL_REPLAYED);
    is_str(renew(&live, 2, 100, 60), "{\"decision\":\"stop\",\"reason\":\"call_closed\",\"grace_seconds\":0}");
    expire(&live);
    is_int(fx.step.outcome, TG_CALL_REPLAYED);
    is_str(wallet(), "0.976 0 0.976");
    drop(&live);
}

TEST(the_row_of_usage_says_what_was_charged_and_can_be_rated_again)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1",
              "{\"to\":\"+442079460000\",\"from\":\"+12125550100\",\"agent_id\":\"a-7\",\"properties\":{\"b\":1}}", 60);
    settle_all(&live, &(struct tg_call_end){.has_answered_at = true,
                                            .answered_at_us = NOON_US,
                                            .duration_ms = 61001,
                                            .status = "answered",
                                            .properties = {"{\"a\":true}", 10}});
    is_int(fx.step.n_rows, 1);
    const struct tg_call_row *row = &fx.step.rows[0];
    is_str(row->event.source, "tollgate");
    contains(row->event.event_id, "call_");
    contains(row->event.event_id, "/call.seconds");
    is_str(row->event.properties,
           "{\"a\":true,\"agent_id\":\"a-7\",\"answered_at\":\"2026-07-15T10:00:00Z\",\"b\":1,\"duration_ms\":61001,"
           "\"from\":\"+12125550100\",\"status\":\"answered\",\"to\":\"+442079460000\"}");
    is_str(text_of(row->event.quantity), "61.001");
    is_int(row->event.billed_s, 120);
    is_int(row->event.event_time_us, NOON_US);
    is_str(text_of(row->event.amount), "0.024");
    contains(fx.out.bytes + row->rating_at, "{\"lines\":[{\"kind\":\"usage\"");
    drop(&live);
}

TEST(a_call_that_nobody_answered_gives_everything_back)
{
    static const struct {
        int64_t duration_ms;
        const char *status;
    } cases[] = {{0, "no_answer"}, {0, "answered"}, {25000, "busy"}};
    for (size_t i = 0; i < 3; i++) {
        struct live live;
        begin("1");
        authorize(&live, "c-1", "+12125550100", 60);
        renew(&live, 1, 10, 60); /* somebody was wrong */
        contains(settle(&live, cases[i].duration_ms, cases[i].status), "\"charge\":{\"amount\":\"0\"");
        contains(fx.answer, "\"lines\":[],");
        is_int(fx.step.rows[0].event.status, TG_USAGE_NOT_BILLABLE);
        is_str(text_of(fx.step.debit), "-0.02");
        is_str(wallet(), "1 0 1");
        drop(&live);
    }
}

TEST(what_was_used_beyond_the_grant_is_charged_and_told)
{
    struct live live;
    begin("0.07");
    authorize(&live, "c-1", "+12125550100", 60);
    contains(settle(&live, 63000, "answered"), "\"overrun\":{\"amount\":\"0.003\",\"currency\":\"USD\"}}");
    is_str(wallet(), "-0.003 0 -0.003");
    is_str(text_of(fx.step.overrun), "0.003");
    drop(&live);
}

TEST(all_meters_of_a_call_settle_together)
{
    static const char request[] = "{\"to\":\"+12125550100\",\"meters\":[\"call.seconds\",\"llm.tokens.in\"]}";
    const struct tg_call_usage usage[] = {{.meter = "llm.tokens.in", .quantity = dec("5120")},
                                          {.meter = "tts.characters", .quantity = dec("100")},
                                          {.meter = "odd", .quantity = dec("1")}};
    struct live live;
    begin("1");
    set_plan("{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"10\",\"per\":1000000},"
             "\"tts.characters\":{\"model\":\"per_unit\",\"price\":\"0.015\",\"per\":1000}},"
             "\"expected\":{\"llm.tokens.in\":\"5000\"}}");
    contains(authorize(&live, "c-1", request, 60), "\"hold\":{\"amount\":\"0.12\"");
    contains(settle_all(&live, &(struct tg_call_end){.has_answered_at = true,
                                                     .answered_at_us = NOON_US,
                                                     .duration_ms = 60000,
                                                     .status = "answered",
                                                     .usage = usage,
                                                     .n_usage = 3}),
             "\"charge\":{\"amount\":\"0.1227\""); /* 0.07 + 0.0512 + 0.0015 */
    contains(fx.answer, "{\"kind\":\"unit\",\"amount\":\"0.0512\",\"quantity\":\"5120\",\"meter\":\"llm.tokens.in\",");
    contains(fx.answer, "\"not_rated\":[{\"meter\":\"odd\",\"status\":\"unrated\"");
    contains(fx.answer, "\"overrun\":{\"amount\":\"0.0027\"");
    is_int(fx.step.n_rows, 4);
    is_int(fx.step.rows[3].event.status, TG_USAGE_UNRATED);
    is_str(wallet(), "0.8773 0 0.8773");
    drop(&live);
}

TEST(a_talk_without_telephony_charges_only_the_meters_that_it_names)
{
    const struct tg_call_usage usage[] = {{.meter = "llm.tokens.in", .quantity = dec("2000")}};
    struct live live;
    begin("1");
    set_plan("{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"10\",\"per\":1000000}},"
             "\"expected\":{\"llm.tokens.in\":1000}}");
    is_str(authorize(&live, "c-1", "{\"to\":\"web\",\"meters\":[\"llm.tokens.in\"]}", 60),
           "{\"decision\":\"allow\",\"call_id\":\"c-1\",\"hold\":{\"amount\":\"0.01\",\"currency\":\"USD\"},"
           "\"max_seconds\":60,\"renew_in_seconds\":45}");
    contains(renew(&live, 1, 60, 60), "\"charged\":{\"amount\":\"0\"");
    is_str(wallet(), "1 0.02 0.98"); /* tokens come at the end: the hold grows */
    contains(
        settle_all(&live,
                   &(struct tg_call_end){.duration_ms = 100000, .status = "answered", .usage = usage, .n_usage = 1}),
        "\"charge\":{\"amount\":\"0.02\"");
    is_int(fx.step.n_rows, 1);
    drop(&live);
}

TEST(a_rule_that_fails_at_the_end_closes_the_call_and_parks_what_it_cannot_price)
{
    const struct tg_call_usage usage[] = {{.meter = "llm.tokens.in", .quantity = dec("1000")}};
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    renew(&live, 1, 50, 60);
    set_plan("{\"prices\":{\"call.seconds\":{\"model\":\"no such\"},"
             "\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"10\",\"per\":1000000}}}");
    contains(settle_all(&live, &(struct tg_call_end){.has_answered_at = true,
                                                     .answered_at_us = NOON_US,
                                                     .duration_ms = 70000,
                                                     .status = "answered",
                                                     .usage = usage,
                                                     .n_usage = 1}),
             "\"charge\":{\"amount\":\"0.07\""); /* 0.06 that was debited, 0.01 of tokens */
    contains(fx.answer, "\"not_rated\":[{\"meter\":\"call.seconds\",\"status\":\"failed\",\"reason\":\"");
    is_int(fx.step.rows[0].event.status, TG_USAGE_FAILED);
    is_str(text_of(fx.step.rows[0].event.amount), "0.06");
    ok(live.call.state == TG_CALL_SETTLED, "closed");
    is_str(wallet(), "0.93 0 0.93");
    drop(&live);
}

/* --- expire --------------------------------------------------------------------------------------------------------- */

TEST(a_call_that_is_never_settled_is_charged_as_far_as_it_was_reported)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    renew(&live, 1, 60, 60);
    expire(&live);
    is_int(fx.step.outcome, TG_CALL_REPLAYED); /* not yet */
    fx.ctx.now_us = live.call.expires_at_us;
    contains(expire(&live), "\"charge\":{\"amount\":\"0.07\"");
    ok(live.call.state == TG_CALL_EXPIRED && fx.step.n_rows == 1, "closed, with a row");
    is_str(text_of(fx.step.debit), "0");
    is_str(wallet(), "0.93 0 0.93");
    is_str(settle(&live, 75000, "answered"),
           "{\"call_id\":\"c-1\",\"duplicate\":true,\"charge\":{\"amount\":\"0.07\",\"currency\":\"USD\"}}");
    is_int(fx.step.outcome, TG_CALL_LATE);
    is_str(text_of(live.call.late_difference), "0.015");
    ok(live.call.has_late_difference, "known");
    is_mem(fx.out.bytes + fx.step.late_at, fx.step.late_len,
           "{\"answered_at\":\"2026-07-15T10:00:00Z\",\"duration_ms\":75000,\"status\":\"answered\",\"usage\":[]}", 89);
    contains(settle(&live, 80000, "answered"), "\"duplicate\":true");
    is_int(fx.step.outcome, TG_CALL_REPLAYED);
    is_str(wallet(), "0.93 0 0.93");
    drop(&live);
}

TEST(a_call_that_never_began_expires_for_nothing)
{
    struct live live;
    begin("1");
    authorize(&live, "c-1", "+12125550100", 60);
    fx.ctx.now_us = live.call.expires_at_us;
    contains(expire(&live), "\"charge\":{\"amount\":\"0\"");
    is_str(live.call.status, "expired");
    is_str(wallet(), "1 0 1");
    fx.ctx.rules = NULL;
    settle(&live, 10000, "answered");
    ok(live.call.has_late_report && !live.call.has_late_difference, "what it would have cost, nobody knows");
    drop(&live);
}

TAP_MAIN()

/* callstate_test - free seconds and tiers of live calls: what a slice keeps, what comes back, what fails takes nothing. */
#include "../../../src/charge/callstate.c"

#include "call_fixture.h"

#define FREE_50 "{\"bundles\":[{\"id\":\"alw_00000000000000000000000001\",\"remaining_s\":50}]}"
#define TIERS "{\"tiers\":[{\"up_to_s\":100,\"per_minute\":\"0.06\"},{\"per_minute\":\"0.03\"}]}"

/* Compares with what a price depends on now. */
static void is_state(const char *part)
{
    char *text = state_text();
    contains(text, part);
    free(text);
}

TEST(free_seconds_are_kept_for_a_slice_and_given_back_with_it)
{
    struct live live;
    begin("1");
    set_state(FREE_50);
    authorize(&live, "c-1", "+12125550100", 30);
    is_str(live.call.consumed.bytes, "{\"bundles\":{\"alw_00000000000000000000000001\":30}}");
    is_state("\"remaining_s\":20}");
    is_str(wallet(), "1 0.01 0.99"); /* the fee */
    renew(&live, 1, 10, 30);
    is_state("\"remaining_s\":10}");
    is_str(text_of(live.call.debited), "0.01");
    contains(settle(&live, 20000, "answered"), "\"kind\":\"bundle\"");
    is_state("\"remaining_s\":30}");
    is_null(live.call.consumed.bytes);
    drop(&live);
}

TEST(a_step_whose_rules_fail_has_taken_nothing)
{
    struct live live;
    begin("1");
    set_state(FREE_50);
    authorize(&live, "c-1", "+12125550100", 30);
    fx.ctx.rules = NULL;
    contains(renew(&live, 1, 10, 30), "\"decision\":\"continue\"");
    is_state("\"remaining_s\":50}");
    is_null(live.call.consumed.bytes);
    fx.ctx.rules = fx.rules;
    renew(&live, 2, 20, 30);
    char *text = state_text();
    is_null(text); /* all 50 are used or kept: there is nothing left to depend on */
    drop(&live);
}

TEST(tiers_count_what_was_used_and_not_what_was_asked_for)
{
    struct live a, b;
    begin("1");
    set_plan(TIERS);
    set_state("{\"counter_s\":80}");
    authorize(&a, "a", "+12125550100", 86400);
    is_state("\"counter_s\":80,");
    renew(&a, 1, 30, 60); /* 20 dear seconds, 10 cheap ones */
    is_str(text_of(a.call.debited), "0.035");
    is_state("\"counter_s\":110,");
    authorize(&b, "b", "+12125550100", 60);
    is_str(text_of(b.call.held), "0.04"); /* after those that were used */
    settle(&b, 10000, "answered");
    is_str(text_of(b.call.charge), "0.015");
    is_state("\"counter_s\":120,");
    settle(&a, 0, "no_answer");
    is_state("\"counter_s\":90,");
    drop(&a);
    drop(&b);
}

TEST(a_report_that_comes_too_late_takes_nothing)
{
    struct live live;
    begin("1");
    set_plan(TIERS);
    set_state("{\"counter_s\":90}");
    authorize(&live, "c-1", "+12125550100", 60);
    fx.ctx.now_us = live.call.expires_at_us;
    expire(&live);
    settle(&live, 20000, "answered");
    is_str(text_of(live.call.late_difference), "0.025");
    is_state("\"counter_s\":90,");
    drop(&live);
}

TAP_MAIN()

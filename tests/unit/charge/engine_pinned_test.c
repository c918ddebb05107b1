/* engine_pinned_test - what a price depends on besides today: what a call began with, tiers and free seconds used before.
 * TG_TSAN: it has a thread. */
#include "../../../src/charge/engine.c"

#include "base/fault.h"
#include "calls_fixture.h"

static struct tg_luasource *host;
static struct tg_bundle *normal, *dear; /* the release's rules; every minute costs the double */
static bool is_gone; /* the keeper finds no bundle */

static int load(const char *id, struct tg_bundle **bundle_r, void *arg, struct tg_err *err_r)
{
    struct tg_bundle *found = strcmp(tg_bundle_id(normal), id) == 0 ? normal : dear;
    (void)arg;
    if (is_gone || strcmp(tg_bundle_id(found), id) != 0)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "there is no bundle %s", id);
    *bundle_r = tg_bundle_ref(found);
    return 0;
}

/* The release's rules, with one file changed. */
static struct tg_bundle *make_dear(void)
{
    static char changed[8000];
    struct tg_bundle_file files[200];
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    const size_t n = tg_bundle_n(normal);
    for (size_t i = 0; i < n; i++) {
        files[i] = *tg_bundle_file(normal, i);
        if (strcmp(files[i].path, "pricing/lib/lines.lua") != 0)
            continue;
        snprintf(changed, sizeof(changed), "%.*s", (int)files[i].len, files[i].text);
        char *divisor = strstr(changed, "line.seconds, 60");
        ok(divisor != NULL, "a minute has 60 seconds");
        memcpy(divisor, "line.seconds, 30", 16);
        files[i].text = changed;
    }
    is_int(tg_bundle_new(files, n, &faults, &bundle), 0);
    return bundle;
}

static void activate(struct tg_bundle *bundle)
{
    static uint64_t revision = 1;
    struct tg_err err = {0};
    const struct tg_rulestate state = {.host = host, .bundle = bundle, .revision = ++revision, .is_confirmed = true};
    ok(tg_rulebook_set(world.book, &state, &err) == 0 && tg_rulebook_is_applied(world.book, 5000), "%s", err.text);
}

static void begin_pinned(void)
{
    struct tg_err err = {0};
    begin();
    db_int("DELETE FROM call_plans", NULL, 0);
    if (host != NULL)
        return;
    if (tg_luasource_read("lua", &host, &err) != 0 || tg_bundle_of_source(host, &normal, &err) != 0)
        printf("Bail out! %s\n", err.text);
    dear = make_dear();
    tg_rulebook_set_keeper(world.book, &(struct tg_rulebook_keeper){.load = load});
}

static struct tg_id company_with(const char *pricing)
{
    const struct tg_id id = add_company("priced", world.platform, true);
    const struct tg_dbval values[] = {TG_DBVAL_STR(pricing), TG_DBVAL_ID(id)};
    db_int("UPDATE companies SET pricing = ? WHERE id = ?", values, 2);
    fund(id, "10");
    return id;
}

static void restart(void)
{
    tg_engine_free(&engine);
    engine = tg_engine_new(&world.url, world.book, &(struct tg_engine_settings){0});
}

#define LONDON "+442079460000"

TEST(a_call_keeps_its_rules_over_a_swap_and_a_restart_and_new_calls_have_the_new_ones)
{
    begin_pinned();
    fund(world.other, "10");
    activate(normal);
    contains(authorize(world.other, "s-1", LONDON), "\"hold\":{\"amount\":\"0.03\"");
    contains(authorize(world.other, "s-2", LONDON), "\"hold\":{\"amount\":\"0.03\"");
    activate(dear);
    contains(renew(world.other, "s-1", 1, 40), "\"charged\":{\"amount\":\"0.02\"");
    contains(authorize(world.other, "s-3", LONDON), "\"hold\":{\"amount\":\"0.06\"");
    contains(settle(world.other, "s-1", 60000), "\"charge\":{\"amount\":\"0.03\"");
    restart();
    activate(dear);
    contains(settle(world.other, "s-2", 60000), "\"charge\":{\"amount\":\"0.03\"");
    contains(settle(world.other, "s-3", 60000), "\"charge\":{\"amount\":\"0.06\"");
    is_int(DB_INT("SELECT COUNT(DISTINCT rule_bundle) FROM usage_events"), 2);
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events u JOIN calls c ON u.event_id LIKE 'call\\_%/call.seconds'"
                  " AND u.call_id = c.call_id AND u.rule_bundle = c.rule_bundle AND u.plan_id = c.plan_id"),
           3);
    end();
}

TEST(a_call_whose_rules_are_gone_is_never_priced_by_others)
{
    begin_pinned();
    fund(world.other, "10");
    activate(normal);
    contains(authorize(world.other, "g-1", LONDON), "\"allow\"");
    contains(renew(world.other, "g-1", 1, 30), "\"charged\":{\"amount\":\"0.015\"");
    activate(dear);
    restart();
    activate(dear);
    is_gone = true;
    contains(renew(world.other, "g-1", 2, 60), "\"decision\":\"continue\""); /* what was granted is used up */
    contains(renew(world.other, "g-1", 3, 90), "\"decision\":\"stop\"");
    contains(settle(world.other, "g-1", 95000), "\"charge\":{\"amount\":\"0.015\"");
    is_str(purse_of(world.other), "balance 9.985 held 0 open 0");
    is_str(DB_TEXT("SELECT status FROM usage_events"), "failed");
    contains(DB_TEXT("SELECT rating FROM usage_events"), "the rules that the call began with cannot be loaded");
    contains(authorize(world.other, "g-2", LONDON), "\"hold\":{\"amount\":\"0.06\"");
    contains(settle(world.other, "g-2", 60000), "\"charge\":{\"amount\":\"0.06\"");
    is_gone = false;
    end();
}

TEST(a_call_keeps_the_parameters_and_the_deck_it_began_with)
{
    begin_pinned();
    activate(normal);
    const struct tg_id company = company_with("{\"max_charge\":\"0.02\"}");
    const struct tg_dbval id = TG_DBVAL_ID(company);
    contains(authorize(company, "p-1", LONDON), "\"hold\":{\"amount\":\"0.02\"");
    contains(authorize(company, "p-2", LONDON), "\"hold\":{\"amount\":\"0.02\"");
    db_int("UPDATE companies SET pricing = '{\"min_charge\": \"1.00\"}', rate_deck_id = NULL WHERE id = ?", &id, 1);
    contains(authorize(company, "p-3", LONDON), "\"deny\"");
    contains(renew(company, "p-1", 1, 60), "\"charged\":{\"amount\":\"0.02\"");
    contains(settle(company, "p-1", 600000), "\"charge\":{\"amount\":\"0.02\"");
    restart();
    activate(normal);
    contains(settle(company, "p-2", 600000), "\"charge\":{\"amount\":\"0.02\"");
    is_int(db_int("SELECT COUNT(*) FROM call_plans WHERE company_id = ?", &id, 1), 1);
    is_str(db_text("SELECT pricing FROM call_plans WHERE company_id = ?", &id, 1), "{\"max_charge\":\"0.02\"}");
    contains(ask(engine, loop, company, call_event("pe", NULL, LONDON, "60")), "\"no_rate\":1");
    is_int(db_int("SELECT COUNT(*) FROM call_plans WHERE company_id = ?", &id, 1), 2);
    is_int(db_int("SELECT COUNT(*) FROM usage_events u JOIN call_plans p ON p.company_id = u.company_id AND p.id ="
                  " u.plan_id WHERE u.company_id = ?",
                  &id, 1),
           3);
    end();
}

TEST(a_call_whose_parameters_are_gone_is_parked)
{
    begin_pinned();
    activate(normal);
    const struct tg_id company = company_with("{\"max_charge\":\"0.02\"}");
    const struct tg_dbval id = TG_DBVAL_ID(company);
    contains(authorize(company, "l-1", LONDON), "\"allow\"");
    db_int("UPDATE companies SET pricing = NULL WHERE id = ?", &id, 1);
    db_int("DELETE FROM call_plans WHERE company_id = ?", &id, 1);
    contains(settle(company, "l-1", 60000), "\"charge\":{\"amount\":\"0\"");
    contains(db_text("SELECT rating FROM usage_events WHERE company_id = ?", &id, 1), "parameters");
    is_str(purse_of(company), "balance 10 held 0 open 0");
    end();
}

#define TIERS "{\"tiers\":[{\"up_to_s\":6000,\"per_minute\":\"0.06\"},{\"per_minute\":\"0.03\"}]}"

static int64_t counter_of(struct tg_id company)
{
    return db_int("SELECT counter_s FROM rating_states WHERE company_id = ? AND period = '2026-07-01'",
                  &TG_DBVAL_ID(company), 1);
}

TEST(usage_of_earlier_requests_counts_in_the_tiers_and_a_repeat_does_not)
{
    begin_pinned();
    activate(normal);
    const struct tg_id company = company_with(TIERS);
    contains(ask(engine, loop, company, call_event("t1", NULL, LONDON, "5950")), "\"rated\":1");
    contains(ask(engine, loop, company, call_event("t2", NULL, LONDON, "100")), "\"rated\":1");
    contains(ask(engine, loop, company, call_event("t2", NULL, LONDON, "100")), "\"duplicates\":1");
    is_int(counter_of(company), 6050);
    is_str(db_text("SELECT amount FROM usage_events WHERE event_id = 't2' AND company_id = ?", &TG_DBVAL_ID(company),
                   1),
           "0.075");
    contains(db_text("SELECT rating FROM usage_events WHERE event_id = 't2' AND company_id = ?", &TG_DBVAL_ID(company),
                     1),
             "\"state\":{\"counter_s\":5950,\"period\":24318}");
    end();
}

TEST(a_live_call_over_a_tier_costs_what_its_seconds_cost_there)
{
    char body[500];
    begin_pinned();
    activate(normal);
    const struct tg_id company = company_with(TIERS);
    snprintf(
        body, sizeof(body),
        "{\"event_id\":\"tn\",\"source\":\"gw\",\"meter\":\"call.seconds\",\"event_time\":\"%s\",\"quantity\":\"5950\","
        "\"properties\":{\"to\":\"" LONDON "\"}}",
        DB_TEXT("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')"));
    contains(ask(engine, loop, company, body), "\"rated\":1");
    contains(authorize(company, "tier", LONDON), "\"hold\":{\"amount\":\"0.055\""); /* 50 s, 10 s */
    contains(renew(company, "tier", 1, 40), "\"charged\":{\"amount\":\"0.04\"");
    contains(renew(company, "tier", 2, 80), "\"charged\":{\"amount\":\"0.065\"");
    contains(settle(company, "tier", 100000), "\"charge\":{\"amount\":\"0.075\"");
    is_str(db_text("SELECT CONCAT(COUNT(*), ' ', SUM(counter_s)) FROM rating_states WHERE company_id = ?",
                   &TG_DBVAL_ID(company), 1),
           "1 6050");
    end();
}

TEST(two_engines_count_in_the_same_tiers)
{
    enum { EVENTS = 60 };
    static struct request requests[EVENTS];
    char name[20];
    begin_pinned();
    struct tg_engine *other = tg_engine_new(&world.url, world.book, &(struct tg_engine_settings){0});
    activate(normal);
    const struct tg_id company = company_with(TIERS);
    for (int i = 0; i < EVENTS; i++) {
        snprintf(name, sizeof(name), "both-%d", i);
        ok(request_submit(&requests[i], i % 2 == 0 ? engine : other, loop, company, NULL,
                          call_event(name, NULL, LONDON, "150")),
           "taken");
    }
    for (int i = 0; i < EVENTS; i++) {
        request_wait(&requests[i], loop);
        contains(requests[i].answer, "\"rated\":1");
        request_end(&requests[i]);
    }
    is_int(counter_of(company), EVENTS * 150);
    is_str(purse_of(company), "balance 2.5 held 0 open 0"); /* 6000 s at 0.06, 3000 s at 0.03 a minute: 7.5 */
    tg_engine_free(&other);
    end();
}

TEST(a_lost_answer_to_commit_counts_once)
{
    begin_pinned();
    activate(normal);
    struct tg_err err = {0};
    const struct tg_id company = company_with(TIERS);
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(ask(engine, loop, company, call_event("lost", NULL, LONDON, "100")), "\"rated\":1");
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(authorize(company, "lost", LONDON), "\"allow\"");
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(settle(company, "lost", 60000), "\"charge\":{\"amount\":\"0.06\"");
    tg_fault_disarm_all();
    is_int(counter_of(company), 100); /* the call is of today */
    is_int(db_int("SELECT CAST(SUM(counter_s) AS SIGNED) FROM rating_states WHERE company_id = ?",
                  &TG_DBVAL_ID(company), 1),
           160);
    is_str(purse_of(company), "balance 9.84 held 0 open 0");
    end();
}

TEST(what_cannot_be_stored_has_no_part_in_the_tiers)
{
    begin_pinned();
    activate(normal);
    char body[4000];
    struct tg_err err = {0};
    const struct tg_id company = company_with(TIERS);
    snprintf(body, sizeof(body), "[%s,%s,%s]", call_event("f1", NULL, LONDON, "1000"),
             call_event("poison1", NULL, LONDON, "6000"), call_event("f2", NULL, LONDON, "1000"));
    ok(tg_fault_arm("charge_poisoned_row=hit", &err) == 0, "armed");
    contains(ask(engine, loop, company, body), "\"rejected\":[{\"index\":1,\"event_id\":\"poison1\"");
    tg_fault_disarm_all();
    is_int(counter_of(company), 2000);
    is_str(purse_of(company), "balance 8 held 0 open 0");
    end();
}

TEST(twenty_calls_at_once_share_the_free_seconds_and_never_have_more_than_there_are)
{
    enum { CALLS = 20, GRANTED_S = 900 };
    static struct asked calls[CALLS];
    char name[32];
    begin_pinned();
    activate(normal);
    const struct tg_id company = company_with("{}"), allowance = tg_id_new();
    const struct tg_dbval values[] = {TG_DBVAL_ID(company), TG_DBVAL_ID(allowance), TG_DBVAL_INT(GRANTED_S),
                                      TG_DBVAL_INT(GRANTED_S)};
    db_int("INSERT INTO allowances (company_id, id, granted_s, remaining_s, starts_at, created_at)"
           " VALUES (?, ?, ?, ?, '2026-01-01', NOW())",
           values, 4);
    db_int("UPDATE companies SET has_allowances = 1 WHERE id = ?", &TG_DBVAL_ID(company), 1);
    db_int("UPDATE wallets SET balance = 0.15 WHERE company_id = ?", &TG_DBVAL_ID(company), 1); /* 300 s at 0.03 */
    lock_wallet(company);
    for (int i = 0; i < CALLS; i++) {
        snprintf(name, sizeof(name), "w-%d", i);
        submit_authorize(&calls[i], company, NULL, name, LONDON);
    }
    unlock_wallet();
    int n_allowed = 0;
    for (int i = 0; i < CALLS; i++) {
        asked_wait(&calls[i]);
        n_allowed += strstr(calls[i].answer, "\"allow\"") != NULL;
    }
    is_int(n_allowed, CALLS); /* 900 s are free, 300 s are paid for */
    is_int(db_int("SELECT remaining_s FROM allowances WHERE id = ?", &TG_DBVAL_ID(allowance), 1), 0);
    contains(authorize(company, "w-more", LONDON), "insufficient_funds");
    for (int i = 0; i < CALLS; i++) { /* half of what was held is used */
        snprintf(name, sizeof(name), "w-%d", i);
        contains(settle(company, name, 30000), "\"charge\"");
    }
    is_int(db_int("SELECT CAST(SUM(JSON_VALUE(l.line, '$.seconds')) AS SIGNED) FROM usage_events u,"
                  " JSON_TABLE(u.rating, '$.lines[*]' COLUMNS (line JSON PATH '$')) l"
                  " WHERE u.company_id = ? AND JSON_VALUE(l.line, '$.kind') = 'bundle'",
                  &TG_DBVAL_ID(company), 1),
           GRANTED_S - db_int("SELECT remaining_s FROM allowances WHERE id = ?", &TG_DBVAL_ID(allowance), 1));
    contains(purse_of(company), "held 0 open 0");
    end();
}

TEST(nothing_is_left_behind)
{
    tg_bundle_unref(&normal);
    tg_bundle_unref(&dear);
    tg_luasource_unref(&host);
}

TAP_MAIN()

/* engine_calls_test - live calls through the ledger engine against a real MariaDB. TG_TSAN: it has a thread. */
#include "../../../src/charge/engine.c"

#include <pthread.h>
#include <stdatomic.h>

#include "base/fault.h"
#include "calls_fixture.h"
#include "rt/metrics.h"

TEST(a_call_is_authorized_renewed_and_settled_and_its_money_adds_up)
{
    begin();
    fund(world.other, "1");
    is_str(authorize(world.other, "c-1", "+442079460000"),
           "{\"decision\":\"allow\",\"call_id\":\"c-1\",\"hold\":{\"amount\":\"0.03\",\"currency\":\"USD\"},"
           "\"max_seconds\":60,\"renew_in_seconds\":45,\"rate\":{\"per_minute\":\"0.03\",\"prefix\":\"44\"}}");
    is_str(purse_of(world.other), "balance 1 held 0.03 open 1");
    contains(renew(world.other, "c-1", 1, 40),
             "{\"decision\":\"continue\",\"max_seconds\":100,\"renew_in_seconds\":45,\"charged\":{\"amount\":\"0.02\"");
    is_str(purse_of(world.other), "balance 0.98 held 0.03 open 1");
    contains(settle(world.other, "c-1", 90000), "{\"call_id\":\"c-1\",\"charge\":{\"amount\":\"0.045\"");
    is_str(purse_of(world.other), "balance 0.955 held 0 open 0");
    is_int(DB_INT("SELECT COUNT(*) FROM calls WHERE call_id = 'c-1' AND state = 'settled' AND charge = 0.045"
                  " AND debited = 0.02 AND held = 0 AND expires_at IS NULL AND entry_id IS NOT NULL"),
           1);
    is_str(DB_TEXT("SELECT SUM(amount) FROM call_debits"), "0.02");
    is_str(DB_TEXT("SELECT SUM(amount) FROM usage_events WHERE source = 'tollgate'"), "0.045");
    is_str(DB_TEXT("SELECT SUM(amount) FROM ledger_postings WHERE account = 'revenue'"), "0.045");
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries WHERE kind = 'calls.charged' AND event_count = 1"), 2);
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events u JOIN calls c ON u.entry_id = c.entry_id"
                  " AND u.rule_bundle = c.rule_bundle AND u.deck_id = c.deck_id AND u.deck_version = 1"),
           1);
    end();
}

TEST(every_step_may_be_repeated_and_answers_the_same_bytes)
{
    char first[3000];
    begin();
    fund(world.other, "1");
    snprintf(first, sizeof(first), "%s", authorize(world.other, "r-1", "+442079460000"));
    is_str(authorize(world.other, "r-1", "+442079460000"), first);
    ok(last.is_replay, "a replay");
    contains(authorize(world.other, "r-1", "+442079460001"), "conflict: a call with this call_id");
    snprintf(first, sizeof(first), "%s", renew(world.other, "r-1", 2, 40));
    is_str(renew(world.other, "r-1", 2, 50), first);
    contains(renew(world.other, "r-1", 1, 20), "\"duplicate\":true");
    snprintf(first, sizeof(first), "%s", settle(world.other, "r-1", 61000));
    is_str(settle(world.other, "r-1", 62000), first);
    ok(last.is_replay, "a replay");
    contains(renew(world.other, "r-1", 3, 70), "call_closed");
    is_str(authorize(world.other, "r-1", "+442079460000"), "{\"decision\":\"deny\",\"reason\":\"call_closed\"}");
    is_int(DB_INT("SELECT COUNT(*) FROM calls WHERE call_id = 'r-1'"), 1);
    end();
}

TEST(what_nobody_authorized_is_not_found_and_a_foreign_company_is_none)
{
    begin();
    fund(world.client, "1");
    contains(renew(world.other, "n-1", 1, 10), "not_found: this company has no call");
    contains(settle(world.other, "n-1", 10), "not_found: this company has no call");
    contains(authorize_for(world.other, &world.client, "n-2", "+442079460000"), "not_found: there is no such company");
    contains(authorize_for(world.agency, &world.client, "n-2", "+442079460000"), "\"allow\"");
    contains(settle(world.agency, "n-2", 10), "not_found: this company has no call");
    contains(settle(world.client, "n-2", 1000), "\"charge\":{\"amount\":\"0.0005\"");
    end();
}

TEST(steps_of_one_call_that_wait_together_are_decided_in_order)
{
    struct asked a[4];
    begin();
    fund(world.other, "1");
    lock_wallet(world.other); /* all of them meet in one batch */
    submit_authorize(&a[0], world.other, NULL, "o-1", "+442079460000");
    submit_renew(&a[1], world.other, "o-1", 1, 30);
    submit_settle(&a[2], world.other, "o-1", 60000);
    submit_authorize(&a[3], world.other, NULL, "o-1", "+442079460000");
    unlock_wallet();
    for (int i = 0; i < 4; i++)
        asked_wait(&a[i]);
    contains(a[0].answer, "\"allow\"");
    contains(a[1].answer, "\"continue\"");
    contains(a[2].answer, "\"charge\":{\"amount\":\"0.03\"");
    contains(a[3].answer, "call_closed");
    is_str(purse_of(world.other), "balance 0.97 held 0 open 0");
    is_int(DB_INT("SELECT COUNT(*) FROM call_debits d JOIN calls c ON c.id = d.call_id WHERE c.call_id = 'o-1'"
                  " AND d.amount = 0.015"),
           1);
    end();
}

TEST(two_hundred_at_once_on_money_for_thirty_seven_and_thirty_seven_are_allowed)
{
    static struct asked a[200];
    int n_allowed = 0;
    begin();
    fund(world.other, "1.11"); /* 0.03 each */
    for (int i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "many-%d", i);
        submit_authorize(&a[i], world.other, NULL, id, "+442079460000");
    }
    for (int i = 0; i < 200; i++) {
        asked_wait(&a[i]);
        n_allowed += strstr(a[i].answer, "\"allow\"") != NULL;
        ok(strstr(a[i].answer, "\"allow\"") != NULL || strstr(a[i].answer, "insufficient_funds") != NULL, "%s",
           a[i].answer);
    }
    is_int(n_allowed, 37);
    is_str(purse_of(world.other), "balance 1.11 held 1.11 open 37");
    end();
}

TEST(a_lost_answer_to_commit_changes_nothing_for_the_caller)
{
    struct tg_err err;
    begin();
    fund(world.other, "1");
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(authorize(world.other, "l-1", "+442079460000"), "\"allow\"");
    ok(!last.is_replay, "its own");
    tg_fault_disarm_all();
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(renew(world.other, "l-1", 1, 60), "\"continue\"");
    tg_fault_disarm_all();
    ok(tg_fault_arm("charge_lost_commit_reply=hit:1x1", &err) == 0, "armed");
    contains(settle(world.other, "l-1", 61000), "\"charge\":{\"amount\":\"0.0305\"");
    tg_fault_disarm_all();
    is_str(purse_of(world.other), "balance 0.9695 held 0 open 0");
    end();
}

TEST(a_poisoned_call_fails_alone)
{
    struct asked a[3];
    struct tg_err err;
    begin();
    fund(world.other, "1");
    ok(tg_fault_arm("charge_poisoned_row=hit", &err) == 0, "armed");
    lock_wallet(world.other);
    submit_authorize(&a[0], world.other, NULL, "p-1", "+442079460000");
    submit_authorize(&a[1], world.other, NULL, "poison", "+442079460000");
    submit_authorize(&a[2], world.other, NULL, "p-2", "+442079460000");
    unlock_wallet();
    for (int i = 0; i < 3; i++)
        asked_wait(&a[i]);
    tg_fault_disarm_all();
    contains(a[0].answer, "\"allow\"");
    contains(a[1].answer, "bug: it could not be stored");
    contains(a[2].answer, "\"allow\"");
    is_str(purse_of(world.other), "balance 1 held 0.06 open 2");
    end();
}

TEST(an_expired_call_is_charged_what_it_reported)
{
    begin();
    fund(world.other, "1");
    authorize(world.other, "e-1", "+442079460000");
    authorize(world.other, "e-2", "+442079460000");
    renew(world.other, "e-1", 1, 40);
    is_str(expire(world.other, "e-1"), "0");
    DB_INT("UPDATE calls SET expires_at = '2020-01-01' WHERE call_id IN ('e-1', 'e-2')");
    is_str(expire(world.other, "e-1"), "1");
    is_str(expire(world.other, "e-1"), "0");
    is_str(expire(world.other, "e-2"), "1");
    is_str(purse_of(world.other), "balance 0.98 held 0 open 0");
    contains(settle(world.other, "e-1", 60000), "\"duplicate\":true");
    is_str(purse_of(world.other), "balance 0.98 held 0 open 0");
    is_str(DB_TEXT("SELECT late_difference FROM calls WHERE call_id = 'e-1'"), "0.01");
    is_int(DB_INT("SELECT COUNT(late_report) FROM calls WHERE call_id = 'e-1'"), 1);
    contains(DB_TEXT("SELECT arguments FROM jobs WHERE unique_key LIKE 'alert:call.settled_late:call\\_%'"),
             "\"data\":{\"call_id\":\"e-1\",\"difference\":\"0.01\",\"currency\":\"USD\"}}");
    settle(world.other, "e-1", 70000); /* filed once */
    is_int(DB_INT("SELECT COUNT(*) FROM jobs WHERE handler = 'alerts.jobs:raise'"), 1);
    is_int(DB_INT("SELECT COUNT(settle_answer) FROM calls WHERE call_id IN ('e-1', 'e-2')"), 2);
    end();
}

TEST(a_call_that_costs_more_than_was_held_is_charged_in_full_and_raises_an_alert)
{
    begin();
    fund(world.other, "0.03");
    contains(authorize(world.other, "v-1", "+442079460000"), "\"allow\"");
    contains(settle(world.other, "v-1", 100000), "\"overrun\":{\"amount\":\"0.02\"");
    is_str(purse_of(world.other), "balance -0.02 held 0 open 0");
    contains(DB_TEXT("SELECT arguments FROM jobs WHERE unique_key LIKE 'alert:call.overrun:call\\_%'"),
             "\"kind\":\"call.overrun\"");
    contains(authorize(world.other, "v-2", "+442079460000"), "insufficient_funds");
    end();
}

TEST(seconds_of_an_authorized_call_are_not_charged_twice)
{
    begin();
    fund(world.other, "1");
    authorize(world.other, "u-1", "+442079460000");
    contains(ask(engine, loop, world.other, call_event_of("u-1", "s1")), "\"reason\":\"conflict\"");
    settle(world.other, "u-1", 60000);
    contains(ask(engine, loop, world.other, call_event_of("u-1", "s1")), "{\"accepted\":0,\"duplicates\":1");
    contains(ask(engine, loop, world.other, call_event_of("u-2", "s2")), "{\"accepted\":1");
    contains(ask(engine, loop, world.other, call_event_of("u-2", "s2")), "{\"accepted\":0,\"duplicates\":1");
    end();
}

/* Somebody has the wallet in one transaction after the other: 20 ms each, at once the next. */
struct hog {
    pthread_t thread;
    struct tg_id company;
    atomic_bool ends;
    int n;
};

static void *hog_main(void *arg)
{
    struct hog *hog = arg;
    struct tg_sqlconn *conn = tg_sqlconn_new(&world.url);
    struct tg_err err;
    for (; !hog->ends; hog->n++) {
        if (tg_sqlconn_begin(conn, &err) != 0 ||
            tg_sqlconn_query(conn, "SELECT id FROM wallets WHERE company_id = ? FOR UPDATE", &TG_DBVAL_ID(hog->company),
                             1, NULL, &err) != 0)
            abort();
        services_sleep_ms(20);
        tg_sqlconn_rollback(conn);
    }
    tg_sqlconn_free(&conn);
    return NULL;
}

TEST(a_wallet_that_somebody_has_again_and_again_is_waited_for_and_nobody_else_waits)
{
    struct hog hog = {.company = world.client};
    begin();
    fund(world.client, "10");
    fund(world.other, "10");
    pthread_create(&hog.thread, NULL, hog_main, &hog);
    services_sleep_ms(50);
    uint64_t slowest_us = 0;
    for (int i = 0; i < 10; i++) {
        struct asked a;
        char id[16];
        snprintf(id, sizeof(id), "hog-%d", i);
        const uint64_t began_us = tg_clock_mono_us();
        submit_authorize(&a, world.client, NULL, id, "+442079460000");
        contains(authorize(world.other, id, "+442079460000"), "\"allow\"");
        const uint64_t other_us = tg_clock_mono_us() - began_us;
        slowest_us = other_us > slowest_us ? other_us : slowest_us;
        asked_wait(&a);
        contains(a.answer, "\"allow\"");
        ok(tg_clock_mono_us() - began_us < 1000000, "took %llu us",
           (unsigned long long)(tg_clock_mono_us() - began_us));
    }
    hog.ends = true;
    pthread_join(hog.thread, NULL);
    ok(hog.n > 5, "there was somebody");
    ok(slowest_us < 500000, "the other took %llu us", (unsigned long long)slowest_us);
    ok(tg_engine_stats_get(engine).deferred > 0, "deferred");
    end();
}

TEST(a_wallet_that_is_locked_for_long_holds_up_no_other_that_had_to_wait)
{
    struct asked stuck, a;
    struct hog hog = {.company = world.other};
    begin();
    fund(world.client, "10");
    fund(world.other, "10");
    lock_wallet(world.client);
    submit_authorize(&stuck, world.client, NULL, "stuck", "+442079460000");
    services_sleep_ms(100); /* now it is waited for */
    pthread_create(&hog.thread, NULL, hog_main, &hog);
    services_sleep_ms(50);
    const uint64_t began_us = tg_clock_mono_us();
    submit_authorize(&a, world.other, NULL, "behind", "+442079460000");
    asked_wait(&a);
    contains(a.answer, "\"allow\"");
    ok(tg_clock_mono_us() - began_us < 3000000, "took %llu us", (unsigned long long)(tg_clock_mono_us() - began_us));
    ok(!stuck.is_done, "still stuck");
    hog.ends = true;
    pthread_join(hog.thread, NULL);
    unlock_wallet();
    asked_wait(&stuck);
    contains(stuck.answer, "\"allow\"");
    end();
}

static void limit(struct tg_id company, const char *limits)
{
    const struct tg_dbval values[] = {TG_DBVAL_STR(limits), TG_DBVAL_ID(company)};
    db_int("UPDATE companies SET limits = ? WHERE id = ?", values, 2);
}

TEST(lines_of_a_company_of_a_number_and_of_an_agent_are_counted_by_what_is_open)
{
    begin();
    const struct tg_id limited = add_company("limited", world.platform, true);
    fund(limited, "1");
    limit(limited, "{\"concurrent_calls\":3,\"calls_per_number\":1}");
    contains(authorize(limited, "q-1", "+442079460000"), "\"allow\"");
    contains(authorize(limited, "q-2", "+442079460000"), "{\"decision\":\"deny\",\"reason\":\"concurrency_limit\"}");
    contains(authorize(limited, "q-2", "+442079460001"), "\"allow\"");
    contains(authorize(limited, "q-3", "+442079460002"), "\"allow\"");
    contains(authorize(limited, "q-4", "+442079460003"), "concurrency_limit");
    contains(settle(limited, "q-1", 1000), "\"charge\"");
    contains(authorize(limited, "q-5", "+442079460000"), "\"allow\"");
    is_int(DB_INT("SELECT SUM(n) FROM call_counters WHERE minute = 0"), 3);
    DB_INT("UPDATE calls SET expires_at = '2020-01-01'");
    expire(limited, "q-2");
    limit(limited, "{}"); /* what was counted is taken back all the same */
    expire(limited, "q-3");
    settle(limited, "q-5", 0);
    is_int(DB_INT("SELECT SUM(n) FROM call_counters WHERE minute = 0"), 0);
    is_str(purse_of(limited), "balance 0.9995 held 0 open 0");
    end();
}

TEST(calls_that_begin_are_counted_by_the_minute_and_the_hour)
{
    struct asked a[6];
    begin();
    const struct tg_id limited = add_company("limited", world.platform, true);
    fund(limited, "1");
    limit(limited, "{\"calls_per_minute\":4,\"same_number_per_hour\":2}");
    lock_wallet(limited); /* in one batch: what it has allowed counts at once */
    for (int i = 0; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof(id), "m-%d", i);
        submit_authorize(&a[i], limited, NULL, id, i < 3 ? "+442079460000" : "+442079460001");
    }
    unlock_wallet();
    int n_allowed = 0;
    for (int i = 0; i < 6; i++) {
        asked_wait(&a[i]);
        n_allowed += strstr(a[i].answer, "\"allow\"") != NULL;
    }
    contains(a[2].answer, "rule_denied");
    is_int(n_allowed, 4);
    contains(authorize(limited, "m-6", "+442079460002"), "rule_denied");
    DB_INT("UPDATE call_counters SET minute = minute - 2");
    contains(authorize(limited, "m-7", "+442079460002"), "\"allow\"");
    contains(authorize(limited, "m-8", "+442079460000"), "rule_denied");
    DB_INT("UPDATE call_counters SET minute = minute - 60");
    contains(authorize(limited, "m-9", "+442079460000"), "\"allow\"");
    end();
}

TEST(operations_are_counted_by_kind_and_timed)
{
    struct tg_strbuf text;
    begin();
    fund(world.other, "1");
    authorize(world.other, "metric", "+442079460000");
    settle(world.other, "metric", 1000);
    end();
    tg_strbuf_init(&text, 1u << 20);
    tg_metrics_render(&text);
    contains(text.bytes, "\ntollgate_engine_operation_seconds_count{kind=\"authorize\"} ");
    contains(text.bytes, "\ntollgate_engine_operation_seconds_count{kind=\"settle\"} ");
    contains(text.bytes, "\ntollgate_engine_queued_rows 0\n");
    tg_strbuf_deinit(&text);
}

TAP_MAIN()

/* verify_calls_test - books with calls and credits: each kind of damage, planted alone, is the one that is found. */
#include "../../../src/charge/verify.c"

#include "fixture.h"

/* A company's wallet, from the grant of a credit to what expires of it; calls that were settled (a), that go on (b),
 * that cost nothing (d) and that expired (f). */
static const char books[] =
    "SET @co = UNHEX('01910000000070008000000000000001'), @w = UNHEX('01910000000070008000000000000002'),"
    " @credit = UNHEX('01910000000070008000000000000003'), @other = UNHEX('01910000000070008000000000000004'),"
    " @e1 = UNHEX('01910000000070008000000000000011'), @e2 = UNHEX('01910000000070008000000000000012'),"
    " @e3 = UNHEX('01910000000070008000000000000013'), @e4 = UNHEX('01910000000070008000000000000014'),"
    " @e5 = UNHEX('01910000000070008000000000000015'), @e6 = UNHEX('01910000000070008000000000000016'),"
    " @e7 = UNHEX('01910000000070008000000000000017'), @a = UNHEX('0191000000007000800000000000000A'),"
    " @b = UNHEX('0191000000007000800000000000000B'), @d = UNHEX('0191000000007000800000000000000D'),"
    " @f = UNHEX('0191000000007000800000000000000F'), @t = '2026-07-14 12:00:00', @z = UNHEX(REPEAT('00', 32));"
    "INSERT INTO wallets (company_id, id, currency, balance, version, held, open_calls, has_credits, created_at)"
    " VALUES (@co, @w, 'USD', 91.75, 7, 2.5, 1, 1, @t), (@other, @other, 'USD', 0, 0, 0, 0, 0, @t);"
    "INSERT INTO ledger_entries (company_id, id, kind, event_count, created_at) VALUES (@co, @e1, 'credit.granted', 0, "
    "@t),"
    " (@co, @e2, 'wallet.topped_up', 0, @t), (@co, @e3, 'calls.charged', 2, @t), (@co, @e4, 'calls.charged', 2, @t),"
    " (@co, @e5, 'credit.expired', 0, @t), (@co, @e6, 'usage.corrected', 0, @t), (@co, @e7, 'usage.corrected', 0, @t);"
    "INSERT INTO ledger_postings VALUES"
    " (@co, @e1, 0, 'wallet', @w, 'USD', 11, 11), (@co, @e1, 1, 'promotions', NULL, 'USD', -11, NULL),"
    " (@co, @e2, 0, 'wallet', @w, 'USD', 90, 101), (@co, @e2, 1, 'clearing', NULL, 'USD', -90, NULL),"
    " (@co, @e3, 0, 'wallet', @w, 'USD', -4, 97), (@co, @e3, 1, 'revenue', NULL, 'USD', 4, NULL),"
    " (@co, @e4, 0, 'wallet', @w, 'USD', -3, 94), (@co, @e4, 1, 'revenue', NULL, 'USD', 3, NULL),"
    " (@co, @e5, 0, 'wallet', @w, 'USD', -3, 91), (@co, @e5, 1, 'breakage', NULL, 'USD', 3, NULL),"
    " (@co, @e6, 0, 'wallet', @w, 'USD', 0.5, 91.5), (@co, @e6, 1, 'revenue', NULL, 'USD', -0.5, NULL),"
    " (@co, @e7, 0, 'wallet', @w, 'USD', 0.25, 91.75), (@co, @e7, 1, 'revenue', NULL, 'USD', -0.25, NULL);"
    "INSERT INTO credits VALUES (@co, @credit, @w, 'promotion', 0, 11, 1, NULL, '', @e1, @t);"
    "INSERT INTO credit_draws VALUES (@co, @e3, @credit, 4), (@co, @e4, @credit, 3), (@co, @e5, @credit, 3);"
    "INSERT INTO calls (company_id, id, call_key, call_id, state, request_hash, request, opened_at, closed_at, "
    "expires_at,"
    " granted_s, held, debited, charge, currency, rule_bundle, plan_id, entry_id, authorize_answer) VALUES"
    " (@co, @a, UNHEX(LEFT(SHA2('a', 256), 32)), 'a', 'settled', @co, '{}', @t, @t, NULL, 60, 0, 3, 5, 'USD', @z, @co, "
    "@e4, ''),"
    " (@co, @b, UNHEX(LEFT(SHA2('b', 256), 32)), 'b', 'open', @co, '{}', @t, NULL, @t, 60, 2.5, 1, NULL, 'USD', @z, "
    "@co, NULL, ''),"
    " (@co, @d, UNHEX(LEFT(SHA2('d', 256), 32)), 'd', 'settled', @co, '{}', @t, @t, NULL, 60, 0, 0, 0, 'USD', @z, @co, "
    "NULL, ''),"
    " (@co, @f, UNHEX(LEFT(SHA2('f', 256), 32)), 'f', 'expired', @co, '{}', @t, @t, NULL, 60, 0, 1, 1, 'USD', @z, @co, "
    "NULL, '');"
    "INSERT INTO call_debits VALUES (@co, @e3, @a, 1, 3), (@co, @e3, @f, 1, 1), (@co, @e4, @b, 1, 1);"
    "INSERT INTO usage_events (company_id, id, dedupe, body_hash, source, event_id, meter, event_time, received_at, "
    "quantity,"
    " call_id, properties, status, amount, currency, rating, rule_bundle, entry_id) VALUES"
    " (@co, @a, @a, @a, 'tollgate', 'call_a/call.seconds', 'call.seconds', @t, @t, 1, 'a', '{}', 'rated', 4, 'USD', "
    "'{}', @z, @e4),"
    " (@co, @b, @b, @b, 'tollgate', 'call_a/llm', 'llm', @t, @t, 1, 'a', '{}', 'rated', 1, 'USD', '{}', @z, @e4),"
    " (@co, @d, @d, @d, 'tollgate', 'call_d/call.seconds', 'call.seconds', @t, @t, 1, 'd', '{}', 'not_billable', NULL, "
    "NULL, '{}', @z, NULL),"
    " (@co, @f, @f, @f, 'tollgate', 'call_f/call.seconds', 'call.seconds', @t, @t, 1, 'f', '{}', 'rated', 1, 'USD', "
    "'{}', @z, NULL);"
    "INSERT INTO usage_corrections (company_id, usage_id, seq, correction_id, event_time, meter, quantity, properties,"
    " status, billed_before, billed_s, amount_before, amount, currency, reversal, rating, entry_id, reason, actor,"
    " created_at) VALUES"
    " (@co, @b, 1, @e1, @t, 'llm', 1, '{}', 'rated', 0, 0, 1, 0.5, 'USD', '{}', '{}', @e6, '', '', @t),"
    " (@co, @b, 2, @e2, @t, 'llm', 1, '{}', 'rated', 0, 0, 0.5, 0.25, 'USD', '{}', '{}', @e7, '', '', @t),"
    " (@co, @b, 3, @e3, @t, 'llm', 1, '{}', 'rated', 0, 0, 0.25, 0.25, 'USD', '{}', '{}', NULL, '', '', @t);"
    "INSERT INTO allowances VALUES (@co, @a, 600, 600, 0, NULL, @t, NULL, '', @t);";

static void run(const char *sql)
{
    struct tg_err err = {0};
    if (tg_sqlconn_script(world.conn, sql, strlen(sql), &err) != 0) {
        printf("Bail out! %s: %s\n", sql, err.text);
        exit(1);
    }
}

static char found[2000]; /* "check: text\n" of each */

static void on_found(const struct tg_verify_difference *d, void *arg)
{
    (void)arg;
    const size_t len = strlen(found);
    snprintf(found + len, sizeof(found) - len, "%s %s: %s\n", d->check, d->prefix, d->text);
}

static const char *verify(void)
{
    struct tg_verify_counts counts = {0};
    struct tg_err err = {0};
    found[0] = '\0';
    ok(tg_verify_ledger(world.conn, on_found, NULL, &counts, &err) == 0, "%s", err.text);
    return found;
}

TEST(good_books_have_no_differences)
{
    world_begin();
    run(books);
    is_str(verify(), "");
}

TEST(each_damage_is_found_alone)
{
    static const struct {
        const char *damage, *want, *repair;
    } cases[] = {
        {"UPDATE wallets SET held = 3 WHERE id = @w",
         "wallet_held wal: open calls hold 2.5 for 1, the wallet says 3 for 1\n",
         "UPDATE wallets SET held = 2.5 WHERE id = @w"},
        {"UPDATE wallets SET open_calls = 0 WHERE id = @w",
         "wallet_held wal: open calls hold 2.5 for 1, the wallet says 2.5 for 0\n",
         "UPDATE wallets SET open_calls = 1 WHERE id = @w"},
        {"UPDATE calls SET held = 0.1 WHERE id = @d",
         "call_state call: a call that is settled has a hold of 0.100000000000, a charge, an end and no term\n",
         "UPDATE calls SET held = 0 WHERE id = @d"},
        {"UPDATE calls SET expires_at = @t WHERE id = @f",
         "call_state call: a call that is expired has a hold of 0.000000000000, a charge, an end and a term\n",
         "UPDATE calls SET expires_at = NULL WHERE id = @f"},
        {"UPDATE calls SET expires_at = NULL WHERE id = @b",
         "call_state call: a call that is open has a hold of 2.500000000000, no charge, no end and no term\n",
         "UPDATE calls SET expires_at = @t WHERE id = @b"},
        {"UPDATE calls SET debited = 2 WHERE id = @b", "call_debited call: its debits are 1, the call says 2\n",
         "UPDATE calls SET debited = 1 WHERE id = @b"},
        {"UPDATE usage_events SET amount = 4.000000000001 WHERE id = @a",
         "call_charge call: its meters cost 5.000000000001, the call says 5\n",
         "UPDATE usage_events SET amount = 4 WHERE id = @a"},
        {"UPDATE usage_events SET call_id = 'nobody' WHERE id = @f",
         "call_charge call: its meters cost 0, the call says 1\ncall_charge call: its meters cost 1, the call says 0\n",
         "UPDATE usage_events SET call_id = 'f' WHERE id = @f"},
        {"DELETE FROM usage_events WHERE id = @f", "call_charge call: its meters cost 0, the call says 1\n",
         "INSERT INTO usage_events (company_id, id, dedupe, body_hash, source, event_id, meter, event_time, "
         "received_at,"
         " quantity, call_id, properties, status, amount, rating, rule_bundle) VALUES (@co, @f, @f, @f, 'tollgate', "
         "'', '',"
         " @t, @t, 1, 'f', '{}', 'rated', 1, '{}', @z)"},
        {"UPDATE usage_events SET entry_id = @w WHERE id = @a",
         "usage_without_entry usg: an event with a price should be charged by an entry, and is by none\n",
         "UPDATE usage_events SET entry_id = @e4 WHERE id = @a"},
        {"INSERT INTO call_debits VALUES (@co, @e5, @b, 2, 0)",
         "calls_charge ent: its calls cost 0 for 1, the entry charges 0 for 0\n",
         "DELETE FROM call_debits WHERE seq = 2"},
        {"UPDATE ledger_entries SET event_count = 3 WHERE id = @e4",
         "calls_charge ent: its calls cost 3 for 2, the entry charges 3 for 3\n",
         "UPDATE ledger_entries SET event_count = 2 WHERE id = @e4"},
        {"UPDATE calls SET entry_id = NULL WHERE id = @a",
         "call_without_entry call: what was left to charge should be in an entry, and is in none\n"
         "calls_charge ent: its calls cost 1 for 1, the entry charges 3 for 2\n",
         "UPDATE calls SET entry_id = @e4 WHERE id = @a"},
        {"UPDATE credits SET granted = 12, remaining = 2",
         "credit_granted crd: the wallet got 11 of it, the credit says 12\n",
         "UPDATE credits SET granted = 11, remaining = 1"},
        {"UPDATE credits SET remaining = 1.5", "credit_remaining crd: its draws leave 1, the credit says 1.5\n",
         "UPDATE credits SET remaining = 1"},
        {"UPDATE credit_draws SET amount = 4 WHERE entry_id = @e4; UPDATE credit_draws SET amount = 2 WHERE entry_id = "
         "@e5",
         "entry_draws ent: of its credits it may take 3 at most, and takes 4\n",
         "UPDATE credit_draws SET amount = 3 WHERE entry_id IN (@e4, @e5)"},
        {"INSERT INTO credit_draws VALUES (@co, @e2, @credit, 1); UPDATE credits SET remaining = 0",
         "entry_draws ent: of its credits it may take -90 at most, and takes 1\n",
         "DELETE FROM credit_draws WHERE entry_id = @e2; UPDATE credits SET remaining = 1"},
        {"INSERT INTO credit_draws VALUES (@co, @e1, @a, 0)",
         "draw_without_credit ent: what it drew should be of a credit, and is of none\n",
         "DELETE FROM credit_draws WHERE entry_id = @e1"},
        {"UPDATE wallets SET has_credits = 0 WHERE id = @w",
         "wallet_credits wal: there are 1 credits with something left, the wallet says there are none\n",
         "UPDATE wallets SET has_credits = 1 WHERE id = @w"},
        {"UPDATE usage_corrections SET amount_before = 1.5, amount = 1 WHERE seq = 1",
         "correction_begins usg: a correction should begin at 1, and begins at 1.5\n"
         "correction_begins usg: a correction should begin at 1, and begins at 0.5\n",
         "UPDATE usage_corrections SET amount_before = 1, amount = 0.5 WHERE seq = 1"},
        {"UPDATE usage_corrections SET entry_id = @e6 WHERE seq = 2",
         "correction_charge ent: its corrections charge -0.75 more, and it charges -0.5\n"
         "correction_charge ent: its corrections charge 0 more, and it charges -0.25\n",
         "UPDATE usage_corrections SET entry_id = @e7 WHERE seq = 2"},
        {"UPDATE usage_corrections SET amount = 5 WHERE seq = 3",
         "correction_without_entry usg: a correction of 4.75 should be in an entry, and is in none\n",
         "UPDATE usage_corrections SET amount = 0.25 WHERE seq = 3"},
        {"UPDATE allowances SET remaining_s = 601",
         "allowance_remaining alw: of 600 free seconds 601 are left\n"
         "allowance_used alw: 0 of its free seconds were used or are kept, and -1 are gone\n",
         "UPDATE allowances SET remaining_s = 600"},
        {"UPDATE ledger_postings SET balance_after = 98 WHERE entry_id = @e3 AND leg = 0",
         "balance_after ent: a posting should begin where another ended, and begins at 102\n",
         "UPDATE ledger_postings SET balance_after = 97 WHERE entry_id = @e3 AND leg = 0"},
        {"UPDATE ledger_postings SET balance_after = 92 WHERE entry_id = @e5 AND leg = 0",
         "balance_after ent: a posting should begin where another ended, and begins at 95\n",
         "UPDATE ledger_postings SET balance_after = 91 WHERE entry_id = @e5 AND leg = 0"},
        {"UPDATE ledger_postings SET balance_after = NULL WHERE entry_id = @e5 AND leg = 0",
         "balance_after ent: a posting should begin where another ended, and begins at 3\n",
         "UPDATE ledger_postings SET balance_after = 91 WHERE entry_id = @e5 AND leg = 0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run(cases[i].damage);
        is_str(verify(), cases[i].want);
        run(cases[i].repair);
        is_str(verify(), "");
    }
}

TEST(free_seconds_are_followed_into_ratings_calls_and_corrections)
{
    char name[TG_ID_TEXT_SIZE], sql[1200];
    const struct tg_id allowance = {{0x01, 0x91, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x0a}}; /* @a */
    tg_id_format(allowance, "alw", name);
    snprintf(sql, sizeof(sql),
             "UPDATE usage_events SET rating = '{\"lines\":[{\"kind\":\"bundle\",\"bundle\":\"%s\",\"seconds\":60},"
             "{\"kind\":\"bundle\",\"bundle\":\"plan\",\"seconds\":7},{\"kind\":\"usage\",\"seconds\":5}]}';"
             "UPDATE calls SET consumed = '{\"bundles\":{\"%s\":45}}';"
             "UPDATE usage_corrections SET consumed = '{\"bundles\":{\"%s\":20}}'",
             name, name, name);
    run(sql);
    /* three ratings that nobody has corrected, the last correction of the fourth, the open call */
    is_str(verify(), "allowance_used alw: 245 of its free seconds were used or are kept, and 0 are gone\n");
    run("UPDATE allowances SET remaining_s = 355");
    is_str(verify(), "");
    run("UPDATE allowances SET remaining_s = 356");
    is_str(verify(), "allowance_used alw: 245 of its free seconds were used or are kept, and 244 are gone\n");
    run("UPDATE allowances SET remaining_s = 600; UPDATE usage_events SET rating = '{}';"
        "UPDATE usage_corrections SET consumed = NULL; UPDATE calls SET consumed = NULL");
    is_str(verify(), "");
}

TEST(a_draw_that_gives_back_is_bounded_too)
{
    run("UPDATE ledger_postings SET amount = -amount WHERE entry_id = @e4; UPDATE credit_draws SET amount = -3 WHERE"
        " entry_id = @e4");
    ok(strstr(verify(), "entry_draws") == NULL, "what an entry gives to the wallet it may give to its credits");
    run("UPDATE credit_draws SET amount = -3.1 WHERE entry_id = @e4");
    contains(verify(), "of its credits it may take -3 at most, and takes -3.1");
}

TAP_MAIN()

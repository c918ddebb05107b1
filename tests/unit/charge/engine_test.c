/* engine_test - usage becomes money once: the ledger engine against a real MariaDB. TG_TSAN: it has a thread. */
#include "../../../src/charge/engine.c"

#include "fixture.h"
#include "rt/metrics.h"

TEST(a_call_is_rated_and_its_price_moves_from_the_wallet_to_revenue)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[2000];
    snprintf(body, sizeof(body), "[%s,%s]", call_event("a1", NULL, "+12125550100", "61"),
             call_event("a2", &world.client, "+442079460000", "10"));
    const char *answer = ask(engine, loop, world.platform, body);
    contains(answer, "{\"accepted\":2,\"duplicates\":0,\"rejected\":[],\"outcomes\":{\"rated\":2,");
    is_str(balance_of(world.platform), "-0.024");
    is_str(balance_of(world.client), "-0.005");
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries"), 2);
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_postings"), 4);
    is_str(DB_TEXT("SELECT SUM(amount) FROM ledger_postings"), "0");
    is_str(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'a1'"),
           "{\"lines\":[{\"kind\":\"usage\",\"from_s\":0,\"seconds\":120,\"prefix\":\"1\",\"row\":0,\"per_minute\":\"0."
           "012\",\"amount\":\"0.024\"}]}");
    is_int(DB_INT("SELECT billed_s FROM usage_events WHERE event_id = 'a1'"), 120);
    is_int(DB_INT(
               "SELECT COUNT(*) FROM usage_events u JOIN ledger_entries e ON e.id = u.entry_id AND e.event_count = 1"),
           2);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(an_event_counts_once_whether_it_repeats_in_the_request_or_later_and_another_content_is_a_conflict)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[4000];
    snprintf(body, sizeof(body), "[%s,%s,%s]", call_event("d1", NULL, "+12125550100", "61"),
             call_event("d1", NULL, "+12125550100", "61.000"), call_event("d1", NULL, "+12125550100", "62"));
    contains(ask(engine, loop, world.other, body),
             "{\"accepted\":1,\"duplicates\":1,\"rejected\":[{\"index\":2,\"event_id\":\"d1\",\"reason\":\"conflict\"");
    is_str(balance_of(world.other), "-0.024");
    contains(ask(engine, loop, world.other, body), "{\"accepted\":0,\"duplicates\":2,\"rejected\":[{\"index\":2,");
    /* What came first is what is stored, not what comes first in a later request. */
    snprintf(body, sizeof(body), "[%s,%s]", call_event("d1", NULL, "+12125550100", "62"),
             call_event("d1", NULL, "+12125550100", "61"));
    contains(ask(engine, loop, world.other, body), "{\"accepted\":0,\"duplicates\":1,\"rejected\":[{\"index\":0,");
    is_str(balance_of(world.other), "-0.024");
    /* The same event_id of another company, or from another source, is another event. */
    contains(ask(engine, loop, world.client, call_event("d1", NULL, "+12125550100", "61")), "{\"accepted\":1,");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(usage_may_be_reported_for_the_own_company_and_those_below_and_no_others)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const struct tg_id nobody = tg_id_new();
    char body[4000];
    snprintf(body, sizeof(body), "[%s,%s,%s,%s,%s,%s]", call_event("u1", NULL, "+1212555", "1"),
             call_event("u2", &world.client, "+12125550100", "1"),
             call_event("u3", &world.platform, "+12125550100", "1"),
             call_event("u4", &world.other, "+12125550100", "1"),
             call_event("u5", &world.stranger, "+12125550100", "1"), call_event("u6", &nobody, "+12125550100", "1"));
    const char *answer = ask(engine, loop, world.agency, body);
    contains(answer, "{\"accepted\":2,\"duplicates\":0,");
    contains(answer, "{\"index\":2,\"event_id\":\"u3\",\"reason\":\"unknown_company\",\"pointer\":\"/company\"");
    contains(answer, "\"event_id\":\"u4\"");
    contains(answer, "\"event_id\":\"u5\"");
    contains(answer, "\"event_id\":\"u6\"");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id IN ('u3', 'u4', 'u5', 'u6')"), 0);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(what_has_no_price_is_stored_with_the_reason_and_moves_no_money)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    static const struct {
        const char *id, *to, *seconds, *status, *rating;
    } cases[] = {
        {"p1", "+3312345678", "10", "no_rate", "{\"lines\":[],\"reason\":\"no_rate\"}"},
        {"p2", "12", "10", "no_rate", "{\"lines\":[],\"reason\":\"not_e164\"}"},
        {"p3", "+99123456789", "10", "blocked", "{\"lines\":[],\"reason\":\"blocked\"}"},
        {"p4", "+12125550100", "0", "not_billable", "{\"lines\":[]}"},
    };
    const char *before = tg_strdup(balance_of(world.client));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        contains(ask(engine, loop, world.client, call_event(cases[i].id, NULL, cases[i].to, cases[i].seconds)),
                 "{\"accepted\":1,");
        const struct tg_dbval id = TG_DBVAL_STR(cases[i].id);
        is_str(db_text("SELECT status FROM usage_events WHERE event_id = ?", &id, 1), cases[i].status);
        is_str(db_text("SELECT rating FROM usage_events WHERE event_id = ?", &id, 1), cases[i].rating);
        is_int(db_int("SELECT COUNT(entry_id) FROM usage_events WHERE event_id = ?", &id, 1), 0);
    }
    is_str(DB_TEXT("SELECT amount FROM usage_events WHERE event_id = 'p1'"), "NULL");
    is_str(DB_TEXT("SELECT amount FROM usage_events WHERE event_id = 'p4'"), "0");
    contains(ask(engine, loop, world.bare, call_event("p5", NULL, "+12125550100", "10")), "\"no_rate\":1");
    contains(ask(engine, loop, world.client,
                 "{\"event_id\":\"p6\",\"source\":\"llm\",\"meter\":\"llm.tokens.in\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"5120\"}"),
             "\"unrated\":1");
    is_str(balance_of(world.client), before);
    free((char *)before);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_company_in_another_currency_than_its_deck_is_parked_and_not_charged)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const struct tg_id euro = add_company("euro", world.platform, true);
    db_int("UPDATE companies SET currency = 'EUR' WHERE id = ?", &TG_DBVAL_ID(euro), 1);
    contains(ask(engine, loop, euro, call_event("c1", NULL, "+12125550100", "61")), "\"failed\":1");
    is_str(balance_of(euro), "0");
    contains(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'c1'"), "another currency");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_companys_pricing_parameters_reach_the_rule)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const struct tg_id precise = add_company("precise", world.platform, true);
    db_int("UPDATE companies SET pricing = '{\"charge_decimals\":2,\"rounding\":\"up\"}' WHERE id = ?",
           &TG_DBVAL_ID(precise), 1);
    contains(ask(engine, loop, precise, call_event("q1", NULL, "+442079460000", "1")), "\"rated\":1");
    is_str(balance_of(precise), "-0.01");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_meter_with_a_price_of_its_own_is_rated_without_a_deck)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const struct tg_id tokens = add_company("tokens", world.platform, false);
    db_int("UPDATE companies SET pricing = '{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"0.15\","
           "\"per\":1000000},\"tts\":{\"model\":\"percentage\",\"rate\":\"120\",\"of\":\"cost\"}}}' WHERE id = ?",
           &TG_DBVAL_ID(tokens), 1);
    contains(ask(engine, loop, tokens,
                 "[{\"event_id\":\"m1\",\"source\":\"llm\",\"meter\":\"llm.tokens.in\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"12480\",\"properties\":{\"share\":0.5,\"model\":\"m\"}},"
                 "{\"event_id\":\"m2\",\"source\":\"llm\",\"meter\":\"tts\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"1245\",\"provider_cost\":{\"amount\":\"0.01\","
                 "\"currency\":\"USD\"}},"
                 "{\"event_id\":\"m3\",\"source\":\"llm\",\"meter\":\"llm.tokens.out\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"1\"}]"),
             "\"rated\":2,\"not_billable\":0,\"no_rate\":0,\"blocked\":0,\"unrated\":1");
    is_str(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'm1'"),
           "{\"lines\":[{\"kind\":\"unit\",\"amount\":\"0.001872\",\"quantity\":\"12480\",\"meter\":\"llm.tokens.in\","
           "\"per\":1000000,\"unit_amount\":\"0.15\"}]}");
    is_str(balance_of(tokens), "-0.013872");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_price_pack_reads_the_properties_of_a_call)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const struct tg_id packed = add_company("packed", world.platform, true);
    db_int("UPDATE companies SET pricing = '{\"pack\":\"retell\",\"pack_options\":{\"per_minute\":{\"voice\":"
           "\"0.07\"}}}' WHERE id = ?",
           &TG_DBVAL_ID(packed), 1);
    contains(ask(engine, loop, packed,
                 "{\"event_id\":\"pack1\",\"source\":\"pbx\",\"meter\":\"call.seconds\",\"event_time\":"
                 "\"2026-07-15T10:00:00Z\",\"quantity\":\"60\",\"properties\":{\"to\":\"+12125550100\","
                 "\"prompt_tokens\":4200}}"),
             "\"rated\":1");
    is_int(DB_INT("SELECT billed_s FROM usage_events WHERE event_id = 'pack1'"), 72);
    is_str(balance_of(packed), "-0.084");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_key_gives_every_repeat_the_first_answer_and_refuses_another_request)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[2000], first[3000];
    snprintf(body, sizeof(body), "[%s,{\"event_id\":\"k2\"}]", call_event("k1", NULL, "+12125550100", "61"));
    snprintf(first, sizeof(first), "%s", ask_keyed(engine, loop, world.agency, "key-1", body));
    contains(first,
             "{\"accepted\":1,\"duplicates\":0,\"rejected\":[{\"index\":1,\"event_id\":\"k2\",\"reason\":\"invalid\"");
    is_str(ask_keyed(engine, loop, world.agency, "key-1", body), first);
    contains(ask_keyed(engine, loop, world.agency, "key-1", call_event("k3", NULL, "+12125550100", "61")),
             "conflict: this Idempotency-Key was used");
    contains(ask_keyed(engine, loop, world.agency, "KEY-1", body), "{\"accepted\":0,\"duplicates\":1");
    contains(ask_keyed(engine, loop, world.other, "key-1", call_event("k4", NULL, "+12125550100", "61")),
             "{\"accepted\":1");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id IN ('k1', 'k3')"), 1);
    is_int(DB_INT("SELECT COUNT(*) FROM ledger_entries e JOIN operations o ON o.id = e.operation_id"
                  " WHERE o.idempotency_key = 'key-1'"),
           2);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(the_same_key_twice_at_once_is_one_operation)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request r[6];
    const char *body = call_event("s1", NULL, "+12125550100", "61");
    for (int i = 0; i < 6; i++)
        ok(request_submit(&r[i], engine, loop, world.agency, "key-s", body), "taken");
    int n_replays = 0;
    for (int i = 0; i < 6; i++) {
        request_wait(&r[i], loop);
        contains(r[i].answer, "{\"accepted\":1,\"duplicates\":0,");
        n_replays += r[i].is_replay;
        request_end(&r[i]);
    }
    is_int(n_replays, 5);
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id = 's1'"), 1);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_company_whose_wallet_is_locked_waits_alone)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request locked, late, free_one;
    struct tg_sqlconn *other = tg_sqlconn_new(&world.url);
    struct tg_err err = {0};
    struct tg_dbresult *res;
    ok(tg_sqlconn_begin(other, &err) == 0, "%s", err.text);
    ok(tg_sqlconn_query(other, "SELECT id FROM wallets WHERE company_id = ? FOR UPDATE", &TG_DBVAL_ID(world.client), 1,
                        &res, &err) == 0,
       "%s", err.text);
    tg_dbresult_free(&res);
    request_submit(&locked, engine, loop, world.client, NULL, call_event("l1", NULL, "+12125550100", "61"));
    late = (struct request){0};
    late.op.deadline_mono_us = tg_clock_mono_us() + 300000;
    request_submit_until(&late, engine, loop, world.client, NULL, call_event("l2", NULL, "+12125550100", "61"));
    request_submit(&free_one, engine, loop, world.other, NULL, call_event("l3", NULL, "+12125550100", "61"));
    request_wait(&free_one, loop);
    contains(free_one.answer, "{\"accepted\":1");
    request_wait(&late, loop);
    is_int(late.err.code, TG_ERR_BUSY);
    contains(late.err.text, "a wallet was in use");
    ok(!locked.is_done, "the locked one still waits");
    tg_sqlconn_rollback(other);
    request_wait(&locked, loop);
    contains(locked.answer, "{\"accepted\":1");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id IN ('l1', 'l2', 'l3')"), 2);
    ok(tg_engine_stats_get(engine).deferred > 0, "it was deferred");
    request_end(&locked);
    request_end(&late);
    request_end(&free_one);
    tg_sqlconn_free(&other);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_full_queue_answers_busy_at_once_and_an_engine_that_ends_answers_what_it_has)
{
    struct tg_engine *engine = engine_begin_with(&(struct tg_engine_settings){.queue_rows_max = 3});
    struct tg_loop *loop = tg_loop_new();
    struct request r[4], large;
    struct tg_sqlconn *other = tg_sqlconn_new(&world.url);
    struct tg_err err = {0};
    struct tg_dbresult *res;
    ok(tg_sqlconn_begin(other, &err) == 0, "%s", err.text);
    ok(tg_sqlconn_query(other, "SELECT id FROM wallets FOR UPDATE", NULL, 0, &res, &err) == 0, "%s", err.text);
    tg_dbresult_free(&res);
    for (int i = 0; i < 4; i++) {
        char id[8];
        snprintf(id, sizeof(id), "f%d", i);
        is_int(request_submit(&r[i], engine, loop, world.client, NULL, call_event(id, NULL, "+12125550100", "1")),
               i < 3);
    }
    is_int(r[3].err.code, TG_ERR_BUSY);
    is_int(tg_engine_stats_get(engine).queued_rows, 3);
    tg_sqlconn_rollback(other);
    tg_engine_free(&engine);
    for (int i = 0; i < 3; i++) {
        request_wait(&r[i], loop);
        contains(r[i].answer, "{\"accepted\":1");
    }
    /* One request that is larger than the queue is taken when nothing else waits. */
    engine = engine_begin_with(&(struct tg_engine_settings){.queue_rows_max = 1});
    char body[2000];
    snprintf(body, sizeof(body), "[%s,%s]", call_event("f5", NULL, "+12125550100", "1"),
             call_event("f6", NULL, "+12125550100", "1"));
    ok(request_submit(&large, engine, loop, world.client, NULL, body), "taken");
    request_wait(&large, loop);
    contains(large.answer, "{\"accepted\":2");
    request_end(&large);
    for (int i = 0; i < 4; i++)
        request_end(&r[i]);
    tg_sqlconn_free(&other);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* A lua directory of one rule, in a temporary place. */
static struct tg_luasource *source_with(const char *decide)
{
    char dir[80], path[120], command[120];
    struct tg_luasource *src = NULL;
    struct tg_err err = {0};
    snprintf(dir, sizeof(dir), "%s/rule-XXXXXX", services.dir);
    if (mkdtemp(dir) == NULL)
        return NULL;
    snprintf(path, sizeof(path), "%s/pricing", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/pricing/rules.lua", dir);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "return {hook = \"pricing.rate_usage\", api = 1, needs = {\"decimal\"}, decide = function(input, "
            "cap)\n%s\nend}\n",
            decide);
    fclose(file);
    ok(tg_luasource_read(dir, &src, &err) == 0, "%s", err.text);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ok(system(command) == 0, "removed");
    return src;
}

static void check_rule(struct tg_engine *engine, struct tg_loop *loop, const char *decide, const char *id,
                       const char *answer, const char *rating)
{
    struct tg_luasource *src = source_with(decide);
    struct tg_err err = {0};
    ok(rules_set(src, 1, &err) == 0, "%s", err.text);
    contains(ask(engine, loop, world.agency, call_event(id, NULL, "+12125550100", "1")), answer);
    const struct tg_dbval value = TG_DBVAL_STR(id);
    contains(db_text("SELECT rating FROM usage_events WHERE event_id = ?", &value, 1), rating);
    tg_luasource_unref(&src);
}

static void add_failures(const struct tg_ruleseat_view *view, void *arg)
{
    for (size_t i = 0; i < view->n_hooks; i++)
        if (strcmp(view->hooks[i].hook, "pricing.rate_usage") == 0)
            *(int64_t *)arg += (int64_t)view->hooks[i].failures;
}

TEST(swapped_rules_price_the_next_batch_and_a_rule_that_fails_parks_the_event)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct tg_err err = {0};
    check_rule(engine, loop,
               "local d = cap.decimal.new('0.5') return {status = 'rated', billed_s = 1, total = d, lines = {{kind = "
               "'usage', amount = d}}}",
               "r1", "\"rated\":1", "\"amount\":\"0.5\"");
    check_rule(engine, loop, "error('no idea')", "r2", "\"failed\":1", "no idea");
    check_rule(engine, loop, "return {status = 'rated', billed_s = 1, total = cap.decimal.new('0.5'), lines = {}}",
               "r3", "\"failed\":1", "the total is not the sum of the lines");
    check_rule(engine, loop, "return {status = 'free'}", "r4", "\"failed\":1", "not a status");
    check_rule(engine, loop, "return 1", "r5", "\"failed\":1", "\"reason\"");
    check_rule(engine, loop, "while true do end", "r6", "\"failed\":1", "\"reason\"");
    contains(ask(engine, loop, world.agency, call_event("r7", NULL, "+12125550100", "1")), "\"failed\":1");
    char body[6000] = "";
    for (int i = 0; i < 12; i++) {
        char id[8];
        snprintf(id, sizeof(id), "loop%d", i);
        strcat(strcat(body, call_event(id, NULL, "+12125550100", "1")), "\n");
    }
    const uint64_t started_us = tg_clock_mono_us();
    contains(ask(engine, loop, world.agency, body), "\"failed\":12");
    ok(tg_clock_mono_us() - started_us < 1000000, "a batch does not wait for each of them");
    contains(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'loop11'"), "does not keep its limits");
    int64_t failures = 0;
    tg_rulebook_each(world.book, add_failures, &failures);
    is_int(failures, 18); /* also those of which the rule was not asked any more */
    struct tg_luasource *broken = source_with("this is no Lua");
    is_int(rules_set(broken, 1, &err), -1);
    contains(err.text, "pricing/rules.lua:2");
    tg_luasource_unref(&broken);
    is_int(DB_INT("SELECT COUNT(DISTINCT rule_bundle) FROM usage_events WHERE event_id LIKE 'r_'"), 6);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(rules_that_the_database_has_not_confirmed_price_nothing)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct tg_luasource *src = source_with("return {status = 'not_billable', lines = {}}");
    struct tg_err err = {0};
    const char *event = call_event("unconfirmed", NULL, "+12125550100", "1");
    ok(rules_set_as(src, 1, false, &err) == 0, "%s", err.text);
    contains(ask(engine, loop, world.agency, event), "upstream: ");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id = 'unconfirmed'"), 0);
    ok(rules_set(src, 1, &err) == 0, "%s", err.text);
    contains(ask(engine, loop, world.agency, event), "\"not_billable\":1");
    tg_luasource_unref(&src);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_company_whose_usage_meets_the_limits_of_rules_costs_the_others_nothing)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct tg_luasource *src = source_with("if input.event.to == '+1666' then while true do end end local d = "
                                           "cap.decimal.new('0.5') return {status = 'rated', billed_s = 1, total = d, "
                                           "lines = {{kind = 'usage', amount = d}}}");
    struct tg_err err = {0};
    char body[20000] = "";
    ok(rules_set(src, 1, &err) == 0, "%s", err.text);
    for (int i = 0; i < 30; i++) {
        char id[12];
        snprintf(id, sizeof(id), "spoil%d", i);
        const bool spoils = i % 2 == 0;
        strcat(strcat(body, call_event(id, spoils ? &world.client : &world.other, spoils ? "+1666" : "+1777", "1")),
               "\n");
    }
    contains(ask(engine, loop, world.platform, body),
             "{\"accepted\":30,\"duplicates\":0,\"rejected\":[],\"outcomes\":{\"rated\":15,");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id LIKE 'spoil%' AND status = 'failed'"), 15);
    is_int(DB_INT("SELECT COUNT(DISTINCT rule_bundle) FROM usage_events WHERE event_id LIKE 'spoil%'"), 1);
    tg_luasource_unref(&src);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(a_rating_keeps_how_it_was_rounded)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    ask(engine, loop, world.other, call_event("plain", NULL, "+12125550100", "61"));
    DB_INT("UPDATE companies SET pricing = '{\"rounding\":\"up\",\"charge_decimals\":2}' WHERE name = 'other'");
    ask(engine, loop, world.other, call_event("rounded", NULL, "+12125550100", "61"));
    DB_INT("UPDATE companies SET pricing = NULL WHERE name = 'other'");
    contains(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'rounded'"),
             "\"amount\":\"0.03\"}],\"plan\":{\"charge_decimals\":2,\"rounding\":\"up\"}}");
    ok(strstr(DB_TEXT("SELECT rating FROM usage_events WHERE event_id = 'plain'"), "plan") == NULL, "the standard");
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

static double metric(const char *name)
{
    struct tg_strbuf text;
    char line[80];
    tg_strbuf_init(&text, 1u << 20);
    tg_metrics_render(&text);
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text.bytes, line);
    const double value = at == NULL ? -1 : atof(at + strlen(line));
    tg_strbuf_deinit(&text);
    return value;
}

TEST(what_the_engine_does_is_in_the_metrics)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    const double before = metric("tollgate_engine_events_total");
    ask(engine, loop, world.client, call_event("metric-1", NULL, "+12125550100", "61"));
    ask(engine, loop, world.client, call_event("metric-2", NULL, "+12125550100", "61"));
    const uint64_t until_us = tg_clock_mono_us() + 5000000;
    while (metric("tollgate_engine_events_total") < before + 2 && tg_clock_mono_us() < until_us)
        tg_loop_run_once(loop, 5);
    is_int((int64_t)(metric("tollgate_engine_events_total") - before), 2);
    ok(metric("tollgate_engine_transactions_total") >= 2, "counted");
    is_int((int64_t)metric("tollgate_engine_queued_rows"), 0);
    is_int((int64_t)metric("tollgate_engine_database_away"), 0);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(ten_thousand_events_go_in_one_transaction_and_again_as_duplicates)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct tg_strbuf body;
    tg_strbuf_init(&body, TG_USAGE_BODY_MAX);
    for (int i = 0; i < TG_USAGE_EVENTS_MAX; i++) {
        char id[20];
        snprintf(id, sizeof(id), "big%d", i);
        tg_strbuf_append_str(&body, call_event(id, i % 2 == 0 ? &world.client : &world.other, "+12125550100", "61"));
        tg_strbuf_append_char(&body, '\n');
    }
    const char *before = balance_of(world.client);
    (void)before;
    for (int turn = 0; turn < 2; turn++) {
        const uint64_t started_us = tg_clock_mono_us();
        const char *answer = ask(engine, loop, world.platform, body.bytes);
        const uint64_t usecs = tg_clock_mono_us() - started_us;
        contains(answer, turn == 0 ? "{\"accepted\":10000,\"duplicates\":0," : "{\"accepted\":0,\"duplicates\":10000,");
        printf("# %" PRIu64 " events/s, parsed, rated and durable\n", UINT64_C(10000000000) / usecs);
    }
    is_int(tg_engine_stats_get(engine).queued_rows, 0);
    tg_strbuf_deinit(&body);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TAP_MAIN()

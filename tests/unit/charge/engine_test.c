/* engine_test - usage becomes money once: the ledger engine against a real MariaDB. */
#include "../../../src/charge/engine.c"

#include "fixture.h"

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
    is_int(tg_engine_stats_get(engine).queued_events, 0);
    tg_strbuf_deinit(&body);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TAP_MAIN()

/* door_test - tg.usage and tg.decks as application code meets them: a VM, its loop, workers, the engine, MariaDB. */
#include "../../../src/charge/door_decks.c"
#include "../../../src/charge/door_usage.c"

#include "base/fault.h"
#include "fixture.h"
#include "rt/vm_fixture.h"

static struct tg_engine *engine;
static struct tg_vm *vm;

static void begin(void)
{
    engine = engine_begin();
    const struct tg_vm_lib libs[] = {{"usage", tg_charge_open_usage, engine},
                                     {"decks", tg_charge_open_decks, engine},
                                     {NULL, NULL, NULL}};
    fixture.services.work = tg_work_new(2, 100);
    vm = fixture_vm(libs);
}

static void end(void)
{
    fixture_free(&vm);
    tg_work_free(&fixture.services.work);
    tg_engine_free(&engine);
}

/* Runs code as a coroutine of the company. */
static const char *run_as(struct tg_id company, const char *code)
{
    static struct outcome o;
    struct tg_principal *principal = tg_principal_new();
    principal->company = company;
    const struct tg_co_context ctx = {.principal = principal};
    start_with(vm, &ctx, code, &o);
    turn_until(&o.ended);
    ok(o.ended, "ended");
    tg_principal_unref(&principal);
    return o.text;
}

static const char show[] =
    "local function show(a, err) if not a then return 'nil', err.code, err.status, err.type, err.detail end"
    " return a.accepted, a.duplicates, #a.rejected, a.outcomes.rated, a.rejected[1] and a.rejected[1].pointer end ";

static const char *ingest(const char *options, const char *body)
{
    static char code[8000];
    snprintf(code, sizeof(code), "%s return show(tg.usage.ingest([==[%s]==]%s))", show, body, options);
    return run_as(world.agency, code);
}

TEST(a_body_goes_in_and_the_counts_come_out)
{
    begin();
    char body[2000];
    snprintf(body, sizeof(body), "[%s,{\"event_id\":\"x\"}]", call_event("door-1", NULL, "+12125550100", "61"));
    is_str(ingest("", body), "1 0 1 1 /source");
    is_str(ingest(", nil", body), "0 1 1 0 /source");
    is_str(ingest("", "[]"), "0 0 0 0 nil");
    end();
}

TEST(a_large_body_is_parsed_by_a_worker_and_gives_the_same)
{
    begin();
    const char *answer =
        run_as(world.agency,
               "local lines = {} for i = 1, 300 do lines[i] = '{\"event_id\":\"w' .. i .. '\",\"source\":\"s\",'"
               " .. '\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":1}' end"
               " local a = tg.usage.ingest(table.concat(lines, '\\n')) return a.accepted, a.outcomes.unrated");
    is_str(answer, "300 300");
    contains(run_as(world.agency, "local a, err = tg.usage.ingest(('x'):rep(5000)) return a, err.code, err.detail"),
             "nil input the body is not valid JSON");
    end();
}

TEST(a_key_is_kept_and_a_reused_one_is_422)
{
    begin();
    const char *options = ", {idempotency_key = 'k-1'}";
    is_str(ingest(options, call_event("door-2", NULL, "+12125550100", "61")), "1 0 0 1 nil");
    is_str(ingest(options, call_event("door-2", NULL, "+12125550100", "61")), "1 0 0 1 nil");
    contains(ingest(options, call_event("door-3", NULL, "+12125550100", "61")),
             "nil conflict 422 idempotency_key_reused");
    contains(ingest(", {idempotency_key = ''}", "[]"), "nil input nil nil an Idempotency-Key has 1 to 255");
    contains(ingest(", {idempotency_key = ('x'):rep(256)}", "[]"), "nil input");
    contains(ingest(", {idempotency_key = 'k\\n'}", "[]"), "nil input");
    contains(ingest(", {idempotency_key = 'k 1'}", "[]"), "nil input");
    end();
}

TEST(what_is_no_body_or_has_no_asker_is_told)
{
    begin();
    contains(ingest("", "{\"a\":"), "nil input 400 malformed_json the body is not valid JSON");
    static struct outcome o;
    fixture.expect_errors = true;
    run_lua(vm, "return tg.usage.ingest('[]')", &o);
    contains(o.text, "nobody is asking");
    run_lua(vm, "return tg.usage.ingest({})", &o);
    is_int(o.code, TG_ERR_BUG);
    fixture.expect_errors = false;
    end();
}

TEST(a_generation_that_closes_while_the_engine_works_costs_nothing_but_the_answer)
{
    begin();
    static struct outcome o;
    struct tg_principal *principal = tg_principal_new();
    struct tg_err err;
    principal->company = world.agency;
    const struct tg_co_context ctx = {.principal = principal};
    char code[2000];
    snprintf(code, sizeof(code), "return tg.usage.ingest([==[%s]==])",
             call_event("door-gone", NULL, "+12125550100", "61"));
    ok(tg_fault_arm("charge_before_commit=sleep-300:1x1", &err) == 0, "armed");
    start_with(vm, &ctx, code, &o);
    for (int i = 0; i < 5; i++)
        tg_loop_run_once(fixture.loop, 10);
    bool is_closed = false;
    fixture.expect_errors = true;
    tg_vm_retire(&vm, 1, on_closed, &is_closed);
    turn_until(&is_closed);
    ok(is_closed, "closed");
    while (tg_engine_stats_get(engine).queued_rows > 0)
        tg_loop_run_once(fixture.loop, 10);
    tg_loop_run_once(fixture.loop, 10); /* the answer comes to nobody */
    tg_fault_disarm_all();
    fixture.expect_errors = false;
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE event_id = 'door-gone'"), 1);
    tg_principal_unref(&principal);
    tg_work_free(&fixture.services.work);
    tg_engine_free(&engine);
    tg_loop_run_once(fixture.loop, 10);
}

TEST(a_deck_file_becomes_rows_a_piece_at_a_time)
{
    begin();
    const char *answer = run_as(
        world.platform,
        "local p, err = "
        "tg.decks.parse('prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to\\n'"
        " .. '1,USA,0.0120,0.01,60,60,2026-01-01T00:00:00Z,\\n44,UK,0.03,0,1,1,,\\n4x,bad,1,0,1,1,,\\n')"
        " if not p then return err.code, err.detail end"
        " local rows, rest = tg.decks.rows(p.parsed, 1, 1), tg.decks.rows(p.parsed, 2, 10)"
        " local first = p.first_rejected[1]"
        " return p.rows, p.priced, p.blocked, p.rejected, #p.sha256, first.row, first.prefix_text, first.reason, "
        "#rows, #rest,"
        " rows[1].prefix, rows[1].name, tostring(rows[1].per_minute), tostring(rows[1].connect_fee), rows[1].initial_s,"
        " rows[1].valid_from, rows[1].valid_to, rows[1].row_no, rest[1].prefix, rest[1].row_no, "
        "#tg.decks.rows(p.parsed, 3, 10)");
    is_str(answer, "3 2 0 1 32 4 4x bad_prefix 1 1 1 USA 0.012 0.01 60 1767225600000000 nil 1 44 2 0");
    contains(run_as(world.platform, "local p, err = tg.decks.parse('hello') return p, err.code"), "nil input");
    end();
}

TEST(a_number_finds_the_row_of_a_version_loaded_on_demand)
{
    begin();
    char deck[TG_ID_TEXT_SIZE], code[600];
    tg_id_format(world.deck, "deck", deck);
    for (int i = 0; i < 2; i++) { /* loaded by a worker, then found in memory */
        snprintf(code, sizeof(code),
                 "local r, err = tg.decks.lookup('%s', 1, '442079460000', 1784109600000000)"
                 " return r and r.prefix, r and tostring(r.per_minute), r and r.row_no, tg.decks.lookup('%s', 1, "
                 "'33123', 0)",
                 deck, deck);
        is_str(run_as(world.platform, code), "44 0.03 2 nil");
    }
    snprintf(code, sizeof(code), "local r, err = tg.decks.lookup('%s', 7, '44', 0) return r, err.code", deck);
    is_str(run_as(world.platform, code), "nil not_found");
    end();
}

TAP_MAIN()

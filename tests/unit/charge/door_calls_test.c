/* door_calls_test - tg.calls as application code meets it: a VM, its loop, the engine, MariaDB. */
#include "../../../src/charge/door_calls.c"

#include "calls_fixture.h"
#include "rt/vm_fixture.h"

static struct tg_vm *vm;

static void door_begin(void)
{
    begin();
    const struct tg_vm_lib libs[] = {{"calls", tg_charge_open_calls, engine}, {NULL, NULL, NULL}};
    vm = fixture_vm(libs);
    fund(world.other, "1");
}

static void door_end(void)
{
    fixture_free(&vm);
    end();
}

/* Runs code as a coroutine of world.other. */
static const char *run(const char *code)
{
    static struct outcome o;
    static char text[4000];
    struct tg_principal *principal = tg_principal_new();
    principal->company = world.other;
    const struct tg_co_context ctx = {.principal = principal};
    snprintf(text, sizeof(text),
             "local function show(a, err) if not a then return 'nil', err.code, err.pointer, err.type, err.detail end"
             " return a, err end %s",
             code);
    start_with(vm, &ctx, text, &o);
    turn_until(&o.ended);
    ok(o.ended, "ended");
    tg_principal_unref(&principal);
    return o.text;
}

TEST(a_call_from_lua_to_the_wallet_and_back_as_bytes)
{
    door_begin();
    const char *authorize = "return show(tg.calls.authorize{call_id = 'd-1', from = '+12125550100', to = "
                            "'+442079460000', agent_id = 'a-7', meters = {'call.seconds'}, properties = "
                            "'{\"b\":1,\"a\":2}', request_seconds = 30})";
    contains(run(authorize), "{\"decision\":\"allow\",\"call_id\":\"d-1\",\"hold\":{\"amount\":\"0.015\"");
    contains(run(authorize), "} true");
    is_str(DB_TEXT("SELECT request FROM calls WHERE call_id = 'd-1'"),
           "{\"agent_id\":\"a-7\",\"from\":\"+12125550100\",\"meters\":[\"call.seconds\"],\"properties\":{\"a\":2,"
           "\"b\":1},\"to\":\"+442079460000\"}");
    contains(run("return show(tg.calls.authorize{call_id = 'd-1', to = '+442079460000'})"),
             "nil conflict nil call_exists ");
    contains(run("return show(tg.calls.renew{call_id = 'd-1', seq = 1, elapsed_seconds = 20})"), "\"continue\"");
    contains(run("return show(tg.calls.settle{call_id = 'd-1', answered_at = 1784109600000000, duration_ms = 61000,"
                 " status = 'answered', usage = {{meter = 'llm', quantity = '5', provider_cost = {amount = '0.1', "
                 "currency = 'USD'}}}, properties = '{}'})"),
             "\"charge\":{\"amount\":\"0.0305\"");
    contains(run("return show(tg.calls.renew{call_id = 'other', seq = 1, elapsed_seconds = 20})"), "nil not_found nil");
    door_end();
}

TEST(what_cannot_be_meant_is_refused_with_its_place)
{
    static const char *const cases[][2] = {
        {"authorize{to = '+1'}", "input /call_id nil call_id is missing"},
        {"authorize{call_id = ('x'):rep(201), to = '+1'}", "input /call_id nil call_id is too long"},
        {"authorize{call_id = ('x'):rep(801), to = '+1'}", "input /call_id nil call_id is empty or too long"},
        {"authorize{call_id = 'x\\xff', to = '+1'}", "input /call_id nil call_id is too long, or no text"},
        {"authorize{call_id = 'x\\0', to = '+1'}", "input /call_id nil call_id is empty"},
        {"authorize{call_id = 'x'}", "input /to nil to is missing"},
        {"authorize{call_id = 'x', to = 5}", "input /to nil to must be a text"},
        {"authorize{call_id = 'x', to = '+1', company = 'co_x'}", "input /company nil"},
        {"authorize{call_id = 'x', to = '+1', meters = {1}}", "input /meters nil"},
        {"authorize{call_id = 'x', to = '+1', properties = '[]'}", "input /properties nil properties must be"},
        {"authorize{call_id = 'x', to = '+1', request_seconds = 0}", "input /request_seconds nil"},
        {"renew{call_id = 'x', elapsed_seconds = 1}", "input /seq nil seq is missing"},
        {"renew{call_id = 'x', seq = 1}", "input /elapsed_seconds nil"},
        {"renew{call_id = 'x', seq = 1, elapsed_seconds = -1}", "input /elapsed_seconds nil"},
        {"settle{call_id = 'x', duration_ms = 1}", "input /status nil status is missing"},
        {"settle{call_id = 'x', duration_ms = 1.5, status = 'answered'}", "input /duration_ms nil"},
        {"settle{call_id = 'x', duration_ms = 1, status = 'answered', usage = {{meter = 'call.seconds', quantity = "
         "1}}}",
         "input /usage/0/meter nil"},
        {"settle{call_id = 'x', duration_ms = 1, status = 'a', usage = {{meter = 'm', quantity = 1}, {meter = 'm', "
         "quantity = 1}}}",
         "input /usage/1/meter nil usage/1/meter is there twice"},
        {"settle{call_id = 'x', duration_ms = 1, status = 'a', usage = {{meter = 'm', quantity = '-1'}}}",
         "input /usage/0/quantity nil"},
        {"settle{call_id = 'x', duration_ms = 1, status = 'a', usage = {{meter = 'm', quantity = 1, provider_cost = "
         "{amount = '1'}}}}",
         "input /usage/0/provider_cost nil"},
    };
    door_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char code[400];
        snprintf(code, sizeof(code), "return show(tg.calls.%s)", cases[i][0]);
        contains(run(code), cases[i][1]);
    }
    is_int(DB_INT("SELECT COUNT(*) FROM calls"), 0);
    door_end();
}

TEST(two_hundred_characters_are_as_many_in_every_script)
{
    door_begin();
    contains(run("return show(tg.calls.authorize{call_id = ('\\u{1F4DE}'):rep(200), to = '+442079460000',"
                 " agent_id = ('\\u{e9}'):rep(200)})"),
             "\"allow\"");
    contains(run("return show(tg.calls.authorize{call_id = ('\\u{1F4DE}'):rep(201), to = '+442079460000'})"),
             "input /call_id");
    contains(run("return show(tg.calls.settle{call_id = ('\\u{1F4DE}'):rep(200), duration_ms = 1000, status = "
                 "'answered'})"),
             "\"charge\"");
    is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE CHAR_LENGTH(call_id) = 200"), 1);
    door_end();
}

TEST(a_list_of_calls_expires_those_that_are_due)
{
    char company[TG_ID_TEXT_SIZE], code[600];
    door_begin();
    tg_id_format(world.other, "co", company);
    for (int i = 0; i < 3; i++) {
        snprintf(code, sizeof(code), "return show(tg.calls.authorize{call_id = 'x-%d', to = '+442079460000'})", i);
        contains(run(code), "\"allow\"");
    }
    DB_INT("UPDATE calls SET expires_at = '2020-01-01' WHERE call_id != 'x-1'");
    snprintf(code, sizeof(code),
             "local list = {} for i = 0, 3 do list[i + 1] = {company = '%s', call_id = 'x-' .. i} end"
             " return tg.calls.expire(list)",
             company);
    is_str(run(code), "2");
    is_str(run(code), "0");
    is_str(run("return tg.calls.expire({})"), "0");
    is_str(run("local n, err = tg.calls.expire({{company = 'x', call_id = 'x-1'}}) return n, err.code"), "nil input");
    door_end();
}

TAP_MAIN()

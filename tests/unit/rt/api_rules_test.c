/* api_rules_test - tg.rules.call from an application VM: what is copied, what is refused, what a limit does. */
#include "../../../src/rt/api_rules.c"

#include "rt/vm_fixture.h"

#define RULES                                                                                                          \
    "return {"                                                                                                         \
    "{hook='a.echo', api=1, decide=function(input) return input end},"                                                 \
    "{hook='a.price', api=1, needs={'decimal','deck'}, decide=function(input, cap)\n"                                  \
    " local row = cap.deck.find(input.digits, 0)\n"                                                                    \
    " return {found = row ~= nil} end},"                                                                               \
    "{hook='a.loop', api=1, decide=function() while true do end end},"                                                 \
    "{hook='a.eat', api=1, decide=function() local t = {} for i = 1, 10000000 do t[i] = {i} end end},"                 \
    "{hook='a.raise', api=1, decide=function() error('no') end},"                                                      \
    "{hook='a.function', api=1, decide=function() return {deep = {1, function() end}} end},"                           \
    "{hook='a.float', api=1, decide=function() return {x = 1 / 2} end}}"

static struct tg_vm *vm_with_rules(void)
{
    return fixture_vm_of(fixture_source("a/rules.lua", RULES, NULL), NULL, NULL);
}

static const char *answer(struct tg_vm *vm, const char *code)
{
    static struct outcome o;
    char text[2000];
    snprintf(text, sizeof(text),
             "local function show(r, e) if r == nil then return e.code, e.detail end return tg.json.encode(r) end\n%s",
             code);
    run_lua(vm, text, &o);
    return o.text;
}

TEST(values_are_copied_there_and_back)
{
    struct tg_vm *vm = vm_with_rules();
    is_str(answer(vm, "return show(tg.rules.call('a.echo', {n = 1, list = {1, 'two', {3}}, yes = true, no = false}))"),
           "{\"list\":[1,\"two\",[3]],\"n\":1,\"no\":false,\"yes\":true}");
    is_str(answer(vm, "local r = tg.rules.call('a.echo', {d = tg.decimal.new('1.50')})\n"
                      "return tg.decimal.is_decimal(r.d), tostring(r.d)"),
           "true 1.5");
    is_str(answer(vm, "return (tg.rules.call('a.echo', 'a\\0b')) == 'a\\0b'"), "true");
    is_str(answer(vm, "local i = {k = {}} local r = tg.rules.call('a.echo', i) return r ~= i and r.k ~= i.k"), "true");
    is_str(answer(vm, "local _, report = tg.rules.call('a.echo', {})\n"
                      "return report.rule, #report.bundle, report.usecs >= 0, report.bundle == tg.rules.bundle()"),
           "a.echo 64 true true");
    fixture_free(&vm);
}

TEST(what_is_no_data_is_named_by_its_path)
{
    struct tg_vm *vm = vm_with_rules();
    static const struct {
        const char *value, *error;
    } cases[] = {
        {"{a = {1, 0.5}}", "input.a[2] is a float"},
        {"{f = print_it}", "input.f is a function"},
        {"{null = tg.json.null}", "input.null is no data"},
        {"{1, 2, x = 3}", "input has a key that is neither"},
        {"{[true] = 1}", "input has a key that is neither"},
        {"{[5] = 1}", "input has a key that is neither"},
        {"deep", "input.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t is too deep"},
        {"wide", "input[10000] is one value too many"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char code[600];
        tap_case("%s", cases[i].value);
        snprintf(code, sizeof(code),
                 "local function print_it() end local deep, wide = {}, {}\n"
                 "do local t = deep for _ = 1, 20 do t.t = {} t = t.t end for i = 1, 10000 do wide[i] = i end end\n"
                 "return show(tg.rules.call('a.echo', %s))",
                 cases[i].value);
        contains(answer(vm, code), cases[i].error);
    }
    contains(answer(vm, "return show(tg.rules.call('a.function', {}))"), "bug result.deep[2] is a function");
    contains(answer(vm, "return show(tg.rules.call('a.float', {}))"), "bug result.x is a float");
    contains(answer(vm, "return show(tg.rules.call('a.raise', {}))"), "bug a/rules.lua:");
    contains(answer(vm, "return show(tg.rules.call('a.nobody', {}))"), "not_found no rule for the hook a.nobody");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.echo')"), "value expected");
    is_str(answer(vm, "return show(tg.rules.call('a.echo', {1}))"), "[1]");
    fixture_free(&vm);
}

TEST(a_deck_is_seen_by_the_rule_that_gets_it)
{
    struct tg_vm *vm = vm_with_rules();
    struct tg_err err;
    struct tg_deck *deck = NULL;
    struct tg_deck_builder *builder = tg_deck_builder_new();
    const struct tg_deck_row row = {
        .prefix = "44", .initial_s = 1, .increment_s = 1, .from_us = INT64_MIN, .to_us = INT64_MAX};
    is_int(tg_deck_builder_add(builder, &row, &err), 0);
    is_int(tg_deck_build(&builder, &deck, &err), 0);
    lua_State *L = tg_vm_state(vm);
    tg_rules_push_deck(L, deck);
    ok(tg_rules_check_deck(L, -1) == deck, "the deck");
    lua_setfield(L, LUA_REGISTRYINDEX, "deck_of_the_test");
    lua_pushcfunction(L, l_call);
    lua_pop(L, 1);
    is_str(answer(vm, "return show(tg.rules.call('a.price', {digits = '447'}))"), "{\"found\":false}");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.price', {digits = '447'}, {})"), "tg.deck expected");
    lua_getglobal(L, "tg");
    lua_getfield(L, -1, "rules");
    lua_getfield(L, -1, "call");
    lua_pushliteral(L, "a.price");
    lua_newtable(L);
    lua_pushliteral(L, "447");
    lua_setfield(L, -2, "digits");
    lua_getfield(L, LUA_REGISTRYINDEX, "deck_of_the_test");
    lua_call(L, 3, 1);
    lua_getfield(L, -1, "found");
    ok(lua_toboolean(L, -1), "found with its deck");
    lua_settop(L, 0);
    fixture_free(&vm);
}

TEST(a_rule_that_meets_a_limit_is_busy_and_its_vm_is_replaced)
{
    static const char *const hooks[] = {"a.loop", "a.eat"};
    for (size_t i = 0; i < 2; i++) {
        struct outcome o;
        struct tg_vm *vm = vm_with_rules();
        char code[200];
        tap_case("%s", hooks[i]);
        snprintf(code, sizeof(code), "return show(tg.rules.call('%s', {}))", hooks[i]);
        contains(answer(vm, code), "busy ");
        is_str(answer(vm, "return show(tg.rules.call('a.echo', {1}))"), "[1]"); /* no workers: replaced at once */
        fixture.services.work = tg_work_new(1, 10);
        struct tg_vm *other = vm_with_rules();
        char whole[600];
        snprintf(whole, sizeof(whole),
                 "local _, first = tg.rules.call('%s', {}) local _, e = tg.rules.call('a.echo', {}) local n = 0\n"
                 "while tg.rules.bundle() == nil and n < 500 do tg.time.sleep(10) n = n + 1 end\n"
                 "return first.code, e.detail, tg.rules.call('a.echo', {1})[1]",
                 hooks[i]);
        run_lua(other, whole, &o);
        is_str(o.text, "busy the rules are being loaded again 1");
        contains(answer(other, code), "busy ");
        fixture_free(&other); /* its successor is being built: it is dropped when it comes */
        tg_work_free(&fixture.services.work);
        for (int turn = 0; turn < 20; turn++)
            tg_loop_run_once(fixture.loop, 5);
        fixture.services.work = NULL;
        fixture_free(&vm);
    }
}

TEST(a_broken_rule_refuses_the_release)
{
    struct tg_err err;
    struct tg_vm *vm = NULL;
    struct tg_luasource *src = fixture_source("app.lua", "return {}", "a/rules.lua", "return {\n\nhook = }", NULL);
    is_int(tg_vm_new(src, "app", NULL, &vm, &err), -1);
    is_str(err.text, "lua/a/rules.lua:3: unexpected symbol near '}'");
    tg_luasource_unref(&src);
}

TEST(a_script_has_no_rules)
{
    struct tg_vm *vm = fixture_script_vm(NULL);
    contains(answer(vm, "return show(tg.rules.call('a.echo', {}))"), "not_found a script has no rules");
    fixture_free(&vm);
}

TAP_MAIN()

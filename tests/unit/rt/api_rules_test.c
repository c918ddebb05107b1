/* api_rules_test - tg.rules.call from an application VM: what is copied, what is refused, what a limit does. */
#include "../../../src/rt/api_rules.c"

#include "rt/vm_fixture.h"

#define RULES                                                                                                          \
    "return {"                                                                                                         \
    "{hook='a.echo', api=1, decide=function(input) return input end},"                                                 \
    "{hook='a.price', api=1, needs={'decimal','deck'}, decide=function(input, cap)\n"                                  \
    " local row = cap.deck.find(input.digits, 0)\n"                                                                    \
    " return {found = row ~= nil} end},"                                                                               \
    "{hook='a.flag', api=1, needs={'flags'}, decide=function(input, cap)\n"                                            \
    " return {on = cap.flags.is_on('x'), n = cap.flags.get('n')} end},"                                                \
    "{hook='a.loop', api=1, decide=function() while true do end end},"                                                 \
    "{hook='a.eat', api=1, decide=function() local t = {} for i = 1, 10000000 do t[i] = {i} end end},"                 \
    "{hook='a.raise', api=1, decide=function() error('no') end},"                                                      \
    "{hook='a.function', api=1, decide=function() return {deep = {1, function() end}} end},"                           \
    "{hook='a.float', api=1, decide=function() return {x = 1 / 2} end}}"

static struct tg_rulebook *book;

static void set_rules(const char *rules, uint64_t revision)
{
    struct tg_rulestate state = {.host = fixture_source("a/rules.lua", rules, NULL), .revision = revision};
    struct tg_err err;
    if (tg_bundle_of_source(state.host, &state.bundle, &err) != 0 || tg_rulebook_set(book, &state, &err) != 0)
        ok(false, "%s", err.text);
    tg_bundle_unref(&state.bundle);
    tg_luasource_unref(&state.host);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
}

/* A VM on a thread whose seat has RULES. */
static struct tg_vm *vm_with_rules(void)
{
    book = tg_rulebook_new();
    fixture.services.rules = tg_ruleseat_new(book, "loop-0", fixture.loop, NULL, NULL);
    set_rules(RULES, 1);
    return fixture_vm(NULL);
}

static void free_all(struct tg_vm **vm)
{
    fixture_free(vm);
    tg_ruleseat_free(&fixture.services.rules);
    tg_loop_run_once(fixture.loop, 0);
    tg_rulebook_free(&book);
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
    free_all(&vm);
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
    free_all(&vm);
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
    contains(answer(vm, "return pcall(tg.rules.call, 'a.price', {digits = '447'}, 1)"), "tg.deck expected");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.price', {digits = '447'}, {deck = 1})"), "tg.deck expected");
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
    free_all(&vm);
}

TEST(flags_are_seen_by_the_rule_that_gets_them)
{
    struct tg_vm *vm = vm_with_rules();
    is_str(answer(vm, "return show(tg.rules.call('a.flag', {}, {flags = {x = true, n = 3}}))"),
           "{\"n\":3,\"on\":true}");
    is_str(answer(vm, "return show(tg.rules.call('a.flag', {}, {flags = {}}))"), "{\"on\":false}");
    is_str(answer(vm, "return show(tg.rules.call('a.flag', {}, {company = 'co_x', currency = 'USD'}))"),
           "{\"on\":false}");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.flag', {}, {flags = {1, 2}})"), "flags must have names");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.flag', {}, {flags = {x = 0.5}})"), "flags must have names");
    contains(answer(vm, "return pcall(tg.rules.call, 'a.flag', {}, {company = 1})"), "string expected");
    free_all(&vm);
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
        struct tg_vm *other = fixture_vm(NULL);
        char whole[600];
        snprintf(whole, sizeof(whole),
                 "local _, first = tg.rules.call('%s', {}) local _, e = tg.rules.call('a.echo', {}) local n = 0\n"
                 "while tg.rules.call('a.echo', {1}) == nil and n < 500 do tg.time.sleep(10) n = n + 1 end\n"
                 "return first.code, e.detail, tg.rules.call('a.echo', {1})[1]",
                 hooks[i]);
        run_lua(other, whole, &o);
        is_str(o.text, "busy the rules are being loaded again 1");
        contains(answer(other, code), "busy ");
        fixture_free(&other);
        fixture_free(&vm);
        struct tg_ruleset *spoilt = tg_ruleset_ref(tg_ruleseat_current(fixture.services.rules));
        tg_ruleseat_free(&fixture.services.rules); /* its successor is being built: it is dropped when it comes */
        tg_ruleset_unref(&spoilt);
        tg_work_free(&fixture.services.work);
        for (int turn = 0; turn < 20; turn++)
            tg_loop_run_once(fixture.loop, 5);
        fixture.services.work = NULL;
        tg_rulebook_free(&book);
    }
}

/* A rule that says `text`, and after a wait (between two calls) says it again. */
static void say(const char *text, uint64_t revision)
{
    char rules[200];
    snprintf(rules, sizeof(rules), "return {hook='a.say', api=1, decide=function() return '%s' end}", text);
    set_rules(rules, revision);
}

#define SAY_TWICE                                                                                                      \
    "local one, r1 = tg.rules.call('a.say', {}) tg.time.sleep(30) local two, r2 = tg.rules.call('a.say', {})\n"        \
    "return one, two, r1.bundle == r2.bundle, r1.bundle == tg.rules.bundle(), tg.rules.revision()"

TEST(a_coroutine_decides_with_one_bundle_whatever_is_activated_meanwhile)
{
    struct tg_vm *vm = vm_with_rules();
    struct outcome first, second;
    say("old", 2);
    start(vm, SAY_TWICE, &first);
    say("new", 3);
    start(vm, SAY_TWICE, &second);
    turn_until(&first.ended);
    turn_until(&second.ended);
    is_str(first.text, "old old true true 2");
    is_str(second.text, "new new true true 3");
    free_all(&vm);
}

TEST(a_candidate_sees_what_is_asked_and_answers_nobody)
{
    struct tg_vm *vm = vm_with_rules();
    struct tg_rulestate state = {.host = fixture_source("a/rules.lua", RULES, NULL),
                                 .revision = 1,
                                 .candidate_revision = 1,
                                 .share_ppm = 1000000};
    struct tg_luasource *other =
        fixture_source("a/rules.lua",
                       "return {hook = 'a.echo', api = 1, decide = function(input) input.n = 7 return input end}",
                       NULL);
    struct tg_err err;
    is_int(tg_bundle_of_source(state.host, &state.bundle, &err), 0);
    is_int(tg_bundle_of_source(other, &state.candidate, &err), 0);
    is_int(tg_rulebook_set(book, &state, &err), 0);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
    is_str(answer(vm, "return show(tg.rules.call('a.echo', {n = 1}))"), "{\"n\":1}");
    is_str(answer(vm, "return show(tg.rules.call('a.echo', {n = 7}))"), "{\"n\":7}");
    is_str(answer(vm, "return show(tg.rules.call('a.raise', {}))"), "bug a/rules.lua:4: no");
    struct tg_shadow_report *r = tg_shadow_report_new(tg_rulebook_shadow(book));
    if (ok(r != NULL && r->n_totals == 2 && r->n_samples == 1, "two hooks were looked at")) {
        is_int(r->totals[0].same, 1);
        is_int(r->totals[0].different, 1);
        is_str(r->samples[0].input, "{\"n\":1}");
        is_str(r->samples[0].candidate, "{\"n\":7}");
        is_str(r->totals[1].hook, "a.raise");
        is_int(r->totals[1].same, 1);
        tg_shadow_report_free(tg_rulebook_shadow(book), &r, true);
    }
    tg_bundle_unref(&state.bundle);
    tg_bundle_unref(&state.candidate);
    tg_luasource_unref(&state.host);
    tg_luasource_unref(&other);
    free_all(&vm);
}

TEST(who_waits_while_too_many_others_keep_theirs_is_told_that_his_rules_are_gone)
{
    struct tg_vm *vm = vm_with_rules();
    struct outcome all[TG_RULESETS_MAX + 1];
    for (int i = 0; i <= TG_RULESETS_MAX; i++) {
        say("mine", (uint64_t)i + 2);
        start(vm,
              "tg.rules.call('a.say', {}) tg.time.sleep(500) local r, e = tg.rules.call('a.say', {})\n"
              "return r, e.code, e.detail",
              &all[i]);
    }
    for (int i = 0; i <= TG_RULESETS_MAX; i++)
        turn_until(&all[i].ended);
    is_str(all[0].text, "nil busy the rules this began with have been replaced too often; begin again");
    is_str(all[1].text, "mine nil nil");
    is_str(all[TG_RULESETS_MAX].text, "mine nil nil");
    free_all(&vm);
}

static int load_for_test(const char *id, struct tg_bundle **bundle_r, void *arg, struct tg_err *err_r)
{
    struct tg_bundle *bundle = arg;
    if (strcmp(id, tg_bundle_id(bundle)) != 0)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "there is no bundle %s", id);
    *bundle_r = tg_bundle_ref(bundle);
    return 0;
}

TEST(another_bundle_is_loaded_beside_the_one_that_decides)
{
    struct tg_vm *vm = vm_with_rules();
    struct outcome o;
    say("old", 1);
    struct tg_rulestate *state = tg_rulebook_state(book);
    char code[1000];
    fixture.services.work = tg_work_new(1, 10);
    struct tg_vm *other = fixture_vm(NULL);
    tg_rulebook_set_keeper(book, &(struct tg_rulebook_keeper){NULL, load_for_test, state->bundle});
    say("new", 2);
    for (int again = 0; again < 2; again++) { /* the second time it is here */
        snprintf(code, sizeof(code),
                 "local old = '%s' local _, none = tg.rules.call('a.say', {}, {bundle = old})\n"
                 "local is, e = tg.rules.load(old) local said, report = tg.rules.call('a.say', {}, {bundle = old})\n"
                 "local own = tg.rules.call('a.say', {})\n"
                 "return none.code, is, e, said, report.bundle == old, own, tg.rules.load(tg.rules.bundle())",
                 tg_bundle_id(state->bundle));
        run_lua(other, code, &o);
        is_str(o.text, "not_found true nil old true new true");
    }
    run_lua(other, "local is, e = tg.rules.load(('0'):rep(64)) return is, e.code", &o);
    is_str(o.text, "nil not_found");
    contains(answer(other, "return pcall(tg.rules.load, 'short')"), "64 hexadecimal digits");
    tg_rulestate_unref(&state);
    fixture_free(&other);
    tg_work_free(&fixture.services.work);
    free_all(&vm);
}

TEST(a_script_has_no_rules)
{
    struct tg_vm *vm = fixture_script_vm(NULL);
    contains(answer(vm, "return show(tg.rules.call('a.echo', {}))"), "not_found a script has no rules");
    fixture_free(&vm);
}

TAP_MAIN()

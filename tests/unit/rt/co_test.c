/* co_test - coroutines: starting, waiting, failing, closing.
 * TG_TSAN: it crosses threads. */
#include "../../../src/rt/co.c"

#include <stdio.h>

#include "rt/vm_fixture.h"
#include "tap.h"

/* --- what the tests wait for -------------------------------------------------------------------------------------- */

static struct tg_await *held; /* by hold(): answered by the test */
static int n_pushed;

static int push_text(lua_State *L, void *arg)
{
    n_pushed++;
    lua_pushstring(L, arg);
    return 1;
}

static int push_boom(lua_State *L, void *arg)
{
    (void)arg;
    return luaL_error(L, "boom while pushing");
}

static void on_turn(void *arg)
{
    struct tg_await *aw = arg;
    tg_await_resume(&aw, push_text, "pong");
}

static void on_turn_fails(void *arg)
{
    struct tg_await *aw = arg;
    struct tg_err err = {.code = TG_ERR_UPSTREAM, .native = 7, .text = "it is away"};
    tg_await_resume_err(&aw, &err);
}

static void on_turn_booms(void *arg)
{
    struct tg_await *aw = arg;
    tg_await_resume(&aw, push_boom, NULL);
}

static int wait_for(lua_State *L, tg_loop_fn *fn)
{
    struct tg_await *aw = tg_await_new(L);
    tg_loop_defer(fixture.loop, fn, aw);
    return tg_await_yield(L, aw);
}

static int l_ping(lua_State *L)
{
    return wait_for(L, on_turn);
}

static int l_fail(lua_State *L)
{
    return wait_for(L, on_turn_fails);
}

static int l_boom(lua_State *L)
{
    return wait_for(L, on_turn_booms);
}

static int l_hold(lua_State *L)
{
    held = tg_await_new(L);
    return tg_await_yield(L, held);
}

static struct tg_vm *started_vm;
static struct outcome inner;

/* start(function): a coroutine started from inside Lua */
static int l_start(lua_State *L)
{
    (void)L;
    start(started_vm, "return 'inner'", &inner);
    lua_pushboolean(L, inner.ended);
    return 1;
}

static int open_test(lua_State *L)
{
    static const luaL_Reg library[] = {{"ping", l_ping}, {"fail", l_fail},   {"boom", l_boom},
                                       {"hold", l_hold}, {"start", l_start}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

static const struct tg_vm_lib libs[] = {{"test", open_test, NULL}, {NULL, NULL, NULL}};

/* --- tests -------------------------------------------------------------------------------------------------------- */

TEST(a_coroutine_that_never_waits_still_ends_after_its_start_has_returned)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    start(vm, "return 1, 'two'", &o);
    ok(!o.ended, "done waits for the loop");
    turn_until(&o.ended);
    is_str(o.text, "1 two");
    is_int(tg_vm_n_live(vm), 0);
    fixture_free(&vm);
}

TEST(a_run_is_over_when_it_returns_unless_it_waits)
{
    struct outcome o = {0}, waits = {0};
    struct tg_co_context ctx = {0};
    struct tg_vm *vm = fixture_vm(libs);
    tg_co_run(vm, &ctx, outcome_push, "return 1, 'two'", outcome_done, &o);
    ok(o.ended, "nothing is left for the loop");
    is_str(o.text, "1 two");
    tg_co_run(vm, &ctx, outcome_push, "return tg.test.ping()", outcome_done, &waits);
    ok(!waits.ended, "it waits");
    turn_until(&waits.ended);
    is_str(waits.text, "pong");
    is_int(tg_vm_n_live(vm), 0);
    fixture_free(&vm);
}

/* A table that is found only below the function, and code that counts it after a wait. */
static int push_with_anchor(lua_State *L, void *arg)
{
    lua_newtable(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &held);
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return outcome_push(L, arg);
}

TEST(what_is_pushed_before_the_function_stays_and_is_no_result)
{
    struct outcome o = {0};
    struct tg_co_context ctx = {0};
    struct tg_vm *vm = fixture_vm(libs);
    lua_State *L = tg_vm_state(vm);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &held);
    tg_co_run(vm, &ctx, push_with_anchor, "return tg.test.ping()", outcome_done, &o);
    lua_gc(L, LUA_GCCOLLECT);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &held);
    lua_pushnil(L);
    is_int(lua_next(L, -2), 1);
    lua_settop(L, 0);
    turn_until(&o.ended);
    is_str(o.text, "pong");
    fixture_free(&vm);
}

TEST(a_wait_gives_what_was_answered_and_locals_survive)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    run_lua(vm, "local a = 'kept' local b = tg.test.ping(1, 2, 3) return a, b, tg.test.ping()", &o);
    is_str(o.text, "kept pong pong");
    fixture_free(&vm);
}

TEST(a_failure_of_the_world_is_nil_and_an_error_table)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    run_lua(vm, "local v, err = tg.test.fail() return v, err.code, err.detail, err.native", &o);
    is_str(o.text, "nil upstream it is away 7");
    fixture_free(&vm);
}

TEST(an_error_while_the_answer_is_pushed_is_an_error_of_the_script)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    run_lua(vm, "local fine, why = pcall(tg.test.boom) return fine, (why:gsub('^.*: ', ''))", &o);
    is_str(o.text, "false boom while pushing");
    fixture_free(&vm);
}

TEST(an_error_ends_the_coroutine_and_says_where)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    fixture.expect_errors = true;
    run_lua(vm, "tg.test.ping()\nerror('no such thing')", &o);
    fixture.expect_errors = false;
    is_int(o.code, TG_ERR_BUG);
    is_str(o.text, "chunk:2: no such thing");
    run_lua(vm, "return 'the next one works'", &o);
    is_str(o.text, "the next one works");
    fixture_free(&vm);
}

TEST(a_table_as_error_keeps_its_detail_and_other_values_do_not_hurt)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    fixture.expect_errors = true;
    run_lua(vm, "error({detail = 'said so'})", &o);
    is_str(o.text, "said so");
    run_lua(vm, "error(setmetatable({}, {__tostring = function() error('again') end, __index = error}))", &o);
    is_str(o.text, "an error that is not a string");
    run_lua(vm, "error()", &o);
    is_str(o.text, "an error that is not a string");
    fixture.expect_errors = false;
    fixture_free(&vm);
}

TEST(waiting_where_C_is_on_the_stack_raises)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    static const char *const places[] = {
        "table.sort({1, 2, 3}, function() return tg.test.ping() end)",
        "string.gsub('a', '.', function() return tg.test.ping() end)",
        "local t <close> = setmetatable({}, {__close = function() table.sort({1, 2}, tg.test.ping) end})",
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        char code[400];
        snprintf(code, sizeof(code), "local fine, why = pcall(function() %s end) return fine, why", places[i]);
        run_lua(vm, code, &o);
        contains(o.text, "attempt to yield across a C-call boundary");
    }
    fixture_free(&vm);
}

TEST(waiting_inside_pcall_an_iterator_or_a_metamethod_of_Lua_works)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    run_lua(vm,
            "local fine, a = pcall(tg.test.ping)\n"
            "local b = setmetatable({}, {__index = function() return tg.test.ping() end}).x\n"
            "local c for v in function(_, last) if not last then return tg.test.ping() end end do c = v end\n"
            "return fine, a, b, c",
            &o);
    is_str(o.text, "true pong pong pong");
    fixture_free(&vm);
}

TEST(a_start_inside_Lua_of_the_same_VM_is_put_off)
{
    struct outcome o = {0};
    struct tg_vm *vm = started_vm = fixture_vm(libs);
    inner = (struct outcome){0};
    run_lua(vm, "return tg.test.start()", &o);
    is_str(o.text, "false");
    turn_until(&inner.ended);
    is_str(inner.text, "inner");
    fixture_free(&vm);
}

TEST(each_coroutine_has_its_own_context)
{
    struct outcome a = {0}, b = {0};
    struct tg_vm *vm = fixture_vm(libs);
    struct tg_principal *p = tg_principal_new();
    memcpy(p->actor_prefix, "key", 4);
    struct tg_co_context ctx = {.principal = p, .request_id = "req-a"};
    static const char code[] = "tg.test.ping() local c = tg.context() return c.request_id, c.company, c.actor";
    start_with(vm, &ctx, code, &a);
    start(vm, code, &b);
    is_int(p->refs, 2);
    turn_until(&a.ended);
    turn_until(&b.ended);
    is_str(a.text, "req-a co_00000000000000000000000000 key_00000000000000000000000000");
    is_str(b.text, " nil nil");
    is_int(p->refs, 1);
    tg_principal_unref(&p);
    fixture_free(&vm);
}

TEST(ended_coroutines_are_used_again_and_leak_nothing)
{
    struct outcome o = {0};
    struct tg_vm *vm = fixture_vm(libs);
    run_lua(vm, "return 1", &o);
    lua_State *first = o.L;
    run_lua(vm, "local x <close> = nil return 2", &o);
    ok(o.L == first, "the same Lua thread");
    lua_gc(tg_vm_state(vm), LUA_GCCOLLECT);
    size_t before = tg_vm_memory(vm);
    for (int i = 0; i < 2000; i++)
        run_lua(vm, "local t = {tg.test.ping()} return #t", &o);
    lua_gc(tg_vm_state(vm), LUA_GCCOLLECT);
    ok(tg_vm_memory(vm) <= before + 1024, "%zu bytes, before %zu", tg_vm_memory(vm), before);
    fixture_free(&vm);
}

TEST(a_retired_VM_closes_with_its_last_coroutine)
{
    struct outcome o = {0};
    bool closed = false;
    struct tg_vm *vm = fixture_vm(libs);
    start(vm, "return tg.test.hold()", &o);
    tg_vm_retire(&vm, 60000, on_closed, &closed);
    for (int i = 0; i < 3; i++)
        tg_loop_run_once(fixture.loop, 1);
    ok(!closed, "open while somebody waits");
    tg_await_resume(&held, push_text, "late");
    is_str(o.text, "late");
    turn_until(&closed);
    ok(closed, "closed");
}

TEST(an_idle_VM_closes_on_a_later_turn)
{
    bool closed = false;
    struct tg_vm *vm = fixture_vm(libs);
    tg_vm_retire(&vm, 60000, on_closed, &closed);
    ok(!closed && vm == NULL, "not before the call returned");
    turn_until(&closed);
    ok(closed, "closed");
}

TEST(who_waits_longer_than_the_drain_gets_an_error_and_the_late_answer_finds_nobody)
{
    struct outcome o = {0};
    bool closed = false;
    struct tg_vm *vm = fixture_vm(libs);
    fixture.expect_errors = true;
    start(vm, "pcall(tg.test.hold) pcall(tg.test.ping) return tg.test.hold()", &o);
    tg_vm_retire(&vm, 5, on_closed, &closed);
    turn_until(&closed);
    fixture.expect_errors = false;
    ok(o.ended && closed, "ended and closed");
    is_int(o.code, TG_ERR_BUG);
    contains(o.text, "generation closed");
    n_pushed = 0;
    tg_await_resume(&held, push_text, "nobody");
    is_int(n_pushed, 0);
    ok(held == NULL, "the await is taken");
}

TEST(outside_a_coroutine_waiting_runs_the_loop)
{
    struct tg_vm *vm = fixture_script_vm(libs);
    lua_State *L = tg_vm_state(vm);
    int status = luaL_dostring(L, "local a = tg.test.ping()\n"
                                  "local b = coroutine.wrap(function() return tg.test.ping() end)()\n"
                                  "local _, err = tg.test.fail()\n"
                                  "return a .. b .. err.code .. tostring(pcall(tg.test.boom))");
    is_int(status, LUA_OK);
    is_str(lua_tostring(L, -1), "pongpongupstreamfalse");
    lua_settop(L, 0);
    fixture_free(&vm);
}

TEST(nothing_waits_while_modules_load)
{
    struct tg_err err;
    struct tg_vm *vm = NULL;
    struct tg_luasource *src = fixture_source("app.lua", "tg.test.ping() return {}", NULL);
    is_int(tg_vm_new(src, "app", libs, &vm, &err), -1);
    is_str(err.text, "lua/app.lua:1: nothing can be waited for while modules load");
    tg_luasource_unref(&src);
}

TEST(locals_are_of_one_coroutine_and_go_with_it)
{
    struct tg_vm *vm = fixture_vm(libs);
    struct outcome first = {0}, second = {0};
    start(vm, "tg.locals().x = 'first' tg.test.ping() return tg.locals().x", &first);
    start(vm,
          "local had = tg.locals().x tg.locals().x = 'second' tg.test.ping() return tostring(had) .. "
          "tg.locals().x",
          &second);
    turn_until(&first.ended);
    turn_until(&second.ended);
    is_str(first.text, "first");
    is_str(second.text, "nilsecond");
    run_lua(vm, "return tostring(tg.locals().x)", &first); /* a coroutine that was used before */
    is_str(first.text, "nil");
    fixture_free(&vm);
}

TAP_MAIN()

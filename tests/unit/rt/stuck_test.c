/* stuck_test - Lua that never comes back is named, then ended, and what was only slow goes on. */
#include "../../../src/rt/stuck.c"

#include "rt/vm_fixture.h"
#include "tap.h"

static unsigned n_warned;
static char traceback[1000];

static void on_stuck_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    (void)level;
    (void)arg;
    if (strcmp(name, "rt_coroutine_stuck") != 0)
        return;
    n_warned++;
    for (; fields->key != NULL; fields++)
        if (strcmp(fields->key, "traceback") == 0)
            snprintf(traceback, sizeof(traceback), "%.*s", (int)fields->len, fields->str);
}

/* As if so many half seconds of processor time had gone by in the middle of what runs. */
static int l_ticks(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    for (lua_Integer i = 0; i < n; i++)
        raise(signal_number());
    return 0;
}

static int l_warned(lua_State *L)
{
    lua_pushboolean(L, n_warned > 0);
    return 1;
}

static int open_test(lua_State *L)
{
    static const luaL_Reg library[] = {{"ticks", l_ticks}, {"warned", l_warned}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

static const struct tg_vm_lib libs[] = {{"test", open_test, NULL}, {NULL, NULL, NULL}};

static struct tg_vm *begin(void)
{
    n_warned = 0;
    traceback[0] = '\0';
    tg_log_set_listener(on_stuck_log, NULL);
    return fixture_vm(libs);
}

TEST(what_ran_for_a_second_is_named_once_and_goes_on)
{
    struct outcome o = {0};
    struct tg_vm *vm = begin();
    run_lua(vm, "tg.test.ticks(3)\nlocal n = 0 for i = 1, 1000 do n = n + i end\ntg.test.ticks(5) return n", &o);
    is_int(o.code, TG_ERR_NONE);
    is_str(o.text, "500500");
    is_int(n_warned, 1);
    ok(strstr(traceback, "chunk:1") != NULL || strstr(traceback, "chunk:2") != NULL, "where: %s", traceback);
    fixture_free(&vm);
}

TEST(what_ran_for_ten_seconds_ends_and_no_pcall_holds_it)
{
    struct outcome o = {0};
    struct tg_vm *vm = begin();
    run_lua(vm, "tg.test.ticks(3) while true do pcall(function() tg.test.ticks(30) while true do end end) end", &o);
    is_int(o.code, TG_ERR_BUG);
    ok(strstr(o.text, "ran for 10 seconds") != NULL, "%s", o.text);
    is_int(n_warned, 1);
    run_lua(vm, "local n = 0 for i = 1, 1000 do n = n + 1 end return n", &o);
    is_str(o.text, "1000");
    fixture_free(&vm);
}

TEST(ticks_of_a_stretch_that_is_over_are_not_the_next_ones)
{
    struct outcome o = {0};
    struct tg_vm *vm = begin();
    for (int i = 0; i < 30; i++) {
        run_lua(vm, "tg.test.ticks(1) tg.time.sleep(0) tg.test.ticks(1) return 'fine'", &o);
        is_str(o.text, "fine");
    }
    is_int(n_warned, 0);
    fixture_free(&vm);
}

TEST(a_hook_that_came_too_late_harms_nobody)
{
    struct outcome o = {0};
    struct tg_vm *vm = begin();
    run_lua(vm, "tg.test.ticks(3)", &o); /* set while the last function ran */
    for (int i = 0; i < 3; i++) {
        run_lua(vm, "local n = 0 for i = 1, 1000 do n = n + 1 end return n", &o);
        is_str(o.text, "1000");
    }
    fixture_free(&vm);
}

TEST(an_endless_loop_is_named_by_the_timer_itself)
{
    struct outcome o = {0};
    struct tg_vm *vm = begin();
    start(vm,
          "local start = tg.time.monotonic()\n"
          "while not tg.test.warned() and tg.time.monotonic() - start < 30000000 do end return 'named'",
          &o);
    turn_until(&o.ended);
    is_str(o.text, "named");
    is_int(n_warned, 1);
    fixture_free(&vm);
}

TAP_MAIN()

/* freeze_test - what is frozen reads as before and takes no writing, however it is reached. */
#include "../../../src/rt/freeze.c"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "rt/caps.h"
#include "tap.h"

static int l_frozen(lua_State *L)
{
    lua_settop(L, 2);
    const bool strict = lua_toboolean(L, 2);
    lua_settop(L, 1);
    tg_freeze(L, "it", strict);
    return 1;
}

static int l_thawed(lua_State *L)
{
    lua_settop(L, 1);
    tg_thaw(L, 1);
    return 1;
}

/* Runs the code in the environment of rules, with frozen() and thawed() beside it; what it returns, as text. */
static const char *answer(const char *code)
{
    static char out[400];
    static struct tg_caps caps;
    char text[2000];
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    snprintf(text, sizeof(text), "return function(frozen, thawed) %s end", code);
    if (luaL_loadstring(L, text) != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
    tg_caps_push_allow_all(L);
    tg_caps_push_env(L, -1, &caps);
    lua_setupvalue(L, 1, 1);
    lua_settop(L, 1);
    lua_call(L, 0, 1);
    lua_pushcfunction(L, l_frozen);
    lua_pushcfunction(L, l_thawed);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK)
        snprintf(out, sizeof(out), "error: %s", strstr(strstr(lua_tostring(L, -1), "]:"), ": ") + 2);
    else
        snprintf(out, sizeof(out), "%s", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    return out;
}

struct code_case {
    const char *code, *answer;
};

static void check_all(const struct code_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tap_case("%s", cases[i].code);
        is_str(answer(cases[i].code), cases[i].answer);
    }
}

TEST(a_frozen_table_reads_as_before)
{
    static const struct code_case cases[] = {
        {"return frozen({a = 7}).a", "7"},
        {"return frozen({a = 7}).b", "nil"},
        {"return #frozen({1, 2, 3})", "3"},
        {"return frozen({{{x = 7}}})[1][1].x", "7"},
        {"return #frozen({list = {1, 2}}).list", "2"},
        {"local s = '' for i, v in ipairs(frozen({4, 5})) do s = s .. i .. v end return s", "1425"},
        {"local s = '' for k, v in pairs(frozen({b = 1, a = 2, [3] = 4})) do s = s .. k .. v end return s", "34a2b1"},
        {"local s = '' for k, v in next, frozen({b = 1, a = 2, 9}) do s = s .. k .. v end return s", "19a2b1"},
        {"return next(frozen({})) == nil", "true"},
        {"return table.concat(frozen({'a', 'b'}), '-')", "a-b"},
        {"return select('#', table.unpack(frozen({1, 2, 3})))", "3"},
        {"return #table.move(frozen({1, 2, 3}), 1, 3, 1, {})", "3"},
        {"local t = {} for i = 1, 10001 do t[i] = 'x' end return table.concat(frozen(t))",
         "error: table: at most 10000 entries"},
        {"return type(frozen({}))", "table"},
        {"local t = {} local f = frozen({a = t, b = t}) return f.a == f.b", "true"},
        {"local t = {} t.t = t local f = frozen(t) return f == f.t and f.t == f.t.t", "true"},
        {"local f = frozen({}) return frozen(f) == f", "true"},
        {"local f = frozen({a = 1}) return frozen({f = f}).f == f", "true"},
    };
    check_all(cases, sizeof(cases) / sizeof(*cases));
}

TEST(no_way_of_writing_gets_through)
{
    static const struct code_case cases[] = {
        {"frozen({a = 7}).a = 1", "error: it is read-only"},
        {"frozen({a = 7}).b = 1", "error: it is read-only"},
        {"frozen({a = 7}).a = nil", "error: it is read-only"},
        {"frozen({list = {}}).list[1] = 1", "error: list is read-only"},
        {"frozen({{}})[1].x = 1", "error: a list is read-only"},
        {"table.insert(frozen({}), 1)", "error: it is read-only"},
        {"table.insert(frozen({1}), 1, 2)", "error: it is read-only"},
        {"table.remove(frozen({1}))", "error: it is read-only"},
        {"table.remove(frozen({}))", "error: it is read-only"},
        {"table.move({1}, 1, 1, 1, frozen({}))", "error: it is read-only"},
        {"table.sort(frozen({}))", "error: table.sort: the table is read-only"},
        {"table.sort(frozen({2, 1}))", "error: table.sort: the table is read-only"},
        {"local f = frozen({{1}}) for _, t in ipairs(f) do t[1] = 2 end", "error: a list is read-only"},
        {"local f = frozen({a = {}}) for _, t in pairs(f) do t[1] = 2 end", "error: a is read-only"},
        {"local _, t = next(frozen({{1}})) t[1] = 2", "error: a list is read-only"},
        {"local step, t = pairs(frozen({a = 1})) t.a = 2", "error: it is read-only"},
        {"(table.unpack(frozen({{}}))).x = 1", "error: a list is read-only"},
        {"table.move(frozen({{}}), 1, 1, 1, {})[1].x = 1", "error: a list is read-only"},
    };
    check_all(cases, sizeof(cases) / sizeof(*cases));
}

TEST(what_functions_keep_is_frozen_with_them)
{
    static const struct code_case cases[] = {
        {"local kept = {n = 0} local function f() kept.n = kept.n + 1 end frozen(f) f()", "error: kept is read-only"},
        {"local kept = {n = 0} local function f() kept.n = 1 end frozen({f = f}) f()", "error: kept is read-only"},
        {"local kept = {7} local function f() return kept[1] + #kept end frozen(f) return f()", "8"},
        {"local kept = {} local function g() kept.x = 1 end local function f() g() end frozen(f) f()",
         "error: kept is read-only"},
        {"local kept = {deep = {{}}} local function f() kept.deep[1].x = 1 end frozen(f) f()",
         "error: a list is read-only"},
        {"local kept = {} local function f() return kept end local function g() kept.x = 1 end frozen(f) g()",
         "error: kept is read-only"},
        {"local one = {} local two = {one} local function f() return two[1] == one end frozen(f) return f()", "true"},
        {"local kept = {} kept.f = function() kept.n = 1 end frozen(kept).f()", "error: it is read-only"},
        {"local t = {} local fs = {[function() t.x = 1 end] = 1} local function f() return fs end\n"
         "frozen(f) t.x = 2",
         "error: t is read-only"},
        {"local kept = {} local function make() return function() kept.x = 1 end end frozen(make) make()()",
         "error: kept is read-only"},
        {"local function f() local own = {} own.x = 1 return own.x end frozen(f) return f()", "1"},
        {"local f f = function(n) return n == 0 and 'done' or f(n - 1) end frozen(f) return f(3)", "done"},
    };
    check_all(cases, sizeof(cases) / sizeof(*cases));
}

TEST(a_strict_table_has_no_other_names)
{
    static const struct code_case cases[] = {
        {"return frozen({a = 1}, true).a", "1"},
        {"return frozen({a = 1}, true).b", "error: it has no 'b'"},
        {"return frozen({a = {}}, true).a.b", "nil"},
        {"local lib = {} function lib.f() return lib.other end return frozen(lib, true).f()",
         "error: it has no 'other'"},
        {"for k in pairs(frozen({a = 1}, true)) do return k end", "a"},
    };
    check_all(cases, sizeof(cases) / sizeof(*cases));
}

TEST(a_table_as_a_key_would_not_be_found_again)
{
    is_str(answer("frozen({[{}] = 1})"), "error: a table that outlives the call has a table as a key");
}

TEST(an_iterator_would_remember_how_far_it_came)
{
    is_str(answer("local step = pairs({1, 2}) local function f() return step() end frozen(f)"),
           "error: what pairs() returns must not outlive the call: it remembers how far it came");
    is_str(answer(
               "local p, i, r = pairs, ipairs, string.rep local function f() return p, i, r end return frozen(f) == f"),
           "true");
}

TEST(a_chain_of_a_hundred_thousand_tables_is_frozen_to_its_end)
{
    is_str(answer("local t = {} for _ = 1, 100000 do t = {t} end local f = frozen(t)\n"
                  "for _ = 1, 100000 do f = f[1] end f[1] = 2"),
           "error: a list is read-only");
}

TEST(a_thawed_value_is_a_plain_copy)
{
    static const struct code_case cases[] = {
        {"local t = thawed(frozen({a = {1, 2}})) t.a[3] = 3 return #t.a", "3"},
        {"local f = frozen({1}) local t = thawed({f, f}) t[1][1] = 2 return f[1] .. t[1][1] .. t[2][1]", "121"},
        {"local t = {} t.t = t return thawed(t)", "error: the result is deeper than 16"},
        {"return thawed(7)", "7"},
    };
    check_all(cases, sizeof(cases) / sizeof(*cases));
}

TEST(opening_puts_the_table_behind_in_its_place)
{
    lua_State *L = luaL_newstate();
    is_int(luaL_dostring(L, "return {7}"), LUA_OK);
    tg_freeze(L, "it", false);
    lua_pushinteger(L, 1);
    is_true(tg_frozen_open(L, -2));
    is_int(lua_gettop(L), 2);
    is_int(lua_rawlen(L, 1), 1);
    is_false(tg_frozen_open(L, 1));
    is_false(tg_frozen_open(L, 2));
    lua_newtable(L);
    lua_newtable(L);
    lua_setmetatable(L, -2);
    is_false(tg_frozen_open(L, -1)); /* somebody else's metatable */
    is_int(lua_gettop(L), 3);
    lua_close(L);
}

TAP_MAIN()

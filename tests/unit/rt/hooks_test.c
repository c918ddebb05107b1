/* hooks_test - declarations become types, and a value that is not of its type is named by its place. */
#include "../../../src/rt/hooks.c"

#include <lualib.h>

#include "rt/freeze.h"
#include "tap.h"

/* --- a state of the test's own -------------------------------------------------------------------------------------- */

static int l_load(lua_State *L)
{
    tg_hooks_load(L, 1, lua_touserdata(L, 2));
    return 0;
}

static int l_frozen(lua_State *L)
{
    lua_settop(L, 1);
    tg_freeze(L, "it", false);
    return 1;
}

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    tg_num_open(L);
    lua_setglobal(L, "decimal");
    lua_pushcfunction(L, l_frozen);
    lua_setglobal(L, "frozen");
    return L;
}

/* "" or what the declarations' fault is. */
static const char *load(lua_State *L, const char *text, struct tg_hooks *hooks)
{
    static char why[300];
    lua_pushcfunction(L, l_load);
    if (luaL_dostring(L, text) != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
    lua_pushlightuserdata(L, hooks);
    why[0] = '\0';
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        snprintf(why, sizeof(why), "%s", lua_tostring(L, -1));
    lua_settop(L, 0);
    return why;
}

/* What is wrong with a value, as result or input of that type; "" nothing. */
static const char *fault(const char *type, const char *value, enum tg_hooks_side side)
{
    static char why[300];
    char text[2000];
    struct tg_err err = {.text = ""};
    struct tg_hooks hooks = {.n = 0};
    lua_State *L = new_state();
    snprintf(text, sizeof(text), "return {['a.b'] = {on_failure = 'deny', asked_by = 'x', input = %s, output = 'any'}}",
             type);
    is_str(load(L, text, &hooks), "");
    snprintf(text, sizeof(text), "return %s", value);
    if (luaL_dostring(L, text) != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
    lua_settop(L, 1);
    if (tg_hooks_check(&hooks, hooks.list[0].input, L, 1, side, &err) != 0)
        is_int(err.code, TG_ERR_BUG);
    is_int(lua_gettop(L), 1);
    snprintf(why, sizeof(why), "%s", err.text);
    tg_hooks_deinit(&hooks);
    lua_close(L);
    return why;
}

/* --- types ---------------------------------------------------------------------------------------------------------- */

TEST(a_value_of_its_type_is_right_and_another_is_named_with_its_place)
{
    static const struct {
        const char *type, *value, *why;
    } cases[] = {
        {"'integer'", "7", ""},
        {"'integer'", "7.0", "result must be an integer, it is a float"},
        {"'integer'", "'7'", "result must be an integer, it is a string"},
        {"'integer'", "nil", "result must be an integer, it is absent"},
        {"'integer?'", "nil", ""},
        {"'time'", "0", ""},
        {"'time'", "decimal.new(1)", "result must be an integer, it is a decimal"},
        {"{type = 'integer', min = 1, max = 3}", "3", ""},
        {"{type = 'integer', min = 1, max = 3}", "0", "result must be at least 1"},
        {"{type = 'integer', min = 1, max = 3}", "4", "result must be at most 3"},
        {"'decimal'", "decimal.new('1.5')", ""},
        {"'decimal'", "1.5", "result must be a decimal, it is a float"},
        {"'decimal'", "1", "result must be a decimal, it is an integer"},
        {"'decimal'", "'1.5'", "result must be a decimal, it is a string"},
        {"'decimal'", "io.stdout", "result must be a decimal, it is no data"},
        {"{type = 'decimal', min = 0, max = 9}", "decimal.new(0)", ""},
        {"{type = 'decimal', min = 0, max = 9}", "decimal.new('-0.01')", "result must be at least 0"},
        {"{type = 'decimal', min = 0, max = 9}", "decimal.new('9.01')", "result must be at most 9"},
        {"'string'", "''", ""},
        {"'string'", "1", "result must be a string, it is an integer"},
        {"{type = 'string', max = 2}", "'abc'", "result must be at most 2 bytes long"},
        {"'boolean'", "false", ""},
        {"'boolean'", "0", "result must be a boolean, it is an integer"},
        {"'any'", "{1, {x = true, [7] = 'a'}, decimal.new(1)}", ""},
        {"'any'", "{a = {1, 0.5}}", "result.a[2] must be data, it is a float"},
        {"'any'", "{a = print}", "result.a must be data, it is a function"},
        {"'any'", "{[true] = 1}", "result has a key that is a boolean"},
        {"{enum = {'a', 'b'}}", "'b'", ""},
        {"{enum = {'a', 'b'}}", "'c'", "result is \"c\", which is none of: a, b"},
        {"{enum = {'a', 'b'}}", "string.rep('a', 50)",
         "result is \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", which is none of: a, b"},
        {"{enum = {'a', 'b'}}", "1", "result must be a string, it is an integer"},
        {"{list = 'integer'}", "{}", ""},
        {"{list = 'integer'}", "{1, 2}", ""},
        {"{list = 'integer'}", "{1, 'x'}", "result[2] must be an integer, it is a string"},
        {"{list = 'integer'}", "{1, nil, 3}", "result must be a list without holes and without names"},
        {"{list = 'integer'}", "{1, x = 2}", "result must be a list without holes and without names"},
        {"{list = 'integer'}", "{1, nil, 3, [7] = 1}", "result must be a list without holes and without names"},
        {"{list = 'integer'}", "{[0] = 1, 2}", "result must be a list without holes and without names"},
        {"{list = 'integer'}", "{[1.5] = 1, 2}", "result must be a list without holes and without names"},
        {"{list = 'integer', max = 2}", "{1, 2, 3}", "result must be at most 2 entries long"},
        {"{list = 'integer'}", "7", "result must be a list, it is an integer"},
        {"{map = 'boolean'}", "{a = true, b = false}", ""},
        {"{map = 'boolean'}", "{a = 1}", "result.a must be a boolean, it is an integer"},
        {"{map = 'boolean'}", "{true}", "result must be a map by name, it has a key that is an integer"},
        {"{map = 'boolean', max = 1}", "{a = true, b = true}", "result must be at most 1 entries long"},
        {"{record = {a = 'integer', b = 'string?'}}", "{a = 1}", ""},
        {"{record = {a = 'integer', b = 'string?'}}", "{a = 1, b = 'x'}", ""},
        {"{record = {a = 'integer', b = 'integer'}}", "{}", "result.a is missing"},
        {"{record = {a = 'integer', b = 'integer'}}", "{a = 1}", "result.b is missing"},
        {"{record = {a = 'integer'}}", "{a = 1, c = 1}", "result.c is not declared"},
        {"{record = {a = 'integer'}}", "{a = 1, 5}", "result has a key that is an integer, fields have names"},
        {"{record = {a = 'integer'}, open = true}", "{a = 1, c = {1}}", ""},
        {"{record = {a = 'integer'}, open = true}", "{a = 1, c = {0.5}}", "result.c[1] must be data, it is a float"},
        {"{record = {}}", "{}", ""},
        {"{record = {a = {list = {record = {x = 'decimal'}}, max = 9}}}", "{a = {{x = decimal.new(1)}, {x = 2}}}",
         "result.a[2].x must be a decimal, it is an integer"},
        {"{record = {a = {list = 'any', optional = true}}}", "{}", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s of %s", cases[i].value, cases[i].type);
        is_str(fault(cases[i].type, cases[i].value, TG_HOOKS_RESULT), cases[i].why);
    }
}

TEST(an_input_gives_decimals_as_their_text_too)
{
    is_str(fault("'decimal'", "'1.50'", TG_HOOKS_INPUT), "");
    is_str(fault("'decimal'", "decimal.new(1)", TG_HOOKS_INPUT), "");
    is_str(fault("'decimal'", "1", TG_HOOKS_INPUT), "");
    is_str(fault("'decimal'", "1.5", TG_HOOKS_INPUT), "input must be a decimal, its text or an integer, it is a float");
    is_str(fault("{type = 'decimal', min = 1}", "0", TG_HOOKS_INPUT), "input must be at least 1");
    tap_contains(__FILE__, __LINE__, fault("'decimal'", "'1.5x'", TG_HOOKS_INPUT), "input must be a decimal: ");
    is_str(fault("{type = 'decimal', min = 1}", "'0.5'", TG_HOOKS_INPUT), "input must be at least 1");
}

TEST(a_value_that_never_ends_is_too_deep)
{
    is_str(fault("'any'", "(function() local t = {} t.t = t return t end)()", TG_HOOKS_RESULT),
           "result.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t is deeper than 16");
}

TEST(a_few_tables_in_many_places_are_too_many_values)
{
    tap_contains(__FILE__, __LINE__,
                 fault("'any'",
                       "(function() local t = {} for _ = 1, 12 do t = {t, t, t, t, t, t, t, t} end return t end)()",
                       TG_HOOKS_RESULT),
                 "is one value too many, more than 100000");
    is_str(fault("'any'", "(function() local t = {} for i = 1, 100000 do t[i] = i end return t end)()",
                 TG_HOOKS_RESULT),
           "");
}

TEST(frozen_tables_are_right_and_come_out_plain)
{
    struct tg_err err;
    struct tg_hooks hooks = {.n = 0};
    lua_State *L = new_state();
    is_str(load(L,
                "return {['a.b'] = {on_failure = 'park', asked_by = 'x', input = 'any',\n"
                "output = {record = {lines = {list = {record = {n = 'integer'}}}}}}}",
                &hooks),
           "");
    is_int(luaL_dostring(L, "local inner = frozen({{n = 1}, {n = 2}}) return {lines = inner}"), LUA_OK);
    is_int(tg_hooks_check(&hooks, hooks.list[0].output, L, -1, TG_HOOKS_RESULT, &err), 0);
    lua_getfield(L, -1, "lines");
    is_int(lua_rawlen(L, -1), 2);
    lua_rawgeti(L, -1, 2);
    lua_pushliteral(L, "n");
    is_int(lua_rawget(L, -2), LUA_TNUMBER);
    is_int(lua_tointeger(L, -1), 2);
    is_int(luaL_dostring(L, "return frozen({lines = {{n = 1}, {n = 'x'}}})"), LUA_OK);
    is_int(tg_hooks_check(&hooks, hooks.list[0].output, L, -1, TG_HOOKS_RESULT, &err), -1);
    is_str(err.text, "result.lines[2].n must be an integer, it is a string");
    tg_hooks_deinit(&hooks);
    lua_close(L);
}

/* --- declarations --------------------------------------------------------------------------------------------------- */

TEST(a_hook_is_found_by_its_name_with_what_it_says)
{
    struct tg_hooks hooks = {.n = 0};
    lua_State *L = new_state();
    is_str(load(L,
                "return {\n"
                "['z.last'] = {on_failure = 'refuse', awaits = 'calls', input = 'any', output = 'any'},\n"
                "['a.first'] = {on_failure = 'park', asked_by = 'charge/rate.c', budget_us = 900, money = 'total',\n"
                " summary = 's', says = 't', input = 'any', output = {record = {total = 'decimal'}}}}",
                &hooks),
           "");
    is_int(hooks.n, 2);
    is_str(hooks.list[0].name, "a.first");
    const struct tg_hook *first = tg_hooks_find(&hooks, "a.first"), *last = tg_hooks_find(&hooks, "z.last");
    is_int(first->on_failure, TG_HOOK_PARKS);
    is_int(first->budget_us, 900);
    is_str(first->money, "total");
    is_str(first->awaits, "");
    is_int(last->on_failure, TG_HOOK_REFUSES);
    is_str(last->money, "");
    is_str(last->awaits, "calls");
    ok(tg_hooks_find(&hooks, "a.") == NULL && tg_hooks_find(&hooks, "") == NULL, "no such hook");
    tg_hooks_deinit(&hooks);
    lua_close(L);
}

TEST(a_declaration_that_makes_no_sense_is_refused_with_its_hook)
{
    static const struct {
        const char *hook, *why;
    } cases[] = {
        {"7", "a.b: a declaration is a table"},
        {"{}", "a.b: on_failure is park, deny, default or refuse"},
        {"{on_failure = 'deny', input = 'any', output = 'any'}", "a.b: it has one of asked_by and awaits"},
        {"{on_failure = 'deny', asked_by = 'x', awaits = 'y', input = 'any', output = 'any'}", "one of asked_by"},
        {"{on_failure = 'deny', asked_by = 'x', money = {}, input = 'any', output = 'any'}", "money is no short text"},
        {"{on_failure = 'deny', asked_by = 'x', budget_us = 0.5, input = 'any', output = 'any'}", "whole numbers"},
        {"{on_failure = 'deny', asked_by = 'x', output = 'any'}", "a type is a text or a table"},
        {"{on_failure = 'deny', asked_by = 'x', input = 'any'}", "a type is a text or a table"},
        {"{on_failure = 'deny', asked_by = 'x', input = 'float', output = 'any'}", "there is no type 'float'"},
        {"{on_failure = 'deny', asked_by = 'x', input = '', output = 'any'}", "there is no type ''"},
        {"{on_failure = 'deny', asked_by = 'x', input = '?', output = 'any'}", "there is no type '?'"},
        {"{on_failure = 'deny', asked_by = 'x', input = {}, output = 'any'}", "one of type, enum, list, map, record"},
        {"{on_failure = 'deny', asked_by = 'x', input = {enum = {}}, output = 'any'}", "an enum has words"},
        {"{on_failure = 'deny', asked_by = 'x', input = {enum = {7}}, output = 'any'}", "names are texts"},
        {"{on_failure = 'deny', asked_by = 'x', input = {type = 'integer', min = 0.5}, output = 'any'}", "whole num"},
        {"{on_failure = 'deny', asked_by = 'x', input = {record = {[1] = 'any'}}, output = 'any'}", "names are texts"},
        {"{on_failure = 'deny', asked_by = 'x', input = {record = {[string.rep('x', 41)] = 'any'}}, output = 'any'}",
         "at most 40 bytes"},
        {"{on_failure = 'deny', asked_by = 'x', input = (function() local t = {} t.list = t return t end)(),\n"
         "output = 'any'}",
         "a type is too deep"},
        {"{on_failure = 'deny', asked_by = 'x', input = (function() local t = {} for i = 1, 65 do t['x' .. i] = 'any'\n"
         "end return {record = t} end)(), output = 'any'}",
         "at most 64 fields"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[600];
        struct tg_hooks hooks = {.n = 0};
        lua_State *L = new_state();
        tap_case("%s", cases[i].hook);
        snprintf(text, sizeof(text), "return {['a.b'] = %s}", cases[i].hook);
        tap_contains(__FILE__, __LINE__, load(L, text, &hooks), cases[i].why);
        tg_hooks_deinit(&hooks);
        lua_close(L);
    }
    static const char *const wrong[] = {"return 7", "return {{}}", "return {[string.rep('x', 64)] = {}}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct tg_hooks hooks = {.n = 0};
        lua_State *L = new_state();
        tap_case("%s", wrong[i]);
        tap_contains(__FILE__, __LINE__, load(L, wrong[i], &hooks), "core/hooks.lua: ");
        tg_hooks_deinit(&hooks);
        lua_close(L);
    }
}

TEST(names_outlive_the_declarations)
{
    struct tg_err err;
    struct tg_hooks hooks = {.n = 0};
    lua_State *L = new_state();
    is_str(load(L,
                "return {['a.b'] = {on_failure = 'park', asked_by = 'x', input = 'any',\n"
                "output = {record = {['na' .. 'me'] = {enum = {'wo' .. 'rd'}}}}}}",
                &hooks),
           "");
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    is_int(luaL_dostring(L, "return {name = 'word'}"), LUA_OK);
    is_int(tg_hooks_check(&hooks, hooks.list[0].output, L, -1, TG_HOOKS_RESULT, &err), 0);
    tg_hooks_deinit(&hooks);
    lua_close(L);
}

TEST(the_shipped_declarations_compile)
{
    struct tg_hooks hooks = {.n = 0};
    lua_State *L = new_state();
    is_str(load(L, "return dofile('lua/core/hooks.lua')", &hooks), "");
    ok(hooks.n >= 14 && tg_hooks_find(&hooks, "pricing.rate_usage") != NULL, "%zu hooks", hooks.n);
    tg_hooks_deinit(&hooks);
    lua_close(L);
}

TAP_MAIN()

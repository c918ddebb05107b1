/* caps_module - tgcaps.so: the capabilities and the environment of rules for tests that run with nothing else running.
 *
 *   local tgcaps = require "tgcaps"
 *   local box = tgcaps.new(allow)         -- allow: the table of lua/core/allow.lua
 *   box:env()                             -- _ENV for a rule file
 *   box:cap("decimal")                    -- a capability; nil when there is none of that name
 *   box:set_deck(tgcaps.deck{ {prefix = "1", per_minute = "0.06", initial_s = 60, increment_s = 60}, … })
 *   box:set_fx(tgcaps.fx{ base = "EUR", days = { ["2026-04-13"] = { USD = "1.1684" } } })
 *   box:set_fx(tgcaps.fx(csv_text, "EUR")) -- the ECB's table
 *   box:set_flags{ new_invoice = true }
 *   tgcaps.hooks(declared):take("fx.pick", "result", value)  -- declared: the table of lua/core/hooks.lua
 *                                         -- the value when it is of the declared type, else nil and what is wrong
 *   tgcaps.time("2026-07-15T10:00:00Z")   -- µs
 *   tgcaps.read_deck(csv_text)       -- {rows, priced, blocked, rejected, rejects}, deck
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "rt/caps.h"
#include "rt/deckcsv.h"
#include "rt/freeze.h"
#include "rt/hooks.h"
#include "rt/num.h"
#include "rt/rules.h"

#define BOX "tgcaps.box"
#define DECK "tgcaps.deck"
#define FX "tgcaps.fx"
#define HOOKS "tgcaps.hooks"

struct deck_box { /* a userdata: what is made in it is freed with it, also when an error comes between */
    struct tg_deck_builder *builder;
    struct tg_deckcsv *csv;
    struct tg_deck *deck;
};

static int l_deck_gc(lua_State *L)
{
    struct deck_box *box = luaL_checkudata(L, 1, DECK);
    tg_deck_builder_free(&box->builder);
    tg_deckcsv_free(&box->csv);
    tg_deck_unref(&box->deck);
    return 0;
}

static struct deck_box *push_deck_box(lua_State *L)
{
    struct deck_box *box = lua_newuserdatauv(L, sizeof(*box), 0);
    *box = (struct deck_box){NULL, NULL, NULL};
    luaL_setmetatable(L, DECK);
    return box;
}

static int64_t read_time(lua_State *L, const char *name, int64_t absent_us)
{
    struct tg_err err;
    int64_t us = absent_us;
    lua_getfield(L, -1, name);
    if (lua_isinteger(L, -1))
        us = lua_tointeger(L, -1);
    else if (!lua_isnil(L, -1) && tg_time_parse(luaL_checkstring(L, -1), lua_rawlen(L, -1), &us, &err) != 0)
        luaL_error(L, "%s: %s", name, err.text);
    lua_pop(L, 1);
    return us;
}

static struct tg_decimal read_decimal(lua_State *L, const char *name)
{
    struct tg_decimal d = tg_decimal_zero;
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        d = tg_num_check(L, -1, name);
    lua_pop(L, 1);
    return d;
}

static uint32_t read_seconds(lua_State *L, const char *name, uint32_t absent)
{
    lua_getfield(L, -1, name);
    lua_Integer s = luaL_optinteger(L, -1, absent);
    luaL_argcheck(L, s >= 0 && s <= UINT32_MAX, 1, name);
    lua_pop(L, 1);
    return (uint32_t)s;
}

static void read_text(lua_State *L, const char *name, char *to, size_t size)
{
    lua_getfield(L, -1, name);
    size_t len;
    const char *text = luaL_optlstring(L, -1, "", &len);
    luaL_argcheck(L, len < size, 1, name);
    memcpy(to, text, len + 1);
    lua_pop(L, 1);
}

static uint8_t read_steps(lua_State *L, struct tg_deck_step *steps)
{
    lua_Integer n = 0;
    int top = lua_gettop(L);
    if (lua_getfield(L, -1, "steps") == LUA_TTABLE)
        for (lua_Integer len = (lua_Integer)lua_rawlen(L, -1); n < len && n < TG_DECK_STEPS_MAX; n++) {
            lua_rawgeti(L, top + 1, n + 1);
            steps[n].after_s = read_seconds(L, "after_s", 0);
            steps[n].per_minute = read_decimal(L, "per_minute");
            lua_pop(L, 1);
        }
    lua_settop(L, top);
    return (uint8_t)n;
}

/* The row on the top. */
static void add_row(lua_State *L, struct deck_box *box)
{
    struct tg_err err;
    struct tg_deck_step steps[TG_DECK_STEPS_MAX];
    struct tg_deck_row row = {.steps = steps};
    luaL_checktype(L, -1, LUA_TTABLE);
    int top = lua_gettop(L);
    read_text(L, "prefix", row.prefix, sizeof(row.prefix));
    read_text(L, "when", row.when, sizeof(row.when));
    row.per_minute = read_decimal(L, "per_minute");
    row.connect_fee = read_decimal(L, "connect_fee");
    row.initial_s = read_seconds(L, "initial_s", 1);
    row.increment_s = read_seconds(L, "increment_s", 1);
    row.min_s = read_seconds(L, "min_s", 0);
    row.from_us = read_time(L, "from", INT64_MIN);
    row.to_us = read_time(L, "to", INT64_MAX);
    lua_getfield(L, -1, "blocked");
    row.blocked = lua_toboolean(L, -1);
    lua_settop(L, top);
    row.n_steps = read_steps(L, steps);
    lua_settop(L, top);
    if (tg_deck_builder_add(box->builder, &row, &err) != 0)
        luaL_error(L, "%s", err.text);
}

static int l_deck(lua_State *L)
{
    struct tg_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct deck_box *box = push_deck_box(L);
    box->builder = tg_deck_builder_new();
    for (lua_Integer i = 1; lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
        add_row(L, box);
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    if (tg_deck_build(&box->builder, &box->deck, &err) != 0)
        return luaL_error(L, "%s", err.text);
    return 1;
}

static void set_int(lua_State *L, const char *name, size_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static int l_read_deck(lua_State *L)
{
    size_t len;
    struct tg_err err;
    const char *text = luaL_checklstring(L, 1, &len);
    struct deck_box *box = push_deck_box(L);
    if (tg_deckcsv_parse(text, len, &box->csv, &err) != 0 || tg_deckcsv_build(box->csv, &box->deck, &err) != 0) {
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }
    const struct tg_deckcsv *csv = box->csv;
    lua_createtable(L, 0, 5);
    set_int(L, "rows", csv->n_rows);
    set_int(L, "priced", csv->n_priced);
    set_int(L, "blocked", csv->n_blocked);
    set_int(L, "rejected", csv->n_rejected);
    lua_createtable(L, (int)csv->n_rejects, 0);
    for (size_t i = 0; i < csv->n_rejects; i++) {
        lua_createtable(L, 0, 3);
        set_int(L, "line", csv->rejects[i].line);
        lua_pushstring(L, csv->rejects[i].prefix_text);
        lua_setfield(L, -2, "prefix");
        lua_pushstring(L, csv->rejects[i].reason);
        lua_setfield(L, -2, "reason");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "rejects");
    lua_insert(L, -2);
    return 2;
}

static int l_fx_gc(lua_State *L)
{
    tg_fx_unref(luaL_checkudata(L, 1, FX));
    return 0;
}

/* The table at idx as JSON; raises when it holds what has none. */
static json_t *check_json(lua_State *L, int idx)
{
    struct tg_err err;
    luaL_checktype(L, idx, LUA_TTABLE);
    json_t *json = tg_rules_read_json(L, idx, &err);
    if (json == NULL)
        luaL_error(L, "%s", err.text);
    return json;
}

/* fx(text[, base]) reads the ECB's table, fx{base, days} what golden cases have */
static int l_fx(lua_State *L)
{
    struct tg_err err;
    int status;
    size_t len;
    struct tg_fx **fx = lua_newuserdatauv(L, sizeof(struct tg_fx *), 0);
    *fx = NULL;
    luaL_setmetatable(L, FX);
    if (lua_istable(L, 1)) {
        json_t *json = check_json(L, 1);
        status = tg_fx_from_json(json, fx, &err);
        json_decref(json);
    } else {
        const char *base = lua_isstring(L, 2) ? lua_tostring(L, 2) : "EUR", *text = luaL_checklstring(L, 1, &len);
        status = tg_fx_parse_csv(text, len, base, fx, &err);
    }
    return status == 0 ? 1 : luaL_error(L, "%s", err.text);
}

static int l_time(lua_State *L)
{
    size_t len;
    int64_t us;
    struct tg_err err;
    const char *text = luaL_checklstring(L, 1, &len);
    if (tg_time_parse(text, len, &us, &err) != 0)
        return luaL_error(L, "%s", err.text);
    lua_pushinteger(L, us);
    return 1;
}

/* --- what hooks declare --------------------------------------------------------------------------------------------- */

static int l_hooks(lua_State *L)
{
    lua_settop(L, 1);
    struct tg_hooks *hooks = lua_newuserdatauv(L, sizeof(*hooks), 0);
    *hooks = (struct tg_hooks){0};
    luaL_setmetatable(L, HOOKS);
    tg_hooks_load(L, 1, hooks);
    return 1;
}

static int l_hooks_gc(lua_State *L)
{
    tg_hooks_deinit(luaL_checkudata(L, 1, HOOKS));
    return 0;
}

/* take(hook, "input" | "result", value) → the value, plain throughout | nil, why */
static int l_take(lua_State *L)
{
    static const char *const sides[] = {[TG_HOOKS_INPUT] = "input", [TG_HOOKS_RESULT] = "result", NULL};
    struct tg_err err;
    const struct tg_hooks *hooks = luaL_checkudata(L, 1, HOOKS);
    const struct tg_hook *hook = tg_hooks_find(hooks, luaL_checkstring(L, 2));
    luaL_argcheck(L, hook != NULL, 2, "nobody asks this hook");
    const enum tg_hooks_side side = (enum tg_hooks_side)luaL_checkoption(L, 3, NULL, sides);
    lua_settop(L, 4);
    if (tg_hooks_check(hooks, side == TG_HOOKS_INPUT ? hook->input : hook->output, L, 4, side, &err) == 0)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
}

/* --- the box -------------------------------------------------------------------------------------------------------- */

/* User values: 1 the environment; 2 the deck and 3 the rates, which it keeps alive. */
static int l_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct tg_caps *caps = lua_newuserdatauv(L, sizeof(*caps), 3);
    *caps = (struct tg_caps){.tag = "test"};
    luaL_setmetatable(L, BOX);
    tg_caps_push_env(L, 1, caps);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

static int l_env(lua_State *L)
{
    (void)luaL_checkudata(L, 1, BOX);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int l_cap(lua_State *L)
{
    if (!tg_caps_push(L, luaL_checkstring(L, 2), luaL_checkudata(L, 1, BOX)))
        lua_pushnil(L);
    return 1;
}

static int l_set_deck(lua_State *L)
{
    struct tg_caps *caps = luaL_checkudata(L, 1, BOX);
    lua_settop(L, 2);
    caps->deck = lua_isnil(L, 2) ? NULL : ((struct deck_box *)luaL_checkudata(L, 2, DECK))->deck;
    lua_setiuservalue(L, 1, 2);
    return 0;
}

static int l_set_fx(lua_State *L)
{
    struct tg_caps *caps = luaL_checkudata(L, 1, BOX);
    lua_settop(L, 2);
    caps->fx = lua_isnil(L, 2) ? NULL : *(struct tg_fx **)luaL_checkudata(L, 2, FX);
    lua_setiuservalue(L, 1, 3);
    return 0;
}

static int l_set_flags(lua_State *L)
{
    struct tg_caps *caps = luaL_checkudata(L, 1, BOX);
    json_t *flags = lua_isnoneornil(L, 2) ? NULL : check_json(L, 2);
    json_decref((json_t *)caps->flags);
    caps->flags = flags;
    return 0;
}

static int l_box_gc(lua_State *L)
{
    struct tg_caps *caps = luaL_checkudata(L, 1, BOX);
    json_decref((json_t *)caps->flags);
    caps->flags = NULL;
    return 0;
}

/* freeze(table, what): the read-only view that lib/ files get; freeze(decide, what): what the function keeps */
static int l_freeze(lua_State *L)
{
    const char *what = luaL_checkstring(L, 2);
    luaL_argexpected(L, lua_istable(L, 1) || lua_isfunction(L, 1), 1, "table or function");
    lua_pushvalue(L, 1);
    tg_freeze(L, what, true);
    return 1;
}

static const luaL_Reg box_methods[] = {
    {"env", l_env}, {"cap", l_cap}, {"set_deck", l_set_deck}, {"set_fx", l_set_fx}, {"set_flags", l_set_flags},
    {NULL, NULL}};
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const luaL_Reg hooks_methods[] = {{"take", l_take}, {NULL, NULL}};
static const luaL_Reg library[] = {{"new", l_new},     {"deck", l_deck}, {"read_deck", l_read_deck}, {"fx", l_fx},
                                   {"hooks", l_hooks}, {"time", l_time}, {"freeze", l_freeze},       {NULL, NULL}};

static void make_metatable(lua_State *L, const char *name, lua_CFunction gc, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

int luaopen_tgcaps(lua_State *L)
{
    make_metatable(L, BOX, l_box_gc, box_methods);
    make_metatable(L, HOOKS, l_hooks_gc, hooks_methods);
    make_metatable(L, DECK, l_deck_gc, no_methods);
    make_metatable(L, FX, l_fx_gc, no_methods);
    luaL_newlib(L, library);
    return 1;
}

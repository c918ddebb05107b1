/* caps_fx - exchange rates of the call's snapshot, as a capability of rules: rating.md R23. */
#include "rt/caps.h"

#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/date.h"
#include "rt/fxtable.h"
#include "rt/num.h"

#define DAY_US INT64_C(86400000000)
#define PLACES_DEFAULT 6 /* as of a charge, R10 */

static const char *check_code(lua_State *L, int idx, const char *what)
{
    size_t len = 0;
    const char *code = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : "";
    if (len != 3 || strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        luaL_error(L, "%s: a currency is three letters like USD", what);
    return code;
}

/* An instant in µs, whose UTC date counts, or a date. */
static int64_t check_day(lua_State *L, int idx, const char *what)
{
    struct tg_err err;
    size_t len;
    int64_t day = 0;
    if (lua_isinteger(L, idx)) {
        int64_t at_us = lua_tointeger(L, idx);
        if (at_us < TG_TIME_MIN_US || at_us > TG_TIME_MAX_US)
            luaL_error(L, "%s: the year must be from 1 to 9999", what);
        return at_us / DAY_US - (at_us % DAY_US < 0);
    }
    const char *date = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : NULL;
    if (date == NULL || tg_date_parse(date, len, &day, &err) != 0)
        luaL_error(L, "%s: microseconds or a date like 2026-07-15 expected", what);
    return day;
}

/* Finds the pair of the arguments idx, idx + 1 and idx + 2; where there is none, pushes nil and why. */
static bool find(lua_State *L, int idx, const char *what, struct tg_fx_pair *pair)
{
    const struct tg_caps *caps = lua_touserdata(L, lua_upvalueindex(1));
    const char *from = check_code(L, idx, what), *to = check_code(L, idx + 1, what);
    enum tg_fx_found found = tg_fx_find(caps->fx, from, to, check_day(L, idx + 2, what), pair);
    if (found == TG_FX_FOUND)
        return true;
    lua_pushnil(L);
    lua_pushstring(L, found == TG_FX_STALE ? "fx_stale" : "fx_unknown");
    return false;
}

static void push_rate(lua_State *L, const struct tg_fx_pair *pair, const char *what)
{
    struct tg_err err;
    struct tg_decimal rate;
    if (tg_fx_rate(pair, &rate, &err) != 0)
        luaL_error(L, "%s: %s", what, err.text);
    tg_num_push(L, rate);
}

static void push_date(lua_State *L, const struct tg_fx_pair *pair)
{
    char text[TG_DATE_SIZE];
    tg_date_format(pair->day, text);
    lua_pushstring(L, text);
}

/* rate(from, to, at) → rate, date | nil, "fx_stale" | "fx_unknown" */
static int l_rate(lua_State *L)
{
    struct tg_fx_pair pair;
    if (!find(L, 1, "fx.rate", &pair))
        return 2;
    push_rate(L, &pair, "fx.rate");
    push_date(L, &pair);
    return 2;
}

/* convert(amount, from, to, at[, places]) → amount, {rate, date} | nil, why. The amount is rounded once and not made
 * from the rate, which is rounded itself. */
static int l_convert(lua_State *L)
{
    struct tg_err err;
    struct tg_fx_pair pair;
    struct tg_decimal out, amount = tg_num_check(L, 1, "fx.convert");
    int places = lua_isnoneornil(L, 5) ? PLACES_DEFAULT : tg_num_check_places(L, 5, "fx.convert");
    if (!find(L, 2, "fx.convert", &pair))
        return 2;
    if (tg_fx_convert(&pair, amount, places, &out, &err) != 0)
        return luaL_error(L, "fx.convert: %s", err.text);
    tg_num_push(L, out);
    lua_createtable(L, 0, 2);
    push_rate(L, &pair, "fx.convert");
    lua_setfield(L, -2, "rate");
    push_date(L, &pair);
    lua_setfield(L, -2, "date");
    return 2;
}

static const luaL_Reg library[] = {{"rate", l_rate}, {"convert", l_convert}, {NULL, NULL}};

void tg_caps_push_fx(lua_State *L, struct tg_caps *caps)
{
    luaL_newlibtable(L, library);
    lua_pushlightuserdata(L, caps);
    luaL_setfuncs(L, library, 1);
}

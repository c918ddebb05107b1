/* api_money - tg.money: the currencies of ISO 4217, and decimals as integers of their minor unit and back. */
#include <lauxlib.h>

#include "base/money.h"
#include "rt/json.h"
#include "rt/num.h"
#include "rt/vm_private.h"

static void push_currency(lua_State *L, const struct tg_currency *c)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, c->code);
    lua_setfield(L, -2, "code");
    lua_pushinteger(L, c->minor_places);
    lua_setfield(L, -2, "places");
    lua_pushinteger(L, c->numeric);
    lua_setfield(L, -2, "numeric");
    lua_pushstring(L, c->name);
    lua_setfield(L, -2, "name");
}

/* currency(code) → {code, places, numeric, name} | nil */
static int l_currency(lua_State *L)
{
    size_t len;
    const char *code = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &len) : NULL;
    const struct tg_currency *c = code == NULL ? NULL : tg_currency_find(code, len);
    if (c == NULL)
        lua_pushnil(L);
    else
        push_currency(L, c);
    return 1;
}

/* currencies() → all of them, ascending by code */
static int l_currencies(lua_State *L)
{
    size_t n;
    const struct tg_currency *all = tg_currency_all(&n);
    lua_createtable(L, (int)n, 0);
    tg_json_mark_array(L, -1);
    for (size_t i = 0; i < n; i++) {
        push_currency(L, &all[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const struct tg_currency *check_currency(lua_State *L, int idx)
{
    size_t len;
    const char *code = luaL_checklstring(L, idx, &len);
    const struct tg_currency *c = tg_currency_find(code, len);
    if (c == NULL)
        luaL_error(L, "'%s' is no currency", code);
    return c;
}

/* to_minor(decimal, code, mode) → integer | nil, err (out of range) */
static int l_to_minor(lua_State *L)
{
    struct tg_err err;
    enum tg_rounding mode = TG_ROUND_HALF_UP;
    int64_t minor;
    struct tg_decimal d = tg_num_check(L, 1, "money.to_minor");
    const struct tg_currency *c = check_currency(L, 2);
    if (!tg_rounding_parse(luaL_checkstring(L, 3), &mode))
        return luaL_error(L, "money.to_minor: the rounding must be half_up, half_even, up or down");
    if (tg_money_to_minor(d, c, mode, &minor, &err) == 0) {
        lua_pushinteger(L, minor);
        return 1;
    }
    lua_pushnil(L);
    tg_push_err(L, &err);
    return 2;
}

/* from_minor(n, code) → decimal */
static int l_from_minor(lua_State *L)
{
    lua_Integer minor = luaL_checkinteger(L, 1);
    tg_num_push(L, tg_money_from_minor(minor, check_currency(L, 2)));
    return 1;
}

int tg_api_open_money(lua_State *L)
{
    static const luaL_Reg library[] = {{"currency", l_currency},
                                       {"currencies", l_currencies},
                                       {"to_minor", l_to_minor},
                                       {"from_minor", l_from_minor},
                                       {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

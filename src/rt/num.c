/* num - decimals as Lua values.
 *
 * A decimal is a userdata of the sixteen bytes of a struct tg_decimal. Lua aligns a userdata to eight bytes and an
 * __int128 wants sixteen, so the number is copied out and in, never used in place. There is no __concat (it can crash
 * Lua 5.4.4) and no __index; the metatable is hidden from getmetatable.
 *
 * Leaving the range raises: a price that does not fit 26 digits is a bug of whoever computed it.
 */
#include "rt/num.h"

#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

static const char metatable_key; /* its address keys the metatable in the registry */

static void push_metatable(lua_State *L);

void tg_num_push(lua_State *L, struct tg_decimal d)
{
    memcpy(lua_newuserdatauv(L, sizeof(d), 0), &d, sizeof(d));
    push_metatable(L);
    lua_setmetatable(L, -2);
}

bool tg_num_is(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

struct tg_decimal tg_num_check(lua_State *L, int idx, const char *what)
{
    struct tg_decimal d = tg_decimal_zero;
    struct tg_err err;
    if (tg_num_is(L, idx)) {
        memcpy(&d, lua_touserdata(L, idx), sizeof(d));
        return d;
    }
    if (lua_isinteger(L, idx))
        return tg_decimal_from_int(lua_tointeger(L, idx));
    if (lua_type(L, idx) != LUA_TSTRING)
        luaL_error(L, "%s: a decimal expected, got %s", what,
                   lua_type(L, idx) == LUA_TNUMBER ? "a float" : luaL_typename(L, idx));
    size_t len;
    const char *str = lua_tolstring(L, idx, &len);
    if (tg_decimal_parse(str, len, &d, &err) != 0)
        luaL_error(L, "%s: %s", what, err.text);
    return d;
}

static int raise_err(lua_State *L, const char *what, const struct tg_err *err)
{
    return luaL_error(L, "%s: %s", what, err->text);
}

int tg_num_check_places(lua_State *L, int idx, const char *what)
{
    int is_int;
    lua_Integer places = lua_tointegerx(L, idx, &is_int);
    if (!is_int || lua_type(L, idx) != LUA_TNUMBER || places < 0 || places > TG_DECIMAL_PLACES)
        luaL_error(L, "%s: places must be a whole number from 0 to %d", what, TG_DECIMAL_PLACES);
    return (int)places;
}

enum tg_rounding tg_num_check_rounding(lua_State *L, int idx, const char *what)
{
    enum tg_rounding mode = TG_ROUND_HALF_UP;
    const char *name = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
    if (!tg_rounding_parse(name, &mode))
        luaL_error(L, "%s: the rounding must be half_up, half_even, up or down", what);
    return mode;
}

/* --- the library -------------------------------------------------------------------------------------------------- */

static int l_new(lua_State *L)
{
    tg_num_push(L, tg_num_check(L, 1, "decimal.new"));
    return 1;
}

static int l_add(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal sum, a = tg_num_check(L, 1, "decimal +"), b = tg_num_check(L, 2, "decimal +");
    if (tg_decimal_add(a, b, &sum, &err) != 0)
        return raise_err(L, "decimal +", &err);
    tg_num_push(L, sum);
    return 1;
}

static int l_sub(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal rest, a = tg_num_check(L, 1, "decimal -"), b = tg_num_check(L, 2, "decimal -");
    if (tg_decimal_sub(a, b, &rest, &err) != 0)
        return raise_err(L, "decimal -", &err);
    tg_num_push(L, rest);
    return 1;
}

static int l_unm(lua_State *L)
{
    tg_num_push(L, tg_decimal_neg(tg_num_check(L, 1, "decimal -")));
    return 1;
}

/* mul(a, b, places, mode) */
static int l_mul(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, a = tg_num_check(L, 1, "decimal.mul"), b = tg_num_check(L, 2, "decimal.mul");
    int places = tg_num_check_places(L, 3, "decimal.mul");
    if (tg_decimal_mul(a, b, places, tg_num_check_rounding(L, 4, "decimal.mul"), &out, &err) != 0)
        return raise_err(L, "decimal.mul", &err);
    tg_num_push(L, out);
    return 1;
}

/* div(a, b, places, mode) */
static int l_div(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, a = tg_num_check(L, 1, "decimal.div"), b = tg_num_check(L, 2, "decimal.div");
    int places = tg_num_check_places(L, 3, "decimal.div");
    if (tg_decimal_div(a, b, places, tg_num_check_rounding(L, 4, "decimal.div"), &out, &err) != 0)
        return raise_err(L, "decimal.div", &err);
    tg_num_push(L, out);
    return 1;
}

/* muldiv(a, num, den, places, mode): a * num / den, rounded once */
static int l_muldiv(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, a = tg_num_check(L, 1, "decimal.muldiv");
    if (!lua_isinteger(L, 2) || !lua_isinteger(L, 3) || lua_tointeger(L, 3) <= 0)
        return luaL_error(L, "decimal.muldiv: num and den must be whole numbers, den above 0");
    int places = tg_num_check_places(L, 4, "decimal.muldiv");
    if (tg_decimal_mul_div(a, lua_tointeger(L, 2), lua_tointeger(L, 3), places,
                           tg_num_check_rounding(L, 5, "decimal.muldiv"), &out, &err) != 0)
        return raise_err(L, "decimal.muldiv", &err);
    tg_num_push(L, out);
    return 1;
}

/* round(a, places, mode) */
static int l_round(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, a = tg_num_check(L, 1, "decimal.round");
    int places = tg_num_check_places(L, 2, "decimal.round");
    if (tg_decimal_round(a, places, tg_num_check_rounding(L, 3, "decimal.round"), &out, &err) != 0)
        return raise_err(L, "decimal.round", &err);
    tg_num_push(L, out);
    return 1;
}

/* format(a) shortest; format(a, places) with exactly so many, raises when digits would be lost */
static int l_format(lua_State *L)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    struct tg_decimal a = tg_num_check(L, 1, "decimal.format");
    if (lua_isnoneornil(L, 2)) {
        lua_pushlstring(L, text, tg_decimal_format(a, text));
        return 1;
    }
    struct tg_err err;
    struct tg_decimal cut = a;
    int places = tg_num_check_places(L, 2, "decimal.format");
    if (tg_decimal_round(a, places, TG_ROUND_DOWN, &cut, &err) != 0)
        return raise_err(L, "decimal.format", &err);
    if (tg_decimal_cmp(a, cut) != 0)
        return luaL_error(L, "decimal.format: the number has more than %d places, round it first", places);
    lua_pushlstring(L, text, tg_decimal_format_fixed(a, places, text));
    return 1;
}

static int l_cmp(lua_State *L)
{
    int order = tg_decimal_cmp(tg_num_check(L, 1, "decimal.cmp"), tg_num_check(L, 2, "decimal.cmp"));
    lua_pushinteger(L, order < 0 ? -1 : order > 0);
    return 1;
}

static int push_extreme(lua_State *L, const char *what, int sign)
{
    struct tg_decimal best = tg_num_check(L, 1, what);
    for (int i = 2; i <= lua_gettop(L); i++) {
        struct tg_decimal d = tg_num_check(L, i, what);
        if (tg_decimal_cmp(d, best) * sign > 0)
            best = d;
    }
    tg_num_push(L, best);
    return 1;
}

static int l_min(lua_State *L)
{
    return push_extreme(L, "decimal.min", -1);
}

static int l_max(lua_State *L)
{
    return push_extreme(L, "decimal.max", 1);
}

static int l_is_decimal(lua_State *L)
{
    lua_pushboolean(L, tg_num_is(L, 1));
    return 1;
}

/* tointeger(a): the integer it is, or nil when it has a fraction or does not fit */
static int l_tointeger(lua_State *L)
{
    int64_t n;
    if (tg_decimal_to_int(tg_num_check(L, 1, "decimal.tointeger"), &n))
        lua_pushinteger(L, n);
    else
        lua_pushnil(L);
    return 1;
}

/* --- metamethods -------------------------------------------------------------------------------------------------- */

static int l_tostring(lua_State *L)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    lua_pushlstring(L, text, tg_decimal_format(tg_num_check(L, 1, "decimal"), text));
    return 1;
}

/* Lua asks only when both are userdata; another kind of userdata is simply not equal. */
static int l_eq(lua_State *L)
{
    lua_pushboolean(L, tg_num_is(L, 1) && tg_num_is(L, 2) &&
                           tg_decimal_cmp(tg_num_check(L, 1, "decimal =="), tg_num_check(L, 2, "decimal ==")) == 0);
    return 1;
}

static int l_lt(lua_State *L)
{
    lua_pushboolean(L, tg_decimal_cmp(tg_num_check(L, 1, "decimal <"), tg_num_check(L, 2, "decimal <")) < 0);
    return 1;
}

static int l_le(lua_State *L)
{
    lua_pushboolean(L, tg_decimal_cmp(tg_num_check(L, 1, "decimal <="), tg_num_check(L, 2, "decimal <=")) <= 0);
    return 1;
}

static const luaL_Reg metamethods[] = {{"__add", l_add}, {"__sub", l_sub},           {"__unm", l_unm}, {"__eq", l_eq},
                                       {"__lt", l_lt},   {"__tostring", l_tostring}, {"__le", l_le},   {NULL, NULL}};

static const luaL_Reg library[] = {{"new", l_new},
                                   {"add", l_add},
                                   {"sub", l_sub},
                                   {"mul", l_mul},
                                   {"div", l_div},
                                   {"muldiv", l_muldiv},
                                   {"round", l_round},
                                   {"format", l_format},
                                   {"cmp", l_cmp},
                                   {"min", l_min},
                                   {"max", l_max},
                                   {"is_decimal", l_is_decimal},
                                   {"tointeger", l_tointeger},
                                   {NULL, NULL}};

/* Pushes the metatable, which the first caller in a state makes. */
static void push_metatable(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    luaL_newlib(L, metamethods);
    lua_pushliteral(L, "decimal");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
}

void tg_num_open(lua_State *L)
{
    luaL_checkstack(L, 4, "decimal");
    push_metatable(L);
    lua_pop(L, 1);
    luaL_newlib(L, library);
}

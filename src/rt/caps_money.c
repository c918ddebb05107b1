/* caps_money - amounts in minor units, as a capability of rules.
 *
 * An amount is a Lua integer that counts the minor units of its currency: documents and payments are made of these
 * (rating.md R1). Nothing here takes a float, a text or a result that does not fit 64 bits: each raises. What is
 * divided is rounded in a named mode; what is shared out keeps its sum to the unit.
 */
#include "rt/caps.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/money.h"
#include "rt/num.h"

#define PARTS_MAX 1000
#define BP 10000 /* basis points of a whole */

static int64_t check_amount(lua_State *L, int idx, const char *what)
{
    if (!lua_isinteger(L, idx))
        luaL_error(L, "%s: a whole number of minor units expected, got %s", what,
                   lua_type(L, idx) == LUA_TNUMBER ? "a float" : luaL_typename(L, idx));
    return lua_tointeger(L, idx);
}

static int overflow(lua_State *L, const char *what)
{
    return luaL_error(L, "%s: the amount does not fit 64 bits", what);
}

/* The sum of all arguments from idx on. */
static int64_t sum_of(lua_State *L, int idx, const char *what)
{
    int64_t sum = check_amount(L, idx, what);
    for (int i = idx + 1; i <= lua_gettop(L); i++)
        if (__builtin_add_overflow(sum, check_amount(L, i, what), &sum))
            overflow(L, what);
    return sum;
}

/* add(a, b, …) */
static int l_add(lua_State *L)
{
    lua_pushinteger(L, sum_of(L, 1, "money.add"));
    return 1;
}

/* sub(a, b) */
static int l_sub(lua_State *L)
{
    int64_t rest;
    if (__builtin_sub_overflow(check_amount(L, 1, "money.sub"), check_amount(L, 2, "money.sub"), &rest))
        return overflow(L, "money.sub");
    lua_pushinteger(L, rest);
    return 1;
}

/* mul(amount, n) */
static int l_mul(lua_State *L)
{
    int64_t product;
    if (__builtin_mul_overflow(check_amount(L, 1, "money.mul"), check_amount(L, 2, "money.mul"), &product))
        return overflow(L, "money.mul");
    lua_pushinteger(L, product);
    return 1;
}

/* Pushes a decimal, which must be whole, as an amount. */
static int push_whole(lua_State *L, struct tg_decimal d, const char *what)
{
    int64_t amount;
    if (!tg_decimal_to_int(d, &amount))
        return overflow(L, what);
    lua_pushinteger(L, amount);
    return 1;
}

/* bp(amount, basis_points, rounding): 1900 of 10000 is 19 % */
static int l_bp(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, amount = tg_decimal_from_int(check_amount(L, 1, "money.bp"));
    if (!lua_isinteger(L, 2))
        return luaL_error(L, "money.bp: basis points are a whole number");
    if (tg_decimal_mul_div(amount, lua_tointeger(L, 2), BP, 0, tg_num_check_rounding(L, 3, "money.bp"), &out, &err))
        return overflow(L, "money.bp");
    return push_whole(L, out, "money.bp");
}

/* percent(amount, percent, rounding): percent is a decimal, "7.7" */
static int l_percent(lua_State *L)
{
    struct tg_err err;
    struct tg_decimal out, amount = tg_decimal_from_int(check_amount(L, 1, "money.percent"));
    struct tg_decimal percent = tg_num_check(L, 2, "money.percent");
    if (tg_decimal_ratio(amount, percent, tg_decimal_from_int(100), 0, tg_num_check_rounding(L, 3, "money.percent"),
                         &out, &err) != 0)
        return overflow(L, "money.percent");
    return push_whole(L, out, "money.percent");
}

/* --- sharing out --------------------------------------------------------------------------------------------------- */

struct part {
    unsigned __int128 rest; /* what rounding down took from it */
    uint64_t amount;
    int place;
};

static int by_rest(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    if (left->rest != right->rest)
        return left->rest < right->rest ? 1 : -1;
    return left->place - right->place;
}

static int by_place(const void *a, const void *b)
{
    return ((const struct part *)a)->place - ((const struct part *)b)->place;
}

/* Gives each part its weight's share of the magnitude, rounded down, and one unit more to those who lost most by that,
 * the first of equals first. On entry the parts hold their weights in `amount`; total is their sum, above 0. */
static void share(struct part *parts, int n, uint64_t magnitude, unsigned __int128 total)
{
    uint64_t left = magnitude;
    for (int i = 0; i < n; i++) {
        unsigned __int128 product = (unsigned __int128)magnitude * parts[i].amount; /* < 2^127 */
        parts[i].place = i;
        parts[i].amount = (uint64_t)(product / total);
        parts[i].rest = product % total;
        left -= parts[i].amount;
    }
    qsort(parts, (size_t)n, sizeof(*parts), by_rest);
    for (int i = 0; left > 0; i++, left--)
        parts[i].amount++;
    qsort(parts, (size_t)n, sizeof(*parts), by_place);
}

static int push_parts(lua_State *L, const struct part *parts, int n, bool negative)
{
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushinteger(L, (lua_Integer)(negative ? -parts[i].amount : parts[i].amount));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static uint64_t magnitude_of(int64_t amount)
{
    return amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
}

/* Memory that is collected when an error comes between. */
static struct part *push_scratch(lua_State *L, int n)
{
    struct part *parts = lua_newuserdatauv(L, (size_t)n * sizeof(*parts), 0);
    memset(parts, 0, (size_t)n * sizeof(*parts));
    return parts;
}

/* split(amount, n) → n parts that differ by one unit at most, the larger first */
static int l_split(lua_State *L)
{
    int64_t amount = check_amount(L, 1, "money.split");
    if (!lua_isinteger(L, 2) || lua_tointeger(L, 2) < 1 || lua_tointeger(L, 2) > PARTS_MAX)
        return luaL_error(L, "money.split: from 1 to %d parts", PARTS_MAX);
    int n = (int)lua_tointeger(L, 2);
    struct part *parts = push_scratch(L, n);
    for (int i = 0; i < n; i++)
        parts[i].amount = 1;
    share(parts, n, magnitude_of(amount), (unsigned)n);
    return push_parts(L, parts, n, amount < 0);
}

/* allocate(amount, weights) → a part for each weight, in proportion */
static int l_allocate(lua_State *L)
{
    int64_t amount = check_amount(L, 1, "money.allocate");
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer n = luaL_len(L, 2);
    unsigned __int128 total = 0;
    if (n < 1 || n > PARTS_MAX)
        return luaL_error(L, "money.allocate: from 1 to %d weights", PARTS_MAX);
    struct part *parts = push_scratch(L, (int)n);
    for (int i = 0; i < (int)n; i++) {
        lua_geti(L, 2, i + 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0)
            return luaL_error(L, "money.allocate: weight %d must be a whole number, not negative", i + 1);
        parts[i].amount = (uint64_t)lua_tointeger(L, -1);
        total += parts[i].amount;
        lua_pop(L, 1);
    }
    if (total == 0)
        return luaL_error(L, "money.allocate: a weight must be above 0");
    share(parts, (int)n, magnitude_of(amount), total);
    return push_parts(L, parts, (int)n, amount < 0);
}

/* --- currencies ---------------------------------------------------------------------------------------------------- */

static const struct tg_currency *check_currency(lua_State *L, int idx, const char *what)
{
    size_t len = 0;
    const char *code = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &len) : "";
    const struct tg_currency *currency = tg_currency_find(code, len);
    if (currency == NULL)
        luaL_error(L, "%s: a currency of ISO 4217 like USD expected", what);
    return currency;
}

/* exponent(currency): the places of its minor unit */
static int l_exponent(lua_State *L)
{
    lua_pushinteger(L, check_currency(L, 1, "money.exponent")->minor_places);
    return 1;
}

/* from_decimal(decimal, currency, rounding) → minor units */
static int l_from_decimal(lua_State *L)
{
    struct tg_err err;
    int64_t minor;
    struct tg_decimal d = tg_num_check(L, 1, "money.from_decimal");
    const struct tg_currency *currency = check_currency(L, 2, "money.from_decimal");
    if (tg_money_to_minor(d, currency, tg_num_check_rounding(L, 3, "money.from_decimal"), &minor, &err) != 0)
        return overflow(L, "money.from_decimal");
    lua_pushinteger(L, minor);
    return 1;
}

/* to_decimal(minor, currency) */
static int l_to_decimal(lua_State *L)
{
    int64_t minor = check_amount(L, 1, "money.to_decimal");
    tg_num_push(L, tg_money_from_minor(minor, check_currency(L, 2, "money.to_decimal")));
    return 1;
}

static const luaL_Reg library[] = {{"add", l_add},
                                   {"sub", l_sub},
                                   {"mul", l_mul},
                                   {"bp", l_bp},
                                   {"percent", l_percent},
                                   {"split", l_split},
                                   {"allocate", l_allocate},
                                   {"exponent", l_exponent},
                                   {"from_decimal", l_from_decimal},
                                   {"to_decimal", l_to_decimal},
                                   {NULL, NULL}};

void tg_caps_push_money(lua_State *L)
{
    luaL_newlib(L, library);
}

/* num_test - decimals as Lua values. */
#include "../../../src/rt/num.c"

#include "tap.h"
#include <lualib.h>

static lua_State *state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    tg_num_open(L);
    lua_setglobal(L, "D");
    return L;
}

/* The value of the expression as text or its error. */
static const char *eval(lua_State *L, const char *expression)
{
    lua_settop(L, 0);
    lua_pushfstring(L, "return tostring(%s)", expression);
    (void)luaL_dostring(L, lua_tostring(L, 1));
    return lua_tostring(L, -1);
}

TEST(arithmetic_is_exact_and_text_is_shortest)
{
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"D.new('1.50')", "1.5"},
        {"D.new('0.1') + D.new('0.2')", "0.3"},
        {"D.new('0.1') + 1", "1.1"},
        {"1 - D.new('0.1')", "0.9"},
        {"D.new('0.1') + '0.2'", "0.3"},
        {"-D.new('0.5')", "-0.5"},
        {"D.add(1, '0.000000000001')", "1.000000000001"},
        {"D.sub('0', '0.3')", "-0.3"},
        {"D.mul('0.0000000375', 123456, 12, 'half_up')", "0.0046296"},
        {"D.mul('1.5', '1.5', 1, 'half_even')", "2.2"},
        {"D.div(1, 3, 6, 'half_up')", "0.333333"},
        {"D.div(2, 3, 6, 'down')", "0.666666"},
        {"D.muldiv('0.0120', 61, 60, 6, 'up')", "0.0122"},
        {"D.round('2.5', 0, 'half_even')", "2"},
        {"D.round('-2.5', 0, 'half_up')", "-3"},
        {"D.format('0.024')", "0.024"},
        {"D.format('0.024', 6)", "0.024000"},
        {"D.min(3, '2.5', 4)", "2.5"},
        {"D.max(3, '2.5', 4)", "4"},
        {"D.cmp('1.0', 1)", "0"},
        {"D.cmp(2, '1.99')", "1"},
        {"D.new('1.0') == D.new('1')", "true"},
        {"D.new('1') == D.new('2')", "false"},
        {"D.new('1') == 1", "false"},
        {"D.new('1') == io.stdout", "false"},
        {"D.new('1') < D.new('2')", "true"},
        {"D.new('1') < 1", "false"},
        {"D.new('1') <= 1", "true"},
        {"'0.5' > D.new('1')", "false"},
        {"D.tointeger('42.0')", "42"},
        {"D.tointeger('42.5')", "nil"},
        {"D.tointeger('99999999999999999999')", "nil"},
        {"math.type(D.tointeger(7))", "integer"},
        {"D.is_decimal(D.new(1))", "true"},
        {"D.is_decimal(1)", "false"},
        {"D.is_decimal(io.stdout)", "false"},
        {"getmetatable(D.new(1))", "false"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].expression);
        is_str(eval(L, cases[i].expression), cases[i].expected);
    }
    lua_close(L);
}

TEST(floats_wrong_modes_and_leaving_the_range_raise)
{
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"D.new(1.5)", "decimal.new: a decimal expected, got a float"},
        {"D.new(nil)", "decimal.new: a decimal expected, got nil"},
        {"D.new({})", "decimal.new: a decimal expected, got table"},
        {"D.new(1) + 0.5", "decimal +: a decimal expected, got a float"},
        {"D.new(1) + {}", "decimal +: a decimal expected, got table"},
        {"D.round(1, 13, 'up')", "decimal.round: places must be a whole number from 0 to 12"},
        {"D.round(1, '2', 'up')", "decimal.round: places must be a whole number from 0 to 12"},
        {"D.round(1, 2)", "decimal.round: the rounding must be half_up, half_even, up or down"},
        {"D.round(1, 2, 'nearest')", "decimal.round: the rounding must be half_up, half_even, up or down"},
        {"D.muldiv(1, 2, 0, 6, 'up')", "decimal.muldiv: num and den must be whole numbers, den above 0"},
        {"D.muldiv(1, 2, -1, 6, 'up')", "decimal.muldiv: num and den must be whole numbers, den above 0"},
        {"D.format('0.024', 2)", "decimal.format: the number has more than 2 places, round it first"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].expression);
        contains(eval(L, cases[i].expression), cases[i].expected);
    }
    tap_case("%s", "");
    contains(eval(L, "D.new('1e3')"), "decimal.new: ");
    contains(eval(L, "D.div(1, 0, 2, 'up')"), "decimal.div: ");
    contains(eval(L, "D.mul('99999999999999999999999999', 10, 0, 'up')"), "decimal.mul: ");
    contains(eval(L, "D.new('99999999999999999999999999') + 1"), "decimal +: ");
    contains(eval(L, "D.new(1) .. 'x'"), "attempt to concatenate");
    contains(eval(L, "D.new(1).x"), "attempt to index");
    lua_close(L);
}

TEST(a_number_crosses_from_C_and_back_unchanged)
{
    struct tg_err err;
    struct tg_decimal d;
    lua_State *L = state();
    is_int(tg_decimal_parse("-12345678901234567890.123456789012", 34, &d, &err), 0);
    for (int i = 0; i < 100; i++) { /* userdata of every alignment */
        lua_newuserdatauv(L, (size_t)i, 0);
        tg_num_push(L, d);
        ok(tg_decimal_cmp(tg_num_check(L, -1, "x"), d) == 0, "the same");
        lua_settop(L, 0);
    }
    lua_close(L);
}

TAP_MAIN()

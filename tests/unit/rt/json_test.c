/* json_test - JSON between Lua and text: what is taken, what is refused and where, and what comes back. */
#include "../../../src/rt/json.c"

#include <jansson.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

static lua_State *state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    tg_json_open(L);
    lua_setglobal(L, "json");
    tg_num_open(L);
    lua_setglobal(L, "D");
    return L;
}

/* The text written again, or the reason it was refused. */
static const char *again(lua_State *L, const char *text, size_t len)
{
    static char copy[2000];
    struct tg_strbuf out;
    struct tg_err err;
    lua_settop(L, 0);
    if (tg_json_push(L, text, len, &err) != 0) {
        ok(lua_gettop(L) == 0, "nothing is pushed on failure");
        snprintf(copy, sizeof(copy), "%s", err.text);
        return copy;
    }
    tg_strbuf_init(&out, 1 << 20);
    if (tg_json_write(L, -1, &out, &err) != 0)
        tg_strbuf_append_str(&out, err.text);
    snprintf(copy, sizeof(copy), "%s", out.bytes);
    tg_strbuf_deinit(&out);
    ok(lua_gettop(L) == 1, "the stack is as before");
    return copy;
}

TEST(what_is_read_is_written_again_keys_sorted)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {"[[],{}]", "[[],{}]"},
        {" { \"b\" : 1 , \"a\" : [ true , false , null ] } ", "{\"a\":[true,false,null],\"b\":1}"},
        {"\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\xc3\xa9\\n\\\"\\\\/\\b\\f\\r\\t\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"9007199254740993", "9007199254740993"},
        {"-0", "0"},
        {"0.1", "\"0.1\""},
        {"-1.50", "\"-1.5\""},
        {"0.0000000375", "\"0.0000000375\""},
        {"123456789012345678901234.000000000001", "\"123456789012345678901234.000000000001\""},
        {"1e3", "\"1000\""},
        {"1E+2", "\"100\""},
        {"12.5e-3", "\"0.0125\""},
        {"0.05e1", "\"0.5\""},
        {"1.25e1", "\"12.5\""},
        {"0e60", "\"0\""},
        {"-0.0", "\"0\""},
        {"1.0000000000000000000000", "\"1\""},
        {"{\"\":{\"\":0}}", "{\"\":{\"\":0}}"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        is_str(again(L, cases[i].text, strlen(cases[i].text)), cases[i].expected);
    }
    lua_close(L);
}

TEST(what_is_no_JSON_is_refused_with_line_and_column)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "line 1, column 1: the text ends where a value is expected"},
        {"{\n \"a\": 1,\n \"a\": 2}", "line 3, column 2: a key that is there already"},
        {"{\"\xc3\xa9\":x}", "line 1, column 6: a value expected"},
        {"[1,]", "line 1, column 4: a value expected"},
        {"[1 2]", "line 1, column 4: ',' or ']' expected"},
        {"[1", "line 1, column 3: ',' or ']' expected"},
        {"[", "line 1, column 2: the text ends where a value is expected"},
        {"{\"a\":1,}", "line 1, column 8: a key in quotes expected"},
        {"{a:1}", "line 1, column 2: a key in quotes expected"},
        {"{\"a\" 1}", "line 1, column 6: ':' expected"},
        {"{\"a\":1 \"b\":2}", "line 1, column 8: ',' or '}' expected"},
        {"1 2", "line 1, column 3: something behind the value"},
        {"01", "line 1, column 1: a number with a leading zero"},
        {"1.", "line 1, column 1: a number with no digit after its point"},
        {".5", "line 1, column 1: a value expected"},
        {"+1", "line 1, column 1: a value expected"},
        {"-", "line 1, column 1: a value expected"},
        {"1e", "line 1, column 1: a number whose exponent has no digits"},
        {"1e99", "line 1, column 1: a number out of range"},
        {"NaN", "line 1, column 1: a value expected"},
        {"nul", "line 1, column 1: a value expected"},
        {"Infinity", "line 1, column 1: a value expected"},
        {"0x10", "line 1, column 2: something behind the value"},
        {"9223372036854775808", "line 1, column 1: an integer beyond 64 bits"},
        {"-9223372036854775809", "line 1, column 1: an integer beyond 64 bits"},
        {"0.0000000000001", "line 1, column 1: a number with more than 12 places or 26 digits before the point"},
        {"1e26", "line 1, column 1: a number with more than 12 places or 26 digits before the point"},
        {"\"abc", "line 1, column 1: a string that does not end"},
        {"\"abc\\", "line 1, column 5: a string that does not end"},
        {"\"a\\x\"", "line 1, column 3: an unknown escape"},
        {"\"\\u12g4\"", "line 1, column 2: four hex digits expected after \\u"},
        {"\"\\u0000\"", "line 1, column 2: \\u0000 is not allowed"},
        {"\"\\ud800\"", "line 1, column 2: half a surrogate pair"},
        {"\"\\udc00\"", "line 1, column 2: half a surrogate pair"},
        {"\"\\ud800\\u0041\"", "line 1, column 2: half a surrogate pair"},
        {"\"a\tb\"", "line 1, column 3: a control character in a string"},
        {"\"\xff\"", "line 1, column 2: bytes that are not UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: bytes that are not UTF-8"},
        {"\xef\xbb\xbf{}", "line 1, column 1: a value expected"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        is_str(again(L, cases[i].text, strlen(cases[i].text)), cases[i].expected);
    }
    lua_close(L);
}

TEST(nesting_is_bounded)
{
    char text[300];
    lua_State *L = state();
    for (int depth = 60; depth <= 66; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        const char *got = again(L, text, 2 * (size_t)depth);
        if (depth <= 63)
            is_mem(got, strlen(got), text, 2 * (size_t)depth);
        else if (depth > 64)
            is_str(got, "line 1, column 65: nested more than 64 deep");
    }
    lua_close(L);
}

/* What jansson refuses we refuse and the other way round, but for numbers, where we are exact or say no. */
TEST(the_same_texts_are_JSON_to_us_and_to_jansson)
{
    static const char bytes[] = "{}[]\",:\\u0123456789abcdeftrulsn. -+E\n\t\xc3\xa9\x80";
    lua_State *L = state();
    unsigned seed = 7, n_good = 0;
    for (int i = 0; i < 200000; i++) {
        static const char *const stems[] = {"{\"a\":[1,\"x\",null],\"b\":{}}", "[\"\\u00e9\\ud83d\\ude00\",true,false]",
                                            "{\"k\":\"\xc3\xa9\"}", "[[],[[]],{}]", "\"\\n\""};
        char text[64];
        struct tg_err err;
        json_error_t error;
        snprintf(text, sizeof(text), "%s", stems[rand_r(&seed) % 5]);
        size_t len = strlen(text);
        for (int k = rand_r(&seed) % 3; k >= 0; k--)
            text[(size_t)rand_r(&seed) % len] = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
        json_t *theirs = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        bool ours = tg_json_push(L, text, len, &err) == 0;
        if (ours != (theirs != NULL) && (ours || strstr(err.text, "number") == NULL))
            ok(false, "we %s, jansson %s: %.*s", ours ? "take it" : err.text, theirs ? "takes it" : error.text,
               (int)len, text);
        n_good += ours;
        json_decref(theirs);
        lua_settop(L, 0);
    }
    ok(n_good > 1000, "%u of them are JSON", n_good);
    lua_close(L);
}

static const char *run(lua_State *L, const char *code)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, code) != LUA_OK)
        luaL_gsub(L, lua_tostring(L, -1), "json.encode: ", "! ");
    return luaL_tolstring(L, -1, NULL);
}

TEST(Lua_values_are_written_or_refused_with_their_path)
{
    static const struct {
        const char *code, *expected;
    } cases[] = {
        {"return json.encode({3, 2, 1})", "[3,2,1]"},
        {"return json.encode({})", "{}"},
        {"return json.encode(json.array({}))", "[]"},
        {"return json.encode({a = D.new('0.10'), b = json.null})", "{\"a\":\"0.1\",\"b\":null}"},
        {"return json.encode({z = 1, a = 2, m = {y = 1, x = 2}})", "{\"a\":2,\"m\":{\"x\":2,\"y\":1},\"z\":1}"},
        {"return json.encode('a\\0b')", "\"a\\u0000b\""},
        {"return json.encode('\\xff')", "\"\xef\xbf\xbd\""},
        {"return json.encode({a = {b = {1, 2.5}}})", "! a float (use an integer or a decimal) at /a/b/1"},
        {"return json.encode({a = print})", "! a function at /a"},
        {"return json.encode({a = io.stdout})", "! a userdata at /a"},
        {"return json.encode({1, nil, 3})", "! a list with holes at the top"},
        {"return json.encode({[2] = 1})", "! a list with holes at the top"},
        {"return json.encode({1, 2, x = 3})", "! a table that is half list, half object at the top"},
        {"return json.encode({[true] = 3})", "! a key that is neither a string nor an integer at the top"},
        {"local t = {} t.t = t return (json.encode(t))", "! nested too deep (or in a circle)"},
        {"local v, err = json.decode('{') return v, err.code .. ' ' .. err.detail",
         "input line 1, column 2: a key in quotes expected"},
        {"return json.is_array(json.decode('[]'))", "true"},
        {"return json.is_array(json.decode('{}'))", "false"},
        {"return json.decode('null') == json.null", "true"},
        {"return math.type(json.decode('[1]')[1])", "integer"},
        {"return D.is_decimal(json.decode('1.5'))", "true"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].code);
        contains(run(L, cases[i].code), cases[i].expected);
    }
    lua_close(L);
}

TEST(what_others_computed_with_doubles_is_rounded)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"0.0034999999999999996", "0.0035"},
        {"1.2333333333333334", "1.233333333333"},
        {"-0.0000000000015", "-0.000000000002"},
        {"0.0000000000025", "0.000000000002"},
        {"0.00000000000250000000000000001", "0.000000000003"},
        {"0.9999999999999999", "1"},
        {"9.7e-13", "0.000000000001"},
        {"5e-13", "0"},
        {"-4e-30", "0"},
        {"1.5", "1.5"},
        {"18446744073709551616", "18446744073709551616"},
        {"1726000000000", "1726000000000"},
        {"1e30", "a number with more than 12 places or 26 digits"},
    };
    lua_State *L = state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char code[200];
        tap_case("%s", cases[i].text);
        snprintf(code, sizeof(code), "local v, err = json.decode_rounded('%s') return tostring(v or err.detail)",
                 cases[i].text);
        contains(run(L, code), cases[i].expected);
    }
    is_str(run(L, "return math.type(json.decode_rounded('[7]')[1])"), "integer");
    is_str(run(L, "return tostring(json.decode('0.9999999999999999'))"), "nil");
    lua_close(L);
}

TEST(many_keys_are_sorted_too)
{
    lua_State *L = state();
    is_str(run(L, "local t, want = {}, {} for i = 1, 100 do t['k' .. i] = i want[i] = 'k' .. i end table.sort(want)\n"
                  "local got = {} for k in json.encode(t):gmatch('\"(k%d+)\"') do got[#got + 1] = k end\n"
                  "return table.concat(got) == table.concat(want)"),
           "true");
    lua_close(L);
}

TAP_MAIN()

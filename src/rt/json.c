/* json - JSON text to Lua values, and the tg.json library (json_write.c is the way back).
 *
 * A recursive descent over RFC 8259 that pushes straight onto the Lua stack. Not jansson, which keeps a fraction as a
 * double: here the digits themselves become a decimal. A string is checked whole before it is decoded, so decoding
 * cannot fail; every failure unwinds by `false` and tg_json_push() cuts the stack back.
 */
#include "rt/json.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "rt/num.h"

#define DEPTH_MAX 64
#define EXPONENT_MAX 60 /* beyond it no decimal of ours is meant */
#define ENCODE_MAX (64u << 20)

static const char null_key, array_key; /* their addresses: tg.json.null, and the array metatable in the registry */

struct parser {
    lua_State *L;
    const char *text, *at, *end;
    struct tg_err *err;
    int depth;
    bool rounds; /* numbers to what a decimal can hold */
};

void tg_json_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)&null_key);
}

bool tg_json_is_null(lua_State *L, int idx)
{
    return lua_type(L, idx) == LUA_TLIGHTUSERDATA && lua_touserdata(L, idx) == (const void *)&null_key;
}

static void push_array_metatable(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void tg_json_mark_array(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    assert(lua_istable(L, idx));
    push_array_metatable(L);
    lua_setmetatable(L, idx);
}

bool tg_json_is_array(lua_State *L, int idx)
{
    if (!lua_istable(L, idx) || !lua_getmetatable(L, idx))
        return false;
    push_array_metatable(L);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* --- parsing ------------------------------------------------------------------------------------------------------ */

static bool refuse(struct parser *p, const char *at, const char *what)
{
    size_t line = 1, column = 1;
    for (const char *c = p->text; c < at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*c & 0xc0) != 0x80) {
            column++;
        }
    }
    tg_err_set(p->err, TG_ERR_INPUT, "line %zu, column %zu: %s", line, column, what);
    return false;
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`, or -1. */
static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Checks the escape whose backslash is at `at`; returns what follows it, or NULL. */
static const char *check_escape(struct parser *p, const char *at)
{
    if (p->end - at < 2) {
        refuse(p, at, "a string that does not end");
        return NULL;
    }
    if (at[1] != 'u') {
        if (strchr("\"\\/bfnrt", at[1]) != NULL && at[1] != '\0')
            return at + 2;
        refuse(p, at, "an unknown escape");
        return NULL;
    }
    int unit = hex4(at + 2, p->end);
    if (unit < 0)
        refuse(p, at, "four hex digits expected after \\u");
    else if (unit == 0)
        refuse(p, at, "\\u0000 is not allowed");
    else if (unit < 0xd800 || unit > 0xdfff)
        return at + 6;
    else if (unit >= 0xdc00 || p->end - at < 12 || at[6] != '\\' || at[7] != 'u' ||
             (hex4(at + 8, p->end) & ~0x3ff) != 0xdc00)
        refuse(p, at, "half a surrogate pair");
    else
        return at + 12;
    return NULL;
}

/* The first byte in [at, end) that is '"', '\\' or below 0x20; end when there is none. */
static const char *plain_run(const char *at, const char *end)
{
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

static char *put_utf8(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* Pushes the checked string [at, end) with its escapes decoded; never longer than it was. */
static void push_decoded(lua_State *L, const char *at, const char *end)
{
    luaL_Buffer buffer;
    char *start = luaL_buffinitsize(L, &buffer, (size_t)(end - at)), *out = start;
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        const char *short_escape = strchr(from, at[1]);
        if (short_escape != NULL) {
            *out++ = to[short_escape - from];
            at += 2;
        } else if (at[1] != 'u') {
            *out++ = at[1];
            at += 2;
        } else {
            unsigned point = (unsigned)hex4(at + 2, end);
            at += 6;
            if (point >= 0xd800 && point <= 0xdfff) {
                point = 0x10000 + ((point & 0x3ff) << 10 | ((unsigned)hex4(at + 2, end) & 0x3ff));
                at += 6;
            }
            out = put_utf8(out, point);
        }
    }
    luaL_pushresultsize(&buffer, (size_t)(out - start));
}

static bool parse_string(struct parser *p)
{
    const char *start = p->at + 1, *at = start;
    bool has_escapes = false;
    for (;;) {
        at = plain_run(at, p->end);
        if (at == p->end)
            return refuse(p, p->at, "a string that does not end");
        if (*at == '"')
            break;
        if (*at != '\\')
            return refuse(p, at, "a control character in a string");
        has_escapes = true;
        if ((at = check_escape(p, at)) == NULL)
            return false;
    }
    size_t len = (size_t)(at - start), valid = tg_utf8_valid_len(start, len);
    if (valid != len)
        return refuse(p, start + valid, "bytes that are not UTF-8");
    p->at = at + 1;
    if (has_escapes)
        push_decoded(p->L, start, at);
    else
        lua_pushlstring(p->L, start, len);
    return true;
}

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* The parts of a number: [-]whole[.fraction][e exponent]. */
struct number {
    bool negative, is_integer;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
    int exponent;
};

static bool scan_exponent(struct parser *p, const char *start, struct number *n)
{
    bool negative = false;
    const char *at = p->at + 1;
    if (at < p->end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    const char *end = digits_end(at, p->end);
    if (end == at)
        return refuse(p, start, "a number whose exponent has no digits");
    for (; at < end; at++) {
        n->exponent = n->exponent * 10 + (*at - '0');
        if (n->exponent > EXPONENT_MAX)
            return refuse(p, start, "a number out of range");
    }
    if (negative)
        n->exponent = -n->exponent;
    n->is_integer = false;
    p->at = end;
    return true;
}

static bool scan_number(struct parser *p, struct number *n)
{
    const char *start = p->at;
    *n = (struct number){.is_integer = true};
    if (*p->at == '-') {
        n->negative = true;
        p->at++;
    }
    n->whole = p->at;
    p->at = digits_end(p->at, p->end);
    n->whole_len = (size_t)(p->at - n->whole);
    if (n->whole_len == 0)
        return refuse(p, start, "a value expected");
    if (n->whole_len > 1 && n->whole[0] == '0')
        return refuse(p, start, "a number with a leading zero");
    if (p->at < p->end && *p->at == '.') {
        n->fraction = ++p->at;
        p->at = digits_end(p->at, p->end);
        n->fraction_len = (size_t)(p->at - n->fraction);
        n->is_integer = false;
        if (n->fraction_len == 0)
            return refuse(p, start, "a number with no digit after its point");
    }
    if (p->at < p->end && (*p->at | 0x20) == 'e')
        return scan_exponent(p, start, n);
    return true;
}

static bool push_decimal(struct parser *p, const char *start, const struct number *n);

static bool push_integer(struct parser *p, const char *start, const struct number *n)
{
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + n->negative;
    for (size_t i = 0; i < n->whole_len; i++) {
        unsigned digit = (unsigned)(n->whole[i] - '0');
        if (value > (limit - digit) / 10)
            return p->rounds ? push_decimal(p, start, n) : refuse(p, start, "an integer beyond 64 bits");
        value = value * 10 + digit;
    }
    lua_pushinteger(p->L, (lua_Integer)(n->negative ? 0 - value : value));
    return true;
}

/* To the even neighbour when digits[at…] is just half of the last place. */
static int round_half_even(struct tg_decimal *d, bool negative, const char *digits, int at, int len, struct tg_err *err)
{
    const struct tg_decimal last_place = {negative ? -1 : 1};
    bool is_more = false;
    if (at < 0 || at >= len || digits[at] < '5')
        return 0;
    for (int i = at + 1; i < len; i++)
        is_more = is_more || digits[i] != '0';
    if (digits[at] == '5' && !is_more && (d->units & 1) == 0)
        return 0;
    return tg_decimal_add(*d, last_place, d, err);
}

/* Moves the point by the exponent and lets base/decimal judge the plain text. */
static bool push_decimal(struct parser *p, const char *start, const struct number *n)
{
    char digits[2 * EXPONENT_MAX + 64], plain[4 * EXPONENT_MAX + 80];
    size_t len = n->whole_len + n->fraction_len, out = 0;
    while (n->fraction_len > 0 && len > n->whole_len && n->fraction[len - n->whole_len - 1] == '0')
        len--; /* zeros behind the last digit are no places */
    if (len > sizeof(digits))
        return refuse(p, start, "a number with too many digits");
    bool is_zero = true;
    for (size_t i = 0; i < len; i++) {
        digits[i] = i < n->whole_len ? n->whole[i] : n->fraction[i - n->whole_len];
        is_zero = is_zero && digits[i] == '0';
    }
    if (is_zero) {
        tg_num_push(p->L, tg_decimal_zero);
        return true;
    }
    int point = (int)n->whole_len + n->exponent; /* how many of the digits stand before the point */
    int stop = p->rounds && point + TG_DECIMAL_PLACES < (int)len ? point + TG_DECIMAL_PLACES : (int)len;
    size_t first = 0;
    while (first < len && digits[first] == '0' && (int)first + 1 < point)
        first++;
    if (n->negative)
        plain[out++] = '-';
    if (point <= 0)
        plain[out++] = '0';
    for (int i = (int)first; i < point; i++)
        plain[out++] = i < (int)len ? digits[i] : '0';
    if (point < stop) {
        plain[out++] = '.';
        for (int i = point; i < stop; i++)
            plain[out++] = i < 0 ? '0' : digits[i];
        while (plain[out - 1] == '0')
            out--;
        if (plain[out - 1] == '.')
            out--;
    }
    assert(out < sizeof(plain));
    struct tg_decimal d;
    struct tg_err err;
    if (tg_decimal_parse(plain, out, &d, &err) != 0 ||
        round_half_even(&d, n->negative, digits, stop, (int)len, &err) != 0)
        return refuse(p, start, "a number with more than 12 places or 26 digits before the point");
    tg_num_push(p->L, d);
    return true;
}

static bool parse_number(struct parser *p)
{
    const char *start = p->at;
    struct number n;
    if (!scan_number(p, &n))
        return false;
    return n.is_integer ? push_integer(p, start, &n) : push_decimal(p, start, &n);
}

static bool parse_word(struct parser *p, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return refuse(p, p->at, "a value expected");
    p->at += len;
    return true;
}

static bool parse_value(struct parser *p);

static bool enter(struct parser *p)
{
    if (++p->depth > DEPTH_MAX)
        return refuse(p, p->at, "nested more than 64 deep");
    if (!lua_checkstack(p->L, 6))
        return refuse(p, p->at, "nested too deep");
    p->at++;
    skip_space(p);
    return true;
}

/* After an element: true at `close`, and when a comma promises another; *more_r says which. */
static bool after_element(struct parser *p, char close, bool *more_r)
{
    skip_space(p);
    if (p->at == p->end || (*p->at != ',' && *p->at != close))
        return refuse(p, p->at, close == ']' ? "',' or ']' expected" : "',' or '}' expected");
    *more_r = *p->at++ == ',';
    skip_space(p);
    return true;
}

static bool parse_array(struct parser *p)
{
    if (!enter(p))
        return false;
    lua_newtable(p->L);
    tg_json_mark_array(p->L, -1);
    bool more = p->at == p->end || *p->at != ']';
    if (!more)
        p->at++;
    for (lua_Integer n = 1; more; n++) {
        if (!parse_value(p))
            return false;
        lua_rawseti(p->L, -2, n);
        if (!after_element(p, ']', &more))
            return false;
    }
    p->depth--;
    return true;
}

static bool parse_member(struct parser *p)
{
    const char *start = p->at;
    if (p->at == p->end || *p->at != '"')
        return refuse(p, p->at, "a key in quotes expected");
    if (!parse_string(p))
        return false;
    lua_pushvalue(p->L, -1);
    if (lua_rawget(p->L, -3) != LUA_TNIL)
        return refuse(p, start, "a key that is there already");
    lua_pop(p->L, 1);
    skip_space(p);
    if (p->at == p->end || *p->at != ':')
        return refuse(p, p->at, "':' expected");
    p->at++;
    skip_space(p);
    if (!parse_value(p))
        return false;
    lua_rawset(p->L, -3);
    return true;
}

static bool parse_object(struct parser *p)
{
    if (!enter(p))
        return false;
    lua_newtable(p->L);
    bool more = p->at == p->end || *p->at != '}';
    if (!more)
        p->at++;
    while (more) {
        if (!parse_member(p) || !after_element(p, '}', &more))
            return false;
    }
    p->depth--;
    return true;
}

/* Pushes one value; on failure the stack holds rubbish above where it was. */
static bool parse_value(struct parser *p)
{
    if (p->at == p->end)
        return refuse(p, p->at, "the text ends where a value is expected");
    switch (*p->at) {
    case '{': return parse_object(p);
    case '[': return parse_array(p);
    case '"': return parse_string(p);
    case 't': lua_pushboolean(p->L, 1); return parse_word(p, "true");
    case 'f': lua_pushboolean(p->L, 0); return parse_word(p, "false");
    case 'n': tg_json_push_null(p->L); return parse_word(p, "null");
    default: return parse_number(p);
    }
}

static int push(lua_State *L, const char *text, size_t len, bool rounds, struct tg_err *err_r)
{
    int top = lua_gettop(L);
    struct parser p = {.L = L, .text = text, .at = text, .end = text + len, .err = err_r, .rounds = rounds};
    if (!lua_checkstack(L, 8))
        return tg_err_set(err_r, TG_ERR_BUSY, "no room on the Lua stack");
    skip_space(&p);
    bool good = parse_value(&p);
    if (good) {
        skip_space(&p);
        if (p.at != p.end)
            good = refuse(&p, p.at, "something behind the value");
    }
    if (!good) {
        lua_settop(L, top);
        return -1;
    }
    assert(lua_gettop(L) == top + 1);
    return 0;
}

int tg_json_push(lua_State *L, const char *text, size_t len, struct tg_err *err_r)
{
    return push(L, text, len, false, err_r);
}

/* --- the library -------------------------------------------------------------------------------------------------- */

static int decode(lua_State *L, bool rounds)
{
    struct tg_err err;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (push(L, text, len, rounds, &err) == 0)
        return 1;
    lua_pushnil(L);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, tg_errcode_name(err.code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, err.text);
    lua_setfield(L, -2, "detail");
    return 2;
}

/* decode(text) → value | nil, err */
static int l_decode(lua_State *L)
{
    return decode(L, false);
}

/* decode_rounded(text) → value | nil, err: of somebody who computes with doubles */
static int l_decode_rounded(lua_State *L)
{
    return decode(L, true);
}

/* encode(value) → text; what JSON cannot say is a bug and raises */
static int l_encode(lua_State *L)
{
    struct tg_err err;
    struct tg_strbuf out;
    luaL_checkany(L, 1);
    tg_strbuf_init(&out, ENCODE_MAX);
    int status = tg_json_write(L, 1, &out, &err);
    if (status == 0 && tg_strbuf_overflowed(&out))
        status = tg_err_set(&err, TG_ERR_BUG, "more than %u bytes of JSON", ENCODE_MAX);
    if (status == 0)
        lua_pushlstring(L, out.bytes, out.len);
    tg_strbuf_deinit(&out);
    return status == 0 ? 1 : luaL_error(L, "json.encode: %s", err.text);
}

/* array(t) → t, marked: it is written as a list even when it is empty */
static int l_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tg_json_mark_array(L, 1);
    return 1;
}

static int l_is_array(lua_State *L)
{
    lua_pushboolean(L, tg_json_is_array(L, 1));
    return 1;
}

static const luaL_Reg library[] = {{"decode", l_decode},     {"decode_rounded", l_decode_rounded},
                                   {"encode", l_encode},     {"array", l_array},
                                   {"is_array", l_is_array}, {NULL, NULL}};

void tg_json_open(lua_State *L)
{
    luaL_newlib(L, library);
    tg_json_push_null(L);
    lua_setfield(L, -2, "null");
}

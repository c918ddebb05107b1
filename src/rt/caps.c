/* caps - what a rule may call: the deck, text and log; decimals are in num.c, the others in caps_<name>.c. */
#include "rt/caps.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/utf8.h"
#include "rt/freeze.h"
#include "rt/num.h"

/* --- deck ---------------------------------------------------------------------------------------------------------- */

static struct tg_caps *caps_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static void push_steps(lua_State *L, const struct tg_deck_row *row)
{
    lua_createtable(L, row->n_steps, 0);
    for (int i = 0; i < row->n_steps; i++) {
        lua_createtable(L, 0, 2);
        lua_pushinteger(L, row->steps[i].after_s);
        lua_setfield(L, -2, "after_s");
        tg_num_push(L, row->steps[i].per_minute);
        lua_setfield(L, -2, "per_minute");
        lua_rawseti(L, -2, i + 1);
    }
}

/* Fields that say nothing (no fee, no minimum, no steps) are absent. */
static void push_row(lua_State *L, const struct tg_deck *deck, const struct tg_deck_row *row)
{
    lua_createtable(L, 0, 8);
    lua_pushinteger(L, (lua_Integer)tg_deck_row_number(deck, row));
    lua_setfield(L, -2, "number");
    lua_pushstring(L, row->prefix);
    lua_setfield(L, -2, "prefix");
    tg_num_push(L, row->per_minute);
    lua_setfield(L, -2, "per_minute");
    lua_pushinteger(L, row->initial_s);
    lua_setfield(L, -2, "initial_s");
    lua_pushinteger(L, row->increment_s);
    lua_setfield(L, -2, "increment_s");
    lua_pushinteger(L, row->min_s);
    lua_setfield(L, -2, "min_s");
    if (!tg_decimal_is_zero(row->connect_fee)) {
        tg_num_push(L, row->connect_fee);
        lua_setfield(L, -2, "connect_fee");
    }
    if (row->blocked) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "blocked");
    }
    if (row->n_steps > 0) {
        push_steps(L, row);
        lua_setfield(L, -2, "steps");
    }
}

/* find(digits, at_us[, windows]) → row | nil, until_us | nil: the same answer for every instant before until_us. */
static int l_deck_find(lua_State *L)
{
    size_t len;
    int64_t until_us = INT64_MAX;
    const struct tg_deck *deck = caps_of(L)->deck;
    const char *digits = luaL_checklstring(L, 1, &len);
    int64_t at_us = luaL_checkinteger(L, 2);
    struct tg_windows_arg arg = {L, lua_isnoneornil(L, 3) ? NULL : tg_windows_at(L, 3)};
    luaL_argcheck(L, lua_isnoneornil(L, 3) || arg.windows != NULL, 3, "windows expected");
    const struct tg_deck_row *row = NULL;
    if (deck != NULL)
        row = tg_deck_find(deck, digits, len, at_us, tg_windows_is_open, &arg, &until_us);
    if (row != NULL)
        push_row(L, deck, row);
    else
        lua_pushnil(L);
    if (until_us != INT64_MAX)
        lua_pushinteger(L, until_us);
    else
        lua_pushnil(L);
    return 2;
}

/* --- text ---------------------------------------------------------------------------------------------------------- */

static int l_starts_with(lua_State *L)
{
    size_t len, start_len;
    const char *text = luaL_checklstring(L, 1, &len), *start = luaL_checklstring(L, 2, &start_len);
    lua_pushboolean(L, start_len <= len && memcmp(text, start, start_len) == 0);
    return 1;
}

/* without(text, characters) → text with none of these characters. Looked up in a table: both may be long, and no limit
 * looks into a C function. */
static int l_without(lua_State *L)
{
    bool unwanted[256] = {false};
    size_t len, n_characters, clean = 0;
    const char *text = luaL_checklstring(L, 1, &len), *characters = luaL_checklstring(L, 2, &n_characters);
    for (size_t i = 0; i < n_characters; i++)
        unwanted[(unsigned char)characters[i]] = true;
    while (clean < len && !unwanted[(unsigned char)text[clean]])
        clean++;
    if (clean == len) {
        lua_settop(L, 1);
        return 1;
    }
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, len);
    memcpy(out, text, clean);
    size_t n = clean;
    for (size_t i = clean; i < len; i++)
        if (!unwanted[(unsigned char)text[i]])
            out[n++] = text[i];
    luaL_pushresultsize(&buffer, n);
    return 1;
}

/* is_digits(text): one or more of 0-9 and nothing else */
static int l_is_digits(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    lua_pushboolean(L, len > 0 && strspn(text, "0123456789") == len);
    return 1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int l_trim(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len), *end = text + len;
    while (text < end && is_space(*text))
        text++;
    while (end > text && is_space(end[-1]))
        end--;
    lua_pushlstring(L, text, (size_t)(end - text));
    return 1;
}

/* lower(text): A-Z only, in any locale */
static int l_lower(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, len);
    for (size_t i = 0; i < len; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    luaL_pushresultsize(&buffer, len);
    return 1;
}

#define SPLIT_MAX 1000

/* split(text, separator) → list; at most 1000 parts, the last holds the rest */
static int l_split(lua_State *L)
{
    size_t len, sep_len;
    const char *text = luaL_checklstring(L, 1, &len), *sep = luaL_checklstring(L, 2, &sep_len);
    luaL_argcheck(L, sep_len > 0, 2, "must not be empty");
    lua_newtable(L);
    const char *at = text, *end = text + len, *hit;
    lua_Integer n = 0;
    while (n + 1 < SPLIT_MAX && (hit = memmem(at, (size_t)(end - at), sep, sep_len)) != NULL) {
        lua_pushlstring(L, at, (size_t)(hit - at));
        lua_rawseti(L, -2, ++n);
        at = hit + sep_len;
    }
    lua_pushlstring(L, at, (size_t)(end - at));
    lua_rawseti(L, -2, n + 1);
    return 1;
}

/* --- log ----------------------------------------------------------------------------------------------------------- */

#define MESSAGE_MAX 500

/* One line of it, whatever the text. */
static void collect(struct tg_strbuf *log, enum tg_loglevel level, const char *message, size_t len)
{
    static const char *const starts[] = {"debug ", "info ", "warn ", "error "};
    tg_strbuf_append_str(log, starts[level]);
    for (size_t i = 0; i < len; i++)
        tg_strbuf_append_char(log, message[i] == '\n' ? ' ' : message[i]);
    tg_strbuf_append_char(log, '\n');
}

static int write_log(lua_State *L, enum tg_loglevel level)
{
    struct tg_caps *caps = caps_of(L);
    size_t len;
    const char *message = luaL_checklstring(L, 1, &len);
    if (len > MESSAGE_MAX)
        len = tg_utf8_valid_len(message, MESSAGE_MAX);
    if (caps->n_logged++ >= TG_CAPS_LOGGED_MAX)
        return 0;
    if (caps->log != NULL)
        collect(caps->log, level, message, len);
    else
        TG_LOG(level, "rules_message_logged", TG_LOG_STR("rule", caps->tag), TG_LOG_STRN("message", message, len));
    return 0;
}

static int l_log_info(lua_State *L)
{
    return write_log(L, TG_LOG_LEVEL_INFO);
}

static int l_log_warn(lua_State *L)
{
    return write_log(L, TG_LOG_LEVEL_WARN);
}

static int l_log_debug(lua_State *L)
{
    return write_log(L, TG_LOG_LEVEL_DEBUG);
}

/* --- by name ------------------------------------------------------------------------------------------------------- */

static const luaL_Reg deck_library[] = {{"find", l_deck_find}, {NULL, NULL}};
static const luaL_Reg text_library[] = {{"starts_with", l_starts_with},
                                        {"without", l_without},
                                        {"lower", l_lower},
                                        {"is_digits", l_is_digits},
                                        {"trim", l_trim},
                                        {"split", l_split},
                                        {NULL, NULL}};
static const luaL_Reg log_library[] = {{"info", l_log_info},
                                       {"warn", l_log_warn},
                                       {"debug", l_log_debug},
                                       {NULL, NULL}};

static void push_library(lua_State *L, const luaL_Reg *library, struct tg_caps *caps)
{
    lua_newtable(L);
    lua_pushlightuserdata(L, caps);
    luaL_setfuncs(L, library, 1);
}

bool tg_caps_push(lua_State *L, const char *name, struct tg_caps *caps)
{
    luaL_checkstack(L, 8, "capabilities");
    if (strcmp(name, "decimal") == 0)
        tg_num_open(L);
    else if (strcmp(name, "money") == 0)
        tg_caps_push_money(L);
    else if (strcmp(name, "fx") == 0)
        tg_caps_push_fx(L, caps);
    else if (strcmp(name, "flags") == 0)
        tg_caps_push_flags(L, caps);
    else if (strcmp(name, "calendar") == 0)
        tg_caps_push_calendar(L);
    else if (strcmp(name, "deck") == 0)
        push_library(L, deck_library, caps);
    else if (strcmp(name, "text") == 0)
        push_library(L, text_library, caps);
    else if (strcmp(name, "log") == 0)
        push_library(L, log_library, caps);
    else
        return false;
    lua_pushfstring(L, "cap.%s", name);
    lua_insert(L, -2);
    tg_freeze(L, lua_tostring(L, -2), true);
    lua_remove(L, -2);
    return true;
}

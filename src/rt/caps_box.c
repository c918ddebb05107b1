/* caps_box - the environment that rules run in: few names, none of them able to hang, crash or surprise.
 *
 * What is not here matters most: no setmetatable (finalizers and handlers run with hooks off), no
 * coroutine (hooks are not inherited), no load, no xpcall, no patterns. What is here and could take unbounded time in
 * one C call, where the count hook cannot see it, has bounds. What differs from process to process (the order of
 * pairs, the address that tostring prints) is made the same or refused.
 *
 * lua/core/allow.lua chooses among the names below; it cannot add one.
 */
#include "rt/caps.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "rt/freeze.h"
#include "rt/num.h"

#define TABLE_MAX 10000 /* entries of a table that a library function may go over */
#define TEXT_MAX (64 * 1024) /* result of string.rep */
#define SORTED_TEXT_MAX 256

#define LONG_LIST_MIN 1000 /* entries: above, a function may take a millisecond */

/* Has the clock looked at after the next instruction: a hundred of these would take too long. */
static void look_soon(lua_State *L, lua_Integer n)
{
    if (n > LONG_LIST_MIN && lua_gethookmask(L) == LUA_MASKCOUNT)
        lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
}

/* --- base ---------------------------------------------------------------------------------------------------------- */

/* As in Lua, but what a limit interrupted stays interrupted. Upvalue: the caps. */
static int l_pcall(lua_State *L)
{
    struct tg_caps *caps = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checkany(L, 1);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    if (status == LUA_ERRMEM)
        caps->killed = true;
    if (status == LUA_OK) {
        lua_pushboolean(L, 1);
        lua_insert(L, 1);
        return lua_gettop(L);
    }
    if (caps->killed)
        return lua_error(L);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

/* Whether the value at idx prints the same in every process. */
static bool is_printable(lua_State *L, int idx)
{
    switch (lua_type(L, idx)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING: return true;
    default: return tg_num_is(L, idx);
    }
}

static int l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    if (!is_printable(L, 1))
        return luaL_error(L, "tostring: a %s has no text", luaL_typename(L, 1));
    luaL_tolstring(L, 1, NULL);
    return 1;
}

struct key {
    bool is_int;
    lua_Integer number;
    const char *str;
    size_t len;
    lua_Integer place; /* in the list of keys */
};

static int compare_keys(const void *a_arg, const void *b_arg)
{
    const struct key *a = a_arg, *b = b_arg;
    if (a->is_int != b->is_int)
        return a->is_int ? -1 : 1;
    if (a->is_int)
        return a->number < b->number ? -1 : a->number > b->number;
    int order = memcmp(a->str, b->str, a->len < b->len ? a->len : b->len);
    return order != 0 ? order : a->len < b->len ? -1 : a->len > b->len;
}

/* Reads the key on the top; the table keeps its string alive. */
static struct key read_key(lua_State *L)
{
    struct key key = {0};
    key.is_int = lua_isinteger(L, -1);
    if (key.is_int)
        key.number = lua_tointeger(L, -1);
    else if (lua_type(L, -1) == LUA_TSTRING)
        key.str = lua_tolstring(L, -1, &key.len);
    else
        luaL_error(L, "keys must be strings or whole numbers, there is a %s", luaL_typename(L, -1));
    return key;
}

static lua_Integer count_entries(lua_State *L, int table)
{
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        if (++n > TABLE_MAX)
            luaL_error(L, "pairs: at most %d entries", TABLE_MAX);
    return n;
}

static void push_key(lua_State *L, const struct key *key)
{
    if (key->is_int)
        lua_pushinteger(L, key->number);
    else
        lua_pushlstring(L, key->str, key->len);
}

/* Pushes the list of the table's keys in order: integers ascending, then strings by bytes. */
static void push_sorted_keys(lua_State *L, int table, lua_Integer n)
{
    struct key *keys = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof(*keys), 0);
    lua_Integer i = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; i++) {
        lua_pop(L, 1);
        keys[i] = read_key(L);
    }
    assert(i == n);
    qsort(keys, (size_t)n, sizeof(*keys), compare_keys);
    lua_createtable(L, (int)n, 0);
    for (i = 0; i < n; i++) {
        push_key(L, &keys[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_remove(L, -2);
}

/* Upvalues: the keys, how many were given, the table itself. Entries removed meanwhile are passed over. */
static int l_next_sorted(lua_State *L)
{
    for (;;) {
        lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
        lua_pushinteger(L, i);
        lua_replace(L, lua_upvalueindex(2));
        lua_settop(L, 0);
        if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(3)) != LUA_TNIL)
            return 2;
    }
}

static int l_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    (void)tg_frozen_open(L, 2);
    const lua_Integer n = count_entries(L, 2);
    push_sorted_keys(L, 2, n);
    look_soon(L, n);
    lua_pushinteger(L, 0);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, l_next_sorted, 3);
    lua_pushvalue(L, 1);
    return 2;
}

/* next(table[, key]): in the order of pairs, so each step looks at all keys; made for "is it empty" and "the first". */
static int l_next(lua_State *L)
{
    struct key after, best = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    (void)tg_frozen_open(L, 1);
    const bool is_first = lua_isnil(L, 2);
    if (!is_first)
        after = read_key(L);
    lua_Integer n = 0;
    bool found = false;
    for (lua_pushnil(L); lua_next(L, 1) != 0;) {
        lua_pop(L, 1);
        if (++n > TABLE_MAX)
            luaL_error(L, "next: at most %d entries", TABLE_MAX);
        const struct key key = read_key(L);
        if ((is_first || compare_keys(&key, &after) > 0) && (!found || compare_keys(&key, &best) < 0)) {
            best = key;
            found = true;
        }
    }
    look_soon(L, n);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* --- string -------------------------------------------------------------------------------------------------------- */

static int l_rep(lua_State *L)
{
    size_t len, sep_len;
    (void)luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    (void)luaL_optlstring(L, 3, "", &sep_len);
    if (n > TEXT_MAX || (n > 0 && (len + sep_len) * (size_t)n > TEXT_MAX))
        return luaL_error(L, "string.rep: the result would be longer than %d bytes", TEXT_MAX);
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 3, 1);
    return 1;
}

/* find(text, part[, init[, plain]]): never a pattern. */
static int l_find(lua_State *L)
{
    size_t len, part_len;
    const char *text = luaL_checklstring(L, 1, &len), *part = luaL_checklstring(L, 2, &part_len);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    if (!lua_isnoneornil(L, 4) && !lua_toboolean(L, 4))
        return luaL_error(L, "string.find: there are no patterns here, only plain text");
    if (init < 0)
        init = init + (lua_Integer)len + 1 > 0 ? init + (lua_Integer)len + 1 : 1;
    if (init == 0)
        init = 1;
    if ((size_t)init > len + 1) {
        lua_pushnil(L);
        return 1;
    }
    const char *from = text + init - 1;
    const char *hit = part_len == 0 ? from : memmem(from, len - (size_t)(init - 1), part, part_len);
    if (hit == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, hit - text + 1);
    lua_pushinteger(L, hit - text + (lua_Integer)part_len);
    return 2;
}

/* format without addresses: no %p, and %s takes only what prints the same everywhere. */
static int l_format(lua_State *L)
{
    size_t len;
    const char *format = luaL_checklstring(L, 1, &len), *end = format + len;
    int arg = 1;
    for (const char *at = format; at < end; at++) {
        if (*at != '%')
            continue;
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (at >= end || *at == '%')
            continue;
        if (strchr("diuoxXcsaAeEfgG", *at) == NULL)
            return luaL_error(L, "string.format: the conversion '%%%c' is not available", *at);
        if (++arg <= lua_gettop(L) && *at == 's' && !is_printable(L, arg))
            return luaL_error(L, "string.format: a %s has no text", luaL_typename(L, arg));
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* --- table --------------------------------------------------------------------------------------------------------- */

/* Entries of the list at idx; 0: it is none. */
static size_t list_len(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TTABLE)
        return 0;
    lua_pushvalue(L, idx);
    (void)tg_frozen_open(L, -1);
    const size_t len = lua_rawlen(L, -1);
    lua_pop(L, 1);
    return len;
}

/* Runs the library's function (upvalue 1) when the table is of bounded size and so is every number given. */
static int l_bounded(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    for (int i = 1; i <= n; i++) {
        bool is_far = lua_isinteger(L, i) && (lua_tointeger(L, i) > TABLE_MAX || lua_tointeger(L, i) < -TABLE_MAX);
        bool is_big = list_len(L, i) > TABLE_MAX;
        /* The value of insert may be any number. */
        if (is_big || (is_far && !(lua_toboolean(L, lua_upvalueindex(2)) && i == n)))
            return luaL_error(L, "table: at most %d entries", TABLE_MAX);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

/* sort(table[, less]): without `less` the texts are short. The library compares 10,000 of them in one call, and each
 * comparison of two that are equal reads both to the end. */
static int l_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    if (tg_frozen_open(L, -1))
        return luaL_error(L, "table.sort: the table is read-only");
    lua_pop(L, 1);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    if (n > TABLE_MAX)
        return luaL_error(L, "table: at most %d entries", TABLE_MAX);
    for (lua_Integer i = 1; lua_isnoneornil(L, 2) && i <= n; i++) {
        if (lua_rawgeti(L, 1, i) == LUA_TSTRING && lua_rawlen(L, -1) > SORTED_TEXT_MAX)
            return luaL_error(L, "table.sort: texts have at most %d bytes", SORTED_TEXT_MAX);
        lua_pop(L, 1);
    }
    look_soon(L, n);
    return l_bounded(L);
}

/* --- the environment ------------------------------------------------------------------------------------------------- */

struct name {
    const char *library, *name;
    lua_CFunction ours; /* NULL: as the library has it. Upvalue 1: the library's own; of pcall: the caps */
};
static const struct name names[] = {
    {"base", "assert", NULL},       {"base", "error", NULL},        {"base", "ipairs", NULL},
    {"base", "next", l_next},       {"base", "pairs", l_pairs},     {"base", "pcall", l_pcall},
    {"base", "select", NULL},       {"base", "tonumber", NULL},     {"base", "tostring", l_tostring},
    {"base", "type", NULL},         {"string", "byte", NULL},       {"string", "char", NULL},
    {"string", "find", l_find},     {"string", "format", l_format}, {"string", "len", NULL},
    {"string", "lower", NULL},      {"string", "upper", NULL},      {"string", "rep", l_rep},
    {"string", "reverse", NULL},    {"string", "sub", NULL},        {"table", "concat", l_bounded},
    {"table", "insert", l_bounded}, {"table", "move", l_bounded},   {"table", "remove", l_bounded},
    {"table", "sort", l_sort},      {"table", "unpack", l_bounded}, {"math", "abs", NULL},
    {"math", "ceil", NULL},         {"math", "floor", NULL},        {"math", "max", NULL},
    {"math", "maxinteger", NULL},   {"math", "min", NULL},          {"math", "mininteger", NULL},
    {"math", "tointeger", NULL},    {"math", "type", NULL},         {"math", "ult", NULL},
};

static const struct name *find_name(const char *library, const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].library, library) == 0 && strcmp(names[i].name, name) == 0)
            return &names[i];
    return NULL;
}

/* Pushes what Lua's own library has under the name. It is taken from a state of its own: opening a library here would
 * give the string metatable and the globals of a test's state new values. Library functions have no upvalues. */
static void push_original(lua_State *L, lua_State *libraries, const struct name *name)
{
    if (strcmp(name->library, "base") == 0)
        lua_pushglobaltable(libraries);
    else
        lua_getglobal(libraries, name->library);
    lua_getfield(libraries, -1, name->name);
    if (lua_isinteger(libraries, -1))
        lua_pushinteger(L, lua_tointeger(libraries, -1));
    else
        lua_pushcfunction(L, lua_tocfunction(libraries, -1));
    lua_pop(libraries, 2);
}

static void push_name(lua_State *L, lua_State *libraries, const struct name *name, struct tg_caps *caps)
{
    if (name->ours == l_pcall)
        lua_pushlightuserdata(L, caps);
    else
        push_original(L, libraries, name);
    assert(!lua_isnil(L, -1));
    if (name->ours != NULL) {
        lua_pushboolean(L, strcmp(name->name, "insert") == 0);
        lua_pushcclosure(L, name->ours, 2);
    }
}

static int l_close_libraries(lua_State *L)
{
    lua_State **libraries = lua_touserdata(L, 1);
    if (*libraries != NULL)
        lua_close(*libraries);
    *libraries = NULL;
    return 0;
}

/* Pushes a value that closes the state when it is collected, so that an error in between leaves nothing behind. */
static lua_State *push_libraries(lua_State *L)
{
    lua_State **libraries = lua_newuserdatauv(L, sizeof(*libraries), 0);
    *libraries = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_close_libraries);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *libraries = luaL_newstate();
    if (*libraries == NULL)
        luaL_error(L, "not enough memory");
    luaL_openlibs(*libraries);
    return *libraries;
}

/* Pushes a table with the names of the list at `list`. */
static void push_library(lua_State *L, lua_State *libraries, const char *library, int list, struct tg_caps *caps)
{
    lua_newtable(L);
    int to = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
        const char *wanted = lua_tostring(L, -1);
        const struct name *name = find_name(library, wanted);
        if (name == NULL)
            luaL_error(L, "allow: %s.%s is not for rules", library, wanted == NULL ? "?" : wanted);
        push_name(L, libraries, name, caps);
        lua_setfield(L, to, name->name);
        lua_pop(L, 1);
    }
    lua_settop(L, to);
}

void tg_caps_push_allow_all(lua_State *L)
{
    luaL_checkstack(L, 4, "environment");
    lua_newtable(L);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        luaL_getsubtable(L, -1, names[i].library);
        lua_pushstring(L, names[i].name);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pop(L, 1);
    }
}

void tg_caps_push_env(lua_State *L, int allow, struct tg_caps *caps)
{
    luaL_checkstack(L, 16, "environment");
    allow = lua_absindex(L, allow);
    lua_State *libraries = push_libraries(L);
    int holder = lua_gettop(L), env = holder + 2;
    if (lua_getfield(L, allow, "string") != LUA_TTABLE || lua_getfield(L, allow, "base") != LUA_TTABLE)
        luaL_error(L, "allow: the lists 'base' and 'string' must be there");
    lua_remove(L, -2);
    push_library(L, libraries, "base", holder + 1, caps);
    for (lua_pushnil(L); lua_next(L, allow) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TTABLE)
            luaL_error(L, "allow: lists by library expected");
        const char *library = lua_tostring(L, -2);
        if (strcmp(library, "base") == 0)
            continue;
        push_library(L, libraries, library, lua_gettop(L), caps);
        tg_freeze(L, library, true);
        lua_setfield(L, env, library);
    }
    lua_close(libraries);
    *(lua_State **)lua_touserdata(L, holder) = NULL;
    lua_replace(L, holder);
    lua_settop(L, holder);
    tg_freeze(L, "the environment of rules", true);
}

void tg_caps_lock_strings(lua_State *L, int env)
{
    env = lua_absindex(L, env);
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_getfield(L, env, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

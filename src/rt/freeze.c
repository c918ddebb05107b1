/* freeze - read-only tables, through everything that can be reached.
 *
 * Walked with a list of what is to do instead of by recursion: a list of a million tables is no deeper than one.
 */
#include "rt/freeze.h"

#include <lauxlib.h>

#define THAW_DEPTH_MAX 16
#define LIBRARY_LEVELS 4 /* functions between the rule and the metamethod, at most */

static const char frozen_key; /* its address is the __metatable of a frozen table */

/* Raises the text on the top with the file and line of the rule, also when a function of the library is in between. */
static int raise_here(lua_State *L)
{
    const int text = lua_gettop(L);
    for (int level = 1; level <= LIBRARY_LEVELS; level++) {
        luaL_where(L, level);
        if (lua_rawlen(L, -1) > 0)
            break;
    }
    lua_pushvalue(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}

static int l_no_write(lua_State *L)
{
    lua_pushfstring(L, "%s is read-only", lua_tostring(L, lua_upvalueindex(1)));
    return raise_here(L);
}

static int l_no_name(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
    lua_pushfstring(L, "%s has no '%s'", lua_tostring(L, lua_upvalueindex(1)), name);
    return raise_here(L);
}

static int l_len(lua_State *L)
{
    (void)tg_frozen_open(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1));
    return 1;
}

bool tg_frozen_open(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TTABLE)
        return false;
    idx = lua_absindex(L, idx);
    if (!lua_getmetatable(L, idx))
        return false;
    lua_pushliteral(L, "__metatable");
    lua_rawget(L, -2);
    const bool is_frozen = lua_touserdata(L, -1) == &frozen_key;
    lua_pop(L, 1);
    if (is_frozen) {
        lua_pushliteral(L, "__index");
        lua_rawget(L, -2);
        lua_replace(L, idx);
    }
    lua_pop(L, 1);
    return is_frozen;
}

/* Stack places of one tg_freeze(). */
struct walk {
    lua_State *L;
    int seen; /* table → its frozen one, function → true */
    int todo; /* list of tables and functions */
    lua_Integer n_todo;
};

static void do_later(struct walk *w, int idx)
{
    lua_pushvalue(w->L, idx);
    lua_rawseti(w->L, w->todo, ++w->n_todo);
}

/* Pushes a read-only view of the table at idx. */
static void push_view(lua_State *L, int idx, const char *what)
{
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 4);
    lua_pushvalue(L, idx);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, what);
    lua_pushcclosure(L, l_no_write, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, l_len);
    lua_setfield(L, -2, "__len");
    lua_pushlightuserdata(L, (void *)&frozen_key);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

static void be_strict(lua_State *L, int idx, const char *what)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, what);
    lua_pushcclosure(L, l_no_name, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, idx);
}

/* Takes the value on the top and leaves what stands for it; true when that is another one. */
static bool freeze_value(struct walk *w, const char *what, bool strict)
{
    lua_State *L = w->L;
    const int value = lua_gettop(L), type = lua_type(L, value);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION)
        return false;
    lua_pushvalue(L, value);
    if (lua_rawget(L, w->seen) != LUA_TNIL) {
        if (type == LUA_TTABLE)
            lua_replace(L, value);
        lua_settop(L, value);
        return type == LUA_TTABLE;
    }
    lua_pop(L, 1);
    if (type == LUA_TTABLE && lua_getmetatable(L, value)) { /* frozen already: rules make no others */
        lua_pop(L, 1);
        return false;
    }
    do_later(w, value);
    lua_pushvalue(L, value);
    if (type == LUA_TFUNCTION) {
        lua_pushboolean(L, 1);
        lua_rawset(L, w->seen);
        return false;
    }
    push_view(L, value, what);
    lua_pushvalue(L, -1);
    lua_insert(L, value + 1);
    lua_rawset(L, w->seen);
    if (strict)
        be_strict(L, value, what);
    lua_remove(L, value);
    return true;
}

static void walk_table(struct walk *w, int table)
{
    lua_State *L = w->L;
    for (lua_pushnil(L); lua_next(L, table) != 0;) {
        const int key = lua_gettop(L) - 1;
        if (lua_type(L, key) == LUA_TTABLE)
            luaL_error(L, "a table that outlives the call has a table as a key");
        if (lua_type(L, key) == LUA_TFUNCTION) {
            lua_pushvalue(L, key);
            (void)freeze_value(w, "", false);
            lua_settop(L, key + 1);
        }
        if (freeze_value(w, lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key) : "a list", false)) {
            lua_pushvalue(L, key);
            lua_insert(L, key + 1);
            lua_rawset(L, table); /* a key that is there: lua_next goes on */
        } else {
            lua_pop(L, 1);
        }
    }
}

/* Of the functions that we give to rules only what pairs() returns has a table, and a place in it that moves. */
static void check_cfunction(lua_State *L, int function)
{
    for (int i = 1; lua_getupvalue(L, function, i) != NULL; i++) {
        if (lua_istable(L, -1))
            luaL_error(L, "what pairs() returns must not outlive the call: it remembers how far it came");
        lua_pop(L, 1);
    }
}

static void walk_function(struct walk *w, int function)
{
    lua_State *L = w->L;
    const char *name;
    if (lua_iscfunction(L, function)) {
        check_cfunction(L, function);
        return;
    }
    for (int i = 1; (name = lua_getupvalue(L, function, i)) != NULL; i++) {
        if (freeze_value(w, name, false))
            lua_setupvalue(L, function, i);
        else
            lua_pop(L, 1);
    }
}

void tg_freeze(lua_State *L, const char *what, bool strict)
{
    luaL_checkstack(L, 12, "freeze");
    const int root = lua_gettop(L);
    lua_newtable(L);
    lua_newtable(L);
    struct walk w = {L, root + 1, root + 2, 0};
    lua_pushvalue(L, root);
    (void)freeze_value(&w, what, strict);
    lua_replace(L, root);
    while (w.n_todo > 0) {
        const int item = lua_gettop(L) + 1;
        lua_rawgeti(L, w.todo, w.n_todo);
        lua_pushnil(L);
        lua_rawseti(L, w.todo, w.n_todo--);
        if (lua_type(L, item) == LUA_TTABLE)
            walk_table(&w, item);
        else
            walk_function(&w, item);
        lua_settop(L, item - 1);
    }
    lua_settop(L, root);
}

/* Copies the table at idx onto the top. */
static void copy_table(lua_State *L, int idx, int depth)
{
    if (depth > THAW_DEPTH_MAX)
        luaL_error(L, "the result is deeper than %d", THAW_DEPTH_MAX);
    luaL_checkstack(L, 8, "thaw");
    lua_pushvalue(L, idx);
    (void)tg_frozen_open(L, -1);
    const int from = lua_gettop(L), to = from + 1;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, from) != 0;) {
        if (lua_istable(L, -1)) {
            copy_table(L, to + 2, depth + 1);
            lua_replace(L, to + 2);
        }
        lua_pushvalue(L, to + 1);
        lua_insert(L, to + 1);
        lua_rawset(L, to);
    }
    lua_remove(L, from);
}

void tg_thaw(lua_State *L, int idx)
{
    idx = lua_absindex(L, idx);
    if (!lua_istable(L, idx))
        return;
    copy_table(L, idx, 0);
    lua_replace(L, idx);
}

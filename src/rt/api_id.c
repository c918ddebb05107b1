/* api_id - tg.id: TypeIDs (base/id.h). Text at the edges, sixteen bytes inside. */
#include <lauxlib.h>
#include <string.h>

#include "base/id.h"
#include "rt/vm_private.h"

/* The prefix at idx: 1 to 16 lower-case letters, else it raises (the code's mistake, not a client's). */
static const char *check_prefix(lua_State *L, int idx)
{
    size_t len;
    const char *prefix = luaL_checklstring(L, idx, &len);
    luaL_argcheck(L, len >= 1 && len <= TG_ID_PREFIX_MAX && strspn(prefix, "abcdefghijklmnopqrstuvwxyz") == len, idx,
                  "a prefix is 1 to 16 lower-case letters");
    return prefix;
}

/* new("co") → "co_01h2xcejqtf2nbrexx3vqjhp41" */
static int l_new(lua_State *L)
{
    char text[TG_ID_TEXT_SIZE];
    lua_pushlstring(L, text, tg_id_format(tg_id_new(), check_prefix(L, 1), text));
    return 1;
}

/* parse(text, "co") → 16 bytes | nil, err */
static int l_parse(lua_State *L)
{
    struct tg_id id;
    struct tg_err err;
    const char *prefix = check_prefix(L, 2);
    if (lua_type(L, 1) != LUA_TSTRING) {
        tg_err_set(&err, TG_ERR_INPUT, "an id is a string, %s_…", prefix);
    } else {
        size_t len;
        const char *text = lua_tolstring(L, 1, &len);
        if (tg_id_parse(text, len, prefix, &id, &err) == 0) {
            lua_pushlstring(L, (const char *)id.bytes, sizeof(id.bytes));
            return 1;
        }
    }
    lua_pushnil(L);
    tg_push_err(L, &err);
    return 2;
}

/* format(bytes, "co") → text */
static int l_format(lua_State *L)
{
    char text[TG_ID_TEXT_SIZE];
    struct tg_id id;
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len == sizeof(id.bytes), 1, "16 bytes expected");
    memcpy(id.bytes, bytes, sizeof(id.bytes));
    lua_pushlstring(L, text, tg_id_format(id, check_prefix(L, 2), text));
    return 1;
}

/* is(value, "co") → boolean */
static int l_is(lua_State *L)
{
    struct tg_id id;
    struct tg_err err;
    size_t len;
    const char *prefix = check_prefix(L, 2), *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &len) : NULL;
    lua_pushboolean(L, text != NULL && tg_id_parse(text, len, prefix, &id, &err) == 0);
    return 1;
}

int tg_api_open_id(lua_State *L)
{
    static const luaL_Reg library[] = {
        {"new", l_new}, {"parse", l_parse}, {"format", l_format}, {"is", l_is}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

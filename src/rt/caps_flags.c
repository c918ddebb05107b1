/* caps_flags - the feature flags of the call's snapshot, as a capability of rules. A flag that is not there is off. */
#include "rt/caps.h"

#include <jansson.h>
#include <lauxlib.h>

static const json_t *flag_at(lua_State *L, int idx)
{
    const struct tg_caps *caps = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, idx, LUA_TSTRING);
    return json_object_get(caps->flags, lua_tostring(L, idx)); /* NULL also when there are none */
}

/* is_on(name): whether it is true */
static int l_is_on(lua_State *L)
{
    lua_pushboolean(L, json_is_true(flag_at(L, 1)));
    return 1;
}

/* get(name) → true, false, a whole number, a text; nil when it is not set or nothing of these */
static int l_get(lua_State *L)
{
    const json_t *flag = flag_at(L, 1);
    if (json_is_boolean(flag))
        lua_pushboolean(L, json_is_true(flag));
    else if (json_is_integer(flag))
        lua_pushinteger(L, json_integer_value(flag));
    else if (json_is_string(flag))
        lua_pushlstring(L, json_string_value(flag), json_string_length(flag));
    else
        lua_pushnil(L);
    return 1;
}

static const luaL_Reg library[] = {{"is_on", l_is_on}, {"get", l_get}, {NULL, NULL}};

void tg_caps_push_flags(lua_State *L, struct tg_caps *caps)
{
    luaL_newlibtable(L, library);
    lua_pushlightuserdata(L, caps);
    luaL_setfuncs(L, library, 1);
}

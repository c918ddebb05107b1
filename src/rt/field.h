/* field - fields of the Lua table on top of the stack. */
#ifndef TG_RT_FIELD_H
#define TG_RT_FIELD_H

#include <stdint.h>

#include <lua.h>

/* NULL: the field stays away. */
static inline void tg_field_set_str(lua_State *L, const char *name, const char *value)
{
    if (value == NULL)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static inline void tg_field_set_int(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

#endif

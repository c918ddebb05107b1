/* api_secrets - tg.secrets: sealing under the master keys, which Lua never sees. */
#include "rt/api_secrets.h"

#include <lauxlib.h>

#include "base/keyring.h"
#include "rt/api_db.h"

static const struct tg_keyring *ring_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static struct tg_purpose check_purpose(lua_State *L, int at)
{
    struct tg_purpose purpose;
    purpose.bytes = luaL_checklstring(L, at, &purpose.len);
    luaL_argcheck(L, purpose.len >= 1 && purpose.len <= 1000, at, "1 to 1000 bytes");
    return purpose;
}

/* newest() → the id of the key that seals | nil without one */
static int l_newest(lua_State *L)
{
    const struct tg_keyring *ring = ring_of(L);
    if (ring == NULL)
        lua_pushnil(L);
    else
        lua_pushlstring(L, (const char *)tg_keyring_newest(ring), TG_KEY_ID_LEN);
    return 1;
}

/* seal(text, purpose) → bytes | nil, err */
static int l_seal(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len;
    const struct tg_keyring *ring = ring_of(L);
    const char *text = luaL_checklstring(L, 1, &len);
    struct tg_purpose purpose = check_purpose(L, 2);
    luaL_argcheck(L, len <= TG_SEAL_MAX, 1, "too long");
    if (ring == NULL)
        return tg_return_not_configured(L, "a master key");
    tg_keyring_seal(ring, purpose, text, len, (uint8_t *)luaL_buffinitsize(L, &buffer, len + TG_KEYRING_OVERHEAD));
    luaL_pushresultsize(&buffer, len + TG_KEYRING_OVERHEAD);
    return 1;
}

/* open(sealed, purpose) → text | nil, err */
static int l_open(lua_State *L)
{
    luaL_Buffer buffer;
    struct tg_err err;
    size_t len;
    const struct tg_keyring *ring = ring_of(L);
    const char *sealed = luaL_checklstring(L, 1, &len);
    struct tg_purpose purpose = check_purpose(L, 2);
    if (ring == NULL)
        return tg_return_not_configured(L, "a master key");
    size_t text_len = len > TG_KEYRING_OVERHEAD ? len - TG_KEYRING_OVERHEAD : 0;
    uint8_t *out = (uint8_t *)luaL_buffinitsize(L, &buffer, text_len + 1);
    int rc = tg_keyring_open(ring, purpose, (const uint8_t *)sealed, len, out, &err);
    luaL_pushresultsize(&buffer, rc == 0 ? text_len : 0);
    return rc == 0 ? 1 : tg_return_err(L, &err);
}

int tg_api_open_secrets(lua_State *L)
{
    static const luaL_Reg library[] = {{"newest", l_newest}, {"seal", l_seal}, {"open", l_open}, {NULL, NULL}};
    luaL_newlibtable(L, library);
    lua_pushvalue(L, 1); /* the key ring */
    luaL_setfuncs(L, library, 1);
    return 1;
}

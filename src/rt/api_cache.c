/* api_cache - tg.cache: texts kept for a while in this VM (cache.h). The key of an entry is "namespace NUL key". */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "rt/cache.h"
#include "rt/vm_private.h"

#define BYTES_MAX (8u << 20)
#define KEY_LEN_MAX 500
#define TTL_MAX_MS 86400000

struct cache_key {
    char bytes[KEY_LEN_MAX + 2];
    size_t len;
};

static struct tg_cache *cache_of(lua_State *L)
{
    return *(struct tg_cache **)lua_touserdata(L, lua_upvalueindex(1));
}

static void check_key(lua_State *L, struct cache_key *key)
{
    size_t ns_len, len;
    const char *ns = luaL_checklstring(L, 1, &ns_len), *name = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, ns_len + len <= KEY_LEN_MAX && strlen(ns) == ns_len, 2, "the key is too long");
    memcpy(key->bytes, ns, ns_len + 1);
    memcpy(key->bytes + ns_len + 1, name, len);
    key->len = ns_len + 1 + len;
}

/* get(namespace, key) → value | nil */
static int l_get(lua_State *L)
{
    struct cache_key key;
    size_t len;
    check_key(L, &key);
    const char *value = tg_cache_get(cache_of(L), key.bytes, key.len, tg_clock_mono_us(), &len);
    if (value == NULL)
        lua_pushnil(L);
    else
        lua_pushlstring(L, value, len);
    return 1;
}

/* put(namespace, key, value, ttl_ms) */
static int l_put(lua_State *L)
{
    struct cache_key key;
    size_t len;
    check_key(L, &key);
    const char *value = luaL_checklstring(L, 3, &len);
    lua_Integer ttl_ms = luaL_checkinteger(L, 4);
    luaL_argcheck(L, ttl_ms > 0 && ttl_ms <= TTL_MAX_MS, 4, "1 ms to one day");
    tg_cache_put(cache_of(L), key.bytes, key.len, value, len, tg_clock_mono_us() + (uint64_t)ttl_ms * 1000);
    return 0;
}

/* drop(namespace, key) */
static int l_drop(lua_State *L)
{
    struct cache_key key;
    check_key(L, &key);
    tg_cache_drop(cache_of(L), key.bytes, key.len);
    return 0;
}

static int l_stats(lua_State *L)
{
    struct tg_cache_stats stats = tg_cache_stats_get(cache_of(L));
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {{"hits", stats.hits},
                  {"misses", stats.misses},
                  {"evicted", stats.evicted},
                  {"n", stats.n},
                  {"bytes", stats.bytes}};
    lua_createtable(L, 0, 5);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        lua_pushinteger(L, (lua_Integer)fields[i].value);
        lua_setfield(L, -2, fields[i].name);
    }
    return 1;
}

static int l_gc(lua_State *L)
{
    tg_cache_free(lua_touserdata(L, 1));
    return 0;
}

int tg_api_open_cache(lua_State *L)
{
    static const luaL_Reg library[] = {
        {"get", l_get}, {"put", l_put}, {"drop", l_drop}, {"stats", l_stats}, {NULL, NULL}};
    luaL_newlibtable(L, library);
    struct tg_cache **slot = lua_newuserdatauv(L, sizeof(*slot), 0);
    *slot = tg_cache_new(BYTES_MAX);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    luaL_setfuncs(L, library, 1);
    return 1;
}

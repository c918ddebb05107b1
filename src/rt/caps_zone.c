/* caps_zone - time zones for the calendar of rules. */
#include "rt/caps_zone.h"

#include <stdbool.h>
#include <string.h>

#include <lauxlib.h>

#define SECOND_US INT64_C(1000000)

static const char zone_key, zones_key; /* addresses: the metatable and the table of zones met */

static int l_zone_gc(lua_State *L)
{
    GTimeZone **zone = lua_touserdata(L, 1);
    if (*zone != NULL)
        g_time_zone_unref(*zone);
    *zone = NULL;
    return 0;
}

void tg_zone_push_metatable(lua_State *L, const char *key, lua_CFunction gc)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    if (gc != NULL) {
        lua_pushcfunction(L, gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* One zone has one name: a folder's name with two slashes is the same file, and would be kept once more. */
static bool is_zone_name(const char *name, size_t len)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    return len > 0 && len < 64 && strspn(name, good) == len && name[0] != '/' && name[len - 1] != '/' &&
           strstr(name, "//") == NULL;
}

static GTimeZone *load_zone(lua_State *L, const char *name, size_t len)
{
    GTimeZone **zone = lua_newuserdatauv(L, sizeof(*zone), 0);
    *zone = NULL;
    tg_zone_push_metatable(L, &zone_key, l_zone_gc);
    lua_setmetatable(L, -2);
    if (is_zone_name(name, len))
        *zone = g_time_zone_new_identifier(name);
    if (*zone == NULL)
        luaL_error(L, "timezone: there is no zone '%s'", name);
    return *zone;
}

GTimeZone *tg_zone_push(lua_State *L, int idx)
{
    size_t len;
    const char *name = luaL_checklstring(L, idx, &len);
    idx = lua_absindex(L, idx);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &zones_key) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &zones_key);
    }
    lua_pushvalue(L, idx);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        (void)load_zone(L, name, len);
        lua_pushvalue(L, idx);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_remove(L, -2);
    return *(GTimeZone **)lua_touserdata(L, -1);
}

int64_t tg_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t tg_zone_offset(GTimeZone *zone, int64_t at_s)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s));
}

int64_t tg_zone_next_change(GTimeZone *zone, int64_t at_s, int64_t end_s)
{
    int here = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at_s);
    if (g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, end_s) == here)
        return end_s;
    int64_t same = at_s, other = end_s;
    while (other - same > 1) {
        int64_t middle = same + (other - same) / 2;
        if (g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, middle) == here)
            same = middle;
        else
            other = middle;
    }
    return other;
}

/* What is shown at local_s had the offset of the day before or has that of the day after; an offset is right when it
 * is in force at the instant it leads to. In a gap neither is, and the change lies between the two instants. */
int64_t tg_zone_utc_us(GTimeZone *zone, int64_t local_us)
{
    int64_t local_s = tg_floor_div(local_us, SECOND_US), fraction_us = local_us - local_s * SECOND_US;
    int64_t before_s = local_s - tg_zone_offset(zone, local_s - TG_DAY_S);
    int64_t after_s = local_s - tg_zone_offset(zone, local_s + TG_DAY_S);
    bool before_is = before_s + tg_zone_offset(zone, before_s) == local_s;
    bool after_is = after_s + tg_zone_offset(zone, after_s) == local_s;
    if (before_is && (!after_is || before_s <= after_s))
        return before_s * SECOND_US + fraction_us;
    if (after_is)
        return after_s * SECOND_US + fraction_us;
    return tg_zone_next_change(zone, after_s, before_s) * SECOND_US;
}

/* api_log - tg.log: events of the application, with the request and the company of the coroutine added.
 *
 *     tg.log.info("wallet_topup_finished", { amount = amount, usecs = took })
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "rt/num.h"
#include "rt/vm_private.h"

#define FIELDS_MAX 24

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct tg_logfield *)a)->key, ((const struct tg_logfield *)b)->key);
}

/* The value on top as a field. What has to be made text stays on the stack below the key. */
static struct tg_logfield field_of(lua_State *L, const char *key, int texts)
{
    size_t len;
    const char *str;
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: return TG_LOG_BOOL(key, lua_toboolean(L, -1));
    case LUA_TSTRING: str = lua_tolstring(L, -1, &len); return TG_LOG_STRN(key, str, len);
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            return TG_LOG_INT(key, lua_tointeger(L, -1));
        break;
    default:
        if (!tg_num_is(L, -1))
            return TG_LOG_STR(key, luaL_typename(L, -1));
    }
    str = luaL_tolstring(L, -1, &len);
    lua_rawseti(L, texts, (lua_Integer)lua_rawlen(L, texts) + 1);
    return TG_LOG_STRN(key, str, len);
}

static int log_event(lua_State *L, enum tg_loglevel level)
{
    struct tg_logfield fields[FIELDS_MAX + 3];
    char company[TG_ID_TEXT_SIZE];
    size_t n = 0;
    const char *name = luaL_checkstring(L, 1);
    const struct tg_co_context *ctx = tg_co_context(L);
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_newtable(L); /* 3: anchors the texts made here */
    for (lua_pushnil(L); lua_istable(L, 2) && lua_next(L, 2) != 0 && n < FIELDS_MAX; lua_settop(L, 4)) {
        if (lua_type(L, 4) == LUA_TSTRING)
            fields[n++] = field_of(L, lua_tostring(L, 4), 3);
    }
    qsort(fields, n, sizeof(*fields), by_key);
    if (ctx->request_id[0] != '\0')
        fields[n++] = TG_LOG_STR("request_id", ctx->request_id);
    if (ctx->principal != NULL) {
        tg_id_format(ctx->principal->company, "co", company);
        fields[n++] = TG_LOG_STR("company", company);
    }
    fields[n] = TG_LOG_END;
    tg_log_event(level, name, fields);
    return 0;
}

static int l_debug(lua_State *L)
{
    return log_event(L, TG_LOG_LEVEL_DEBUG);
}

static int l_info(lua_State *L)
{
    return log_event(L, TG_LOG_LEVEL_INFO);
}

static int l_warn(lua_State *L)
{
    return log_event(L, TG_LOG_LEVEL_WARN);
}

static int l_error(lua_State *L)
{
    return log_event(L, TG_LOG_LEVEL_ERROR);
}

int tg_api_open_log(lua_State *L)
{
    static const luaL_Reg library[] = {
        {"debug", l_debug}, {"info", l_info}, {"warn", l_warn}, {"error", l_error}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

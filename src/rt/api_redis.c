/* api_redis - tg.redis.call("GET", key): one command, its reply as a Lua value. Redis may be away at any time. */
#include <hiredis/hiredis.h>
#include <string.h>

#include <lauxlib.h>

#include "rt/api_db.h"
#include "rt/json.h"
#include "rt/num.h"

#define ARGUMENTS_MAX 64
#define REPLY_DEPTH_MAX 8

static void push_reply(lua_State *L, const struct redisReply *reply, int depth)
{
    luaL_checkstack(L, 4, "a reply");
    switch (reply->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR: lua_pushlstring(L, reply->str, (size_t)reply->len); break;
    case REDIS_REPLY_INTEGER: lua_pushinteger(L, reply->integer); break;
    case REDIS_REPLY_ARRAY:
        if (depth == REPLY_DEPTH_MAX)
            luaL_error(L, "redis: a reply nested too deep");
        lua_createtable(L, (int)reply->elements, 0);
        tg_json_mark_array(L, -1);
        for (size_t i = 0; i < reply->elements; i++) {
            push_reply(L, reply->element[i], depth + 1);
            if (lua_isnil(L, -1)) { /* an absent element keeps its place */
                lua_pop(L, 1);
                lua_pushboolean(L, 0);
            }
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    default: lua_pushnil(L);
    }
}

static int push_answer(lua_State *L, void *arg)
{
    push_reply(L, arg, 0);
    return 1;
}

static void on_reply(const struct redisReply *reply, const struct tg_err *err, void *arg)
{
    struct tg_await *aw = arg;
    if (err != NULL)
        tg_await_resume_err(&aw, err);
    else
        tg_await_resume(&aw, push_answer, (void *)reply);
}

/* call(command, …) → value | nil | nil, err. Inside an array an absent value is false. */
static int l_call(lua_State *L)
{
    const char *argv[ARGUMENTS_MAX];
    size_t argv_len[ARGUMENTS_MAX];
    const struct tg_co *co = tg_co_of(L);
    int argc = lua_gettop(L);
    luaL_argcheck(L, argc >= 1 && argc <= ARGUMENTS_MAX, 1, "1 to 64 words");
    if (co->tx != NULL)
        return luaL_error(L, "tg.redis inside a transaction: rows would be locked while it waits");
    for (int i = 1; i <= argc; i++) {
        if (lua_type(L, i) != LUA_TSTRING && !lua_isinteger(L, i) && !tg_num_is(L, i))
            return luaL_argerror(L, i, "a string, an integer or a decimal expected");
        if (lua_type(L, i) != LUA_TSTRING) {
            luaL_tolstring(L, i, NULL);
            lua_replace(L, i);
        }
        argv[i - 1] = lua_tolstring(L, i, &argv_len[i - 1]);
    }
    if (co->vm->attached && co->vm->services.redis == NULL)
        return tg_return_not_configured(L, "Redis");
    struct tg_await *aw = tg_await_new(L);
    tg_redis_command(co->vm->services.redis, argc, argv, argv_len, tg_co_deadline_ms(L), on_reply, aw);
    return tg_await_yield(L, aw);
}

int tg_api_open_redis(lua_State *L)
{
    static const luaL_Reg library[] = {{"call", l_call}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

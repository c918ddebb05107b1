/* api_context - tg.context, tg.locals, tg.assume, tg.within: for whom, and until when, the running coroutine works. */
#include <lauxlib.h>
#include <string.h>

#include "rt/vm_private.h"

/* context() → {request_id=, company=?, actor=?, session=?} */
static int l_context(lua_State *L)
{
    const struct tg_co_context *ctx = tg_co_context(L);
    char text[TG_ID_TEXT_SIZE];
    lua_createtable(L, 0, 3);
    lua_pushstring(L, ctx->request_id);
    lua_setfield(L, -2, "request_id");
    if (ctx->principal != NULL) {
        lua_pushlstring(L, text, tg_id_format(ctx->principal->company, "co", text));
        lua_setfield(L, -2, "company");
        lua_pushlstring(L, text, tg_id_format(ctx->principal->actor, ctx->principal->actor_prefix, text));
        lua_setfield(L, -2, "actor");
        if (ctx->principal->has_session) {
            lua_pushlstring(L, text, tg_id_format(ctx->principal->session, "ses", text));
            lua_setfield(L, -2, "session");
        }
    }
    return 1;
}

/* locals() → the table of the running coroutine, empty at its beginning and gone with it */
static int l_locals(lua_State *L)
{
    struct tg_co *co = tg_co_of(L);
    if (co->locals == 0) {
        lua_newtable(L);
        co->locals = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, co->locals);
    return 1;
}

/* assume(company): a coroutine of the system (a job, a webhook) works for this company from here on. One that works
 * for somebody already can never change that. */
static int l_assume(lua_State *L)
{
    struct tg_err err;
    struct tg_id company;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (tg_co_context(L)->principal != NULL)
        return luaL_error(L, "tg.assume: this coroutine works for a company already");
    if (tg_id_parse(text, len, "co", &company, &err) != 0)
        return luaL_error(L, "tg.assume: %s", err.text);
    struct tg_principal *principal = tg_principal_new();
    principal->company = company;
    memcpy(principal->actor_prefix, "sys", sizeof("sys"));
    tg_co_set_principal(L, principal);
    tg_principal_unref(&principal);
    return 0;
}

/* Stack: ms, results. */
static int after_within(lua_State *L, int status, lua_KContext outer_deadline_ms)
{
    tg_co_context(L)->deadline_ms = (uint64_t)outer_deadline_ms;
    if (status != LUA_OK && status != LUA_YIELD)
        return lua_error(L);
    return lua_gettop(L) - 1;
}

/* within(ms, f, …) → f(…), with at most ms for what it waits for */
static int l_within(lua_State *L)
{
    struct tg_co *co = tg_co_of(L);
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms > 0 && ms <= 600000, 1, "1 to 600000 milliseconds");
    luaL_checkany(L, 2);
    if (!co->vm->attached)
        return luaL_error(L, "nothing can be waited for while modules load");
    uint64_t outer = co->ctx.deadline_ms, wanted = tg_loop_now_ms(co->vm->services.loop) + (uint64_t)ms;
    co->ctx.deadline_ms = outer != 0 && outer < wanted ? outer : wanted;
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, (lua_KContext)outer, after_within);
    return after_within(L, status, (lua_KContext)outer);
}

void tg_api_open_context(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"context", l_context}, {"locals", l_locals}, {"assume", l_assume}, {"within", l_within}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

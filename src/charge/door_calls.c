/* door_calls - tg.calls for application VMs: live calls to the ledger engine, its answers back as the bytes it keeps.
 *
 * Arguments are read without raising, into memory that lives until the answer, and a fault is answered like the
 * engine's own: the coroutine waits once, whichever way it goes.
 */
#include <assert.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "charge/asking.h"
#include "charge/door.h"
#include "charge/engine.h"

#define ENDED_MAX 1000 /* calls in one list of expire() */

/* --- answers ------------------------------------------------------------------------------------------------------ */

static int push_answer(lua_State *L, void *arg)
{
    const struct tg_op_answer *answer = arg;
    lua_pushlstring(L, answer->json, answer->len);
    lua_pushboolean(L, answer->is_replay);
    return 2;
}

static int push_fault(lua_State *L, void *arg)
{
    const struct tg_asking *a = arg;
    lua_pushnil(L);
    tg_push_err(L, &a->err);
    if (a->pointer[0] != '\0') {
        lua_pushstring(L, a->pointer);
        lua_setfield(L, -2, "pointer");
    }
    if (a->err.code == TG_ERR_CONFLICT) {
        lua_pushliteral(L, "call_exists");
        lua_setfield(L, -2, "type");
    }
    return 2;
}

static void on_decided(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct tg_asking *a = arg;
    assert(op == &a->op);
    if (err == NULL) {
        tg_await_resume(&a->aw, push_answer, (void *)answer);
    } else {
        a->err = *err;
        tg_await_resume(&a->aw, push_fault, a);
    }
    tg_asking_free(a);
}

static void refuse_later(void *arg)
{
    struct tg_asking *a = arg;
    tg_await_resume(&a->aw, push_fault, a);
    tg_asking_free(a);
}

/* --- the door ----------------------------------------------------------------------------------------------------- */

typedef int read_fn(lua_State *L, struct tg_asking *a);

static int ask(lua_State *L, enum tg_opkind kind, read_fn *read)
{
    struct tg_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    struct tg_loop *loop = tg_vm_services(tg_vm_of(L))->loop;
    const struct tg_principal *principal = tg_co_context(L)->principal;
    if (principal == NULL)
        return luaL_error(L, "tg.calls: nobody is asking (the coroutine has no principal)");
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstack(L, 20, NULL);
    struct tg_await *aw = tg_await_new(L); /* the last that can raise */
    struct tg_asking *a = TG_NEW(struct tg_asking);
    a->aw = aw;
    a->op.kind = kind;
    a->op.caller_company = principal->company;
    a->op.deadline_mono_us = tg_door_deadline(L, loop);
    if (read(L, a) != 0 || tg_engine_submit(engine, loop, &a->op, on_decided, a, &a->err) != 0)
        tg_loop_defer(loop, refuse_later, a);
    return tg_await_yield(L, aw);
}

/* authorize{…} → bytes, is_replay | nil, err */
static int l_authorize(lua_State *L)
{
    return ask(L, TG_OP_AUTHORIZE, tg_asking_read_authorize);
}

static int l_renew(lua_State *L)
{
    return ask(L, TG_OP_RENEW, tg_asking_read_renew);
}

static int l_settle(lua_State *L)
{
    return ask(L, TG_OP_SETTLE, tg_asking_read_settle);
}

/* --- expire: a list of calls, for the job ------------------------------------------------------------------------- */

struct ending { /* a list on its way */
    struct tg_await *aw;
    size_t n_waiting, n_ended;
    struct tg_err err; /* the last */
};
struct ended { /* one of it */
    struct ending *list;
    struct tg_asking *call;
};

static int push_n_ended(lua_State *L, void *arg)
{
    lua_pushinteger(L, (lua_Integer) * (size_t *)arg);
    return 1;
}

static void ending_check(struct ending *list)
{
    if (list->n_waiting > 0)
        return;
    if (list->err.code != TG_ERR_NONE)
        tg_await_resume_err(&list->aw, &list->err);
    else
        tg_await_resume(&list->aw, push_n_ended, &list->n_ended);
    free(list);
}

static void ending_check_later(void *arg)
{
    struct ending *list = arg;
    list->n_waiting--;
    ending_check(list);
}

static void on_ended(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct ended *one = arg;
    (void)op;
    if (err == NULL)
        one->list->n_ended += answer->json[0] == '1';
    else if (err->code != TG_ERR_NOT_FOUND)
        one->list->err = *err;
    one->list->n_waiting--;
    ending_check(one->list);
    tg_asking_free(one->call);
    free(one);
}

static void end_one(lua_State *L, struct tg_engine *engine, struct tg_loop *loop, struct ending *list)
{
    struct ended *one = TG_NEW(struct ended);
    struct tg_asking *a = TG_NEW(struct tg_asking);
    one->list = list;
    one->call = a;
    a->op.kind = TG_OP_EXPIRE;
    a->op.deadline_mono_us = tg_door_deadline(L, loop);
    const int status = tg_asking_read_call(L, a, lua_gettop(L));
    a->op.caller_company = a->op.call.company;
    if (status == 0 && tg_engine_submit(engine, loop, &a->op, on_ended, one, &a->err) == 0) {
        list->n_waiting++;
        return;
    }
    list->err = a->err;
    tg_asking_free(a);
    free(one);
}

/* expire{{company =, call_id =}, …} → how many were due and have ended | nil, err */
static int l_expire(lua_State *L)
{
    struct tg_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    struct tg_loop *loop = tg_vm_services(tg_vm_of(L))->loop;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstack(L, 20, NULL);
    const size_t n = lua_rawlen(L, 1);
    if (n > ENDED_MAX)
        return luaL_error(L, "tg.calls.expire: at most %d calls", ENDED_MAX);
    for (size_t i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) != LUA_TTABLE)
            return luaL_error(L, "tg.calls.expire: a list of {company =, call_id =}");
        lua_pop(L, 1);
    }
    struct tg_await *aw = tg_await_new(L);
    struct ending *list = TG_NEW(struct ending);
    list->aw = aw;
    list->n_waiting = 1; /* this call itself: the answer comes later, even to an empty list */
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i);
        end_one(L, engine, loop, list);
        lua_pop(L, 1);
    }
    tg_loop_defer(loop, ending_check_later, list);
    return tg_await_yield(L, aw);
}

int tg_charge_open_calls(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"authorize", l_authorize}, {"renew", l_renew}, {"settle", l_settle}, {"expire", l_expire}, {NULL, NULL}};
    struct tg_engine *engine = lua_touserdata(L, 1);
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, engine);
    luaL_setfuncs(L, functions, 1);
    return 1;
}

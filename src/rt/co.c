/* co - coroutines: Lua that waits without blocking. The contract is in co.h.
 *
 * A coroutine is a Lua thread with a struct tg_co, which its lua_State names in its extra space, so that the context is
 * found in O(1). Ended ones are kept for the next start. One that returned is as good as new; only one that failed must
 * be reset, which costs more than it looks: the reset gives the stack's memory back.
 *
 * Waiting is one lua_yieldk() whose continuation pushes the answer. So the answer is built inside the coroutine, where
 * an error is an error of the script, and never from a frame that has no one to catch it. Between the yield and the
 * answer C holds a struct tg_await and nothing else; when the coroutine is closed first, the await is orphaned and the
 * answer, which will still come, finds nobody and frees it.
 *
 * A start runs at once unless Lua of the same VM is running already (then on the loop's next turn). A coroutine that
 * ends inside its start keeps its results on its stack until the next turn: done() never runs before the start
 * returned. Only tg_co_run() ends it at once, so that a burst of requests uses one coroutine after the other and not
 * hundreds side by side, which no cache holds.
 */
#include "rt/co.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/ruleseat.h"
#include "rt/stuck.h"
#include "rt/vm_private.h"

#define DEADLINE_DEFAULT_MS 10000

struct tg_co *tg_co_of(lua_State *L)
{
    struct tg_co *co = *(struct tg_co **)lua_getextraspace(L);
    assert(co != NULL);
    return co;
}

void tg_co_init_main(struct tg_vm *vm)
{
    vm->main = (struct tg_co){.state = TG_CO_MAIN, .vm = vm, .L = vm->L};
    *(struct tg_co **)lua_getextraspace(vm->L) = &vm->main;
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static struct tg_co *make(struct tg_vm *vm)
{
    struct tg_co *co = TG_NEW(struct tg_co);
    lua_checkstack(vm->L, 2);
    co->vm = vm;
    co->L = lua_newthread(vm->L);
    co->anchor = luaL_ref(vm->L, LUA_REGISTRYINDEX);
    *(struct tg_co **)lua_getextraspace(co->L) = co;
    return co;
}

/* A coroutine on the live list, its stack empty. */
static struct tg_co *take(struct tg_vm *vm)
{
    struct tg_co *co = vm->pool;
    if (co != NULL) {
        assert(co->state == TG_CO_POOLED && lua_gettop(co->L) == 0);
        vm->pool = co->next;
        vm->n_pooled--;
    } else {
        co = make(vm);
    }
    co->state = TG_CO_STARTING;
    co->prev = NULL;
    co->next = vm->live;
    if (vm->live != NULL)
        vm->live->prev = co;
    vm->live = co;
    vm->n_live++;
    return co;
}

static void give_back(struct tg_co *co)
{
    struct tg_vm *vm = co->vm;
    if (co->prev != NULL)
        co->prev->next = co->next;
    else
        vm->live = co->next;
    if (co->next != NULL)
        co->next->prev = co->prev;
    vm->n_live--;
    tg_principal_unref(&co->ctx.principal);
    tg_ruleset_unref(&co->ctx.rules);
    tg_ruleset_unref(&co->ctx.other_rules);
    if (co->locals != 0)
        luaL_unref(vm->L, LUA_REGISTRYINDEX, co->locals);
    co->locals = 0;
    co->state = TG_CO_POOLED; /* a __close that runs now may not wait */
    bool usable = !co->failed || lua_resetthread(co->L) == LUA_OK;
    lua_settop(co->L, 0);
    if (usable && vm->n_pooled < TG_CO_POOL_MAX && !vm->retiring) {
        co->next = vm->pool;
        vm->pool = co;
        vm->n_pooled++;
    } else {
        *(struct tg_co **)lua_getextraspace(co->L) = &vm->main;
        luaL_unref(vm->L, LUA_REGISTRYINDEX, co->anchor);
        free(co);
    }
    tg_vm_on_co_end(vm);
}

void tg_co_deinit(struct tg_vm *vm)
{
    assert(vm->n_live == 0 && vm->live == NULL);
    while (vm->pool != NULL) {
        struct tg_co *co = vm->pool;
        vm->pool = co->next;
        free(co);
    }
    vm->n_pooled = 0;
    tg_principal_unref(&vm->main.ctx.principal);
    tg_ruleset_unref(&vm->main.ctx.other_rules);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* The error value on top of L as text, without running any Lua. */
static const char *error_text(lua_State *L)
{
    if (lua_type(L, -1) == LUA_TSTRING)
        return lua_tostring(L, -1);
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "detail");
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING)
            return lua_tostring(L, -1); /* anchored by its table and the stack */
    }
    return "an error that is not a string";
}

static void note_failure(struct tg_co *co)
{
    lua_State *main = co->vm->L;
    int top = lua_gettop(main);
    lua_checkstack(co->L, 2);
    lua_checkstack(main, 20);
    const char *text = error_text(co->L);
    luaL_traceback(main, co->L, NULL, 0);
    TG_LOG_ERROR("rt_coroutine_failed", TG_LOG_STR("request_id", co->ctx.request_id), TG_LOG_STR("error", text),
                 TG_LOG_STR("traceback", lua_tostring(main, -1)));
    tg_err_set(&co->err, TG_ERR_BUG, "%s", text);
    lua_settop(main, top);
    co->failed = true;
    co->n_results = 0;
}

static void finish(void *arg)
{
    struct tg_co *co = arg;
    assert(co->state == TG_CO_ENDED && co->await == NULL);
    tg_tx_abandon(co);
    co->done(co->L, co->n_results, co->failed ? &co->err : NULL, co->done_arg);
    give_back(co);
}

/* Runs co until it waits (true) or ends. */
static bool resume(struct tg_co *co, int n_args)
{
    assert(co->state == TG_CO_STARTING || co->state == TG_CO_WAITING);
    co->state = TG_CO_RUNNING;
    co->vm->n_running++;
    lua_State *outer = tg_stuck_enter(co->L);
    int status = lua_resume(co->L, NULL, n_args, &co->n_results);
    tg_stuck_leave(outer);
    co->vm->n_running--;
    if (status == LUA_YIELD && co->await != NULL) {
        co->state = TG_CO_WAITING;
        return true;
    }
    if (status == LUA_YIELD) { /* only where scripts have the coroutine library */
        lua_pushliteral(co->L, "a yield that waits for nothing");
        status = LUA_ERRRUN;
    }
    assert(co->await == NULL);
    co->state = TG_CO_ENDED;
    co->n_results -= co->n_below; /* Lua counts the whole stack */
    if (status != LUA_OK)
        note_failure(co);
    return false;
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

struct pushing {
    tg_co_push_fn *push;
    void *arg;
    struct tg_co *co;
};

static int push_protected(lua_State *L)
{
    struct pushing *p = lua_touserdata(L, 1);
    lua_settop(L, 0);
    p->co->n_args = p->push(L, p->arg);
    p->co->n_below = lua_gettop(L) - p->co->n_args - 1;
    return lua_gettop(L);
}

static void start_later(void *arg)
{
    struct tg_co *co = arg;
    if (!resume(co, co->n_args))
        finish(co);
}

/* Runs it unless Lua is running; ENDED: its end is the caller's. */
static struct tg_co *begin(struct tg_vm *vm, const struct tg_co_context *ctx, tg_co_push_fn *push, void *push_arg,
                           tg_co_done_fn *done, void *arg)
{
    assert(vm->attached && !vm->retiring);
    struct tg_co *co = take(vm);
    struct pushing p = {push, push_arg, co};
    co->ctx = *ctx;
    if (ctx->principal != NULL)
        tg_principal_ref(ctx->principal);
    if (ctx->rules != NULL)
        tg_ruleset_ref(ctx->rules);
    co->ctx.other_rules = NULL;
    co->done = done;
    co->done_arg = arg;
    co->failed = false;
    co->tx = NULL;
    lua_pushcfunction(co->L, push_protected);
    lua_pushlightuserdata(co->L, &p);
    if (lua_pcall(co->L, 1, LUA_MULTRET, 0) != LUA_OK) {
        co->state = TG_CO_ENDED;
        note_failure(co);
    } else if (vm->n_running > 0) {
        tg_loop_defer(vm->services.loop, start_later, co);
    } else {
        resume(co, co->n_args);
    }
    return co;
}

void tg_co_start(struct tg_vm *vm, const struct tg_co_context *ctx, tg_co_push_fn *push, void *push_arg,
                 tg_co_done_fn *done, void *arg)
{
    struct tg_co *co = begin(vm, ctx, push, push_arg, done, arg);
    if (co->state == TG_CO_ENDED)
        tg_loop_defer(vm->services.loop, finish, co);
}

void tg_co_run(struct tg_vm *vm, const struct tg_co_context *ctx, tg_co_push_fn *push, void *push_arg,
               tg_co_done_fn *done, void *arg)
{
    struct tg_co *co = begin(vm, ctx, push, push_arg, done, arg);
    if (co->state == TG_CO_ENDED)
        finish(co);
}

struct tg_co_context *tg_co_context(lua_State *L)
{
    return &tg_co_of(L)->ctx;
}

void tg_co_set_principal(lua_State *L, struct tg_principal *p)
{
    struct tg_co_context *ctx = tg_co_context(L);
    if (p != NULL)
        tg_principal_ref(p);
    tg_principal_unref(&ctx->principal);
    ctx->principal = p;
}

uint64_t tg_co_deadline_ms(lua_State *L)
{
    const struct tg_co *co = tg_co_of(L);
    if (co->ctx.deadline_ms != 0)
        return co->ctx.deadline_ms;
    return tg_loop_now_ms(co->vm->services.loop) + DEADLINE_DEFAULT_MS;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

struct tg_await *tg_await_new(lua_State *L)
{
    struct tg_co *co = tg_co_of(L);
    if (!co->vm->attached || co->vm->building)
        luaL_error(L, "nothing can be waited for while modules load");
    if (co->vm->draining_ended)
        luaL_error(L, "generation closed");
    if (co->state != TG_CO_MAIN && (co->state != TG_CO_RUNNING || L != co->L || !lua_isyieldable(L)))
        luaL_error(L, "attempt to yield across a C-call boundary");
    assert(co->await == NULL || co->state == TG_CO_MAIN);
    struct tg_await *aw = TG_NEW(struct tg_await);
    aw->co = co;
    aw->L = L;
    if (co->state != TG_CO_MAIN)
        co->await = aw;
    return aw;
}

void tg_await_cancel(struct tg_await **await)
{
    struct tg_await *aw = *await;
    *await = NULL;
    if (aw->co->await == aw)
        aw->co->await = NULL;
    free(aw);
}

/* The continuation of every wait: what it returns is what the waiting function returns. */
static int push_answer(lua_State *L, int status, lua_KContext ctx)
{
    struct tg_co *co = tg_co_of(L);
    tg_await_push_fn *push = co->push;
    (void)status;
    (void)ctx;
    assert(push != NULL && co->await == NULL);
    co->push = NULL;
    return push(L, co->push_arg);
}

int tg_await_yield(lua_State *L, struct tg_await *aw)
{
    assert(aw->L == L);
    if (aw->co->state != TG_CO_MAIN)
        return lua_yieldk(L, 0, 0, push_answer);
    while (!aw->answered)
        tg_loop_run_once(aw->co->vm->services.loop, 1000);
    bool raised = aw->raised;
    int n_results = aw->n_results;
    free(aw);
    return raised ? lua_error(L) : n_results;
}

struct answer {
    tg_await_push_fn *push;
    void *arg;
};

static int push_answer_protected(lua_State *L)
{
    struct answer *answer = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return answer->push(L, answer->arg);
}

/* Outside a coroutine: the results are left on the stack of the function that runs the loop. */
static void answer_here(struct tg_await *aw, tg_await_push_fn *push, void *arg)
{
    struct answer answer = {push, arg};
    int top = lua_gettop(aw->L);
    lua_checkstack(aw->L, 4);
    lua_pushcfunction(aw->L, push_answer_protected);
    lua_pushlightuserdata(aw->L, &answer);
    aw->raised = lua_pcall(aw->L, 1, LUA_MULTRET, 0) != LUA_OK;
    aw->n_results = lua_gettop(aw->L) - top;
    aw->answered = true;
}

void tg_await_resume(struct tg_await **await, tg_await_push_fn *push, void *arg)
{
    struct tg_await *aw = *await;
    struct tg_co *co = aw->co;
    *await = NULL;
    if (co != NULL && co->state == TG_CO_MAIN) {
        answer_here(aw, push, arg);
        return;
    }
    free(aw);
    if (co == NULL)
        return;
    assert(co->state == TG_CO_WAITING && co->await == aw);
    co->await = NULL;
    co->push = push;
    co->push_arg = arg;
    if (!resume(co, 0))
        finish(co);
}

static int raise_closed(lua_State *L, void *arg)
{
    (void)arg;
    return luaL_error(L, "generation closed");
}

static struct tg_co *first_waiting(const struct tg_vm *vm)
{
    for (struct tg_co *co = vm->live; co != NULL; co = co->next) {
        if (co->state == TG_CO_WAITING)
            return co;
    }
    return NULL;
}

void tg_co_close_all(struct tg_vm *vm)
{
    struct tg_co *co;
    assert(vm->draining_ended); /* so nobody starts to wait again, and this ends */
    while ((co = first_waiting(vm)) != NULL) {
        co->await->co = NULL;
        co->await = NULL;
        co->push = raise_closed;
        bool waits = resume(co, 0);
        assert(!waits);
        finish(co);
    }
}

/* --- errors as values --------------------------------------------------------------------------------------------- */

void tg_push_err(lua_State *L, const struct tg_err *err)
{
    luaL_checkstack(L, 4, "an error");
    lua_createtable(L, 0, 3);
    lua_pushstring(L, tg_errcode_name(err->code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, err->text);
    lua_setfield(L, -2, "detail");
    if (err->native != 0) {
        lua_pushinteger(L, err->native);
        lua_setfield(L, -2, "native");
    }
}

static int push_nil_err(lua_State *L, void *arg)
{
    lua_pushnil(L);
    tg_push_err(L, arg);
    return 2;
}

void tg_await_resume_err(struct tg_await **await, const struct tg_err *err)
{
    struct tg_err copy = *err;
    tg_await_resume(await, push_nil_err, &copy);
}

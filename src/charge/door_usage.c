/* door_usage - tg.usage for application VMs: a body of events in, the answer out.
 *
 * A small body is parsed where it is (a worker's round trip costs more), a large one on a worker thread; then the
 * engine takes it. The coroutine waits once, whichever way it goes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "charge/door.h"
#include "charge/engine.h"
#include "rt/bytes.h"
#include "rt/co.h"
#include "rt/json.h"

#define PARSED_INLINE_MAX 4096
#define KEY_MAX 255 /* characters of ASCII, as the column holds */

struct ingest { /* from the call to its answer */
    struct tg_await *aw;
    struct tg_engine *engine;
    struct tg_loop *loop;
    struct tg_bytes *bytes;
    char *key;
    struct tg_op op;
    struct tg_err err; /* of parsing */
};

static void ingest_free(struct ingest *in)
{
    tg_usage_batch_free(&in->op.usage.batch);
    tg_bytes_unref(&in->bytes);
    free(in->key);
    free(in);
}

static void parse_body(void *arg) /* on any thread */
{
    struct ingest *in = arg;
    if (tg_usage_parse(in->bytes->bytes, in->bytes->len, &in->op.usage.batch, &in->err) == 0)
        tg_sha256(in->bytes->bytes, in->bytes->len, in->op.usage.request_hash);
}

static int push_answer(lua_State *L, void *arg)
{
    const struct tg_op_answer *answer = arg;
    struct tg_err err;
    if (tg_json_push(L, answer->json, answer->len, &err) != 0)
        return luaL_error(L, "the answer cannot be read: %s", err.text);
    lua_pushboolean(L, answer->is_replay);
    return 2;
}

/* The key stands with another request: the caller's fault, not a matter of time. */
static int push_key_conflict(lua_State *L, void *arg)
{
    lua_pushnil(L);
    tg_push_err(L, arg);
    lua_pushinteger(L, 422);
    lua_setfield(L, -2, "status");
    lua_pushliteral(L, "idempotency_key_reused");
    lua_setfield(L, -2, "type");
    return 2;
}

/* The body is refused whole: another kind of fault than an event of it. */
static int push_refused(lua_State *L, void *arg)
{
    const struct tg_err *err = arg;
    lua_pushnil(L);
    tg_push_err(L, err);
    lua_pushinteger(L, err->native == TG_USAGE_NOT_JSON ? 400 : err->native == TG_USAGE_TOO_LONG ? 413 : 422);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, err->native == TG_USAGE_NOT_JSON   ? "malformed_json"
                      : err->native == TG_USAGE_TOO_LONG ? "body_too_large"
                                                         : "too_many_events");
    lua_setfield(L, -2, "type");
    return 2;
}

static void on_charged(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct ingest *in = arg;
    assert(op == &in->op);
    if (err == NULL)
        tg_await_resume(&in->aw, push_answer, (void *)answer);
    else if (err->code == TG_ERR_CONFLICT)
        tg_await_resume(&in->aw, push_key_conflict, (void *)err);
    else
        tg_await_resume_err(&in->aw, err);
    ingest_free(in);
}

/* On the loop, not inside the call: what is known at once is answered here as well. */
static void go_on(void *arg)
{
    struct ingest *in = arg;
    const bool is_parsed = in->err.code == TG_ERR_NONE;
    if (is_parsed && tg_engine_submit(in->engine, in->loop, &in->op, on_charged, in, &in->err) == 0)
        return;
    if (!is_parsed && in->err.code == TG_ERR_INPUT)
        tg_await_resume(&in->aw, push_refused, &in->err);
    else
        tg_await_resume_err(&in->aw, &in->err);
    ingest_free(in);
}

/* 1: *key_r is the key (on the stack, or NULL: none); 0: it is not one. */
static int read_key(lua_State *L, const char **key_r)
{
    *key_r = NULL;
    if (lua_isnoneornil(L, 2))
        return 1;
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t len;
    if (lua_getfield(L, 2, "idempotency_key") == LUA_TNIL)
        return 1;
    const char *key = luaL_checklstring(L, -1, &len);
    if (len == 0 || len > KEY_MAX)
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (key[i] < 0x21 || key[i] > 0x7e)
            return 0;
    }
    *key_r = key;
    return 1;
}

/* ingest(bytes, {idempotency_key =}) → answer, is_replay | nil, err */
static int l_ingest(lua_State *L)
{
    struct tg_engine *engine = lua_touserdata(L, lua_upvalueindex(1));
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    const struct tg_principal *principal = tg_co_context(L)->principal;
    if (principal == NULL)
        return luaL_error(L, "tg.usage.ingest: nobody is asking (the coroutine has no principal)");
    const char *key;
    if (!read_key(L, &key)) {
        struct tg_err err;
        tg_err_set(&err, TG_ERR_INPUT, "an Idempotency-Key has 1 to %d visible ASCII characters", KEY_MAX);
        lua_pushnil(L);
        tg_push_err(L, &err);
        return 2;
    }
    struct tg_bytes *bytes = tg_bytes_check(L, 1); /* the last that can raise but for the await */
    struct tg_await *aw = tg_await_new(L);
    struct ingest *in = TG_NEW(struct ingest);
    in->aw = aw;
    in->engine = engine;
    in->bytes = bytes;
    in->loop = services->loop;
    in->key = key == NULL ? NULL : tg_strdup(key);
    in->op.caller_company = principal->company;
    in->op.usage.idempotency_key = in->key;
    in->op.deadline_mono_us = tg_door_deadline(L, in->loop);
    if (in->bytes->len > PARSED_INLINE_MAX && services->work != NULL) {
        if (tg_work_submit(services->work, in->loop, parse_body, go_on, in, &in->err) == 0)
            return tg_await_yield(L, in->aw);
    } else {
        parse_body(in);
    }
    tg_loop_defer(in->loop, go_on, in);
    return tg_await_yield(L, in->aw);
}

int tg_charge_open_usage(lua_State *L)
{
    struct tg_engine *engine = lua_touserdata(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushlightuserdata(L, engine);
    lua_pushcclosure(L, l_ingest, 1);
    lua_setfield(L, -2, "ingest");
    return 1;
}

/* api_time - tg.time: instants are integers, microseconds since 1970 in UTC; text is RFC 3339. */
#include "rt/api_time.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rt/vm_private.h"

#define SLEEP_MAX_MS 60000
#define YEAR_1_US (-62135596800000000LL)
#define YEAR_9999_US 253402300799999999LL

struct sleeper {
    struct tg_timer timer;
    struct tg_await *aw;
};

static int push_nothing(lua_State *L, void *arg)
{
    (void)L;
    (void)arg;
    return 0;
}

static void on_awake(void *arg)
{
    struct sleeper *s = arg;
    tg_await_resume(&s->aw, push_nothing, NULL);
    free(s);
}

/* Never past the coroutine's deadline: whoever waits for it has gone by then. */
int tg_api_sleep(lua_State *L, uint32_t ms)
{
    const uint64_t deadline_ms = tg_co_context(L)->deadline_ms;
    struct tg_await *aw = tg_await_new(L);
    uint64_t now_ms = tg_loop_now_ms(tg_vm_of(L)->services.loop);
    struct sleeper *s = TG_NEW(struct sleeper);
    s->aw = aw;
    if (deadline_ms != 0 && now_ms + ms > deadline_ms)
        ms = deadline_ms > now_ms ? (uint32_t)(deadline_ms - now_ms) : 0;
    tg_timer_start(tg_vm_of(L)->services.loop, &s->timer, ms, on_awake, s);
    return tg_await_yield(L, aw);
}

/* sleep(ms). It raises once the deadline has passed, so that a loop around it ends. */
static int l_sleep(lua_State *L)
{
    const struct tg_co *co = tg_co_of(L);
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= SLEEP_MAX_MS, 1, "0 to 60000 milliseconds");
    if (co->ctx.deadline_ms != 0 && co->vm->attached && tg_loop_now_ms(co->vm->services.loop) >= co->ctx.deadline_ms)
        return luaL_error(L, "the deadline has passed");
    return tg_api_sleep(L, (uint32_t)ms);
}

static int l_now(lua_State *L)
{
    lua_pushinteger(L, tg_clock_now_us());
    return 1;
}

/* monotonic() → µs of a clock that only goes forward, to measure with */
static int l_monotonic(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tg_clock_mono_us());
    return 1;
}

/* format(us) → "2026-07-15T10:00:00Z" */
static int l_format(lua_State *L)
{
    char text[TG_RFC3339_SIZE];
    lua_Integer us = luaL_checkinteger(L, 1);
    luaL_argcheck(L, us >= YEAR_1_US && us <= YEAR_9999_US, 1, "an instant of the years 1 to 9999");
    lua_pushlstring(L, text, tg_time_format(us, text));
    return 1;
}

/* parse(text) → us | nil, err */
static int l_parse(lua_State *L)
{
    struct tg_err err;
    int64_t us;
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    if (tg_time_parse(text, len, &us, &err) == 0) {
        lua_pushinteger(L, us);
        return 1;
    }
    lua_pushnil(L);
    tg_push_err(L, &err);
    return 2;
}

int tg_api_open_time(lua_State *L)
{
    static const luaL_Reg library[] = {{"now", l_now},     {"monotonic", l_monotonic}, {"format", l_format},
                                       {"parse", l_parse}, {"sleep", l_sleep},         {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

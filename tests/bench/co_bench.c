/* co_bench - what a coroutine costs: a start that ends at once, and a wait that is answered on the next turn.
 *
 *     ninja co_bench && build/bench/co_bench
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "rt/co.h"
#include "rt/vm.h"

#define ROUNDS 300000
#define OPEN 64 /* coroutines at a time, as many as a busy thread has requests */

static struct tg_loop *loop;
static struct tg_vm *vm;
static unsigned n_left, n_open;
static int body; /* registry place of the function that is started */

static int push_pong(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushinteger(L, 1);
    return 1;
}

static void on_turn(void *arg)
{
    struct tg_await *aw = arg;
    tg_await_resume(&aw, push_pong, NULL);
}

static int l_ping(lua_State *L)
{
    struct tg_await *aw = tg_await_new(L);
    tg_loop_defer(loop, on_turn, aw);
    return tg_await_yield(L, aw);
}

static int open_bench(lua_State *L)
{
    static const luaL_Reg library[] = {{"ping", l_ping}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

static int push_body(lua_State *L, void *arg)
{
    (void)arg;
    lua_rawgeti(L, LUA_REGISTRYINDEX, body);
    return 0;
}

static void on_done(lua_State *L, int n_results, const struct tg_err *err, void *arg)
{
    (void)L;
    (void)n_results;
    (void)arg;
    if (err != NULL)
        abort();
    n_open--;
}

static void measure(const char *what, const char *code, unsigned per_round)
{
    lua_State *L = tg_vm_state(vm);
    if (luaL_loadstring(L, code) != LUA_OK)
        abort();
    body = luaL_ref(L, LUA_REGISTRYINDEX);
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < 3; run++) {
        const struct tg_co_context ctx = {0};
        uint64_t start = tg_clock_mono_us();
        for (n_left = ROUNDS; n_left > 0 || n_open > 0;) {
            for (; n_left > 0 && n_open < OPEN; n_left--, n_open++)
                tg_co_start(vm, &ctx, push_body, NULL, on_done, NULL);
            tg_loop_run_once(loop, 0);
        }
        uint64_t took = tg_clock_mono_us() - start;
        best = took < best ? took : best;
    }
    printf("%-34s %7.0f ns\n", what, (double)best * 1000 / ROUNDS / per_round);
}

int main(void)
{
    static const struct tg_vm_lib libs[] = {{"bench", open_bench, NULL}, {NULL, NULL, NULL}};
    struct tg_err err;
    loop = tg_loop_new();
    if (tg_vm_new_for_scripts(libs, &vm, &err) != 0)
        return 1;
    tg_vm_attach(vm, &(const struct tg_services){.loop = loop});
    measure("start, end at once", "return 1", 1);
    measure("start, wait once, end", "return tg.bench.ping()", 1);
    measure("one wait of a hundred", "local ping = tg.bench.ping for _ = 1, 100 do ping() end", 100);
    tg_vm_free(&vm);
    tg_loop_free(&loop);
    return 0;
}

/* vm_private - what vm.c, co.c and the api_*.c share: the parts of a VM and of a coroutine.
 * Nobody outside src/rt includes this. */
#ifndef TG_RT_VM_PRIVATE_H
#define TG_RT_VM_PRIVATE_H

#include "base/slab.h"
#include "io/loop.h"
#include "rt/co.h"
#include "rt/vm.h"

#define TG_CO_POOL_MAX 256 /* ended coroutines kept for the next start, a VM */

enum tg_co_state {
    TG_CO_POOLED, /* on vm->pool */
    TG_CO_STARTING, /* on vm->live, its function pushed, waits for the loop's next turn */
    TG_CO_RUNNING, /* on vm->live, Lua is in it */
    TG_CO_WAITING, /* on vm->live, has an await */
    TG_CO_ENDED, /* on vm->live, its results wait for done() on the loop's next turn */
    TG_CO_MAIN /* on no list: the VM's own state, which waits by running the loop */
};

struct tg_dbtx;
struct tg_tx; /* api_tx.c */

/* A coroutine, found from its lua_State by lua_getextraspace. */
struct tg_co {
    enum tg_co_state state;
    struct tg_vm *vm;
    lua_State *L;
    int anchor; /* keeps L alive: its place in the registry */
    int locals; /* the table of tg.locals(), its place in the registry; 0: nobody has asked */
    struct tg_co *prev, *next; /* of the list it is on; pool uses next only */
    struct tg_co_context ctx;
    struct tg_await *await; /* WAITING: what for */
    tg_await_push_fn *push; /* the answer being pushed, during a resume */
    void *push_arg;
    struct tg_tx *tx; /* the open transaction */
    int n_below, n_args; /* what its push left before the function, and behind it */
    int n_results;
    bool failed; /* ENDED: err says why */
    struct tg_err err;
    tg_co_done_fn *done;
    void *done_arg;
};

struct tg_await {
    struct tg_co *co; /* NULL: orphaned, the answer is dropped */
    lua_State *L;
    void *data; /* of the function that waits; anchored by its Lua stack frame */
    /* Waiting outside a coroutine: */
    bool answered, raised;
    int n_results;
};

struct tg_vm {
    lua_State *L;
    struct tg_co main; /* the context outside any coroutine */
    struct tg_luasource *src;
    struct tg_services services;
    bool attached, building, scripts; /* scripts: `tollgate lua`, with the whole standard library */
    bool retiring, draining_ended;
    int main_module; /* registry place of what require(main_module) returned */
    struct tg_co *live, *pool;
    unsigned n_live, n_pooled;
    unsigned n_running; /* depth of Lua under way: a start inside another is put off */
    size_t memory;
    struct tg_slab slab; /* of the state's small blocks */
    struct tg_timer drain_timer;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

struct tg_co *tg_co_of(lua_State *L);
void tg_co_init_main(struct tg_vm *vm);
/* Frees the pool; no coroutine is live. */
void tg_co_deinit(struct tg_vm *vm);
/* Ends every waiting coroutine with the error "generation closed"; their awaits are orphaned. */
void tg_co_close_all(struct tg_vm *vm);
/* A coroutine has ended: closes the VM when it was the last of a retired one. */
void tg_vm_on_co_end(struct tg_vm *vm);
/* The deadline an operation inherits: the coroutine's, or ten seconds from now. */
uint64_t tg_co_deadline_ms(lua_State *L);
/* An open transaction whose coroutine has ended is rolled back (api_tx.c). */
void tg_tx_abandon(struct tg_co *co);

/* Adds context, locals, assume and within to the table on top. */
void tg_api_open_context(lua_State *L);
/* The libraries of tg.*: each pushes one table. */
int tg_api_open_db(lua_State *L);
int tg_api_open_redis(lua_State *L);
int tg_api_open_http(lua_State *L);
int tg_api_open_money(lua_State *L);
int tg_api_open_crypto(lua_State *L);
int tg_api_open_id(lua_State *L);
int tg_api_open_time(lua_State *L);
int tg_api_open_log(lua_State *L);
int tg_api_open_metrics(lua_State *L);
int tg_api_open_cache(lua_State *L);
int tg_api_open_rules(lua_State *L);
/* Adds hmac_sha1 and ed25519 to the table on top. */
void tg_api_open_sign(lua_State *L);
/* Adds rules.release to the table on top. */
void tg_api_open_release(lua_State *L);
/* Adds rules.check and rules.dry_run to the table on top. */
void tg_api_open_rulecheck(lua_State *L);

#endif

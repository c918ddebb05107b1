/* co - coroutines: Lua that waits without blocking.
 *
 * tg_co_start() runs a Lua function in a coroutine of the VM. When a tg.*
 * function must wait it makes an await, starts the work and yields; the work's
 * callback resumes the coroutine exactly once, never before the call that
 * started it has returned (io/loop.h promises that). C is never on the Lua
 * stack across a yield, so waiting inside sort, gsub, require, a metamethod or
 * __close raises "attempt to yield across a C-call boundary".
 *
 * Writing a function that waits:
 *
 *     static int l_get(lua_State *L)
 *     {
 *         struct tg_await *aw = tg_await_new(L);          // raises where waiting is not allowed
 *         tg_redis_command(…, on_get, aw);
 *         return tg_await_yield(L, aw);
 *     }
 *     static int push_reply(lua_State *L, void *arg) {…}  // runs protected; returns the number of results
 *     static void on_get(const struct redisReply *reply, const struct tg_err *err, void *arg)
 *     {
 *         struct tg_await *aw = arg;
 *         if (err) tg_await_resume_err(&aw, err);           // results: nil, {code=…, detail=…, native=…}
 *         else     tg_await_resume(&aw, push_reply, (void *)reply);
 *     }
 *
 * Lua that neither waits nor ends is named after a second and ended after ten (rt/stuck.h).
 *
 * In a VM attached to a loop but run outside a coroutine (`tollgate lua`, `tollgate busted`) tg_await_yield()
 * instead runs the loop until the answer is there, so that the same functions work in scripts and specs.
 */
#ifndef TG_RT_CO_H
#define TG_RT_CO_H

#include <lua.h>

#include "base/err.h"
#include "rt/principal.h"
#include "rt/vm.h"

struct tg_await;
struct tg_ruleset; /* rt/ruleseat.h */

struct tg_co_context { /* of one coroutine; the copy inside belongs to it */
    struct tg_principal *principal; /* may be NULL (before authentication, jobs of the system); referenced */
    uint64_t deadline_ms; /* tg_loop_now_ms() scale; every operation inherits it; 0: 10 s from now */
    char request_id[40]; /* for log lines; "" when none */
    char traceparent[56]; /* W3C, "" when none; sent on with tg.http */
    struct tg_ruleset *rules; /* that it decides with, from its first call of tg.rules on; referenced */
    struct tg_ruleset *other_rules; /* that tg.rules.load() gave it; referenced */
};

/* Runs protected; pushes a function and its arguments, returns the number of arguments. What it pushes before the
 * function stays on the coroutine's stack until done() has returned. */
typedef int tg_co_push_fn(lua_State *L, void *arg);
/* The end of a coroutine: L holds its n_results results (L is valid only during the call); or err says why it
 * failed (BUG with the message and traceback, never for a client), then n_results is 0. Never called before
 * tg_co_start has returned. */
typedef void tg_co_done_fn(lua_State *L, int n_results, const struct tg_err *err, void *arg);
/* ctx is copied (the principal referenced). */
void tg_co_start(struct tg_vm *vm, const struct tg_co_context *ctx, tg_co_push_fn *push, void *push_arg,
                 tg_co_done_fn *done, void *arg);
/* The same for a caller that is ready for its end: done() has run when this returns, unless the coroutine waits (or
 * Lua was running already). */
void tg_co_run(struct tg_vm *vm, const struct tg_co_context *ctx, tg_co_push_fn *push, void *push_arg,
               tg_co_done_fn *done, void *arg);
/* The context of the running coroutine; the VM's empty one outside of any. Borrowed. */
struct tg_co_context *tg_co_context(lua_State *L);
void tg_co_set_principal(lua_State *L, struct tg_principal *p);

/* Raises when L's coroutine may not wait here. */
struct tg_await *tg_await_new(lua_State *L);
/* `return tg_await_yield(L, aw);` — the last thing a lua_CFunction does. */
int tg_await_yield(lua_State *L, struct tg_await *aw);
/* Takes back an await whose work could not be started, or has ended already; the function returns without waiting. */
void tg_await_cancel(struct tg_await **aw);
typedef int tg_await_push_fn(lua_State *L, void *arg);
/* Ends the wait and takes aw. When the coroutine has been closed meanwhile push is not called; arg stays the
 * caller's either way, and may be freed when this returns. */
void tg_await_resume(struct tg_await **aw, tg_await_push_fn *push, void *arg);
/* Results: nil and an error table. */
void tg_await_resume_err(struct tg_await **aw, const struct tg_err *err);
/* Pushes {code=, detail=, native=} . */
void tg_push_err(lua_State *L, const struct tg_err *err);

#endif

/* app - the application's routes of one generation, on one thread.
 *
 * lua/app.lua returns { authenticate = function(token, req), routes = { {method, path, handler, permission | public,
 * body_max?, bulk?}, … }, ready = function()?, refused = function(attempt, err)? (web/refused.h), origins =
 * function()? (web/origins.h) }. tg_app_check() compiles that when a generation is built: a route without a permission,
 * with a bad path or without a handler refuses the generation. C keeps numbers of functions, never the functions: they
 * stay in one registry table of their VM.
 */
#ifndef TG_WEB_APP_H
#define TG_WEB_APP_H

#include <stdbool.h>
#include <stdint.h>

#include <lua.h>

#include "base/err.h"
#include "rt/vm.h"
#include "web/route.h"

struct tg_app { /* reference counted, of one thread at a time; requests hold it longer than its VM lives */
    struct tg_vm *vm; /* NULL once retired */
    struct tg_routes *routes;
    uint64_t number;
    bool has_ready, has_refused, has_origins;
    unsigned refs;
};

enum {
    TG_APP_AUTHENTICATE = -1,
    TG_APP_READY = -2,
    TG_APP_REFUSED = -3,
    TG_APP_ORIGINS = -4
}; /* functions that are no handler */

/* For tg_gen_build(): compiles the routes of a new VM and keeps them in it. Any thread. */
int tg_app_check(struct tg_vm *vm, struct tg_err *err_r) TG_MUST_CHECK;
/* The compiled routes of a VM that was checked; a reference for the caller. On the VM's thread. */
struct tg_app *tg_app_of(struct tg_vm *vm);
void tg_app_unref(struct tg_app **app);
struct tg_app *tg_app_ref(struct tg_app *app);
/* Pushes a handler by its number, or one of the functions above. */
void tg_app_push(lua_State *L, int handler);

#endif

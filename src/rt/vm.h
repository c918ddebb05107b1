/* vm - an application VM: one Lua 5.4 state of one generation on one thread.
 *
 * A *source* is an immutable snapshot of the lua/ directory, read once and shared by the threads. A VM is built
 * from it off the loop (any thread, one at a time), which loads every module it will ever need: `require` finds
 * only the snapshot, and tg.* calls that wait are refused until the VM is attached to its loop. Then one thread
 * owns it. Lua is entered only through rt/co.h.
 *
 * Replacing code replaces the whole VM (rt/gen.h); nothing is reloaded inside one.
 */
#ifndef TG_RT_VM_H
#define TG_RT_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/err.h"
#include "io/db.h"
#include "io/httpc.h"
#include "io/loop.h"
#include "io/redis.h"
#include "io/work.h"

/* An immutable set of Lua files, reference counted, shared by threads. */
struct tg_luasource;
/* Reads every *.lua below dir (≤ 2000 files, ≤ 1 MiB each, UTF-8, no symlinks out of it). */
int tg_luasource_read(const char *dir, struct tg_luasource **src_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Of texts in memory, copied: for a process that was sent them. */
struct tg_luasource *tg_luasource_of(const char *const *paths, const char *const *texts, size_t n);
struct tg_luasource *tg_luasource_ref(struct tg_luasource *src);
void tg_luasource_unref(struct tg_luasource **src);
/* The file's text, by path relative to dir ("pricing/rules.lua"), or NULL. Borrowed. */
const char *tg_luasource_file(const struct tg_luasource *src, const char *path, size_t *len_r);
/* Its paths, ascending: 0 <= i < n. Borrowed. */
size_t tg_luasource_n(const struct tg_luasource *src);
const char *tg_luasource_path(const struct tg_luasource *src, size_t i);
/* SHA-256 over paths and contents, hex: names the release. */
const char *tg_luasource_digest(const struct tg_luasource *src);

/* What a thread offers to Lua. Everything is borrowed and outlives the VM; NULL where a command has none (then
 * the functions that need it answer UPSTREAM "not configured"). */
struct tg_services {
    struct tg_loop *loop;
    struct tg_dbpool *db;
    struct tg_redis *redis;
    struct tg_httpc *http;
    struct tg_work *work;
    struct tg_ruleseat *rules; /* rt/ruleseat.h */
};

/* A library that a higher layer adds to `tg`: opened when the VM is built, as tg.<name>. */
struct tg_vm_lib {
    const char *name;
    lua_CFunction open; /* pushes one table; upvalue/registry state is its own business */
    void *context; /* lightuserdata, given as argument 1 */
};

struct tg_vm;
/* Builds the state: libraries, tg.*, then require(main_module) ("app"; NULL: none). The error's text starts with
 * file:line. Not attached yet. libs is NULL-name terminated, may be NULL. */
int tg_vm_new(struct tg_luasource *src, const char *main_module, const struct tg_vm_lib *libs, struct tg_vm **vm_r,
              struct tg_err *err_r) TG_MUST_CHECK;
/* For `tollgate lua` and `tollgate busted`: the whole standard library and Lua's own require, tg.* beside it. */
int tg_vm_new_for_scripts(const struct tg_vm_lib *libs, struct tg_vm **vm_r, struct tg_err *err_r) TG_MUST_CHECK;
/* From here on it belongs to services->loop's thread. */
void tg_vm_attach(struct tg_vm *vm, const struct tg_services *services);
const struct tg_services *tg_vm_services(const struct tg_vm *vm);
/* The VM whose state this is (any coroutine of it). */
struct tg_vm *tg_vm_of(lua_State *L);
lua_State *tg_vm_state(struct tg_vm *vm);
/* Pushes what require(main_module) returned, on L of this VM. */
void tg_vm_push_main(struct tg_vm *vm, lua_State *L);
/* Pushes the loaded module `name` ("wallet.jobs") and returns 1; 0 and nothing when there is none. */
int tg_vm_push_module(struct tg_vm *vm, lua_State *L, const char *name);
/* What it was built from (NULL: a VM for scripts). Borrowed. */
struct tg_luasource *tg_vm_source(const struct tg_vm *vm);
/* Coroutines that have not ended. */
unsigned tg_vm_n_live(const struct tg_vm *vm);
size_t tg_vm_memory(const struct tg_vm *vm);
/* No more coroutines are started; when the last has ended (or at once) the state is closed and done(arg) runs, on
 * a later turn of the loop. Those still alive after drain_ms get the error "generation closed" where they wait. */
void tg_vm_retire(struct tg_vm **vm, uint32_t drain_ms, tg_loop_fn *done, void *arg);
/* For a VM that was never attached, or has no live coroutine. */
void tg_vm_free(struct tg_vm **vm);

#endif

/* vm - an application VM. The contract is in vm.h.
 *
 * The state has no io, os, debug, package or coroutine library and no load: what it knows of the world is tg.*, what
 * it can load is the snapshot it was built from. Globals are closed once the libraries are there, so that a misspelt
 * name fails where it stands. Modules load while the VM is built; afterwards `require` only finds what is loaded.
 */
#include "rt/vm.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/caps.h"
#include "rt/json.h"
#include "rt/num.h"
#include "rt/stuck.h"
#include "rt/vm_private.h"

static const char loaded_key, loading_key; /* registry: module name → value; → true while it loads */

static void *allocate(void *arg, void *old, size_t old_size, size_t size)
{
    struct tg_vm *vm = arg;
    if (old == NULL)
        old_size = 0; /* then it says what kind of object this will be */
    vm->memory += size - old_size;
    if (size == 0) {
        tg_slab_free(&vm->slab, old, old_size);
        return NULL;
    }
    void *new = tg_slab_realloc(&vm->slab, old, old_size, size);
    if (new == NULL)
        abort(); /* as in base/mem.h */
    return new;
}

static int on_panic(lua_State *L)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    TG_LOG_ERROR("rt_vm_panicked", TG_LOG_STR("error", text));
    return 0; /* Lua aborts */
}

/* --- require ------------------------------------------------------------------------------------------------------ */

/* "wallet.store" → "wallet/store.lua"; false when it is no module name. */
static bool module_path(const char *name, char *path, size_t size)
{
    size_t len = strlen(name);
    if (len == 0 || len + sizeof(".lua") > size || strchr(name, '/') != NULL || name[0] == '.')
        return false;
    for (size_t i = 0; i <= len; i++)
        path[i] = name[i] == '.' ? '/' : name[i];
    memcpy(path + len, ".lua", sizeof(".lua"));
    return true;
}

/* Pushes the loaded chunk of module `name`, or raises. */
static void push_chunk(lua_State *L, struct tg_vm *vm, const char *name)
{
    char path[256], chunk_name[264];
    size_t len = 0;
    const char *text = NULL;
    if (module_path(name, path, sizeof(path)))
        text = tg_luasource_file(vm->src, path, &len);
    if (text == NULL)
        luaL_error(L, "module '%s' is not in lua/", name);
    snprintf(chunk_name, sizeof(chunk_name), "@lua/%s", path);
    if (luaL_loadbufferx(L, text, len, chunk_name, "t") != LUA_OK)
        lua_error(L);
}

static int l_require(lua_State *L)
{
    struct tg_vm *vm = tg_vm_of(L);
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    if (!vm->building)
        return luaL_error(L, "module '%s' was not loaded when the application was built", name);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loading_key);
    if (lua_getfield(L, 4, name) != LUA_TNIL)
        return luaL_error(L, "module '%s' needs itself (a circle of requires)", name);
    lua_pushboolean(L, 1);
    lua_setfield(L, 4, name);
    push_chunk(L, vm, name);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1))
        return luaL_error(L, "module '%s' returned nothing", name);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

/* --- the environment ---------------------------------------------------------------------------------------------- */

static int l_no_global(lua_State *L)
{
    return luaL_error(L, "there is no global '%s'", lua_tostring(L, 2));
}

static int l_no_new_global(lua_State *L)
{
    return luaL_error(L, "globals are closed: '%s' must be local", lua_tostring(L, 2));
}

static void close_globals(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, l_no_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_no_new_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static void open_standard(lua_State *L)
{
    static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
                                         {LUA_UTF8LIBNAME, luaopen_utf8},  {NULL, NULL}};
    static const char *const hidden[] = {"dofile", "loadfile", "load", "print", "collectgarbage", "warn"};
    for (const luaL_Reg *lib = libraries; lib->name != NULL; lib++) {
        luaL_requiref(L, lib->name, lib->func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
        lua_pushnil(L);
        lua_setglobal(L, hidden[i]);
    }
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loading_key);
    lua_register(L, "require", l_require);
}

static int open_decimal(lua_State *L)
{
    tg_num_open(L);
    return 1;
}

static int open_calendar(lua_State *L)
{
    tg_caps_push_calendar(L);
    return 1;
}

static int open_json(lua_State *L)
{
    tg_json_open(L);
    return 1;
}

static void open_tg(lua_State *L, const struct tg_vm_lib *libs)
{
    static const luaL_Reg own[] = {
        {"cache", tg_api_open_cache},     {"calendar", open_calendar},  {"crypto", tg_api_open_crypto},
        {"db", tg_api_open_db},           {"decimal", open_decimal},    {"http", tg_api_open_http},
        {"id", tg_api_open_id},           {"json", open_json},          {"log", tg_api_open_log},
        {"metrics", tg_api_open_metrics}, {"money", tg_api_open_money}, {"rules", tg_api_open_rules},
        {"redis", tg_api_open_redis},     {"time", tg_api_open_time},   {NULL, NULL}};
    lua_newtable(L);
    for (const luaL_Reg *lib = own; lib->name != NULL; lib++) {
        lua_pushcfunction(L, lib->func);
        lua_call(L, 0, 1);
        lua_setfield(L, -2, lib->name);
    }
    tg_api_open_context(L);
    tg_api_open_release(L);
    tg_api_open_rulecheck(L);
    for (const struct tg_vm_lib *lib = libs; lib != NULL && lib->name != NULL; lib++) {
        lua_pushcfunction(L, lib->open);
        lua_pushlightuserdata(L, lib->context);
        lua_call(L, 1, 1);
        lua_setfield(L, -2, lib->name);
    }
    lua_setglobal(L, "tg");
}

/* --- building ----------------------------------------------------------------------------------------------------- */

struct build {
    struct tg_vm *vm;
    const char *main_module;
    const struct tg_vm_lib *libs;
};

static void require_module(lua_State *L, const char *name)
{
    lua_pushcfunction(L, l_require);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

/* Jobs are called by name, so that nothing requires them: <feature>/jobs.lua is loaded with the application. */
static void require_jobs(lua_State *L, const struct tg_luasource *src)
{
    static const char suffix[] = "/jobs.lua";
    for (size_t i = 0; i < tg_luasource_n(src); i++) {
        const char *path = tg_luasource_path(src, i), *slash = strchr(path, '/');
        if (slash == NULL || strcmp(slash, suffix) != 0)
            continue;
        luaL_checkstack(L, 4, "jobs");
        lua_pushlstring(L, path, (size_t)(slash - path));
        lua_pushliteral(L, ".jobs");
        lua_concat(L, 2);
        require_module(L, lua_tostring(L, -1));
        lua_pop(L, 2);
    }
}

static int build_application(lua_State *L)
{
    const struct build *b = lua_touserdata(L, 1);
    open_standard(L);
    open_tg(L, b->libs);
    close_globals(L);
    if (b->main_module == NULL)
        return 0;
    require_module(L, b->main_module);
    b->vm->main_module = luaL_ref(L, LUA_REGISTRYINDEX);
    require_jobs(L, b->vm->src);
    return 0;
}

static int build_scripts(lua_State *L)
{
    const struct build *b = lua_touserdata(L, 1);
    luaL_openlibs(L);
    open_tg(L, b->libs);
    return 0;
}

static int new_state(struct tg_luasource *src, bool scripts, lua_CFunction build, struct build *b, struct tg_vm **vm_r,
                     struct tg_err *err_r)
{
    struct tg_vm *vm = TG_NEW(struct tg_vm);
    vm->L = lua_newstate(allocate, vm);
    assert(vm->L != NULL);
    lua_atpanic(vm->L, on_panic);
    tg_co_init_main(vm);
    vm->src = src == NULL ? NULL : tg_luasource_ref(src);
    vm->main_module = LUA_NOREF;
    vm->scripts = scripts;
    vm->building = true;
    b->vm = vm;
    lua_pushcfunction(vm->L, build);
    lua_pushlightuserdata(vm->L, b);
    if (lua_pcall(vm->L, 1, 0, 0) != LUA_OK) {
        const char *text = lua_tostring(vm->L, -1);
        tg_err_set(err_r, TG_ERR_INPUT, "%s", text != NULL ? text : "an error that is not a string");
        tg_vm_free(&vm);
        return -1;
    }
    vm->building = false;
    *vm_r = vm;
    return 0;
}

int tg_vm_new(struct tg_luasource *src, const char *main_module, const struct tg_vm_lib *libs, struct tg_vm **vm_r,
              struct tg_err *err_r)
{
    struct build b = {.main_module = main_module, .libs = libs};
    return new_state(src, false, build_application, &b, vm_r, err_r);
}

int tg_vm_new_for_scripts(const struct tg_vm_lib *libs, struct tg_vm **vm_r, struct tg_err *err_r)
{
    struct build b = {.libs = libs};
    return new_state(NULL, true, build_scripts, &b, vm_r, err_r);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

void tg_vm_attach(struct tg_vm *vm, const struct tg_services *services)
{
    assert(!vm->attached && services->loop != NULL);
    vm->services = *services;
    vm->attached = true;
    tg_stuck_watch_thread();
}

const struct tg_services *tg_vm_services(const struct tg_vm *vm)
{
    return &vm->services;
}

struct tg_vm *tg_vm_of(lua_State *L)
{
    return tg_co_of(L)->vm;
}

lua_State *tg_vm_state(struct tg_vm *vm)
{
    return vm->L;
}

void tg_vm_push_main(struct tg_vm *vm, lua_State *L)
{
    assert(vm->main_module != LUA_NOREF);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->main_module);
}

int tg_vm_push_module(struct tg_vm *vm, lua_State *L, const char *name)
{
    (void)vm;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key) == LUA_TTABLE && lua_getfield(L, -1, name) != LUA_TNIL) {
        lua_remove(L, -2);
        return 1;
    }
    lua_settop(L, lua_istable(L, -1) ? -2 : -3);
    return 0;
}

struct tg_luasource *tg_vm_source(const struct tg_vm *vm)
{
    return vm->src;
}

unsigned tg_vm_n_live(const struct tg_vm *vm)
{
    return vm->n_live;
}

size_t tg_vm_memory(const struct tg_vm *vm)
{
    return vm->memory;
}

static void close_vm(void *arg)
{
    struct tg_vm *vm = arg;
    tg_loop_fn *done = vm->on_closed;
    void *done_arg = vm->on_closed_arg;
    tg_vm_free(&vm);
    if (done != NULL)
        done(done_arg);
}

void tg_vm_on_co_end(struct tg_vm *vm)
{
    if (!vm->retiring || vm->n_live > 0)
        return;
    tg_timer_stop(vm->services.loop, &vm->drain_timer);
    tg_loop_defer(vm->services.loop, close_vm, vm);
}

static void on_drain_over(void *arg)
{
    struct tg_vm *vm = arg;
    TG_LOG_WARN("rt_vm_drain_finished", TG_LOG_INT("closed", vm->n_live));
    vm->draining_ended = true;
    tg_co_close_all(vm);
}

void tg_vm_retire(struct tg_vm **vm_p, uint32_t drain_ms, tg_loop_fn *done, void *arg)
{
    struct tg_vm *vm = *vm_p;
    *vm_p = NULL;
    assert(vm->attached && !vm->retiring);
    vm->retiring = true;
    vm->on_closed = done;
    vm->on_closed_arg = arg;
    if (vm->n_live == 0)
        tg_loop_defer(vm->services.loop, close_vm, vm);
    else
        tg_timer_start(vm->services.loop, &vm->drain_timer, drain_ms, on_drain_over, vm);
}

void tg_vm_free(struct tg_vm **vm_p)
{
    struct tg_vm *vm = *vm_p;
    *vm_p = NULL;
    if (vm == NULL)
        return;
    assert(vm->n_live == 0 && !tg_timer_is_armed(&vm->drain_timer));
    lua_close(vm->L);
    tg_slab_deinit(&vm->slab);
    tg_co_deinit(vm);
    tg_luasource_unref(&vm->src);
    free(vm);
}

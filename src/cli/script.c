/* script - see script.h. */
#include "cli/script.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/mem.h"

struct tg_script {
    struct tg_loop *loop;
    struct tg_work *work;
    struct tg_services services;
    struct tg_vm *vm;
    unsigned n_closing;
};

static int open_database(struct tg_script *s, int as_owner, struct tg_err *err_r)
{
    struct tg_dburl url;
    struct tg_dbpool_settings set = {.connections_max = 4, .queue_len_max = 1000, .connect_timeout_ms = 5000};
    const char *text = as_owner ? getenv("TOLLGATE_OWNER_URL") : NULL;
    if (text == NULL)
        text = getenv("TOLLGATE_DATABASE_URL");
    if (text == NULL)
        return 0;
    if (tg_dburl_parse(text, &url, err_r) != 0)
        return -1;
    s->services.db = tg_dbpool_new(s->loop, &url, &set);
    tg_dburl_deinit(&url);
    return 0;
}

static int open_services(struct tg_script *s, int as_owner, struct tg_err *err_r)
{
    const char *redis = getenv("TOLLGATE_REDIS_URL");
    struct tg_httpc_settings http = {.allow_private_addresses = true};
    s->loop = tg_loop_new();
    s->work = tg_work_new(1, 1000);
    s->services = (struct tg_services){.loop = s->loop, .work = s->work};
    s->services.http = tg_httpc_new(s->loop, s->work, &http);
    if (redis != NULL) {
        s->services.redis = tg_redis_new(s->loop, redis, 1000, err_r);
        if (s->services.redis == NULL)
            return -1;
    }
    return open_database(s, as_owner, err_r);
}

/* "lua_dir/?.lua;" before what is there. */
static void set_path(lua_State *L, const char *lua_dir)
{
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.lua;", lua_dir);
    lua_getfield(L, -2, "path");
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}

static int open_script(const char *lua_dir, int as_owner, const struct tg_vm_lib *libs, struct tg_script **script_r,
                       struct tg_err *err_r)
{
    struct tg_script *s = TG_NEW(struct tg_script);
    if (open_services(s, as_owner, err_r) != 0 || tg_vm_new_for_scripts(libs, &s->vm, err_r) != 0) {
        tg_script_close(&s);
        return -1;
    }
    tg_vm_attach(s->vm, &s->services);
    set_path(tg_vm_state(s->vm), lua_dir);
    *script_r = s;
    return 0;
}

int tg_script_open(const char *lua_dir, int as_owner, struct tg_script **script_r, struct tg_err *err_r)
{
    return open_script(lua_dir, as_owner, NULL, script_r, err_r);
}

int tg_script_open_with(const char *lua_dir, const struct tg_vm_lib *libs, struct tg_script **script_r,
                        struct tg_err *err_r)
{
    return open_script(lua_dir, 0, libs, script_r, err_r);
}

static void on_closed(void *arg)
{
    struct tg_script *s = arg;
    --s->n_closing;
}

static void close_services(struct tg_script *s)
{
    if (s->services.db != NULL) {
        ++s->n_closing;
        tg_dbpool_close(&s->services.db, on_closed, s);
    }
    if (s->services.redis != NULL) {
        ++s->n_closing;
        tg_redis_close(&s->services.redis, on_closed, s);
    }
    if (s->services.http != NULL) {
        ++s->n_closing;
        tg_httpc_close(&s->services.http, on_closed, s);
    }
    while (s->n_closing > 0)
        tg_loop_run_once(s->loop, 100);
}

void tg_script_close(struct tg_script **script)
{
    struct tg_script *s = *script;
    if (s == NULL)
        return;
    if (s->vm != NULL)
        tg_vm_free(&s->vm);
    close_services(s);
    tg_work_free(&s->work);
    tg_loop_free(&s->loop);
    free(s);
    *script = NULL;
}

lua_State *tg_script_state(struct tg_script *script)
{
    return tg_vm_state(script->vm);
}

static int traceback(lua_State *L)
{
    const char *text = lua_tostring(L, 1);
    luaL_checkstack(L, 20, NULL);
    luaL_traceback(L, L, text != NULL ? text : "an error that is no string", 1);
    return 1;
}

int tg_script_call(struct tg_script *script, int n_args, int n_results, struct tg_err *err_r)
{
    lua_State *L = tg_vm_state(script->vm);
    int base = lua_gettop(L) - n_args;
    lua_pushcfunction(L, traceback);
    lua_insert(L, base); /* stack: …, traceback, function, arguments */
    int rc = lua_pcall(L, n_args, n_results, base);
    lua_remove(L, base);
    if (rc == LUA_OK)
        return 0;
    tg_err_set(err_r, TG_ERR_BUG, "%s", lua_tostring(L, -1));
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
    return -1;
}

int tg_script_run_file(struct tg_script *script, const char *path, int argc, char **argv, struct tg_err *err_r)
{
    lua_State *L = tg_vm_state(script->vm);
    lua_createtable(L, argc, 1);
    lua_pushstring(L, path);
    lua_rawseti(L, -2, 0);
    for (int i = 0; i != argc; ++i) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setglobal(L, "arg");
    if (luaL_loadfile(L, path) != LUA_OK) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s", lua_tostring(L, -1));
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        lua_pop(L, 1);
        return -1;
    }
    luaL_checkstack(L, argc + 1, NULL);
    for (int i = 0; i != argc; ++i)
        lua_pushstring(L, argv[i]);
    return tg_script_call(script, argc, 0, err_r);
}

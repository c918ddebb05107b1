/* vm_fixture - a loop, sources in a temporary folder and VMs for the tests of rt. Unexpected error lines fail. */
#ifndef TG_TESTS_RT_VM_FIXTURE_H
#define TG_TESTS_RT_VM_FIXTURE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rt/co.h"
#include "rt/vm.h"
#include "tap.h"

static struct {
    struct tg_loop *loop;
    struct tg_services services;
    bool expect_errors;
} fixture;

struct outcome { /* of one coroutine */
    bool ended;
    enum tg_errcode code;
    char text[4000]; /* its results, with spaces between; or the error */
    lua_State *L;
};

static void fixture_on_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    (void)fields;
    (void)arg;
    if (level == TG_LOG_LEVEL_ERROR && !fixture.expect_errors)
        ok(false, "unexpected error line '%s'", name);
}

__attribute__((constructor)) static void fixture_start(void)
{
    tg_log_set_listener(fixture_on_log, NULL);
    fixture.loop = tg_loop_new();
    fixture.services.loop = fixture.loop;
}

__attribute__((destructor)) static void fixture_stop(void)
{
    if (fixture.loop != NULL)
        tg_loop_free(&fixture.loop);
}

/* A source of (path, text) pairs, NULL terminated. */
static inline struct tg_luasource *fixture_source(const char *path, ...)
{
    char dir[] = "/tmp/tg-rt-XXXXXX", file[300], command[300];
    struct tg_luasource *src = NULL;
    struct tg_err err;
    va_list args;
    va_start(args, path);
    if (mkdtemp(dir) == NULL)
        abort();
    for (; path != NULL; path = va_arg(args, const char *)) {
        snprintf(file, sizeof(file), "%s/%s", dir, path);
        for (char *slash = strchr(file + strlen(dir) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            mkdir(file, 0700);
            *slash = '/';
        }
        FILE *f = fopen(file, "w");
        if (f == NULL)
            abort();
        fputs(va_arg(args, const char *), f);
        fclose(f);
    }
    va_end(args);
    if (tg_luasource_read(dir, &src, &err) != 0)
        ok(false, "%s", err.text);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        ok(false, "the temporary folder stays");
    return src;
}

static inline struct tg_vm *fixture_vm_of(struct tg_luasource *src, const char *main_module,
                                          const struct tg_vm_lib *libs)
{
    struct tg_vm *vm = NULL;
    struct tg_err err;
    if (tg_vm_new(src, main_module, libs, &vm, &err) != 0) {
        fprintf(stderr, "vm: %s\n", err.text);
        abort();
    }
    tg_luasource_unref(&src);
    tg_vm_attach(vm, &fixture.services);
    return vm;
}

static inline struct tg_vm *fixture_vm(const struct tg_vm_lib *libs)
{
    return fixture_vm_of(fixture_source(NULL), NULL, libs);
}

static inline struct tg_vm *fixture_script_vm(const struct tg_vm_lib *libs)
{
    struct tg_vm *vm = NULL;
    struct tg_err err;
    if (tg_vm_new_for_scripts(libs, &vm, &err) != 0) {
        fprintf(stderr, "vm: %s\n", err.text);
        abort();
    }
    tg_vm_attach(vm, &fixture.services);
    return vm;
}

static inline void fixture_free(struct tg_vm **vm)
{
    tg_vm_free(vm);
}

static inline void on_closed(void *arg)
{
    *(bool *)arg = true;
}

/* Runs the loop until *flag, at most ten seconds. */
static inline void turn_until(const bool *flag)
{
    uint64_t start_us = tg_clock_mono_us();
    while (!*flag && tg_clock_mono_us() - start_us < 10000000)
        tg_loop_run_once(fixture.loop, 10);
}

static inline int outcome_push(lua_State *L, void *arg)
{
    const char *code = arg;
    if (luaL_loadbufferx(L, code, strlen(code), "=chunk", "t") != LUA_OK)
        lua_error(L);
    return 0;
}

static inline void outcome_done(lua_State *L, int n_results, const struct tg_err *err, void *arg)
{
    struct outcome *o = arg;
    size_t len = 0;
    o->L = L;
    o->code = err == NULL ? TG_ERR_NONE : err->code;
    if (err != NULL)
        snprintf(o->text, sizeof(o->text), "%s", err->text);
    for (int i = 0; i < n_results; i++) {
        const char *text = luaL_tolstring(L, lua_gettop(L) - n_results + 1 + i, NULL);
        len += (size_t)snprintf(o->text + len, sizeof(o->text) - len, "%s%s", i == 0 ? "" : " ", text);
        lua_pop(L, 1);
    }
    if (err == NULL && n_results == 0)
        o->text[0] = '\0';
    o->ended = true;
}

static inline void start_with(struct tg_vm *vm, const struct tg_co_context *ctx, const char *code, struct outcome *o)
{
    memset(o, 0, sizeof(*o));
    tg_co_start(vm, ctx, outcome_push, (void *)code, outcome_done, o);
}

static inline void start(struct tg_vm *vm, const char *code, struct outcome *o)
{
    const struct tg_co_context ctx = {0};
    start_with(vm, &ctx, code, o);
}

static inline void run_lua(struct tg_vm *vm, const char *code, struct outcome *o)
{
    start(vm, code, o);
    turn_until(&o->ended);
    if (!o->ended)
        ok(false, "the coroutine did not end: %s", code);
}

#endif

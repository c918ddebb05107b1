/* luabugs - which known bugs the linked Lua has, and what of ours keeps each out of reach. */
#include "rt/luabugs.h"

#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/clock.h"
#include "base/log.h"

#define TRY_MAX_S 5 /* of a child */
#define QUICK_US 1000 /* what takes nanoseconds without the bug, and some milliseconds with it */

struct known {
    const char *name, *defence;
    const char *code; /* gives true when the bug is not there; NULL: nothing can be tried */
    bool may_crash; /* tried in a child */
    bool is_slow; /* the bug is that it takes long */
    int repaired_in; /* 5.4.x; of those that are not tried */
};

static const struct known all[] = {
    {"concat_stack", "rules have no setmetatable, our values no such metamethod",
     "local mt = {} mt['__con' .. 'cat'] = function(a, b)\n"
     " local function deep(n) if n > 0 then return 1 + deep(n - 1) end return 0 end\n"
     " return 'x' .. deep(200) end\n"
     "local function f(n) local v = setmetatable({}, mt) if n > 0 then f(n - 1) end\n"
     " local s = 'a' .. n .. v .. v .. n .. 'b' return #s > 0 end\n"
     "for _ = 1, 50 do if not f(30) then return false end end return coroutine.wrap(f)(30)",
     true, false, 0},
    {"coroutine_close", "rules have no coroutines",
     "local previous for i = 1, 1000 do local before = previous\n"
     " previous = coroutine.create(function()\n"
     "  local c <close> = setmetatable({}, {__close = function()\n"
     "   if before then assert(coroutine.close(before)) end end}) coroutine.yield() end)\n"
     " coroutine.resume(previous) end\n"
     "local ok = coroutine.close(previous) return not ok",
     true, false, 0},
    {"rep_of_nothing", "string.rep is bounded", "return ('').rep('', 1 << 22) == ''", false, true, 0},
    {"index_by_comparison", "publishing refuses it",
     "local t = {[true] = 1, [false] = 2} local function f(n) return t[n > 3] end return f(5) == 1 and f(1) == 2", true,
     false, 0},
    {"bits_of_constants", "publishing refuses it",
     "local code = {'local x = {'} for i = 1, 257 do code[#code + 1] = i .. '.1,' end\n"
     "return load(table.concat(code) .. '} return 1 ~ (2 or 3)')() == 3",
     true, false, 0},
    {"error_of_a_chain", "publishing refuses long chains",
     "local f = load('local t = {} t.a = t return t' .. ('.a'):rep(3000) .. '.b.c') return not pcall(f)", true, true,
     0},
    {"env_constant", "patched by the distribution, else publishing is in a child",
     "local ok, why = pcall(load(\"local _ENV <const> = 11; X = 'hi'\"))\n"
     "return not ok and why:find('number', 1, true) ~= nil",
     true, false, 0},
    {"break_and_close", "rules have nothing to close",
     "local closed local o = setmetatable({}, {__close = function() closed = true end})\n"
     "for k in next, {1}, nil, o do local _ = function() return k end break end return closed",
     true, false, 0},
    {"line_of_division", "none: an error may name another line",
     "local _, why = pcall(load('local a = 0\\nlocal b = 1\\nlocal c = b % a', '=x'))\n"
     "return why:find('x:3:', 1, true) ~= nil",
     false, false, 0},
    {"strcoll_length", "the locale is C", NULL, false, false, 7},
    {"weak_newindex", "rules have no setmetatable", NULL, false, false, 8},
    {"settop_close", "no C of ours has values to close", NULL, false, false, 5},
    {"error_of_errors", "our message handler allocates nothing", NULL, false, false, 8},
    {"concat_overflow", "memory is capped", NULL, false, false, 7},
    {"traceback_slots", "the traces of rules are made without it", NULL, false, false, 7},
    {"hook_that_yields", "our hooks do not yield", NULL, false, false, 7},
};
#define N_ALL (sizeof(all) / sizeof(all[0]))
_Static_assert(N_ALL <= TG_LUABUGS_MAX, "there is room for all");

const char *tg_lua_version(void)
{
    static char version[32];
    const char *ident = dlsym(RTLD_DEFAULT, "lua_ident"); /* "$LuaVersion: Lua 5.4.4  Copyright …" */
    const char *at = ident == NULL ? NULL : strstr(ident, "Lua 5.");
    if (at == NULL)
        return LUA_RELEASE;
    (void)snprintf(version, sizeof(version), "%.*s", (int)(4 + strcspn(at + 4, " ")), at);
    return version;
}

/* x of 5.4.x; another minor has other bugs: then 0, and all are taken to be there. */
static int release_number(void)
{
    const char *version = tg_lua_version();
    return strncmp(version, "Lua 5.4.", 8) == 0 ? (int)strtol(version + 8, NULL, 10) : 0;
}

/* Whether the code gives true, and soon. */
static bool is_right(const struct known *bug)
{
    lua_State *L = luaL_newstate();
    assert(L != NULL);
    luaL_openlibs(L);
    bool right = luaL_loadstring(L, bug->code) == LUA_OK;
    const uint64_t began_us = tg_clock_thread_cpu_us();
    right = right && lua_pcall(L, 0, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    if (bug->is_slow)
        right = right && tg_clock_thread_cpu_us() - began_us < QUICK_US;
    lua_close(L);
    return right;
}

static bool is_right_in_child(const struct known *bug)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0}, soon = {TRY_MAX_S, TRY_MAX_S};
        const int nowhere = open("/dev/null", O_WRONLY);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)setrlimit(RLIMIT_CPU, &soon);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)signal(SIGSEGV, SIG_DFL);
        _exit(is_right(bug) ? 0 : 1);
    }
    if (child < 0)
        return false;
    while (waitpid(child, &status, 0) < 0)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

size_t tg_luabugs_try(struct tg_luabug list_r[static TG_LUABUGS_MAX])
{
    const int release = release_number();
    for (size_t i = 0; i < N_ALL; i++) {
        bool right = release >= all[i].repaired_in;
        if (all[i].code != NULL)
            right = all[i].may_crash ? is_right_in_child(&all[i]) : is_right(&all[i]);
        list_r[i] = (struct tg_luabug){all[i].name, all[i].defence, all[i].code != NULL,
                                       right ? TG_LUABUG_ABSENT : TG_LUABUG_PRESENT};
    }
    return N_ALL;
}

void tg_luabugs_log(void)
{
    struct tg_luabug list[TG_LUABUGS_MAX];
    char names[600] = "";
    int64_t n_present = 0;
    size_t len = 0;
    const size_t n = tg_luabugs_try(list);
    for (size_t i = 0; i < n; i++) {
        if (list[i].state != TG_LUABUG_PRESENT)
            continue;
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len == 0 ? "" : " ", list[i].name);
        assert(len < sizeof(names));
        n_present++;
    }
    TG_LOG_INFO("rt_lua_checked", TG_LOG_STR("version", tg_lua_version()), TG_LOG_INT("bugs", n_present),
                TG_LOG_STR("names", names));
}

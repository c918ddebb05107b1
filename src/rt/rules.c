/* rules - the VM in which rules decide: pure functions, no I/O, hard limits.
 *
 * Lua is entered in two places only, both protected: `build` when the VM is made and `enter` for each call, which
 * pushes the input, calls the rule and reads its result. Memory is counted by the allocator: what the VM holds after
 * it was built is the baseline, a call may use TG_RULES_MEMORY more (garbage included; Lua collects before it gives
 * up). The count hook looks at the clocks.
 */
#include "rt/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/slab.h"
#include "rt/caps.h"
#include "rt/vm.h"

#define HOOKS_MAX 64
#define HOOK_COUNT 100
#define BUILD_DEADLINE_US 2000000
#define BUILD_MEMORY (64u << 20)
#define GC_PAUSE 400 /* the heap is small and its garbage short-lived: collect when it is four times as big */

struct rule {
    char hook[64];
    char path[96];
    int decide, cap; /* in the registry */
};

struct tg_rules {
    lua_State *L;
    struct tg_caps caps;
    struct rule rules[HOOKS_MAX];
    size_t n_rules;
    char bundle[2 * TG_SHA256_LEN + 1];
    bool spoilt;
    uint64_t began_us; /* monotonic */
    uint64_t deadline_us; /* monotonic: when on_count looks closer */
    uint64_t cpu_deadline_us; /* of the thread; 0: not looked yet */
    uint32_t budget_us;
    size_t memory, memory_max, memory_peak;
    struct tg_slab slab;
};

/* --- limits -------------------------------------------------------------------------------------------------------- */

static void *allocate(void *arg, void *old, size_t old_size, size_t new_size)
{
    struct tg_rules *rules = arg;
    if (old == NULL)
        old_size = 0; /* Lua says there what kind of object it is for */
    if (new_size == 0) {
        tg_slab_free(&rules->slab, old, old_size);
        rules->memory -= old_size;
        return NULL;
    }
    if (new_size > old_size && rules->memory + (new_size - old_size) > rules->memory_max)
        return NULL;
    void *new = tg_slab_realloc(&rules->slab, old, old_size, new_size);
    if (new == NULL)
        return NULL;
    rules->memory += new_size - old_size;
    if (rules->memory > rules->memory_peak)
        rules->memory_peak = rules->memory;
    return new;
}

static struct tg_rules *rules_of(lua_State *L)
{
    return *(struct tg_rules **)lua_getextraspace(L);
}

/* A thread that was not scheduled for 20 ms is no fault of the rule. Half of the budget passes by the clock on the
 * wall, which is cheap to ask; the other half must be spent on the processor. */
static bool is_over(struct tg_rules *rules)
{
    if (tg_clock_mono_us() < rules->deadline_us)
        return false;
    uint64_t cpu_us = tg_clock_thread_cpu_us();
    if (rules->cpu_deadline_us == 0)
        rules->cpu_deadline_us = cpu_us + rules->budget_us / 2;
    return cpu_us >= rules->cpu_deadline_us;
}

/* After the first kill it fires at every instruction, so that no loop around a pcall goes on. */
static void on_count(lua_State *L, lua_Debug *ar)
{
    struct tg_rules *rules = rules_of(L);
    (void)ar;
    if (!rules->caps.killed && !is_over(rules))
        return;
    rules->caps.killed = true;
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    luaL_error(L, "the rule ran longer than %d ms", (int)(rules->budget_us / 1000));
}

/* Runs function(arg) protected and under the limits; the error's text is what Lua said. */
static int run_protected(struct tg_rules *rules, lua_CFunction function, void *arg, uint32_t budget_us,
                         struct tg_err *err_r)
{
    lua_State *L = rules->L;
    assert(lua_gettop(L) == 0);
    rules->budget_us = budget_us;
    rules->began_us = tg_clock_mono_us();
    rules->deadline_us = rules->began_us + budget_us / 2;
    rules->cpu_deadline_us = 0;
    rules->caps.killed = false;
    rules->caps.n_logged = 0;
    rules->memory_peak = rules->memory;
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, arg);
    lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_COUNT);
    int status = lua_pcall(L, 1, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    if (status == LUA_OK)
        return 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "the error is not a text";
    bool limit = rules->caps.killed || status == LUA_ERRMEM;
    rules->spoilt = rules->spoilt || limit;
    (void)tg_err_set(err_r, limit ? TG_ERR_BUSY : TG_ERR_BUG, "%s", text);
    lua_settop(L, 0);
    return -1;
}

/* --- building ------------------------------------------------------------------------------------------------------ */

struct build {
    struct tg_rules *rules;
    const struct tg_luasource *src;
    int env; /* in the registry */
};

/* Whether it is <feature>/rules.lua; the feature's length. types/ holds annotations for editors, which never run. */
static bool is_rules_path(const char *path, size_t *feature_len_r)
{
    const char *slash = strchr(path, '/');
    *feature_len_r = slash == NULL ? 0 : (size_t)(slash - path);
    return slash != NULL && strcmp(slash, "/rules.lua") == 0 && strncmp(path, "types/", 6) != 0;
}

static bool is_of_bundle(const char *path)
{
    size_t feature_len;
    const char *slash = strchr(path, '/');
    return is_rules_path(path, &feature_len) || strcmp(path, "core/allow.lua") == 0 ||
           (slash != NULL && strncmp(slash, "/lib/", 5) == 0);
}

/* Calls the file's chunk in the environment at env; leaves its one result. */
static void push_file(lua_State *L, const struct tg_luasource *src, const char *path, int env)
{
    size_t len;
    char name[128];
    const char *text = tg_luasource_file(src, path, &len);
    if (text == NULL)
        luaL_error(L, "there is no file %s", path);
    (void)snprintf(name, sizeof(name), "@%s", path);
    if (luaL_loadbufferx(L, text, len, name, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, env);
    if (lua_setupvalue(L, -2, 1) == NULL)
        lua_pop(L, 1);
    lua_call(L, 0, 1);
}

static void push_env(lua_State *L, struct build *build)
{
    size_t len;
    lua_newtable(L);
    if (tg_luasource_file(build->src, "core/allow.lua", &len) != NULL)
        push_file(L, build->src, "core/allow.lua", lua_gettop(L));
    else
        tg_caps_push_allow_all(L);
    if (!lua_istable(L, -1))
        luaL_error(L, "core/allow.lua: it must return a table");
    tg_caps_push_env(L, lua_gettop(L), &build->rules->caps);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* Pushes the read-only module <feature>/lib/<name>.lua; two rules of a feature share it. */
static void push_lib(lua_State *L, struct build *build, const char *rule_path, const char *name)
{
    size_t feature_len;
    char path[128];
    (void)is_rules_path(rule_path, &feature_len);
    if (snprintf(path, sizeof(path), "%.*s/lib/%s.lua", (int)feature_len, rule_path, name) >= (int)sizeof(path))
        luaL_error(L, "%s: the name of lib.%s is too long", rule_path, name);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "tg.rules.libs");
    if (lua_getfield(L, -1, path) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_rawgeti(L, LUA_REGISTRYINDEX, build->env);
        push_file(L, build->src, path, lua_gettop(L));
        lua_remove(L, -2);
        if (!lua_istable(L, -1))
            luaL_error(L, "%s: it must return a table", path);
        tg_caps_freeze(L, path, true);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, path);
    }
    lua_remove(L, -2);
}

/* Pushes the `cap` of the rule at `rule`: what its `needs` names and nothing else. */
static void push_caps(lua_State *L, struct build *build, int rule, const char *path)
{
    lua_newtable(L);
    lua_newtable(L);
    int cap = lua_gettop(L) - 1, libs = lua_gettop(L);
    if (lua_getfield(L, rule, "needs") != LUA_TNIL && !lua_istable(L, -1))
        luaL_error(L, "%s: needs must be a list of capabilities", path);
    for (lua_Integer i = 1; lua_istable(L, libs + 1) && lua_rawgeti(L, libs + 1, i) != LUA_TNIL; i++) {
        const char *need = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
        if (strncmp(need, "lib.", 4) == 0) {
            push_lib(L, build, path, need + 4);
            lua_setfield(L, libs, need + 4);
        } else if (tg_caps_push(L, need, &build->rules->caps)) {
            lua_setfield(L, cap, need);
        } else {
            luaL_error(L, "%s: there is no capability '%s'", path, need);
        }
        lua_pop(L, 1);
    }
    lua_settop(L, libs);
    tg_caps_freeze(L, "cap.lib", true);
    lua_setfield(L, cap, "lib");
    tg_caps_freeze(L, "cap", true);
}

static const struct rule *find_rule(const struct tg_rules *rules, const char *hook)
{
    for (size_t i = 0; i < rules->n_rules; i++)
        if (strcmp(rules->rules[i].hook, hook) == 0)
            return &rules->rules[i];
    return NULL;
}

/* Takes the rule on the top. */
static void add_rule(lua_State *L, struct build *build, const char *path)
{
    struct tg_rules *rules = build->rules;
    int rule = lua_gettop(L);
    if (lua_getfield(L, rule, "api") != LUA_TNUMBER || lua_tointeger(L, -1) != 1)
        luaL_error(L, "%s: api must be 1", path);
    const char *hook = lua_getfield(L, rule, "hook") == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (hook[0] == '\0' || strlen(hook) >= sizeof(rules->rules[0].hook))
        luaL_error(L, "%s: hook must be a name like pricing.rate_usage", path);
    const struct rule *other = find_rule(rules, hook);
    if (other != NULL)
        luaL_error(L, "%s: the hook %s has a rule already, in %s", path, hook, other->path);
    if (rules->n_rules == HOOKS_MAX)
        luaL_error(L, "%s: at most %d rules", path, HOOKS_MAX);
    struct rule *to = &rules->rules[rules->n_rules];
    (void)snprintf(to->hook, sizeof(to->hook), "%s", hook);
    (void)snprintf(to->path, sizeof(to->path), "%s", path);
    push_caps(L, build, rule, path);
    to->cap = luaL_ref(L, LUA_REGISTRYINDEX);
    if (lua_getfield(L, rule, "decide") != LUA_TFUNCTION)
        luaL_error(L, "%s: %s has no function decide", path, to->hook);
    to->decide = luaL_ref(L, LUA_REGISTRYINDEX);
    rules->n_rules++;
    lua_settop(L, rule - 1);
}

static void load_rules_file(lua_State *L, struct build *build, const char *path)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, build->env);
    push_file(L, build->src, path, lua_gettop(L));
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: it must return a rule or a list of rules", path);
    if (lua_getfield(L, -1, "hook") != LUA_TNIL) {
        lua_pop(L, 1);
        add_rule(L, build, path);
    } else {
        lua_pop(L, 1);
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
            if (!lua_istable(L, -1))
                luaL_error(L, "%s: entry %d of the list is not a rule", path, (int)i);
            add_rule(L, build, path);
        }
    }
    lua_settop(L, 1);
}

static int l_build(lua_State *L)
{
    struct build *build = lua_touserdata(L, 1);
    push_env(L, build);
    tg_caps_lock_strings(L, lua_gettop(L));
    build->env = luaL_ref(L, LUA_REGISTRYINDEX);
    for (size_t i = 0; i < tg_luasource_n(build->src); i++) {
        size_t feature_len;
        const char *path = tg_luasource_path(build->src, i);
        if (is_rules_path(path, &feature_len))
            load_rules_file(L, build, path);
    }
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
    return 0;
}

/* Each file as its path's length, path, size and text: no two bundles give the same bytes. */
static void compute_bundle(struct tg_rules *rules, const struct tg_luasource *src)
{
    size_t n = tg_luasource_n(src), n_pieces = 0;
    struct tg_iov *pieces = tg_calloc(4 * n + 1, sizeof(*pieces));
    uint64_t *sizes = tg_calloc(2 * n + 1, sizeof(*sizes));
    uint8_t hash[TG_SHA256_LEN];
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *path = tg_luasource_path(src, i), *text = tg_luasource_file(src, path, &len);
        if (!is_of_bundle(path))
            continue;
        sizes[2 * i] = strlen(path);
        sizes[2 * i + 1] = len;
        pieces[n_pieces++] = (struct tg_iov){&sizes[2 * i], sizeof(*sizes)};
        pieces[n_pieces++] = (struct tg_iov){path, strlen(path)};
        pieces[n_pieces++] = (struct tg_iov){&sizes[2 * i + 1], sizeof(*sizes)};
        pieces[n_pieces++] = (struct tg_iov){text, len};
    }
    tg_sha256_v(pieces, n_pieces, hash);
    tg_hex(hash, sizeof(hash), rules->bundle);
    free(pieces);
    free(sizes);
}

int tg_rules_new(struct tg_luasource *src, struct tg_rules **rules_r, struct tg_err *err_r)
{
    struct tg_rules *rules = TG_NEW(struct tg_rules);
    struct build build = {.rules = rules, .src = src};
    rules->caps.tag = "build";
    rules->memory_max = BUILD_MEMORY;
    rules->L = lua_newstate(allocate, rules);
    assert(rules->L != NULL);
    *(struct tg_rules **)lua_getextraspace(rules->L) = rules;
    if (run_protected(rules, l_build, &build, BUILD_DEADLINE_US, err_r) != 0) {
        if (err_r != NULL)
            err_r->code = TG_ERR_INPUT;
        tg_rules_free(&rules);
        return -1;
    }
    compute_bundle(rules, src);
    rules->memory_max = rules->memory + TG_RULES_MEMORY;
    *rules_r = rules;
    return 0;
}

void tg_rules_free(struct tg_rules **rules)
{
    if (*rules == NULL)
        return;
    lua_close((*rules)->L);
    assert((*rules)->memory == 0);
    tg_slab_deinit(&(*rules)->slab);
    free(*rules);
    *rules = NULL;
}

bool tg_rules_is_spoilt(const struct tg_rules *rules)
{
    return rules->spoilt;
}

const char *tg_rules_bundle(const struct tg_rules *rules)
{
    return rules->bundle;
}

/* --- calling ------------------------------------------------------------------------------------------------------- */

struct call {
    const struct rule *rule;
    tg_rules_push_fn *push;
    void *push_arg;
    tg_rules_read_fn *read;
    void *read_arg;
    int read_status;
    struct tg_err read_err;
};

static int l_enter(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->rule->decide);
    call->push(L, call->push_arg);
    assert(lua_gettop(L) == 3);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->rule->cap);
    lua_call(L, 2, 1);
    call->read_status = call->read(L, 2, call->read_arg, &call->read_err);
    return 0;
}

int tg_rules_call(struct tg_rules *rules, const char *hook, const struct tg_rules_snapshot *snap,
                  tg_rules_push_fn *push, void *push_arg, tg_rules_read_fn *read, void *read_arg,
                  struct tg_rules_report *report_r, struct tg_err *err_r)
{
    struct call call = {find_rule(rules, hook), push, push_arg, read, read_arg, 0, {.code = TG_ERR_NONE}};
    if (rules->spoilt)
        return tg_err_set(err_r, TG_ERR_BUSY, "the rule VM met a limit and must be replaced");
    if (call.rule == NULL)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "no rule for the hook %s", hook);
    size_t memory_before = rules->memory;
    rules->caps.deck = snap == NULL ? NULL : snap->deck;
    rules->caps.tag = call.rule->hook;
    int status = run_protected(rules, l_enter, &call, TG_RULES_DEADLINE_US, err_r);
    rules->caps.deck = NULL;
    if (report_r != NULL) {
        report_r->usecs = (uint32_t)(tg_clock_mono_us() - rules->began_us);
        report_r->memory_peak = rules->memory_peak - memory_before;
        memcpy(report_r->rule, call.rule->hook, sizeof(report_r->rule));
    }
    if (status == 0 && call.read_status != 0) {
        if (err_r != NULL)
            *err_r = call.read_err;
        return -1;
    }
    return status;
}

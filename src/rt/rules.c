/* rules - the VM in which rules decide: pure functions, no I/O, hard limits.
 *
 * Lua is entered in two places only, both protected: `tg_rules_build` when the VM is made and `enter` for each call, which
 * pushes the input, calls the rule and reads its result. Memory is counted by the allocator: what the VM holds after
 * it was built is the baseline, a call may use TG_RULES_MEMORY more (garbage included; Lua collects before it gives
 * up). The count hook looks at the clocks.
 */
#include "rt/rules_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rt/vm.h"

#define HOOK_COUNT 100
#define BUILD_DEADLINE_US 2000000
#define BUILD_MEMORY (64u << 20)

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

/* --- making --------------------------------------------------------------------------------------------------------- */

int tg_rules_new(struct tg_luasource *host, const struct tg_bundle *bundle, unsigned flags, struct tg_rules **rules_r,
                 struct tg_err *err_r)
{
    struct tg_rules *rules = TG_NEW(struct tg_rules);
    struct tg_rules_build build = {.rules = rules, .host = host, .bundle = bundle};
    rules->flags = flags;
    rules->caps.tag = "build";
    rules->memory_max = BUILD_MEMORY;
    memcpy(rules->bundle, tg_bundle_id(bundle), sizeof(rules->bundle));
    rules->L = lua_newstate(allocate, rules);
    assert(rules->L != NULL);
    *(struct tg_rules **)lua_getextraspace(rules->L) = rules;
    if (run_protected(rules, tg_rules_build, &build, BUILD_DEADLINE_US, err_r) != 0) {
        if (err_r != NULL)
            err_r->code = TG_ERR_INPUT;
        tg_rules_free(&rules);
        return -1;
    }
    rules->memory_max = rules->memory + TG_RULES_MEMORY;
    *rules_r = rules;
    return 0;
}

int tg_rules_new_of_release(struct tg_luasource *src, struct tg_rules **rules_r, struct tg_err *err_r)
{
    struct tg_bundle *bundle;
    if (tg_bundle_of_source(src, &bundle, err_r) != 0)
        return -1;
    int status = tg_rules_new(src, bundle, 0, rules_r, err_r);
    tg_bundle_unref(&bundle);
    return status;
}

void tg_rules_free(struct tg_rules **rules)
{
    if (*rules == NULL)
        return;
    lua_close((*rules)->L);
    assert((*rules)->memory == 0);
    for (size_t i = 0; i < (*rules)->n_rules; i++)
        json_decref((*rules)->rules[i].cases);
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

const struct tg_rule *tg_rules_find(const struct tg_rules *rules, const char *hook)
{
    for (size_t i = 0; i < rules->n_rules; i++)
        if (strcmp(rules->rules[i].hook, hook) == 0)
            return &rules->rules[i];
    return NULL;
}

bool tg_rules_has(const struct tg_rules *rules, const char *hook)
{
    return tg_rules_find(rules, hook) != NULL;
}

size_t tg_rules_n(const struct tg_rules *rules)
{
    return rules->n_rules;
}

struct tg_rules_entry tg_rules_at(const struct tg_rules *rules, size_t i)
{
    assert(i < rules->n_rules);
    return (struct tg_rules_entry){rules->rules[i].hook, rules->rules[i].path, rules->rules[i].cases};
}

/* --- calling ------------------------------------------------------------------------------------------------------- */

struct call {
    const struct tg_rule *rule;
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
    struct call call = {tg_rules_find(rules, hook), push, push_arg, read, read_arg, 0, {.code = TG_ERR_NONE}};
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

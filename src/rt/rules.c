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
#include "base/utf8.h"
#include "rt/freeze.h"
#include "rt/vm.h"

#define HOOK_COUNT 100
#define HOOK_COUNT_SLOW 10
#define SLOW_US 1000 /* for HOOK_COUNT instructions, which take one microsecond */
#define BUILD_DEADLINE_US 2000000
#define BUILD_MEMORY (64u << 20)
#define TRACE_LINES_MAX 12

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
static bool is_over(struct tg_rules *rules, uint64_t now_us)
{
    if (now_us < rules->deadline_us)
        return false;
    uint64_t cpu_us = tg_clock_thread_cpu_us();
    if (rules->cpu_deadline_us == 0)
        rules->cpu_deadline_us = cpu_us + rules->budget_us / 2;
    return cpu_us >= rules->cpu_deadline_us;
}

/* Instructions that take long by themselves (comparing texts of a megabyte) are looked at more often from then on. After
 * the first kill it fires at every instruction, so that no loop around a pcall goes on. */
static void on_count(lua_State *L, lua_Debug *ar)
{
    struct tg_rules *rules = rules_of(L);
    const uint64_t now_us = tg_clock_mono_us();
    (void)ar;
    if (rules->caps.killed || is_over(rules, now_us)) {
        rules->caps.killed = true;
        lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
        luaL_where(L, 0); /* in a hook that is the function it interrupts, which luaL_error would not name */
        lua_pushfstring(L, "the rule ran longer than %d ms", (int)(rules->budget_us / 1000));
        lua_concat(L, 2);
        lua_error(L);
    }
    if (now_us - rules->looked_us > SLOW_US)
        rules->hook_count = HOOK_COUNT_SLOW;
    rules->looked_us = now_us;
    if (lua_gethookcount(L) != rules->hook_count)
        lua_sethook(L, on_count, LUA_MASKCOUNT, rules->hook_count);
}

/* Where the error came from, innermost first, into rules->trace: a line of "pricing/lib/tiers.lua:12 in split" for each
 * Lua function. Nothing of Lua is allocated: the error may be that there is no memory. */
static int on_error(lua_State *L)
{
    struct tg_rules *rules = rules_of(L);
    lua_Debug ar;
    size_t len = 0;
    for (int level = 1, lines = 0; lines < TRACE_LINES_MAX && lua_getstack(L, level, &ar); level++) {
        if (lua_getinfo(L, "Sln", &ar) == 0 || ar.currentline <= 0)
            continue;
        const int n =
            snprintf(rules->trace + len, sizeof(rules->trace) - len, "%s%s:%d%s%s", len == 0 ? "" : "\n", ar.short_src,
                     ar.currentline, ar.name == NULL ? "" : " in ", ar.name == NULL ? "" : ar.name);
        if (n < 0 || len + (size_t)n >= sizeof(rules->trace))
            break;
        len += (size_t)n;
        lines++;
    }
    rules->trace[len] = '\0';
    return 1;
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
    rules->looked_us = rules->began_us;
    rules->hook_count = HOOK_COUNT;
    rules->caps.killed = false;
    rules->caps.n_logged = 0;
    rules->memory_peak = rules->memory;
    rules->trace[0] = '\0';
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, arg);
    lua_sethook(L, on_count, LUA_MASKCOUNT, HOOK_COUNT);
    int status = lua_pcall(L, 1, 0, 1);
    lua_sethook(L, NULL, 0, 0);
    if (status == LUA_OK) {
        lua_settop(L, 0);
        return 0;
    }
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
    tg_hooks_deinit(&(*rules)->hooks);
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

const struct tg_hooks *tg_rules_hooks(const struct tg_rules *rules)
{
    return &rules->hooks;
}

const char *tg_rules_money(const struct tg_rules *rules, const char *hook)
{
    const struct tg_hook *declared = tg_hooks_find(&rules->hooks, hook);
    return declared == NULL ? "" : declared->money;
}

void tg_rules_set_log(struct tg_rules *rules, struct tg_strbuf *log)
{
    rules->caps.log = log;
}

/* --- calling ------------------------------------------------------------------------------------------------------- */

struct call {
    struct tg_rules *rules;
    const struct tg_rule *rule;
    bool is_trial;
    tg_rules_push_fn *push;
    void *push_arg;
    tg_rules_read_fn *read;
    void *read_arg;
    int read_status;
    struct tg_err read_err;
};

/* Raises what is not of the declared type, as "pricing.rate_usage: result.total must be a decimal, it is a float". */
static void check(lua_State *L, const struct call *call, int idx, enum tg_hooks_side side)
{
    struct tg_err err;
    const struct tg_hook *hook = call->rule->declared;
    const uint32_t type = side == TG_HOOKS_INPUT ? hook->input : hook->output;
    if (tg_hooks_check(&call->rules->hooks, type, L, idx, side, &err) != 0)
        luaL_error(L, "%s: %s", hook->name, err.text);
}

static int l_enter(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->rule->decide);
    call->push(L, call->push_arg);
    assert(lua_gettop(L) == 3);
    if (call->is_trial && call->rule->declared != NULL)
        check(L, call, 3, TG_HOOKS_INPUT);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->rule->cap);
    lua_call(L, 2, 1);
    if (call->rule->declared != NULL)
        check(L, call, 2, TG_HOOKS_RESULT);
    else
        tg_thaw(L, 2);
    call->read_status = call->read(L, 2, call->read_arg, &call->read_err);
    return 0;
}

static void take_snapshot(struct tg_caps *caps, const struct tg_rules_snapshot *snap, const char *tag)
{
    caps->deck = snap->deck;
    caps->fx = snap->fx;
    caps->flags = snap->flags;
    caps->tag = tag;
}

static void write_report(const struct tg_rules *rules, const struct tg_rule *rule, size_t memory_before,
                         struct tg_rules_report *report_r)
{
    report_r->usecs = (uint32_t)(tg_clock_mono_us() - rules->began_us);
    report_r->memory_peak = rules->memory_peak - memory_before;
    memcpy(report_r->rule, rule->hook, sizeof(report_r->rule));
    memcpy(report_r->trace, rules->trace, strlen(rules->trace) + 1);
    tg_utf8_repair(report_r->trace);
}

int tg_rules_call(struct tg_rules *rules, const char *hook, const struct tg_rules_snapshot *snap,
                  tg_rules_push_fn *push, void *push_arg, tg_rules_read_fn *read, void *read_arg,
                  struct tg_rules_report *report_r, struct tg_err *err_r)
{
    static const struct tg_rules_snapshot nothing;
    if (snap == NULL)
        snap = &nothing;
    struct call call = {rules, tg_rules_find(rules, hook), snap->is_trial, push, push_arg, read, read_arg,
                        0,     {.code = TG_ERR_NONE}};
    if (report_r != NULL)
        report_r->usecs = 0, report_r->memory_peak = 0, report_r->rule[0] = '\0', report_r->trace[0] = '\0';
    if (rules->spoilt)
        return tg_err_set(err_r, TG_ERR_BUSY, "the rule VM met a limit and must be replaced");
    if (call.rule == NULL)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "no rule for the hook %s", hook);
    const struct tg_hook *declared = call.rule->declared;
    if (!snap->is_trial && declared != NULL && declared->awaits[0] != '\0')
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "no feature asks the hook %s yet: it waits for %s", hook,
                          declared->awaits);
    const size_t memory_before = rules->memory;
    take_snapshot(&rules->caps, snap, call.rule->hook);
    int status = run_protected(rules, l_enter, &call, TG_RULES_DEADLINE_US, err_r);
    take_snapshot(&rules->caps, &nothing, "");
    if (report_r != NULL)
        write_report(rules, call.rule, memory_before, report_r);
    if (status == 0 && call.read_status != 0) {
        if (err_r != NULL)
            *err_r = call.read_err;
        return -1;
    }
    return status;
}

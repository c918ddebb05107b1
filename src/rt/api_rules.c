/* api_rules - tg.rules: application code asks a rule, on the loop thread, in microseconds.
 *
 * Its thread has a seat with the rules that decide (rt/ruleseat.h). A coroutine keeps the set it asked first until it
 * ends, whatever is activated meanwhile; tg.rules.load() gives it another bundle beside, for explanations and replays.
 *
 * Values are copied both ways inside the rule VM's protected call. Two states are in play there: the rule's may raise,
 * the application's must not (its handler is further out), so everything done to the application's state here is one of
 * the calls that cannot raise, with the stack made sure of first.
 */
#include "rt/api_rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/num.h"
#include "rt/rulebook.h"
#include "rt/vm_private.h"

#define DECK_TYPE "tg.deck"
#define DEPTH_MAX 16
#define VALUES_MAX 10000
#define BYTES_MAX (4u << 20)
#define PATH_SIZE 128

/* --- the set that a coroutine decides with ------------------------------------------------------------------------ */

/* NULL: none, err_r says why. Outside of a coroutine (a script waits by running the loop) nothing is kept. */
static struct tg_ruleset *own_set(lua_State *L, struct tg_err *err_r)
{
    struct tg_co *co = tg_co_of(L);
    struct tg_ruleseat *seat = co->vm->services.rules;
    if (seat == NULL) {
        tg_err_set(err_r, TG_ERR_NOT_FOUND, "a script has no rules");
        return NULL;
    }
    if (co->ctx.rules != NULL)
        return co->ctx.rules;
    struct tg_ruleset *set = tg_ruleseat_current(seat);
    if (set == NULL)
        tg_err_set(err_r, TG_ERR_BUSY, "the rules are being loaded");
    else if (co->state != TG_CO_MAIN)
        co->ctx.rules = tg_ruleset_ref(set);
    return set;
}

/* The set of a bundle that this coroutine has: its own, or what it has loaded. */
static struct tg_ruleset *set_of(lua_State *L, const char *bundle_id, struct tg_err *err_r)
{
    struct tg_ruleset *own = own_set(L, err_r), *other = tg_co_context(L)->other_rules;
    if (bundle_id == NULL || own == NULL || strcmp(tg_ruleset_bundle(own), bundle_id) == 0)
        return own;
    if (other != NULL && strcmp(tg_ruleset_bundle(other), bundle_id) == 0)
        return other;
    tg_err_set(err_r, TG_ERR_NOT_FOUND, "the bundle has not been loaded with tg.rules.load");
    return NULL;
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

/* From one state to another; exactly one of them is the rule's, `raises`, and gets the errors. */
struct copy {
    lua_State *from, *to, *raises;
    const char *root; /* "input" or "result" */
    unsigned n_values;
    size_t n_bytes;
    int depth;
    int keys[DEPTH_MAX + 1]; /* where the keys on the way stand in from's stack */
};

static int fail(struct copy *c, const char *what)
{
    char path[PATH_SIZE];
    size_t len = (size_t)snprintf(path, sizeof(path), "%s", c->root);
    for (int i = 0; i < c->depth && len < sizeof(path); i++) {
        const int key = c->keys[i];
        if (lua_type(c->from, key) == LUA_TSTRING)
            len += (size_t)snprintf(path + len, sizeof(path) - len, ".%s", lua_tostring(c->from, key));
        else if (lua_isinteger(c->from, key))
            len += (size_t)snprintf(path + len, sizeof(path) - len, "[%lld]", (long long)lua_tointeger(c->from, key));
    }
    return luaL_error(c->raises, "%s %s", path, what);
}

/* One text may stand in many places. */
static void push_text(struct copy *c, const char *text, size_t len)
{
    c->n_bytes += len;
    if (c->n_bytes > BYTES_MAX)
        fail(c, "has too many bytes of text");
    lua_pushlstring(c->to, text, len);
}

static void copy_value(struct copy *c, int idx);

/* A list has the keys 1..n and no other, a map has texts. */
static bool is_fitting(lua_State *L, int key, lua_Integer n)
{
    return n > 0 ? lua_isinteger(L, key) && lua_tointeger(L, key) >= 1 && lua_tointeger(L, key) <= n
                 : lua_type(L, key) == LUA_TSTRING;
}

static void copy_entry(struct copy *c, int key, bool is_list)
{
    if (is_list) {
        copy_value(c, key + 1);
        lua_rawseti(c->to, -2, lua_tointeger(c->from, key));
        return;
    }
    size_t len;
    const char *text = lua_tolstring(c->from, key, &len);
    push_text(c, text, len);
    copy_value(c, key + 1);
    lua_rawset(c->to, -3);
}

static void copy_table(struct copy *c, int idx)
{
    const lua_Integer n = (lua_Integer)lua_rawlen(c->from, idx);
    if (c->depth == DEPTH_MAX)
        fail(c, "is too deep");
    lua_createtable(c->to, n > VALUES_MAX ? VALUES_MAX : (int)n, n > 0 ? 0 : 4);
    lua_Integer n_found = 0;
    for (lua_pushnil(c->from); lua_next(c->from, idx) != 0; lua_pop(c->from, 1), n_found++) {
        const int key = lua_gettop(c->from) - 1;
        if (!is_fitting(c->from, key, n))
            fail(c, "has a key that is neither a text nor a place in a list without holes");
        c->keys[c->depth++] = key;
        copy_entry(c, key, n > 0);
        c->depth--;
    }
    if (n > 0 && n_found != n)
        fail(c, "is a list with holes");
}

static void copy_value(struct copy *c, int idx)
{
    lua_State *L = c->from;
    size_t len;
    if (++c->n_values > VALUES_MAX)
        fail(c, "is one value too many");
    if (!lua_checkstack(c->from, 8) || !lua_checkstack(c->to, 8))
        fail(c, "does not fit");
    switch (lua_type(L, idx)) {
    case LUA_TNIL: lua_pushnil(c->to); return;
    case LUA_TBOOLEAN: lua_pushboolean(c->to, lua_toboolean(L, idx)); return;
    case LUA_TTABLE: copy_table(c, idx); return;
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, idx, &len);
        push_text(c, text, len);
        return;
    }
    default: break;
    }
    if (lua_isinteger(L, idx))
        lua_pushinteger(c->to, lua_tointeger(L, idx));
    else if (tg_num_is(L, idx))
        tg_num_push(c->to, tg_num_check(L, idx, c->root));
    else if (lua_type(L, idx) == LUA_TNUMBER)
        fail(c, "is a float, which is no data");
    else
        fail(c, lua_type(L, idx) == LUA_TFUNCTION ? "is a function, which is no data" : "is no data");
}

static void push_input(lua_State *rule, void *arg)
{
    struct copy c = {.from = arg, .to = rule, .raises = rule, .root = "input"};
    copy_value(&c, 2); /* of call(hook, input, deck) */
}

static int read_result(lua_State *rule, int index, void *arg, struct tg_err *err_r)
{
    struct copy c = {.from = rule, .to = arg, .raises = rule, .root = "result"};
    (void)err_r;
    copy_value(&c, index);
    return 0;
}

/* --- the library -------------------------------------------------------------------------------------------------- */

static void push_report(lua_State *L, const struct tg_rules_report *report, const char *bundle)
{
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, report->usecs);
    lua_setfield(L, -2, "usecs");
    lua_pushstring(L, report->rule);
    lua_setfield(L, -2, "rule");
    lua_pushstring(L, bundle);
    lua_setfield(L, -2, "bundle");
}

static int push_failure(lua_State *L, const struct tg_err *err)
{
    lua_pushnil(L);
    tg_push_err(L, err);
    return 2;
}

struct options { /* of a call */
    const char *bundle_id; /* on the stack, as the snapshot's texts */
    struct tg_rules_snapshot snap;
    json_t *flags; /* the snapshot's */
};

static const char *check_text(lua_State *L, int idx, const char *name)
{
    const char *text = NULL;
    if (lua_getfield(L, idx, name) != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TSTRING);
        text = lua_tostring(L, -1);
    }
    lua_pop(L, 1); /* the table keeps it */
    return text;
}

static struct options check_options(lua_State *L, int idx)
{
    struct options o = {0};
    if (lua_isnoneornil(L, idx))
        return o;
    if (!lua_istable(L, idx)) {
        o.snap.deck = tg_rules_check_deck(L, idx);
        return o;
    }
    if (lua_getfield(L, idx, "deck") != LUA_TNIL)
        o.snap.deck = tg_rules_check_deck(L, -1);
    lua_pop(L, 1);
    o.bundle_id = check_text(L, idx, "bundle");
    o.snap.company = check_text(L, idx, "company");
    o.snap.currency = check_text(L, idx, "currency");
    if (lua_getfield(L, idx, "flags") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        json_t *flags = tg_rules_read_json(L, -1, NULL);
        const bool is_none = json_is_array(flags) && json_array_size(flags) == 0;
        if (json_is_object(flags)) {
            o.snap.flags = o.flags = flags; /* nothing raises from here on */
        } else {
            json_decref(flags);
            luaL_argcheck(L, is_none, idx, "flags must have names, and data for values");
        }
    }
    lua_pop(L, 1);
    return o;
}

/* Asks the set; where its VM is spoilt, before or after, a successor is begun. */
static int ask(lua_State *L, struct tg_ruleset *set, const struct tg_rules_snapshot *snap,
               struct tg_rules_report *report_r, struct tg_err *err_r)
{
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    const char *hook = lua_tostring(L, 1);
    if (tg_ruleset_is_spoilt(set))
        tg_ruleset_mend_on_worker(set, services->work, services->loop);
    if (tg_ruleset_call(set, hook, snap, push_input, L, read_result, L, report_r, err_r) == 0) {
        lua_settop(L, 4); /* a candidate may have been interrupted while the input was copied for it */
        return 0;
    }
    lua_settop(L, 3); /* what was under way when it was interrupted */
    if (tg_ruleset_is_spoilt(set)) {
        TG_LOG_WARN("rt_rules_spoilt", TG_LOG_STR("hook", hook), TG_LOG_ERR(err_r));
        tg_ruleset_mend_on_worker(set, services->work, services->loop);
    }
    return -1;
}

/* call(hook, input[, deck | {deck, flags, company, currency, bundle}]) → result, {usecs, rule, bundle} | nil, err */
static int l_call(lua_State *L)
{
    struct tg_rules_report report;
    struct tg_err err;
    luaL_checkstring(L, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 3);
    luaL_checkstack(L, 10, NULL);
    struct options options = check_options(L, 3);
    struct tg_ruleset *set = set_of(L, options.bundle_id, &err);
    const int status = set == NULL ? -1 : ask(L, set, &options.snap, &report, &err);
    json_decref(options.flags);
    if (status != 0)
        return push_failure(L, &err);
    push_report(L, &report, tg_ruleset_bundle(set));
    return 2;
}

/* bundle() → the name of the rules that decide here | nil */
static int l_bundle(lua_State *L)
{
    const struct tg_ruleset *set = own_set(L, NULL);
    lua_pushstring(L, set == NULL ? NULL : tg_ruleset_bundle(set));
    return 1;
}

/* revision() → of the active slot, as far as this coroutine is concerned; 0: the release's rules | nil */
static int l_revision(lua_State *L)
{
    const struct tg_ruleset *set = own_set(L, NULL);
    if (set == NULL)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)tg_ruleset_state(set)->revision);
    return 1;
}

/* wake(): the slots have changed, look now */
static int l_wake(lua_State *L)
{
    struct tg_ruleseat *seat = tg_vm_services(tg_vm_of(L))->rules;
    if (seat != NULL)
        tg_rulebook_wake(tg_ruleseat_book(seat));
    return 0;
}

/* --- another bundle ----------------------------------------------------------------------------------------------- */

struct loading { /* on its way to a worker and back */
    struct tg_await *await;
    struct tg_ruleseat *seat; /* a reference */
    struct tg_rulestate state; /* host referenced; bundle when it was loaded */
    char id[TG_BUNDLE_ID_SIZE];
    struct tg_ruleset *set;
    struct tg_err err;
};

static void load(void *arg) /* on a worker */
{
    struct loading *job = arg;
    if (tg_rulebook_load(tg_ruleseat_book(job->seat), job->id, &job->state.bundle, &job->err) != 0)
        return;
    struct tg_rulestate *state = tg_rulestate_new(&job->state);
    (void)!tg_ruleset_new(state, &job->set, &job->err);
    tg_rulestate_unref(&state);
}

static int push_loaded(lua_State *L, void *arg)
{
    struct tg_co_context *ctx = tg_co_context(L);
    tg_ruleset_unref(&ctx->other_rules);
    ctx->other_rules = tg_ruleset_ref(arg);
    lua_pushboolean(L, 1);
    return 1;
}

static void on_loaded(void *arg) /* on the loop */
{
    struct loading *job = arg;
    if (job->set == NULL) {
        tg_await_resume_err(&job->await, &job->err);
    } else {
        tg_ruleseat_keep(job->seat, job->set);
        tg_await_resume(&job->await, push_loaded, job->set);
    }
    tg_ruleset_unref(&job->set);
    tg_bundle_unref(&job->state.bundle);
    tg_luasource_unref(&job->state.host);
    tg_ruleseat_unref(&job->seat);
    free(job);
}

/* load(bundle) → true: call may name it from now on, until the next load | nil, err. Waits when it is not here. */
static int l_load(lua_State *L)
{
    size_t len;
    const char *id = luaL_checklstring(L, 1, &len);
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    struct tg_err err;
    luaL_argcheck(L, len == TG_BUNDLE_ID_SIZE - 1, 1, "64 hexadecimal digits");
    struct tg_ruleset *own = own_set(L, &err);
    if (own == NULL)
        return push_failure(L, &err);
    if (strcmp(tg_ruleset_bundle(own), id) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    struct tg_ruleset *found = tg_ruleseat_find(services->rules, id);
    if (found != NULL)
        return push_loaded(L, found);
    struct tg_await *await = tg_await_new(L);
    struct loading *job = TG_NEW(struct loading);
    *job = (struct loading){.await = await, .seat = tg_ruleseat_ref(services->rules)};
    memcpy(job->id, id, TG_BUNDLE_ID_SIZE);
    job->state.host = tg_luasource_ref(tg_ruleset_state(own)->host);
    if (services->work == NULL ||
        tg_work_submit(services->work, services->loop, load, on_loaded, job, &job->err) != 0) {
        if (services->work == NULL)
            load(job);
        tg_loop_defer(services->loop, on_loaded, job);
    }
    return tg_await_yield(L, await);
}

static int l_deck_gc(lua_State *L)
{
    tg_deck_unref(lua_touserdata(L, 1));
    return 0;
}

void tg_rules_push_deck(lua_State *L, struct tg_deck *deck)
{
    struct tg_deck **slot = lua_newuserdatauv(L, sizeof(*slot), 0);
    *slot = deck;
    luaL_setmetatable(L, DECK_TYPE);
}

struct tg_deck *tg_rules_check_deck(lua_State *L, int idx)
{
    return *(struct tg_deck **)luaL_checkudata(L, idx, DECK_TYPE);
}

int tg_api_open_rules(lua_State *L)
{
    static const luaL_Reg library[] = {{"call", l_call}, {"bundle", l_bundle}, {"revision", l_revision},
                                       {"wake", l_wake}, {"load", l_load},     {NULL, NULL}};
    luaL_newmetatable(L, DECK_TYPE);
    lua_pushcfunction(L, l_deck_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlib(L, library);
    return 1;
}

/* api_rules - tg.rules: application code asks a rule, on the loop thread, in microseconds.
 *
 * Each application VM has a rule VM of the same source, built with it: a broken rule refuses the generation. Values are
 * copied both ways inside the rule VM's protected call. Two states are in play there: the rule's may raise, the
 * application's must not (its handler is further out), so everything done to the application's state here is one of
 * the calls that cannot raise, with the stack made sure of first.
 *
 * A rule VM that met a limit is spoilt. Its successor is built on a worker thread, and calls answer BUSY meanwhile.
 * The seat outlives the VM while such a job runs.
 */
#include "rt/api_rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/num.h"
#include "rt/rules.h"
#include "rt/vm_private.h"

#define DECK_TYPE "tg.deck"
#define DEPTH_MAX 16
#define VALUES_MAX 10000
#define PATH_SIZE 128

/* Where an application VM keeps its rule VM. */
struct seat {
    struct tg_rules *rules; /* NULL: being built */
    struct tg_luasource *src; /* NULL: a VM for scripts, there are no rules */
    unsigned n_refs; /* the VM and a rebuild under way; all on one thread */
};

struct rebuild { /* on its way to a worker and back */
    struct seat *seat;
    struct tg_luasource *src;
    struct tg_rules *rules;
    struct tg_err err;
};

static void seat_unref(struct seat *seat)
{
    if (--seat->n_refs > 0)
        return;
    tg_rules_free(&seat->rules);
    tg_luasource_unref(&seat->src);
    free(seat);
}

/* --- rebuilding --------------------------------------------------------------------------------------------------- */

static void build(void *arg) /* on a worker */
{
    struct rebuild *job = arg;
    (void)!tg_rules_new_of_release(job->src, &job->rules, &job->err);
}

static void on_built(void *arg) /* on the loop */
{
    struct rebuild *job = arg;
    if (job->rules == NULL)
        TG_LOG_ERROR("rt_rules_rebuilt", TG_LOG_ERR(&job->err)); /* the next call tries again */
    job->seat->rules = job->rules;
    seat_unref(job->seat);
    tg_luasource_unref(&job->src);
    free(job);
}

/* Starts a successor, unless one is being built. Without workers (scripts) it is built here. */
static void replace(struct seat *seat, const struct tg_services *services)
{
    if (seat->n_refs > 1)
        return;
    tg_rules_free(&seat->rules);
    struct rebuild *job = TG_NEW(struct rebuild);
    job->seat = seat;
    job->src = tg_luasource_ref(seat->src);
    seat->n_refs++;
    struct tg_err err;
    if (services->work != NULL && tg_work_submit(services->work, services->loop, build, on_built, job, &err) == 0)
        return;
    if (services->work == NULL)
        build(job);
    else
        job->err = err; /* the workers' queue is full: later */
    on_built(job);
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

/* From one state to another; exactly one of them is the rule's, `raises`, and gets the errors. */
struct copy {
    lua_State *from, *to, *raises;
    const char *root; /* "input" or "result" */
    unsigned n_values;
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
    lua_pushlstring(c->to, text, len);
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
        lua_pushlstring(c->to, text, len);
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

/* call(hook, input[, deck]) → result, {usecs, rule, bundle} | nil, err */
static int l_call(lua_State *L)
{
    struct seat *seat = *(struct seat **)lua_touserdata(L, lua_upvalueindex(1));
    const char *hook = luaL_checkstring(L, 1);
    luaL_checkany(L, 2);
    struct tg_rules_snapshot snap = {.deck = lua_isnoneornil(L, 3) ? NULL : tg_rules_check_deck(L, 3)};
    struct tg_rules_report report;
    struct tg_err err;
    lua_settop(L, 3);
    if (seat->src == NULL) {
        tg_err_set(&err, TG_ERR_NOT_FOUND, "a script has no rules");
        return push_failure(L, &err);
    }
    if (seat->rules == NULL || tg_rules_is_spoilt(seat->rules))
        replace(seat, tg_vm_services(tg_vm_of(L)));
    if (seat->rules == NULL) {
        tg_err_set(&err, TG_ERR_BUSY, "the rules are being loaded again");
        return push_failure(L, &err);
    }
    if (tg_rules_call(seat->rules, hook, &snap, push_input, L, read_result, L, &report, &err) == 0) {
        push_report(L, &report, tg_rules_bundle(seat->rules));
        return 2;
    }
    lua_settop(L, 3); /* what was under way when it was interrupted */
    if (tg_rules_is_spoilt(seat->rules)) {
        TG_LOG_WARN("rt_rules_spoilt", TG_LOG_STR("hook", hook), TG_LOG_ERR(&err));
        replace(seat, tg_vm_services(tg_vm_of(L)));
    }
    return push_failure(L, &err);
}

/* bundle() → the name of the rules that decide | nil while they are being loaded */
static int l_bundle(lua_State *L)
{
    const struct seat *seat = *(struct seat **)lua_touserdata(L, lua_upvalueindex(1));
    lua_pushstring(L, seat->rules == NULL ? NULL : tg_rules_bundle(seat->rules));
    return 1;
}

static int l_seat_gc(lua_State *L)
{
    struct seat **slot = lua_touserdata(L, 1);
    if (*slot != NULL)
        seat_unref(*slot);
    *slot = NULL;
    return 0;
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

/* Raises with the rule's file and line when the rules do not load. */
int tg_api_open_rules(lua_State *L)
{
    static const luaL_Reg library[] = {{"call", l_call}, {"bundle", l_bundle}, {NULL, NULL}};
    struct tg_luasource *src = tg_vm_source(tg_vm_of(L));
    struct tg_err err;
    luaL_newmetatable(L, DECK_TYPE);
    lua_pushcfunction(L, l_deck_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newlibtable(L, library);
    struct seat **slot = lua_newuserdatauv(L, sizeof(*slot), 0);
    *slot = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_seat_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *slot = TG_NEW(struct seat);
    (*slot)->n_refs = 1;
    (*slot)->src = src == NULL ? NULL : tg_luasource_ref(src);
    if (src != NULL && tg_rules_new_of_release(src, &(*slot)->rules, &err) != 0) {
        lua_pushfstring(L, "lua/%s", err.text);
        return lua_error(L);
    }
    luaL_setfuncs(L, library, 1);
    return 1;
}

/* api_metrics - tg.metrics: registered while modules load, counted by name.
 *
 *     tg.metrics.counter("wallet_topups", "Top-ups made.", {"currency"})
 *     tg.metrics.inc("wallet_topups", {"USD"})          -- label values in the order of the names
 *     tg.metrics.inc("wallet_topups", {currency = "USD"}, 2)
 */
#include <lauxlib.h>
#include <math.h>

#include "rt/metrics.h"
#include "rt/vm_private.h"

/* The upvalue of every function: {name → {metric (light userdata), label names…}}. */
#define KNOWN lua_upvalueindex(1)

static int register_metric(lua_State *L, enum tg_metrickind kind)
{
    const char *labels[TG_METRIC_LABELS_MAX];
    struct tg_err err;
    const struct tg_vm *vm = tg_vm_of(L);
    const char *name = luaL_checkstring(L, 1), *help = luaL_checkstring(L, 2);
    if (!vm->building && !vm->scripts)
        return luaL_error(L, "metrics are registered while modules load");
    lua_settop(L, 3);
    if (lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    size_t n = lua_rawlen(L, 3);
    luaL_argcheck(L, n <= TG_METRIC_LABELS_MAX, 3, "at most 4 labels");
    lua_createtable(L, (int)n + 1, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 3, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 3, "labels are strings");
        labels[i] = lua_tostring(L, -1);
        lua_rawseti(L, 4, (lua_Integer)i + 2);
    }
    struct tg_metric *metric = tg_metric_register(kind, name, help, labels, n, &err);
    if (metric == NULL)
        return luaL_error(L, "%s", err.text);
    lua_pushlightuserdata(L, metric);
    lua_rawseti(L, 4, 1);
    lua_setfield(L, KNOWN, name);
    return 0;
}

static int l_counter(lua_State *L)
{
    return register_metric(L, TG_METRIC_COUNTER);
}

static int l_gauge(lua_State *L)
{
    return register_metric(L, TG_METRIC_GAUGE);
}

static int l_histogram(lua_State *L)
{
    return register_metric(L, TG_METRIC_HISTOGRAM);
}

/* Finds the metric named by argument 1 and the label values of argument 2, which stay on the stack. */
static struct tg_metric *check_series(lua_State *L, const char **values)
{
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 3);
    if (lua_getfield(L, KNOWN, name) == LUA_TNIL)
        luaL_error(L, "metric '%s' was not registered", name);
    lua_rawgeti(L, 4, 1);
    struct tg_metric *metric = lua_touserdata(L, -1);
    size_t n = tg_metric_n_labels(metric);
    if (n > 0)
        luaL_checktype(L, 2, LUA_TTABLE);
    for (size_t i = 0; i < n; i++) {
        if (lua_rawgeti(L, 2, (lua_Integer)i + 1) == LUA_TNIL) {
            lua_pop(L, 1);
            lua_rawgeti(L, 4, (lua_Integer)i + 2);
            lua_rawget(L, 2);
        }
        if (!lua_isstring(L, -1))
            luaL_error(L, "metric '%s': a value for each label is needed", name);
        values[i] = lua_tostring(L, -1);
    }
    return metric;
}

static void check_kind(lua_State *L, const struct tg_metric *metric, enum tg_metrickind kind, const char *what)
{
    if (tg_metric_kind(metric) != kind)
        luaL_error(L, "metric '%s' is no %s", lua_tostring(L, 1), what);
}

/* inc(name, labels?, n?) */
static int l_inc(lua_State *L)
{
    const char *values[TG_METRIC_LABELS_MAX];
    struct tg_metric *metric = check_series(L, values);
    lua_Number n = luaL_optnumber(L, 3, 1);
    if (tg_metric_kind(metric) == TG_METRIC_HISTOGRAM || isnan(n) ||
        (n < 0 && tg_metric_kind(metric) == TG_METRIC_COUNTER))
        return luaL_error(L, "metric '%s': a counter counts up, a histogram is observed", lua_tostring(L, 1));
    tg_metric_add(metric, values, n);
    return 0;
}

/* set(name, labels?, n) */
static int l_set(lua_State *L)
{
    const char *values[TG_METRIC_LABELS_MAX];
    struct tg_metric *metric = check_series(L, values);
    check_kind(L, metric, TG_METRIC_GAUGE, "gauge");
    tg_metric_set(metric, values, luaL_checknumber(L, 3));
    return 0;
}

/* observe(name, labels?, seconds) */
static int l_observe(lua_State *L)
{
    const char *values[TG_METRIC_LABELS_MAX];
    struct tg_metric *metric = check_series(L, values);
    check_kind(L, metric, TG_METRIC_HISTOGRAM, "histogram");
    tg_metric_observe(metric, values, luaL_checknumber(L, 3));
    return 0;
}

int tg_api_open_metrics(lua_State *L)
{
    static const luaL_Reg library[] = {
        {"counter", l_counter}, {"gauge", l_gauge}, {"histogram", l_histogram}, {"inc", l_inc}, {"set", l_set},
        {"observe", l_observe}, {NULL, NULL}};
    luaL_newlibtable(L, library);
    lua_newtable(L);
    luaL_setfuncs(L, library, 1);
    return 1;
}

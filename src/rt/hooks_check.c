/* hooks_check - whether a value is of a declared type.
 *
 * A record is walked once: each key is found among the fields by its address, marked in a word of bits, and its value
 * checked. What is missing is what `required` has beyond those bits.
 */
#include "rt/hooks_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "rt/freeze.h"
#include "rt/num.h"

#define DEPTH_MAX 16
#define VALUES_MAX 100000 /* the same table may stand in many places: no limit looks into a C function */
#define STACK_SLOTS (4 * DEPTH_MAX)

struct check {
    const struct tg_hooks *hooks;
    lua_State *L;
    enum tg_hooks_side side;
    const void *decimal; /* the metatable of decimals: tg_num_is() would look it up each time */
    bool is_frozen; /* a frozen table was met */
    int depth;
    unsigned n_values;
    int keys[DEPTH_MAX]; /* where the keys on the way stand in the stack */
    struct tg_err *err;
};

static bool check_value(struct check *c, uint32_t type, int idx);

/* --- saying what is wrong ----------------------------------------------------------------------------------------- */

/* "result.lines[3]", and .name when there is one. */
static void write_path(const struct check *c, const char *name, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%s", c->side == TG_HOOKS_INPUT ? "input" : "result");
    for (int i = 0; i < c->depth && len < size; i++) {
        const int key = c->keys[i];
        if (lua_type(c->L, key) == LUA_TSTRING)
            len += (size_t)snprintf(out + len, size - len, ".%.60s", lua_tostring(c->L, key));
        else
            len += (size_t)snprintf(out + len, size - len, "[%lld]", (long long)lua_tointeger(c->L, key));
    }
    if (name != NULL && len < size)
        (void)snprintf(out + len, size - len, ".%.60s", name);
}

static bool fail(const struct check *c, const char *name, const char *fmt, ...) TG_PRINTF(3, 4);
static bool fail(const struct check *c, const char *name, const char *fmt, ...)
{
    char path[160], what[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    write_path(c, name, path, sizeof(path));
    (void)tg_err_set(c->err, TG_ERR_BUG, "%s %s", path, what);
    return false;
}

static const char *kind_of(lua_State *L, int idx)
{
    if (tg_num_is(L, idx))
        return "a decimal";
    switch (lua_type(L, idx)) {
    case LUA_TNIL: return "absent";
    case LUA_TBOOLEAN: return "a boolean";
    case LUA_TNUMBER: return lua_isinteger(L, idx) ? "an integer" : "a float";
    case LUA_TSTRING: return "a string";
    case LUA_TTABLE: return "a table";
    case LUA_TFUNCTION: return "a function";
    default: return "no data";
    }
}

static bool fail_kind(const struct check *c, int idx, const char *wanted)
{
    return fail(c, NULL, "must be %s, it is %s", wanted, kind_of(c->L, idx));
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

static bool check_bounds(const struct check *c, const struct tg_hooks_node *node, int64_t n, const char *unit)
{
    if (n < node->min)
        return fail(c, NULL, "must be at least %lld%s", (long long)node->min, unit);
    if (n > node->max)
        return fail(c, NULL, "must be at most %lld%s", (long long)node->max, unit);
    return true;
}

static bool check_integer(const struct check *c, const struct tg_hooks_node *node, int idx)
{
    if (!lua_isinteger(c->L, idx))
        return fail_kind(c, idx, "an integer");
    return !node->is_bounded || check_bounds(c, node, lua_tointeger(c->L, idx), "");
}

static bool is_decimal(const struct check *c, int idx)
{
    if (lua_type(c->L, idx) != LUA_TUSERDATA || !lua_getmetatable(c->L, idx))
        return false;
    const bool same = lua_topointer(c->L, -1) == c->decimal;
    lua_pop(c->L, 1);
    return same;
}

static bool check_decimal(const struct check *c, const struct tg_hooks_node *node, int idx)
{
    struct tg_decimal d;
    struct tg_err err;
    size_t len;
    if (is_decimal(c, idx)) {
        if (!node->is_bounded)
            return true;
        memcpy(&d, lua_touserdata(c->L, idx), sizeof(d));
    } else if (c->side == TG_HOOKS_INPUT && lua_type(c->L, idx) == LUA_TSTRING) {
        const char *text = lua_tolstring(c->L, idx, &len);
        if (tg_decimal_parse(text, len, &d, &err) != 0)
            return fail(c, NULL, "must be a decimal: %.60s", err.text);
    } else if (c->side == TG_HOOKS_INPUT && lua_isinteger(c->L, idx)) {
        d = tg_decimal_from_int(lua_tointeger(c->L, idx));
    } else {
        return fail_kind(c, idx, c->side == TG_HOOKS_INPUT ? "a decimal, its text or an integer" : "a decimal");
    }
    if (node->min != INT64_MIN && tg_decimal_cmp(d, tg_decimal_from_int(node->min)) < 0)
        return fail(c, NULL, "must be at least %lld", (long long)node->min);
    if (node->max != INT64_MAX && tg_decimal_cmp(d, tg_decimal_from_int(node->max)) > 0)
        return fail(c, NULL, "must be at most %lld", (long long)node->max);
    return true;
}

static bool check_enum(const struct check *c, const struct tg_hooks_node *node, int idx)
{
    const struct tg_hooks_field *words = &c->hooks->fields[node->first];
    const void *value = lua_topointer(c->L, idx);
    for (uint32_t i = 0; i < node->n; i++)
        if (words[i].key == value)
            return true;
    if (lua_type(c->L, idx) != LUA_TSTRING)
        return fail_kind(c, idx, "a string");
    char all[100] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < node->n && len < sizeof(all); i++)
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i == 0 ? "" : ", ", words[i].name);
    return fail(c, NULL, "is \"%.40s\", which is none of: %s", lua_tostring(c->L, idx), all);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* The quick look, which most values pass. */
static bool is_plainly(const struct check *c, const struct tg_hooks_node *node, int idx)
{
    if (node->is_bounded)
        return false;
    switch (node->kind) {
    case TG_HOOKS_INTEGER: return lua_isinteger(c->L, idx);
    case TG_HOOKS_STRING: return lua_type(c->L, idx) == LUA_TSTRING;
    case TG_HOOKS_DECIMAL: return is_decimal(c, idx);
    default: return false;
    }
}

/* Checks the value on the top, under the key below it. */
static bool check_entry(struct check *c, uint32_t type, int key)
{
    if (++c->n_values > VALUES_MAX)
        return fail(c, NULL, "is one value too many, more than %d", VALUES_MAX);
    if (is_plainly(c, &c->hooks->nodes[type], key + 1))
        return true;
    if (c->depth == DEPTH_MAX)
        return fail(c, NULL, "is deeper than %d", DEPTH_MAX);
    c->keys[c->depth++] = key;
    const bool is_right = check_value(c, type, key + 1);
    c->depth -= is_right; /* a fault has been said with it */
    return is_right;
}

static bool check_list(struct check *c, const struct tg_hooks_node *node, int table)
{
    lua_State *L = c->L;
    const lua_Integer n = (lua_Integer)lua_rawlen(L, table);
    lua_Integer n_found = 0;
    if (!check_bounds(c, node, n, " entries long"))
        return false;
    const int key = lua_gettop(L) + 1;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_settop(L, key), n_found++) {
        if (!lua_isinteger(L, key) || lua_tointeger(L, key) < 1 || lua_tointeger(L, key) > n)
            return fail(c, NULL, "must be a list without holes and without names");
        if (!check_entry(c, node->first, key))
            return false;
    }
    return n_found == n || fail(c, NULL, "must be a list without holes and without names");
}

static bool check_map(struct check *c, const struct tg_hooks_node *node, int table)
{
    lua_State *L = c->L;
    lua_Integer n = 0;
    const int key = lua_gettop(L) + 1;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_settop(L, key)) {
        if (lua_type(L, key) != LUA_TSTRING)
            return fail(c, NULL, "must be a map by name, it has a key that is %s", kind_of(L, key));
        if (++n > node->max)
            return fail(c, NULL, "must be at most %lld entries long", (long long)node->max);
        if (!check_entry(c, node->first, key))
            return false;
    }
    return true;
}

static bool check_record(struct check *c, const struct tg_hooks_node *node, int table)
{
    lua_State *L = c->L;
    const struct tg_hooks_field *fields = &c->hooks->fields[node->first];
    uint64_t found = 0;
    const int key = lua_gettop(L) + 1;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_settop(L, key)) {
        const void *name = lua_topointer(L, key);
        uint32_t i = 0;
        while (i < node->n && fields[i].key != name)
            i++;
        if (i < node->n)
            found |= UINT64_C(1) << i;
        else if (lua_type(L, key) != LUA_TSTRING)
            return fail(c, NULL, "has a key that is %s, fields have names", kind_of(L, key));
        else if (!node->open)
            return fail(c, lua_tostring(L, key), "is not declared");
        if (!check_entry(c, i == node->n ? TG_HOOKS_ANYTHING : fields[i].node, key))
            return false;
    }
    const uint64_t missing = node->required & ~found;
    return missing == 0 || fail(c, fields[__builtin_ctzll(missing)].name, "is missing");
}

/* Anything that is data. */
static bool check_any(struct check *c, int idx)
{
    lua_State *L = c->L;
    if (lua_isnil(L, idx) || lua_isboolean(L, idx) || lua_isinteger(L, idx) || lua_type(L, idx) == LUA_TSTRING)
        return true;
    if (lua_type(L, idx) != LUA_TTABLE)
        return tg_num_is(L, idx) || fail_kind(c, idx, "data");
    c->is_frozen |= tg_frozen_open(L, idx);
    const int key = lua_gettop(L) + 1;
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_settop(L, key)) {
        if (lua_type(L, key) != LUA_TSTRING && !lua_isinteger(L, key))
            return fail(c, NULL, "has a key that is %s", kind_of(L, key));
        if (!check_entry(c, TG_HOOKS_ANYTHING, key))
            return false;
    }
    return true;
}

static bool check_table(struct check *c, const struct tg_hooks_node *node, int idx)
{
    static const char *const wanted[] = {
        [TG_HOOKS_LIST] = "a list", [TG_HOOKS_MAP] = "a map", [TG_HOOKS_RECORD] = "a table with names"};
    if (lua_type(c->L, idx) != LUA_TTABLE)
        return fail_kind(c, idx, wanted[node->kind]);
    c->is_frozen |= tg_frozen_open(c->L, idx);
    if (node->kind == TG_HOOKS_RECORD)
        return check_record(c, node, idx);
    return node->kind == TG_HOOKS_LIST ? check_list(c, node, idx) : check_map(c, node, idx);
}

static bool check_value(struct check *c, uint32_t type, int idx)
{
    const struct tg_hooks_node *node = &c->hooks->nodes[type];
    switch (node->kind) {
    case TG_HOOKS_ANY: return check_any(c, idx);
    case TG_HOOKS_INTEGER: return check_integer(c, node, idx);
    case TG_HOOKS_DECIMAL: return check_decimal(c, node, idx);
    case TG_HOOKS_BOOLEAN: return lua_isboolean(c->L, idx) || fail_kind(c, idx, "a boolean");
    case TG_HOOKS_ENUM: return check_enum(c, node, idx);
    case TG_HOOKS_STRING:
        if (lua_type(c->L, idx) != LUA_TSTRING)
            return fail_kind(c, idx, "a string");
        return !node->is_bounded || check_bounds(c, node, (int64_t)lua_rawlen(c->L, idx), " bytes long");
    case TG_HOOKS_LIST:
    case TG_HOOKS_MAP:
    case TG_HOOKS_RECORD: return check_table(c, node, idx);
    }
    return false;
}

int tg_hooks_check(const struct tg_hooks *hooks, uint32_t type, lua_State *L, int idx, enum tg_hooks_side side,
                   struct tg_err *err_r)
{
    struct check c = {.hooks = hooks, .L = L, .side = side, .decimal = hooks->decimal, .err = err_r};
    luaL_checkstack(L, STACK_SLOTS, "check");
    idx = lua_absindex(L, idx);
    const int top = lua_gettop(L);
    const bool is_absent = lua_isnil(L, idx) && hooks->nodes[type].optional;
    if (!is_absent && !check_value(&c, type, idx)) {
        lua_settop(L, top);
        return -1;
    }
    if (c.is_frozen)
        tg_thaw(L, idx);
    return 0;
}

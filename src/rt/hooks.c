/* hooks - compiling the declarations; hooks_check.c looks at values.
 *
 * A type becomes a node; the fields of a record, and the words of an enum, are a run in one array. Shared types of the
 * file are compiled again where they stand: they are few.
 */
#include "rt/hooks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "rt/hooks_private.h"
#include "rt/num.h"

#define DEPTH_MAX 12 /* of a type */
#define NODES_MAX 20000
#define NAME_LEN_MAX 40 /* Lua interns strings up to here */
#define NAMES_KEY "tg.hooks.names"

static const struct {
    const char *name;
    enum tg_hooks_kind kind;
} scalars[] = {{"integer", TG_HOOKS_INTEGER}, {"time", TG_HOOKS_INTEGER},    {"decimal", TG_HOOKS_DECIMAL},
               {"string", TG_HOOKS_STRING},   {"boolean", TG_HOOKS_BOOLEAN}, {"any", TG_HOOKS_ANY}};

struct compile {
    lua_State *L;
    struct tg_hooks *hooks;
    const char *hook;
    int names; /* index of the table that anchors the names */
};

static int fail(struct compile *c, const char *what)
{
    return luaL_error(c->L, "core/hooks.lua: %s: %s", c->hook, what);
}

/* A field of the interned string at idx, which lives as long as the state. */
static struct tg_hooks_field anchor(struct compile *c, int idx)
{
    lua_State *L = c->L;
    if (lua_type(L, idx) != LUA_TSTRING || lua_rawlen(L, idx) > NAME_LEN_MAX)
        fail(c, "names are texts of at most 40 bytes");
    lua_pushvalue(L, idx);
    lua_pushboolean(L, 1);
    lua_rawset(L, c->names);
    return (struct tg_hooks_field){lua_topointer(L, idx), lua_tostring(L, idx), 0};
}

static uint32_t add_node(struct compile *c, enum tg_hooks_kind kind)
{
    struct tg_hooks *hooks = c->hooks;
    if (hooks->n_nodes == NODES_MAX)
        fail(c, "the types are too many");
    if (hooks->n_nodes % 64 == 0)
        hooks->nodes = tg_realloc(hooks->nodes, (hooks->n_nodes + 64) * sizeof(*hooks->nodes));
    hooks->nodes[hooks->n_nodes] = (struct tg_hooks_node){.kind = kind, .min = INT64_MIN, .max = INT64_MAX};
    return hooks->n_nodes++;
}

static void add_field(struct compile *c, struct tg_hooks_field field)
{
    struct tg_hooks *hooks = c->hooks;
    if (hooks->n_fields % 64 == 0)
        hooks->fields = tg_realloc(hooks->fields, (hooks->n_fields + 64) * sizeof(*hooks->fields));
    hooks->fields[hooks->n_fields++] = field;
}

/* "integer?" */
static uint32_t compile_scalar(struct compile *c, int idx)
{
    size_t len;
    const char *text = lua_tolstring(c->L, idx, &len);
    const bool optional = len > 0 && text[len - 1] == '?';
    for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
        if (strlen(scalars[i].name) == len - optional && memcmp(scalars[i].name, text, len - optional) == 0) {
            const uint32_t node = add_node(c, scalars[i].kind);
            c->hooks->nodes[node].optional = optional;
            return node;
        }
    lua_pushfstring(c->L, "there is no type '%s'", text);
    return (uint32_t)fail(c, lua_tostring(c->L, -1));
}

static uint32_t compile_type(struct compile *c, int idx, int depth);

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tg_hooks_field *)a)->name, ((const struct tg_hooks_field *)b)->name);
}

/* The fields of the table at idx. Types inside add fields of their own, so a record's are collected before they stand
 * beside each other; in order, so that of several faults always the same is named. */
static uint32_t compile_record(struct compile *c, int idx, int depth)
{
    struct tg_hooks_field fields[TG_HOOKS_FIELDS_MAX];
    uint32_t n = 0;
    const uint32_t node = add_node(c, TG_HOOKS_RECORD);
    for (lua_pushnil(c->L); lua_next(c->L, idx) != 0; lua_pop(c->L, 1)) {
        if (n == TG_HOOKS_FIELDS_MAX)
            fail(c, "a record has at most 64 fields");
        const int value = lua_gettop(c->L);
        fields[n] = anchor(c, value - 1);
        fields[n++].node = compile_type(c, value, depth + 1);
    }
    qsort(fields, n, sizeof(*fields), by_name);
    struct tg_hooks_node *record = &c->hooks->nodes[node];
    record->first = c->hooks->n_fields;
    record->n = n;
    for (uint32_t i = 0; i < n; i++) {
        add_field(c, fields[i]);
        if (!c->hooks->nodes[fields[i].node].optional)
            record->required |= UINT64_C(1) << i;
    }
    return node;
}

static uint32_t compile_enum(struct compile *c, int idx)
{
    const uint32_t node = add_node(c, TG_HOOKS_ENUM);
    c->hooks->nodes[node].first = c->hooks->n_fields;
    for (lua_Integer i = 1; lua_rawgeti(c->L, idx, i) != LUA_TNIL; i++) {
        add_field(c, anchor(c, lua_gettop(c->L)));
        c->hooks->nodes[node].n++;
        lua_pop(c->L, 1);
    }
    lua_pop(c->L, 1);
    if (c->hooks->nodes[node].n == 0)
        fail(c, "an enum has words");
    return node;
}

/* A list or a map of the type on the top. */
static uint32_t compile_container(struct compile *c, enum tg_hooks_kind kind, int depth)
{
    const uint32_t node = add_node(c, kind);
    const uint32_t of = compile_type(c, lua_gettop(c->L), depth + 1);
    c->hooks->nodes[node].first = of;
    c->hooks->nodes[node].max = TG_HOOKS_ENTRIES_MAX;
    return node;
}

static int64_t read_bound(struct compile *c, int idx, const char *name, int64_t absent)
{
    int64_t bound = absent;
    if (lua_getfield(c->L, idx, name) != LUA_TNIL) {
        if (!lua_isinteger(c->L, -1))
            fail(c, "min and max are whole numbers");
        bound = lua_tointeger(c->L, -1);
    }
    lua_pop(c->L, 1);
    return bound;
}

static bool read_flag(lua_State *L, int idx, const char *name)
{
    lua_getfield(L, idx, name);
    const bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

static uint32_t compile_table(struct compile *c, int idx, int depth)
{
    lua_State *L = c->L;
    const int top = lua_gettop(L);
    uint32_t node;
    if (lua_getfield(L, idx, "type") == LUA_TSTRING)
        node = compile_scalar(c, top + 1);
    else if (lua_getfield(L, idx, "enum") == LUA_TTABLE)
        node = compile_enum(c, top + 2);
    else if (lua_getfield(L, idx, "list") != LUA_TNIL)
        node = compile_container(c, TG_HOOKS_LIST, depth);
    else if (lua_getfield(L, idx, "map") != LUA_TNIL)
        node = compile_container(c, TG_HOOKS_MAP, depth);
    else if (lua_getfield(L, idx, "record") == LUA_TTABLE)
        node = compile_record(c, top + 5, depth);
    else
        return (uint32_t)fail(c, "a type has one of type, enum, list, map, record");
    lua_settop(L, top);
    struct tg_hooks_node *to = &c->hooks->nodes[node];
    to->min = read_bound(c, idx, "min", to->min);
    to->max = read_bound(c, idx, "max", to->max);
    to->is_bounded = to->min != INT64_MIN || to->max != INT64_MAX;
    to->optional = to->optional || read_flag(L, idx, "optional");
    to->open = read_flag(L, idx, "open");
    return node;
}

static uint32_t compile_type(struct compile *c, int idx, int depth)
{
    luaL_checkstack(c->L, 16, "core/hooks.lua");
    if (depth > DEPTH_MAX)
        fail(c, "a type is too deep");
    if (lua_type(c->L, idx) == LUA_TSTRING)
        return compile_scalar(c, idx);
    if (lua_type(c->L, idx) != LUA_TTABLE)
        fail(c, "a type is a text or a table");
    return compile_table(c, idx, depth);
}

/* --- one hook ----------------------------------------------------------------------------------------------------- */

static void read_text(struct compile *c, int idx, const char *name, char *to, size_t size)
{
    size_t len = 0;
    lua_getfield(c->L, idx, name);
    const char *text = lua_isnil(c->L, -1) ? "" : lua_tolstring(c->L, -1, &len);
    if (text == NULL || len >= size || strlen(text) != len) {
        lua_pushfstring(c->L, "%s is no short text", name);
        fail(c, lua_tostring(c->L, -1));
    }
    memcpy(to, text, len + 1);
    lua_pop(c->L, 1);
}

static enum tg_hook_failure read_failure(struct compile *c, int idx)
{
    static const char *const names[] = {"park", "deny", "default", "refuse"};
    char name[16];
    read_text(c, idx, "on_failure", name, sizeof(name));
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return (enum tg_hook_failure)i;
    return (enum tg_hook_failure)fail(c, "on_failure is park, deny, default or refuse");
}

/* The declaration at idx. */
static void compile_hook(struct compile *c, int idx, struct tg_hook *hook)
{
    char asked_by[128];
    if (!lua_istable(c->L, idx))
        fail(c, "a declaration is a table");
    hook->on_failure = read_failure(c, idx);
    hook->budget_us = (uint32_t)read_bound(c, idx, "budget_us", 20000);
    read_text(c, idx, "money", hook->money, sizeof(hook->money));
    read_text(c, idx, "awaits", hook->awaits, sizeof(hook->awaits));
    read_text(c, idx, "asked_by", asked_by, sizeof(asked_by));
    if ((hook->awaits[0] == '\0') == (asked_by[0] == '\0'))
        fail(c, "it has one of asked_by and awaits");
    lua_getfield(c->L, idx, "input");
    hook->input = compile_type(c, lua_gettop(c->L), 0);
    lua_getfield(c->L, idx, "output");
    hook->output = compile_type(c, lua_gettop(c->L), 0);
    lua_pop(c->L, 2);
}

static int by_hook(const void *a, const void *b)
{
    return strcmp(((const struct tg_hook *)a)->name, ((const struct tg_hook *)b)->name);
}

void tg_hooks_load(lua_State *L, int idx, struct tg_hooks *hooks)
{
    struct compile c = {.L = L, .hooks = hooks, .hook = "it"};
    assert(hooks->n == 0 && hooks->nodes == NULL);
    idx = lua_absindex(L, idx);
    luaL_checkstack(L, 16, "core/hooks.lua");
    if (!lua_istable(L, idx))
        fail(&c, "must return a table");
    const uint32_t anything = add_node(&c, TG_HOOKS_ANY);
    assert(anything == TG_HOOKS_ANYTHING);
    tg_num_push(L, tg_decimal_zero);
    (void)lua_getmetatable(L, -1);
    hooks->decimal = lua_topointer(L, -1); /* the registry keeps it */
    lua_pop(L, 2);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, NAMES_KEY);
    c.names = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_rawlen(L, -2) >= sizeof(hooks->list[0].name))
            fail(&c, "a hook has a name like pricing.rate_usage");
        c.hook = lua_tostring(L, -2);
        if (hooks->n == TG_HOOKS_MAX)
            fail(&c, "one hook too many");
        struct tg_hook *hook = &hooks->list[hooks->n];
        memcpy(hook->name, c.hook, strlen(c.hook) + 1);
        compile_hook(&c, lua_gettop(L), hook);
        hooks->n++;
    }
    qsort(hooks->list, hooks->n, sizeof(*hooks->list), by_hook);
    lua_pop(L, 1);
}

void tg_hooks_deinit(struct tg_hooks *hooks)
{
    free(hooks->nodes);
    free(hooks->fields);
    *hooks = (struct tg_hooks){.n = 0};
}

const struct tg_hook *tg_hooks_find(const struct tg_hooks *hooks, const char *name)
{
    for (size_t i = 0; i < hooks->n; i++)
        if (strcmp(hooks->list[i].name, name) == 0)
            return &hooks->list[i];
    return NULL;
}

/* rules_build - making a rule VM: the environment of the host, the rules of the bundle, and for each what it needs. */
#include "rt/rules_private.h"

#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "rt/freeze.h"
#include "rt/vm.h"

#define GC_PAUSE 400 /* the heap is small and its garbage short-lived: collect when it is four times as big */

/* mode: "t", or "b" for what we have compiled ourselves. */
static void load_chunk(lua_State *L, const char *path, const char *bytes, size_t len, const char *mode)
{
    char name[TG_BUNDLE_PATH_LEN_MAX + 2];
    (void)snprintf(name, sizeof(name), "@%s", path);
    if (luaL_loadbufferx(L, bytes, len, name, mode) != LUA_OK)
        lua_error(L);
}

/* Replaces the chunk on the top by its one result, in the environment at env. */
static void run_chunk(lua_State *L, int env)
{
    lua_pushvalue(L, env);
    if (lua_setupvalue(L, -2, 1) == NULL)
        lua_pop(L, 1);
    lua_call(L, 0, 1);
}

static void push_file(lua_State *L, const char *path, const char *text, size_t len, int env)
{
    load_chunk(L, path, text, len, "t");
    run_chunk(L, env);
}

/* A lua_Writer; arg is a struct tg_bundle_code **. */
static int add_code(lua_State *L, const void *bytes, size_t len, void *arg)
{
    struct tg_bundle_code **code = arg;
    const size_t old_len = *code == NULL ? 0 : (*code)->len;
    (void)L;
    *code = tg_realloc(*code, sizeof(**code) + old_len + len);
    memcpy((*code)->bytes + old_len, bytes, len);
    (*code)->len = old_len + len;
    return 0;
}

static void push_bundle_file(lua_State *L, const struct tg_rules_build *build, const struct tg_bundle_file *file)
{
    const struct tg_bundle_code *code = tg_bundle_code(build->bundle, file);
    lua_rawgeti(L, LUA_REGISTRYINDEX, build->env);
    const int env = lua_gettop(L);
    if (code != NULL) {
        load_chunk(L, file->path, code->bytes, code->len, "b");
    } else {
        struct tg_bundle_code *compiled = NULL;
        load_chunk(L, file->path, file->text, file->len, "t");
        (void)lua_dump(L, add_code, &compiled, 0);
        tg_bundle_set_code(build->bundle, file, compiled);
    }
    run_chunk(L, env);
    lua_remove(L, env);
}

static void push_env(lua_State *L, struct tg_rules_build *build)
{
    size_t len;
    const char *text = tg_luasource_file(build->host, "core/allow.lua", &len);
    lua_newtable(L);
    if (text != NULL)
        push_file(L, "core/allow.lua", text, len, lua_gettop(L));
    else
        tg_caps_push_allow_all(L);
    if (!lua_istable(L, -1))
        luaL_error(L, "core/allow.lua: it must return a table");
    tg_caps_push_env(L, lua_gettop(L), &build->rules->caps);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* The hooks that the host declares; without the file none is, and nothing is checked. */
static void load_hooks(lua_State *L, struct tg_rules_build *build)
{
    size_t len;
    const char *text = tg_luasource_file(build->host, "core/hooks.lua", &len);
    if (text == NULL)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, build->env);
    push_file(L, "core/hooks.lua", text, len, lua_gettop(L));
    tg_hooks_load(L, lua_gettop(L), &build->rules->hooks);
    lua_pop(L, 2);
}

/* --- what a rule needs -------------------------------------------------------------------------------------------- */

/* The file of the need lib.<name>, of the rule's own feature, or lib.<feature>.<name>. */
static const struct tg_bundle_file *find_lib(lua_State *L, const struct tg_rules_build *build, const char *rule_path,
                                             const char *need)
{
    char path[TG_BUNDLE_PATH_LEN_MAX + 1];
    const char *name = need + 4, *dot = strchr(name, '.');
    const char *feature = dot == NULL ? rule_path : name;
    const int feature_len = (int)(dot == NULL ? strchr(rule_path, '/') - rule_path : dot - name);
    if (dot != NULL)
        name = dot + 1;
    const int len = snprintf(path, sizeof(path), "%.*s/lib/%s.lua", feature_len, feature, name);
    const struct tg_bundle_file *file = len < (int)sizeof(path) ? tg_bundle_find(build->bundle, path) : NULL;
    if (file == NULL)
        luaL_error(L, "%s: it needs %s, and there is no file %s", rule_path, need, path);
    return file;
}

/* Pushes the read-only module: all who need it share it. */
static void push_lib(lua_State *L, const struct tg_rules_build *build, const char *rule_path, const char *need)
{
    const struct tg_bundle_file *file = find_lib(L, build, rule_path, need);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "tg.rules.libs");
    if (lua_getfield(L, -1, file->path) == LUA_TNIL) {
        lua_pop(L, 1);
        push_bundle_file(L, build, file);
        if (!lua_istable(L, -1))
            luaL_error(L, "%s: it must return a table", file->path);
        tg_freeze(L, file->path, true);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, file->path);
    }
    lua_remove(L, -2);
}

/* Sets cap.lib.<name> or cap.lib.<feature>.<name> to the module on the top, and pops it. */
static void set_lib(lua_State *L, int libs, const char *need)
{
    const char *name = need + 4, *dot = strchr(name, '.');
    if (dot == NULL) {
        lua_setfield(L, libs, name);
        return;
    }
    lua_pushlstring(L, name, (size_t)(dot - name));
    lua_pushvalue(L, -1);
    if (lua_rawget(L, libs) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, libs);
    }
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, dot + 1);
    lua_pop(L, 3);
}

static void push_need(lua_State *L, const struct tg_rules_build *build, const char *path, int cap, int libs)
{
    const char *need = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    if (strncmp(need, "lib.", 4) == 0) {
        push_lib(L, build, path, need);
        set_lib(L, libs, need);
    } else if (tg_caps_push(L, need, &build->rules->caps)) {
        lua_setfield(L, cap, need);
    } else {
        luaL_error(L, "%s: there is no capability '%s'", path, need);
    }
}

/* The tables of other features' libs; modules are frozen already. */
static void freeze_libs(lua_State *L, int libs)
{
    for (lua_pushnil(L); lua_next(L, libs) != 0;) {
        lua_pushfstring(L, "cap.lib.%s", lua_tostring(L, -2));
        lua_insert(L, -2);
        tg_freeze(L, lua_tostring(L, -2), true);
        lua_remove(L, -2);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, libs);
    }
}

/* Pushes the `cap` of the rule at `rule`: what its `needs` names and nothing else. */
static void push_caps(lua_State *L, const struct tg_rules_build *build, int rule, const char *path)
{
    lua_newtable(L);
    lua_newtable(L);
    const int cap = lua_gettop(L) - 1, libs = cap + 1;
    if (lua_getfield(L, rule, "needs") != LUA_TNIL && !lua_istable(L, -1))
        luaL_error(L, "%s: needs must be a list of capabilities", path);
    for (lua_Integer i = 1; lua_istable(L, libs + 1) && lua_rawgeti(L, libs + 1, i) != LUA_TNIL; i++) {
        push_need(L, build, path, cap, libs);
        lua_pop(L, 1);
    }
    lua_settop(L, libs);
    freeze_libs(L, libs);
    tg_freeze(L, "cap.lib", true);
    lua_setfield(L, cap, "lib");
    tg_freeze(L, "cap", true);
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

/* The golden cases of the rule at `rule`, as data. */
static void keep_cases(lua_State *L, int rule, struct tg_rule *to)
{
    struct tg_err err;
    if (lua_getfield(L, rule, "cases") != LUA_TNIL) {
        to->cases = tg_rules_read_json(L, lua_gettop(L), &err);
        if (to->cases == NULL)
            luaL_error(L, "%s: the cases of %s: %s", to->path, to->hook, err.text);
        if (!json_is_array(to->cases))
            luaL_error(L, "%s: the cases of %s must be a list", to->path, to->hook);
    }
    lua_pop(L, 1);
}

/* Takes the rule on the top. */
static void add_rule(lua_State *L, const struct tg_rules_build *build, const char *path)
{
    struct tg_rules *rules = build->rules;
    const int rule = lua_gettop(L);
    if (lua_getfield(L, rule, "api") != LUA_TNUMBER || lua_tointeger(L, -1) != 1)
        luaL_error(L, "%s: api must be 1", path);
    const char *hook = lua_getfield(L, rule, "hook") == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (hook[0] == '\0' || strlen(hook) >= sizeof(rules->rules[0].hook))
        luaL_error(L, "%s: hook must be a name like pricing.rate_usage", path);
    const struct tg_rule *other = tg_rules_find(rules, hook);
    if (other != NULL)
        luaL_error(L, "%s: the hook %s has a rule already, in %s", path, hook, other->path);
    if (rules->n_rules == TG_RULES_HOOKS_MAX)
        luaL_error(L, "%s: at most %d rules", path, TG_RULES_HOOKS_MAX);
    struct tg_rule *to = &rules->rules[rules->n_rules];
    (void)snprintf(to->hook, sizeof(to->hook), "%s", hook);
    (void)snprintf(to->path, sizeof(to->path), "%s", path);
    push_caps(L, build, rule, path);
    to->cap = luaL_ref(L, LUA_REGISTRYINDEX);
    if (lua_getfield(L, rule, "decide") != LUA_TFUNCTION)
        luaL_error(L, "%s: %s has no function decide", path, to->hook);
    to->decide = luaL_ref(L, LUA_REGISTRYINDEX);
    to->declared = tg_hooks_find(&rules->hooks, to->hook);
    rules->n_rules++;
    if ((rules->flags & TG_RULES_KEEP_CASES) != 0)
        keep_cases(L, rule, to);
    lua_pushnil(L);
    lua_setfield(L, rule, "cases"); /* often the most of a file, and not worth freezing */
    lua_settop(L, rule - 1);
}

static void load_rules_file(lua_State *L, const struct tg_rules_build *build, const struct tg_bundle_file *file)
{
    push_bundle_file(L, build, file);
    const int value = lua_gettop(L);
    if (!lua_istable(L, value))
        luaL_error(L, "%s: it must return a rule or a list of rules", file->path);
    if (lua_getfield(L, value, "hook") != LUA_TNIL) {
        lua_pushvalue(L, value);
        add_rule(L, build, file->path);
    } else {
        for (lua_Integer i = 1; lua_rawgeti(L, value, i) != LUA_TNIL; i++) {
            if (!lua_istable(L, -1))
                luaL_error(L, "%s: entry %d of the list is not a rule", file->path, (int)i);
            add_rule(L, build, file->path);
        }
    }
    lua_settop(L, value);
    tg_freeze(L, file->path, false); /* with it what the functions keep */
    lua_pop(L, 1);
}

int tg_rules_build(lua_State *L)
{
    struct tg_rules_build *build = lua_touserdata(L, 1);
    push_env(L, build);
    tg_caps_lock_strings(L, lua_gettop(L));
    build->env = luaL_ref(L, LUA_REGISTRYINDEX);
    load_hooks(L, build);
    for (size_t i = 0; i < tg_bundle_n(build->bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(build->bundle, i);
        const char *name = strchr(file->path, '/');
        if (strcmp(name, "/rules.lua") == 0)
            load_rules_file(L, build, file);
    }
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
    return 0;
}

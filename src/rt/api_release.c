/* api_release - tg.rules.release(): the rules that the release brings, for who makes a bundle out of them or compares.
 *
 * Made with the first call and kept by the VM: its source never changes. The rules were built once before, with the VM,
 * or there would be none; they are built again here for what they say of themselves.
 */
#include <jansson.h>
#include <lauxlib.h>

#include "rt/bundle.h"
#include "rt/json.h"
#include "rt/rules.h"
#include "rt/vm_private.h"

static void push_files(lua_State *L, const struct tg_bundle *bundle)
{
    lua_createtable(L, (int)tg_bundle_n(bundle), 0);
    tg_json_mark_array(L, -1);
    for (size_t i = 0; i < tg_bundle_n(bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(bundle, i);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, file->path);
        lua_setfield(L, -2, "path");
        lua_pushlstring(L, file->text, file->len);
        lua_setfield(L, -2, "source");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_hooks(lua_State *L, const struct tg_rules *rules)
{
    lua_createtable(L, (int)tg_rules_n(rules), 0);
    tg_json_mark_array(L, -1);
    for (size_t i = 0; i < tg_rules_n(rules); i++) {
        const struct tg_rules_entry entry = tg_rules_at(rules, i);
        lua_createtable(L, 0, 3);
        lua_pushstring(L, entry.hook);
        lua_setfield(L, -2, "hook");
        lua_pushstring(L, entry.path);
        lua_setfield(L, -2, "path");
        lua_pushinteger(L, (lua_Integer)json_array_size(entry.cases));
        lua_setfield(L, -2, "cases");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* Pushes {id=, files={{path=, source=}}, hooks={{hook=, path=, cases=}}}, or nothing and -1. */
static int push_release(lua_State *L, struct tg_luasource *src, struct tg_err *err_r)
{
    struct tg_bundle *bundle;
    struct tg_rules *rules;
    if (tg_bundle_of_source(src, &bundle, err_r) != 0)
        return -1;
    if (tg_rules_new(src, bundle, TG_RULES_KEEP_CASES, &rules, err_r) != 0) {
        tg_bundle_unref(&bundle);
        return -1;
    }
    lua_createtable(L, 0, 3);
    lua_pushstring(L, tg_bundle_id(bundle));
    lua_setfield(L, -2, "id");
    push_files(L, bundle);
    lua_setfield(L, -2, "files");
    push_hooks(L, rules);
    lua_setfield(L, -2, "hooks");
    tg_rules_free(&rules);
    tg_bundle_unref(&bundle);
    return 0;
}

/* release() → {id, files, hooks} | nil, err. It is read only: the next call gives the same table. */
static int l_release(lua_State *L)
{
    struct tg_luasource *src = tg_vm_source(tg_vm_of(L));
    struct tg_err err;
    if (lua_toboolean(L, lua_upvalueindex(1))) {
        lua_pushvalue(L, lua_upvalueindex(1));
        return 1;
    }
    int status = src != NULL ? push_release(L, src, &err) : tg_err_set(&err, TG_ERR_NOT_FOUND, "a script has no rules");
    if (status != 0) {
        lua_pushnil(L);
        tg_push_err(L, &err);
        return 2;
    }
    lua_pushvalue(L, -1);
    lua_replace(L, lua_upvalueindex(1));
    return 1;
}

/* Adds to tg.rules; tg is on top. */
void tg_api_open_release(lua_State *L)
{
    lua_getfield(L, -1, "rules");
    lua_pushboolean(L, 0);
    lua_pushcclosure(L, l_release, 1);
    lua_setfield(L, -2, "release");
    lua_pop(L, 1);
}

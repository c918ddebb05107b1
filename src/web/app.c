/* app - the application's routes of one generation, on one thread. */
#include "web/app.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "web/api_req.h"

/* Keys of the registry, by address. */
static const char functions_key, app_key;

/* --- Compiling (runs protected) ------------------------------------------------------------------------------------- */

/* The string field of the table at idx, or NULL. It lives as long as the table. */
static const char *text_field(lua_State *L, int idx, const char *name)
{
    const char *text = NULL;
    if (lua_getfield(L, idx, name) == LUA_TSTRING)
        text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static lua_Integer int_field(lua_State *L, int idx, const char *name)
{
    lua_Integer n = 0;
    if (lua_getfield(L, idx, name) != LUA_TNIL && (!lua_isinteger(L, -1) || (n = lua_tointeger(L, -1)) < 1))
        luaL_error(L, "app.lua: '%s' of a route must be a whole number above 0", name);
    lua_pop(L, 1);
    return n;
}

static bool flag_field(lua_State *L, int idx, const char *name)
{
    lua_getfield(L, idx, name);
    bool on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

/* The route at the top of L; its function becomes number n of the functions' table at `functions`. */
static void compile_route(lua_State *L, struct tg_app *app, int functions, unsigned n)
{
    const int t = lua_gettop(L);
    struct tg_err err;
    luaL_argcheck(L, lua_istable(L, t), 1, "app.lua: a route must be a table");
    const char *method = text_field(L, t, "method"), *path = text_field(L, t, "path");
    const char *permission = text_field(L, t, "permission"), *public = text_field(L, t, "public");
    if (method == NULL || path == NULL)
        luaL_error(L, "app.lua: route %d has no method or no path", (int)n);
    struct tg_route route = {.method = tg_method_parse(method, strlen(method)), .handler = n, .permission = -1};
    if (route.method >= TG_METHODS_ROUTED)
        luaL_error(L, "app.lua: route %s %s: the methods are GET, POST, PUT, PATCH and DELETE", method, path);
    if ((permission == NULL) == (public == NULL))
        luaL_error(L, "app.lua: route %s %s needs either a permission or public = \"the reason\"", method, path);
    if (permission != NULL && (route.permission = tg_routes_permission_add(app->routes, permission)) == -1)
        luaL_error(L, "app.lua: more permissions than a principal can hold");
    route.body_max = (size_t)int_field(L, t, "body_max");
    route.bulk = flag_field(L, t, "bulk");
    if (tg_routes_add(app->routes, path, &route, &err) != 0)
        luaL_error(L, "app.lua: %s", err.text);
    if (lua_getfield(L, t, "handler") != LUA_TFUNCTION)
        luaL_error(L, "app.lua: route %s %s has no handler", method, path);
    lua_rawseti(L, functions, n);
}

static void compile_function(lua_State *L, int main, const char *name, int functions, int number)
{
    if (lua_getfield(L, main, name) == LUA_TFUNCTION)
        lua_rawseti(L, functions, number);
    else
        lua_pop(L, 1);
}

static int l_app_gc(lua_State *L)
{
    tg_app_unref(lua_touserdata(L, 1));
    return 0;
}

/* Argument: what app.lua returned. */
static int l_compile(lua_State *L)
{
    if (!lua_istable(L, 1) || lua_getfield(L, 1, "routes") != LUA_TTABLE)
        return luaL_error(L, "app.lua must return a table with `routes`");
    const int routes = lua_gettop(L);
    struct tg_app **box = lua_newuserdatauv(L, sizeof(struct tg_app *), 0);
    *box = TG_NEW(struct tg_app);
    (*box)->refs = 1;
    (*box)->routes = tg_routes_new();
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_app_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &app_key);
    lua_newtable(L);
    const int functions = lua_gettop(L);
    const lua_Unsigned n = lua_rawlen(L, routes);
    if (n > TG_ROUTES_MAX)
        return luaL_error(L, "app.lua: more than %d routes", TG_ROUTES_MAX);
    for (lua_Unsigned i = 1; i <= n; i++) {
        lua_rawgeti(L, routes, (lua_Integer)i);
        compile_route(L, *box, functions, (unsigned)i);
        lua_settop(L, functions);
    }
    compile_function(L, 1, "authenticate", functions, TG_APP_AUTHENTICATE);
    compile_function(L, 1, "ready", functions, TG_APP_READY);
    compile_function(L, 1, "refused", functions, TG_APP_REFUSED);
    compile_function(L, 1, "origins", functions, TG_APP_ORIGINS);
    (*box)->has_ready = lua_rawgeti(L, functions, TG_APP_READY) == LUA_TFUNCTION;
    (*box)->has_refused = lua_rawgeti(L, functions, TG_APP_REFUSED) == LUA_TFUNCTION;
    (*box)->has_origins = lua_rawgeti(L, functions, TG_APP_ORIGINS) == LUA_TFUNCTION;
    lua_settop(L, functions);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &functions_key);
    tg_api_req_open(L);
    return 0;
}

int tg_app_check(struct tg_vm *vm, struct tg_err *err_r)
{
    lua_State *L = tg_vm_state(vm);
    int ret = 0;
    lua_pushcfunction(L, l_compile);
    tg_vm_push_main(vm, L);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        ret = tg_err_set(err_r, TG_ERR_INPUT, "%s", text == NULL ? "app.lua cannot be read" : text);
        lua_pop(L, 1);
    }
    return ret;
}

/* --- Use ------------------------------------------------------------------------------------------------------------ */

struct tg_app *tg_app_of(struct tg_vm *vm)
{
    lua_State *L = tg_vm_state(vm);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &app_key);
    struct tg_app **box = lua_touserdata(L, -1);
    assert(box != NULL);
    lua_pop(L, 1);
    (*box)->vm = vm;
    return tg_app_ref(*box);
}

struct tg_app *tg_app_ref(struct tg_app *app)
{
    assert(app->refs != 0);
    app->refs++;
    return app;
}

void tg_app_unref(struct tg_app **app_p)
{
    struct tg_app *app = *app_p;
    *app_p = NULL;
    if (app == NULL || --app->refs != 0)
        return;
    tg_routes_unref(&app->routes);
    free(app);
}

void tg_app_push(lua_State *L, int handler)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key);
    lua_rawgeti(L, -1, handler);
    lua_remove(L, -2);
}

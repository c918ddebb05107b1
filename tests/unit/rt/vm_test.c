/* vm_test - application VMs: what they can see, how modules load, what a source takes. */
#include "../../../src/rt/vm.c"

#include "rt/vm_fixture.h"

/* The error of building app.lua (and perhaps one more file), or "" when it builds. */
static const char *build_error(const char *app, const char *path, const char *text)
{
    static struct tg_err err;
    struct tg_vm *vm = NULL;
    struct tg_luasource *src = fixture_source("app.lua", app, path, text, NULL);
    int status = tg_vm_new(src, "app", NULL, &vm, &err);
    tg_luasource_unref(&src);
    tg_vm_free(&vm);
    return status == 0 ? "" : err.text;
}

TEST(modules_are_found_in_the_source_only_once_each)
{
    struct outcome o;
    struct tg_luasource *src =
        fixture_source("app.lua",
                       "local a, b = require('wallet.store'), require('wallet.store')\nreturn {same = a == b}",
                       "wallet/store.lua", "return {...}", NULL);
    struct tg_vm *vm = fixture_vm_of(src, "app", NULL);
    run_lua(vm, "return require('app').same, require('wallet.store')[1]", &o);
    is_str(o.text, "true wallet.store");
    fixture_free(&vm);
}

TEST(what_does_not_load_is_named_by_file_and_line)
{
    is_str(build_error("return {}", NULL, NULL), "");
    is_str(build_error("return {", NULL, NULL), "lua/app.lua:1: unexpected symbol near <eof>");
    is_str(build_error("\nerror('boom')", NULL, NULL), "lua/app.lua:2: boom");
    is_str(build_error("require('x.y')", "x/y.lua", "\n\nlocal z = nothing.there"),
           "lua/x/y.lua:3: there is no global 'nothing'");
    is_str(build_error("require('nope')", NULL, NULL), "lua/app.lua:1: module 'nope' is not in lua/");
    is_str(build_error("require('../etc/passwd')", NULL, NULL), "lua/app.lua:1: module '../etc/passwd' is not in lua/");
    is_str(build_error("return nil", NULL, NULL), "module 'app' returned nothing");
    contains(build_error("require('x.y') return 1", "x/y.lua", "return require('app')"), "module 'app' needs itself");
    contains(build_error("\x1bLua", NULL, NULL), "attempt to load a binary chunk");
    contains(build_error("tg.time.sleep(1)", NULL, NULL), "nothing can be waited for while modules load");
    contains(build_error("return 1", "wallet/jobs.lua", "return {"), "lua/wallet/jobs.lua:1:");
}

TEST(the_outer_world_is_not_there)
{
    static const char *const names[] = {"io",     "os",    "debug",    "package",        "coroutine", "load",
                                        "dofile", "print", "loadfile", "collectgarbage", "warn"};
    struct outcome o;
    struct tg_vm *vm = fixture_vm(NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char code[100];
        tap_case("%s", names[i]);
        snprintf(code, sizeof(code), "return pcall(function() return %s end)", names[i]);
        run_lua(vm, code, &o);
        contains(o.text, "there is no global");
    }
    run_lua(vm, "return pcall(function() leaked = 1 end)", &o);
    contains(o.text, "globals are closed: 'leaked' must be local");
    run_lua(vm, "return pcall(require, 'late')", &o);
    contains(o.text, "module 'late' was not loaded when the application was built");
    run_lua(vm, "return getmetatable(_G)", &o);
    is_str(o.text, "false");
    fixture_free(&vm);
}

TEST(a_library_of_a_higher_layer_is_part_of_tg_and_of_building)
{
    struct outcome o;
    struct tg_vm *vm = NULL;
    struct tg_err err;
    const struct tg_vm_lib libs[] = {{"extra", open_json, NULL}, {NULL, NULL, NULL}};
    struct tg_luasource *src = fixture_source("app.lua", "return tg.extra.encode({1})", NULL);
    is_int(tg_vm_new(src, "app", libs, &vm, &err), 0);
    tg_vm_attach(vm, &fixture.services);
    tg_luasource_unref(&src);
    run_lua(vm, "return require('app')", &o);
    is_str(o.text, "[1]");
    fixture_free(&vm);
}

TEST(job_modules_are_loaded_though_nobody_requires_them)
{
    struct tg_luasource *src = fixture_source("app.lua", "return 1", "wallet/jobs.lua", "return {topup = 7}",
                                              "wallet/other.lua", "error('not loaded')", NULL);
    struct tg_vm *vm = fixture_vm_of(src, "app", NULL);
    lua_State *L = tg_vm_state(vm);
    is_int(tg_vm_push_module(vm, L, "wallet.jobs"), 1);
    lua_getfield(L, -1, "topup");
    is_int(lua_tointeger(L, -1), 7);
    lua_settop(L, 0);
    is_int(tg_vm_push_module(vm, L, "wallet.other"), 0);
    is_int(lua_gettop(L), 0);
    fixture_free(&vm);
}

TEST(a_source_is_a_snapshot_with_a_digest_over_paths_and_texts)
{
    size_t len;
    struct tg_luasource *a =
        fixture_source("b.lua", "B", "a/x.lua", "A", "a/note.txt", "no", ".hidden.lua", "no", NULL);
    struct tg_luasource *same = fixture_source("a/x.lua", "A", "b.lua", "B", NULL);
    struct tg_luasource *other = fixture_source("a/x.lua", "AB", "b.lua", "", NULL);
    is_int(tg_luasource_n(a), 2);
    is_str(tg_luasource_path(a, 0), "a/x.lua");
    is_str(tg_luasource_path(a, 1), "b.lua");
    is_str(tg_luasource_file(a, "a/x.lua", &len), "A");
    is_int(len, 1);
    ok(tg_luasource_file(a, "a/note.txt", &len) == NULL, "only Lua");
    is_int(strlen(tg_luasource_digest(a)), 64);
    is_str(tg_luasource_digest(a), tg_luasource_digest(same));
    ok(strcmp(tg_luasource_digest(a), tg_luasource_digest(other)) != 0, "another text, another digest");
    struct tg_luasource *again = tg_luasource_ref(a);
    tg_luasource_unref(&again);
    tg_luasource_unref(&a);
    tg_luasource_unref(&same);
    tg_luasource_unref(&other);
}

static void try_source(const char *dir, const char *expected)
{
    struct tg_luasource *src = NULL;
    struct tg_err err = {.text = "it was taken"};
    is_int(tg_luasource_read(dir, &src, &err), -1);
    contains(err.text, expected);
}

TEST(a_source_that_is_not_whole_is_refused_by_name)
{
    char dir[] = "/tmp/tg-src-XXXXXX", path[100];
    try_source("/nonexistent/lua", "/nonexistent/lua: No such file or directory");
    if (mkdtemp(dir) == NULL)
        abort();
    snprintf(path, sizeof(path), "%s/link.lua", dir);
    ok(symlink("/etc/passwd", path) == 0, "a link");
    try_source(dir, "link.lua: a symbolic link, which is not followed");
    unlink(path);
    FILE *f = fopen(path, "w");
    fputs("-- \xff", f);
    fclose(f);
    try_source(dir, "link.lua: not UTF-8");
    ok(truncate(path, (1 << 20) + 1) == 0, "a large file");
    try_source(dir, "link.lua: larger than 1048576 bytes");
    unlink(path);
    rmdir(dir);
}

/* Every `function tg.a.b(` and `function tg.a(` of lua/types/tg.lua is there, and nothing else is; but for what has a
 * file of its own: types/rules.lua, and the calendar in types/caps.lua. */
TEST(the_annotations_name_exactly_what_tg_has)
{
    static const char code[] =
        "local text = ...\n"
        "local named, wrong = {}, {}\n"
        "for path in text:gmatch('\\nfunction (tg[%w_.]+)%(') do named[path] = true end\n"
        "local function walk(t, path)\n"
        "  for key, value in pairs(t) do\n"
        "    local name = path .. '.' .. key\n"
        "    if key == 'rules' or key == 'calendar' then goto next end\n"
        "    if type(value) == 'table' then walk(value, name)\n"
        "    elseif type(value) == 'function' and not named[name] then wrong[#wrong + 1] = '+' .. name end\n"
        "    named[name] = nil\n"
        "    ::next::\n"
        "  end\n"
        "end\n"
        "walk(tg, 'tg')\n"
        "for name in pairs(named) do wrong[#wrong + 1] = '-' .. name end\n"
        "table.sort(wrong)\n"
        "return table.concat(wrong, ' ')";
    char *text = tg_calloc(1, 65536);
    FILE *f = fopen("lua/types/tg.lua", "r");
    ok(f != NULL && fread(text, 1, 65535, f) > 1000, "the annotations");
    struct tg_vm *vm = fixture_script_vm(NULL);
    lua_State *L = tg_vm_state(vm);
    is_int(luaL_loadstring(L, code), LUA_OK);
    lua_pushstring(L, text);
    is_int(lua_pcall(L, 1, 1, 0), LUA_OK);
    is_str(lua_tostring(L, -1), "");
    fclose(f);
    free(text);
    fixture_free(&vm);
}

TEST(a_principal_may_what_its_bits_say)
{
    struct tg_principal *p = tg_principal_new();
    p->permissions[1] = 1u << 3;
    ok(tg_principal_may(p, 67) && !tg_principal_may(p, 66) && !tg_principal_may(p, 3), "one bit");
    p->all_permissions = true;
    ok(tg_principal_may(p, 255), "all");
    tg_principal_unref(&p);
    tg_principal_unref(&p);
}

TAP_MAIN()

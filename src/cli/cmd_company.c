/* cmd_company - `tollgate company create-platform`: the root of a tree of companies and its first key. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#include "cli/commands.h"
#include "cli/script.h"

/* The key goes into a file that only its owner reads; an existing file is not overwritten. */
static int write_key(const char *path, const char *key, struct tg_err *err_r)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    int ok = dprintf(fd, "%s\n", key) > 0 && fsync(fd) == 0;
    close(fd);
    return ok ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
}

/* Leaves the table {company=, key=} on the stack. */
static int create(struct tg_script *script, const char *name, const char *currency, struct tg_err *err_r)
{
    static const char chunk[] =
        "local made, err = require('identity.admin').create_platform(...)\n"
        "if made then return made end\n"
        "local first = err.errors and err.errors[1]\n"
        "return nil, (first and first.pointer .. ': ' .. first.detail) or err.detail or err.code";
    lua_State *L = tg_script_state(script);
    if (luaL_loadstring(L, chunk) != LUA_OK)
        return tg_err_set(err_r, TG_ERR_BUG, "%s", lua_tostring(L, -1));
    lua_createtable(L, 0, 2);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, currency);
    lua_setfield(L, -2, "currency");
    if (tg_script_call(script, 1, 2, err_r) != 0)
        return -1;
    if (lua_istable(L, -2)) {
        lua_pop(L, 1);
        return 0;
    }
    return tg_err_set(err_r, TG_ERR_INPUT, "%s", lua_tostring(L, -1));
}

static int report(const struct tg_args *args, lua_State *L, struct tg_err *err_r)
{
    const char *key_file = tg_args_get(args, "key-file");
    lua_getfield(L, -1, "company");
    lua_getfield(L, -2, "key");
    if (key_file != NULL && write_key(key_file, lua_tostring(L, -1), err_r) != 0)
        return -1;
    printf("company %s\nkey     %s\n", lua_tostring(L, -2), lua_tostring(L, -1));
    if (key_file == NULL)
        fprintf(stderr, "The key is shown this once: keep it.\n");
    return 0;
}

static int run(const struct tg_args *args)
{
    struct tg_script *script = NULL;
    struct tg_err err;
    const char *lua_dir = tg_args_get(args, "lua-dir"), *currency = tg_args_get(args, "currency");
    const char *name = tg_args_get(args, "name");
    if (name == NULL) {
        tg_cli_fail(args, "--name NAME is needed");
        return TG_EXIT_USAGE;
    }
    if (tg_script_open(lua_dir != NULL ? lua_dir : "lua", 0, &script, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    int rc = create(script, name, currency != NULL ? currency : "USD", &err);
    if (rc == 0)
        rc = report(args, tg_script_state(script), &err);
    tg_script_close(&script);
    return rc == 0 ? TG_EXIT_OK : tg_cli_fail(args, "%s", err.text);
}

static const struct tg_option options[] = {
    {"name", "NAME", "of the company"},
    {"currency", "CODE", "of its wallet (USD)"},
    {"key-file", "FILE", "write the key there, too (mode 0600; must not exist)"},
    {"lua-dir", "DIR", "where the application's modules are (lua)"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_company_create = {
    "company create-platform",
    "",
    0,
    0,
    "Makes a platform company with a wallet and its first API key",
    "A platform is the root of a tree: every other company is made below one, over the API. The key may do everything "
    "there.",
    options,
    run};

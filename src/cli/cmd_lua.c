/* cmd_lua - `tollgate lua FILE` and `tollgate busted ARGS…`: our interpreter for scripts and for specs. */
#include <unistd.h>

#include "cli/commands.h"
#include "cli/script.h"

#define BUSTED "/usr/bin/busted"

static int run_script(const struct tg_args *args, const char *path, int argc, char **argv)
{
    struct tg_script *script = NULL;
    struct tg_err err;
    const char *lua_dir = tg_args_get(args, "lua-dir");
    if (tg_script_open(lua_dir != NULL ? lua_dir : "lua", 0, &script, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    int rc = tg_script_run_file(script, path, argc, argv, &err);
    tg_script_close(&script);
    return rc == 0 ? TG_EXIT_OK : TG_EXIT_FAILED;
}

static int run_lua(const struct tg_args *args)
{
    return run_script(args, args->argv[0], args->argc - 1, args->argv + 1);
}

static int run_busted(const struct tg_args *args)
{
    if (access(BUSTED, R_OK) != 0)
        return tg_cli_fail(args, "busted is not installed (Debian's package lua-busted)");
    return run_script(args, BUSTED, args->argc, args->argv);
}

static const struct tg_option options[] = {
    {"lua-dir", "DIR", "where the application's modules are (lua)"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_lua = {
    "lua",
    "FILE [ARGS…]",
    1,
    -1,
    "Runs a Lua script with tg.*",
    "The script may require the application's modules and use tg.db, tg.redis and tg.http: calls that wait in the "
    "server block here. The database and Redis are those of the environment.",
    options,
    run_lua};
const struct tg_command tg_cmd_busted = {
    "busted",
    "[ARGS…]",
    0,
    -2,
    "Runs busted specs with tg.*",
    "As plain busted, in our interpreter. Specs of rules and of pure modules need no server: "
    "`lua5.4 /usr/bin/busted` runs them, too.",
    options,
    run_busted};

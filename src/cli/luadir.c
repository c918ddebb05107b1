/* luadir - where the release's Lua tree is, for commands that need no server. */
#include "cli/luadir.h"

#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

const char *tg_cli_lua_dir(const struct tg_args *args, char *path, size_t size)
{
    static const char *const places[] = {"../lua", "../share/tollgate/lua"};
    char program[512];
    const char *given = tg_args_get(args, "lua-dir");
    if (given != NULL)
        return given;
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (access("lua/core/hooks.lua", R_OK) == 0 || len < 0)
        return "lua";
    program[len] = '\0';
    const char *folder = dirname(program);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(path, size, "%s/%s", folder, places[i]);
        if (access(path, R_OK) == 0)
            return path;
    }
    return "lua";
}

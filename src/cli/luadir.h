/* luadir - where the release's Lua tree is, for commands that need no server. */
#ifndef TG_CLI_LUADIR_H
#define TG_CLI_LUADIR_H

#include <stddef.h>

#include "cli/cli.h"

#define TG_LUA_DIR_OPTION                                                                                              \
    {                                                                                                                  \
        "lua-dir", "DIR", "The release's own rules (default: lua here, or beside the program)"                         \
    }
/* --lua-dir; else lua/ here, beside the folder of the program, or where it is installed. `path` is room for it. */
const char *tg_cli_lua_dir(const struct tg_args *args, char *path, size_t size);

#endif

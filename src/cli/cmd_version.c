/* cmd_version - `tollgate version`, `tollgate completion`, `tollgate manual`: what the program says of itself. */
#include <stdio.h>

#include <curl/curl.h>
#include <h2o.h>
#include <lua.h>
#include <mysql.h>
#include <openssl/crypto.h>

#include "cli/commands.h"
#include "rt/luabugs.h"

/* Which known bugs the linked Lua has, and what is done about each. */
static void print_luabugs(void)
{
    struct tg_luabug list[TG_LUABUGS_MAX];
    const size_t n = tg_luabugs_try(list);
    printf("%s has these known bugs:\n", tg_lua_version());
    for (size_t i = 0; i < n; i++)
        if (list[i].state == TG_LUABUG_PRESENT)
            printf("  %-20s %s (%s)\n", list[i].name, list[i].defence, list[i].was_tried ? "tried" : "by its version");
    printf("and not these:\n");
    for (size_t i = 0; i < n; i++)
        if (list[i].state == TG_LUABUG_ABSENT)
            printf("  %s\n", list[i].name);
}

static int run_version(const struct tg_args *args)
{
    printf("tollgate %s\n", TG_VERSION);
    printf("libh2o %s (%s), %s, %s, MariaDB client %s, curl %s\n", H2O_VERSION,
           TG_H2O_HARDENED ? "hardened" : "as packaged, HTTP/2 off", OpenSSL_version(OPENSSL_VERSION), tg_lua_version(),
           mysql_get_client_info(), curl_version_info(CURLVERSION_NOW)->version);
    if (tg_args_has(args, "verbose"))
        print_luabugs();
    return TG_EXIT_OK;
}

static const struct tg_option version_options[] = {
    {"verbose", NULL, "Says also which known bugs of Lua are there, and what is done about each"}, {NULL, NULL, NULL}};

static int run_completion(const struct tg_args *args)
{
    (void)args;
    tg_cli_print_completion(tg_commands);
    return TG_EXIT_OK;
}

static int run_manual(const struct tg_args *args)
{
    (void)args;
    tg_cli_print_manual(tg_commands);
    return TG_EXIT_OK;
}

const struct tg_command tg_cmd_version = {"version",
                                          "",
                                          0,
                                          0,
                                          "Prints the version and the libraries it was built with",
                                          "Says whether libh2o is the hardened one; without it HTTP/2 is off.",
                                          version_options,
                                          run_version};
const struct tg_command tg_cmd_completion = {
    "completion",  "", 0, 0, "Prints the completion for bash", "Use: source <(tollgate completion)", NULL,
    run_completion};
const struct tg_command tg_cmd_manual = {
    "manual", "", 0, 0, "Prints the manual page (roff)", "Use: tollgate manual | man -l -", NULL, run_manual};

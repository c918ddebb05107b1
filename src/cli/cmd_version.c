/* cmd_version - `tollgate version`, `tollgate completion`, `tollgate manual`: what the program says of itself. */
#include <stdio.h>

#include <curl/curl.h>
#include <h2o.h>
#include <lua.h>
#include <mysql.h>
#include <openssl/crypto.h>

#include "cli/commands.h"

static int run_version(const struct tg_args *args)
{
    (void)args;
    printf("tollgate %s\n", TG_VERSION);
    printf("libh2o %s (%s), %s, %s, MariaDB client %s, curl %s\n", H2O_VERSION,
           TG_H2O_HARDENED ? "hardened" : "as packaged, HTTP/2 off", OpenSSL_version(OPENSSL_VERSION), LUA_RELEASE,
           mysql_get_client_info(), curl_version_info(CURLVERSION_NOW)->version);
    return TG_EXIT_OK;
}

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
                                          NULL,
                                          run_version};
const struct tg_command tg_cmd_completion = {
    "completion",  "", 0, 0, "Prints the completion for bash", "Use: source <(tollgate completion)", NULL,
    run_completion};
const struct tg_command tg_cmd_manual = {
    "manual", "", 0, 0, "Prints the manual page (roff)", "Use: tollgate manual | man -l -", NULL, run_manual};

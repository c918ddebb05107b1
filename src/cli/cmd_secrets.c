/* cmd_secrets - `tollgate secrets new-key` and `tollgate secrets rotate`: the master keys and what is sealed under them. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/hash.h"
#include "base/keyring.h"
#include "cli/commands.h"
#include "cli/masterkey.h"
#include "cli/script.h"
#include "rt/api_secrets.h"

/* --- new-key */

static int run_new_key(const struct tg_args *args)
{
    uint8_t id[TG_KEY_ID_LEN];
    char text[2 * TG_KEY_ID_LEN + 1];
    struct tg_err err;
    if (tg_keyring_add(args->argv[0], id, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    tg_hex(id, sizeof(id), text);
    printf("%s\n", text);
    return TG_EXIT_OK;
}

const struct tg_command tg_cmd_secrets_new_key = {
    "secrets new-key",
    "FILE",
    1,
    1,
    "Adds a master key to a key ring, or makes the ring",
    "Prints the new key's id. A key ring has one key a line: the last one seals, each of them opens. A server reads it "
    "at "
    "its start; then `tollgate secrets rotate` seals anew what older keys have sealed. On several nodes the new line "
    "first goes above the last, and to the end once every node has read it. Keep a copy: without its key a secret is "
    "lost.",
    NULL,
    run_new_key};

/* --- rotate */

static int rotate(struct tg_script *script, struct tg_err *err_r)
{
    static const char chunk[] = "local n, err = require('secrets.service').rotate()\n"
                                "if n then return n end\n"
                                "return nil, err.detail or err.code";
    lua_State *L = tg_script_state(script);
    if (luaL_loadstring(L, chunk) != LUA_OK)
        return tg_err_set(err_r, TG_ERR_BUG, "%s", lua_tostring(L, -1));
    if (tg_script_call(script, 0, 2, err_r) != 0)
        return -1;
    if (!lua_isinteger(L, -2))
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "%s", lua_tostring(L, -1));
    printf("%lld sealed anew\n", (long long)lua_tointeger(L, -2));
    return 0;
}

static int run_rotate(const struct tg_args *args)
{
    struct tg_keyring *ring;
    struct tg_script *script = NULL;
    struct tg_err err;
    const char *path = tg_args_get(args, "keys"), *lua_dir = tg_args_get(args, "lua-dir");
    if (path == NULL)
        path = getenv("TOLLGATE_MASTER_KEY_FILE");
    if (tg_masterkey_open(path, &ring, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    if (ring == NULL)
        return tg_cli_fail(args, "no master keys: give --keys, or set TOLLGATE_MASTER_KEY_FILE or TOLLGATE_MASTER_KEY");
    struct tg_vm_lib libs[] = {{"secrets", tg_api_open_secrets, ring}, {NULL, NULL, NULL}};
    int rc = tg_script_open_with(lua_dir != NULL ? lua_dir : "lua", libs, &script, &err);
    if (rc == 0)
        rc = rotate(script, &err);
    tg_script_close(&script);
    tg_keyring_free(&ring);
    return rc == 0 ? TG_EXIT_OK : tg_cli_fail(args, "%s", err.text);
}

static const struct tg_option rotate_options[] = {
    {"keys", "FILE", "the key ring ($TOLLGATE_MASTER_KEY_FILE; $TOLLGATE_MASTER_KEY holds the keys themselves)"},
    {"lua-dir", "DIR", "where the application's modules are (lua)"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_secrets_rotate = {
    "secrets rotate",
    "",
    0,
    0,
    "Seals every secret anew under the newest master key",
    "Beside running servers, in small steps; it can be ended at any time and said again, and then goes on where it "
    "was. "
    "Afterwards no older key is needed, except for copies of the database.",
    rotate_options,
    run_rotate};

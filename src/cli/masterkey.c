/* masterkey - where the key ring of this process comes from. */
#include "cli/masterkey.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

int tg_masterkey_open(const char *path, struct tg_keyring **ring_r, struct tg_err *err_r)
{
    struct tg_err err;
    char *keys = getenv("TOLLGATE_MASTER_KEY");
    *ring_r = NULL;
    if (keys == NULL || keys[0] == '\0')
        return path != NULL ? tg_keyring_read(path, ring_r, err_r) : 0;
    int rc = tg_keyring_parse(keys, ring_r, &err);
    OPENSSL_cleanse(keys, strlen(keys)); /* nobody finds it in the environment of this process, or of a child */
    unsetenv("TOLLGATE_MASTER_KEY");
    return rc == 0 ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "TOLLGATE_MASTER_KEY: %s", err.text);
}

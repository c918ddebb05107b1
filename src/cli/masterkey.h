/* masterkey - where the key ring of this process comes from. */
#ifndef TG_CLI_MASTERKEY_H
#define TG_CLI_MASTERKEY_H

#include "base/keyring.h"

/* From $TOLLGATE_MASTER_KEY, which is wiped then; else from the file; NULL when there is neither. The caller frees it. */
int tg_masterkey_open(const char *path, struct tg_keyring **ring_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* op - an operation of the ledger engine. */
#include "charge/op.h"

#include <string.h>

#include "base/hash.h"

void tg_call_key(const char *call_id, uint8_t key[static 16])
{
    uint8_t full[TG_SHA256_LEN];
    tg_sha256(call_id, strlen(call_id), full);
    memcpy(key, full, 16);
}

/* api_secrets - tg.secrets: sealing under the master keys (base/keyring.h), which Lua never sees.
 *
 * A tg_vm_lib {"secrets", tg_api_open_secrets, keyring}; without a key ring newest() is nil, and the others answer
 * UPSTREAM "not configured".
 */
#ifndef TG_RT_API_SECRETS_H
#define TG_RT_API_SECRETS_H

#include <lua.h>

int tg_api_open_secrets(lua_State *L);

#endif

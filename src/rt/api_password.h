/* api_password - argon2id on a worker thread, for tg.crypto. */
#ifndef TG_RT_API_PASSWORD_H
#define TG_RT_API_PASSWORD_H

#include <lua.h>

int tg_api_argon2id(lua_State *L); /* argon2id(password) → encoded | nil, err; waits */
int tg_api_argon2id_verify(lua_State *L); /* argon2id_verify(password, encoded) → boolean | nil, err; waits */

#endif

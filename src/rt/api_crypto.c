/* api_crypto - tg.crypto: digests, random bytes, sealing with AES-256-GCM. Signatures are in api_sign.c; passwords are
 * hashed on a worker thread (api_password.c). */
#include <lauxlib.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/seal.h"
#include "rt/api_password.h"
#include "rt/vm_private.h"

#define RANDOM_MAX 4096

static int l_sha256(lua_State *L)
{
    uint8_t digest[TG_SHA256_LEN];
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    tg_sha256(bytes, len, digest);
    lua_pushlstring(L, (const char *)digest, sizeof(digest));
    return 1;
}

/* hmac_sha256(key, bytes) */
static int l_hmac_sha256(lua_State *L)
{
    uint8_t digest[TG_SHA256_LEN];
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 1, &key_len), *bytes = luaL_checklstring(L, 2, &len);
    tg_hmac_sha256(key, key_len, bytes, len, digest);
    lua_pushlstring(L, (const char *)digest, sizeof(digest));
    return 1;
}

static int l_hex(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    tg_hex(bytes, len, luaL_buffinitsize(L, &buffer, 2 * len + 1));
    luaL_pushresultsize(&buffer, 2 * len);
    return 1;
}

static int l_random(lua_State *L)
{
    char bytes[RANDOM_MAX];
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1 && n <= RANDOM_MAX, 1, "1 to 4096 bytes");
    tg_random(bytes, (size_t)n);
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

/* equal(a, b): takes as long wherever they differ */
static int l_equal(lua_State *L)
{
    size_t a_len, b_len;
    const char *a = luaL_checklstring(L, 1, &a_len), *b = luaL_checklstring(L, 2, &b_len);
    lua_pushboolean(L, a_len == b_len && tg_equal_constant_time(a, b, a_len));
    return 1;
}

static int l_base64url(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    tg_base64url(bytes, len, luaL_buffinitsize(L, &buffer, TG_BASE64URL_LEN(len) + 1));
    luaL_pushresultsize(&buffer, TG_BASE64URL_LEN(len));
    return 1;
}

/* unbase64url(text) → bytes | nil when it is not the one way to write them */
static int l_unbase64url(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len, n = 0;
    const char *text = luaL_checklstring(L, 1, &len);
    bool good = tg_unbase64url(text, len, luaL_buffinitsize(L, &buffer, len + 1), &n);
    luaL_pushresultsize(&buffer, n);
    if (!good)
        lua_pushnil(L);
    return 1;
}

/* --- sealing ------------------------------------------------------------------------------------------------------ */

struct sealing {
    const uint8_t *key, *in;
    size_t in_len;
    struct tg_purpose purpose;
};

static void check_sealing(lua_State *L, struct sealing *s)
{
    size_t key_len;
    s->key = (const uint8_t *)luaL_checklstring(L, 1, &key_len);
    s->in = (const uint8_t *)luaL_checklstring(L, 2, &s->in_len);
    s->purpose.bytes = luaL_optlstring(L, 3, "", &s->purpose.len);
    luaL_argcheck(L, key_len == TG_SEAL_KEY_LEN, 1, "a key of 32 bytes expected");
    luaL_argcheck(L, s->in_len <= TG_SEAL_MAX && s->purpose.len <= TG_SEAL_MAX, 2, "too long");
}

/* seal(key, plaintext, aad) → bytes */
static int l_seal(lua_State *L)
{
    luaL_Buffer buffer;
    struct sealing s;
    check_sealing(L, &s);
    size_t len = s.in_len + TG_SEAL_OVERHEAD;
    tg_seal(s.key, s.purpose, s.in, s.in_len, (uint8_t *)luaL_buffinitsize(L, &buffer, len));
    luaL_pushresultsize(&buffer, len);
    return 1;
}

/* open(key, sealed, aad) → plaintext | nil, err */
static int l_open(lua_State *L)
{
    luaL_Buffer buffer;
    struct sealing s;
    check_sealing(L, &s);
    size_t len = s.in_len > TG_SEAL_OVERHEAD ? s.in_len - TG_SEAL_OVERHEAD : 0;
    uint8_t *out = (uint8_t *)luaL_buffinitsize(L, &buffer, len + 1);
    bool good = tg_unseal(s.key, s.purpose, s.in, s.in_len, out);
    luaL_pushresultsize(&buffer, good ? len : 0);
    if (good)
        return 1;
    struct tg_err err;
    tg_err_set(&err, TG_ERR_INPUT, "sealed with another key, for another purpose, or changed");
    lua_pushnil(L);
    tg_push_err(L, &err);
    return 2;
}

int tg_api_open_crypto(lua_State *L)
{
    static const luaL_Reg library[] = {{"sha256", l_sha256},
                                       {"hmac_sha256", l_hmac_sha256},
                                       {"hex", l_hex},
                                       {"random", l_random},
                                       {"equal", l_equal},
                                       {"base64url", l_base64url},
                                       {"unbase64url", l_unbase64url},
                                       {"seal", l_seal},
                                       {"open", l_open},
                                       {"argon2id", tg_api_argon2id},
                                       {"argon2id_verify", tg_api_argon2id_verify},
                                       {NULL, NULL}};
    luaL_newlib(L, library);
    tg_api_open_sign(L);
    return 1;
}

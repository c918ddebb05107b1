/* api_sign - tg.crypto.ed25519 (RFC 8032) and tg.crypto.hmac_sha1, which one-time codes are made with (RFC 6238).
 *
 * A signing key is its seed, 32 bytes. What cannot be a key raises: only a bug gives one. A signature comes from
 * anybody, so a wrong one is false.
 */
#include <limits.h>

#include <lauxlib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/id.h"
#include "rt/vm_private.h"

#define KEY_LEN 32
#define SIGNATURE_LEN 64
#define SHA1_LEN 20

/* hmac_sha1(key, bytes) */
static int l_hmac_sha1(lua_State *L)
{
    unsigned char mac[SHA1_LEN];
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 1, &key_len);
    const unsigned char *bytes = (const unsigned char *)luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, key_len <= INT_MAX, 1, "too long");
    if (HMAC(EVP_sha1(), key, (int)key_len, bytes, len, mac, NULL) == NULL)
        return luaL_error(L, "crypto.hmac_sha1 failed");
    lua_pushlstring(L, (const char *)mac, sizeof(mac));
    return 1;
}

static const unsigned char *check_key(lua_State *L, const char *what)
{
    size_t len;
    const char *key = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len == KEY_LEN, 1, what);
    return (const unsigned char *)key;
}

/* keypair() → seed, public key */
static int l_keypair(lua_State *L)
{
    unsigned char seed[KEY_LEN], public[KEY_LEN];
    size_t len = sizeof(public);
    tg_random(seed, sizeof(seed));
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    bool good = pair != NULL && EVP_PKEY_get_raw_public_key(pair, public, &len) == 1 && len == KEY_LEN;
    EVP_PKEY_free(pair);
    if (good) {
        lua_pushlstring(L, (const char *)seed, sizeof(seed));
        lua_pushlstring(L, (const char *)public, sizeof(public));
    }
    OPENSSL_cleanse(seed, sizeof(seed));
    return good ? 2 : luaL_error(L, "crypto.ed25519.keypair failed");
}

/* sign(seed, message) → 64 bytes */
static int l_sign(lua_State *L)
{
    unsigned char signature[SIGNATURE_LEN];
    size_t len, signature_len = sizeof(signature);
    const unsigned char *seed = check_key(L, "a seed of 32 bytes expected");
    const unsigned char *message = (const unsigned char *)luaL_checklstring(L, 2, &len);
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY_LEN);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = pair != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pair) == 1 &&
                EVP_DigestSign(ctx, signature, &signature_len, message, len) == 1 && signature_len == SIGNATURE_LEN;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pair);
    if (!good)
        return luaL_error(L, "crypto.ed25519.sign failed");
    lua_pushlstring(L, (const char *)signature, sizeof(signature));
    return 1;
}

/* verify(public, message, signature) → boolean */
static int l_verify(lua_State *L)
{
    size_t len, signature_len;
    const unsigned char *public = check_key(L, "a public key of 32 bytes expected");
    const unsigned char *message = (const unsigned char *)luaL_checklstring(L, 2, &len);
    const unsigned char *signature = (const unsigned char *)luaL_checklstring(L, 3, &signature_len);
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, KEY_LEN);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = signature_len == SIGNATURE_LEN && key != NULL && ctx != NULL &&
                EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature, signature_len, message, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    lua_pushboolean(L, good);
    return 1;
}

void tg_api_open_sign(lua_State *L)
{
    static const luaL_Reg ed25519[] = {{"keypair", l_keypair}, {"sign", l_sign}, {"verify", l_verify}, {NULL, NULL}};
    lua_pushcfunction(L, l_hmac_sha1);
    lua_setfield(L, -2, "hmac_sha1");
    luaL_newlib(L, ed25519);
    lua_setfield(L, -2, "ed25519");
}

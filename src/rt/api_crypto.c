/* api_crypto - tg.crypto: digests, random bytes, sealing with AES-256-GCM. Passwords are hashed on a worker thread
 * (api_password.c). */
#include <string.h>

#include <lauxlib.h>
#include <openssl/evp.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"
#include "rt/api_password.h"
#include "rt/vm_private.h"

#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16
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

/* --- base64url without padding, RFC 4648 §5 ----------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int l_base64url(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len, n = 0;
    const unsigned char *in = (const unsigned char *)luaL_checklstring(L, 1, &len);
    char *out = luaL_buffinitsize(L, &buffer, (len + 2) / 3 * 4 + 1);
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned group = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
            out[n++] = alphabet[group >> (18 - 6 * k) & 63];
    }
    luaL_pushresultsize(&buffer, n);
    return 1;
}

/* unbase64url(text) → bytes | nil when it is not the one way to write them */
static int l_unbase64url(lua_State *L)
{
    luaL_Buffer buffer;
    size_t len, n = 0;
    const char *in = luaL_checklstring(L, 1, &len);
    unsigned char *out = (unsigned char *)luaL_buffinitsize(L, &buffer, len + 1);
    unsigned group = 0, n_bits = 0;
    bool good = len % 4 != 1;
    for (size_t i = 0; good && i < len; i++) {
        const char *at = in[i] == '\0' ? NULL : strchr(alphabet, in[i]);
        good = at != NULL;
        group = group << 6 | (unsigned)(good ? at - alphabet : 0);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (unsigned char)(group >> n_bits);
            group &= (1u << n_bits) - 1;
        }
    }
    good = good && group == 0;
    luaL_pushresultsize(&buffer, good ? n : 0);
    if (!good)
        lua_pushnil(L);
    return 1;
}

/* --- sealing: nonce, ciphertext, tag ------------------------------------------------------------------------------ */

struct sealing {
    const unsigned char *key, *in, *aad;
    size_t in_len, aad_len;
};

static void check_sealing(lua_State *L, struct sealing *s)
{
    size_t key_len;
    s->key = (const unsigned char *)luaL_checklstring(L, 1, &key_len);
    s->in = (const unsigned char *)luaL_checklstring(L, 2, &s->in_len);
    s->aad = (const unsigned char *)luaL_optlstring(L, 3, "", &s->aad_len);
    luaL_argcheck(L, key_len == KEY_LEN, 1, "a key of 32 bytes expected");
    luaL_argcheck(L, s->in_len <= 1u << 24 && s->aad_len <= 1u << 24, 2, "too long");
}

static bool seal(const struct sealing *s, unsigned char *out)
{
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *text = out + NONCE_LEN;
    tg_random(out, NONCE_LEN);
    bool good = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->key, out) == 1 &&
                EVP_EncryptUpdate(ctx, NULL, &n, s->aad, (int)s->aad_len) == 1 &&
                EVP_EncryptUpdate(ctx, text, &n, s->in, (int)s->in_len) == 1 &&
                EVP_EncryptFinal_ex(ctx, text + s->in_len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, text + s->in_len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

/* s->in is what seal() made; false: another key, other aad, or changed. */
static bool unseal(const struct sealing *s, unsigned char *out)
{
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t text_len = s->in_len - NONCE_LEN - TAG_LEN;
    unsigned char tag[TAG_LEN];
    memcpy(tag, s->in + s->in_len - TAG_LEN, TAG_LEN);
    bool good = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->key, s->in) == 1 &&
                EVP_DecryptUpdate(ctx, NULL, &n, s->aad, (int)s->aad_len) == 1 &&
                EVP_DecryptUpdate(ctx, out, &n, s->in + NONCE_LEN, (int)text_len) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + text_len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

/* seal(key, plaintext, aad) → bytes */
static int l_seal(lua_State *L)
{
    luaL_Buffer buffer;
    struct sealing s;
    check_sealing(L, &s);
    size_t len = NONCE_LEN + s.in_len + TAG_LEN;
    bool good = seal(&s, (unsigned char *)luaL_buffinitsize(L, &buffer, len));
    luaL_pushresultsize(&buffer, good ? len : 0);
    return good ? 1 : luaL_error(L, "crypto.seal failed");
}

/* open(key, sealed, aad) → plaintext | nil, err */
static int l_open(lua_State *L)
{
    luaL_Buffer buffer;
    struct sealing s;
    check_sealing(L, &s);
    bool good = s.in_len >= NONCE_LEN + TAG_LEN;
    size_t len = good ? s.in_len - NONCE_LEN - TAG_LEN : 0;
    unsigned char *out = (unsigned char *)luaL_buffinitsize(L, &buffer, len + 1);
    good = good && unseal(&s, out);
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
    return 1;
}

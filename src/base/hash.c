/* hash - SHA-256 and HMAC (OpenSSL), hex, constant-time compare.
 *
 * The digest is fetched once: an implicit fetch for each hash takes a lock in OpenSSL 3. OpenSSL fails here only
 * when memory is out or its provider is missing, so failure ends the process.
 */
#include "base/hash.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EVP_MD *sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void must(bool held, const char *what)
{
    if (!held) {
        fprintf(stderr, "OpenSSL: %s failed\n", what);
        abort();
    }
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 != NULL, "EVP_MD_fetch");
}

void tg_sha256(const void *bytes, size_t len, uint8_t out[static TG_SHA256_LEN])
{
    tg_sha256_v(&(const struct tg_iov){bytes, len}, 1, out);
}

void tg_sha256_v(const struct tg_iov *pieces, size_t n, uint8_t out[static TG_SHA256_LEN])
{
    pthread_once(&fetched, fetch);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL && EVP_DigestInit_ex2(ctx, sha256, NULL) == 1, "EVP_DigestInit");
    for (size_t i = 0; i < n; i++)
        must(pieces[i].len == 0 || EVP_DigestUpdate(ctx, pieces[i].base, pieces[i].len) == 1, "EVP_DigestUpdate");
    must(EVP_DigestFinal_ex(ctx, out, NULL) == 1, "EVP_DigestFinal");
    EVP_MD_CTX_free(ctx);
}

void tg_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static TG_SHA256_LEN])
{
    pthread_once(&fetched, fetch);
    must(key_len <= INT_MAX, "a key this long");
    /* HMAC() fails on a NULL key or message, even one of no bytes. */
    must(HMAC(sha256, key_len != 0 ? key : "", (int)key_len, len != 0 ? bytes : (const void *)"", len, out, NULL) !=
             NULL,
         "HMAC");
}

void tg_hex(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

bool tg_unhex(const char *hex, void *bytes_r, size_t len)
{
    uint8_t *out = bytes_r;
    if (strspn(hex, "0123456789abcdef") < 2 * len)
        return false;
    for (size_t i = 0; i < 2 * len; i++) {
        const uint8_t digit = (uint8_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
        out[i / 2] = i % 2 == 0 ? (uint8_t)(digit << 4) : (uint8_t)(out[i / 2] | digit);
    }
    return true;
}

bool tg_equal_constant_time(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* seal - AES-256-GCM: nonce, ciphertext, tag. */
#include "base/seal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

#define NONCE_LEN 12
#define TAG_LEN 16

static_assert(NONCE_LEN + TAG_LEN == TG_SEAL_OVERHEAD, "seal.h says otherwise");

void tg_seal(const uint8_t key[static TG_SEAL_KEY_LEN], struct tg_purpose purpose, const void *text, size_t len,
             uint8_t *out)
{
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *body = out + NONCE_LEN;
    assert(len <= TG_SEAL_MAX && purpose.len <= TG_SEAL_MAX);
    tg_random(out, NONCE_LEN);
    bool good = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
                EVP_EncryptUpdate(ctx, NULL, &n, purpose.bytes, (int)purpose.len) == 1 &&
                EVP_EncryptUpdate(ctx, body, &n, text, (int)len) == 1 &&
                EVP_EncryptFinal_ex(ctx, body + len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, body + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        fprintf(stderr, "OpenSSL: AES-256-GCM failed\n");
        abort();
    }
}

bool tg_unseal(const uint8_t key[static TG_SEAL_KEY_LEN], struct tg_purpose purpose, const uint8_t *sealed, size_t len,
               uint8_t *out)
{
    int n;
    uint8_t tag[TAG_LEN];
    if (len < TG_SEAL_OVERHEAD || len > TG_SEAL_MAX + TG_SEAL_OVERHEAD || purpose.len > TG_SEAL_MAX)
        return false;
    size_t text_len = len - TG_SEAL_OVERHEAD;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    memcpy(tag, sealed + len - TAG_LEN, TAG_LEN);
    bool good = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
                EVP_DecryptUpdate(ctx, NULL, &n, purpose.bytes, (int)purpose.len) == 1 &&
                EVP_DecryptUpdate(ctx, out, &n, sealed + NONCE_LEN, (int)text_len) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + text_len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good)
        OPENSSL_cleanse(out, text_len);
    return good;
}

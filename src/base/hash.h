/* hash - SHA-256 and HMAC (OpenSSL), hex, constant-time compare; small inputs, on the loop. */
#ifndef TG_BASE_HASH_H
#define TG_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_SHA256_LEN 32

void tg_sha256(const void *bytes, size_t len, uint8_t out[static TG_SHA256_LEN]);
struct tg_iov {
    const void *base;
    size_t len;
};
/* Of the pieces, one behind the other. */
void tg_sha256_v(const struct tg_iov *pieces, size_t n, uint8_t out[static TG_SHA256_LEN]);
void tg_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t out[static TG_SHA256_LEN]);
void tg_hex(const void *bytes, size_t len, char *out); /* 2*len characters and NUL, lower case */
/* The opposite: len bytes from 2*len lower-case digits at hex, which may go on. False: they are none. */
bool tg_unhex(const char *hex, void *bytes_r, size_t len);
/* Takes as long for any contents; lengths are not secret. */
bool tg_equal_constant_time(const void *a, const void *b, size_t len);

#endif

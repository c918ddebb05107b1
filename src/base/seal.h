/* seal - AES-256-GCM with a random nonce (OpenSSL): what is sealed can be neither read nor changed without the key, nor
 * taken for something that was sealed for another purpose.
 *
 * At most some 4,000 million texts (2^32) under one key: then two nonces could be the same.
 */
#ifndef TG_BASE_SEAL_H
#define TG_BASE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_SEAL_KEY_LEN 32
#define TG_SEAL_OVERHEAD 28 /* a nonce of 12 bytes in front, a tag of 16 behind */
#define TG_SEAL_MAX (1u << 24) /* bytes of a text, and of a purpose */

struct tg_purpose { /* what it is for: needed again to open; not part of what is sealed */
    const void *bytes;
    size_t len;
};

/* out gets len + TG_SEAL_OVERHEAD bytes. Ends the process when OpenSSL fails: memory is out. */
void tg_seal(const uint8_t key[static TG_SEAL_KEY_LEN], struct tg_purpose purpose, const void *text, size_t len,
             uint8_t *out);
/* out gets len - TG_SEAL_OVERHEAD bytes. false: another key, another purpose, or changed; out then holds nothing. */
bool tg_unseal(const uint8_t key[static TG_SEAL_KEY_LEN], struct tg_purpose purpose, const uint8_t *sealed, size_t len,
               uint8_t *out) __attribute__((warn_unused_result));

#endif

/* base64 - base64url without padding. */
#include "base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void tg_base64url(const void *bytes, size_t len, char *out)
{
    const unsigned char *in = bytes;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned group = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
            *out++ = alphabet[group >> (18 - 6 * k) & 63];
    }
}

bool tg_unbase64url(const char *text, size_t len, void *out, size_t *n_r)
{
    unsigned char *bytes = out;
    size_t n = 0;
    unsigned group = 0, n_bits = 0;
    if (len % 4 == 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);
        if (at == NULL)
            return false;
        group = group << 6 | (unsigned)(at - alphabet);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n++] = (unsigned char)(group >> n_bits);
            group &= (1u << n_bits) - 1;
        }
    }
    if (group != 0) /* bits that say nothing */
        return false;
    *n_r = n;
    return true;
}

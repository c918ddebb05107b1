/* utf8 - RFC 3629: is it, and where does it stop being it. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character that begins at s, 0 when it is not one (RFC 3629 section 4, its table of well-formed bytes). */
static size_t character(const uint8_t *s, size_t len)
{
    uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t n;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    if (s[0] < 0xe0)
        n = 2;
    else if (s[0] < 0xf0)
        n = 3;
    else
        n = 4;
    switch (s[0]) {
    case 0xe0: low = 0xa0; break; /* overlong */
    case 0xed: high = 0x9f; break; /* surrogates */
    case 0xf0: low = 0x90; break; /* overlong */
    case 0xf4: high = 0x8f; break; /* behind U+10FFFF */
    default: break;
    }
    if (len < n || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

size_t tg_utf8_valid_len(const char *str, size_t len)
{
    const uint8_t *s = (const uint8_t *)str;
    size_t i = 0;
    while (i < len) {
        uint64_t eight;
        if (len - i >= sizeof(eight)) { /* most text is ASCII: eight at a time */
            memcpy(&eight, s + i, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t n = character(s + i, len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

size_t tg_utf8_count(const char *str, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)str[i] & 0xc0) != 0x80;
    return n;
}

void tg_utf8_repair(char *str)
{
    const size_t len = strlen(str);
    for (size_t i = tg_utf8_valid_len(str, len); i < len; i += tg_utf8_valid_len(str + i, len - i)) {
        const uint8_t byte = (uint8_t)str[i];
        if (len - i < 4 && byte >= 0xc2 && byte <= 0xf4) {
            str[i] = '\0';
            return;
        }
        str[i] = '?';
    }
}

/* trace - request ids and W3C trace context. */
#include "web/trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/id.h"

static bool is_sane(const char *id, size_t len)
{
    if (len < 8 || len >= TG_REQUEST_ID_SIZE)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = id[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return true;
}

size_t tg_trace_request_id(const char *given, size_t len, char out[static TG_REQUEST_ID_SIZE])
{
    if (given != NULL && is_sane(given, len)) {
        memcpy(out, given, len);
        out[len] = '\0';
        return len;
    }
    char made[TG_ID_TEXT_SIZE];
    len = tg_id_format(tg_id_new(), "req", made);
    memcpy(out, made, len + 1);
    return len;
}

/* len lower-case hex digits, not all zero. */
static bool is_hex(const char *text, size_t len)
{
    bool any = false;
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        any = any || text[i] != '0';
    }
    return any;
}

/* version "-" trace-id(32) "-" parent-id(16) "-" flags(2); a version above 00 may have more behind. */
int tg_trace_parent(const char *given, size_t len, char out[static TG_TRACEPARENT_SIZE])
{
    uint8_t span[8];
    out[0] = '\0';
    if (given == NULL || len < 55 || given[2] != '-' || given[35] != '-' || given[52] != '-')
        return 0;
    bool is_00 = given[0] == '0' && given[1] == '0';
    if (is_00 ? len != 55 : (!is_hex(given, 2) || memcmp(given, "ff", 2) == 0 || (len > 55 && given[55] != '-')))
        return 0;
    if (!is_hex(given + 3, 32) || !is_hex(given + 36, 16))
        return 0;
    if ((!is_hex(given + 53, 2) && memcmp(given + 53, "00", 2) != 0))
        return 0;
    do
        tg_random(span, sizeof(span));
    while (memcmp(span, "\0\0\0\0\0\0\0\0", 8) == 0);
    memcpy(out, "00-", 3);
    memcpy(out + 3, given + 3, 33);
    tg_hex(span, sizeof(span), out + 36);
    memcpy(out + 52, given + 52, 3);
    out[55] = '\0';
    return 1;
}

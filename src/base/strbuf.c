/* strbuf - a growing byte buffer that cannot be made without a limit. */
#include "base/strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAPACITY 128

static void start(struct tg_strbuf *buf)
{
    buf->capacity = buf->max < FIRST_CAPACITY ? buf->max + 1 : FIRST_CAPACITY;
    buf->bytes = tg_malloc(buf->capacity);
    buf->bytes[0] = '\0';
    buf->len = 0;
    buf->overflowed = false;
}

void tg_strbuf_init(struct tg_strbuf *buf, size_t len_max)
{
    assert(len_max < SIZE_MAX / 4);
    buf->max = len_max;
    start(buf);
}

void tg_strbuf_deinit(struct tg_strbuf *buf)
{
    free(buf->bytes);
    memset(buf, 0, sizeof(*buf));
}

void tg_strbuf_reset(struct tg_strbuf *buf)
{
    buf->len = 0;
    buf->bytes[0] = '\0';
    buf->overflowed = false;
}

/* Room for extra bytes and the NUL. A piece that does not fit is dropped whole, and so is all that follows: what is
 * kept never ends inside a character or a number. */
static bool reserve(struct tg_strbuf *buf, size_t extra)
{
    assert(buf->bytes != NULL && buf->len < buf->capacity);
    if (buf->overflowed || extra > buf->max - buf->len) {
        buf->overflowed = true;
        return false;
    }
    size_t needed = buf->len + extra + 1;
    if (needed <= buf->capacity)
        return true;
    size_t capacity = buf->capacity;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > buf->max + 1)
        capacity = buf->max + 1;
    buf->bytes = tg_realloc(buf->bytes, capacity);
    buf->capacity = capacity;
    return true;
}

void tg_strbuf_append(struct tg_strbuf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !reserve(buf, len))
        return;
    memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    buf->bytes[buf->len] = '\0';
}

char *tg_strbuf_extend(struct tg_strbuf *buf, size_t len)
{
    if (!reserve(buf, len))
        return NULL;
    char *bytes = buf->bytes + buf->len;
    buf->len += len;
    buf->bytes[buf->len] = '\0';
    return bytes;
}

void tg_strbuf_append_char(struct tg_strbuf *buf, char c)
{
    if (!reserve(buf, 1))
        return;
    buf->bytes[buf->len++] = c;
    buf->bytes[buf->len] = '\0';
}

void tg_strbuf_append_str(struct tg_strbuf *buf, const char *str)
{
    tg_strbuf_append(buf, str, strlen(str));
}

void tg_strbuf_printf(struct tg_strbuf *buf, const char *fmt, ...)
{
    va_list ap;
    size_t room = buf->overflowed ? 1 : buf->capacity - buf->len; /* with the NUL */
    va_start(ap, fmt);
    int len = vsnprintf(buf->bytes + buf->len, room, fmt, ap);
    va_end(ap);
    assert(len >= 0);
    if ((size_t)len >= room || buf->overflowed) { /* cut: undo, make room, once more */
        buf->bytes[buf->len] = '\0';
        if (!reserve(buf, (size_t)len))
            return;
        va_start(ap, fmt);
        vsnprintf(buf->bytes + buf->len, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    buf->len += (size_t)len;
}

bool tg_strbuf_overflowed(const struct tg_strbuf *buf)
{
    return buf->overflowed;
}

char *tg_strbuf_take(struct tg_strbuf *buf, size_t *len_r)
{
    char *bytes = buf->bytes;
    if (len_r != NULL)
        *len_r = buf->len;
    start(buf);
    return bytes;
}

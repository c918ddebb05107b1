/* strbuf - a growing byte buffer that cannot be made without a limit.
 *
 * Appends never fail: past the limit the buffer keeps what it has, marks itself
 * overflowed and drops the rest; who sends or stores the bytes asks
 * tg_strbuf_overflowed() first. The bytes are always NUL terminated (the NUL is
 * not counted).
 */
#ifndef TG_BASE_STRBUF_H
#define TG_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct tg_strbuf {
    char *bytes; /* never NULL after init */
    size_t len, capacity, max;
    bool overflowed;
};

void tg_strbuf_init(struct tg_strbuf *buf, size_t len_max);
void tg_strbuf_deinit(struct tg_strbuf *buf);
/* Empties it, keeps the memory. */
void tg_strbuf_reset(struct tg_strbuf *buf);
void tg_strbuf_append(struct tg_strbuf *buf, const void *bytes, size_t len);
/* Adds len bytes, which the caller sets now; NULL when they do not fit. */
char *tg_strbuf_extend(struct tg_strbuf *buf, size_t len);
void tg_strbuf_append_char(struct tg_strbuf *buf, char c);
void tg_strbuf_append_str(struct tg_strbuf *buf, const char *str);
void tg_strbuf_printf(struct tg_strbuf *buf, const char *fmt, ...) TG_PRINTF(2, 3);
bool tg_strbuf_overflowed(const struct tg_strbuf *buf);
/* The bytes, now the caller's to free(); the buffer is empty and usable again. */
char *tg_strbuf_take(struct tg_strbuf *buf, size_t *len_r);

#endif

/* jsonw - writes JSON (RFC 8259) into a strbuf: commas and quoting are its
 * business, nesting is asserted. Integers are written exactly, there is no
 * float; bytes that are not UTF-8 are written as U+FFFD, so that output is
 * always valid. Depth at most 64.
 */
#ifndef TG_BASE_JSONW_H
#define TG_BASE_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/strbuf.h"

struct tg_jsonw {
    struct tg_strbuf *out;
    uint64_t is_object; /* a bit a level */
    int depth;
    bool needs_comma, has_key;
};

void tg_jsonw_init(struct tg_jsonw *w, struct tg_strbuf *out);
void tg_jsonw_object(struct tg_jsonw *w);
void tg_jsonw_object_end(struct tg_jsonw *w);
void tg_jsonw_array(struct tg_jsonw *w);
void tg_jsonw_array_end(struct tg_jsonw *w);
void tg_jsonw_key(struct tg_jsonw *w, const char *key);
void tg_jsonw_key_n(struct tg_jsonw *w, const char *key, size_t len);
void tg_jsonw_str(struct tg_jsonw *w, const char *str);
void tg_jsonw_str_n(struct tg_jsonw *w, const char *str, size_t len);
void tg_jsonw_int(struct tg_jsonw *w, int64_t n);
void tg_jsonw_bool(struct tg_jsonw *w, bool b);
void tg_jsonw_null(struct tg_jsonw *w);
void tg_jsonw_decimal(struct tg_jsonw *w, struct tg_decimal d); /* "0.024", a string */
void tg_jsonw_time(struct tg_jsonw *w, int64_t us);
/* A value that is JSON already; with nothing the caller appends it to out at once. */
void tg_jsonw_raw(struct tg_jsonw *w, const char *json, size_t len);

#endif

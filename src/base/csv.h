/* csv - reads RFC 4180 text, row by row, from memory.
 *
 * Rows end with LF or CRLF; a leading UTF-8 byte order mark is skipped; empty lines are skipped. A row that cannot be
 * read (a quote that never closes or closes inside a field, too many fields, a field too long) is reported and
 * skipped to the next line, so that one broken row costs no other.
 */
#ifndef TG_BASE_CSV_H
#define TG_BASE_CSV_H

#include <stddef.h>

#include "base/err.h"
#include "base/strbuf.h"

#define TG_CSV_FIELDS_MAX 64
#define TG_CSV_FIELD_LEN_MAX 65536

struct tg_csv_field { /* not NUL terminated; valid until the next row is read */
    const char *str;
    size_t len;
};
struct tg_csv {
    const char *begin, *at, *end;
    size_t line; /* of the current row's first line, from 1 */
    size_t n_fields;
    struct tg_csv_field fields[TG_CSV_FIELDS_MAX];
    /* inside */
    size_t lines_read;
    size_t copied_at[TG_CSV_FIELDS_MAX];
    struct tg_strbuf unquoted;
};

/* text is borrowed until deinit. */
void tg_csv_init(struct tg_csv *csv, const char *text, size_t len);
void tg_csv_deinit(struct tg_csv *csv);
/* 1: a row stands in fields; 0: the end; -1: this row is broken (INPUT, the text says why), the next call goes on. */
int tg_csv_next(struct tg_csv *csv, struct tg_err *err_r) TG_MUST_CHECK;
/* Bytes consumed so far, for a progress bar. */
size_t tg_csv_offset(const struct tg_csv *csv);
/* The place of a column in the current row (the header), or -1. */
int tg_csv_column(const struct tg_csv *csv, const char *name);

#endif

/* csv - see csv.h. Fields point into the text where they can; only quoted fields with doubled quotes are copied. */
#include "base/csv.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A quoted field that had doubled quotes lies in `unquoted`, which may move while the row grows: until the row is
 * whole such a field is known by its offset there. */
#define NOT_COPIED SIZE_MAX

void tg_csv_init(struct tg_csv *csv, const char *text, size_t len)
{
    memset(csv, 0, sizeof(*csv));
    csv->begin = csv->at = text;
    csv->end = text + len;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    tg_strbuf_init(&csv->unquoted, (size_t)TG_CSV_FIELDS_MAX * TG_CSV_FIELD_LEN_MAX);
}

void tg_csv_deinit(struct tg_csv *csv)
{
    tg_strbuf_deinit(&csv->unquoted);
}

static void skip_line_end(struct tg_csv *csv)
{
    if (csv->at < csv->end && *csv->at == '\r')
        ++csv->at;
    if (csv->at < csv->end && *csv->at == '\n')
        ++csv->at;
    ++csv->lines_read;
}

static int broken(struct tg_csv *csv, struct tg_err *err_r, const char *why)
{
    const char *nl = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
    csv->at = nl ? nl : csv->end;
    skip_line_end(csv);
    return tg_err_set(err_r, TG_ERR_INPUT, "line %zu: field %zu: %s", csv->line, csv->n_fields + 1, why);
}

static bool at_field_end(const struct tg_csv *csv)
{
    return csv->at == csv->end || *csv->at == ',' || *csv->at == '\n' ||
           (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] == '\n'));
}

static const char *read_plain(struct tg_csv *csv, struct tg_csv_field *field)
{
    field->str = csv->at;
    while (!at_field_end(csv)) {
        if (*csv->at == '"')
            return "a quote inside an unquoted field";
        ++csv->at;
    }
    field->len = (size_t)(csv->at - field->str);
    return NULL;
}

/* at stands behind the opening quote. */
static const char *read_quoted(struct tg_csv *csv, struct tg_csv_field *field, size_t *copied_at)
{
    const char *begin = csv->at, *run = begin;
    size_t lines_before = csv->lines_read, offset = csv->unquoted.len;
    for (;; ++csv->at) {
        if (csv->at == csv->end) {
            csv->at = begin; /* the quote may be a slip: give up this line only */
            csv->lines_read = lines_before;
            return "the quote never closes";
        }
        if (*csv->at == '\n')
            ++csv->lines_read;
        if (*csv->at != '"')
            continue;
        if (csv->at + 1 == csv->end || csv->at[1] != '"')
            break;
        tg_strbuf_append(&csv->unquoted, run, (size_t)(csv->at + 1 - run));
        *copied_at = offset;
        run = ++csv->at + 1;
    }
    *field = (struct tg_csv_field){run, (size_t)(csv->at - run)};
    if (*copied_at != NOT_COPIED) {
        tg_strbuf_append(&csv->unquoted, run, (size_t)(csv->at - run));
        field->len = csv->unquoted.len - offset;
    }
    ++csv->at;
    return at_field_end(csv) ? NULL : "something follows the closing quote";
}

static const char *read_field(struct tg_csv *csv)
{
    if (csv->n_fields == TG_CSV_FIELDS_MAX)
        return "too many fields";
    struct tg_csv_field *field = &csv->fields[csv->n_fields];
    size_t *copied_at = &csv->copied_at[csv->n_fields];
    *copied_at = NOT_COPIED;
    const char *why;
    if (csv->at < csv->end && *csv->at == '"') {
        ++csv->at;
        why = read_quoted(csv, field, copied_at);
    } else {
        why = read_plain(csv, field);
    }
    if (why == NULL && field->len > TG_CSV_FIELD_LEN_MAX)
        why = "longer than 65536 bytes";
    return why;
}

int tg_csv_next(struct tg_csv *csv, struct tg_err *err_r)
{
    while (csv->at < csv->end &&
           (*csv->at == '\n' || (*csv->at == '\r' && csv->at + 1 < csv->end && csv->at[1] == '\n')))
        skip_line_end(csv);
    csv->n_fields = 0;
    csv->line = csv->lines_read + 1;
    tg_strbuf_reset(&csv->unquoted);
    if (csv->at == csv->end)
        return 0;
    for (;;) {
        const char *why = read_field(csv);
        if (why != NULL)
            return broken(csv, err_r, why);
        ++csv->n_fields;
        if (csv->at == csv->end || *csv->at != ',')
            break;
        ++csv->at;
    }
    skip_line_end(csv);
    for (size_t i = 0; i != csv->n_fields; ++i)
        if (csv->copied_at[i] != NOT_COPIED)
            csv->fields[i].str = csv->unquoted.bytes + csv->copied_at[i];
    return 1;
}

size_t tg_csv_offset(const struct tg_csv *csv)
{
    return (size_t)(csv->at - csv->begin);
}

int tg_csv_column(const struct tg_csv *csv, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i != csv->n_fields; ++i)
        if (csv->fields[i].len == len && memcmp(csv->fields[i].str, name, len) == 0)
            return (int)i;
    return -1;
}

/* deckcsv - reads the CSV file of a rate deck and says what is wrong with it, row by row. */
#include "rt/deckcsv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/mem.h"
#include "base/utf8.h"

/* The columns of our form; the columns of a carrier's list are mapped to the first ones. */
enum column {
    COL_PREFIX,
    COL_PER_MINUTE,
    COL_INITIAL_S,
    COL_INCREMENT_S,
    COL_NAME,
    COL_CONNECT_FEE,
    COL_FROM,
    COL_TO,
    COL_MIN_S,
    COL_BLOCKED,
    COL_WHEN,
    N_COLUMNS
};
static const char *const our_names[N_COLUMNS] = {"prefix",         "per_minute",   "initial_s",
                                                 "increment_s",    "name",         "connect_fee",
                                                 "effective_from", "effective_to", "min_s",
                                                 "blocked",        "when"};
#define N_REQUIRED 4

enum raw_column { RAW_CODE, RAW_INITIAL, RAW_INCREMENT, RAW_COUNTRY, RAW_TIME_OF_DAY, N_RAW_COLUMNS };
static const char *const raw_names[N_RAW_COLUMNS] = {"code", "initial_rate_per_minute", "increment_rate_per_minute",
                                                     "country", "time_of_day"};
#define RAW_SECONDS 60
#define PRICE_END 1000000000 /* a mistyped or hostile price must not take sums out of their range */

struct reader {
    struct tg_csv in;
    struct tg_deckcsv *out;
    size_t capacity;
    size_t names_len;
    bool is_raw;
    size_t n_header; /* fields of the header */
    int place[N_COLUMNS]; /* of a column of either form in a row, or -1 */
};

/* Why the row at hand is not taken; what tg_err says becomes its detail. */
struct fault {
    const char *reason;
    struct tg_err err;
};

static int refuse(struct fault *fault, const char *reason, const char *fmt, ...) TG_PRINTF(3, 4);
static int refuse(struct fault *fault, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tg_err_vset(&fault->err, TG_ERR_INPUT, fmt, ap);
    va_end(ap);
    fault->reason = reason;
    return -1;
}

/* --- fields -------------------------------------------------------------------------------------------------------- */

static struct tg_csv_field field_of(const struct reader *r, int column)
{
    if (r->place[column] < 0)
        return (struct tg_csv_field){"", 0};
    return r->in.fields[r->place[column]];
}

static bool is_word(struct tg_csv_field field, const char *word)
{
    return field.len == strlen(word) && strncasecmp(field.str, word, field.len) == 0;
}

static int read_prefix(struct tg_csv_field field, struct tg_deck_row *row, struct fault *fault)
{
    bool good = field.len >= 1 && field.len <= TG_DECK_PREFIX_MAX && field.str[0] != '0';
    for (size_t i = 0; good && i < field.len; i++)
        good = field.str[i] >= '0' && field.str[i] <= '9';
    if (!good)
        return refuse(fault, "bad_prefix", "the prefix must be 1 to %d digits, the first not 0", TG_DECK_PREFIX_MAX);
    memcpy(row->prefix, field.str, field.len);
    row->prefix[field.len] = '\0';
    return 0;
}

static int read_price(struct tg_csv_field field, const char *name, struct tg_decimal *price_r, struct fault *fault)
{
    struct tg_err err;
    if (tg_decimal_parse(field.str, field.len, price_r, &err) != 0 || tg_decimal_is_negative(*price_r))
        return refuse(fault, "bad_price", "%s must be a number like 0.0120 with at most 12 places", name);
    if (tg_decimal_cmp(*price_r, tg_decimal_from_int(PRICE_END)) >= 0)
        return refuse(fault, "bad_price", "%s must be below %d", name, PRICE_END);
    return 0;
}

static int read_seconds(struct tg_csv_field field, const char *name, uint32_t min, uint32_t *s_r, struct fault *fault)
{
    uint32_t s = 0;
    bool good = field.len >= 1 && field.len <= 5;
    for (size_t i = 0; good && i < field.len; i++) {
        good = field.str[i] >= '0' && field.str[i] <= '9';
        s = s * 10 + (uint32_t)(field.str[i] - '0');
    }
    if (!good || s < min || s > TG_DECK_SECONDS_MAX)
        return refuse(fault, "bad_seconds", "%s must be a whole number from %u to %d", name, min, TG_DECK_SECONDS_MAX);
    *s_r = s;
    return 0;
}

static int read_time(struct tg_csv_field field, const char *name, int64_t *us_r, struct fault *fault)
{
    struct tg_err err;
    if (field.len > 0 && tg_time_parse(field.str, field.len, us_r, &err) != 0)
        return refuse(fault, "bad_time", "%s must be like 2026-07-01T00:00:00Z, or empty", name);
    return 0;
}

static int read_blocked(struct tg_csv_field field, bool *blocked_r, struct fault *fault)
{
    *blocked_r = is_word(field, "1") || is_word(field, "true");
    if (*blocked_r || field.len == 0 || is_word(field, "0") || is_word(field, "false"))
        return 0;
    return refuse(fault, "bad_price", "blocked must be 0, 1, true or false");
}

static int read_when(struct tg_csv_field field, struct tg_deck_row *row, struct fault *fault)
{
    bool good = field.len < sizeof(row->when);
    for (size_t i = 0; good && i < field.len; i++)
        good = (field.str[i] >= 'a' && field.str[i] <= 'z') || (field.str[i] >= '0' && field.str[i] <= '9') ||
               field.str[i] == '_' || field.str[i] == '-';
    if (!good)
        return refuse(fault, "bad_window", "when must be the name of a window: a-z 0-9 _ -, at most %zu characters",
                      sizeof(row->when) - 1);
    memcpy(row->when, field.str, field.len);
    return 0;
}

/* Names are stored one behind the other; all of them are no longer than the text they come from. */
static int read_name(struct reader *r, struct tg_csv_field field, const char **name_r, struct fault *fault)
{
    size_t len = 0;
    if (tg_utf8_valid_len(field.str, field.len) != field.len || memchr(field.str, '\0', field.len) != NULL)
        return refuse(fault, "bad_name", "the name is not valid UTF-8");
    for (size_t chars = 0; len < field.len; len++)
        if (((unsigned char)field.str[len] & 0xc0) != 0x80 && chars++ == TG_DECKCSV_NAME_MAX)
            break;
    char *name = r->out->names + r->names_len;
    memcpy(name, field.str, len);
    name[len] = '\0';
    r->names_len += len + 1;
    *name_r = name;
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------------------------------- */

static int read_our_row(struct reader *r, struct tg_deckcsv_row *to, struct fault *fault)
{
    struct tg_deck_row *row = &to->row;
    struct tg_csv_field fee = field_of(r, COL_CONNECT_FEE), min_s = field_of(r, COL_MIN_S);
    if (read_prefix(field_of(r, COL_PREFIX), row, fault) != 0 ||
        read_blocked(field_of(r, COL_BLOCKED), &row->blocked, fault) != 0)
        return -1;
    struct tg_csv_field price = field_of(r, COL_PER_MINUTE);
    if (!(row->blocked && price.len == 0) && read_price(price, "per_minute", &row->per_minute, fault) != 0)
        return -1;
    if (fee.len > 0 && read_price(fee, "connect_fee", &row->connect_fee, fault) != 0)
        return -1;
    if (read_seconds(field_of(r, COL_INITIAL_S), "initial_s", 1, &row->initial_s, fault) != 0 ||
        read_seconds(field_of(r, COL_INCREMENT_S), "increment_s", 1, &row->increment_s, fault) != 0)
        return -1;
    if (min_s.len > 0 && read_seconds(min_s, "min_s", 0, &row->min_s, fault) != 0)
        return -1;
    if (read_time(field_of(r, COL_FROM), "effective_from", &row->from_us, fault) != 0 ||
        read_time(field_of(r, COL_TO), "effective_to", &row->to_us, fault) != 0)
        return -1;
    if (row->from_us >= row->to_us)
        return refuse(fault, "bad_time", "effective_to must be after effective_from");
    if (read_when(field_of(r, COL_WHEN), row, fault) != 0)
        return -1;
    return read_name(r, field_of(r, COL_NAME), &to->name, fault);
}

static int read_raw_row(struct reader *r, struct tg_deckcsv_row *to, struct fault *fault)
{
    struct tg_deck_row *row = &to->row;
    struct tg_csv_field first = field_of(r, RAW_INITIAL), next = field_of(r, RAW_INCREMENT);
    struct tg_csv_field time_of_day = field_of(r, RAW_TIME_OF_DAY);
    row->initial_s = row->increment_s = RAW_SECONDS;
    if (read_prefix(field_of(r, RAW_CODE), row, fault) != 0)
        return -1;
    row->blocked = is_word(first, "blocked");
    if (row->blocked != is_word(next, "blocked"))
        return refuse(fault, "bad_price", "the row is blocked in one price column only");
    if (!row->blocked) {
        if (read_price(first, raw_names[RAW_INITIAL], &row->per_minute, fault) != 0 ||
            read_price(next, raw_names[RAW_INCREMENT], &to->step.per_minute, fault) != 0)
            return -1;
        to->step.after_s = RAW_SECONDS;
        row->n_steps = tg_decimal_cmp(row->per_minute, to->step.per_minute) != 0;
    }
    if (time_of_day.len > 0 && !is_word(time_of_day, "peak"))
        return refuse(fault, "bad_window", "time_of_day must be peak");
    return read_name(r, field_of(r, RAW_COUNTRY), &to->name, fault);
}

static void copy_text(char *to, size_t size, struct tg_csv_field field)
{
    size_t len = tg_utf8_valid_len(field.str, field.len < size - 1 ? field.len : size - 1);
    memcpy(to, field.str, len);
    to[len] = '\0';
}

static void report(struct tg_deckcsv *out, size_t line, struct tg_csv_field prefix, const struct fault *fault)
{
    out->n_rejected++;
    if (out->n_rejects == TG_DECKCSV_REJECTS_MAX)
        return;
    struct tg_deckcsv_reject *reject = &out->rejects[out->n_rejects++];
    reject->line = (uint32_t)line;
    reject->reason = fault->reason;
    copy_text(reject->prefix_text, sizeof(reject->prefix_text), prefix);
    copy_text(reject->detail, sizeof(reject->detail), (struct tg_csv_field){fault->err.text, strlen(fault->err.text)});
}

static struct tg_deckcsv_row *next_slot(struct reader *r)
{
    struct tg_deckcsv *out = r->out;
    if (out->n_list == r->capacity) {
        r->capacity = r->capacity == 0 ? 256 : r->capacity * 2;
        out->list = tg_realloc(out->list, r->capacity * sizeof(*out->list));
    }
    struct tg_deckcsv_row *slot = &out->list[out->n_list];
    memset(slot, 0, sizeof(*slot));
    slot->row.from_us = INT64_MIN;
    slot->row.to_us = INT64_MAX;
    slot->line = (uint32_t)r->in.line;
    return slot;
}

static int read_row(struct reader *r, int got, struct tg_deckcsv_row *to, struct fault *fault)
{
    if (got < 0) {
        fault->reason = "bad_row";
        return -1;
    }
    if (r->in.n_fields != r->n_header)
        return refuse(fault, "bad_row", "%zu fields, the header has %zu", r->in.n_fields, r->n_header);
    return r->is_raw ? read_raw_row(r, to, fault) : read_our_row(r, to, fault);
}

static int read_rows(struct reader *r, struct tg_err *err_r)
{
    struct fault fault;
    int got;
    while ((got = tg_csv_next(&r->in, &fault.err)) != 0) {
        if (r->out->n_rows++ == TG_DECK_ROWS_MAX)
            return tg_err_set(err_r, TG_ERR_INPUT, "a deck has at most %d rows", TG_DECK_ROWS_MAX);
        struct tg_deckcsv_row *slot = next_slot(r);
        size_t names_len = r->names_len;
        if (read_row(r, got, slot, &fault) == 0) {
            r->out->n_list++;
            continue;
        }
        r->names_len = names_len;
        struct tg_csv_field prefix = {"", 0};
        if (got > 0 && r->place[COL_PREFIX] < (int)r->in.n_fields)
            prefix = field_of(r, COL_PREFIX);
        report(r->out, slot->line, prefix, &fault);
    }
    if (r->out->n_rows == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the file has no row behind its header");
    return 0;
}

/* --- the header ---------------------------------------------------------------------------------------------------- */

static_assert((int)RAW_CODE == (int)COL_PREFIX, "the prefix has the same place in both forms");

static void find_columns(struct reader *r, const char *const *names, size_t n)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        r->place[i] = i < n ? tg_csv_column(&r->in, names[i]) : -1;
}

static int check_known(const struct reader *r, const char *const *names, size_t n, struct tg_err *err_r)
{
    for (size_t i = 0; i < r->in.n_fields; i++) {
        bool known = false;
        for (size_t j = 0; j < n && !known; j++)
            known = r->place[j] == (int)i;
        if (!known)
            return tg_err_set(err_r, TG_ERR_INPUT,
                              "line 1: the column '%.*s' is unknown or there twice; known are %s, …",
                              (int)(r->in.fields[i].len < 40 ? r->in.fields[i].len : 40), r->in.fields[i].str,
                              names[0]);
    }
    return 0;
}

static int read_header(struct reader *r, struct tg_err *err_r)
{
    struct tg_err err;
    int got = tg_csv_next(&r->in, &err);
    if (got == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the file is empty");
    if (got < 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "line 1: %s", err.text);
    r->n_header = r->in.n_fields;
    r->is_raw = tg_csv_column(&r->in, raw_names[RAW_CODE]) >= 0;
    find_columns(r, r->is_raw ? raw_names : our_names, r->is_raw ? N_RAW_COLUMNS : N_COLUMNS);
    for (int i = 0; i < (r->is_raw ? (int)RAW_COUNTRY : N_REQUIRED); i++)
        if (r->place[i] < 0)
            return tg_err_set(err_r, TG_ERR_INPUT, "line 1: the header has no column '%s'",
                              r->is_raw ? raw_names[i] : our_names[i]);
    if (r->is_raw)
        return check_known(r, raw_names, N_RAW_COLUMNS, err_r);
    return check_known(r, our_names, N_COLUMNS, err_r);
}

/* --- rows that stand for the same thing ------------------------------------------------------------------------------ */

static int compare_keys(const struct tg_deckcsv_row *a, const struct tg_deckcsv_row *b)
{
    int order = strcmp(a->row.prefix, b->row.prefix);
    if (order == 0)
        order = strcmp(a->row.when, b->row.when);
    if (order == 0 && a->row.from_us != b->row.from_us)
        order = a->row.from_us < b->row.from_us ? -1 : 1;
    return order;
}

static int compare_places(const void *a_arg, const void *b_arg, void *list_arg)
{
    const struct tg_deckcsv_row *list = list_arg;
    uint32_t a = *(const uint32_t *)a_arg, b = *(const uint32_t *)b_arg;
    int order = compare_keys(&list[a], &list[b]);
    return order != 0 ? order : a < b ? -1 : a > b;
}

/* Of rows with the same prefix, window and `from` only the first stays: nothing else could say which one prices. Marks
 * the others with line 0 and reports them. */
static void reject_overlaps(struct reader *r)
{
    struct tg_deckcsv *out = r->out;
    uint32_t *places = tg_calloc(out->n_list + 1, sizeof(*places));
    for (size_t i = 0; i < out->n_list; i++)
        places[i] = (uint32_t)i;
    qsort_r(places, out->n_list, sizeof(*places), compare_places, out->list);
    for (size_t i = 1, first = 0; i < out->n_list; i++) {
        struct tg_deckcsv_row *before = &out->list[places[first]], *row = &out->list[places[i]];
        if (compare_keys(before, row) != 0) {
            first = i;
            continue;
        }
        struct fault fault;
        (void)refuse(&fault, "overlap", "line %u has the same prefix, window and effective_from", before->line);
        report(out, row->line, (struct tg_csv_field){row->row.prefix, strlen(row->row.prefix)}, &fault);
        row->line = 0;
    }
    free(places);
}

static int compare_rejects(const void *a_arg, const void *b_arg)
{
    const struct tg_deckcsv_reject *a = a_arg, *b = b_arg;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Drops the marked rows and points the steps, which did not move before this, to their place. */
static void settle(struct tg_deckcsv *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n_list; i++) {
        if (out->list[i].line == 0)
            continue;
        struct tg_deckcsv_row *row = &out->list[n++];
        *row = out->list[i];
        row->row.steps = row->row.n_steps > 0 ? &row->step : NULL;
        out->n_blocked += row->row.blocked;
        out->n_priced += !row->row.blocked;
    }
    out->n_list = n;
    qsort(out->rejects, out->n_rejects, sizeof(out->rejects[0]), compare_rejects);
    assert(out->n_priced + out->n_blocked + out->n_rejected == out->n_rows);
}

int tg_deckcsv_parse(const char *text, size_t len, struct tg_deckcsv **csv_r, struct tg_err *err_r)
{
    struct reader r = {.out = TG_NEW(struct tg_deckcsv)};
    r.out->names = tg_malloc(len + 2);
    tg_csv_init(&r.in, text, len);
    int status = read_header(&r, err_r);
    if (status == 0)
        status = read_rows(&r, err_r);
    tg_csv_deinit(&r.in);
    if (status != 0) {
        tg_deckcsv_free(&r.out);
        return -1;
    }
    reject_overlaps(&r);
    settle(r.out);
    *csv_r = r.out;
    return 0;
}

void tg_deckcsv_free(struct tg_deckcsv **csv)
{
    if (*csv == NULL)
        return;
    free((*csv)->list);
    free((*csv)->names);
    free(*csv);
    *csv = NULL;
}

int tg_deckcsv_build(const struct tg_deckcsv *csv, struct tg_deck **deck_r, struct tg_err *err_r)
{
    struct tg_deck_builder *builder = tg_deck_builder_new();
    for (size_t i = 0; i < csv->n_list; i++)
        if (tg_deck_builder_add(builder, &csv->list[i].row, err_r) != 0) {
            tg_deck_builder_free(&builder);
            return -1;
        }
    return tg_deck_build(&builder, deck_r, err_r);
}

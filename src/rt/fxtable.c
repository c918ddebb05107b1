/* fxtable - the exchange rates of a feed as an immutable table by day.
 *
 * One array of rates sorted by currency, then day. A pair is found by halving for each of the two, then by walking the
 * later of the two back until both stand on one day: at most as far as a rate may be old.
 */
#include "rt/fxtable.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/date.h"
#include "base/mem.h"

struct rate {
    char currency[4];
    int32_t day;
    struct tg_decimal rate;
};

struct tg_fx {
    atomic_uint n_refs;
    char base[4];
    size_t n;
    struct rate rates[];
};

struct tg_fx_builder {
    struct tg_fx *fx; /* grows until it is built */
    size_t capacity;
};

static bool is_code(const char *code, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (code[i] < 'A' || code[i] > 'Z')
            return false;
    return len == 3;
}

/* --- building ------------------------------------------------------------------------------------------------------ */

static void reserve(struct tg_fx_builder *builder, size_t capacity)
{
    builder->fx = tg_realloc(builder->fx, sizeof(*builder->fx) + capacity * sizeof(struct rate));
    builder->capacity = capacity;
}

struct tg_fx_builder *tg_fx_builder_new(const char *base)
{
    struct tg_fx_builder *builder = TG_NEW(struct tg_fx_builder);
    assert(is_code(base, strlen(base)));
    reserve(builder, 64);
    atomic_init(&builder->fx->n_refs, 1);
    memcpy(builder->fx->base, base, sizeof(builder->fx->base));
    builder->fx->n = 0;
    return builder;
}

int tg_fx_builder_add(struct tg_fx_builder *builder, int64_t day, const char *currency, size_t currency_len,
                      struct tg_decimal rate, struct tg_err *err_r)
{
    struct tg_fx *fx = builder->fx;
    if (!is_code(currency, currency_len))
        return tg_err_set(err_r, TG_ERR_INPUT, "a currency is three letters like USD");
    if (memcmp(currency, fx->base, 3) == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s is the base: it has no rate", fx->base);
    if (rate.units <= 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "a rate must be above 0");
    if (day < INT32_MIN || day > INT32_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "the day is out of range");
    if (fx->n == TG_FX_RATES_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "more than %d rates", TG_FX_RATES_MAX);
    if (fx->n == builder->capacity)
        reserve(builder, 2 * builder->capacity);
    struct rate *to = &builder->fx->rates[builder->fx->n++];
    *to = (struct rate){.day = (int32_t)day, .rate = rate};
    memcpy(to->currency, currency, 3);
    return 0;
}

static int by_currency_and_day(const void *a, const void *b)
{
    const struct rate *left = a, *right = b;
    int order = memcmp(left->currency, right->currency, sizeof(left->currency));
    return order != 0 ? order : (left->day > right->day) - (left->day < right->day);
}

int tg_fx_build(struct tg_fx_builder **builder, struct tg_fx **fx_r, struct tg_err *err_r)
{
    struct tg_fx *fx = (*builder)->fx;
    qsort(fx->rates, fx->n, sizeof(fx->rates[0]), by_currency_and_day);
    (*builder)->fx = NULL;
    tg_fx_builder_free(builder);
    for (size_t i = 1; i < fx->n; i++)
        if (by_currency_and_day(&fx->rates[i - 1], &fx->rates[i]) == 0) {
            char date[TG_DATE_SIZE + 8] = "that day";
            if (tg_date_of_days(fx->rates[i].day).year >= 1 && tg_date_of_days(fx->rates[i].day).year <= 9999)
                tg_date_format(fx->rates[i].day, date);
            (void)tg_err_set(err_r, TG_ERR_INPUT, "%s has two rates on %s", fx->rates[i].currency, date);
            tg_fx_unref(&fx);
            return -1;
        }
    *fx_r = fx;
    return 0;
}

void tg_fx_builder_free(struct tg_fx_builder **builder)
{
    if (*builder == NULL)
        return;
    free((*builder)->fx);
    free(*builder);
    *builder = NULL;
}

/* --- the ECB's table ----------------------------------------------------------------------------------------------- */

static bool is_none(const struct tg_csv_field *field)
{
    return field->len == 0 || (field->len == 3 && memcmp(field->str, "N/A", 3) == 0);
}

struct header {
    char codes[TG_CSV_FIELDS_MAX][4]; /* "" for a column without a name, as at the end of the ECB's lines */
    size_t n;
};

static int read_header(struct tg_csv *csv, struct header *header, struct tg_err *err_r)
{
    int status = tg_csv_next(csv, err_r);
    if (status < 0)
        return -1;
    if (status == 0 || tg_csv_column(csv, "Date") != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the first line must be like Date,USD,JPY");
    header->n = csv->n_fields;
    for (size_t i = 1; i < header->n; i++) {
        const struct tg_csv_field *field = &csv->fields[i];
        if (field->len != 0 && !is_code(field->str, field->len))
            return tg_err_set(err_r, TG_ERR_INPUT, "column %zu of the first line is no currency", i + 1);
        memcpy(header->codes[i], field->str, field->len);
        header->codes[i][field->len] = '\0';
    }
    return 0;
}

static int add_line(const struct tg_csv *csv, const struct header *header, struct tg_fx_builder *builder,
                    struct tg_err *err_r)
{
    int64_t day;
    if (csv->n_fields > header->n)
        return tg_err_set(err_r, TG_ERR_INPUT, "more fields than the first line has");
    if (tg_date_parse(csv->fields[0].str, csv->fields[0].len, &day, err_r) != 0)
        return -1;
    for (size_t i = 1; i < csv->n_fields; i++) {
        struct tg_decimal rate;
        const struct tg_csv_field *field = &csv->fields[i];
        if (header->codes[i][0] == '\0' || is_none(field))
            continue;
        if (tg_decimal_parse(field->str, field->len, &rate, err_r) != 0 ||
            tg_fx_builder_add(builder, day, header->codes[i], 3, rate, err_r) != 0)
            return -1;
    }
    return 0;
}

int tg_fx_parse_csv(const char *text, size_t len, const char *base, struct tg_fx **fx_r, struct tg_err *err_r)
{
    struct tg_csv csv;
    struct header header;
    struct tg_err why;
    if (!is_code(base, strlen(base)))
        return tg_err_set(err_r, TG_ERR_INPUT, "the base is three letters like EUR");
    struct tg_fx_builder *builder = tg_fx_builder_new(base);
    tg_csv_init(&csv, text, len);
    int status = read_header(&csv, &header, &why) == 0 ? 1 : -1;
    while (status == 1 && (status = tg_csv_next(&csv, &why)) == 1)
        if (add_line(&csv, &header, builder, &why) != 0)
            status = -1;
    if (status == 0)
        status = tg_fx_build(&builder, fx_r, err_r);
    else
        (void)tg_err_set(err_r, TG_ERR_INPUT, "line %zu: %s", csv.line, why.text);
    tg_fx_builder_free(&builder);
    tg_csv_deinit(&csv);
    return status;
}

/* --- JSON ---------------------------------------------------------------------------------------------------------- */

static int add_day(struct tg_fx_builder *builder, const char *date, const json_t *rates, struct tg_err *err_r)
{
    int64_t day;
    const char *currency;
    json_t *rate;
    struct tg_err why;
    if (tg_date_parse(date, strlen(date), &day, &why) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "fx.days: %s", why.text);
    if (!json_is_object(rates))
        return tg_err_set(err_r, TG_ERR_INPUT, "fx.days.%s: rates by currency expected", date);
    json_object_foreach((json_t *)rates, currency, rate)
    {
        struct tg_decimal d;
        if (!json_is_string(rate))
            return tg_err_set(err_r, TG_ERR_INPUT, "fx.days.%s.%s: a rate is a text like \"1.1684\"", date, currency);
        if (tg_decimal_parse(json_string_value(rate), json_string_length(rate), &d, &why) != 0 ||
            tg_fx_builder_add(builder, day, currency, strlen(currency), d, &why) != 0)
            return tg_err_set(err_r, TG_ERR_INPUT, "fx.days.%s.%s: %s", date, currency, why.text);
    }
    return 0;
}

int tg_fx_from_json(const json_t *json, struct tg_fx **fx_r, struct tg_err *err_r)
{
    const char *date, *base = json_string_value(json_object_get(json, "base"));
    json_t *rates;
    int status = 0;
    if (base == NULL || !is_code(base, strlen(base)))
        return tg_err_set(err_r, TG_ERR_INPUT, "fx.base: three letters like EUR expected");
    if (!json_is_object(json_object_get(json, "days")))
        return tg_err_set(err_r, TG_ERR_INPUT, "fx.days: rates by date expected");
    struct tg_fx_builder *builder = tg_fx_builder_new(base);
    json_object_foreach(json_object_get(json, "days"), date, rates)
    {
        if (status == 0)
            status = add_day(builder, date, rates, err_r);
    }
    if (status == 0)
        status = tg_fx_build(&builder, fx_r, err_r);
    tg_fx_builder_free(&builder);
    return status;
}

/* --- references ---------------------------------------------------------------------------------------------------- */

struct tg_fx *tg_fx_ref(struct tg_fx *fx)
{
    atomic_fetch_add_explicit(&fx->n_refs, 1, memory_order_relaxed);
    return fx;
}

void tg_fx_unref(struct tg_fx **fx)
{
    struct tg_fx *old = *fx;
    *fx = NULL;
    if (old == NULL || atomic_fetch_sub_explicit(&old->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    free(old);
}

size_t tg_fx_n_rates(const struct tg_fx *fx)
{
    return fx->n;
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

/* The last rate of the currency on or before the day, or NULL. */
static const struct rate *last_rate(const struct tg_fx *fx, const char *currency, int64_t day)
{
    size_t low = 0, high = fx->n; /* rates[low - 1] is at or before (currency, day), rates[high] behind it */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(fx->rates[middle].currency, currency, 3);
        if (order < 0 || (order == 0 && fx->rates[middle].day <= day))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && memcmp(fx->rates[low - 1].currency, currency, 3) == 0 ? &fx->rates[low - 1] : NULL;
}

enum tg_fx_found tg_fx_find(const struct tg_fx *fx, const char *from, const char *to, int64_t day,
                            struct tg_fx_pair *pair_r)
{
    const struct tg_decimal one = tg_decimal_from_int(1);
    *pair_r = (struct tg_fx_pair){one, one, day};
    if (memcmp(from, to, 3) == 0)
        return TG_FX_FOUND;
    if (fx == NULL)
        return TG_FX_UNKNOWN;
    bool from_base = memcmp(from, fx->base, 3) == 0, to_base = memcmp(to, fx->base, 3) == 0;
    int64_t at = day;
    for (;;) {
        const struct rate *a = from_base ? NULL : last_rate(fx, from, at), *b = to_base ? NULL : last_rate(fx, to, at);
        if ((a == NULL && !from_base) || (b == NULL && !to_base))
            return TG_FX_UNKNOWN;
        int64_t day_a = a == NULL ? b->day : a->day, day_b = b == NULL ? a->day : b->day;
        at = day_a < day_b ? day_a : day_b;
        if (day - at > TG_FX_AGE_MAX_DAYS)
            return TG_FX_STALE;
        if (day_a == day_b) {
            *pair_r = (struct tg_fx_pair){a == NULL ? one : a->rate, b == NULL ? one : b->rate, at};
            return TG_FX_FOUND;
        }
    }
}

int tg_fx_rate(const struct tg_fx_pair *pair, struct tg_decimal *rate_r, struct tg_err *err_r)
{
    return tg_fx_convert(pair, tg_decimal_from_int(1), TG_DECIMAL_PLACES, rate_r, err_r);
}

int tg_fx_convert(const struct tg_fx_pair *pair, struct tg_decimal amount, int places, struct tg_decimal *amount_r,
                  struct tg_err *err_r)
{
    return tg_decimal_ratio(amount, pair->to, pair->from, places, TG_ROUND_HALF_EVEN, amount_r, err_r);
}

/* fxtable - the exchange rates of a feed as an immutable table by day, shared by threads: what cap.fx reads.
 *
 * A feed says for a day how much of a currency its base buys (the ECB: 1 EUR = 1.1684 USD). Rating.md R23: the rate of
 * an instant is the last one published on or before its UTC date, at most TG_FX_AGE_MAX_DAYS old; from one currency to
 * another it is the ratio of the two rates of one day, in one step: nothing is rounded between. A currency that was
 * not published on a day is looked for on an earlier one together with its partner.
 *
 * Built once, then read by any thread; owners hold references, as with decks.
 */
#ifndef TG_RT_FXTABLE_H
#define TG_RT_FXTABLE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/decimal.h"
#include "base/err.h"

#define TG_FX_RATES_MAX 1000000
#define TG_FX_AGE_MAX_DAYS 7

struct tg_fx;
struct tg_fx_builder;

/* base: three upper-case letters, asserted. */
struct tg_fx_builder *tg_fx_builder_new(const char *base);
/* 1 base = rate of the currency on that day (days since 1970-01-01). INPUT: no currency code, the base itself, a rate
 * that is not above 0, too many. In any order. */
int tg_fx_builder_add(struct tg_fx_builder *builder, int64_t day, const char *currency, size_t currency_len,
                      struct tg_decimal rate, struct tg_err *err_r) TG_MUST_CHECK;
/* Ends the builder and sets it to NULL. INPUT: a day has two rates of one currency. */
int tg_fx_build(struct tg_fx_builder **builder, struct tg_fx **fx_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_fx_builder_free(struct tg_fx_builder **builder);
/* The ECB's table: a header "Date,USD,JPY,…", then a line a day; "N/A" and an empty field are no rate. The error names
 * the line. */
int tg_fx_parse_csv(const char *text, size_t len, const char *base, struct tg_fx **fx_r,
                    struct tg_err *err_r) TG_MUST_CHECK;
/* {"base":"EUR","days":{"2026-04-13":{"USD":"1.1684","JPY":"186.75"},…}}: what golden cases and dry runs give. */
int tg_fx_from_json(const json_t *json, struct tg_fx **fx_r, struct tg_err *err_r) TG_MUST_CHECK;

struct tg_fx *tg_fx_ref(struct tg_fx *fx);
void tg_fx_unref(struct tg_fx **fx);
size_t tg_fx_n_rates(const struct tg_fx *fx);

enum tg_fx_found {
    TG_FX_FOUND,
    TG_FX_STALE, /* there is one, but older than TG_FX_AGE_MAX_DAYS */
    TG_FX_UNKNOWN /* there is none on or before the day */
};
struct tg_fx_pair { /* 1 of `from` is to / from of `to` */
    struct tg_decimal from, to;
    int64_t day; /* of both */
};
/* The two rates for a day; fx may be NULL, which knows no rates. A currency in itself is 1 to 1 on any day. Codes are
 * three upper-case letters. */
enum tg_fx_found tg_fx_find(const struct tg_fx *fx, const char *from, const char *to, int64_t day,
                            struct tg_fx_pair *pair_r);
/* The rate to 12 places, half_even: for a record. INPUT: out of range. */
int tg_fx_rate(const struct tg_fx_pair *pair, struct tg_decimal *rate_r, struct tg_err *err_r) TG_MUST_CHECK;
/* The amount in the other currency, rounded half_even once. */
int tg_fx_convert(const struct tg_fx_pair *pair, struct tg_decimal amount, int places, struct tg_decimal *amount_r,
                  struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* money - currencies of ISO 4217 and amounts in their minor units.
 *
 * The table is generated from the published list (src/base/money_table.inc says
 * how); codes without minor units (gold, XXX) are not money here.
 */
#ifndef TG_BASE_MONEY_H
#define TG_BASE_MONEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/err.h"

struct tg_currency {
    char code[4]; /* "USD" */
    int16_t numeric;
    int8_t minor_places; /* 0..4 */
    const char *name;
};

/* The currency, or NULL: codes are exactly three upper-case letters. */
const struct tg_currency *tg_currency_find(const char *code, size_t len);
/* All of them, ascending by code. */
const struct tg_currency *tg_currency_all(size_t *n_r);
/* Rounds d to c's minor unit; *minor_r counts those units ("12.345" USD half_up → 1235). */
int tg_money_to_minor(struct tg_decimal d, const struct tg_currency *c, enum tg_rounding mode, int64_t *minor_r,
                      struct tg_err *err_r) TG_MUST_CHECK;
struct tg_decimal tg_money_from_minor(int64_t minor, const struct tg_currency *c);

#endif

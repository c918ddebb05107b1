/* money - currencies of ISO 4217 and amounts in their minor units. */
#include "base/money.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct tg_currency currencies[] = {
#include "base/money_table.inc"
};

static int by_code(const void *code, const void *currency)
{
    return memcmp(code, ((const struct tg_currency *)currency)->code, 3);
}

const struct tg_currency *tg_currency_find(const char *code, size_t len)
{
    if (len != 3)
        return NULL;
    return bsearch(code, currencies, sizeof(currencies) / sizeof(*currencies), sizeof(*currencies), by_code);
}

const struct tg_currency *tg_currency_all(size_t *n_r)
{
    *n_r = sizeof(currencies) / sizeof(*currencies);
    return currencies;
}

/* Units of 10^-12 in one minor unit. */
static __int128 minor_units(const struct tg_currency *c)
{
    __int128 units = 1;
    assert(c->minor_places >= 0 && c->minor_places <= TG_DECIMAL_PLACES);
    for (int i = c->minor_places; i < TG_DECIMAL_PLACES; i++)
        units *= 10;
    return units;
}

int tg_money_to_minor(struct tg_decimal d, const struct tg_currency *c, enum tg_rounding mode, int64_t *minor_r,
                      struct tg_err *err_r)
{
    struct tg_decimal rounded;
    if (tg_decimal_round(d, c->minor_places, mode, &rounded, err_r) != 0)
        return -1;
    __int128 minor = rounded.units / minor_units(c);
    if (minor < INT64_MIN || minor > INT64_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "the amount is too large to be counted in minor units of %s", c->code);
    *minor_r = (int64_t)minor;
    return 0;
}

struct tg_decimal tg_money_from_minor(int64_t minor, const struct tg_currency *c)
{
    return (struct tg_decimal){minor * minor_units(c)};
}

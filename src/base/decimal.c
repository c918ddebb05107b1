/* decimal - exact numbers with 12 places: a 128-bit integer of 10^-12 units.
 *
 * Signs are taken off first: everything works on magnitudes below 10^38 and rounds them, so that -x is always the
 * mirror of x. A product nearly always fits 128 bits and takes the short way; one that does not is kept in 256 and
 * divided bit by bit, which is slow, and plain.
 */
#include "base/decimal.h"

#include <assert.h>
#include <string.h>

#define PLACES TG_DECIMAL_PLACES
#define INTEGER_DIGITS_MAX 26
#define ONE UINT64_C(1000000000000) /* 10^12: the value 1 */

typedef unsigned __int128 u128; /* a magnitude */

struct u256 {
    u128 high, low;
};

const struct tg_decimal tg_decimal_zero = {0};

/* 10^n, n <= 38. */
static u128 pow10_of(int n)
{
    static const uint64_t small[] = {1,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000,
                                     10000000000000000,
                                     100000000000000000,
                                     1000000000000000000,
                                     UINT64_C(10000000000000000000)};
    assert(n >= 0 && n <= 38);
    return n <= 19 ? small[n] : (u128)small[19] * small[n - 19];
}

static u128 limit(void)
{
    return pow10_of(38);
}

static u128 magnitude(__int128 units)
{
    return units < 0 ? -(u128)units : (u128)units;
}

static int out_of_range(struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_INPUT, "the number is out of range: it has more than %d digits before the point",
                      INTEGER_DIGITS_MAX);
}

static int set(u128 units, bool negative, struct tg_decimal *d_r, struct tg_err *err_r)
{
    if (units >= limit())
        return out_of_range(err_r);
    d_r->units = negative ? -(__int128)units : (__int128)units;
    return 0;
}

/* --- 256 bits --- */

static struct u256 multiply(u128 a, u128 b)
{
    u128 a0 = (uint64_t)a, a1 = a >> 64, b0 = (uint64_t)b, b1 = b >> 64;
    u128 low = a0 * b0, middle = a0 * b1 + (low >> 64); /* no overflow: (2^64-1)^2 + 2^64-1 < 2^128 */
    u128 other = a1 * b0 + (uint64_t)middle;
    return (struct u256){a1 * b1 + (middle >> 64) + (other >> 64), other << 64 | (uint64_t)low};
}

/* n / d with n.high < d < 2^127, so that the quotient fits: long division, a bit at a time. */
static u128 divide(struct u256 n, u128 d, u128 *rest_r)
{
    assert(n.high < d && d >> 127 == 0);
    u128 rest = n.high, quotient = 0;
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (n.low >> bit & 1);
        quotient <<= 1;
        if (rest >= d) {
            rest -= d;
            quotient |= 1;
        }
    }
    *rest_r = rest;
    return quotient;
}

/* Whether quotient becomes quotient + 1, given what is left of a division by d. */
static bool rounds_away(u128 quotient, u128 rest, u128 d, enum tg_rounding mode)
{
    u128 missing = d - rest;
    switch (mode) {
    case TG_ROUND_HALF_UP: return rest >= missing;
    case TG_ROUND_HALF_EVEN: return rest > missing || (rest == missing && (quotient & 1) != 0);
    case TG_ROUND_UP: return rest != 0;
    case TG_ROUND_DOWN: return false;
    }
    assert(!"a rounding mode");
    return false;
}

/* a * b / d, rounded once; -1 when that reaches the limit. d < 2^127. */
static int scale(u128 a, u128 b, u128 d, enum tg_rounding mode, u128 *q_r, struct tg_err *err_r)
{
    u128 product, quotient, rest;
    assert(d != 0);
    if (!__builtin_mul_overflow(a, b, &product)) {
        quotient = product / d;
        rest = product - quotient * d;
    } else {
        struct u256 wide = multiply(a, b);
        if (wide.high >= d)
            return out_of_range(err_r);
        quotient = divide(wide, d, &rest);
    }
    if (quotient >= limit()) /* also: + 1 cannot wrap */
        return out_of_range(err_r);
    *q_r = quotient + rounds_away(quotient, rest, d, mode);
    return 0;
}

/* scale(), its result counting units of 10^-places, as a decimal. */
static int scale_to(u128 a, u128 b, u128 d, int places, enum tg_rounding mode, bool negative, struct tg_decimal *d_r,
                    struct tg_err *err_r)
{
    u128 quotient = 0, units;
    if (scale(a, b, d, mode, &quotient, err_r) != 0)
        return -1;
    if (__builtin_mul_overflow(quotient, pow10_of(PLACES - places), &units))
        return out_of_range(err_r);
    return set(units, negative, d_r, err_r);
}

/* --- Text --- */

static int not_a_decimal(struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_INPUT,
                      "not a decimal number like 12 or -0.024 (no exponent, sign +, space or "
                      "needless zero in front)");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int tg_decimal_parse(const char *str, size_t len, struct tg_decimal *d_r, struct tg_err *err_r)
{
    const char *at = str, *end = str + len;
    bool negative = at < end && *at == '-';
    at += negative;
    const char *first = at;
    u128 units = 0;
    for (; at < end && is_digit(*at); at++) {
        if (at - first == INTEGER_DIGITS_MAX)
            return out_of_range(err_r);
        units = units * 10 + (u128)(*at - '0');
    }
    if (at == first || (*first == '0' && at - first > 1))
        return not_a_decimal(err_r);
    int places = 0;
    if (at < end && *at == '.') {
        for (at++; at < end && is_digit(*at); at++) {
            if (places == PLACES)
                return tg_err_set(err_r, TG_ERR_INPUT, "the number has more than %d decimal places", PLACES);
            units = units * 10 + (u128)(*at - '0');
            places++;
        }
        if (places == 0)
            return not_a_decimal(err_r);
    }
    if (at != end)
        return not_a_decimal(err_r);
    return set(units * pow10_of(PLACES - places), negative, d_r, err_r);
}

static size_t put_integer(u128 n, char *out)
{
    char reversed[INTEGER_DIGITS_MAX];
    size_t len = 0;
    for (; n > UINT64_MAX; n /= 10)
        reversed[len++] = (char)('0' + (int)(n % 10));
    uint64_t rest = (uint64_t)n; /* most numbers: 64-bit division is ten times faster */
    do {
        assert(len < sizeof(reversed));
        reversed[len++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    return len;
}

/* The whole number with `places` of its 12 fraction digits. */
static size_t put_decimal(struct tg_decimal d, int places, char *out)
{
    u128 units = magnitude(d.units);
    uint64_t fraction = (uint64_t)(units % ONE);
    size_t len = 0;
    assert(units < limit());
    if (d.units < 0)
        out[len++] = '-';
    len += put_integer(units / ONE, out + len);
    if (places > 0) {
        out[len++] = '.';
        fraction /= (uint64_t)pow10_of(PLACES - places);
        for (int i = places - 1; i >= 0; i--) {
            out[len + (size_t)i] = (char)('0' + fraction % 10);
            fraction /= 10;
        }
        len += (size_t)places;
    }
    out[len] = '\0';
    return len;
}

size_t tg_decimal_format(struct tg_decimal d, char out[static TG_DECIMAL_TEXT_SIZE])
{
    uint64_t fraction = (uint64_t)(magnitude(d.units) % ONE);
    int places = fraction == 0 ? 0 : PLACES;
    for (; places > 0 && fraction % 10 == 0; places--)
        fraction /= 10;
    return put_decimal(d, places, out);
}

size_t tg_decimal_format_fixed(struct tg_decimal d, int places, char out[static TG_DECIMAL_TEXT_SIZE])
{
    assert(places >= 0 && places <= PLACES);
    assert(magnitude(d.units) % pow10_of(PLACES - places) == 0);
    return put_decimal(d, places, out);
}

/* --- Arithmetic --- */

struct tg_decimal tg_decimal_from_int(int64_t n)
{
    return (struct tg_decimal){(__int128)n * (__int128)ONE};
}

int tg_decimal_cmp(struct tg_decimal a, struct tg_decimal b)
{
    return (a.units > b.units) - (a.units < b.units);
}

bool tg_decimal_is_zero(struct tg_decimal d)
{
    return d.units == 0;
}

bool tg_decimal_is_negative(struct tg_decimal d)
{
    return d.units < 0;
}

struct tg_decimal tg_decimal_neg(struct tg_decimal d)
{
    return (struct tg_decimal){-d.units};
}

int tg_decimal_add(struct tg_decimal a, struct tg_decimal b, struct tg_decimal *d_r, struct tg_err *err_r)
{
    __int128 sum; /* two numbers below 10^38 can pass 2^127 */
    if (__builtin_add_overflow(a.units, b.units, &sum))
        return out_of_range(err_r);
    return set(magnitude(sum), sum < 0, d_r, err_r);
}

int tg_decimal_sub(struct tg_decimal a, struct tg_decimal b, struct tg_decimal *d_r, struct tg_err *err_r)
{
    return tg_decimal_add(a, tg_decimal_neg(b), d_r, err_r);
}

int tg_decimal_mul(struct tg_decimal a, struct tg_decimal b, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                   struct tg_err *err_r)
{
    assert(places >= 0 && places <= PLACES);
    return scale_to(magnitude(a.units), magnitude(b.units), pow10_of(2 * PLACES - places), places, mode,
                    (a.units < 0) != (b.units < 0), d_r, err_r);
}

int tg_decimal_div(struct tg_decimal a, struct tg_decimal b, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                   struct tg_err *err_r)
{
    assert(places >= 0 && places <= PLACES);
    if (b.units == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "division by zero");
    return scale_to(magnitude(a.units), pow10_of(places), magnitude(b.units), places, mode,
                    (a.units < 0) != (b.units < 0), d_r, err_r);
}

int tg_decimal_mul_div(struct tg_decimal a, int64_t num, int64_t den, int places, enum tg_rounding mode,
                       struct tg_decimal *d_r, struct tg_err *err_r)
{
    assert(places >= 0 && places <= PLACES);
    assert(den > 0);
    return scale_to(magnitude(a.units), magnitude(num), (u128)den * pow10_of(PLACES - places), places, mode,
                    (a.units < 0) != (num < 0), d_r, err_r);
}

int tg_decimal_ratio(struct tg_decimal a, struct tg_decimal num, struct tg_decimal den, int places,
                     enum tg_rounding mode, struct tg_decimal *d_r, struct tg_err *err_r)
{
    u128 divisor;
    assert(places >= 0 && places <= PLACES);
    assert(den.units > 0);
    if (__builtin_mul_overflow(magnitude(den.units), pow10_of(PLACES - places), &divisor) || divisor >= limit())
        return out_of_range(err_r);
    return scale_to(magnitude(a.units), magnitude(num.units), divisor, places, mode, (a.units < 0) != (num.units < 0),
                    d_r, err_r);
}

int tg_decimal_round(struct tg_decimal a, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                     struct tg_err *err_r)
{
    assert(places >= 0 && places <= PLACES);
    return scale_to(magnitude(a.units), 1, pow10_of(PLACES - places), places, mode, a.units < 0, d_r, err_r);
}

int tg_decimal_to_int(struct tg_decimal d, int64_t *n_r)
{
    __int128 whole = d.units / (__int128)ONE;
    if (whole * (__int128)ONE != d.units || whole < INT64_MIN || whole > INT64_MAX)
        return 0;
    *n_r = (int64_t)whole;
    return 1;
}

int tg_rounding_parse(const char *name, enum tg_rounding *mode_r)
{
    static const char *const names[] = {"half_up", "half_even", "up", "down"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *mode_r = (enum tg_rounding)i;
            return 1;
        }
    return 0;
}

/* decimal - exact numbers with 12 places: a 128-bit integer of 10^-12 units.
 *
 * The range is DECIMAL(38,12): |v| < 10^26. Multiplication and division keep
 * 256-bit intermediates and round once, in a named mode. No float goes in or
 * comes out. Every function that can leave the range returns -1 (INPUT).
 */
#ifndef TG_BASE_DECIMAL_H
#define TG_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TG_DECIMAL_PLACES 12
#define TG_DECIMAL_TEXT_SIZE 44 /* sign, 26 digits, point, 12 digits, NUL */

struct tg_decimal {
    __int128 units; /* value * 10^12 */
};

/* Magnitudes are rounded: half_up takes 0.5 away from zero, up always away, down always towards zero. */
enum tg_rounding { TG_ROUND_HALF_UP, TG_ROUND_HALF_EVEN, TG_ROUND_UP, TG_ROUND_DOWN };

extern const struct tg_decimal tg_decimal_zero;

struct tg_decimal tg_decimal_from_int(int64_t n);
/* [-]digits[.digits], at most 12 places and 26 integer digits; no exponent, sign '+', spaces or bare point. */
int tg_decimal_parse(const char *str, size_t len, struct tg_decimal *d_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Shortest: "0.024", "-3", "0". Returns the length. */
size_t tg_decimal_format(struct tg_decimal d, char out[static TG_DECIMAL_TEXT_SIZE]);
/* With exactly `places` (0..12); digits behind them must be zero, asserted. "0.024000". */
size_t tg_decimal_format_fixed(struct tg_decimal d, int places, char out[static TG_DECIMAL_TEXT_SIZE]);
int tg_decimal_cmp(struct tg_decimal a, struct tg_decimal b); /* <0, 0, >0 */
bool tg_decimal_is_zero(struct tg_decimal d);
bool tg_decimal_is_negative(struct tg_decimal d);
struct tg_decimal tg_decimal_neg(struct tg_decimal d);
int tg_decimal_add(struct tg_decimal a, struct tg_decimal b, struct tg_decimal *d_r,
                   struct tg_err *err_r) TG_MUST_CHECK;
int tg_decimal_sub(struct tg_decimal a, struct tg_decimal b, struct tg_decimal *d_r,
                   struct tg_err *err_r) TG_MUST_CHECK;
/* a * b, rounded to `places` (0..12). */
int tg_decimal_mul(struct tg_decimal a, struct tg_decimal b, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                   struct tg_err *err_r) TG_MUST_CHECK;
/* a / b; b zero is INPUT. */
int tg_decimal_div(struct tg_decimal a, struct tg_decimal b, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                   struct tg_err *err_r) TG_MUST_CHECK;
/* a * num / den in one step, rounded once: price per minute * seconds / 60. den > 0. */
int tg_decimal_mul_div(struct tg_decimal a, int64_t num, int64_t den, int places, enum tg_rounding mode,
                       struct tg_decimal *d_r, struct tg_err *err_r) TG_MUST_CHECK;
/* a * num / den of decimals in one step, rounded once: a cross rate of two rates. den above 0; INPUT when the result or
 * den * 10^(12 - places) leaves the range. */
int tg_decimal_ratio(struct tg_decimal a, struct tg_decimal num, struct tg_decimal den, int places,
                     enum tg_rounding mode, struct tg_decimal *d_r, struct tg_err *err_r) TG_MUST_CHECK;
int tg_decimal_round(struct tg_decimal a, int places, enum tg_rounding mode, struct tg_decimal *d_r,
                     struct tg_err *err_r) TG_MUST_CHECK;
/* The integer value; 0 when it has a fraction or does not fit, 1 when it does. */
int tg_decimal_to_int(struct tg_decimal d, int64_t *n_r);
/* "half_up", "half_even", "up", "down" → 1, else 0. */
int tg_rounding_parse(const char *name, enum tg_rounding *mode_r);

#endif

/* decimal_test - exact decimals: tables of hard cases, and random ones against schoolbook arithmetic. */
#include "../../../src/base/decimal.c"
#include "tap.h"

static struct tg_decimal num(const char *text)
{
    struct tg_decimal d = {0};
    struct tg_err err = {0};
    if (tg_decimal_parse(text, strlen(text), &d, &err) != 0) {
        printf("Bail out! the test's own number '%s': %s\n", text, err.text);
        exit(1);
    }
    return d;
}

static const char *text_of(struct tg_decimal d)
{
    static char text[4][TG_DECIMAL_TEXT_SIZE];
    static int next;
    char *out = text[next++ % 4];
    tg_decimal_format(d, out);
    return out;
}

#define MAX_TEXT "99999999999999999999999999.999999999999"

TEST(parses_and_writes_shortest)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.000", "0"},
        {"0.024", "0.024"},
        {"0.02400", "0.024"},
        {"-3", "-3"},
        {"10", "10"},
        {"100.10", "100.1"},
        {"0.000000000001", "0.000000000001"},
        {"-0.000000000001", "-0.000000000001"},
        {"0.0000000375", "0.0000000375"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709551616"},
        {"18446744073709551616.5", "18446744073709551616.5"},
        {"10000000000000000000000000", "10000000000000000000000000"},
        {MAX_TEXT, MAX_TEXT},
        {"-" MAX_TEXT, "-" MAX_TEXT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].in);
        is_str(text_of(num(cases[i].in)), cases[i].out);
    }
}

TEST(refuses_what_is_not_plainly_a_number_and_says_why)
{
    static const struct {
        const char *in, *why;
    } cases[] = {
        {"", "not a decimal"},
        {"-", "not a decimal"},
        {"--1", "not a decimal"},
        {"1.", "not a decimal"},
        {".5", "not a decimal"},
        {"-.5", "not a decimal"},
        {"+1", "not a decimal"},
        {"1e3", "not a decimal"},
        {"1E3", "not a decimal"},
        {"00", "not a decimal"},
        {"00.1", "not a decimal"},
        {"01", "not a decimal"},
        {"-01", "not a decimal"},
        {" 1", "not a decimal"},
        {"1 ", "not a decimal"},
        {"1,5", "not a decimal"},
        {"1_000", "not a decimal"},
        {"0x10", "not a decimal"},
        {"NaN", "not a decimal"},
        {"nan", "not a decimal"},
        {"inf", "not a decimal"},
        {"-Infinity", "not a decimal"},
        {"1.2.3", "not a decimal"},
        {"1.-2", "not a decimal"},
        {"\xd9\xa1", "not a decimal"},
        {"0.1234567890123", "12 decimal places"},
        {"0.0000000000000", "12 decimal places"},
        {"100000000000000000000000000", "out of range"},
        {"-100000000000000000000000000.5", "out of range"},
        {"00000000000000000000000000000000000000000000000000001", "out of range"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_decimal d = {77};
        struct tg_err err = {0};
        tap_case("'%s'", cases[i].in);
        is_int(tg_decimal_parse(cases[i].in, strlen(cases[i].in), &d, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        contains(err.text, cases[i].why);
        is_int(d.units, 77);
    }
    struct tg_decimal d;
    tap_case("a NUL inside");
    is_int(tg_decimal_parse("1\0002", 3, &d, NULL), -1);
    tap_case("only len bytes are read");
    is_int(tg_decimal_parse("12junk", 2, &d, NULL), 0);
    is_int(d.units, (int64_t)12 * (int64_t)ONE);
}

TEST(writes_a_fixed_number_of_places)
{
    char out[TG_DECIMAL_TEXT_SIZE];
    is_int(tg_decimal_format_fixed(num("0.024"), 6, out), 8);
    is_str(out, "0.024000");
    tg_decimal_format_fixed(num("-5"), 0, out);
    is_str(out, "-5");
    tg_decimal_format_fixed(num("-5"), 12, out);
    is_str(out, "-5.000000000000");
    tg_decimal_format_fixed(num("-" MAX_TEXT), 12, out);
    is_str(out, "-" MAX_TEXT);
    is_int(strlen(out) + 1 <= TG_DECIMAL_TEXT_SIZE, 1);
    dies(tg_decimal_format_fixed(num("0.024"), 2, out));
    dies(tg_decimal_format_fixed(num("1"), 13, out));
}

TEST(rounds_magnitudes_in_every_mode_so_that_minus_x_mirrors_x)
{
    static const struct {
        const char *in;
        int places;
        const char *half_up, *half_even, *up, *down;
    } cases[] = {
        {"2.5", 0, "3", "2", "3", "2"},
        {"3.5", 0, "4", "4", "4", "3"},
        {"0.5", 0, "1", "0", "1", "0"},
        {"0.4", 0, "0", "0", "1", "0"},
        {"2.499999999999", 0, "2", "2", "3", "2"},
        {"2.500000000001", 0, "3", "3", "3", "2"},
        {"1.005", 2, "1.01", "1", "1.01", "1"},
        {"1.015", 2, "1.02", "1.02", "1.02", "1.01"},
        {"1.025", 2, "1.03", "1.02", "1.03", "1.02"},
        {"0.000000000001", 11, "0", "0", "0.00000000001", "0"},
        {"0.000000000005", 11, "0.00000000001", "0", "0.00000000001", "0"},
        {"0.000000000015", 11, "0.00000000002", "0.00000000002", "0.00000000002", "0.00000000001"},
        {"7.123456789012", 12, "7.123456789012", "7.123456789012", "7.123456789012", "7.123456789012"},
        {"5", 0, "5", "5", "5", "5"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *expected[] = {cases[i].half_up, cases[i].half_even, cases[i].up, cases[i].down};
        for (int mode = 0; mode < 4; mode++) {
            struct tg_decimal d = num(cases[i].in), got;
            tap_case("%s to %d, mode %d", cases[i].in, cases[i].places, mode);
            is_int(tg_decimal_round(d, cases[i].places, (enum tg_rounding)mode, &got, NULL), 0);
            is_str(text_of(got), expected[mode]);
            is_int(tg_decimal_round(tg_decimal_neg(d), cases[i].places, (enum tg_rounding)mode, &got, NULL), 0);
            is_str(text_of(got), text_of(tg_decimal_neg(num(expected[mode]))));
        }
    }
}

TEST(rounding_up_out_of_the_range_is_an_error)
{
    struct tg_decimal d = {5};
    struct tg_err err = {0};
    is_int(tg_decimal_round(num(MAX_TEXT), 11, TG_ROUND_HALF_UP, &d, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    is_int(d.units, 5);
    is_int(tg_decimal_round(num(MAX_TEXT), 0, TG_ROUND_DOWN, &d, &err), 0);
    is_str(text_of(d), "99999999999999999999999999");
}

TEST(adds_and_subtracts_up_to_the_limit)
{
    struct tg_decimal d = {5};
    struct tg_err err = {0};
    is_int(tg_decimal_add(num("0.1"), num("0.2"), &d, NULL), 0);
    is_str(text_of(d), "0.3");
    is_int(tg_decimal_sub(num("0.1"), num("0.3"), &d, NULL), 0);
    is_str(text_of(d), "-0.2");
    is_int(tg_decimal_add(num(MAX_TEXT), num("0.000000000001"), &d, &err), -1);
    is_int(tg_decimal_add(num(MAX_TEXT), num(MAX_TEXT), &d, &err), -1); /* beyond 2^127 */
    is_int(tg_decimal_sub(num("-" MAX_TEXT), num(MAX_TEXT), &d, &err), -1);
    is_str(text_of(d), "-0.2");
    contains(err.text, "out of range");
    is_int(tg_decimal_sub(num(MAX_TEXT), num(MAX_TEXT), &d, &err), 0);
    is_true(tg_decimal_is_zero(d));
}

struct binary_case {
    const char *a, *b;
    int places;
    enum tg_rounding mode;
    const char *result; /* NULL: an error */
};

typedef int operation(struct tg_decimal a, struct tg_decimal b, int places, enum tg_rounding mode,
                      struct tg_decimal *d_r, struct tg_err *err_r);

static void check_binary(operation *op, const struct binary_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct binary_case *c = &cases[i];
        struct tg_decimal d = {77};
        struct tg_err err = {0};
        tap_case("%s and %s to %d, mode %d", c->a, c->b, c->places, (int)c->mode);
        int status = op(num(c->a), num(c->b), c->places, c->mode, &d, &err);
        if (c->result == NULL) {
            is_int(status, -1);
            is_int(err.code, TG_ERR_INPUT);
            is_int(d.units, 77);
        } else {
            is_int(status, 0);
            is_str(text_of(d), c->result);
        }
    }
}

#define CHECK_BINARY(op, cases) check_binary(op, cases, sizeof(cases) / sizeof(*cases))

TEST(multiplies_exactly_with_256_bits_between)
{
    static const struct binary_case cases[] = {
        {"0.012", "2", 12, TG_ROUND_HALF_UP, "0.024"},
        {"-0.012", "2", 12, TG_ROUND_HALF_UP, "-0.024"},
        {"-0.5", "-0.5", 12, TG_ROUND_HALF_UP, "0.25"},
        {"0", "-5", 0, TG_ROUND_UP, "0"},
        {"0.000001", "0.000001", 12, TG_ROUND_HALF_UP, "0.000000000001"},
        {"0.000001", "0.0000005", 12, TG_ROUND_HALF_UP, "0.000000000001"},
        {"0.000001", "0.0000005", 12, TG_ROUND_HALF_EVEN, "0"},
        {"0.000001", "0.0000015", 12, TG_ROUND_HALF_EVEN, "0.000000000002"},
        {"0.000000000001", "0.000000000001", 12, TG_ROUND_UP, "0.000000000001"},
        {"-0.000000000001", "0.000000000001", 12, TG_ROUND_UP, "-0.000000000001"},
        {"0.000000000001", "0.000000000001", 0, TG_ROUND_UP, "1"},
        {"9999999999999.999999999999", "9999999999999.999999999999", 12, TG_ROUND_DOWN, "99999999999999999999999980"},
        {"123456789012.123456789012", "98765432109.987654321098", 12, TG_ROUND_HALF_EVEN,
         "12193263113693949080558.267641992621"},
        {"123456789012.123456789012", "-98765432109.987654321098", 3, TG_ROUND_DOWN, "-12193263113693949080558.267"},
        {"9999999999999", "10000000000000", 12, TG_ROUND_DOWN, "99999999999990000000000000"},
        {"10000000000000", "10000000000000", 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, "1", 12, TG_ROUND_DOWN, MAX_TEXT},
        {MAX_TEXT, "-1", 12, TG_ROUND_DOWN, "-" MAX_TEXT},
        {MAX_TEXT, "1", 0, TG_ROUND_HALF_UP, NULL},
        {MAX_TEXT, "1.000000000001", 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, MAX_TEXT, 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, MAX_TEXT, 0, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, "0.000000000001", 12, TG_ROUND_DOWN, "99999999999999.999999999999"},
        {MAX_TEXT, "0.000000000001", 12, TG_ROUND_HALF_UP, "100000000000000"},
    };
    CHECK_BINARY(tg_decimal_mul, cases);
}

TEST(divides_exactly_and_refuses_zero)
{
    static const struct binary_case cases[] = {
        {"1", "3", 12, TG_ROUND_HALF_UP, "0.333333333333"},
        {"2", "3", 12, TG_ROUND_HALF_UP, "0.666666666667"},
        {"-2", "3", 12, TG_ROUND_HALF_UP, "-0.666666666667"},
        {"2", "3", 12, TG_ROUND_DOWN, "0.666666666666"},
        {"1", "3", 0, TG_ROUND_UP, "1"},
        {"5", "2", 0, TG_ROUND_HALF_EVEN, "2"},
        {"-7", "2", 0, TG_ROUND_HALF_EVEN, "-4"},
        {"0", "3", 12, TG_ROUND_UP, "0"},
        {MAX_TEXT, "7", 12, TG_ROUND_HALF_EVEN, "14285714285714285714285714.285714285714"},
        {MAX_TEXT, MAX_TEXT, 12, TG_ROUND_DOWN, "1"},
        {MAX_TEXT, "99999999999999.999999999999", 12, TG_ROUND_HALF_UP, "1000000000000"},
        {"12345678901234567890.123456789012", "98765432109876.543210987654", 12, TG_ROUND_UP, "124999.998860937501"},
        {MAX_TEXT, "0.1", 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, "0.000000000001", 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, "0.000000000001", 0, TG_ROUND_DOWN, NULL},
        {"0.000000000001", MAX_TEXT, 12, TG_ROUND_UP, "0.000000000001"},
        {"1", "0", 12, TG_ROUND_UP, NULL},
        {"0", "0", 12, TG_ROUND_UP, NULL},
    };
    CHECK_BINARY(tg_decimal_div, cases);
    struct tg_err err = {0};
    struct tg_decimal d;
    is_int(tg_decimal_div(num("1"), num("0"), 12, TG_ROUND_UP, &d, &err), -1);
    is_str(err.text, "division by zero");
}

TEST(price_per_minute_times_seconds_by_sixty_is_rounded_once)
{
    static const struct {
        const char *a;
        int64_t n, d;
        int places;
        enum tg_rounding mode;
        const char *result;
    } cases[] = {
        {"0.0119", 61, 60, 12, TG_ROUND_HALF_UP, "0.012098333333"},
        {"0.0120", 60, 60, 12, TG_ROUND_HALF_UP, "0.012"},
        {"0.01", 1, 60, 12, TG_ROUND_HALF_UP, "0.000166666667"},
        {"0.01", -1, 60, 12, TG_ROUND_HALF_UP, "-0.000166666667"},
        {"-0.01", -1, 60, 12, TG_ROUND_UP, "0.000166666667"},
        {"0.01", 0, 60, 12, TG_ROUND_UP, "0"},
        {MAX_TEXT, INT64_MAX, INT64_MAX, 12, TG_ROUND_DOWN, MAX_TEXT},
        {MAX_TEXT, INT64_MAX - 1, INT64_MAX, 12, TG_ROUND_HALF_EVEN, "99999999999999999989157978.275144955658"},
        {"12345678901234567890123456.789012345678", -INT64_MAX, INT64_MAX - 1, 12, TG_ROUND_HALF_UP,
         "-12345678901234567891461977.977565043062"},
        {"0.000000000001", INT64_MIN, INT64_MAX, 12, TG_ROUND_UP, "-0.000000000002"},
        {MAX_TEXT, 2, 1, 12, TG_ROUND_DOWN, NULL},
        {MAX_TEXT, INT64_MIN, 1, 0, TG_ROUND_DOWN, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_decimal d = {77};
        tap_case("%s * %" PRId64 " / %" PRId64, cases[i].a, cases[i].n, cases[i].d);
        int status =
            tg_decimal_mul_div(num(cases[i].a), cases[i].n, cases[i].d, cases[i].places, cases[i].mode, &d, NULL);
        is_int(status, cases[i].result == NULL ? -1 : 0);
        if (cases[i].result != NULL)
            is_str(text_of(d), cases[i].result);
        else
            is_int(d.units, 77);
    }
    struct tg_decimal d;
    dies(exit(tg_decimal_mul_div(num("1"), 1, 0, 12, TG_ROUND_UP, &d, NULL)));
    dies(exit(tg_decimal_mul_div(num("1"), 1, -1, 12, TG_ROUND_UP, &d, NULL)));
    dies(exit(tg_decimal_mul(num("1"), num("1"), 13, TG_ROUND_UP, &d, NULL)));
}

TEST(compares_and_asks_for_the_sign)
{
    is_true(tg_decimal_cmp(num("1"), num("1.0")) == 0);
    is_true(tg_decimal_cmp(num("-1"), num("0.000000000001")) < 0);
    is_true(tg_decimal_cmp(num(MAX_TEXT), num("-" MAX_TEXT)) > 0);
    is_true(tg_decimal_is_zero(num("-0")));
    is_false(tg_decimal_is_negative(num("-0")));
    is_true(tg_decimal_is_negative(num("-0.000000000001")));
    is_true(tg_decimal_is_zero(tg_decimal_zero));
}

TEST(whole_numbers_go_in_and_come_out)
{
    static const int64_t whole[] = {0, 1, -1, 61, INT64_MAX, INT64_MIN};
    int64_t n = 42;
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        is_int(tg_decimal_to_int(tg_decimal_from_int(whole[i]), &n), 1);
        is_int(n, whole[i]);
    }
    n = 42;
    is_int(tg_decimal_to_int(num("1.5"), &n), 0);
    is_int(tg_decimal_to_int(num("9223372036854775808"), &n), 0);
    is_int(tg_decimal_to_int(num("-9223372036854775809"), &n), 0);
    is_int(tg_decimal_to_int(num("-0.000000000001"), &n), 0);
    is_int(n, 42);
    is_int(tg_decimal_to_int(num("-9223372036854775808"), &n), 1);
    is_int(n, INT64_MIN);
}

TEST(rounding_modes_have_names)
{
    enum tg_rounding mode = TG_ROUND_DOWN;
    is_int(tg_rounding_parse("half_up", &mode), 1);
    is_int(mode, TG_ROUND_HALF_UP);
    is_int(tg_rounding_parse("half_even", &mode), 1);
    is_int(mode, TG_ROUND_HALF_EVEN);
    is_int(tg_rounding_parse("up", &mode), 1);
    is_int(mode, TG_ROUND_UP);
    is_int(tg_rounding_parse("down", &mode), 1);
    is_int(mode, TG_ROUND_DOWN);
    is_int(tg_rounding_parse("HALF_UP", &mode), 0);
    is_int(tg_rounding_parse("", &mode), 0);
    is_int(mode, TG_ROUND_DOWN);
}

/* --- Schoolbook arithmetic on decimal digits, slow and unlike the code under test --- */

#define BIG_DIGITS 96

struct big { /* digits, least first */
    uint8_t digit[BIG_DIGITS];
};

static struct big big_of(u128 n)
{
    struct big b = {{0}};
    for (int i = 0; n != 0; n /= 10)
        b.digit[i++] = (uint8_t)(n % 10);
    return b;
}

static int big_cmp(const struct big *a, const struct big *b)
{
    for (int i = BIG_DIGITS - 1; i >= 0; i--)
        if (a->digit[i] != b->digit[i])
            return a->digit[i] < b->digit[i] ? -1 : 1;
    return 0;
}

static void big_sub(struct big *a, const struct big *b)
{
    int borrow = 0;
    for (int i = 0; i < BIG_DIGITS; i++) {
        int digit = a->digit[i] - b->digit[i] - borrow;
        borrow = digit < 0;
        a->digit[i] = (uint8_t)(digit + 10 * borrow);
    }
}

static void big_add_one(struct big *a)
{
    int i = 0;
    while (a->digit[i] == 9)
        a->digit[i++] = 0;
    a->digit[i]++;
}

static struct big big_mul(const struct big *a, const struct big *b)
{
    struct big product = {{0}};
    for (int i = 0; i < BIG_DIGITS / 2; i++) {
        int carry = 0;
        for (int k = 0; k < BIG_DIGITS / 2 && a->digit[i] != 0; k++) {
            int digit = product.digit[i + k] + a->digit[i] * b->digit[k] + carry;
            product.digit[i + k] = (uint8_t)(digit % 10);
            carry = digit / 10;
        }
        product.digit[i + BIG_DIGITS / 2] = (uint8_t)(product.digit[i + BIG_DIGITS / 2] + carry);
    }
    return product;
}

static struct big big_shift(const struct big *a, int digits)
{
    struct big shifted = {{0}};
    for (int i = 0; i + digits < BIG_DIGITS; i++)
        shifted.digit[i + digits] = a->digit[i];
    return shifted;
}

static struct big big_div(struct big a, const struct big *b, struct big *rest_r)
{
    struct big quotient = {{0}}, rest = {{0}};
    for (int i = BIG_DIGITS - 1; i >= 0; i--) {
        rest = big_shift(&rest, 1);
        rest.digit[0] = a.digit[i];
        while (big_cmp(&rest, b) >= 0) {
            big_sub(&rest, b);
            quotient.digit[i]++;
        }
    }
    *rest_r = rest;
    return quotient;
}

/* a * b / d in units of 10^-places, as 12 places: 1 and the magnitude, or 0 when it leaves the range. */
static int slow(struct big a, struct big b, struct big d, int places, enum tg_rounding mode, u128 *units_r)
{
    const struct big two = big_of(2), top = big_of(pow10_of(38));
    struct big rest, quotient = big_div(big_mul(&a, &b), &d, &rest);
    struct big twice = big_mul(&rest, &two);
    int half = big_cmp(&twice, &d);
    bool odd = quotient.digit[0] % 2 == 1, exact = big_cmp(&rest, &(struct big){{0}}) == 0;
    if ((mode == TG_ROUND_UP && !exact) || (mode == TG_ROUND_HALF_UP && half >= 0) ||
        (mode == TG_ROUND_HALF_EVEN && (half > 0 || (half == 0 && odd))))
        big_add_one(&quotient);
    quotient = big_shift(&quotient, PLACES - places);
    if (big_cmp(&quotient, &top) >= 0)
        return 0;
    *units_r = 0;
    for (int i = 38; i >= 0; i--)
        *units_r = *units_r * 10 + quotient.digit[i];
    return 1;
}

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15); /* fixed: a failure repeats */

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Any number of digits equally often; often many zeros or nines, where carries and ties live. */
static struct tg_decimal random_decimal(void)
{
    int digits = (int)(random_u64() % 39);
    unsigned taste = (unsigned)(random_u64() % 4);
    u128 units = 0;
    for (int i = 0; i < digits; i++) {
        unsigned digit = (unsigned)(random_u64() % 10);
        if (taste == 1 && i > 2)
            digit = 0;
        else if (taste == 2)
            digit = 9;
        else if (taste == 3 && i > 1)
            digit = i == digits - 1 ? 5 : 0;
        units = units * 10 + digit;
    }
    return (struct tg_decimal){random_u64() % 2 == 0 ? (__int128)units : -(__int128)units};
}

static void compare(int status, struct tg_decimal got, int expected, u128 units, bool negative)
{
    if (!is_int(status, expected ? 0 : -1) || !expected)
        return;
    ok(got.units == (negative ? -(__int128)units : (__int128)units), "got %s", text_of(got));
}

TEST(twenty_thousand_random_results_equal_schoolbook_arithmetic)
{
    for (int i = 0; i < 7000 && tap.checks_failed < 5; i++) {
        struct tg_decimal a = random_decimal(), b = random_decimal(), d = {0};
        int64_t n = (int64_t)random_u64() >> random_u64() % 64,
                m = (int64_t)(random_u64() >> (1 + random_u64() % 62)) | 1;
        int places = (int)(random_u64() % 13);
        enum tg_rounding mode = (enum tg_rounding)(random_u64() % 4);
        struct big big_a = big_of(magnitude(a.units)), big_b = big_of(magnitude(b.units));
        struct big unit = big_of(pow10_of(PLACES - places)), divisor = big_of(pow10_of(2 * PLACES - places));
        u128 units = 0;
        tap_case("case %d: a %s, b %s, n %" PRId64 ", m %" PRId64 ", %d places, mode %d", i, text_of(a), text_of(b), n,
                 m, places, (int)mode);
        bool negative = (a.units < 0) != (b.units < 0);
        int fits = slow(big_a, big_b, divisor, places, mode, &units);
        compare(tg_decimal_mul(a, b, places, mode, &d, NULL), d, fits, units, negative);
        if (b.units != 0) {
            fits = slow(big_a, big_of(pow10_of(places)), big_b, places, mode, &units);
            compare(tg_decimal_div(a, b, places, mode, &d, NULL), d, fits, units, negative);
        }
        struct big big_m = big_of((u128)m);
        fits = slow(big_a, big_of(magnitude(n)), big_mul(&big_m, &unit), places, mode, &units);
        compare(tg_decimal_mul_div(a, n, m, places, mode, &d, NULL), d, fits, units, (a.units < 0) != (n < 0));
        struct tg_decimal rate = {random_decimal().units % (1000000 * (__int128)ONE)}, den = {(__int128)m};
        fits = slow(big_a, big_of(magnitude(rate.units)), big_mul(&big_m, &unit), places, mode, &units);
        compare(tg_decimal_ratio(a, rate, den, places, mode, &d, NULL), d, fits, units,
                (a.units < 0) != (rate.units < 0));
    }
}

TEST(every_random_number_survives_its_own_text)
{
    for (int i = 0; i < 30000 && tap.checks_failed < 5; i++) {
        struct tg_decimal d = random_decimal(), back = {0};
        char text[TG_DECIMAL_TEXT_SIZE];
        size_t len = tg_decimal_format(d, text);
        tap_case("%s", text);
        is_int(tg_decimal_parse(text, len, &back, NULL), 0);
        ok(back.units == d.units, "reads as it was written");
        tg_decimal_format_fixed(d, PLACES, text);
        is_int(tg_decimal_parse(text, strlen(text), &back, NULL), 0);
        ok(back.units == d.units, "with all places, too");
    }
}

TAP_MAIN()

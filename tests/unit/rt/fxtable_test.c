/* fxtable_test - what a table of rates takes, and how it finds the two rates of one day. Asked more in caps_spec.lua. */
#include "../../../src/rt/fxtable.c"

#include "tap.h"

static struct tg_decimal decimal(const char *text)
{
    struct tg_decimal d = tg_decimal_zero;
    is_int(tg_decimal_parse(text, strlen(text), &d, NULL), 0);
    return d;
}

static void is_decimal(struct tg_decimal d, const char *expected)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(d, text);
    is_str(text, expected);
}

static struct tg_fx *parse(const char *text)
{
    struct tg_err err = {.text = ""};
    struct tg_fx *fx = NULL;
    ok(tg_fx_parse_csv(text, strlen(text), "EUR", &fx, &err) == 0, "%s", err.text);
    return fx;
}

TEST(a_pair_is_of_the_last_day_that_has_both)
{
    struct tg_fx_pair pair;
    struct tg_fx *fx =
        parse("Date,USD,JPY,\n1970-01-11,1.5,N/A,\n1970-01-10,1.4,180\n1970-01-08,1.3,\n1970-01-02,1,170\n");
    is_int(tg_fx_n_rates(fx), 6);
    is_int(tg_fx_find(fx, "USD", "JPY", 12, &pair), TG_FX_FOUND);
    is_int(pair.day, 9);
    is_decimal(pair.from, "1.4");
    is_decimal(pair.to, "180");
    is_int(tg_fx_find(fx, "JPY", "USD", 8, &pair), TG_FX_FOUND);
    is_int(pair.day, 1);
    is_int(tg_fx_find(fx, "JPY", "USD", 0, &pair), TG_FX_UNKNOWN);
    is_int(tg_fx_find(fx, "EUR", "USD", 17, &pair), TG_FX_FOUND);
    is_int(tg_fx_find(fx, "EUR", "USD", 18, &pair), TG_FX_STALE);
    is_int(tg_fx_find(fx, "JPY", "EUR", 16, &pair), TG_FX_FOUND);
    is_int(tg_fx_find(fx, "JPY", "USD", 17, &pair), TG_FX_STALE);
    is_int(tg_fx_find(fx, "EUR", "AAA", 17, &pair), TG_FX_UNKNOWN);
    is_int(tg_fx_find(fx, "ZZZ", "EUR", 17, &pair), TG_FX_UNKNOWN);
    is_int(tg_fx_find(NULL, "USD", "EUR", 17, &pair), TG_FX_UNKNOWN);
    is_int(tg_fx_find(NULL, "USD", "USD", 17, &pair), TG_FX_FOUND);
    is_int(pair.day, 17);
    struct tg_fx *other = tg_fx_ref(fx);
    tg_fx_unref(&fx);
    is_int(tg_fx_n_rates(other), 6);
    tg_fx_unref(&other);
}

TEST(an_extreme_pair_is_refused_or_exact_and_never_wraps)
{
    struct tg_decimal out;
    struct tg_fx_pair pair = {decimal("99999999999999999999999999"), decimal("0.000000000001"), 0};
    is_int(tg_fx_convert(&pair, decimal("99999999999999999999999999"), 12, &out, NULL), 0);
    is_decimal(out, "0.000000000001");
    is_int(tg_fx_convert(&pair, decimal("1"), 6, &out, NULL), -1);
    pair = (struct tg_fx_pair){decimal("0.000000000001"), decimal("99999999999999999999999999"), 0};
    is_int(tg_fx_rate(&pair, &out, NULL), -1);
    is_int(tg_fx_convert(&pair, decimal("0"), 6, &out, NULL), 0);
    is_decimal(out, "0");
}

TEST(a_table_that_contradicts_itself_is_refused)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1: the first line must be like Date,USD,JPY"},
        {"Day,USD\n", "line 1: the first line must be like Date,USD,JPY"},
        {"Date,usd\n", "line 1: column 2 of the first line is no currency"},
        {"Date,USD\n2026-02-30,1\n", "line 2: not a date like 2026-07-15"},
        {"Date,USD\n2026-02-03,-1\n", "line 2: a rate must be above 0"},
        {"Date,USD\n2026-02-03,1,2\n", "line 2: more fields than the first line has"},
        {"Date,EUR\n2026-02-03,1\n", "line 2: EUR is the base: it has no rate"},
        {"Date,USD\n2026-02-03,1\n2026-02-03,1\n", "USD has two rates on 2026-02-03"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {.text = ""};
        struct tg_fx *fx = NULL;
        tap_case("%s", cases[i].text);
        is_int(tg_fx_parse_csv(cases[i].text, strlen(cases[i].text), "EUR", &fx, &err), -1);
        is_str(err.text, cases[i].why);
        ok(fx == NULL, "nothing is made");
    }
}

TAP_MAIN()

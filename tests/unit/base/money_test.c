/* money_test - ISO 4217 and minor units. */
#include "../../../src/base/money.c"
#include "tap.h"

static struct tg_decimal num(const char *text)
{
    struct tg_decimal d = {0};
    ok(tg_decimal_parse(text, strlen(text), &d, NULL) == 0, "'%s' is a number", text);
    return d;
}

static const struct tg_currency *currency(const char *code)
{
    const struct tg_currency *c = tg_currency_find(code, strlen(code));
    if (c == NULL) {
        printf("Bail out! no %s\n", code);
        exit(1);
    }
    return c;
}

TEST(knows_the_places_of_each_kind_of_currency)
{
    static const struct {
        const char *code;
        int numeric, places;
    } cases[] = {
        {"USD", 840, 2}, {"EUR", 978, 2}, {"JPY", 392, 0}, {"KWD", 414, 3}, {"CLF", 990, 4}, {"ALL", 8, 2},
        {"ISK", 352, 0}, {"BHD", 48, 3},  {"ZWG", 924, 2}, {"AED", 784, 2}, {"CNY", 156, 2}, {"UYW", 927, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct tg_currency *c = currency(cases[i].code);
        tap_case("%s", cases[i].code);
        is_int(c->numeric, cases[i].numeric);
        is_int(c->minor_places, cases[i].places);
        is_str(c->code, cases[i].code);
    }
    is_str(currency("USD")->name, "US Dollar");
}

TEST(what_is_not_money_is_not_found)
{
    static const char *const codes[] = {"",    "US",  "USDX", "usd", "Usd", "XAU",
                                        "XXX", "XTS", "XDR",  "DEM", "ZZZ", "   "};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        tap_case("'%s'", codes[i]);
        is_null(tg_currency_find(codes[i], strlen(codes[i])));
    }
    is_null(tg_currency_find("US\0", 3));
    ok(tg_currency_find("USD and more", 3) != NULL, "len counts");
}

TEST(the_table_is_sorted_and_sane)
{
    size_t n = 0;
    const struct tg_currency *all = tg_currency_all(&n);
    ok(n > 150 && n < 200, "%zu currencies", n);
    for (size_t i = 0; i < n; i++) {
        tap_case("%.3s", all[i].code);
        is_true(i == 0 || strcmp(all[i - 1].code, all[i].code) < 0);
        is_true(all[i].minor_places >= 0 && all[i].minor_places <= 4);
        is_true(all[i].numeric > 0 && all[i].numeric < 1000);
        is_true(all[i].name[0] != '\0');
        is_ptr(tg_currency_find(all[i].code, 3), &all[i]);
    }
}

TEST(the_committed_table_is_what_the_published_list_gives)
{
    const char *shared = getenv("TOLLGATE_SHARED");
    char command[1024], line[256];
    snprintf(command, sizeof(command), "%s/data/currencies/codes-all.csv", shared != NULL ? shared : "../shared");
    if (access(command, R_OK) != 0)
        TAP_SKIP("the published list (codes-all.csv) is not here");
    if (access("scripts/gen-currencies", X_OK) != 0)
        TAP_SKIP("not run from the root of the tree");
    snprintf(command, sizeof(command),
             "lua5.4 scripts/gen-currencies '%s/data/currencies/codes-all.csv' | diff - src/base/money_table.inc 2>&1",
             shared != NULL ? shared : "../shared");
    FILE *diff = popen(command, "r");
    if (!ok(diff != NULL, "popen"))
        return;
    while (fgets(line, sizeof(line), diff) != NULL)
        ok(false, "%s", line);
    is_int(pclose(diff), 0);
}

TEST(major_to_minor_units_rounds_once)
{
    static const struct {
        const char *amount, *code;
        enum tg_rounding mode;
        int64_t minor;
    } cases[] = {
        {"12.345", "USD", TG_ROUND_HALF_UP, 1235},
        {"12.345", "USD", TG_ROUND_HALF_EVEN, 1234},
        {"-12.345", "USD", TG_ROUND_HALF_UP, -1235},
        {"12.341", "USD", TG_ROUND_UP, 1235},
        {"12.349", "USD", TG_ROUND_DOWN, 1234},
        {"12.5", "JPY", TG_ROUND_HALF_EVEN, 12},
        {"12.3455", "KWD", TG_ROUND_HALF_UP, 12346},
        {"1.00005", "CLF", TG_ROUND_HALF_UP, 10001},
        {"0", "USD", TG_ROUND_UP, 0},
        {"0.000000000001", "USD", TG_ROUND_UP, 1},
        {"92233720368547758.07", "USD", TG_ROUND_DOWN, INT64_MAX},
        {"-92233720368547758.08", "USD", TG_ROUND_DOWN, INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t minor = 77;
        tap_case("%s %s", cases[i].amount, cases[i].code);
        is_int(tg_money_to_minor(num(cases[i].amount), currency(cases[i].code), cases[i].mode, &minor, NULL), 0);
        is_int(minor, cases[i].minor);
    }
}

TEST(an_amount_beyond_64_bits_is_refused)
{
    int64_t minor = 77;
    struct tg_err err = {0};
    is_int(tg_money_to_minor(num("92233720368547758.08"), currency("USD"), TG_ROUND_DOWN, &minor, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    contains(err.text, "USD");
    is_int(tg_money_to_minor(num("-92233720368547758.09"), currency("USD"), TG_ROUND_DOWN, &minor, &err), -1);
    is_int(tg_money_to_minor(num("99999999999999999999999999.999999999999"), currency("JPY"), TG_ROUND_UP, &minor,
                             &err),
           -1);
    is_int(minor, 77);
}

TEST(minor_units_go_there_and_back_in_each_currency)
{
    static const int64_t amounts[] = {0, 1, -1, 1234, INT64_MAX, INT64_MIN};
    size_t n = 0;
    const struct tg_currency *all = tg_currency_all(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof(amounts) / sizeof(*amounts); k++) {
            int64_t minor = 77;
            tap_case("%" PRId64 " %.3s", amounts[k], all[i].code);
            struct tg_decimal d = tg_money_from_minor(amounts[k], &all[i]);
            is_int(tg_money_to_minor(d, &all[i], TG_ROUND_UP, &minor, NULL), 0);
            is_int(minor, amounts[k]);
        }
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(tg_money_from_minor(1234, currency("KWD")), text);
    is_str(text, "1.234");
    tg_decimal_format(tg_money_from_minor(1234, currency("JPY")), text);
    is_str(text, "1234");
}

TAP_MAIN()

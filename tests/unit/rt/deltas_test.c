/* deltas_test - differences are counted exactly while they are few, and to two digits when they are many. */
#include "../../../src/rt/deltas.c"

#include "base/strbuf.h"
#include "tap.h"

static void add(struct tg_deltas *deltas, const char *text)
{
    struct tg_decimal d;
    is_int(tg_decimal_parse(text, strlen(text), &d, NULL), 0);
    tg_deltas_add(deltas, d);
}

static void is_written(const struct tg_deltas *deltas, const char *expected)
{
    struct tg_strbuf out;
    struct tg_jsonw w;
    tg_strbuf_init(&out, 1 << 20);
    tg_jsonw_init(&w, &out);
    tg_deltas_write(deltas, &w);
    is_str(out.bytes, expected);
    tg_strbuf_deinit(&out);
}

TEST(few_differences_are_counted_as_they_are)
{
    struct tg_deltas deltas = {0};
    is_written(&deltas, "{}");
    add(&deltas, "0.0123");
    add(&deltas, "-1");
    add(&deltas, "0");
    add(&deltas, "0.0123");
    add(&deltas, "7");
    is_written(&deltas, "{\"-1\":1,\"0.0123\":2,\"7\":1}");
    tg_deltas_deinit(&deltas);
}

TEST(many_are_cut_to_two_digits_and_stay_few)
{
    struct tg_deltas deltas = {0};
    uint64_t n = 0;
    for (int64_t i = 1; i <= 200000; i++)
        tg_deltas_add(&deltas, (struct tg_decimal){(i % 2 == 0 ? i : -i) * 1234567});
    for (size_t i = 0; i < deltas.n; i++)
        n += deltas.list[i].n;
    is_int(n, 200000);
    ok(deltas.n < TG_DELTAS_EXACT_MAX + 1000, "%zu", deltas.n);
    for (size_t i = 1; i < deltas.n; i++)
        if (!ok(tg_decimal_cmp(deltas.list[i - 1].amount, deltas.list[i].amount) < 0, "ascending"))
            break;
    tg_deltas_deinit(&deltas);
}

TEST(two_digits_are_cut_towards_zero)
{
    static const char *const cases[][2] = {{"0.00125", "0.0012"},
                                           {"-0.00129", "-0.0012"},
                                           {"99", "99"},
                                           {"100", "100"},
                                           {"199", "190"},
                                           {"0.000000000001", "0.000000000001"},
                                           {"99999999999999999999999999", "99000000000000000000000000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_decimal d, cut;
        char text[TG_DECIMAL_TEXT_SIZE];
        is_int(tg_decimal_parse(cases[i][0], strlen(cases[i][0]), &d, NULL), 0);
        cut = two_digits(d);
        tg_decimal_format(cut, text);
        is_str(text, cases[i][1]);
    }
}

TAP_MAIN()

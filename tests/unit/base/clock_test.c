/* clock_test - time as text and back; a clock that a test sets. TG_TSAN */
#include "../../../src/base/clock.c"
#include "tap.h"

#include <pthread.h>

static const char *text_of(int64_t us)
{
    static char text[TG_RFC3339_SIZE];
    size_t len = tg_time_format(us, text);
    is_int(len, strlen(text));
    return text;
}

TEST(the_wall_clock_can_be_set_and_let_go)
{
    int64_t before = (int64_t)time(NULL) * SECOND_US, now = tg_clock_now_us();
    ok(now >= before && now < before + 60 * SECOND_US, "it is now");
    tg_clock_set_us(42);
    is_int(tg_clock_now_us(), 42);
    tg_clock_set_us(INT64_MIN); /* not mistaken for "running" */
    is_int(tg_clock_now_us(), INT64_MIN + 1);
    tg_clock_unset();
    ok(tg_clock_now_us() >= now, "it runs again");
}

TEST(the_monotonic_clock_never_goes_back_and_is_never_set)
{
    tg_clock_set_us(0);
    uint64_t last = tg_clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        uint64_t next = tg_clock_mono_us();
        if (!ok(next >= last, "%" PRIu64 " after %" PRIu64, next, last))
            break;
        last = next;
    }
    tg_clock_unset();
}

TEST(a_threads_processor_time_grows_with_its_work_only)
{
    uint64_t start = tg_clock_thread_cpu_us(), mono_start = tg_clock_mono_us();
    usleep(50000);
    uint64_t slept = tg_clock_thread_cpu_us() - start;
    ok(slept < 40000, "asleep for 50 ms: %" PRIu64 " us", slept);
    while (tg_clock_thread_cpu_us() - start < slept + 2000 && tg_clock_mono_us() - mono_start < 30 * SECOND_US)
        ;
    ok(tg_clock_thread_cpu_us() - start >= slept + 2000, "busy");
}

static void *read_clock(void *arg)
{
    for (int i = 0; i < 1000; i++)
        (void)tg_clock_now_us();
    return arg;
}

TEST(one_thread_sets_while_another_reads)
{
    pthread_t reader;
    pthread_create(&reader, NULL, read_clock, NULL);
    for (int i = 0; i < 1000; i++)
        tg_clock_set_us(i);
    pthread_join(reader, NULL);
    tg_clock_unset();
}

TEST(writes_rfc_3339_shortest)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {1000, "1970-01-01T00:00:00.001Z"},
        {123000, "1970-01-01T00:00:00.123Z"},
        {123400, "1970-01-01T00:00:00.123400Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59Z"},
        {1784109600000000, "2026-07-15T10:00:00Z"},
        {951782400000000, "2000-02-29T00:00:00Z"},
        {TG_TIME_MIN_US, "0001-01-01T00:00:00Z"},
        {TG_TIME_MAX_US, "9999-12-31T23:59:59.999999Z"},
        {INT64_MIN, "0001-01-01T00:00:00Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        is_str(text_of(cases[i].us), cases[i].text);
}

TEST(writes_for_sql_with_all_six_digits)
{
    char text[TG_RFC3339_SIZE];
    is_int(tg_time_format_sql(1784109600000000, text), 26);
    is_str(text, "2026-07-15 10:00:00.000000");
    tg_time_format_sql(-1, text);
    is_str(text, "1969-12-31 23:59:59.999999");
}

TEST(reads_rfc_3339_with_any_offset)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"2026-07-15T10:00:00Z", 1784109600000000},
        {"2026-07-15T12:00:00+02:00", 1784109600000000},
        {"2026-07-15T04:30:00-05:30", 1784109600000000},
        {"2026-07-16T00:00:00+14:00", 1784109600000000},
        {"2026-07-15T10:00:00-00:00", 1784109600000000},
        {"2026-07-15T10:00:00.5Z", 1784109600500000},
        {"2026-07-15T10:00:00.123Z", 1784109600123000},
        {"2026-07-15T10:00:00.123456+00:00", 1784109600123456},
        {"2026-07-15T10:00:00.123456789Z", 1784109600123456},
        {"2026-07-15T10:00:00.999999999Z", 1784109600999999},
        {"1969-12-31T23:59:59.9999999Z", -1}, /* cut towards the past */
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2024-02-29T23:59:59Z", 1709251199000000},
        {"0001-01-01T00:00:00Z", TG_TIME_MIN_US},
        {"9999-12-31T23:59:59.999999Z", TG_TIME_MAX_US},
        {"0001-01-01T00:00:00-23:59", TG_TIME_MIN_US + INT64_C(86340000000)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t us = 77;
        struct tg_err err = {0};
        tap_case("%s", cases[i].text);
        is_int(tg_time_parse(cases[i].text, strlen(cases[i].text), &us, &err), 0);
        is_int(us, cases[i].us);
    }
}

TEST(refuses_what_is_no_time)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-07-15",
        "2026-07-15T10:00:00",
        "2026-07-15T10:00Z",
        "2026-07-15 10:00:00Z",
        " 2026-07-15T10:00:00Z",
        "2026-07-15T10:00:00Z ",
        "2026-07-15T10:00:00ZZ",
        "2026-07-15T10:00:00+02",
        "2026-07-15T10:00:00+0200",
        "2026-07-15T10:00:00+02:0",
        "2026-07-15T10:00:00+24:00",
        "2026-07-15T10:00:00+02:60",
        "2026-07-15T10:00:00.Z",
        "2026-07-15T10:00:00.1234567890Z",
        "2026-07-15T10:00:00,5Z",
        "2026-07-15T10:00:60Z",
        "2016-12-31T23:59:60Z",
        "2026-07-15T10:60:00Z",
        "2026-07-15T24:00:00Z",
        "2026-00-15T10:00:00Z",
        "2026-13-15T10:00:00Z",
        "2026-07-00T10:00:00Z",
        "2026-07-32T10:00:00Z",
        "2026-06-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "2026-7-15T10:00:00Z",
        "2026-07-15T10:00:00\xe2\x88\x92"
        "01:00",
        "1784109600",
        "20260715T100000Z",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t us = 77;
        struct tg_err err = {0};
        tap_case("'%s'", cases[i]);
        is_int(tg_time_parse(cases[i], strlen(cases[i]), &us, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        is_int(us, 77);
    }
}

TEST(reads_no_further_than_it_was_told)
{
    int64_t us = 0;
    const char *text = "2026-07-15T10:00:00.123456Z";
    for (size_t len = 0; len < strlen(text); len++) {
        char *exact = malloc(len + 1); /* the sanitizer sees a byte too many */
        memcpy(exact, text, len);
        exact = realloc(exact, len != 0 ? len : 1);
        tap_case("%zu bytes", len);
        is_int(tg_time_parse(exact, len, &us, NULL), -1);
        free(exact);
    }
}

static void check_noon(int64_t noon, int year, int month, int day)
{
    char expected[64];
    int64_t back = 0;
    snprintf(expected, sizeof(expected), "%04d-%02d-%02dT12:00:00Z", year, month, day);
    const char *text = text_of(noon);
    if (strcmp(text, expected) != 0 || tg_time_parse(text, strlen(text), &back, NULL) != 0 || back != noon)
        is_str(text, expected);
}

TEST(the_ends_of_every_month_of_ten_thousand_years_are_read_as_they_were_written)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t noon = TG_TIME_MIN_US + 12 * 3600 * SECOND_US, day_us = DAY_S * SECOND_US;
    for (int year = 1; year <= 9999 && tap.checks_failed < 5; year++)
        for (int month = 1; month <= 12; month++) {
            bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            int last = days[month - 1] + (month == 2 && leap);
            check_noon(noon, year, month, 1);
            check_noon(noon + (last - 1) * day_us, year, month, last);
            noon += last * day_us;
        }
    is_int(noon, TG_TIME_MAX_US + 1 + 12 * 3600 * SECOND_US);
}

TAP_MAIN()

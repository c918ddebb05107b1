/* date_test - every day has one number, and a date that does not exist is refused. */
#include "../../../src/base/date.c"

#include "tap.h"

TEST(every_day_of_eight_centuries_follows_the_one_before)
{
    int64_t expected = tg_date_days(1601, 1, 1);
    for (int year = 1601; year <= 2400; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= tg_date_month_days(year, month); day++, expected++) {
                struct tg_date back = tg_date_of_days(expected);
                if (tg_date_days(year, month, day) != expected || back.year != year || back.month != month ||
                    back.day != day) {
                    ok(false, "%d-%d-%d", year, month, day);
                    return;
                }
            }
    is_int(expected, tg_date_days(2401, 1, 1));
    is_int(tg_date_days(1970, 1, 1), 0);
    is_int(tg_date_days(2000, 3, 1), 11017);
}

TEST(a_date_is_read_as_it_was_written)
{
    static const int64_t days[] = {-719162, -1, 0, 11016, 20648, 2932896};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        char text[TG_DATE_SIZE];
        int64_t back = 0;
        tg_date_format(days[i], text);
        tap_case("%s", text);
        is_int(tg_date_parse(text, strlen(text), &back, NULL), 0);
        is_int(back, days[i]);
    }
}

TEST(what_is_no_date_is_refused)
{
    static const char *const bad[] = {"",           "2026-7-15",   "2026-02-29", "2100-02-29",
                                      "2026-13-01", "2026-00-10",  "2026-04-31", "0000-01-01",
                                      "2026/07/15", "2026-07-15T", "+026-07-15", "2026-07-1 "};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t days = 7;
        tap_case("%s", bad[i]);
        is_int(tg_date_parse(bad[i], strlen(bad[i]), &days, NULL), -1);
        is_int(days, 7);
    }
}

TAP_MAIN()

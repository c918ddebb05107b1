/* date - calendar dates as days since 1970-01-01.
 *
 * Days are counted from 1 March of year 0, so that the leap day is a year's last
 * (Howard Hinnant, "chrono-compatible low-level date algorithms").
 */
#include "base/date.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>

int64_t tg_date_days(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = y / 400, year_of_era = y % 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct tg_date tg_date_of_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097 - (shifted % 146097 < 0), day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (struct tg_date){.year = (int)(year_of_era + era * 400 + (month <= 2)),
                            .month = month,
                            .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1)};
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int tg_date_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

void tg_date_format(int64_t days, char out[static TG_DATE_SIZE])
{
    struct tg_date date = tg_date_of_days(days);
    assert(date.year >= 1 && date.year <= 9999);
    (void)snprintf(out, TG_DATE_SIZE, "%04d-%02d-%02d", date.year, date.month, date.day);
}

/* The number that n digits give, or -1. */
static int read_digits(const char *str, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (str[i] < '0' || str[i] > '9')
            return -1;
        value = value * 10 + (str[i] - '0');
    }
    return value;
}

int tg_date_parse(const char *str, size_t len, int64_t *days_r, struct tg_err *err_r)
{
    if (len == 10 && str[4] == '-' && str[7] == '-') {
        int year = read_digits(str, 4), month = read_digits(str + 5, 2), day = read_digits(str + 8, 2);
        if (year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= tg_date_month_days(year, month)) {
            *days_r = tg_date_days(year, month, day);
            return 0;
        }
    }
    return tg_err_set(err_r, TG_ERR_INPUT, "not a date like 2026-07-15");
}

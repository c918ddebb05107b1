/* dbtime - MYSQL_TIME and microseconds since the epoch, by the calendar's arithmetic
 * (days from civil, Howard Hinnant, https://howardhinnant.github.io/date_algorithms.html).
 */
#include <assert.h>

#include "io/dbstmt.h"

#define US_PER_S 1000000LL
#define US_PER_DAY (86400 * US_PER_S)

bool tg_dbtime_fits(int64_t us)
{
    return us >= -62135596800 * US_PER_S && us < 253402300800 * US_PER_S;
}

static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_from_days(int64_t days, MYSQL_TIME *time_r)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153; /* 0 is March */
    time_r->day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    time_r->month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    time_r->year = (unsigned)((int64_t)year_of_era + era * 400 + (time_r->month <= 2));
}

void tg_dbtime_from_us(int64_t us, MYSQL_TIME *time_r)
{
    int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
    if (rest < 0) {
        rest += US_PER_DAY;
        days--;
    }
    *time_r = (MYSQL_TIME){.time_type = MYSQL_TIMESTAMP_DATETIME};
    civil_from_days(days, time_r);
    time_r->hour = (unsigned)(rest / (3600 * US_PER_S));
    time_r->minute = (unsigned)(rest / (60 * US_PER_S) % 60);
    time_r->second = (unsigned)(rest / US_PER_S % 60);
    time_r->second_part = (unsigned long)(rest % US_PER_S);
}

int64_t tg_dbtime_to_us(const MYSQL_TIME *time)
{
    assert(time->month >= 1 && time->month <= 12 && time->day >= 1 && time->day <= 31);
    int64_t seconds = days_from_civil(time->year, time->month, time->day) * 86400 + time->hour * 3600LL +
                      time->minute * 60LL + time->second;
    return seconds * US_PER_S + (int64_t)time->second_part;
}

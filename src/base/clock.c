/* clock - the only source of time. Dates are computed by base/date and not by gmtime(): no time zone file, no lock. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/date.h"

#define SECOND_US INT64_C(1000000)
#define DAY_S INT64_C(86400)
#define RUNNING INT64_MIN /* the wall clock is not frozen */

struct civil {
    int year, month, day, hour, minute, second, micros;
};

static _Atomic int64_t frozen_us = RUNNING;

int64_t tg_clock_now_us(void)
{
    int64_t frozen = atomic_load_explicit(&frozen_us, memory_order_relaxed);
    if (frozen != RUNNING)
        return frozen;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

uint64_t tg_clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * (uint64_t)SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t tg_clock_thread_cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * (uint64_t)SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

void tg_clock_set_us(int64_t now_us)
{
    atomic_store_explicit(&frozen_us, now_us == RUNNING ? RUNNING + 1 : now_us, memory_order_relaxed);
}

void tg_clock_unset(void)
{
    atomic_store_explicit(&frozen_us, RUNNING, memory_order_relaxed);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct civil civil_of(int64_t us)
{
    int64_t seconds = floor_div(us, SECOND_US), days = floor_div(seconds, DAY_S);
    int64_t of_day = seconds - days * DAY_S;
    struct tg_date date = tg_date_of_days(days);
    return (struct civil){.year = date.year,
                          .month = date.month,
                          .day = date.day,
                          .hour = (int)(of_day / 3600),
                          .minute = (int)(of_day / 60 % 60),
                          .second = (int)(of_day % 60),
                          .micros = (int)(us - seconds * SECOND_US)};
}

static char *put(char *out, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

/* Writes "2026-07-15T10:00:00" with `between` in the middle. */
static char *put_civil(char *out, const struct civil *c, char between)
{
    out = put(out, c->year, 4);
    *out++ = '-';
    out = put(out, c->month, 2);
    *out++ = '-';
    out = put(out, c->day, 2);
    *out++ = between;
    out = put(out, c->hour, 2);
    *out++ = ':';
    out = put(out, c->minute, 2);
    *out++ = ':';
    return put(out, c->second, 2);
}

static int64_t clamp(int64_t us)
{
    if (us < TG_TIME_MIN_US)
        return TG_TIME_MIN_US;
    return us > TG_TIME_MAX_US ? TG_TIME_MAX_US : us;
}

size_t tg_time_format(int64_t us, char out[static TG_RFC3339_SIZE])
{
    struct civil c = civil_of(clamp(us));
    char *end = put_civil(out, &c, 'T');
    if (c.micros != 0) {
        *end++ = '.';
        end = c.micros % 1000 == 0 ? put(end, c.micros / 1000, 3) : put(end, c.micros, 6);
    }
    *end++ = 'Z';
    *end = '\0';
    return (size_t)(end - out);
}

size_t tg_time_format_sql(int64_t us, char out[static TG_RFC3339_SIZE])
{
    struct civil c = civil_of(clamp(us));
    char *end = put_civil(out, &c, ' ');
    *end++ = '.';
    end = put(end, c.micros, 6);
    *end = '\0';
    return (size_t)(end - out);
}

/* --- Reading: a cursor that remembers whether anything was wrong --- */

struct cursor {
    const char *at, *end;
    bool bad;
};

static int digits(struct cursor *in, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (in->at == in->end || *in->at < '0' || *in->at > '9') {
            in->bad = true;
            return 0;
        }
        value = value * 10 + (*in->at++ - '0');
    }
    return value;
}

static bool take(struct cursor *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static void expect(struct cursor *in, char c)
{
    if (!take(in, c))
        in->bad = true;
}

/* Up to digits_max digits behind a point, in microseconds; what is finer is cut. */
static int fraction(struct cursor *in, int digits_max)
{
    int micros = 0, n = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9' && n < digits_max) {
        if (n < 6)
            micros = micros * 10 + (*in->at - '0');
        in->at++;
        n++;
    }
    in->bad |= n == 0;
    for (; n < 6; n++)
        micros *= 10;
    return micros;
}

static bool is_civil(const struct civil *c)
{
    if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1)
        return false;
    if (c->day > tg_date_month_days(c->year, c->month))
        return false;
    return c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

/* The date and time up to the whole second. */
static struct civil read_civil(struct cursor *in)
{
    struct civil c = {0};
    c.year = digits(in, 4);
    expect(in, '-');
    c.month = digits(in, 2);
    expect(in, '-');
    c.day = digits(in, 2);
    if (!take(in, 'T'))
        expect(in, 't');
    c.hour = digits(in, 2);
    expect(in, ':');
    c.minute = digits(in, 2);
    expect(in, ':');
    c.second = digits(in, 2);
    return c;
}

static int64_t instant(const struct civil *c)
{
    int64_t of_day = c->hour * INT64_C(3600) + c->minute * INT64_C(60) + c->second;
    return (tg_date_days(c->year, c->month, c->day) * DAY_S + of_day) * SECOND_US + c->micros;
}

/* "Z" or "+hh:mm", in seconds east. */
static int64_t read_offset(struct cursor *in)
{
    if (take(in, 'Z') || take(in, 'z'))
        return 0;
    bool west = take(in, '-');
    if (!west)
        expect(in, '+');
    int hours = digits(in, 2);
    expect(in, ':');
    int minutes = digits(in, 2);
    in->bad |= hours > 23 || minutes > 59;
    int64_t seconds = hours * INT64_C(3600) + minutes * INT64_C(60);
    return west ? -seconds : seconds;
}

int tg_time_parse(const char *str, size_t len, int64_t *us_r, struct tg_err *err_r)
{
    struct cursor in = {str, str + len, false};
    struct civil c = read_civil(&in);
    if (!in.bad && take(&in, '.'))
        c.micros = fraction(&in, 9);
    int64_t east_s = read_offset(&in);
    if (in.bad || in.at != in.end)
        return tg_err_set(err_r, TG_ERR_INPUT, "not a time like 2026-07-15T10:00:00Z (RFC 3339, with Z or an offset)");
    if (!is_civil(&c))
        return tg_err_set(err_r, TG_ERR_INPUT, "no such date or time of day");
    int64_t us = instant(&c) - east_s * SECOND_US;
    if (us < TG_TIME_MIN_US || us > TG_TIME_MAX_US)
        return tg_err_set(err_r, TG_ERR_INPUT, "the time is outside the years 0001 to 9999 (UTC)");
    *us_r = us;
    return 0;
}

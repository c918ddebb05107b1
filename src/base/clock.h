/* clock - the only source of time.
 *
 * Instants are int64 microseconds since 1970-01-01T00:00:00Z (`_us`), elapsed
 * time comes from the monotonic clock. A test sets the wall clock and moves it;
 * nothing else in Tollgate calls time(), clock_gettime() or gettimeofday().
 */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int64_t tg_clock_now_us(void); /* wall clock, UTC */
uint64_t tg_clock_mono_us(void); /* monotonic, arbitrary origin; never settable */
uint64_t tg_clock_thread_cpu_us(void); /* CPU time of the calling thread; a system call */
/* Freezes the wall clock at now_us (tests); tg_clock_unset() lets it run again. Any thread. */
void tg_clock_set_us(int64_t now_us);
void tg_clock_unset(void);

/* Instants have years 0001-9999 in UTC; the writers below take what is outside as the nearest end. */
#define TG_TIME_MIN_US INT64_C(-62135596800000000)
#define TG_TIME_MAX_US INT64_C(253402300799999999)

#define TG_RFC3339_SIZE 32 /* "2026-07-15T10:00:00.123456Z" and NUL */
/* RFC 3339 in UTC, shortest: no fraction when it is zero, else 3 or 6 digits. */
size_t tg_time_format(int64_t us, char out[static TG_RFC3339_SIZE]);
/* "2026-07-15 10:00:00.123456", as DATETIME(6) takes it. */
size_t tg_time_format_sql(int64_t us, char out[static TG_RFC3339_SIZE]);
/* RFC 3339 date-time with any offset, fraction up to 9 digits (cut to µs, towards the past). Leap second 60 refused. */
int tg_time_parse(const char *str, size_t len, int64_t *us_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

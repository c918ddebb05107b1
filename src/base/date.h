/* date - calendar dates as days since 1970-01-01: no time zone, no lock, the same for every year. */
#ifndef TG_BASE_DATE_H
#define TG_BASE_DATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tg_date {
    int year, month, day; /* month and day from 1 */
};

/* Days since 1970-01-01; the date exists, year >= 1. */
int64_t tg_date_days(int year, int month, int day);
struct tg_date tg_date_of_days(int64_t days);
/* 28 to 31. */
int tg_date_month_days(int year, int month);

#define TG_DATE_SIZE 11 /* "2026-07-15" and NUL */
/* The years 0001 to 9999, asserted. */
void tg_date_format(int64_t days, char out[static TG_DATE_SIZE]);
/* Exactly YYYY-MM-DD, a date that exists (INPUT). */
int tg_date_parse(const char *str, size_t len, int64_t *days_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

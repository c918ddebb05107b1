/* caps_period - dates and billing periods by the wall clock of a zone, for the calendar of rules.
 *
 * A period begins when the anchor does, n units on: the 31st, and where a month has no 31st its last day, so that a
 * subscription of 31 January is due on 28 February and again on 31 March. Each limit is computed from the anchor and
 * not from the one before. Periods are half open and tile: the end of one is the beginning of the next, also where
 * the clock jumps; one that the clock leaves out altogether (Samoa had no 30 December 2011) is empty and never given.
 */
#include "rt/caps.h"

#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/date.h"
#include "rt/caps_zone.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (TG_DAY_S * SECOND_US)
#define STEPS_MAX 4000000 /* days in ten thousand years and some */
#define N_MAX 1000 /* units of a period */

struct local { /* what the wall clock shows */
    int64_t day; /* since 1970-01-01 */
    int64_t of_day_us;
};

static int64_t check_year(lua_State *L, int64_t day, const char *what)
{
    if (day < TG_TIME_MIN_US / DAY_US || day > TG_TIME_MAX_US / DAY_US)
        luaL_error(L, "%s: the year must be from 1 to 9999", what);
    return day;
}

/* The instant at idx by the clock of the zone. */
static struct local check_local(lua_State *L, int idx, GTimeZone *zone, const char *what)
{
    if (!lua_isinteger(L, idx))
        luaL_error(L, "%s: microseconds expected, got %s", what,
                   lua_type(L, idx) == LUA_TNUMBER ? "a float" : luaL_typename(L, idx));
    int64_t at_us = lua_tointeger(L, idx);
    (void)check_year(L, tg_floor_div(at_us, DAY_US), what);
    int64_t local_us = at_us + tg_zone_offset(zone, tg_floor_div(at_us, SECOND_US)) * SECOND_US;
    int64_t day = check_year(L, tg_floor_div(local_us, DAY_US), what);
    return (struct local){day, local_us - day * DAY_US};
}

static int64_t utc_of(GTimeZone *zone, struct local local)
{
    return tg_zone_utc_us(zone, local.day * DAY_US + local.of_day_us);
}

static int64_t check_steps(lua_State *L, int idx, const char *what)
{
    if (!lua_isinteger(L, idx) || lua_tointeger(L, idx) < -STEPS_MAX || lua_tointeger(L, idx) > STEPS_MAX)
        luaL_error(L, "%s: a whole number expected, at most %d", what, STEPS_MAX);
    return lua_tointeger(L, idx);
}

/* --- moving -------------------------------------------------------------------------------------------------------- */

static struct local add_days(lua_State *L, struct local local, int64_t n, const char *what)
{
    local.day = check_year(L, local.day + n, what);
    return local;
}

static int64_t month_of(int64_t day) /* months since year 0 */
{
    struct tg_date date = tg_date_of_days(day);
    return date.year * INT64_C(12) + date.month - 1;
}

/* n months on, at `anchor` of the month or its last day. */
static struct local add_months(lua_State *L, struct local local, int64_t n, int anchor, const char *what)
{
    int64_t months = month_of(local.day) + n;
    if (months < 12 || months >= INT64_C(12) * 10000)
        luaL_error(L, "%s: the year must be from 1 to 9999", what);
    int year = (int)(months / 12), month = (int)(months % 12) + 1, last = tg_date_month_days(year, month);
    local.day = tg_date_days(year, month, anchor < last ? anchor : last);
    return local;
}

/* add_days(at_us, n, timezone): the same time of day */
static int l_add_days(lua_State *L)
{
    GTimeZone *zone = tg_zone_push(L, 3);
    struct local local = check_local(L, 1, zone, "calendar.add_days");
    local = add_days(L, local, check_steps(L, 2, "calendar.add_days"), "calendar.add_days");
    lua_pushinteger(L, utc_of(zone, local));
    return 1;
}

/* add_months(at_us, n, timezone[, day]): the same time of day, at that day of the month (its own) or the last */
static int l_add_months(lua_State *L)
{
    lua_settop(L, 4);
    GTimeZone *zone = tg_zone_push(L, 3);
    struct local local = check_local(L, 1, zone, "calendar.add_months");
    lua_Integer day = luaL_optinteger(L, 4, tg_date_of_days(local.day).day);
    luaL_argcheck(L, day >= 1 && day <= 31, 4, "a day from 1 to 31");
    local = add_months(L, local, check_steps(L, 2, "calendar.add_months"), (int)day, "calendar.add_months");
    lua_pushinteger(L, utc_of(zone, local));
    return 1;
}

/* --- dates --------------------------------------------------------------------------------------------------------- */

/* date(at_us, timezone) → "2026-07-15" */
static int l_date(lua_State *L)
{
    char text[TG_DATE_SIZE];
    tg_date_format(check_local(L, 1, tg_zone_push(L, 2), "calendar.date").day, text);
    lua_pushstring(L, text);
    return 1;
}

/* start_of_day(at_us | date, timezone): the first instant of the day */
static int l_start_of_day(lua_State *L)
{
    struct tg_err err;
    struct local local = {0, 0};
    GTimeZone *zone = tg_zone_push(L, 2);
    if (lua_type(L, 1) != LUA_TSTRING)
        local.day = check_local(L, 1, zone, "calendar.start_of_day").day;
    else if (tg_date_parse(lua_tostring(L, 1), lua_rawlen(L, 1), &local.day, &err) != 0)
        return luaL_error(L, "calendar.start_of_day: %s", err.text);
    lua_pushinteger(L, utc_of(zone, local));
    return 1;
}

/* days_between(from_us, to_us, timezone): how many midnights; negative when `to` is earlier */
static int l_days_between(lua_State *L)
{
    GTimeZone *zone = tg_zone_push(L, 3);
    int64_t from = check_local(L, 1, zone, "calendar.days_between").day;
    lua_pushinteger(L, check_local(L, 2, zone, "calendar.days_between").day - from);
    return 1;
}

/* weekday(at_us, timezone): 1 (Monday) to 7 */
static int l_weekday(lua_State *L)
{
    int64_t day = check_local(L, 1, tg_zone_push(L, 2), "calendar.weekday").day + 3; /* 1970-01-01 was a Thursday */
    lua_pushinteger(L, day - 7 * tg_floor_div(day, 7) + 1);
    return 1;
}

/* --- periods ------------------------------------------------------------------------------------------------------- */

struct period {
    GTimeZone *zone;
    struct local anchor;
    int64_t months, days; /* the length: one of them is 0 */
};

/* Where period `number` begins; the anchor begins number 0. */
static int64_t limit_us(lua_State *L, const struct period *period, int64_t number)
{
    int anchor_day = tg_date_of_days(period->anchor.day).day;
    struct local local = period->months > 0
                             ? add_months(L, period->anchor, number * period->months, anchor_day, "calendar.period")
                             : add_days(L, period->anchor, number * period->days, "calendar.period");
    return utc_of(period->zone, local);
}

static void read_length(lua_State *L, int unit, struct period *period)
{
    static const char *const names[] = {"day", "week", "month", "year", NULL};
    int at = luaL_checkoption(L, unit, NULL, names);
    lua_Integer n = luaL_checkinteger(L, unit + 1);
    luaL_argcheck(L, n >= 1 && n <= N_MAX, unit + 1, "from 1 to 1000");
    period->days = at == 0 ? n : at == 1 ? 7 * n : 0;
    period->months = at == 2 ? n : at == 3 ? 12 * n : 0;
}

/* period(anchor_us, unit, n, timezone, at_us) → from_us, to_us, number: the one that at_us lies in */
static int l_period(lua_State *L)
{
    lua_settop(L, 5);
    struct period period = {.zone = tg_zone_push(L, 4)};
    period.anchor = check_local(L, 1, period.zone, "calendar.period");
    read_length(L, 2, &period);
    int64_t at_day = check_local(L, 5, period.zone, "calendar.period").day, at_us = lua_tointeger(L, 5);
    int64_t number = period.months > 0 /* right, or one beside it */
                         ? tg_floor_div(month_of(at_day) - month_of(period.anchor.day), period.months)
                         : tg_floor_div(at_day - period.anchor.day, period.days);
    while (limit_us(L, &period, number) > at_us)
        number--;
    while (limit_us(L, &period, number + 1) <= at_us)
        number++;
    lua_pushinteger(L, limit_us(L, &period, number));
    lua_pushinteger(L, limit_us(L, &period, number + 1));
    lua_pushinteger(L, number);
    return 3;
}

static const luaL_Reg library[] = {{"add_days", l_add_days},
                                   {"add_months", l_add_months},
                                   {"date", l_date},
                                   {"start_of_day", l_start_of_day},
                                   {"days_between", l_days_between},
                                   {"weekday", l_weekday},
                                   {"period", l_period},
                                   {NULL, NULL}};

void tg_caps_add_periods(lua_State *L)
{
    luaL_setfuncs(L, library, 0);
}

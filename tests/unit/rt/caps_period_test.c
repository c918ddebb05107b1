/* caps_period_test - periods tile, whatever the clock does, and a month's last day stands in for the 31st. */
#include "../../../src/rt/caps_period.c"

#include <lualib.h>

#include "tap.h"

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_requiref(L, "_G", luaopen_base, 1);
    lua_settop(L, 0);
    lua_newtable(L);
    tg_caps_add_periods(L);
    lua_setglobal(L, "calendar");
    return L;
}

static int64_t time_of(const char *text)
{
    struct tg_err err;
    int64_t us = 0;
    ok(tg_time_parse(text, strlen(text), &us, &err) == 0, "%s", text);
    return us;
}

static void is_time(int64_t us, const char *expected)
{
    char text[TG_RFC3339_SIZE];
    tg_time_format(us, text);
    is_str(text, expected);
}

/* What the expression gives, with t() reading a time, as text: times as such, else what Lua prints; or the error. */
static int l_t(lua_State *L)
{
    lua_pushinteger(L, time_of(luaL_checkstring(L, 1)));
    return 1;
}

static const char *eval(lua_State *L, const char *expression)
{
    static char text[200];
    char code[512];
    lua_register(L, "t", l_t);
    snprintf(code, sizeof(code), "return %s", expression);
    lua_settop(L, 0);
    if (luaL_dostring(L, code) == LUA_OK && lua_isinteger(L, 1) && llabs(lua_tointeger(L, 1)) > 10000000)
        tg_time_format(lua_tointeger(L, 1), text);
    else
        snprintf(text, sizeof(text), "%s", luaL_tolstring(L, -1, NULL));
    return text;
}

TEST(dates_move_by_the_wall_clock)
{
    static const struct {
        const char *expression, *expected;
    } cases[] = {
        {"calendar.date(t'2026-07-15T22:30:00Z', 'Europe/Berlin')", "2026-07-16"},
        {"calendar.date(t'0001-01-02T00:00:00Z', 'America/New_York')", "0001-01-01"},
        {"calendar.weekday(t'2026-07-19T21:59:59Z', 'Europe/Berlin')", "7"},
        {"calendar.weekday(t'2026-07-19T22:00:00Z', 'Europe/Berlin')", "1"},
        {"calendar.weekday(t'1969-12-31T00:00:00Z', 'UTC')", "3"},
        {"calendar.days_between(t'2026-03-28T22:59:59Z', t'2026-03-29T22:00:00Z', 'Europe/Berlin')", "2"},
        {"calendar.days_between(t'2026-03-30T00:00:00Z', t'2026-03-28T00:00:00Z', 'UTC')", "-2"},
        {"calendar.start_of_day(t'2026-07-15T10:00:00Z', 'Europe/Berlin')", "2026-07-14T22:00:00Z"},
        {"calendar.start_of_day('2026-07-15', 'America/New_York')", "2026-07-15T04:00:00Z"},
        /* no midnight: Beirut goes from 24:00 to 01:00 */
        {"calendar.start_of_day('2022-03-27', 'Asia/Beirut')", "2022-03-26T22:00:00Z"},
        /* midnight twice: Azores, 01:00 back to 00:00 */
        {"calendar.start_of_day('2026-10-25', 'Atlantic/Azores')", "2026-10-25T00:00:00Z"},
        /* a day that never was */
        {"calendar.start_of_day('2011-12-30', 'Pacific/Apia')", "2011-12-30T10:00:00Z"},
        {"calendar.start_of_day('2011-12-31', 'Pacific/Apia')", "2011-12-30T10:00:00Z"},
        /* the same time of day over a change of the clock; 02:30 does not exist, or does twice */
        {"calendar.add_days(t'2026-03-28T09:00:00Z', 1, 'Europe/Berlin')", "2026-03-29T08:00:00Z"},
        {"calendar.add_days(t'2026-03-28T01:30:00.5Z', 1, 'Europe/Berlin')", "2026-03-29T01:00:00Z"},
        {"calendar.add_days(t'2026-10-24T00:30:00Z', 1, 'Europe/Berlin')", "2026-10-25T00:30:00Z"},
        {"calendar.add_days(t'2026-10-26T00:30:00Z', -1, 'Europe/Berlin')", "2026-10-24T23:30:00Z"},
        {"calendar.add_months(t'2026-01-31T12:00:00Z', 1, 'UTC')", "2026-02-28T12:00:00Z"},
        {"calendar.add_months(t'2026-02-28T12:00:00Z', 1, 'UTC')", "2026-03-28T12:00:00Z"},
        {"calendar.add_months(t'2026-02-28T12:00:00Z', 1, 'UTC', 31)", "2026-03-31T12:00:00Z"},
        {"calendar.add_months(t'2024-02-29T12:00:00Z', 12, 'UTC')", "2025-02-28T12:00:00Z"},
        {"calendar.add_months(t'2024-02-29T12:00:00Z', -1200, 'UTC')", "1924-02-29T12:00:00Z"},
        {"calendar.period(t'2024-02-29T00:00:00Z', 'year', 1, 'UTC', t'2026-02-27T23:59:59Z')", "2025-02-28T00:00:00Z"},
        {"select(3, calendar.period(t'2024-01-31T00:00:00Z', 'month', 3, 'UTC', t'2023-12-01T00:00:00Z'))", "-1"},
        {"select(2, calendar.period(t'2026-07-13T00:00:00Z', 'week', 2, 'UTC', t'2026-08-01T00:00:00Z'))",
         "2026-08-10T00:00:00Z"},
    };
    lua_State *L = open_state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_case("%s", cases[i].expression);
        is_str(eval(L, cases[i].expression), cases[i].expected);
    }
    lua_close(L);
}

TEST(what_is_absurd_is_refused_at_once)
{
    static const struct {
        const char *expression, *why;
    } cases[] = {
        {"calendar.add_days(0, 3000000, 'UTC')", "the year must be from 1 to 9999"},
        {"calendar.add_days(0, math, 'UTC')", "a whole number expected"},
        {"calendar.add_days(0, 1 << 62, 'UTC')", "a whole number expected"},
        {"calendar.add_months(0, -4000000, 'UTC')", "the year must be from 1 to 9999"},
        {"calendar.add_months(0, 1, 'UTC', 32)", "a day from 1 to 31"},
        {"calendar.add_months(1.5, 1, 'UTC')", "microseconds expected, got a float"},
        {"calendar.date(1 << 62, 'UTC')", "the year must be from 1 to 9999"},
        {"calendar.date(-1 << 63, 'UTC')", "the year must be from 1 to 9999"},
        {"calendar.date(0, 'Mars/Olympus')", "there is no zone"},
        {"calendar.start_of_day('2026-02-30', 'UTC')", "not a date"},
        {"calendar.period(0, 'month', 0, 'UTC', 0)", "from 1 to 1000"},
        {"calendar.period(0, 'month', 1001, 'UTC', 0)", "from 1 to 1000"},
        {"calendar.period(0, 'hour', 1, 'UTC', 0)", "invalid option 'hour'"},
        {"calendar.period(0, 'year', 1000, 'UTC', t'9999-12-31T00:00:00Z')", "the year must be from 1 to 9999"},
    };
    lua_State *L = open_state();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_case("%s", cases[i].expression);
        const char *why = eval(L, cases[i].expression);
        ok(strstr(why, cases[i].why) != NULL, "%s", why);
    }
    lua_close(L);
}

/* Calls period; false when it raised. */
static bool period_at(lua_State *L, int64_t anchor, const char *unit, int n, const char *zone, int64_t at,
                      int64_t out[3])
{
    lua_settop(L, 0);
    lua_getglobal(L, "calendar");
    lua_getfield(L, -1, "period");
    lua_pushinteger(L, anchor);
    lua_pushstring(L, unit);
    lua_pushinteger(L, n);
    lua_pushstring(L, zone);
    lua_pushinteger(L, at);
    int status = lua_pcall(L, 5, 3, 0);
    if (!ok(status == LUA_OK, "%s", lua_tostring(L, -1)))
        return false;
    for (int i = 0; i < 3; i++)
        out[i] = lua_tointeger(L, i - 3);
    return true;
}

/* From `at` on, sixty periods each begin where the last ended, hold their two ends and are found from within. */
static void check_tiling(lua_State *L, int64_t anchor, const char *unit, int n, const char *zone, int64_t at)
{
    int64_t last[3], next[3], inside[3];
    if (!period_at(L, anchor, unit, n, zone, at, last))
        return;
    ok(last[0] <= at && at < last[1], "the period holds the instant");
    for (int i = 0; i < 60 && tap.checks_failed == 0; i++) {
        if (!period_at(L, anchor, unit, n, zone, last[1], next) ||
            !period_at(L, anchor, unit, n, zone, next[1] - 1, inside))
            return;
        is_int(next[0], last[1]);
        ok(next[1] > next[0] && next[2] > last[2], "it goes on");
        ok(inside[0] == next[0] && inside[1] == next[1] && inside[2] == next[2], "its last instant is in it");
        memcpy(last, next, sizeof(last));
    }
}

TEST(periods_tile_in_every_zone_from_every_anchor)
{
    static const char *const zones[] = {
        "UTC",          "Europe/Berlin",       "America/New_York", "Asia/Beirut",     "Pacific/Apia",
        "Asia/Kolkata", "Australia/Lord_Howe", "Atlantic/Azores",  "America/St_Johns"};
    static const char *const anchors[] = {"2010-01-31T01:30:00Z", "2011-12-30T23:59:59.999999Z",
                                          "2012-02-29T02:30:00Z", "2009-08-30T00:00:00Z",
                                          "2010-03-28T01:59:00Z", "2008-10-26T00:30:00Z"};
    static const struct {
        const char *unit;
        int n;
    } lengths[] = {{"day", 1}, {"day", 10}, {"week", 1}, {"month", 1}, {"month", 3}, {"year", 1}};
    lua_State *L = open_state();
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++)
        for (size_t a = 0; a < sizeof(anchors) / sizeof(anchors[0]); a++)
            for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]) && tap.checks_failed == 0; l++) {
                tap_case("%s from %s by %d %s", zones[z], anchors[a], lengths[l].n, lengths[l].unit);
                check_tiling(L, time_of(anchors[a]), lengths[l].unit, lengths[l].n, zones[z],
                             time_of("2011-11-20T11:11:11Z"));
            }
    lua_close(L);
}

TEST(a_subscription_of_the_31st_is_due_on_the_last_of_short_months)
{
    static const char *const due[] = {"2027-01-31T09:00:00Z", "2027-02-28T09:00:00Z", "2027-03-31T08:00:00Z",
                                      "2027-04-30T08:00:00Z", "2027-05-31T08:00:00Z"};
    int64_t period[3], anchor = time_of("2026-01-31T09:00:00Z"), at = time_of("2027-01-31T09:00:00Z");
    lua_State *L = open_state();
    for (size_t i = 0; i < sizeof(due) / sizeof(due[0]); i++, at = period[1]) {
        period_at(L, anchor, "month", 1, "Europe/Berlin", at, period);
        is_time(period[0], due[i]);
        is_int(period[2], 12 + (int64_t)i);
    }
    lua_close(L);
}

TAP_MAIN()

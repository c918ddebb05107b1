/* caps_calendar_test - windows are open by the wall clock, also where the wall clock jumps. */
#include "../../../src/rt/caps_calendar.c"

#include <lualib.h>

#include "base/clock.h"

#include "tap.h"

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    tg_caps_push_calendar(L);
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

/* Leaves the windows that the Lua table `text` describes on the stack. */
static struct tg_windows *push_windows(lua_State *L, const char *text, const char *zone)
{
    char code[1024];
    snprintf(code, sizeof(code), "return calendar.windows(%s, '%s')", text, zone);
    if (luaL_dostring(L, code) != LUA_OK)
        return NULL;
    return tg_windows_at(L, -1);
}

static bool is_open(lua_State *L, const struct tg_windows *windows, const char *name, int64_t at_us, int64_t *until_us)
{
    int priority;
    struct tg_windows_arg arg = {L, windows};
    *until_us = INT64_MAX;
    return tg_windows_is_open(name, at_us, &priority, until_us, &arg);
}

TEST(a_window_is_open_from_its_first_minute_to_before_its_last)
{
    static const struct {
        const char *windows, *zone, *at;
        bool open;
        const char *until;
    } cases[] = {
        {"{w = {days = {1,2,3,4,5}, from = '08:00', to = '20:00'}}", "Europe/Berlin", "2026-07-15T05:59:59Z", false,
         "2026-07-15T06:00:00Z"},
        {"{w = {days = {1,2,3,4,5}, from = '08:00', to = '20:00'}}", "Europe/Berlin", "2026-07-15T06:00:00Z", true,
         "2026-07-15T18:00:00Z"},
        {"{w = {days = {1,2,3,4,5}, from = '08:00', to = '20:00'}}", "Europe/Berlin", "2026-07-15T18:00:00Z", false,
         "2026-07-15T22:00:00Z"},
        {"{w = {days = {6}, from = '00:00', to = '24:00'}}", "UTC", "2026-07-18T23:59:59Z", true,
         "2026-07-19T00:00:00Z"},
        {"{w = {days = {6}, from = '00:00', to = '24:00'}}", "UTC", "2026-07-19T00:00:00Z", false,
         "2026-07-20T00:00:00Z"},
        /* over midnight: Friday's night ends on Saturday, Thursday's is none */
        {"{w = {days = {5}, from = '22:00', to = '06:00'}}", "UTC", "2026-07-18T05:59:59Z", true,
         "2026-07-18T06:00:00Z"},
        {"{w = {days = {5}, from = '22:00', to = '06:00'}}", "UTC", "2026-07-17T05:59:59Z", false,
         "2026-07-17T06:00:00Z"},
        /* a holiday opens it on its day; a night that begins on it goes on into the next */
        {"{w = {days = {7}, holidays = {'2026-12-25'}, from = '20:00', to = '04:00'}}", "UTC", "2026-12-26T03:00:00Z",
         true, "2026-12-26T04:00:00Z"},
        {"{w = {holidays = {'2026-12-25'}}}", "UTC", "2026-12-25T00:00:00Z", true, "2026-12-26T00:00:00Z"},
        {"{w = {holidays = {'2026-12-25'}}}", "UTC", "2026-12-24T00:00:00Z", false, "2026-12-25T00:00:00Z"},
        /* without days it is every day, from = to is all day */
        {"{w = {from = '09:30', to = '10:00:30'}}", "UTC", "2026-07-19T10:00:29Z", true, "2026-07-19T10:00:30Z"},
        {"{w = {from = '09:30', to = '09:30'}}", "UTC", "2026-07-19T03:00:00Z", true, "2026-07-19T09:30:00Z"},
        /* Berlin 2026-03-29: 02:00 to 03:00 never occurs, so the change of offset is the next limit */
        {"{w = {from = '22:00', to = '02:30'}}", "Europe/Berlin", "2026-03-29T00:50:00Z", true, "2026-03-29T01:00:00Z"},
        {"{w = {from = '22:00', to = '02:30'}}", "Europe/Berlin", "2026-03-29T01:00:00Z", false,
         "2026-03-29T20:00:00Z"},
        /* Berlin 2026-10-25: 02:00 to 03:00 occurs twice */
        {"{w = {from = '22:00', to = '02:30'}}", "Europe/Berlin", "2026-10-25T00:29:59Z", true, "2026-10-25T00:30:00Z"},
        {"{w = {from = '22:00', to = '02:30'}}", "Europe/Berlin", "2026-10-25T00:30:00Z", false,
         "2026-10-25T01:00:00Z"},
        {"{w = {from = '22:00', to = '02:30'}}", "Europe/Berlin", "2026-10-25T01:00:00Z", true, "2026-10-25T01:30:00Z"},
        /* half an hour of daylight saving, and before 1970 */
        {"{w = {from = '00:00', to = '01:45'}}", "Australia/Lord_Howe", "2026-04-04T14:50:00Z", false,
         "2026-04-04T15:00:00Z"},
        {"{w = {from = '08:00', to = '20:00'}}", "UTC", "1969-12-31T19:59:59Z", true, "1969-12-31T20:00:00Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t until;
        char text[TG_RFC3339_SIZE];
        lua_State *L = open_state();
        tap_case("%s at %s", cases[i].windows, cases[i].at);
        struct tg_windows *windows = push_windows(L, cases[i].windows, cases[i].zone);
        if (ok(windows != NULL, "%s", lua_tostring(L, -1))) {
            is_int(is_open(L, windows, "w", time_of(cases[i].at), &until), cases[i].open);
            tg_time_format(until, text);
            is_str(text, cases[i].until);
        }
        lua_close(L);
    }
}

TEST(the_answer_holds_until_it_is_said_to_end_in_every_zone)
{
    static const char *const zones[] = {
        "UTC",          "Europe/Berlin",    "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
        "Pacific/Apia", "America/Sao_Paulo"};
    static const char *const weeks[] = {"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z", "2026-03-06T00:00:00Z",
                                        "2026-10-30T00:00:00Z", "2026-04-03T00:00:00Z", "2011-12-28T00:00:00Z"};
    for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++)
        for (size_t w = 0; w < sizeof(weeks) / sizeof(weeks[0]); w++) {
            lua_State *L = open_state();
            tap_case("%s %s", zones[z], weeks[w]);
            struct tg_windows *windows =
                push_windows(L, "{a = {days = {5,7}, from = '22:15', to = '02:45'}}", zones[z]);
            int64_t at = time_of(weeks[w]), end = at + INT64_C(5) * TG_DAY_S * 1000000, until = at, ignored;
            bool open = false;
            for (; at < end; at += 60000000) {
                bool now = is_open(L, windows, "a", at, &ignored);
                if (at < until && !ok(now == open, "changed before it said so"))
                    break;
                if (at >= until)
                    open = is_open(L, windows, "a", at, &until);
                if (!ok(until > at, "it never ends before it begins"))
                    break;
            }
            lua_close(L);
        }
}

TEST(holidays_and_weekends_come_before_named_windows_unless_the_plan_says_otherwise)
{
    static const struct {
        const char *window;
        int priority;
    } cases[] = {{"{days = {1}}", 1},
                 {"{days = {6,7}}", 2},
                 {"{days = {5,6}}", 1},
                 {"{holidays = {'2026-12-25'}}", 2},
                 {"{}", 1},
                 {"{days = {}}", 1},
                 {"{days = {6}, priority = 0}", 0},
                 {"{priority = 9}", 9}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        int priority = -1;
        int64_t until = INT64_MAX;
        lua_State *L = open_state();
        tap_case("%s", cases[i].window);
        snprintf(text, sizeof(text), "{w = %s}", cases[i].window);
        struct tg_windows_arg arg = {L, push_windows(L, text, "UTC")};
        (void)tg_windows_is_open("w", 0, &priority, &until, &arg);
        is_int(priority, cases[i].priority);
        lua_close(L);
    }
}

TEST(a_plan_that_cannot_be_read_says_which_field)
{
    static const struct {
        const char *code, *why;
    } cases[] = {
        {"return calendar.windows({w = {days = {0}}}, 'UTC')", "windows.w.days"},
        {"return calendar.windows({w = {days = {8}}}, 'UTC')", "windows.w.days"},
        {"return calendar.windows({w = {days = 'Mo'}}, 'UTC')", "windows.w.days"},
        {"return calendar.windows({w = {from = '8:00'}}, 'UTC')", "windows.w.from: a time like 08:00"},
        {"return calendar.windows({w = {from = '08:60'}}, 'UTC')", "windows.w.from"},
        {"return calendar.windows({w = {to = '24:01'}}, 'UTC')", "windows.w.to"},
        {"return calendar.windows({w = {to = 'ab:cd'}}, 'UTC')", "windows.w.to"},
        {"return calendar.windows({w = {to = 8}}, 'UTC')", "windows.w.to"},
        {"return calendar.windows({w = {from = '08:00:61'}}, 'UTC')", "windows.w.from"},
        {"return calendar.windows({w = {holidays = {'2026-02-30'}}}, 'UTC')", "windows.w.holidays"},
        {"return calendar.windows({w = {holidays = {'25.12.2026'}}}, 'UTC')", "windows.w.holidays"},
        {"return calendar.windows({w = {holidays = 7}}, 'UTC')", "windows.w.holidays"},
        {"return calendar.windows({w = {priority = -1}}, 'UTC')", "windows.w.priority"},
        {"return calendar.windows({w = {priority = '1'}}, 'UTC')", "windows.w.priority"},
        {"return calendar.windows({{}}, 'UTC')", "a table of windows by name"},
        {"return calendar.windows({[('x'):rep(32)] = {}}, 'UTC')", "1 to 31 characters"},
        {"local t = {} for i = 1, 33 do t['w' .. i] = {} end return calendar.windows(t, 'UTC')", "at most 32"},
        {"local t = {} for i = 1, 2001 do t[i] = '2026-01-01' end return calendar.windows({w = {holidays = t}}, 'UTC')",
         "2000 holidays"},
        {"return calendar.windows({}, 'Mars/Base')", "there is no zone 'Mars/Base'"},
        {"return calendar.windows({}, 'Europe//Berlin')", "there is no zone 'Europe//Berlin'"},
        {"return calendar.windows({}, '../../etc/passwd')", "there is no zone"},
        {"return calendar.windows({}, '')", "there is no zone"},
        {"return calendar.windows(7, 'UTC')", "table expected"},
        {"return calendar.is_open(7, 'w', 0)", "windows expected"},
        {"return calendar.is_open(calendar.windows({}, 'UTC'), 'w', 0)",
         "the window 'w', which the plan does not have"},
        {"return calendar.local_time(math.maxinteger, 'UTC')", "year must be"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lua_State *L = open_state();
        luaL_requiref(L, "string", luaopen_string, 1);
        luaL_requiref(L, "math", luaopen_math, 1);
        lua_settop(L, 0);
        tap_case("%s", cases[i].code);
        is_true(luaL_dostring(L, cases[i].code));
        tap_contains(__FILE__, __LINE__, lua_tostring(L, -1), cases[i].why);
        lua_close(L);
    }
}

TEST(local_time_says_date_weekday_and_offset)
{
    lua_State *L = open_state();
    is_int(luaL_dostring(L,
                         "local t = calendar.local_time(1784138370000000, 'Europe/Berlin')\n"
                         "return t.year * 10000 + t.month * 100 + t.day, t.hour * 10000 + t.minute * 100 + t.second,\n"
                         "t.weekday, t.offset_s"),
           LUA_OK);
    is_int(lua_tointeger(L, -4), 20260715);
    is_int(lua_tointeger(L, -3), 195930);
    is_int(lua_tointeger(L, -2), 3);
    is_int(lua_tointeger(L, -1), 7200);
    lua_close(L);
}

TEST(other_userdata_are_no_windows)
{
    lua_State *L = open_state();
    lua_newuserdatauv(L, 8, 0);
    is_true(tg_windows_at(L, -1) == NULL);
    lua_newtable(L);
    lua_setmetatable(L, -2);
    is_true(tg_windows_at(L, -1) == NULL);
    lua_pushinteger(L, 1);
    is_true(tg_windows_at(L, -1) == NULL);
    lua_close(L);
}

TAP_MAIN()

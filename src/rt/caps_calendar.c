/* caps_calendar - local time, weekdays and the windows of a plan, as a capability of rules.
 *
 * A window is open by the wall clock of the plan's zone (rating.md R9): a local time that never occurs is never met,
 * one that occurs twice is met twice. When the answer may change is the next limit of the window, midnight or change
 * of the zone's offset, whichever comes first; too early is harmless, it costs one more question.
 */
#include "rt/caps.h"

#include <assert.h>
#include <string.h>

#include <lauxlib.h>

#include "base/date.h"
#include "rt/caps_zone.h"
#include "rt/freeze.h"

#define WINDOWS_MAX 32
#define HOLIDAYS_MAX 2000 /* of all windows of a plan */
#define ALL_DAYS 0x7f
#define WEEKEND 0x60

struct window {
    char name[32];
    int32_t from_s, to_s; /* of the local day; to <= from: over midnight */
    int32_t priority;
    uint8_t days; /* bit 0: Monday */
    uint16_t first_holiday, n_holidays;
};

struct tg_windows {
    GTimeZone *zone; /* borrowed: the userdata's user value holds it */
    uint16_t n, n_holidays;
    struct window list[WINDOWS_MAX];
    int32_t holidays[]; /* days since 1970-01-01, local */
};

static const char windows_key; /* its address keys the metatable */

/* --- reading the windows of a plan ------------------------------------------------------------------------------------ */

static int32_t read_two(lua_State *L, const char *text, const char *where)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        luaL_error(L, "%s", where);
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* HH:MM or HH:MM:SS, up to 24:00; absent: the given one. */
static int32_t read_clock(lua_State *L, int window, const char *field, int32_t absent_s, const char *name)
{
    int type = lua_getfield(L, window, field);
    size_t len = 0;
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    const char *where = lua_pushfstring(L, "windows.%s.%s: a time like 08:00 expected", name, field);
    int32_t s = absent_s;
    if (type != LUA_TNIL) {
        if (!((len == 5 || len == 8) && text[2] == ':' && (len == 5 || text[5] == ':')))
            luaL_error(L, "%s", where);
        s = read_two(L, text, where) * 3600 + read_two(L, text + 3, where) * 60;
        int32_t second = len == 8 ? read_two(L, text + 6, where) : 0;
        if (text[3] > '5' || second > 59 || s + second > TG_DAY_S)
            luaL_error(L, "%s", where);
        s += second;
    }
    lua_pop(L, 2);
    return s;
}

static uint8_t read_days(lua_State *L, int window, uint8_t absent, const char *name)
{
    uint8_t days = 0;
    int type = lua_getfield(L, window, "days");
    (void)tg_frozen_open(L, -1);
    if (type == LUA_TNIL)
        days = absent;
    else if (type != LUA_TTABLE || lua_rawlen(L, -1) > 7) /* longer ones take time in which no limit looks */
        luaL_error(L, "windows.%s.days: a list of 1 (Monday) to 7 expected", name);
    else
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++) {
            lua_rawgeti(L, -1, i);
            lua_Integer day = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
            if (day < 1 || day > 7)
                luaL_error(L, "windows.%s.days: a list of 1 (Monday) to 7 expected", name);
            days |= (uint8_t)(1u << (day - 1));
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
    return days;
}

/* The date on the top, "2026-12-25", as days since 1970-01-01. */
static int32_t read_date(lua_State *L, const char *name)
{
    struct tg_err err;
    int64_t days;
    size_t len = 0;
    const char *date = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : "";
    if (tg_date_parse(date, len, &days, &err) == 0)
        return (int32_t)days;
    return luaL_error(L, "windows.%s.holidays: a list of dates like 2026-12-25 expected", name);
}

/* Pushes the window's list of holidays or nil and says how long it is. */
static lua_Integer push_holidays(lua_State *L, int window, const char *name)
{
    int type = lua_getfield(L, window, "holidays");
    (void)tg_frozen_open(L, -1);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "windows.%s.holidays: a list of dates expected", name);
    return type == LUA_TNIL ? 0 : (lua_Integer)lua_rawlen(L, -1);
}

/* Without a list of days a window with holidays is for those only, one without for every day. */
static void read_window(lua_State *L, int window_at, struct tg_windows *windows)
{
    struct window *window = &windows->list[windows->n++];
    window->first_holiday = windows->n_holidays;
    lua_Integer n = push_holidays(L, window_at, window->name);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        windows->holidays[windows->n_holidays++] = read_date(L, window->name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    window->n_holidays = (uint16_t)n;
    window->days = read_days(L, window_at, n > 0 ? 0 : ALL_DAYS, window->name);
    window->from_s = read_clock(L, window_at, "from", 0, window->name);
    window->to_s = read_clock(L, window_at, "to", TG_DAY_S, window->name);
    /* R5: holiday and weekend before a named window before none */
    window->priority = n > 0 || (window->days != 0 && (window->days & ~WEEKEND) == 0) ? 2 : 1;
    if (lua_getfield(L, window_at, "priority") != LUA_TNIL) {
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0 || lua_tointeger(L, -1) > 1000000)
            luaL_error(L, "windows.%s.priority: a whole number from 0 to 1000000 expected", window->name);
        window->priority = (int32_t)lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
}

/* Counts what the table of windows at idx holds, so that one block of memory takes it. */
static lua_Integer count_holidays(lua_State *L, int idx)
{
    lua_Integer n_windows = 0, n_holidays = 0;
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        size_t len;
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TTABLE)
            luaL_error(L, "windows: a table of windows by name expected");
        const char *name = lua_tolstring(L, -2, &len);
        if (len == 0 || len > 31 || strlen(name) != len)
            luaL_error(L, "windows: a name has 1 to 31 characters");
        n_holidays += push_holidays(L, lua_gettop(L), name);
        lua_pop(L, 1);
        if (++n_windows > WINDOWS_MAX || n_holidays > HOLIDAYS_MAX)
            luaL_error(L, "windows: at most %d with %d holidays", WINDOWS_MAX, HOLIDAYS_MAX);
    }
    return n_holidays;
}

/* windows(table, timezone) → the windows of a plan: { peak = {days = {1,2}, from = "08:00", to = "20:00", priority?,
 * holidays = {"2026-12-25"}?}, … } */
static int l_windows(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    (void)tg_frozen_open(L, 1);
    GTimeZone *zone = tg_zone_push(L, 2);
    lua_Integer n_holidays = count_holidays(L, 1);
    struct tg_windows *windows =
        lua_newuserdatauv(L, sizeof(*windows) + (size_t)n_holidays * sizeof(windows->holidays[0]), 1);
    memset(windows, 0, sizeof(*windows));
    windows->zone = zone;
    tg_zone_push_metatable(L, &windows_key, NULL);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 4, 1);
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        struct window *window = &windows->list[windows->n];
        memcpy(window->name, lua_tostring(L, -2), lua_rawlen(L, -2) + 1); /* measured by count_holidays */
        read_window(L, lua_gettop(L), windows);
    }
    return 1;
}

struct tg_windows *tg_windows_at(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx))
        return NULL;
    tg_zone_push_metatable(L, &windows_key, NULL);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? lua_touserdata(L, idx) : NULL;
}

/* --- asking a window --------------------------------------------------------------------------------------------------- */

static bool has_day(const struct tg_windows *windows, const struct window *window, int64_t day)
{
    int64_t weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    if (window->days >> (weekday < 0 ? weekday + 7 : weekday) & 1)
        return true;
    for (unsigned i = 0; i < window->n_holidays; i++)
        if (windows->holidays[window->first_holiday + i] == day)
            return true;
    return false;
}

/* A window over midnight belongs to the day it starts on. */
static bool is_open_at(const struct tg_windows *windows, const struct window *window, int64_t day, int64_t second)
{
    if (window->from_s < window->to_s)
        return second >= window->from_s && second < window->to_s && has_day(windows, window, day);
    return (second >= window->from_s && has_day(windows, window, day)) ||
           (second < window->to_s && has_day(windows, window, day - 1));
}

static bool ask_window(const struct tg_windows *windows, const struct window *window, int64_t at_us,
                       int64_t *until_us_r)
{
    int64_t at_s = tg_floor_div(at_us, 1000000);
    int64_t local_s = at_s + tg_zone_offset(windows->zone, at_s);
    int64_t day = tg_floor_div(local_s, TG_DAY_S), second = local_s - day * TG_DAY_S, limit = TG_DAY_S;
    if (window->from_s > second && window->from_s < limit)
        limit = window->from_s;
    if (window->to_s > second && window->to_s < limit)
        limit = window->to_s;
    int64_t until_us = tg_zone_next_change(windows->zone, at_s, at_s + (limit - second)) * 1000000;
    if (until_us < *until_us_r)
        *until_us_r = until_us;
    return is_open_at(windows, window, day, second);
}

static const struct window *find_window(const struct tg_windows *windows, const char *name)
{
    for (unsigned i = 0; windows != NULL && i < windows->n; i++)
        if (strcmp(windows->list[i].name, name) == 0)
            return &windows->list[i];
    return NULL;
}

bool tg_windows_is_open(const char *when, int64_t at_us, int *priority_r, int64_t *until_us_r, void *arg)
{
    struct tg_windows_arg *in = arg;
    const struct window *window = find_window(in->windows, when);
    if (window == NULL)
        luaL_error(in->L, "the deck prices in the window '%s', which the plan does not have", when);
    *priority_r = window->priority;
    return ask_window(in->windows, window, at_us, until_us_r);
}

/* is_open(windows, name, at_us) → open, until_us */
static int l_is_open(lua_State *L)
{
    int priority;
    int64_t until_us = INT64_MAX;
    struct tg_windows_arg arg = {L, tg_windows_at(L, 1)};
    luaL_argcheck(L, arg.windows != NULL, 1, "windows expected");
    bool open = tg_windows_is_open(luaL_checkstring(L, 2), luaL_checkinteger(L, 3), &priority, &until_us, &arg);
    lua_pushboolean(L, open);
    lua_pushinteger(L, until_us);
    return 2;
}

/* --- local time -------------------------------------------------------------------------------------------------------- */

static void set_int(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* local_time(at_us, timezone) → {year month day hour minute second weekday offset_s}; weekday 1 is Monday */
static int l_local_time(lua_State *L)
{
    int64_t at_us = luaL_checkinteger(L, 1);
    GTimeZone *zone = tg_zone_push(L, 2);
    int64_t at_s = tg_floor_div(at_us, 1000000), offset_s = tg_zone_offset(zone, at_s), local_s = at_s + offset_s;
    int64_t day = tg_floor_div(local_s, TG_DAY_S), second = local_s - day * TG_DAY_S;
    struct tg_date date = tg_date_of_days(day);
    if (date.year < 1 || date.year > 9999)
        return luaL_error(L, "calendar.local_time: the year must be from 1 to 9999");
    lua_createtable(L, 0, 8);
    set_int(L, "year", date.year);
    set_int(L, "month", date.month);
    set_int(L, "day", date.day);
    set_int(L, "hour", second / 3600);
    set_int(L, "minute", second / 60 % 60);
    set_int(L, "second", second % 60);
    set_int(L, "weekday", day + 3 - 7 * tg_floor_div(day + 3, 7) + 1); /* 1970-01-01 was a Thursday */
    set_int(L, "offset_s", offset_s);
    return 1;
}

static const luaL_Reg library[] = {{"windows", l_windows},
                                   {"is_open", l_is_open},
                                   {"local_time", l_local_time},
                                   {NULL, NULL}};

void tg_caps_push_calendar(lua_State *L)
{
    luaL_newlib(L, library);
    tg_caps_add_periods(L);
}

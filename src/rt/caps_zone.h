/* caps_zone - time zones for the calendar of rules: what caps_calendar.c and caps_period.c share.
 *
 * Zones come from the system's tz database through GLib, which keeps them; a state remembers the ones it has met.
 * Seconds are counted from 1970-01-01, `at_s` in UTC, `local_s` by the wall clock of the zone.
 */
#ifndef TG_RT_CAPS_ZONE_H
#define TG_RT_CAPS_ZONE_H

#include <stdint.h>

#include <glib.h>
#include <lua.h>

#define TG_DAY_S INT64_C(86400)

/* Divides towards the past. */
int64_t tg_floor_div(int64_t a, int64_t b);
/* The zone that the string at idx names; pushes the userdata that holds it. Raises when there is none. */
GTimeZone *tg_zone_push(lua_State *L, int idx);
/* Seconds east of UTC. */
int64_t tg_zone_offset(GTimeZone *zone, int64_t at_s);
/* The first second in (at_s, end_s] that belongs to another interval of the zone than at_s, or end_s. The span is a
 * day at most and zones do not change twice in one, so halving finds it. */
int64_t tg_zone_next_change(GTimeZone *zone, int64_t at_s, int64_t end_s);
/* The instant at which the wall clock shows local_us: of two the first; the end of the gap when it never does. A later
 * time of the wall clock is never an earlier instant. */
int64_t tg_zone_utc_us(GTimeZone *zone, int64_t local_us);
/* Pushes the metatable of userdata of ours that `key` names, made at first need. */
void tg_zone_push_metatable(lua_State *L, const char *key, lua_CFunction gc);

#endif

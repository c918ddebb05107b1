/* caps - what a rule may call: capabilities over values and over a snapshot that is taken for one call.
 *
 * Everything here is pure or reads the snapshot: no file, no socket, no clock. The same code is in the server's rule
 * VMs and, as tgcaps.so, under busted. Functions raise on wrong arguments (a bug of the rule), and return nil when
 * the world has no answer.
 *
 * The names of capabilities are decimal, money, deck, fx, calendar, flags, text, log.
 */
#ifndef TG_RT_CAPS_H
#define TG_RT_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <lua.h>

#include "base/strbuf.h"
#include "rt/deck.h"
#include "rt/fxtable.h"

/* What the capabilities of one state look at and report to. It outlives the state. */
struct tg_caps {
    const struct tg_deck *deck; /* of the running call; NULL: any lookup finds nothing */
    const struct tg_fx *fx; /* likewise; NULL: no rate is known */
    const json_t *flags; /* likewise, an object; NULL: all are off */
    const char *tag; /* name of the running rule, stands in its log lines */
    uint32_t n_logged; /* lines of the running call */
    struct tg_strbuf *log; /* takes them, "warn the text\n" each; NULL: they go to the log */
    bool killed; /* a limit was met: no pcall of the rule goes on from there */
};
#define TG_CAPS_LOGGED_MAX 10 /* lines of one call; what is more is dropped */

/* Pushes the capability `name` as a read-only table; false (nothing pushed) when there is none of that name. */
bool tg_caps_push(lua_State *L, const char *name, struct tg_caps *caps);

/* caps_box.c - the environment of rules. Pushes the table that becomes _ENV: only the names of the table (of
 * lua/core/allow.lua) at `allow`: { base = {"assert", …}, string = {…}, … }. Raises when it names what is not ours to give. */
void tg_caps_push_env(lua_State *L, int allow, struct tg_caps *caps);
/* Pushes an `allow` with every name there is. */
void tg_caps_push_allow_all(lua_State *L);
/* Gives strings a locked metatable: ("x"):len() and the like use the same functions, "10" + 1 is an error. For a state
 * that runs nothing but rules. */
void tg_caps_lock_strings(lua_State *L, int env);

/* caps_money.c, caps_fx.c, caps_flags.c */
void tg_caps_push_money(lua_State *L);
void tg_caps_push_fx(lua_State *L, struct tg_caps *caps);
void tg_caps_push_flags(lua_State *L, struct tg_caps *caps);

/* caps_calendar.c - local time, weekdays and the windows of a plan. */
void tg_caps_push_calendar(lua_State *L);
/* caps_period.c - adds the functions of dates and billing periods to the library on the top. */
void tg_caps_add_periods(lua_State *L);
struct tg_windows; /* a userdata of that library */
/* The windows at idx, or NULL when there is something else. */
struct tg_windows *tg_windows_at(lua_State *L, int idx);
/* A tg_deck_window_fn; arg is a struct tg_windows_arg. Raises when the plan has no such window. */
struct tg_windows_arg {
    lua_State *L;
    const struct tg_windows *windows; /* NULL: the plan has none */
};
bool tg_windows_is_open(const char *when, int64_t at_us, int *priority_r, int64_t *until_us_r, void *arg);

/* tgcaps.so for tests: { environment(allow), caps(needs, deck), deck(rows), deck_from_csv(text) }. */
int luaopen_tgcaps(lua_State *L);

#endif

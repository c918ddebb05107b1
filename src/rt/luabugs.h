/* luabugs - which known bugs the linked Lua has, and what of ours keeps each out of reach.
 *
 * Debian 12 links 5.4.4 with two patches of its own, another machine another 5.4: so the library is asked, not its
 * version, wherever a bug can be tried. What may crash is tried in a forked child. Where nothing can be tried (it takes
 * a debug build, or an address space to fill) the version decides.
 *
 * The bugs, by the commit of github.com/lua/lua that repaired them, with the release that has it:
 *
 *   concat_stack     603b2c64 5.4.5  .. uses a stale pointer when its metamethod moves the stack: SIGSEGV.
 *                                    No setmetatable in rules; no value of ours has that metamethod (scripts/tidy.lua)
 *   coroutine_close  1e64c139 5.4.5  closing a chain of coroutines overflows the C stack. No coroutines in rules
 *   rep_of_nothing   5cfc725a -      string.rep("", 2^40) loops in C. Ours is bounded (caps_box.c)
 *   index_by_comparison 782ef85b 5.4.8  t[a > b] of an outer table is compiled wrongly. Publishing refuses it (purity.h)
 *   bits_of_constants c764ca71 5.4.5 1 ~ (a or b) among many constants is compiled wrongly. Publishing refuses it
 *   error_of_a_chain 7923dbbf 5.4.7  an error at the end of a.b.c… takes the square of its length and a C frame a step.
 *                                    Publishing refuses more than 32 steps
 *   env_constant     1f3c6f45 5.4.5  CVE-2022-28805: _ENV as a <const>. Debian has patched it
 *   break_and_close  997f11f5 5.4.5  break leaves a for without closing its fourth value. Nothing can be closed in rules
 *   line_of_division 02bab9fc 5.4.5  an error in n // 0 or n % 0 has the line of another instruction. Lived with
 *   strcoll_length   f623b969 5.4.7  comparing texts reads too far where a locale makes different lengths equal. The
 *                                    program stays in the locale C
 *   weak_newindex    983bc433 5.4.8  a weak metatable is used after it was freed. No setmetatable in rules
 *   settop_close     196bb94d 5.4.5  lua_settop() with values to close. No C of ours has any
 *   error_of_errors  25da574f 5.4.8  no memory for "error in error handling" aborts. Our handler calls no Lua, and
 *                                    allocates nothing
 *   concat_overflow  5853c37a 5.4.7  .. of texts near the size of the address space. Memory is capped
 *   traceback_slots  2db966fc 5.4.7  luaL_traceback() needs more stack than it asks for. A rule's trace is made without
 *   hook_that_yields e288c5a9 5.4.7  yielding in a hook stops at another instruction. Our hooks raise, or return
 */
#ifndef TG_RT_LUABUGS_H
#define TG_RT_LUABUGS_H

#include <stdbool.h>
#include <stddef.h>

enum tg_luabug_state { TG_LUABUG_ABSENT, TG_LUABUG_PRESENT };

struct tg_luabug {
    const char *name, *defence;
    bool was_tried; /* else it is known by the version */
    enum tg_luabug_state state;
};

#define TG_LUABUGS_MAX 32

/* Tries all; returns how many there are to know. Takes 20 ms; forks, so the process has one thread. */
size_t tg_luabugs_try(struct tg_luabug list_r[static TG_LUABUGS_MAX]);
/* "Lua 5.4.4", of the library that is linked, not of the header. */
const char *tg_lua_version(void);
/* Says in the log what was found: rt_lua_checked. */
void tg_luabugs_log(void);

#endif

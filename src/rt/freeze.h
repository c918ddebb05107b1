/* freeze - tables that outlive a call become read-only, whole: so that no call leaves anything behind for the next.
 *
 * A frozen table is an empty one in front of it, whose metatable reads from it and refuses to write. Whoever reads a
 * rule's values from C without metamethods (lua_rawgeti, lua_rawlen, lua_next) opens them first.
 */
#ifndef TG_RT_FREEZE_H
#define TG_RT_FREEZE_H

#include <stdbool.h>

#include <lua.h>

/* Replaces the table on the top by a read-only one; a function stays what it is. Goes through everything that can be
 * reached from there: tables in tables, and what Lua functions keep in their upvalues, which are set to the frozen
 * tables; what is frozen already stays. Writing raises "<what> is read-only", where what is inside goes by its key or
 * the variable's name. strict: reading a name that the table on the top has not raises "<what> has no 'x'", from inside
 * its own functions too; else it is nil. Raises when a table is a key: as what is frozen it would not be found. */
void tg_freeze(lua_State *L, const char *what, bool strict);
/* If the value at idx is a frozen table, puts there the table behind it, for reading. */
bool tg_frozen_open(lua_State *L, int idx);
/* Puts a plain copy at idx, whole. Raises when it is deeper than 16. */
void tg_thaw(lua_State *L, int idx);

#endif

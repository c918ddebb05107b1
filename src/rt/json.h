/* json - JSON between Lua and text.
 *
 * Parsing (jansson): duplicates, bad UTF-8, NaN, depth > 64 refused; integers stay 64-bit integers (beyond: an
 * error that names the place); a fraction becomes a decimal (rt/num.h) when it has at most 12 places, else an
 * error; null → tg.json.null; arrays carry the metatable tg.json.array, so that [] stays [].
 * Writing: tables with that metatable (or a border > 0 and only integer keys) are arrays, keys of objects are
 * sorted; integers exact; floats refused; decimals as strings; {} is an object.
 */
#ifndef TG_RT_JSON_H
#define TG_RT_JSON_H

#include <lua.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Pushes the value; on failure pushes nothing; text says line, column and what. Call it protected. */
int tg_json_push(lua_State *L, const char *text, size_t len, struct tg_err *err_r) TG_MUST_CHECK;
/* Appends the value at idx; -1 (BUG) names the path of what cannot be written. */
int tg_json_write(lua_State *L, int idx, struct tg_strbuf *out, struct tg_err *err_r) TG_MUST_CHECK;
/* Marks the table at idx as an array. */
void tg_json_mark_array(lua_State *L, int idx);
void tg_json_open(lua_State *L); /* pushes the tg.json library */

#endif

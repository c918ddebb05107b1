/* json - JSON between Lua and text.
 *
 * Parsing (our own: jansson would make a float of a fraction): duplicates, bad UTF-8, NUL, NaN, depth > 64 refused;
 * integers stay 64-bit integers (beyond: an error that names the place); a fraction or exponent makes a decimal
 * (rt/num.h) when it has at most 12 places, else an error; null → tg.json.null; arrays are marked (a metatable;
 * tg.json.array{} marks), so that [] stays [].
 * decode_rounded() is for bodies of others, who compute with doubles: there 0.0034999999999999996 becomes 0.0035, half to
 * the even neighbour, and an integer beyond 64 bits a decimal.
 * Writing: marked tables (or those with only integer keys) are arrays, keys of objects are sorted; integers exact;
 * floats, holes and mixed tables refused; decimals as strings; {} is an object.
 */
#ifndef TG_RT_JSON_H
#define TG_RT_JSON_H

#include <stdbool.h>

#include <lua.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Pushes the value; on failure pushes nothing; text says line, column and what. Call it protected. */
int tg_json_push(lua_State *L, const char *text, size_t len, struct tg_err *err_r) TG_MUST_CHECK;
/* Appends the value at idx; -1 (BUG) names the path of what cannot be written. */
int tg_json_write(lua_State *L, int idx, struct tg_strbuf *out, struct tg_err *err_r) TG_MUST_CHECK;
/* Marks the table at idx as an array. */
void tg_json_mark_array(lua_State *L, int idx);
bool tg_json_is_array(lua_State *L, int idx); /* marked as one */
void tg_json_push_null(lua_State *L); /* tg.json.null */
bool tg_json_is_null(lua_State *L, int idx);
void tg_json_open(lua_State *L); /* pushes the tg.json library */

#endif

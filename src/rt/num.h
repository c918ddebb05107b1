/* num - decimals as Lua values: userdata with arithmetic, for application and
 * rule VMs alike (no __concat, see architecture.md: it can crash Lua 5.4.4). */
#ifndef TG_RT_NUM_H
#define TG_RT_NUM_H

#include <stdbool.h>

#include <lua.h>

#include "base/decimal.h"

void tg_num_push(lua_State *L, struct tg_decimal d);
/* The decimal at idx: userdata, a Lua integer, or a string that parses; raises "<what>: …" on anything else. */
struct tg_decimal tg_num_check(lua_State *L, int idx, const char *what);
bool tg_num_is(lua_State *L, int idx); /* decimal userdata */
/* Pushes the library: new(x) add sub mul div muldiv round format cmp min max is_decimal; userdata has + - unary- == < <= tostring. */
void tg_num_open(lua_State *L);

#endif

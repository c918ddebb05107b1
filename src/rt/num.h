/* num - decimals as Lua values: userdata with arithmetic, for application and
 * rule VMs alike. No __concat: one that grows the stack crashes Lua 5.4.4 (fixed by
 * upstream commit 603b2c64, not in Debian 12). */
#ifndef TG_RT_NUM_H
#define TG_RT_NUM_H

#include <stdbool.h>

#include <lua.h>

#include "base/decimal.h"

void tg_num_push(lua_State *L, struct tg_decimal d);
/* The decimal at idx: userdata, a Lua integer, or a string that parses; raises "<what>: …" on anything else. */
struct tg_decimal tg_num_check(lua_State *L, int idx, const char *what);
/* The number of places (0 to 12) and the name of a rounding at idx; raise likewise. */
int tg_num_check_places(lua_State *L, int idx, const char *what);
enum tg_rounding tg_num_check_rounding(lua_State *L, int idx, const char *what);
bool tg_num_is(lua_State *L, int idx); /* decimal userdata */
/* Pushes the library: new(x) add(a,b) sub(a,b) mul(a,b,places,mode) div(a,b,places,mode) muldiv(a,num,den,places,mode)
 * round(a,places,mode) format(a[,places]) cmp(a,b) min(…) max(…) tointeger(a)→integer|nil is_decimal(x); userdata has
 * + - unary- == < <= tostring. Leaving the range, a wrong mode or a float raise. */
void tg_num_open(lua_State *L);

#endif

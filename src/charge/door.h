/* door - what the doors to Lua share. */
#ifndef TG_CHARGE_DOOR_H
#define TG_CHARGE_DOOR_H

#include "rt/co.h"

/* Until when the running coroutine's operation may wait to be begun, on the monotonic clock. */
uint64_t tg_door_deadline(lua_State *L, const struct tg_loop *loop);

#endif

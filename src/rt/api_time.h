/* api_time - waiting for time to pass, for tg.time.sleep and for pauses between attempts. */
#ifndef TG_RT_API_TIME_H
#define TG_RT_API_TIME_H

#include <stdint.h>

#include <lua.h>

/* `return tg_api_sleep(L, ms);` resumes with no results after ms. */
int tg_api_sleep(lua_State *L, uint32_t ms);

#endif

/* door - what the doors to Lua share. */
#include "charge/door.h"

#include "base/clock.h"

#define WAIT_MS_DEFAULT 10000

uint64_t tg_door_deadline(lua_State *L, const struct tg_loop *loop)
{
    const uint64_t deadline_ms = tg_co_context(L)->deadline_ms, now_ms = tg_loop_now_ms(loop);
    const uint64_t wait_ms = deadline_ms == 0 ? WAIT_MS_DEFAULT : deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    return tg_clock_mono_us() + wait_ms * 1000;
}

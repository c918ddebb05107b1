/* stuck - finds Lua that never comes back, names it and ends it.
 *
 * A loop thread that runs `while true do end` in a handler would answer nobody else for ever. A timer on the
 * processor time of each such thread (so neither waiting nor a busy machine counts) looks every half second whether
 * the same stretch of Lua is still running. After about one second the coroutine's place is logged once
 * (rt_coroutine_stuck, with the traceback); after about ten it is ended with an error, which its pcalls cannot hold.
 *
 * A hook that counts instructions would slow all Lua down, so there is none until it is needed: the timer's signal
 * (SIGRTMAX - 4) arrives on the thread itself, and its handler sets the hook, as lua.c does for Ctrl-C. What is
 * stuck inside one C function (a pattern over megabytes) is seen when that function returns.
 *
 * All of this is a matter of one thread: its VMs never run at the same time.
 */
#ifndef TG_RT_STUCK_H
#define TG_RT_STUCK_H

#include <stdatomic.h>
#include <stdint.h>

#include <lua.h>

#define TG_STUCK_TICK_MS 500
#define TG_STUCK_WARN_TICKS 2
#define TG_STUCK_KILL_TICKS 20

/* Written around each resume, read by the signal's handler on the same thread. */
struct tg_stuck {
    lua_State *volatile running; /* NULL: no Lua of a coroutine runs */
    volatile uint64_t n_stretches; /* counts them, so that one that follows another is told apart */
};
extern _Thread_local struct tg_stuck tg_stuck_own;

/* Makes this thread's timer, once; it goes with the thread. */
void tg_stuck_watch_thread(void);

/* L is entered; returns what was running around it, for tg_stuck_leave(). */
static inline lua_State *tg_stuck_enter(lua_State *L)
{
    lua_State *outer = tg_stuck_own.running;
    tg_stuck_own.n_stretches++;
    atomic_signal_fence(memory_order_seq_cst);
    tg_stuck_own.running = L;
    return outer;
}

static inline void tg_stuck_leave(lua_State *outer)
{
    tg_stuck_own.running = outer;
}

#endif

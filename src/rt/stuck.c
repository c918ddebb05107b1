/* stuck - finds Lua that never comes back, names it and ends it; see stuck.h. */
#include "rt/stuck.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/co.h"

#ifndef sigev_notify_thread_id /* glibc has the field, not the name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

_Thread_local struct tg_stuck tg_stuck_own;

/* What the handler has seen of this thread. */
static _Thread_local struct {
    uint64_t n_stretches; /* at the last tick */
    unsigned n_ticks; /* for which it has not changed */
} seen;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t timer_key;

static int signal_number(void)
{
    return SIGRTMAX - 4;
}

/* --- the hook, in the coroutine --------------------------------------------------------------------------------------- */

static void warn(lua_State *L)
{
    luaL_traceback(L, L, NULL, 0);
    TG_LOG_WARN("rt_coroutine_stuck", TG_LOG_STR("request_id", tg_co_context(L)->request_id),
                TG_LOG_STR("traceback", lua_tostring(L, -1)));
    lua_pop(L, 1);
}

/* Once it is to be ended the hook stays, at each instruction: no pcall goes on from there. */
static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (tg_stuck_own.running == L && tg_stuck_own.n_stretches == seen.n_stretches) {
        if (seen.n_ticks >= TG_STUCK_KILL_TICKS)
            luaL_error(L, "ran for %d seconds without waiting", TG_STUCK_KILL_TICKS * TG_STUCK_TICK_MS / 1000);
        if (seen.n_ticks >= TG_STUCK_WARN_TICKS && lua_checkstack(L, 8))
            warn(L);
    }
    lua_sethook(L, NULL, 0, 0);
}

/* --- the timer -------------------------------------------------------------------------------------------------------- */

/* Only what may be done at any instant: lua_sethook says that it is. */
static void on_tick(int number)
{
    lua_State *L = tg_stuck_own.running;
    (void)number;
    if (L == NULL || tg_stuck_own.n_stretches != seen.n_stretches) {
        seen.n_stretches = tg_stuck_own.n_stretches;
        seen.n_ticks = 0;
        return;
    }
    seen.n_ticks++;
    if (seen.n_ticks == TG_STUCK_WARN_TICKS || seen.n_ticks == TG_STUCK_KILL_TICKS)
        lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
}

static void free_timer(void *arg)
{
    timer_t *timer = arg;
    timer_delete(*timer);
    free(timer);
}

static void start_once(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    int status = pthread_key_create(&timer_key, free_timer);
    assert(status == 0);
    sigemptyset(&action.sa_mask);
    status = sigaction(signal_number(), &action, NULL);
    assert(status == 0);
}

void tg_stuck_watch_thread(void)
{
    const struct timespec tick = {.tv_nsec = TG_STUCK_TICK_MS * 1000000L};
    const struct itimerspec when = {tick, tick};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal_number()};
    sigset_t set;
    pthread_once(&once, start_once);
    if (pthread_getspecific(timer_key) != NULL)
        return;
    timer_t *timer = TG_NEW(timer_t);
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, timer) != 0) {
        TG_LOG_WARN("rt_stuck_timer_failed", TG_LOG_INT("errno", errno)); /* works without, unwatched */
        free(timer);
        return;
    }
    pthread_setspecific(timer_key, timer);
    sigemptyset(&set);
    sigaddset(&set, signal_number());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    int status = timer_settime(*timer, 0, &when, NULL);
    assert(status == 0);
}

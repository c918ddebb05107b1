/* origins - pages of which origins may ask at all, whoever asks. */
#include "web/origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/co.h"
#include "web/app.h"
#include "web/thread.h"

#define SOON_MS 100
#define AGAIN_MS 30000
#define TIMEOUT_MS 5000

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void tg_origins_deinit(struct tg_origins *origins)
{
    for (size_t i = 0; i < origins->n; i++)
        free(origins->list[i]);
    free(origins->list);
    origins->list = NULL;
    origins->n = 0;
}

/* The list of texts at the top of L takes the place of what was known. */
static void replace(struct tg_origins *origins, lua_State *L)
{
    const int list = lua_gettop(L);
    lua_Unsigned n = lua_rawlen(L, list);
    tg_origins_deinit(origins);
    n = n > TG_ORIGINS_MAX ? TG_ORIGINS_MAX : n;
    origins->list = tg_calloc(n + 1, sizeof(origins->list[0]));
    for (lua_Unsigned i = 1; i <= n; i++) {
        if (lua_rawgeti(L, list, (lua_Integer)i) == LUA_TSTRING)
            origins->list[origins->n++] = tg_strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    qsort(origins->list, origins->n, sizeof(origins->list[0]), compare);
}

static void load(void *arg);

static int push_origins(lua_State *L, void *arg)
{
    (void)arg;
    tg_app_push(L, TG_APP_ORIGINS);
    return 0;
}

/* What was known stays when the database is away; the application has logged why. */
static void on_loaded(lua_State *L, int n, const struct tg_err *err, void *arg)
{
    struct tg_web_thread *thread = arg;
    thread->origins.is_loading = false;
    if (err == NULL && n >= 1 && lua_istable(L, -n)) {
        lua_settop(L, lua_gettop(L) - n + 1);
        replace(&thread->origins, L);
    }
    if (thread->state == TG_THREAD_RUNNING && !tg_timer_is_armed(&thread->origins.timer))
        tg_timer_start(thread->loop, &thread->origins.timer, AGAIN_MS, load, thread);
}

static void load(void *arg)
{
    struct tg_web_thread *thread = arg;
    if (thread->state != TG_THREAD_RUNNING || thread->app == NULL || !thread->app->has_origins)
        return;
    if (thread->origins.is_loading) { /* what is being read may be old already */
        tg_timer_start(thread->loop, &thread->origins.timer, SOON_MS, load, thread);
        return;
    }
    struct tg_co_context ctx = {.deadline_ms = tg_loop_now_ms(thread->loop) + TIMEOUT_MS};
    thread->origins.is_loading = true;
    tg_co_start(thread->app->vm, &ctx, push_origins, NULL, on_loaded, thread);
}

void tg_origins_reload(struct tg_web_thread *thread)
{
    if (thread->state == TG_THREAD_RUNNING)
        tg_timer_start(thread->loop, &thread->origins.timer, SOON_MS, load, thread);
}

void tg_origins_stop(struct tg_web_thread *thread)
{
    tg_timer_stop(thread->loop, &thread->origins.timer);
}

bool tg_origins_has(const struct tg_origins *origins, const char *origin, size_t len)
{
    char text[300];
    const char *key = text;
    if (origins->n == 0 || len >= sizeof(text))
        return false;
    memcpy(text, origin, len);
    text[len] = '\0';
    return bsearch(&key, origins->list, origins->n, sizeof(origins->list[0]), compare) != NULL;
}

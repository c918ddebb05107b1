/* refused - attempts that were refused, told to the application. */
#include "web/refused.h"

#include <assert.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

#include "rt/co.h"
#include "rt/field.h"
#include "web/app.h"
#include "web/reply.h"
#include "web/thread.h"

struct telling { /* for the time of one start */
    const struct tg_request *r;
    int status;
    int64_t more;
    lua_State *from; /* NULL: no handler was asked */
    int err; /* its place there */
};

/* false: it is only counted. */
static bool takes_turn(struct tg_refused *refused, bool is_known, uint64_t now_s)
{
    if (refused->second != now_s) {
        refused->second = now_s;
        refused->n_known = refused->n_unknown = 0;
    }
    unsigned *n = is_known ? &refused->n_known : &refused->n_unknown;
    if (refused->n_running >= TG_REFUSED_AT_ONCE || *n >= (is_known ? TG_REFUSED_PER_S : TG_REFUSED_UNKNOWN_PER_S)) {
        refused->n_more++;
        return false;
    }
    (*n)++;
    refused->n_running++;
    return true;
}

static int push_attempt(lua_State *L, void *arg)
{
    const struct telling *t = arg;
    char address[NI_MAXHOST];
    tg_app_push(L, TG_APP_REFUSED);
    lua_createtable(L, 0, 5);
    tg_field_set_str(L, "method", tg_method_name(t->r->method));
    tg_field_set_str(L, "path", t->r->match.route->pattern);
    (void)tg_request_remote(t->r, address);
    tg_field_set_str(L, "address", address);
    tg_field_set_int(L, "status", t->status);
    tg_field_set_int(L, "more", t->more);
    if (t->from == NULL) {
        lua_pushnil(L);
    } else {
        lua_checkstack(t->from, 1);
        lua_pushvalue(t->from, t->err);
        lua_xmove(t->from, L, 1);
    }
    return 2;
}

static void on_told(lua_State *L, int n, const struct tg_err *err, void *arg)
{
    struct tg_web_thread *thread = arg;
    (void)L;
    (void)n;
    (void)err; /* was logged as a bug; what the world refused, the application logs */
    assert(thread->refused.n_running != 0);
    thread->refused.n_running--;
}

static void tell(struct tg_request *r, int status, lua_State *from, int err)
{
    struct tg_web_thread *thread = r->thread;
    if ((status != 401 && status != 403) || r->match.route == NULL || r->app != thread->app || !r->app->has_refused ||
        thread->state != TG_THREAD_RUNNING)
        return;
    if (!takes_turn(&thread->refused, r->principal != NULL, tg_loop_now_ms(thread->loop) / 1000))
        return;
    struct telling t = {.r = r, .status = status, .more = thread->refused.n_more, .from = from, .err = err};
    struct tg_co_context ctx = {.principal = r->principal};
    memcpy(ctx.request_id, r->id, sizeof(ctx.request_id));
    thread->refused.n_more = 0;
    tg_co_start(r->app->vm, &ctx, push_attempt, &t, on_told, thread);
}

void tg_refused_by_handler(struct tg_request *r, lua_State *L, int idx)
{
    tell(r, tg_reply_status_of(L, idx), L, idx);
}

void tg_refused_before_handler(struct tg_request *r)
{
    tell(r, r->req == NULL || !r->is_answered ? 0 : r->req->res.status, NULL, 0);
}

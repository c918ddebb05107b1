/* stream - an answer that is made while it is sent. */
#include "web/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "rt/co.h"
#include "web/reply.h"
#include "web/thread.h"

#define PIECE_MAX (4u << 20)

struct tg_stream { /* from the first piece until the handler has ended and libh2o has nothing of ours */
    h2o_generator_t generator;
    struct tg_request *r; /* whose work holds a reference */
    struct tg_await *aw; /* of the write that waits */
    char *piece; /* that is being sent */
    bool is_in_flight; /* libh2o has it */
    bool is_writing; /* h2o_send is being called */
    bool is_gone; /* the client has left, or was cut off */
    bool is_deferred; /* on_gone will be called */
    bool has_failed;
    tg_stream_done_fn *done; /* NULL: the handler goes on */
};

static void release(struct tg_stream *s)
{
    if (s->done == NULL || s->is_in_flight || s->is_deferred)
        return;
    struct tg_request *r = s->r;
    tg_stream_done_fn *done = s->done;
    r->stream = NULL;
    free(s->piece);
    free(s);
    done(r);
}

/* --- libh2o --------------------------------------------------------------------------------------------------------- */

static void send_end(struct tg_stream *s)
{
    h2o_send(s->r->req, NULL, 0, s->has_failed ? H2O_SEND_STATE_ERROR : H2O_SEND_STATE_FINAL);
}

static int push_true(lua_State *L, void *arg)
{
    const struct tg_request *r = arg;
    const struct tg_conf *conf = r->thread->shared->conf;
    uint64_t timeout_ms = r->match.route->bulk ? conf->bulk_timeout_ms : conf->request_timeout_ms;
    tg_co_context(L)->deadline_ms = tg_loop_now_ms(r->thread->loop) + timeout_ms;
    lua_pushboolean(L, 1);
    return 1;
}

static int push_gone(lua_State *L, void *arg)
{
    struct tg_err err;
    (void)arg;
    tg_err_set(&err, TG_ERR_INPUT, "the client has left");
    lua_pushnil(L);
    tg_push_err(L, &err);
    return 2;
}

/* The piece has been taken. */
static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
    struct tg_stream *s = H2O_STRUCT_FROM_MEMBER(struct tg_stream, generator, self);
    (void)req;
    s->is_in_flight = false;
    if (s->done != NULL) {
        send_end(s);
        release(s);
    } else if (!s->is_writing) {
        tg_await_resume(&s->aw, push_true, s->r);
    }
}

static void on_gone(void *arg)
{
    struct tg_stream *s = arg;
    s->is_deferred = false;
    if (s->done == NULL && s->aw != NULL)
        tg_await_resume(&s->aw, push_gone, NULL); /* s may be over */
    else
        release(s);
}

/* libh2o is in the middle of its own: Lua hears of it later. */
static void on_stop(h2o_generator_t *self, h2o_req_t *req)
{
    struct tg_stream *s = H2O_STRUCT_FROM_MEMBER(struct tg_stream, generator, self);
    (void)req;
    s->is_gone = s->is_deferred = true;
    s->is_in_flight = false;
    tg_loop_defer(s->r->thread->loop, on_gone, s);
}

/* --- Writing -------------------------------------------------------------------------------------------------------- */

/* false: the headers cannot be sent. */
static bool begin(lua_State *L, struct tg_request *r, int headers)
{
    const char *type = "application/octet-stream";
    if (!lua_isnoneornil(L, headers) && tg_reply_lua_headers(r, L, headers, &type) != 0)
        return false;
    h2o_timeout_unlink(&r->timeout); /* from now on each piece has its own */
    r->stream = TG_NEW(struct tg_stream);
    *r->stream = (struct tg_stream){.generator = {on_proceed, on_stop}, .r = r};
    tg_reply_begin(r, type, &r->stream->generator);
    return true;
}

static void send_piece(struct tg_stream *s, const char *text, size_t len)
{
    h2o_iovec_t piece = {tg_realloc(s->piece, len), len};
    s->piece = memcpy(piece.base, text, len);
    s->is_in_flight = s->is_writing = true;
    h2o_send(s->r->req, &piece, 1, H2O_SEND_STATE_IN_PROGRESS);
    s->is_writing = false;
}

int tg_stream_write(lua_State *L, struct tg_request *r)
{
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len <= PIECE_MAX, 2, "a piece has at most 4 MiB");
    if (r->req == NULL || (r->stream == NULL ? r->is_answered : r->stream->is_gone))
        return push_gone(L, NULL);
    if (len == 0 || r->method == TG_HEAD)
        return push_true(L, r);
    struct tg_await *aw = tg_await_new(L); /* raises where nobody may wait, before anything is sent */
    if (r->stream == NULL && !begin(L, r, 3)) {
        tg_await_cancel(&aw);
        return luaL_error(L, "headers that cannot be sent");
    }
    struct tg_stream *s = r->stream;
    send_piece(s, text, len);
    if (!s->is_in_flight) { /* taken, or gone, at once */
        tg_await_cancel(&aw);
        return s->is_gone ? push_gone(L, NULL) : push_true(L, r);
    }
    s->aw = aw;
    return tg_await_yield(L, aw);
}

void tg_stream_end(struct tg_request *r, const char *failure, tg_stream_done_fn *done)
{
    struct tg_stream *s = r->stream;
    assert(s != NULL && s->done == NULL);
    if (s->aw != NULL)
        tg_await_resume(&s->aw, push_gone, NULL); /* an orphan: the handler was closed while it waited */
    s->done = done;
    s->has_failed = failure != NULL;
    if (s->has_failed && !s->is_gone)
        TG_LOG_WARN("web_stream_broken", TG_LOG_STR("request_id", r->id), TG_LOG_STR("path", r->match.route->pattern),
                    TG_LOG_STR("error", failure));
    if (!s->is_gone && !s->is_in_flight)
        send_end(s);
    release(s);
}

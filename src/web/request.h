/* request - a request as our side sees it: it outlives the client.
 *
 * libh2o frees an h2o_req_t when its client resets the stream or closes the connection, also while a handler waits.
 * So work never keeps an h2o_req_t pointer, it keeps a struct tg_request: `req` in there is the request until its
 * pool is cleared and NULL ever after. A client that leaves cancels nothing: what a handler may still ask for (method,
 * path, headers) is copied at that moment and the body belongs to us from the beginning.
 *
 * Two hold a reference: the h2o request (through its pool) and the work. Everything on the thread that owns it.
 */
#ifndef TG_WEB_REQUEST_H
#define TG_WEB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <h2o.h>

#include "rt/bytes.h"
#include "rt/principal.h"
#include "web/route.h"
#include "web/trace.h"

struct tg_web_thread;
struct tg_app;
struct tg_credential;
struct tg_stream;

struct tg_request {
    h2o_req_t *req; /* NULL: the client has left, or has its answer */
    struct tg_web_thread *thread;
    unsigned refs;
    char id[TG_REQUEST_ID_SIZE];
    char traceparent[TG_TRACEPARENT_SIZE];
    enum tg_method method;
    bool is_answered; /* a response has begun; there is no other */
    bool is_working; /* counted in thread->n_requests */
    struct tg_route_match match; /* of app's routes */
    struct tg_app *app; /* the generation that handles it; a reference, NULL before dispatch */
    struct tg_principal *principal; /* a reference; NULL for public routes */
    struct tg_credential *credential; /* whose n_running counts this; NULL: none */
    bool is_by_cookie; /* the token came in a cookie: what changes something must prove that our page sent it */
    struct tg_stream *stream; /* the answer that is being written (stream.c), NULL: none */
    struct tg_bytes *body; /* NULL: none, or taken */
    size_t body_len; /* as counted in shared->body_memory */
    uint64_t started_us; /* monotonic */
    h2o_timeout_entry_t timeout;
    struct tg_request *next_waiter; /* for the same credential (auth.c) */
    void **lua_box; /* points back from Lua's userdata, NULL: none (api_req.c) */
    struct tg_request_left *left; /* what was copied when the client left */
};

/* One reference for the work; the h2o request holds the other from now on. */
struct tg_request *tg_request_new(struct tg_web_thread *thread, h2o_req_t *req);
struct tg_request *tg_request_ref(struct tg_request *r);
void tg_request_unref(struct tg_request **r);
/* At the end of the thread. */
void tg_request_free_spares(struct tg_web_thread *thread);
/* Of an h2o request that was dispatched, or NULL. */
struct tg_request *tg_request_of(h2o_req_t *req);

/* These work after the client has left, too. Borrowed, of the request. */
h2o_iovec_t tg_request_path(const struct tg_request *r); /* without the query */
h2o_iovec_t tg_request_query(const struct tg_request *r); /* without the '?'; len 0: none */
/* The value of the first header of this (lower-case) name; base NULL: none. `host` is the authority. */
h2o_iovec_t tg_request_header(const struct tg_request *r, const char *name, size_t len);
/* The peer's address as text, "unix" for a unix socket. */
size_t tg_request_remote(const struct tg_request *r, char out[static NI_MAXHOST]);

#endif

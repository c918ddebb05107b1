/* auth - who asks: tokens to principals, through the application, with a short memory.
 *
 * A token stands in the Authorization header or, where there is none, in the cookie of a session (web/cookie.h).
 * `authenticate(token, req)` of lua/app.lua decides; its answer is kept per thread, by the SHA-256 of the token and of
 * Tollgate-Company (the company to act in, which it may read from the request), for at most TG_AUTH_KEEP_MS (a refusal
 * for TG_AUTH_KEEP_REFUSED_MS), so a revoked key works at most that much longer; with Redis, which carries the hint to
 * forget it (TG_AUTH_CHANNEL), only as long as that takes.
 * Requests that come with the same token while it is being decided wait for that one answer. Failures of the world
 * (a database that is away) are not kept. A new generation starts with nothing known.
 */
#ifndef TG_WEB_AUTH_H
#define TG_WEB_AUTH_H

#include <stdbool.h>

#include "web/cookie.h"
#include "web/request.h"

#define TG_AUTH_KEEP_MS 5000
#define TG_AUTH_KEEP_REFUSED_MS 1000
#define TG_AUTH_TOKENS_MAX 4096 /* a thread */

struct tg_credential { /* a token that was seen; lives while it is kept or used */
    uint8_t hash[32];
    struct tg_principal *principal; /* NULL: refused, or not decided yet */
    int refused_status; /* 401 or 403 */
    char refused_type[32], refused_detail[160]; /* what authenticate() said to a 403; empty: nothing that fits */
    char csrf[TG_CSRF_SIZE]; /* of a session */
    uint64_t until_ms; /* loop's clock; 0: nothing is known */
    bool is_pending;
    struct tg_request *waiters; /* while pending, the newest first */
    unsigned n_running; /* requests of it in work */
};

struct tg_auth;
struct tg_auth *tg_auth_new(void);
void tg_auth_free(struct tg_auth **auth);
/* Published on by whoever has changed a key, a session or a role: every thread of every node forgets what it knows. */
#define TG_AUTH_CHANNEL "tollgate:auth"
/* Forgets every answer (not the counts), also those that are being decided: another generation decides from now on, or
 * somebody's rights have changed. */
void tg_auth_forget(struct tg_auth *auth);

/* Called exactly once. r->principal and r->credential are set; or the request was answered (401, 403, 503) and they are
 * NULL; or neither: the generation changed meanwhile (or the client left), ask again with the new one. */
typedef void tg_auth_done_fn(struct tg_request *r);
/* Takes the token from the request. done runs before the call returns when the answer is known. */
void tg_auth_start(struct tg_request *r, tg_auth_done_fn *done);
/* The request has ended: it no longer counts. */
void tg_auth_leave(struct tg_request *r);

#endif

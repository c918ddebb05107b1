/* cookie - the session of a browser: its token in a cookie, and the proof that the page itself has sent the request.
 *
 * The cookie is __Host-tollgate over TLS (no other host of the domain can set it) and, for a machine that talks to
 * itself without TLS, tollgate. Elsewhere there is none: it would go over the network in the open.
 *
 * A browser sends cookies whoever has written the page, so a request that changes something also shows the CSRF token in
 * X-CSRF-Token: 128 bits of HMAC-SHA256(session token, "csrf"), in hex, which only pages of our origin can have read. It
 * is derived, so nothing is stored, and it does not give the session token away.
 */
#ifndef TG_WEB_COOKIE_H
#define TG_WEB_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include "web/request.h"

#define TG_CSRF_SIZE 33 /* with NUL */

/* The value of this cookie in a Cookie header (RFC 6265 §4.2.1). 1, 0: not there, -1: there twice, so nobody's. */
int tg_cookie_find(const char *text, size_t len, const char *name, h2o_iovec_t *value_r);

/* The name of the cookie on this connection; NULL: it has none, or the client has left. */
const char *tg_cookie_name(const struct tg_request *r);
/* The session token that came in the cookie; base NULL: none. Before the client has left. */
h2o_iovec_t tg_cookie_session(const struct tg_request *r);

void tg_csrf_of(const char *token, size_t len, char out[static TG_CSRF_SIZE]);
/* May the request, which came with a cookie, do what it wants? It only looks, or X-CSRF-Token is this one. */
bool tg_csrf_is_good(const struct tg_request *r, const char *csrf);

#endif

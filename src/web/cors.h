/* cors - pages of other origins that may call the API (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * Which ones: those of the directive tollgate.cors-origins, and those that the company of whoever asks has named
 * (settings.cors_origins; web/origins.h where nobody is known yet). Credentials are never allowed: the API takes bearer
 * tokens, and a session in a cookie is for our own pages only.
 */
#ifndef TG_WEB_CORS_H
#define TG_WEB_CORS_H

#include "web/request.h"

/* Adds what a browser wants to see on this answer; nothing when no origin is configured or asked for. */
void tg_cors_add_headers(struct tg_request *r);
/* Answers OPTIONS: Allow, and what a preflight asks for. methods: of the path, tg_methods_format() has them as text. */
void tg_cors_reply_options(struct tg_request *r, unsigned methods);

#endif

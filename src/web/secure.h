/* secure - the headers that keep a browser from making of an answer what it is not: no sniffing, no frame, no script,
 * nobody told where it came from, and over TLS never again without. Every answer of the application has them; what
 * libh2o serves by itself (the pages below /docs) gets its own from h2o.conf. */
#ifndef TG_WEB_SECURE_H
#define TG_WEB_SECURE_H

#include <h2o.h>

void tg_secure_add_headers(h2o_req_t *req);

#endif

/* dispatch - from an HTTP request to the handler in Lua, and back.
 *
 * checks (method, path, query) → route → limits → principal → permission → coroutine → reply. Every request ends in
 * exactly one answer: the handler's, or ours when the handler is too late, or nobody's when the client has left.
 */
#ifndef TG_WEB_DISPATCH_H
#define TG_WEB_DISPATCH_H

#include <h2o.h>

/* Adds the handler to a path of h2o.conf. Paths without a route go on to the next handler, if there is one. */
void tg_dispatch_register(h2o_pathconf_t *pathconf);
/* For h2o_globalconf_t (the hardened libh2o): the limit of a body, and the answer to one that is larger. */
size_t tg_dispatch_body_limit(h2o_req_t *req);
void tg_dispatch_body_too_large(h2o_req_t *req);

#endif

/* api_req - the request as Lua handlers see it.
 *
 *   req.method  req.path  req.id  req.remote  req.body  req.params.<name>  req.query.<name>  req.principal
 *   req:header("name") → string | nil     req:json() → value | nil, err     req:take_body() → tg.bytes | nil
 *
 * It is userdata that knows its struct tg_request only while the handler runs; kept longer, every use of it raises.
 * Strings are made when asked for: a handler that reads nothing pays nothing.
 */
#ifndef TG_WEB_API_REQ_H
#define TG_WEB_API_REQ_H

#include <stdbool.h>

#include <lua.h>

#include "web/request.h"

/* Makes the type in a new VM. Runs protected. */
void tg_api_req_open(lua_State *L);
/* Pushes the userdata of r; r->lua_box then points at it. Whoever pushes it keeps it on the stack until
 * tg_api_req_end(): a finalizer would do as well, and cost each request a call. */
void tg_api_req_push(lua_State *L, struct tg_request *r);
/* The handler has ended (or will never run). */
void tg_api_req_end(struct tg_request *r);

#define TG_QUERY_PAIRS_MAX 64
struct tg_query_pair { /* still encoded */
    h2o_iovec_t name, value;
};
/* Takes "a=b&c" apart; at most TG_QUERY_PAIRS_MAX (then SIZE_MAX is returned). */
size_t tg_query_split(h2o_iovec_t query, struct tg_query_pair *pairs);
/* Undoes %XX (and + when is_form) into out, which has in.len bytes; SIZE_MAX: it is not valid, or not UTF-8. */
size_t tg_query_decode(h2o_iovec_t in, bool is_form, char *out);

#endif

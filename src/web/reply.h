/* reply - answers: JSON from Lua's results, RFC 9457 problem documents, and nothing else begins a response of ours.
 *
 * Bodies are built in the thread's scratch buffer and copied once into the request's pool. Each function answers a
 * request at most once: when the client has left or was answered already (a passed deadline) it does nothing.
 */
#ifndef TG_WEB_REPLY_H
#define TG_WEB_REPLY_H

#include <lua.h>

#include "web/request.h"

struct tg_problem {
    int status;
    const char *slug; /* of https://tollgate.dev/problems/<slug>; NULL: the status's own */
    const char *detail; /* a sentence; NULL: none */
    unsigned retry_after_s; /* 0: none */
};
void tg_reply_problem(struct tg_request *r, const struct tg_problem *p);
/* What the code means to a client; the text of UPSTREAM, UNCERTAIN and BUG stays in the log. */
void tg_reply_err(struct tg_request *r, const struct tg_err *err);
/* The n results at the top of L: status, body?, headers? — or nil and an error table. Calls no Lua. */
void tg_reply_lua(struct tg_request *r, lua_State *L, int n);
/* A body that C made. type: the media type. */
void tg_reply_text(struct tg_request *r, int status, const char *type, const char *body, size_t len);
/* The head of a 200 whose body comes piece by piece (web/stream.h). */
void tg_reply_begin(struct tg_request *r, const char *type, h2o_generator_t *generator);
/* Adds the headers of the table at idx (absolute) and takes content-type out of them; -1: one is not fit to be sent. */
int tg_reply_lua_headers(struct tg_request *r, lua_State *L, int idx, const char **type);
/* Before a struct tg_request exists (a body that is too large). id: the request's. */
void tg_reply_problem_early(h2o_req_t *req, const char *id, const struct tg_problem *p);
/* Adds a response header; both strings are copied. Before a reply. */
void tg_reply_header(struct tg_request *r, const char *name, const char *value);
/* An error table of Lua at idx → the status that a client sees. */
int tg_reply_status_of(lua_State *L, int idx);

#endif

/* stream - an answer that is made while it is sent: of any length, in the memory of a piece.
 *
 * A handler calls req:write(text, headers) as often as it likes. It waits until the client has taken what was written
 * before, so that a slow client slows it down; one that takes nothing is cut off as any other (web/conn.h). The head, a
 * 200, goes out with the first piece: until then the handler may still answer something else. What it returns after that
 * only ends the answer; an error breaks it off, so that nobody takes a part for the whole. Each piece has the time of a
 * request (of a bulk one, where the route says so), all together have no limit.
 */
#ifndef TG_WEB_STREAM_H
#define TG_WEB_STREAM_H

#include <lua.h>

#include "web/request.h"

typedef void tg_stream_done_fn(struct tg_request *r);

/* req:write(text, headers?) → true | nil, err when the client has left. */
int tg_stream_write(lua_State *L, struct tg_request *r);
/* The handler has ended, and r->stream is there. failure: why not all was written, NULL: all was. done is called once nothing more is sent; maybe before this returns. */
void tg_stream_end(struct tg_request *r, const char *failure, tg_stream_done_fn *done);

#endif

/* trace - request ids and W3C trace context (https://www.w3.org/TR/trace-context/).
 *
 * A client's X-Request-Id is taken when it is sane (8 to 39 of [A-Za-z0-9._-]), else one is made: "req_" and a TypeID.
 * A valid traceparent keeps its trace id and gets a span id of ours, so that what we call is a child of this request.
 */
#ifndef TG_WEB_TRACE_H
#define TG_WEB_TRACE_H

#include <stddef.h>

#define TG_REQUEST_ID_SIZE 40
#define TG_TRACEPARENT_SIZE 56

/* Returns the length. given may be NULL. */
size_t tg_trace_request_id(const char *given, size_t len, char out[static TG_REQUEST_ID_SIZE]);
/* 1: out is the traceparent to send on; 0: what was given is not valid, out is "". */
int tg_trace_parent(const char *given, size_t len, char out[static TG_TRACEPARENT_SIZE]);

#endif

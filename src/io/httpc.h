/* httpc - HTTP client on libcurl multi: HTTP/2 where offered, TLS verified,
 * names resolved on a worker thread (so that private addresses can be refused
 * and no resolver blocks the loop), limits per host, deadlines.
 *
 * Retried by itself only where nothing can have happened (connection refused,
 * GOAWAY before the stream) or where the caller says `idempotent`. Sent and
 * unanswered is UNCERTAIN, a status of 400 or more is an answer, not an error.
 */
#ifndef TG_IO_HTTPC_H
#define TG_IO_HTTPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/loop.h"
#include "io/work.h"

struct tg_httpc;

struct tg_httpc_settings {
    unsigned connections_per_host_max; /* 0: 8 */
    size_t pending_max; /* 0: 1000 */
    size_t response_bytes_max; /* 0: 8 MiB */
    bool allow_private_addresses; /* loopback, RFC 1918, link-local, ULA… */
    const char *ca_file; /* NULL: the system's */
};
struct tg_httpc *tg_httpc_new(struct tg_loop *loop, struct tg_work *work, const struct tg_httpc_settings *set);
void tg_httpc_close(struct tg_httpc **c, tg_loop_fn *done, void *arg);

struct tg_http_request { /* all borrowed for the call */
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL terminated; may be NULL */
    const char *body;
    size_t body_len;
    uint32_t timeout_ms;
    unsigned retries_max;
    bool idempotent;
};
struct tg_http_response {
    int status;
    char *headers; /* the header block, lines "name: value\r\n", names lower case */
    size_t headers_len;
    char *body;
    size_t body_len;
};
void tg_http_response_free(struct tg_http_response **res);
/* res is owned by the callback, NULL on failure. */
typedef void tg_http_fn(struct tg_http_response *res, const struct tg_err *err, void *arg);
void tg_httpc_send(struct tg_httpc *c, const struct tg_http_request *req, tg_http_fn *fn, void *arg);

#endif

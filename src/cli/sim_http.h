/* sim_http - the simulator's own HTTP/1.1 client: thousands of requests a second over connections that stay open, to
 * several servers, and answers that are thrown away on purpose, which libcurl does not do.
 *
 * A connection has one request at a time; what finds none waits in order. Answers have a Content-Length, as ours have.
 * All on the loop's thread; each request's callback runs once, never before the call has returned.
 */
#ifndef TG_CLI_SIM_HTTP_H
#define TG_CLI_SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "io/loop.h"

#define TG_SIMHTTP_SERVERS_MAX 8

struct tg_simhttp;
struct tg_simhttp_settings {
    const char *urls; /* "http://127.0.0.1:8080", several with commas between */
    const char *key; /* the API key */
    const char *ca_file; /* of https; NULL: the system's */
    unsigned connections_max; /* of each server */
};
/* Resolves the names, which blocks. */
int tg_simhttp_new(struct tg_loop *loop, const struct tg_simhttp_settings *set, struct tg_simhttp **http_r,
                   struct tg_err *err_r) TG_MUST_CHECK;
/* No request may be under way: asserted. */
void tg_simhttp_free(struct tg_simhttp **http);
unsigned tg_simhttp_n_servers(const struct tg_simhttp *http);

struct tg_simhttp_request {
    unsigned server;
    const char *method, *path; /* copied */
    const char *content_type; /* NULL: there is no body; copied */
    const char *body; /* copied */
    size_t body_len;
    int drop_after_ms; /* -1: no; else the connection is closed so long after the request was written, answer or not */
};
/* status 0: no answer, whyever (refused, reset, dropped, 15 s); body is borrowed, NUL terminated. */
typedef void tg_simhttp_fn(int status, const char *body, size_t len, void *arg);
void tg_simhttp_send(struct tg_simhttp *http, const struct tg_simhttp_request *req, tg_simhttp_fn *fn, void *arg);

#endif

/* api - a blocking client of our own HTTP API, for the commands that work
 * through it. libcurl (easy), TLS verified, jansson for answers.
 *
 * A request is repeated while nobody listens or the server says 503, 429 or
 * 504, until retry_seconds have passed since it first failed: so every write must carry an idempotency key or be
 * harmless when repeated.
 */
#ifndef TG_CLI_API_H
#define TG_CLI_API_H

#include <stddef.h>

#include <jansson.h>

#include "base/err.h"

struct tg_api;
/* key_file holds the API key (one line); NULL: $TOLLGATE_KEY_FILE. ca_file NULL: the system's. */
int tg_api_open(const char *url, const char *key_file, const char *ca_file, unsigned retry_seconds,
                struct tg_api **api_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_api_close(struct tg_api **api);
/* The key that tg_api_open() would use, for who needs connections of his own. */
int tg_api_read_key(const char *key_file, char *key, size_t size, struct tg_err *err_r) TG_MUST_CHECK;

struct tg_api_request {
    const char *method, *path; /* path begins with /v1 */
    const char *content_type; /* NULL: no body */
    const char *body;
    size_t body_len;
    const char *idempotency_key; /* NULL: none */
};
struct tg_api_answer {
    int status;
    json_t *json; /* NULL when the body is not JSON */
};
/* An answer of any status is a success of the call; the caller frees it. UPSTREAM: no answer. */
int tg_api_send(struct tg_api *api, const struct tg_api_request *req, struct tg_api_answer *answer_r,
                struct tg_err *err_r) TG_MUST_CHECK;
void tg_api_answer_free(struct tg_api_answer *answer);
/* The same with a JSON body (stolen; NULL: none) that must be answered below 300; other answers become an error whose
 * text is the problem's detail. *json_r (may be NULL) is the caller's. */
int tg_api_json(struct tg_api *api, const char *method, const char *path, json_t *body, json_t **json_r,
                struct tg_err *err_r) TG_MUST_CHECK;
/* err_r from a problem document: "422: /currency: …". Returns -1. */
int tg_api_problem(const struct tg_api_answer *answer, struct tg_err *err_r);

/* The options every such command has. */
#define TG_API_OPTIONS                                                                                                 \
    {"url", "URL", "the server, http://127.0.0.1:8080 by default"},                                                    \
        {"key-file", "FILE", "holds the API key ($TOLLGATE_KEY_FILE, else var/demo-key)"},                             \
        {"ca-file", "FILE", "certificates to trust for https instead of the system's"},                                \
    {                                                                                                                  \
        "retry-seconds", "N", "go on trying for so long while the server is away (60)"                                 \
    }

struct tg_args;
/* Opens by those options; NULL after a message on stderr. */
struct tg_api *tg_api_open_by_args(const struct tg_args *args);

#endif

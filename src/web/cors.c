/* cors - pages of other origins that may call the API. */
#include "web/cors.h"

#include <string.h>

#include "web/reply.h"
#include "web/thread.h"

#define EXPOSED "etag, x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset"
#define ALLOWED_HEADERS                                                                                                \
    "authorization, content-type, idempotency-key, if-match, tollgate-company, x-request-id, traceparent"

/* The origin to name in the answer, base NULL: none. */
static h2o_iovec_t allowed_origin(const struct tg_request *r)
{
    const struct tg_conf *conf = r->thread->shared->conf;
    if (conf->n_cors_origins == 0)
        return (h2o_iovec_t){NULL, 0};
    h2o_iovec_t origin = tg_request_header(r, H2O_STRLIT("origin"));
    for (size_t i = 0; origin.base != NULL && i < conf->n_cors_origins; i++) {
        const char *allowed = conf->cors_origins[i];
        if (strcmp(allowed, "*") == 0)
            return h2o_iovec_init(H2O_STRLIT("*"));
        if (h2o_memis(origin.base, origin.len, allowed, strlen(allowed)))
            return h2o_iovec_init(allowed, strlen(allowed));
    }
    return (h2o_iovec_t){NULL, 0};
}

void tg_cors_add_headers(struct tg_request *r)
{
    h2o_iovec_t origin = allowed_origin(r);
    if (r->thread->shared->conf->n_cors_origins != 0)
        h2o_add_header(&r->req->pool, &r->req->res.headers, H2O_TOKEN_VARY, NULL, H2O_STRLIT("origin"));
    if (origin.base == NULL)
        return;
    h2o_add_header(&r->req->pool, &r->req->res.headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, NULL, origin.base,
                   origin.len);
    h2o_add_header_by_str(&r->req->pool, &r->req->res.headers, H2O_STRLIT("access-control-expose-headers"), 0, NULL,
                          H2O_STRLIT(EXPOSED));
}

void tg_cors_reply_options(struct tg_request *r, unsigned methods)
{
    char allow[96];
    tg_methods_format(methods, allow, sizeof(allow));
    tg_reply_header(r, "allow", allow);
    if (allowed_origin(r).base != NULL &&
        tg_request_header(r, H2O_STRLIT("access-control-request-method")).base != NULL) {
        tg_reply_header(r, "access-control-allow-methods", allow);
        tg_reply_header(r, "access-control-allow-headers", ALLOWED_HEADERS);
        tg_reply_header(r, "access-control-max-age", "7200");
    }
    tg_reply_text(r, 204, NULL, "", 0);
}

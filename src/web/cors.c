/* cors - pages of other origins that may call the API. */
#include "web/cors.h"

#include <stdio.h>
#include <string.h>

#include "web/reply.h"
#include "web/thread.h"

#define EXPOSED "etag, x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset"
#define ALLOWED_HEADERS                                                                                                \
    "authorization, content-type, idempotency-key, if-match, if-none-match, tollgate-company, x-request-id, "          \
    "traceparent"

static bool is_configured(const struct tg_conf *conf, h2o_iovec_t origin, bool *is_any_r)
{
    for (size_t i = 0; i < conf->n_cors_origins; i++) {
        const char *allowed = conf->cors_origins[i];
        *is_any_r = strcmp(allowed, "*") == 0;
        if (*is_any_r || h2o_memis(origin.base, origin.len, allowed, strlen(allowed)))
            return true;
    }
    return false;
}

/* Who asks is known: the list of their company decides, and no other. */
static bool is_of_company(const struct tg_principal *principal, h2o_iovec_t origin)
{
    char line[300];
    if (principal->origins == NULL || origin.len == 0 || origin.len + 3 > sizeof(line))
        return false;
    snprintf(line, sizeof(line), "\n%.*s\n", (int)origin.len, origin.base);
    return strlen(line) == origin.len + 2 && strstr(principal->origins, line) != NULL;
}

/* What to answer: the origin that was sent, "*", or base NULL: the page may not read it. */
static h2o_iovec_t allowed_origin(const struct tg_request *r)
{
    h2o_iovec_t origin = tg_request_header(r, H2O_STRLIT("origin"));
    bool is_any = false;
    if (origin.base == NULL)
        return origin;
    if (is_configured(r->thread->shared->conf, origin, &is_any))
        return is_any ? h2o_iovec_init(H2O_STRLIT("*")) : origin;
    if (r->principal != NULL ? is_of_company(r->principal, origin)
                             : tg_origins_has(&r->thread->origins, origin.base, origin.len))
        return origin;
    return (h2o_iovec_t){NULL, 0};
}

void tg_cors_add_headers(struct tg_request *r)
{
    h2o_iovec_t origin = allowed_origin(r);
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

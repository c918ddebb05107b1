/* secure - the headers that keep a browser from making of an answer what it is not. */
#include "web/secure.h"

#include <string.h>

#include "web/thread.h"

static const struct {
    const char *name, *value;
} always[] = {{"x-content-type-options", "nosniff"},
              {"x-frame-options", "DENY"},
              {"content-security-policy", "default-src 'none'; frame-ancestors 'none'"},
              {"referrer-policy", "no-referrer"}};

void tg_secure_add_headers(h2o_req_t *req)
{
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        h2o_add_header_by_str(&req->pool, &req->res.headers, always[i].name, strlen(always[i].name), 0, NULL,
                              always[i].value, strlen(always[i].value));
    if (req->scheme != &H2O_URL_SCHEME_HTTPS)
        return;
    static const char year[] = "max-age=31536000; includeSubDomains";
    const size_t len =
        tg_web_thread_of(req->conn->ctx)->shared->conf->hsts_subdomains ? sizeof(year) - 1 : strcspn(year, ";");
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_STRICT_TRANSPORT_SECURITY, NULL, year, len);
}

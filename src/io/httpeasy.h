/* httpeasy - one attempt of a request: a curl easy handle made from a request,
 * the response it collects, and what its end means. httpc.c drives it.
 */
#ifndef TG_IO_HTTPEASY_H
#define TG_IO_HTTPEASY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/strbuf.h"
#include "io/httpc.h"
#include "io/resolve.h"

struct tg_httpeasy_request { /* copied from the caller's, lives for all attempts */
    char *method, *url, *host; /* host as curl normalises it; an IPv6 address without brackets */
    uint16_t port;
    char **headers; /* NULL terminated */
    char *body;
    size_t body_len;
    bool idempotent; /* or a method that changes nothing */
};
/* INPUT: not http or https, no host, a user in the url, a header that is none, … */
int tg_httpeasy_request_init(struct tg_httpeasy_request *r, const struct tg_http_request *from,
                             struct tg_err *err_r) TG_MUST_CHECK;
void tg_httpeasy_request_deinit(struct tg_httpeasy_request *r);

struct tg_httpeasy {
    CURL *curl;
    struct curl_slist *headers, *resolve;
    const struct tg_httpeasy_request *request;
    size_t body_sent;
    struct tg_strbuf res_headers, res_body;
    bool is_too_large, allow_private;
    char error[CURL_ERROR_SIZE];
};
/* addresses: where the host is, already judged; the handle connects nowhere else. */
void tg_httpeasy_init(struct tg_httpeasy *e, const struct tg_httpeasy_request *request,
                      const struct tg_addresses *addresses, const struct tg_httpc_settings *set, uint64_t timeout_ms,
                      void *private_data);
void tg_httpeasy_deinit(struct tg_httpeasy *e);
/* After its end: 0 and the response, or -1. *may_retry_r: nothing was sent and trying again may help. */
int tg_httpeasy_result(struct tg_httpeasy *e, CURLcode code, struct tg_http_response **res_r, bool *may_retry_r,
                       struct tg_err *err_r) TG_MUST_CHECK;

#endif

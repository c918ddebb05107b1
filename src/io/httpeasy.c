/* httpeasy - curl's options for one attempt.
 *
 * curl repeats a request by itself when a connection it reused turns out to be
 * dead, whatever the method: the server may have acted on it. It cannot when the
 * body is read through a function that cannot rewind; so what must not happen
 * twice is sent so, and without a body on a connection of its own.
 */
#include "io/httpeasy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define HEADERS_SIZE_MAX (64 * 1024)
#define CONNECT_TIMEOUT_MS 10000

/* --- the request ------------------------------------------------------------------------------------------------------------- */

static bool is_token(const char *str, size_t len)
{
    static const char other[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 5.6.2 */
    for (size_t i = 0; i < len; i++) {
        char c = str[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '\0' || (!is_alnum && strchr(other, c) == NULL))
            return false;
    }
    return len > 0;
}

static bool is_header(const char *header)
{
    const char *colon = strchr(header, ':');
    return colon != NULL && is_token(header, (size_t)(colon - header)) && strpbrk(colon, "\r\n") == NULL;
}

static int take_part(CURLU *url, CURLUPart part, char **out)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0);
    if (code == CURLUE_OK)
        *out = tg_strdup(text);
    curl_free(text);
    return code == CURLUE_OK ? 0 : -1;
}

static int parse_url(struct tg_httpeasy_request *r, const char *text, struct tg_err *err_r)
{
    CURLU *url = curl_url();
    char *scheme = NULL, *port = NULL;
    assert(url != NULL);
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
    int status = 0;
    if (code != CURLUE_OK || take_part(url, CURLUPART_SCHEME, &scheme) != 0 ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        take_part(url, CURLUPART_HOST, &r->host) != 0 || take_part(url, CURLUPART_PORT, &port) != 0)
        status = tg_err_set(err_r, TG_ERR_INPUT, "not a url of http or https without a user: %s",
                            code != CURLUE_OK ? curl_url_strerror(code) : "another scheme or no host");
    if (status == 0) {
        size_t len = strlen(r->host);
        if (r->host[0] == '[' && r->host[len - 1] == ']') {
            memmove(r->host, r->host + 1, len - 2);
            r->host[len - 2] = '\0';
        }
        r->port = (uint16_t)strtoul(port, NULL, 10); /* curl has checked it */
    }
    free(scheme);
    free(port);
    curl_url_cleanup(url);
    return status;
}

static int copy_headers(struct tg_httpeasy_request *r, const char *const *headers, struct tg_err *err_r)
{
    size_t n = 0;
    while (headers != NULL && headers[n] != NULL)
        n++;
    r->headers = tg_calloc(n + 1, sizeof(char *));
    for (size_t i = 0; i < n; i++) {
        if (!is_header(headers[i]))
            return tg_err_set(err_r, TG_ERR_INPUT, "header %zu is not `Name: value` on one line", i + 1);
        r->headers[i] = tg_strdup(headers[i]);
    }
    return 0;
}

int tg_httpeasy_request_init(struct tg_httpeasy_request *r, const struct tg_http_request *from, struct tg_err *err_r)
{
    *r = (struct tg_httpeasy_request){0};
    int status = 0;
    if (!is_token(from->method, strlen(from->method)))
        status = tg_err_set(err_r, TG_ERR_INPUT, "the method is not a word");
    if (status == 0)
        status = parse_url(r, from->url, err_r);
    if (status == 0)
        status = copy_headers(r, from->headers, err_r);
    r->method = tg_strdup(from->method);
    r->url = tg_strdup(from->url);
    r->body = from->body == NULL ? NULL : tg_memdup(from->body, from->body_len);
    r->body_len = from->body == NULL ? 0 : from->body_len;
    r->idempotent = from->idempotent || strcmp(from->method, "GET") == 0 || strcmp(from->method, "HEAD") == 0 ||
                    strcmp(from->method, "OPTIONS") == 0;
    if (status != 0)
        tg_httpeasy_request_deinit(r);
    return status;
}

void tg_httpeasy_request_deinit(struct tg_httpeasy_request *r)
{
    for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
        free(r->headers[i]);
    free(r->headers);
    free(r->method);
    free(r->url);
    free(r->host);
    free(r->body);
    *r = (struct tg_httpeasy_request){0};
}

/* --- curl's callbacks ---------------------------------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct tg_httpeasy *e = arg;
    tg_strbuf_append(&e->res_body, bytes, size * n);
    e->is_too_large = tg_strbuf_overflowed(&e->res_body);
    return e->is_too_large ? 0 : size * n;
}

/* Lines of one header block; the blocks of 1xx answers before it are forgotten. */
static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    struct tg_httpeasy *e = arg;
    size_t len = size * n;
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        tg_strbuf_reset(&e->res_headers);
        return len;
    }
    const char *colon = memchr(bytes, ':', len);
    if (colon == NULL)
        return len; /* the empty line, or a fold that nobody sends */
    size_t start = e->res_headers.len, name_len = (size_t)(colon - bytes), line_len = len;
    while (line_len > 0 && (bytes[line_len - 1] == '\n' || bytes[line_len - 1] == '\r'))
        line_len--;
    tg_strbuf_append(&e->res_headers, bytes, line_len);
    tg_strbuf_append(&e->res_headers, "\r\n", 2);
    e->is_too_large = tg_strbuf_overflowed(&e->res_headers);
    if (e->is_too_large)
        return 0;
    for (char *c = e->res_headers.bytes + start; c < e->res_headers.bytes + start + name_len; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
    return len;
}

static size_t on_read(char *out, size_t size, size_t n, void *arg)
{
    struct tg_httpeasy *e = arg;
    size_t left = e->request->body_len - e->body_sent, len = size * n < left ? size * n : left;
    memcpy(out, e->request->body + e->body_sent, len);
    e->body_sent += len;
    return len;
}

/* The last word on where we connect to, whatever came before. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct tg_httpeasy *e = arg;
    struct sockaddr_storage storage = {0};
    (void)purpose;
    if (address->addrlen > sizeof(storage) || (address->family != AF_INET && address->family != AF_INET6))
        return CURL_SOCKET_BAD;
    memcpy(&storage, &address->addr, address->addrlen);
    if (!e->allow_private && tg_address_is_private(&storage))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* --- the handle ------------------------------------------------------------------------------------------------------------------ */

/* "host:port:address,address": curl then resolves nothing. */
static struct curl_slist *resolve_list(const struct tg_httpeasy_request *r, const struct tg_addresses *addresses)
{
    char text[TG_ADDRESS_TEXT_SIZE];
    struct tg_strbuf line;
    tg_strbuf_init(&line, 4096);
    tg_strbuf_printf(&line, "%s:%u:", r->host, r->port);
    for (size_t i = 0; i < addresses->n; i++) {
        bool is_v6 = addresses->list[i].ss_family == AF_INET6;
        tg_address_format(&addresses->list[i], text);
        tg_strbuf_printf(&line, "%s%s%s%s", i > 0 ? "," : "", is_v6 ? "[" : "", text, is_v6 ? "]" : "");
    }
    assert(!tg_strbuf_overflowed(&line));
    struct curl_slist *list = curl_slist_append(NULL, line.bytes);
    assert(list != NULL);
    tg_strbuf_deinit(&line);
    return list;
}

static void set_method(struct tg_httpeasy *e)
{
    const struct tg_httpeasy_request *r = e->request;
    bool is_post = strcmp(r->method, "POST") == 0;
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(e->curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body_len > 0 || is_post || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0) {
        curl_easy_setopt(e->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        if (r->idempotent || r->body_len == 0) {
            curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, r->body_len == 0 ? "" : r->body);
        } else {
            curl_easy_setopt(e->curl, CURLOPT_READFUNCTION, on_read);
            curl_easy_setopt(e->curl, CURLOPT_READDATA, e);
        }
    }
    curl_easy_setopt(e->curl, CURLOPT_CUSTOMREQUEST, r->method);
    if (!r->idempotent && r->body_len == 0)
        curl_easy_setopt(e->curl, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_headers(struct tg_httpeasy *e)
{
    e->headers = curl_slist_append(NULL, "Expect:");
    bool has_type = false;
    for (char **h = e->request->headers; *h != NULL; h++) {
        e->headers = curl_slist_append(e->headers, *h);
        has_type |= strncasecmp(*h, "content-type:", 13) == 0;
    }
    if (!has_type) /* or curl would call it a form */
        e->headers = curl_slist_append(e->headers, "Content-Type:");
    assert(e->headers != NULL);
    curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
}

static void set_network(struct tg_httpeasy *e, const struct tg_httpc_settings *set, uint64_t timeout_ms)
{
    CURL *curl = e->curl;
    long total_ms = timeout_ms > INT32_MAX ? INT32_MAX : (long)timeout_ms;
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, total_ms < CONNECT_TIMEOUT_MS ? total_ms : CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not what the environment says */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (set->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, set->ca_file);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, e);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Tollgate/" TG_VERSION);
}

void tg_httpeasy_init(struct tg_httpeasy *e, const struct tg_httpeasy_request *request,
                      const struct tg_addresses *addresses, const struct tg_httpc_settings *set, uint64_t timeout_ms,
                      void *private_data)
{
    *e = (struct tg_httpeasy){.request = request, .allow_private = set->allow_private_addresses};
    e->curl = curl_easy_init();
    assert(e->curl != NULL);
    tg_strbuf_init(&e->res_headers, HEADERS_SIZE_MAX);
    tg_strbuf_init(&e->res_body, set->response_bytes_max);
    e->resolve = resolve_list(request, addresses);
    curl_easy_setopt(e->curl, CURLOPT_URL, request->url);
    curl_easy_setopt(e->curl, CURLOPT_RESOLVE, e->resolve);
    curl_easy_setopt(e->curl, CURLOPT_PRIVATE, private_data);
    curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->error);
    curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e);
    curl_easy_setopt(e->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e->curl, CURLOPT_HEADERDATA, e);
    set_network(e, set, timeout_ms);
    set_headers(e);
    set_method(e);
}

void tg_httpeasy_deinit(struct tg_httpeasy *e)
{
    curl_easy_cleanup(e->curl);
    curl_slist_free_all(e->headers);
    curl_slist_free_all(e->resolve);
    tg_strbuf_deinit(&e->res_headers);
    tg_strbuf_deinit(&e->res_body);
    *e = (struct tg_httpeasy){0};
}

static void take_response(struct tg_httpeasy *e, struct tg_http_response **res_r)
{
    struct tg_http_response *res = TG_NEW(struct tg_http_response);
    long status = 0;
    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
    res->status = (int)status;
    res->headers = tg_strbuf_take(&e->res_headers, &res->headers_len);
    res->body = tg_strbuf_take(&e->res_body, &res->body_len);
    *res_r = res;
}

int tg_httpeasy_result(struct tg_httpeasy *e, CURLcode code, struct tg_http_response **res_r, bool *may_retry_r,
                       struct tg_err *err_r)
{
    long sent = 0;
    if (code == CURLE_OK) {
        take_response(e, res_r);
        return 0;
    }
    curl_easy_getinfo(e->curl, CURLINFO_REQUEST_SIZE, &sent);
    bool is_settled = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || e->is_too_large;
    *may_retry_r = !is_settled && (sent == 0 || e->request->idempotent);
    enum tg_errcode errcode = sent == 0 ? TG_ERR_UPSTREAM : TG_ERR_UNCERTAIN;
    if (e->is_too_large)
        tg_err_set(err_r, errcode, "%s: the response is too large", e->request->host);
    else
        tg_err_set(err_r, errcode, "%s: %s", e->request->host,
                   e->error[0] != '\0' ? e->error : curl_easy_strerror(code));
    err_r->native = (int)code;
    return -1;
}

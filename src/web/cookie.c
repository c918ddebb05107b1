/* cookie - the session of a browser: its token in a cookie, and the proof that the page itself has sent the request. */
#include "web/cookie.h"

#include <string.h>

#include "base/hash.h"
#include "web/thread.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static h2o_iovec_t trim(const char *from, const char *end)
{
    while (from < end && is_space(*from))
        from++;
    while (end > from && is_space(end[-1]))
        end--;
    return h2o_iovec_init(from, (size_t)(end - from));
}

int tg_cookie_find(const char *text, size_t len, const char *name, h2o_iovec_t *value_r)
{
    const char *p = text, *end = text + len;
    h2o_iovec_t value = {NULL, 0};
    for (; p < end;) {
        const char *semicolon = memchr(p, ';', (size_t)(end - p)), *stop = semicolon == NULL ? end : semicolon;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        h2o_iovec_t found = eq == NULL ? (h2o_iovec_t){NULL, 0} : trim(p, eq);
        if (eq != NULL && h2o_memis(found.base, found.len, name, strlen(name))) {
            if (value.base != NULL)
                return -1;
            value = trim(eq + 1, stop);
        }
        p = stop + 1;
    }
    if (value.base == NULL)
        return 0;
    *value_r = value;
    return 1;
}

static bool is_loopback(h2o_conn_t *conn)
{
    struct sockaddr_storage ss;
    if (conn->callbacks->get_peername(conn, (void *)&ss) == 0)
        return false;
    if (ss.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&ss)->sin_addr.s_addr) >> 24 == 127;
    return ss.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&ss)->sin6_addr);
}

const char *tg_cookie_name(const struct tg_request *r)
{
    if (r->req == NULL)
        return NULL;
    if (r->req->scheme == &H2O_URL_SCHEME_HTTPS)
        return "__Host-tollgate";
    return is_loopback(r->req->conn) ? "tollgate" : NULL;
}

/* HTTP/2 may split what HTTP/1 sends in one header. */
h2o_iovec_t tg_cookie_session(const struct tg_request *r)
{
    const char *name = tg_cookie_name(r);
    h2o_iovec_t session = {NULL, 0}, value;
    if (name == NULL)
        return session;
    for (ssize_t i = -1; (i = h2o_find_header(&r->req->headers, H2O_TOKEN_COOKIE, i)) != -1;) {
        h2o_iovec_t text = r->req->headers.entries[i].value;
        int found = tg_cookie_find(text.base, text.len, name, &value);
        if (found == -1 || (found == 1 && session.base != NULL))
            return (h2o_iovec_t){NULL, 0};
        if (found == 1)
            session = value;
    }
    return session;
}

void tg_csrf_of(const char *token, size_t len, char out[static TG_CSRF_SIZE])
{
    uint8_t digest[TG_SHA256_LEN];
    tg_hmac_sha256(token, len, "csrf", 4, digest);
    tg_hex(digest, (TG_CSRF_SIZE - 1) / 2, out);
}

bool tg_csrf_is_good(const struct tg_request *r, const char *csrf)
{
    if (r->method == TG_GET || r->method == TG_HEAD || r->method == TG_OPTIONS)
        return true;
    h2o_iovec_t given = tg_request_header(r, H2O_STRLIT("x-csrf-token"));
    return given.base != NULL && given.len == TG_CSRF_SIZE - 1 && tg_equal_constant_time(given.base, csrf, given.len);
}

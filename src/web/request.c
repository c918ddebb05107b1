/* request - a request as our side sees it: it outlives the client. */
#include "web/request.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "web/app.h"
#include "web/conn.h"
#include "web/metrics.h"
#include "web/thread.h"

#define ENV_NAME "tollgate.request"
#define SPARE_MAX 256 /* ended requests kept for the next, a thread */

struct tg_request_left { /* one allocation: the struct and the bytes behind */
    h2o_iovec_t path; /* with the query */
    size_t query_at;
    h2o_iovec_t authority;
    char remote[NI_MAXHOST];
    size_t n_headers;
    struct {
        h2o_iovec_t name, value;
    } headers[];
};

/* In the pool of the h2o request: its end is the only sign that the request is gone. */
struct token {
    struct tg_request *r;
};

static size_t remote_of(h2o_req_t *req, char out[static NI_MAXHOST])
{
    struct sockaddr_storage ss;
    socklen_t len = req->conn->callbacks->get_peername(req->conn, (void *)&ss);
    size_t n = SIZE_MAX;
    if (len != 0 && ss.ss_family != AF_UNIX)
        n = h2o_socket_getnumerichost((void *)&ss, len, out);
    if (n == SIZE_MAX) {
        memcpy(out, "unix", 5);
        n = 4;
    }
    out[n] = '\0';
    return n;
}

static h2o_iovec_t copy(char **to, h2o_iovec_t from)
{
    h2o_iovec_t out = {*to, from.len};
    h2o_memcpy(*to, from.base, from.len);
    *to += from.len;
    return out;
}

/* Copies what a handler may still ask for. The pool's memory is whole until its last token has run. */
static struct tg_request_left *leave(h2o_req_t *req)
{
    const size_t n = req->headers.size;
    size_t bytes = req->input.path.len + req->input.authority.len;
    for (size_t i = 0; i < n; i++)
        bytes += req->headers.entries[i].name->len + req->headers.entries[i].value.len;
    struct tg_request_left *left = tg_malloc(sizeof(*left) + n * sizeof(left->headers[0]) + bytes);
    char *to = (char *)&left->headers[n];
    left->path = copy(&to, req->input.path);
    left->query_at = req->input.query_at;
    left->authority = copy(&to, req->input.authority);
    remote_of(req, left->remote);
    left->n_headers = n;
    for (size_t i = 0; i < n; i++) {
        left->headers[i].name = copy(&to, *req->headers.entries[i].name);
        left->headers[i].value = copy(&to, req->headers.entries[i].value);
    }
    return left;
}

static void on_pool_cleared(void *ptr)
{
    struct tg_request *r = ((struct token *)ptr)->r;
    assert(r->req != NULL);
    if (r->is_working) {
        r->left = leave(r->req);
        if (!r->is_answered)
            tg_web_count(&r->thread->stats.unanswered);
    }
    tg_conn_count(r->req, -1);
    tg_web_metrics_observe(&r->thread->stats, tg_clock_mono_us() - r->started_us);
    r->req = NULL;
    tg_request_unref(&r);
}

/* A spare one, or a new one; all zero. */
static struct tg_request *take(struct tg_web_thread *thread)
{
    struct tg_request *r = thread->spare_requests;
    if (r == NULL)
        return TG_NEW(struct tg_request);
    thread->spare_requests = r->next_waiter;
    thread->n_spare_requests--;
    memset(r, 0, sizeof(*r));
    return r;
}

static void give_back(struct tg_request *r)
{
    struct tg_web_thread *thread = r->thread;
    if (thread->n_spare_requests == SPARE_MAX) {
        free(r);
        return;
    }
    r->next_waiter = thread->spare_requests;
    thread->spare_requests = r;
    thread->n_spare_requests++;
}

void tg_request_free_spares(struct tg_web_thread *thread)
{
    for (struct tg_request *r = thread->spare_requests, *next; r != NULL; r = next) {
        next = r->next_waiter;
        free(r);
    }
    thread->spare_requests = NULL;
    thread->n_spare_requests = 0;
}

struct tg_request *tg_request_new(struct tg_web_thread *thread, h2o_req_t *req)
{
    struct tg_request *r = take(thread);
    struct token *token = h2o_mem_alloc_shared(&req->pool, sizeof(*token), on_pool_cleared);
    token->r = r;
    r->refs = 2;
    r->req = req;
    r->thread = thread;
    r->started_us = tg_clock_mono_us();
    h2o_iovec_t *env = h2o_req_getenv(req, ENV_NAME, sizeof(ENV_NAME) - 1, 1);
    env->base = (char *)r;
    tg_conn_count(req, 1);
    return r;
}

struct tg_request *tg_request_ref(struct tg_request *r)
{
    assert(r->refs != 0);
    r->refs++;
    return r;
}

void tg_request_unref(struct tg_request **r_p)
{
    struct tg_request *r = *r_p;
    *r_p = NULL;
    if (r == NULL || --r->refs != 0)
        return;
    assert(r->req == NULL && !r->is_working && r->lua_box == NULL && !h2o_timeout_is_linked(&r->timeout));
    tg_principal_unref(&r->principal);
    tg_bytes_unref(&r->body);
    tg_app_unref(&r->app);
    free(r->left);
    give_back(r);
}

struct tg_request *tg_request_of(h2o_req_t *req)
{
    const h2o_iovec_t *env = h2o_req_getenv(req, ENV_NAME, sizeof(ENV_NAME) - 1, 0);
    return env == NULL ? NULL : (struct tg_request *)(void *)env->base;
}

/* --- What Lua asks for ---------------------------------------------------------------------------------------------- */

static h2o_iovec_t whole_path(const struct tg_request *r, size_t *query_at_r)
{
    assert(r->req != NULL || r->left != NULL);
    *query_at_r = r->req != NULL ? r->req->input.query_at : r->left->query_at;
    return r->req != NULL ? r->req->input.path : r->left->path;
}

h2o_iovec_t tg_request_path(const struct tg_request *r)
{
    size_t query_at;
    h2o_iovec_t path = whole_path(r, &query_at);
    return h2o_iovec_init(path.base, query_at == SIZE_MAX ? path.len : query_at);
}

h2o_iovec_t tg_request_query(const struct tg_request *r)
{
    size_t query_at;
    h2o_iovec_t path = whole_path(r, &query_at);
    if (query_at == SIZE_MAX)
        return h2o_iovec_init(path.base + path.len, 0);
    return h2o_iovec_init(path.base + query_at + 1, path.len - query_at - 1);
}

h2o_iovec_t tg_request_header(const struct tg_request *r, const char *name, size_t len)
{
    assert(r->req != NULL || r->left != NULL);
    if (len == 4 && memcmp(name, "host", 4) == 0)
        return r->req != NULL ? r->req->input.authority : r->left->authority;
    if (r->req != NULL) {
        const h2o_token_t *token = h2o_lookup_token(name, len);
        ssize_t i = token != NULL ? h2o_find_header(&r->req->headers, token, -1)
                                  : h2o_find_header_by_str(&r->req->headers, name, len, -1);
        return i == -1 ? (h2o_iovec_t){NULL, 0} : r->req->headers.entries[i].value;
    }
    for (size_t i = 0; i < r->left->n_headers; i++)
        if (h2o_memis(r->left->headers[i].name.base, r->left->headers[i].name.len, name, len))
            return r->left->headers[i].value;
    return (h2o_iovec_t){NULL, 0};
}

size_t tg_request_remote(const struct tg_request *r, char out[static NI_MAXHOST])
{
    assert(r->req != NULL || r->left != NULL);
    if (r->req != NULL)
        return remote_of(r->req, out);
    memcpy(out, r->left->remote, strlen(r->left->remote) + 1);
    return strlen(out);
}

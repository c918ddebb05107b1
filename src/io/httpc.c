/* httpc - curl's multi interface on our loop.
 *
 * A request goes: check it → resolve its host on a worker → judge the addresses →
 * attempts, each an easy handle, until one is answered, nothing more may be
 * tried, or its time is over → callback. Waiting for a free connection to a host
 * happens inside curl (CURLMOPT_MAX_HOST_CONNECTIONS) and counts as its time.
 */
#include "io/httpc.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "io/httpeasy.h"
#include "io/names.h"

#define CONNECTIONS_PER_HOST_MAX 8
#define PENDING_MAX 1000
#define RESPONSE_BYTES_MAX (8u * 1024 * 1024)
#define RETRY_FIRST_MS 50

struct tg_httpc {
    struct tg_loop *loop;
    struct tg_names *names;
    struct tg_httpc_settings set;
    char *ca_file;
    CURLM *multi;
    struct tg_timer timer; /* curl's */
    h2o_linklist_t requests;
    size_t n_requests;
    unsigned seed;
    bool is_closing;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

enum request_state { REQUEST_RESOLVING, REQUEST_RUNNING, REQUEST_WAITING, REQUEST_FAILED };

struct request {
    h2o_linklist_t link;
    enum request_state state;
    struct tg_httpc *client;
    struct tg_httpeasy_request copy;
    struct tg_addresses addresses;
    uint64_t deadline_ms;
    unsigned n_attempts, retries_max;
    struct tg_httpeasy easy; /* while RUNNING */
    struct tg_timer timer; /* WAITING: the next attempt; RESOLVING: the deadline */
    struct tg_err err; /* of a failure that is deferred, or of the last attempt */
    tg_http_fn *fn; /* NULL: answered already, the resolver still holds it */
    void *arg;
};

void tg_http_response_free(struct tg_http_response **res)
{
    if (*res == NULL)
        return;
    free((*res)->headers);
    free((*res)->body);
    free(*res);
    *res = NULL;
}

/* --- requests ------------------------------------------------------------------------------------------------------------- */

static void check_closed(struct tg_httpc *c)
{
    if (!c->is_closing || c->n_requests > 0)
        return;
    tg_loop_fn *done = c->on_closed;
    void *arg = c->on_closed_arg;
    curl_multi_cleanup(c->multi); /* closes idle connections, and so their watches */
    tg_timer_stop(c->loop, &c->timer);
    tg_names_free(&c->names);
    free(c->ca_file);
    free(c);
    if (done != NULL)
        done(arg);
}

static void request_end(struct request *r, struct tg_http_response *res, const struct tg_err *err)
{
    struct tg_httpc *c = r->client;
    tg_timer_stop(c->loop, &r->timer);
    if (r->fn != NULL)
        r->fn(res, err, r->arg);
    h2o_linklist_unlink(&r->link);
    tg_httpeasy_request_deinit(&r->copy);
    free(r);
    c->n_requests--;
    check_closed(c);
}

static void on_request_failed(void *arg)
{
    struct request *r = arg;
    request_end(r, NULL, &r->err);
}

static void fail_later(struct request *r)
{
    r->state = REQUEST_FAILED;
    tg_loop_defer(r->client->loop, on_request_failed, r);
}

static uint64_t remaining_ms(const struct request *r)
{
    uint64_t now_ms = tg_loop_now_ms(r->client->loop);
    return r->deadline_ms > now_ms ? r->deadline_ms - now_ms : 0;
}

static void start_attempt(struct request *r)
{
    struct tg_httpc *c = r->client;
    uint64_t left_ms = remaining_ms(r);
    assert(!c->is_closing);
    if (left_ms == 0) {
        if (r->err.code == TG_ERR_NONE)
            tg_err_set(&r->err, TG_ERR_UPSTREAM, "%s: no time was left to ask", r->copy.host);
        request_end(r, NULL, &r->err);
        return;
    }
    r->state = REQUEST_RUNNING;
    r->n_attempts++;
    tg_httpeasy_init(&r->easy, &r->copy, &r->addresses, &c->set, left_ms, r);
    CURLMcode code = curl_multi_add_handle(c->multi, r->easy.curl);
    assert(code == CURLM_OK);
}

static void on_retry(void *arg)
{
    start_attempt(arg);
}

/* True when another attempt is on its way. r->err says how the last one failed. */
static bool retry(struct request *r)
{
    uint64_t delay_ms = RETRY_FIRST_MS << (r->n_attempts < 8 ? r->n_attempts - 1 : 7);
    delay_ms -= (uint32_t)rand_r(&r->client->seed) % (delay_ms / 2 + 1);
    if (r->n_attempts > r->retries_max || delay_ms >= remaining_ms(r) || r->client->is_closing)
        return false;
    r->state = REQUEST_WAITING;
    tg_timer_start(r->client->loop, &r->timer, delay_ms, on_retry, r);
    return true;
}

static void on_attempt_done(struct request *r, CURLcode code)
{
    struct tg_http_response *res = NULL;
    bool may_retry = false;
    struct tg_err err = {0};
    int status = tg_httpeasy_result(&r->easy, code, &res, &may_retry, &err);
    curl_multi_remove_handle(r->client->multi, r->easy.curl);
    tg_httpeasy_deinit(&r->easy);
    if (status == 0) {
        request_end(r, res, NULL);
        return;
    }
    /* Once it may have happened, a later attempt that could not even connect does not make it certain. */
    if (r->err.code != TG_ERR_UNCERTAIN)
        r->err = err;
    if (!may_retry || !retry(r))
        request_end(r, NULL, &r->err);
}

/* --- curl's sockets and timer ------------------------------------------------------------------------------------------------ */

static void collect_done(struct tg_httpc *c)
{
    CURLMsg *message;
    int left;
    c->n_requests++; /* keeps c alive whatever a callback does */
    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct request *r = NULL;
        assert(message->msg == CURLMSG_DONE);
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        on_attempt_done(r, message->data.result);
    }
    c->n_requests--;
    check_closed(c);
}

struct socket_watch {
    struct tg_httpc *client;
    curl_socket_t fd;
    struct tg_watch *watch;
};

static void on_ready(int events, void *arg)
{
    struct socket_watch *s = arg;
    struct tg_httpc *c = s->client;
    int running, mask = ((events & TG_WATCH_READ) != 0 ? CURL_CSELECT_IN : 0) |
                        ((events & TG_WATCH_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(c->multi, s->fd, mask, &running); /* may free s */
    collect_done(c);
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct tg_httpc *c = arg;
    struct socket_watch *s = socket_arg;
    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL)
            tg_watch_free(&s->watch);
        free(s);
        return 0;
    }
    if (s == NULL) {
        s = TG_NEW(struct socket_watch);
        *s = (struct socket_watch){c, fd, NULL};
        s->watch = tg_watch_new(c->loop, fd, on_ready, s);
        curl_multi_assign(c->multi, fd, s);
    }
    tg_watch_set(s->watch,
                 ((what & CURL_POLL_IN) != 0 ? TG_WATCH_READ : 0) | ((what & CURL_POLL_OUT) != 0 ? TG_WATCH_WRITE : 0));
    return 0;
}

static void on_timer(void *arg)
{
    struct tg_httpc *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_done(c);
}

static int on_set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct tg_httpc *c = arg;
    (void)multi;
    if (timeout_ms < 0)
        tg_timer_stop(c->loop, &c->timer);
    else
        tg_timer_start(c->loop, &c->timer, (uint64_t)timeout_ms, on_timer, c);
    return 0;
}

/* --- sending -------------------------------------------------------------------------------------------------------------- */

static void drop_private(struct tg_addresses *addresses)
{
    size_t n = 0;
    for (size_t i = 0; i < addresses->n; i++) {
        if (!tg_address_is_private(&addresses->list[i]))
            addresses->list[n++] = addresses->list[i];
    }
    addresses->n = n;
}

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct request *r = arg;
    tg_timer_stop(r->client->loop, &r->timer);
    if (r->client->is_closing || r->fn == NULL) {
        tg_err_set(&r->err, TG_ERR_UPSTREAM, "the server is shutting down");
    } else if (err != NULL) {
        r->err = *err;
    } else {
        r->addresses = *addresses;
        if (!r->client->set.allow_private_addresses)
            drop_private(&r->addresses);
        if (r->addresses.n > 0) {
            start_attempt(r);
            return;
        }
        tg_err_set(&r->err, TG_ERR_DENIED, "%.100s has a private address, which is not to be asked", r->copy.host);
    }
    request_end(r, NULL, &r->err);
}

static void on_resolve_deadline(void *arg)
{
    struct request *r = arg;
    tg_http_fn *fn = r->fn;
    tg_err_set(&r->err, TG_ERR_UPSTREAM, "the name '%.100s' was not resolved in time", r->copy.host);
    r->fn = NULL;
    fn(NULL, &r->err, r->arg);
}

void tg_httpc_send(struct tg_httpc *c, const struct tg_http_request *req, tg_http_fn *fn, void *arg)
{
    assert(fn != NULL && req->timeout_ms > 0);
    struct request *r = TG_NEW(struct request);
    r->client = c;
    r->fn = fn;
    r->arg = arg;
    r->retries_max = req->retries_max;
    r->deadline_ms = tg_loop_now_ms(c->loop) + req->timeout_ms;
    h2o_linklist_insert(&c->requests, &r->link);
    c->n_requests++;
    if (c->is_closing)
        tg_err_set(&r->err, TG_ERR_UPSTREAM, "the server is shutting down");
    else if (c->n_requests > c->set.pending_max)
        tg_err_set(&r->err, TG_ERR_BUSY, "%zu requests to other servers are under way already", c->n_requests - 1);
    if (r->err.code != TG_ERR_NONE || tg_httpeasy_request_init(&r->copy, req, &r->err) != 0) {
        fail_later(r);
        return;
    }
    r->state = REQUEST_RESOLVING;
    tg_timer_start(c->loop, &r->timer, req->timeout_ms, on_resolve_deadline, r);
    tg_names_lookup(c->names, r->copy.host, r->copy.port, on_resolved, r);
}

/* --- the client ------------------------------------------------------------------------------------------------------------- */

static void init_library(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(code == CURLE_OK);
}

struct tg_httpc *tg_httpc_new(struct tg_loop *loop, struct tg_work *work, const struct tg_httpc_settings *set)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct tg_httpc *c = TG_NEW(struct tg_httpc);
    c->loop = loop;
    c->names = tg_names_new(loop, work);
    c->set = *set;
    c->set.connections_per_host_max =
        set->connections_per_host_max == 0 ? CONNECTIONS_PER_HOST_MAX : set->connections_per_host_max;
    c->set.pending_max = set->pending_max == 0 ? PENDING_MAX : set->pending_max;
    c->set.response_bytes_max = set->response_bytes_max == 0 ? RESPONSE_BYTES_MAX : set->response_bytes_max;
    c->ca_file = set->ca_file == NULL ? NULL : tg_strdup(set->ca_file);
    c->set.ca_file = c->ca_file;
    h2o_linklist_init_anchor(&c->requests);
    tg_random(&c->seed, sizeof(c->seed));
    c->multi = curl_multi_init();
    assert(c->multi != NULL);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_set_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)c->set.connections_per_host_max);
    return c;
}

/* Ends one that waits for a server or for its next attempt; what resolves ends when that does. */
static void abort_request(struct request *r)
{
    if (r->state == REQUEST_WAITING) {
        request_end(r, NULL, &r->err);
    } else if (r->state == REQUEST_RUNNING) {
        on_attempt_done(r, CURLE_ABORTED_BY_CALLBACK);
    }
}

static void on_close(void *arg)
{
    struct tg_httpc *c = arg;
    h2o_linklist_t *next;
    for (h2o_linklist_t *l = c->requests.next; l != &c->requests; l = next) {
        next = l->next;
        abort_request(H2O_STRUCT_FROM_MEMBER(struct request, link, l));
    }
    c->n_requests--;
    check_closed(c);
}

void tg_httpc_close(struct tg_httpc **c_p, tg_loop_fn *done, void *arg)
{
    struct tg_httpc *c = *c_p;
    *c_p = NULL;
    assert(!c->is_closing);
    c->is_closing = true;
    c->on_closed = done;
    c->on_closed_arg = arg;
    c->n_requests++; /* until on_close() has run */
    tg_loop_defer(c->loop, on_close, c);
}

/* dispatch - from an HTTP request to the handler in Lua, and back. */
#include "web/dispatch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "rt/co.h"
#include "web/api_req.h"
#include "web/app.h"
#include "web/auth.h"
#include "web/cors.h"
#include "web/ratelink.h"
#include "web/refused.h"
#include "web/reply.h"
#include "web/stream.h"
#include "web/thread.h"

#define PATH_LEN_MAX 4096
#define BODY_DETAIL_SIZE 80

/* --- The end of a request ------------------------------------------------------------------------------------------- */

static void finish(struct tg_request *r)
{
    struct tg_web_thread *thread = r->thread;
    assert(r->is_working);
    h2o_timeout_unlink(&r->timeout);
    tg_api_req_end(r);
    tg_auth_leave(r);
    if (r->body_len != 0)
        atomic_fetch_sub_explicit(&thread->shared->body_memory, r->body_len, memory_order_relaxed);
    tg_bytes_unref(&r->body);
    r->is_working = false;
    thread->n_requests--;
    tg_request_unref(&r);
}

static void on_deadline(h2o_timeout_entry_t *entry)
{
    struct tg_request *r = H2O_STRUCT_FROM_MEMBER(struct tg_request, timeout, entry);
    static const struct tg_problem read = {503, "timeout", "There was no answer in time.", 1};
    static const struct tg_problem write = {
        504, "uncertain",
        "There was no answer in time. It may have happened: look, or repeat with the same Idempotency-Key.", 0};
    tg_web_count(&r->thread->stats.timeouts);
    TG_LOG_WARN("web_request_timed_out", TG_LOG_STR("request_id", r->id),
                TG_LOG_STR("path", r->match.route == NULL ? NULL : r->match.route->pattern),
                TG_LOG_INT("usecs", (int64_t)(tg_clock_mono_us() - r->started_us)));
    tg_reply_problem(r, r->method == TG_GET || r->method == TG_HEAD ? &read : &write);
    /* the handler goes on: its answer is dropped, and it counts as working until it ends */
}

/* --- The handler ---------------------------------------------------------------------------------------------------- */

static int push_handler(lua_State *L, void *arg)
{
    struct tg_request *r = arg;
    tg_api_req_push(L, r);
    tg_app_push(L, (int)r->match.route->handler);
    lua_pushvalue(L, -2);
    return 1;
}

/* What a handler says that has failed. NULL: it has not. */
static const char *failure_of(lua_State *L, int n, const struct tg_err *err)
{
    const int first = lua_gettop(L) - n + 1;
    if (err != NULL || n < 2 || !lua_isnil(L, first))
        return err == NULL ? NULL : err->text;
    const char *detail = NULL;
    if (lua_istable(L, first + 1)) {
        lua_pushliteral(L, "detail");
        lua_rawget(L, first + 1);
        detail = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        lua_pop(L, 1); /* the table keeps it */
    }
    return detail == NULL ? "the handler gave no reason" : detail;
}

static void on_handled(lua_State *L, int n, const struct tg_err *err, void *arg)
{
    struct tg_request *r = arg;
    if (err != NULL)
        tg_reply_err(r, err);
    else
        tg_reply_lua(r, L, n);
    if (n >= 2 && lua_isnil(L, lua_gettop(L) - n + 1))
        tg_refused_by_handler(r, L, lua_gettop(L) - n + 2);
    if (r->stream == NULL) {
        finish(r);
    } else {
        tg_api_req_end(r); /* the VM may be gone before the last piece is */
        tg_stream_end(r, failure_of(L, n, err), finish);
    }
}

/* r may be over when this returns. */
static void start_handler(struct tg_request *r)
{
    const struct tg_conf *conf = r->thread->shared->conf;
    uint64_t timeout_ms = r->match.route->bulk ? conf->bulk_timeout_ms : conf->request_timeout_ms;
    struct tg_co_context ctx = {.principal = r->principal, .deadline_ms = tg_loop_now_ms(r->thread->loop) + timeout_ms};
    memcpy(ctx.request_id, r->id, sizeof(ctx.request_id));
    memcpy(ctx.traceparent, r->traceparent, sizeof(ctx.traceparent));
    tg_co_run(r->app->vm, &ctx, push_handler, r, on_handled, r);
}

/* --- Limits --------------------------------------------------------------------------------------------------------- */

static void refuse_rate(struct tg_request *r, struct tg_rate rate, struct tg_rate_answer answer, const char *detail)
{
    char text[24];
    tg_web_count(&r->thread->stats.refused_rate);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)rate.burst);
    tg_reply_header(r, "ratelimit-limit", text);
    tg_reply_header(r, "ratelimit-remaining", "0");
    snprintf(text, sizeof(text), "%u", answer.reset_s);
    tg_reply_header(r, "ratelimit-reset", text);
    tg_reply_problem(r, &(struct tg_problem){.status = 429, .detail = detail, .retry_after_s = answer.retry_after_s});
}

/* false: answered. */
static bool is_within_key_limits(struct tg_request *r)
{
    const struct tg_conf *conf = r->thread->shared->conf;
    struct tg_rate rate = {conf->rate_per_key, conf->burst_per_key};
    if (conf->max_requests_per_key != 0 && r->credential->n_running > conf->max_requests_per_key) {
        refuse_rate(r, (struct tg_rate){0, conf->max_requests_per_key},
                    (struct tg_rate_answer){.reset_s = 1, .retry_after_s = 1},
                    "Too many requests of this key at one time.");
        return false;
    }
    if (rate.per_s == 0)
        return true;
    uint64_t who =
        tg_limits_hash(r->thread->shared->limits, r->principal->actor.bytes, sizeof(r->principal->actor.bytes));
    struct tg_rate_answer answer = tg_limits_take(r->thread->shared->limits, who, rate, r->started_us);
    if (answer.allowed)
        tg_ratelink_took(r->thread->ratelink, who, 'k', r->principal->actor.bytes, sizeof(r->principal->actor.bytes),
                         rate);
    else
        refuse_rate(r, rate, answer, "Too many requests of this key.");
    return answer.allowed;
}

/* 0: it has none. */
static uint64_t address_of(const struct tg_request *r, struct sockaddr_storage *ss)
{
    if (r->req->conn->callbacks->get_peername(r->req->conn, (void *)ss) == 0)
        return 0;
    return tg_limits_address(r->thread->shared->limits, (void *)ss);
}

static struct tg_rate_answer take_of_address(struct tg_request *r, uint64_t who, const struct sockaddr_storage *ss,
                                             struct tg_rate rate)
{
    size_t len;
    const void *network = tg_limits_network((const void *)ss, &len);
    struct tg_rate_answer answer = tg_limits_take(r->thread->shared->limits, who, rate, r->started_us);
    if (answer.allowed)
        tg_ratelink_took(r->thread->ratelink, who, 'a', network, len, rate);
    return answer;
}

/* An address pays for requests without a valid key: public routes, and tokens that are refused. false: answered. */
static bool is_within_address_limits(struct tg_request *r, bool takes)
{
    const struct tg_conf *conf = r->thread->shared->conf;
    struct tg_rate rate = {conf->rate_per_address, conf->burst_per_address};
    struct sockaddr_storage ss;
    uint64_t who = rate.per_s == 0 || r->req == NULL ? 0 : address_of(r, &ss);
    if (who == 0)
        return true;
    struct tg_rate_answer answer = takes ? take_of_address(r, who, &ss, rate)
                                         : tg_limits_peek(r->thread->shared->limits, who, rate, r->started_us);
    if (!answer.allowed)
        refuse_rate(r, rate, answer, "Too many requests of this address.");
    return answer.allowed;
}

/* --- Who asks ------------------------------------------------------------------------------------------------------- */

static void begin(struct tg_request *r);

static void on_authenticated(struct tg_request *r)
{
    if (r->is_answered || r->req == NULL) {
        if (r->principal == NULL && r->req != NULL)
            (void)is_within_address_limits(r, true); /* a refused token is paid for; the answer stands */
        tg_refused_before_handler(r);
        finish(r);
    } else if (r->principal == NULL || r->app != r->thread->app) {
        tg_auth_leave(r);
        tg_principal_unref(&r->principal);
        begin(r);
    } else if (!tg_principal_may(r->principal, (unsigned)r->match.route->permission)) {
        tg_reply_problem(r, &(struct tg_problem){.status = 403, .detail = "You do not have the permission for that."});
        tg_refused_before_handler(r);
        finish(r);
    } else if (r->is_by_cookie && !tg_csrf_is_good(r, r->credential->csrf)) {
        tg_reply_problem(r, &(struct tg_problem){.status = 403,
                                                 .slug = "csrf",
                                                 .detail = "A session in a cookie needs the header X-CSRF-Token."});
        tg_refused_before_handler(r);
        finish(r);
    } else if (!is_within_key_limits(r)) {
        finish(r);
    } else {
        start_handler(r);
    }
}

static void answer_no_route(struct tg_request *r, enum tg_route_result result)
{
    char allow[96];
    if (r->method == TG_OPTIONS && result == TG_ROUTE_NO_METHOD) {
        tg_cors_reply_options(r, r->match.methods);
    } else if (result == TG_ROUTE_NO_METHOD) {
        tg_methods_format(r->match.methods, allow, sizeof(allow));
        tg_reply_header(r, "allow", allow);
        tg_reply_problem(r, &(struct tg_problem){.status = 405, .detail = "This path has other methods: see Allow."});
    } else {
        tg_reply_problem(r, &(struct tg_problem){.status = 404, .detail = "There is nothing at this path."});
    }
}

/* With the newest generation: again from here when it has changed meanwhile. */
static void begin(struct tg_request *r)
{
    h2o_iovec_t path = tg_request_path(r);
    tg_app_unref(&r->app);
    r->app = tg_app_ref(r->thread->app);
    enum tg_route_result result = tg_routes_find(r->app->routes, r->method, path.base, path.len, &r->match);
    if (result != TG_ROUTE_FOUND) {
        answer_no_route(r, result);
        finish(r);
    } else if (r->match.route->permission == -1) {
        if (is_within_address_limits(r, true))
            start_handler(r);
        else
            finish(r);
    } else if (is_within_address_limits(r, false)) {
        tg_auth_start(r, on_authenticated);
    } else {
        finish(r);
    }
}

/* --- Taking it in --------------------------------------------------------------------------------------------------- */

static bool has_same_name(const struct tg_query_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (h2o_memis(pairs[i].name.base, pairs[i].name.len, pairs[n].name.base, pairs[n].name.len))
            return true;
    return false;
}

/* NULL: it is fine. */
static const char *check_query(h2o_iovec_t query)
{
    struct tg_query_pair pairs[TG_QUERY_PAIRS_MAX];
    char decoded[PATH_LEN_MAX];
    if (query.len == 0)
        return NULL;
    size_t n = tg_query_split(query, pairs);
    if (n == SIZE_MAX)
        return "The query has more than 64 parameters.";
    for (size_t i = 0; i < n; i++) {
        if (tg_query_decode(pairs[i].name, true, decoded) == SIZE_MAX ||
            tg_query_decode(pairs[i].value, true, decoded) == SIZE_MAX)
            return "The query is not valid percent-encoded UTF-8.";
        if (memchr(pairs[i].name.base, '%', pairs[i].name.len) != NULL)
            return "The names of query parameters are plain letters.";
        if (has_same_name(pairs, i))
            return "A query parameter stands there twice.";
    }
    return NULL;
}

static const char *body_detail(size_t body_max, char out[static BODY_DETAIL_SIZE])
{
    snprintf(out, BODY_DETAIL_SIZE, "The body of this request may have %zu bytes.", body_max);
    return out;
}

static bool has_coded_body(const struct tg_request *r)
{
    h2o_iovec_t coding = tg_request_header(r, H2O_STRLIT("content-encoding"));
    return coding.base != NULL && !h2o_lcstris(coding.base, coding.len, H2O_STRLIT("identity"));
}

/* What can be wrong before there is a route. NULL: nothing. */
static const struct tg_problem *check(const struct tg_request *r, struct tg_problem *p)
{
    h2o_iovec_t path = r->req->input.path;
    if (r->method == TG_METHOD_OTHER)
        *p = (struct tg_problem){.status = 501,
                                 .detail = "The methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS."};
    else if (path.len == 0 || path.base[0] != '/')
        *p = (struct tg_problem){.status = 400, .detail = "The request's target is not a path."};
    else if (path.len > PATH_LEN_MAX)
        *p = (struct tg_problem){.status = 414,
                                 .slug = "path_too_long",
                                 .detail = "The path is longer than 4096 bytes."};
    else if (has_coded_body(r))
        *p = (struct tg_problem){.status = 415, .detail = "A body is taken as it is, without a Content-Encoding."};
    else if ((p->detail = check_query(tg_request_query(r))) != NULL)
        p->status = 400;
    else
        return NULL;
    return p;
}

/* What the hardened libh2o refuses before a handler runs, as far as one can see it. true: answered. */
static bool is_refused_late(struct tg_request *r)
{
    h2o_req_t *req = r->req;
    size_t body_max = tg_dispatch_body_limit(req);
    char detail[BODY_DETAIL_SIZE];
    /* without a Host libh2o puts the configured name there */
    bool is_bad = req->version >= 0x101 && (req->input.authority.len == 0 ||
                                            req->input.authority.base == req->hostconf->authority.hostport.base);
    for (size_t i = 0; i < req->headers.size; i++)
        is_bad = is_bad || req->headers.entries[i].name->len == 0; /* a folded line */
    if (!is_bad && req->entity.len <= body_max)
        return false;
    req->http1_is_persistent = 0;
    if (is_bad)
        tg_reply_problem(r, &(struct tg_problem){.status = 400, .detail = "The header fields are ambiguous."});
    else
        tg_reply_problem(r, &(struct tg_problem){.status = 413, .detail = body_detail(body_max, detail)});
    return true;
}

/* Counts the request in and makes its body ours; false: answered, there is no room. */
static bool take_in(struct tg_request *r)
{
    struct tg_web_thread *thread = r->thread;
    size_t len = r->req->entity.len;
    size_t used = atomic_fetch_add_explicit(&thread->shared->body_memory, len, memory_order_relaxed);
    if (thread->n_requests >= thread->shared->conf->max_requests ||
        used + len > thread->shared->conf->max_body_memory) {
        atomic_fetch_sub_explicit(&thread->shared->body_memory, len, memory_order_relaxed);
        tg_web_count(&thread->stats.refused_busy);
        tg_reply_problem(r, &(struct tg_problem){.status = 503,
                                                 .detail = "Too many requests at one time.",
                                                 .retry_after_s = 1});
        return false;
    }
    thread->n_requests++;
    r->is_working = true;
    r->body_len = len;
    if (len != 0)
        r->body = tg_bytes_new(r->req->entity.base, len);
    return true;
}

static struct tg_request *new_request(struct tg_web_thread *thread, h2o_req_t *req, enum tg_method method)
{
    struct tg_request *r = tg_request_new(thread, req);
    h2o_iovec_t id = tg_request_header(r, H2O_STRLIT("x-request-id"));
    h2o_iovec_t parent = tg_request_header(r, H2O_STRLIT("traceparent"));
    r->method = method;
    r->timeout.cb = on_deadline;
    tg_trace_request_id(id.base, id.len, r->id);
    tg_trace_parent(parent.base, parent.len, r->traceparent);
    return r;
}

/* The next handler of this path, when it is not ours alone, gets what has no route. */
static bool is_for_next_handler(h2o_handler_t *self, h2o_req_t *req, const struct tg_web_thread *thread,
                                enum tg_method method)
{
    struct tg_route_match match;
    if (req->pathconf->handlers.entries[req->pathconf->handlers.size - 1] == self)
        return false;
    size_t len = req->input.query_at == SIZE_MAX ? req->input.path.len : req->input.query_at;
    return tg_routes_find(thread->app->routes, method, req->input.path.base, len, &match) == TG_ROUTE_NO_PATH;
}

static void link_timeout(struct tg_request *r)
{
    const bool is_bulk = r->match.route != NULL && r->match.route->bulk;
    h2o_timeout_link(r->thread->ctx.loop, is_bulk ? &r->thread->bulk_timeout : &r->thread->request_timeout,
                     &r->timeout);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    struct tg_web_thread *thread = tg_web_thread_of(req->conn->ctx);
    enum tg_method method = tg_method_parse(req->input.method.base, req->input.method.len);
    struct tg_problem problem = {0};
    assert(thread->app != NULL); /* nothing is accepted before */
    if (is_for_next_handler(self, req, thread, method))
        return -1;
    struct tg_request *r = new_request(thread, req, method);
    tg_web_count(&thread->stats.requests);
    if (!TG_H2O_HARDENED && is_refused_late(r)) {
        tg_request_unref(&r);
    } else if (check(r, &problem) != NULL) {
        tg_reply_problem(r, &problem);
        tg_request_unref(&r);
    } else if (!take_in(r)) {
        tg_request_unref(&r);
    } else {
        struct tg_request *kept = tg_request_ref(r);
        begin(r);
        if (kept->is_working && kept->stream == NULL)
            link_timeout(kept);
        tg_request_unref(&kept);
    }
    return 0;
}

void tg_dispatch_register(h2o_pathconf_t *pathconf)
{
    h2o_handler_t *handler = h2o_create_handler(pathconf, sizeof(*handler));
    handler->on_req = on_req;
}

/* --- Bodies --------------------------------------------------------------------------------------------------------- */

size_t tg_dispatch_body_limit(h2o_req_t *req)
{
    const struct tg_web_thread *thread = tg_web_thread_of(req->conn->ctx);
    const h2o_iovec_t path = req->input.path;
    const char *query = path.len == 0 ? NULL : memchr(path.base, '?', path.len);
    struct tg_route_match match;
    size_t limit = thread->shared->conf->body_max;
    if (thread->app != NULL &&
        tg_routes_find(thread->app->routes, tg_method_parse(req->input.method.base, req->input.method.len), path.base,
                       query == NULL ? path.len : (size_t)(query - path.base), &match) == TG_ROUTE_FOUND &&
        match.route->body_max != 0)
        limit = match.route->body_max;
    return limit;
}

void tg_dispatch_body_too_large(h2o_req_t *req)
{
    char id[TG_REQUEST_ID_SIZE], detail[BODY_DETAIL_SIZE];
    ssize_t i = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-request-id"), -1);
    h2o_iovec_t given = i == -1 ? (h2o_iovec_t){NULL, 0} : req->headers.entries[i].value;
    tg_trace_request_id(given.base, given.len, id);
    const char *text = body_detail(tg_dispatch_body_limit(req), detail);
    tg_reply_problem_early(req, id, &(struct tg_problem){.status = 413, .detail = text});
}

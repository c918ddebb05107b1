/* health - /healthz, /readyz and /metrics, for those who run the server. */
#include "web/health.h"

#include <netinet/in.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "rt/co.h"
#include "web/app.h"
#include "web/metrics.h"
#include "web/reply.h"
#include "web/thread.h"

#define READY_TIMEOUT_MS 2000

static void reply_ready(struct tg_request *r, bool is_ready, const char *why)
{
    struct tg_strbuf *out = &r->thread->scratch;
    struct tg_jsonw w;
    char text[256];
    tg_strbuf_reset(out);
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "status");
    tg_jsonw_str(&w, is_ready ? "ready" : "not ready");
    if (why != NULL) {
        tg_jsonw_key(&w, "reason");
        tg_jsonw_str(&w, why);
    }
    tg_jsonw_key(&w, "generation");
    tg_jsonw_int(&w, (int64_t)atomic_load(&r->thread->shared->generation));
    tg_jsonw_key(&w, "version");
    tg_jsonw_str(&w, TG_VERSION);
    tg_jsonw_object_end(&w);
    size_t len = out->len < sizeof(text) ? out->len : sizeof(text);
    memcpy(text, out->bytes, len);
    tg_reply_text(r, is_ready ? 200 : 503, "application/json", text, len);
}

static int push_ready(lua_State *L, void *arg)
{
    (void)arg;
    tg_app_push(L, TG_APP_READY);
    return 0;
}

/* ready() → true, or nil and an error (or a sentence). */
static void on_ready(lua_State *L, int n, const struct tg_err *err, void *arg)
{
    struct tg_request *r = arg;
    bool is_ready = err == NULL && n >= 1 && lua_toboolean(L, -n);
    if (err != NULL)
        TG_LOG_ERROR("web_ready_failed", TG_LOG_STR("request_id", r->id), TG_LOG_ERR(err));
    reply_ready(r, is_ready, is_ready ? NULL : "the application says that it is not ready");
    r->is_working = false;
    tg_request_unref(&r);
}

static void answer_readyz(struct tg_request *r)
{
    struct tg_web_thread *thread = r->thread;
    if (atomic_load(&thread->shared->is_draining)) {
        reply_ready(r, false, "the server is shutting down");
    } else if (thread->app->has_ready) {
        struct tg_co_context ctx = {.deadline_ms = tg_loop_now_ms(thread->loop) + READY_TIMEOUT_MS};
        memcpy(ctx.request_id, r->id, sizeof(ctx.request_id));
        r->is_working = true; /* not counted: a full server is still asked whether it is ready */
        tg_co_start(thread->app->vm, &ctx, push_ready, NULL, on_ready, tg_request_ref(r));
    } else {
        reply_ready(r, true, NULL);
    }
}

static bool is_loopback(h2o_req_t *req)
{
    struct sockaddr_storage ss;
    socklen_t len = req->conn->callbacks->get_peername(req->conn, (void *)&ss);
    const struct sockaddr_in6 *sin6 = (void *)&ss;
    const struct sockaddr_in *sin = (void *)&ss;
    if (len == 0 || ss.ss_family == AF_UNIX)
        return true;
    if (ss.ss_family == AF_INET)
        return ntohl(sin->sin_addr.s_addr) >> 24 == 127;
    return ss.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
}

static void answer_metrics(struct tg_request *r)
{
    struct tg_strbuf out;
    enum tg_conf_audience audience = r->thread->shared->conf->metrics_audience;
    if (audience == TG_AUDIENCE_NOBODY || (audience == TG_AUDIENCE_LOOPBACK && !is_loopback(r->req))) {
        tg_reply_problem(r, &(struct tg_problem){.status = 404, .detail = "There is nothing at this path."});
        return;
    }
    tg_strbuf_init(&out, 1u << 20);
    tg_web_metrics_write(r->thread->shared, &out);
    tg_reply_text(r, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", out.bytes, out.len);
    tg_strbuf_deinit(&out);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    static const struct {
        h2o_iovec_t path;
        void (*answer)(struct tg_request *r); /* NULL: healthz */
    } known[] = {{{(char *)"/healthz", 8}, NULL},
                 {{(char *)"/readyz", 7}, answer_readyz},
                 {{(char *)"/metrics", 8}, answer_metrics}};
    const h2o_iovec_t path = {req->input.path.base,
                              req->input.query_at == SIZE_MAX ? req->input.path.len : req->input.query_at};
    enum tg_method method = tg_method_parse(req->input.method.base, req->input.method.len);
    (void)self;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!h2o_memis(path.base, path.len, known[i].path.base, known[i].path.len) ||
            (method != TG_GET && method != TG_HEAD))
            continue;
        struct tg_request *r = tg_request_new(tg_web_thread_of(req->conn->ctx), req);
        ssize_t given = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-request-id"), -1);
        r->method = method;
        r->app = tg_app_ref(r->thread->app);
        tg_trace_request_id(given == -1 ? NULL : req->headers.entries[given].value.base,
                            given == -1 ? 0 : req->headers.entries[given].value.len, r->id);
        if (known[i].answer == NULL)
            tg_reply_text(r, 200, "text/plain; charset=utf-8", "ok\n", 3);
        else
            known[i].answer(r);
        tg_request_unref(&r);
        return 0;
    }
    return -1;
}

void tg_health_register(h2o_pathconf_t *pathconf)
{
    h2o_create_handler(pathconf, sizeof(h2o_handler_t))->on_req = on_req;
}

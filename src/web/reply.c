/* reply - answers: JSON from Lua's results, RFC 9457 problem documents. */
#include "web/reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "rt/json.h"
#include "web/cors.h"
#include "web/secure.h"
#include "web/thread.h"

#define PROBLEM_TYPE "application/problem+json"
#define PROBLEM_BASE "https://tollgate.dev/problems/"
#define ERRORS_MAX 1000
#define HEADERS_MAX 64

static const struct meaning {
    int status;
    const char *slug, *title;
} meanings[] = {
    {400, "bad_request", "Bad request"},
    {401, "unauthorized", "Authentication is needed"},
    {403, "denied", "Not allowed"},
    {404, "not_found", "Not found"},
    {405, "method_not_allowed", "Method not allowed"},
    {409, "conflict", "Conflict"},
    {413, "body_too_large", "The body is too large"},
    {415, "unsupported_media_type", "Unsupported media type"},
    {422, "invalid_input", "Invalid input"},
    {429, "rate_limited", "Too many requests"},
    {500, "internal", "Internal error"},
    {501, "not_implemented", "Not implemented"},
    {503, "busy", "Busy, try later"},
    {504, "uncertain", "No answer in time: it may have happened"},
};

static const struct meaning *meaning_of(int status)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].status == status)
            return &meanings[i];
    static const struct meaning other = {0, "error", "Error"};
    return &other;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {201, "Created"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {409, "Conflict"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return meaning_of(status)->title;
}

static int status_of_code(const char *code)
{
    static const struct {
        const char *code;
        int status;
    } codes[] = {{"input", 422}, {"not_found", 404}, {"denied", 403},    {"conflict", 409},
                 {"busy", 503},  {"upstream", 503},  {"uncertain", 504}, {"bug", 500}};
    for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].status;
    return 500;
}

/* --- Sending -------------------------------------------------------------------------------------------------------- */

static bool has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

/* The head. type NULL: none is added. */
static void start(h2o_req_t *req, int status, const char *type, bool is_head, h2o_generator_t *generator)
{
    struct tg_web_thread *thread = tg_web_thread_of(req->conn->ctx);
    req->res.status = status;
    req->res.reason = reason_of(status);
    if (type != NULL)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    tg_secure_add_headers(req);
    /* libh2o chunks only a 200: compressing another status would cost the connection */
    if (status != 200 || is_head)
        req->compress_hint = H2O_COMPRESS_HINT_DISABLE;
    if (thread->state != TG_THREAD_RUNNING)
        req->http1_is_persistent = 0;
    tg_web_count(&thread->stats.by_class[status / 100 < 6 ? status / 100 : 0]);
    h2o_start_response(req, generator);
}

/* The bytes are copied. */
static void send_bytes(h2o_req_t *req, int status, const char *type, const char *body, size_t len)
{
    static h2o_generator_t generator = {NULL, NULL};
    h2o_iovec_t out = {NULL, 0};
    bool is_head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));
    if (has_no_body(status)) {
        len = 0;
        type = NULL;
    } else {
        req->res.content_length = len;
    }
    if (len != 0 && !is_head) {
        out.base = h2o_mem_alloc_pool(&req->pool, len);
        memcpy(out.base, body, len);
        out.len = len;
    }
    start(req, status, type, is_head, &generator);
    h2o_send(req, &out, out.len != 0, H2O_SEND_STATE_FINAL);
}

/* What somebody may see is for nobody else's eyes and no disk; what has an ETag may be kept, and is asked for again. */
static void add_cache_control(struct tg_request *r)
{
    h2o_headers_t *headers = &r->req->res.headers;
    if (r->principal == NULL || h2o_find_header(headers, H2O_TOKEN_CACHE_CONTROL, -1) != -1)
        return;
    if (h2o_find_header(headers, H2O_TOKEN_ETAG, -1) == -1)
        h2o_add_header(&r->req->pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
    else
        h2o_add_header(&r->req->pool, headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("private, no-cache"));
}

/* Header values must live as long as the pool: r->id does not need to be copied, r outlives it. */
static void add_common_headers(struct tg_request *r)
{
    h2o_add_header_by_str(&r->req->pool, &r->req->res.headers, H2O_STRLIT("x-request-id"), 0, NULL, r->id,
                          strlen(r->id));
    tg_cors_add_headers(r);
    add_cache_control(r);
}

static void send_scratch(struct tg_request *r, int status, const char *type)
{
    struct tg_strbuf *scratch = &r->thread->scratch;
    assert(!r->is_answered && r->req != NULL);
    if (tg_strbuf_overflowed(scratch)) {
        TG_LOG_ERROR("web_reply_overflowed", TG_LOG_STR("request_id", r->id),
                     TG_LOG_INT("bytes_max", (int64_t)scratch->max));
        r->req->res.headers.size = 0;
        tg_reply_problem(r, &(struct tg_problem){.status = 500});
        return;
    }
    r->is_answered = true;
    add_common_headers(r);
    send_bytes(r->req, status, type, scratch->bytes, scratch->len);
}

void tg_reply_header(struct tg_request *r, const char *name, const char *value)
{
    if (r->req == NULL || r->is_answered)
        return;
    size_t name_len = strlen(name);
    h2o_iovec_t copy = h2o_strdup(&r->req->pool, value, SIZE_MAX);
    h2o_iovec_t name_copy = h2o_strdup(&r->req->pool, name, name_len);
    h2o_add_header_by_str(&r->req->pool, &r->req->res.headers, name_copy.base, name_len, 1, NULL, copy.base, copy.len);
}

void tg_reply_begin(struct tg_request *r, const char *type, h2o_generator_t *generator)
{
    assert(!r->is_answered && r->req != NULL);
    r->is_answered = true;
    add_common_headers(r);
    start(r->req, 200, type, false, generator);
}

void tg_reply_text(struct tg_request *r, int status, const char *type, const char *body, size_t len)
{
    if (r->req == NULL || r->is_answered)
        return;
    r->is_answered = true;
    add_common_headers(r);
    send_bytes(r->req, status, type, body, len);
}

/* --- Problems ------------------------------------------------------------------------------------------------------- */

/* Opens the document and leaves it open for more members. */
static void begin_problem(struct tg_jsonw *w, const struct tg_problem *p, const char *id)
{
    char type[128];
    const struct meaning *meaning = meaning_of(p->status);
    snprintf(type, sizeof(type), PROBLEM_BASE "%s", p->slug == NULL ? meaning->slug : p->slug);
    tg_jsonw_object(w);
    tg_jsonw_key(w, "type");
    tg_jsonw_str(w, type);
    tg_jsonw_key(w, "title");
    tg_jsonw_str(w, meaning->title);
    tg_jsonw_key(w, "status");
    tg_jsonw_int(w, p->status);
    if (p->detail != NULL && p->detail[0] != '\0') {
        tg_jsonw_key(w, "detail");
        tg_jsonw_str(w, p->detail);
    }
    tg_jsonw_key(w, "request_id");
    tg_jsonw_str(w, id);
}

static void add_problem_headers(h2o_req_t *req, const struct tg_problem *p)
{
    if (p->retry_after_s != 0) {
        char *text = h2o_mem_alloc_pool(&req->pool, 12);
        int n = snprintf(text, 12, "%u", p->retry_after_s);
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_RETRY_AFTER, NULL, text, (size_t)n);
    }
    if (p->status == 401)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_WWW_AUTHENTICATE, NULL, H2O_STRLIT("Bearer"));
}

void tg_reply_problem(struct tg_request *r, const struct tg_problem *p)
{
    struct tg_jsonw w;
    if (r->req == NULL || r->is_answered)
        return;
    tg_strbuf_reset(&r->thread->scratch);
    tg_jsonw_init(&w, &r->thread->scratch);
    begin_problem(&w, p, r->id);
    tg_jsonw_object_end(&w);
    add_problem_headers(r->req, p);
    send_scratch(r, p->status, PROBLEM_TYPE);
}

void tg_reply_problem_early(h2o_req_t *req, const char *id, const struct tg_problem *p)
{
    struct tg_strbuf *scratch = &tg_web_thread_of(req->conn->ctx)->scratch;
    struct tg_jsonw w;
    tg_strbuf_reset(scratch);
    tg_jsonw_init(&w, scratch);
    begin_problem(&w, p, id);
    tg_jsonw_object_end(&w);
    add_problem_headers(req, p);
    h2o_iovec_t copy = h2o_strdup(&req->pool, id, SIZE_MAX);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-request-id"), 0, NULL, copy.base, copy.len);
    send_bytes(req, p->status, PROBLEM_TYPE, scratch->bytes, scratch->len);
}

void tg_reply_err(struct tg_request *r, const struct tg_err *err)
{
    struct tg_problem p = {.status = status_of_code(tg_errcode_name(err->code)), .detail = err->text};
    switch (err->code) {
    case TG_ERR_BUSY: p.retry_after_s = 1; break;
    case TG_ERR_UPSTREAM:
        p.slug = "unavailable";
        p.retry_after_s = 1;
        p.detail = "A server that this depends on does not answer; nothing was done.";
        break;
    case TG_ERR_UNCERTAIN:
        p.detail = "There was no answer in time. It may have happened: look, or repeat with the same Idempotency-Key.";
        break;
    case TG_ERR_BUG:
    case TG_ERR_NONE: p.detail = "Something is wrong on our side. The request id finds it in our log."; break;
    default: break;
    }
    if (p.status >= 500)
        TG_LOG(err->code == TG_ERR_BUG ? TG_LOG_LEVEL_ERROR : TG_LOG_LEVEL_WARN, "web_request_failed",
               TG_LOG_STR("request_id", r->id), TG_LOG_STR("code", tg_errcode_name(err->code)),
               TG_LOG_STR("path", r->match.route == NULL ? NULL : r->match.route->pattern), TG_LOG_ERR(err));
    tg_reply_problem(r, &p);
}

/* --- Lua's results -------------------------------------------------------------------------------------------------- */

/* The string field of the table at idx, or NULL. The table keeps it alive. */
static const char *text_field(lua_State *L, int idx, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, idx);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static lua_Integer int_field(lua_State *L, int idx, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, idx);
    lua_Integer n = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    lua_pop(L, 1);
    return n;
}

int tg_reply_status_of(lua_State *L, int idx)
{
    if (!lua_istable(L, idx))
        return 500;
    lua_Integer status = int_field(L, idx, "status");
    return status >= 400 && status <= 599 ? (int)status : status_of_code(text_field(L, idx, "code"));
}

static enum tg_errcode code_of(const char *name)
{
    for (int code = TG_ERR_INPUT; name != NULL && code <= TG_ERR_BUG; code++)
        if (strcmp(tg_errcode_name((enum tg_errcode)code), name) == 0)
            return (enum tg_errcode)code;
    return TG_ERR_BUG;
}

static void fail_as_bug(struct tg_request *r, const char *what)
{
    struct tg_err err;
    tg_err_set(&err, TG_ERR_BUG, "%s", what);
    tg_reply_err(r, &err);
}

/* errors = {{pointer, detail}, …} */
static void write_errors(struct tg_jsonw *w, lua_State *L, int idx)
{
    lua_pushliteral(L, "errors");
    if (lua_rawget(L, idx) == LUA_TTABLE) {
        const int errors = lua_gettop(L);
        lua_Unsigned n = lua_rawlen(L, errors);
        tg_jsonw_key(w, "errors");
        tg_jsonw_array(w);
        for (lua_Unsigned i = 1; i <= n && i <= ERRORS_MAX; i++) {
            if (lua_rawgeti(L, errors, (lua_Integer)i) == LUA_TTABLE) {
                const char *pointer = text_field(L, lua_gettop(L), "pointer"),
                           *detail = text_field(L, lua_gettop(L), "detail");
                tg_jsonw_object(w);
                tg_jsonw_key(w, "pointer");
                tg_jsonw_str(w, pointer == NULL ? "" : pointer);
                tg_jsonw_key(w, "detail");
                tg_jsonw_str(w, detail == NULL ? "" : detail);
                tg_jsonw_object_end(w);
            }
            lua_pop(L, 1);
        }
        tg_jsonw_array_end(w);
    }
    lua_pop(L, 1);
}

/* {code, detail, errors?, type?, status?, retry_after?} at idx (absolute). */
static void reply_error_table(struct tg_request *r, lua_State *L, int idx)
{
    struct tg_jsonw w;
    const char *code = text_field(L, idx, "code"), *detail = text_field(L, idx, "detail");
    struct tg_problem p = {.status = tg_reply_status_of(L, idx), .slug = text_field(L, idx, "type"), .detail = detail};
    enum tg_errcode errcode = code_of(code);
    lua_Integer retry_after = int_field(L, idx, "retry_after");
    if (p.slug == NULL && (errcode == TG_ERR_BUG || errcode == TG_ERR_UPSTREAM || errcode == TG_ERR_UNCERTAIN)) {
        struct tg_err err = {.code = errcode, .native = (int)int_field(L, idx, "native")};
        snprintf(err.text, sizeof(err.text), "%s", detail == NULL ? "an error without a detail" : detail);
        tg_reply_err(r, &err);
        return;
    }
    if (retry_after > 0 && retry_after < 86400)
        p.retry_after_s = (unsigned)retry_after;
    else if (p.status == 503)
        p.retry_after_s = 1;
    tg_strbuf_reset(&r->thread->scratch);
    tg_jsonw_init(&w, &r->thread->scratch);
    begin_problem(&w, &p, r->id);
    write_errors(&w, L, idx);
    tg_jsonw_object_end(&w);
    add_problem_headers(r->req, &p);
    send_scratch(r, p.status, PROBLEM_TYPE);
}

static bool is_header_text(const char *text, size_t len, bool is_name)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_name ? !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')
                    : (c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return !is_name || len != 0;
}

int tg_reply_lua_headers(struct tg_request *r, lua_State *L, int idx, const char **type)
{
    size_t count = 0;
    if (!lua_istable(L, idx))
        return -1;
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        size_t name_len, len;
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING || ++count > HEADERS_MAX)
            return -1;
        const char *name = lua_tolstring(L, -2, &name_len), *value = lua_tolstring(L, -1, &len);
        if (!is_header_text(name, name_len, true) || !is_header_text(value, len, false))
            return -1;
        if (strcmp(name, "content-type") == 0)
            *type = h2o_strdup(&r->req->pool, value, len).base;
        else if (strcmp(name, "content-length") != 0 && strcmp(name, "connection") != 0)
            tg_reply_header(r, name, value);
    }
    return 0;
}

/* status, body?, headers? from index `first`. */
static void reply_success(struct tg_request *r, lua_State *L, int first, int n)
{
    struct tg_strbuf *scratch = &r->thread->scratch;
    struct tg_err err;
    const char *type = NULL;
    lua_Integer status = lua_tointeger(L, first);
    int body = n >= 2 ? lua_type(L, first + 1) : LUA_TNIL, headers = n >= 3 ? lua_type(L, first + 2) : LUA_TNIL;
    if (status < 200 || status > 599) {
        fail_as_bug(r, "a handler returned a status outside 200..599");
        return;
    }
    if (headers != LUA_TNIL && tg_reply_lua_headers(r, L, first + 2, &type) != 0) {
        r->req->res.headers.size = 0;
        fail_as_bug(r, "a handler returned headers that cannot be sent");
        return;
    }
    tg_strbuf_reset(scratch);
    if (body == LUA_TTABLE) {
        if (tg_json_write(L, first + 1, scratch, &err) != 0) {
            r->req->res.headers.size = 0;
            tg_reply_err(r, &err);
            return;
        }
        type = type != NULL ? type : "application/json";
    } else if (body == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, first + 1, &len);
        tg_strbuf_append(scratch, text, len);
        type = type != NULL ? type : "text/plain; charset=utf-8";
    } else if (body != LUA_TNIL) {
        fail_as_bug(r, "a handler returned a body that is neither a table nor a string");
        return;
    }
    send_scratch(r, (int)status, type);
}

void tg_reply_lua(struct tg_request *r, lua_State *L, int n)
{
    if (r->req == NULL || r->is_answered)
        return;
    const int first = lua_gettop(L) - n + 1;
    if (n >= 1 && lua_isinteger(L, first))
        reply_success(r, L, first, n);
    else if (n >= 2 && lua_isnil(L, first) && lua_istable(L, first + 1))
        reply_error_table(r, L, first + 1);
    else
        fail_as_bug(r, "a handler returned neither a status nor nil and an error");
}

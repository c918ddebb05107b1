/* api_http - tg.http.request{…}: a call to another server. A status of 400 or more is an answer, not an error; sent
 * and unanswered is `uncertain`. The request's trace goes along. */
#include <string.h>

#include <lauxlib.h>

#include "rt/api_db.h"

#define HEADERS_MAX 64
#define TIMEOUT_DEFAULT_MS 10000

/* headers {name → value}; a repeated one is joined by ", " (RFC 9110 §5.3). */
static void push_headers(lua_State *L, const char *at, size_t len)
{
    const char *end = at + len;
    lua_newtable(L);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at)), *next;
        next = line_end == NULL ? end : line_end + 1;
        line_end = line_end == NULL ? end : line_end;
        if (line_end > at && line_end[-1] == '\r')
            line_end--;
        const char *colon = memchr(at, ':', (size_t)(line_end - at));
        if (colon != NULL) {
            const char *value = colon + 1;
            while (value < line_end && (*value == ' ' || *value == '\t'))
                value++;
            lua_pushlstring(L, at, (size_t)(colon - at));
            lua_pushvalue(L, -1);
            if (lua_rawget(L, -3) == LUA_TSTRING) {
                lua_pushliteral(L, ", ");
                lua_pushlstring(L, value, (size_t)(line_end - value));
                lua_concat(L, 3);
            } else {
                lua_pop(L, 1);
                lua_pushlstring(L, value, (size_t)(line_end - value));
            }
            lua_rawset(L, -3);
        }
        at = next;
    }
}

static int push_response(lua_State *L, void *arg)
{
    const struct tg_http_response *res = arg;
    luaL_checkstack(L, 10, "a response");
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, res->status);
    lua_setfield(L, -2, "status");
    push_headers(L, res->headers, res->headers_len);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, res->body, res->body_len);
    lua_setfield(L, -2, "body");
    return 1;
}

static void on_response(struct tg_http_response *res, const struct tg_err *err, void *arg)
{
    struct tg_await *aw = arg;
    if (err != NULL)
        tg_await_resume_err(&aw, err);
    else
        tg_await_resume(&aw, push_response, res);
    tg_http_response_free(&res);
}

static const char *text_field(lua_State *L, const char *name, const char *fallback, size_t *len_r)
{
    int type = lua_getfield(L, 1, name);
    if (type == LUA_TNIL && fallback != NULL) {
        *len_r = strlen(fallback);
        return fallback;
    }
    if (type != LUA_TSTRING)
        luaL_error(L, "http.request: '%s' must be a string", name);
    return lua_tolstring(L, -1, len_r); /* stays on the stack */
}

static lua_Integer integer_field(lua_State *L, const char *name, lua_Integer fallback, lua_Integer max)
{
    lua_Integer n = fallback;
    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0 || lua_tointeger(L, -1) > max)
            luaL_error(L, "http.request: '%s' must be an integer from 0 to %d", name, (int)max);
        n = lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    return n;
}

/* A line break in a header would let its writer add others. */
static void check_header(lua_State *L, const char *line, size_t len)
{
    if (strlen(line) != len || strpbrk(line, "\r\n") != NULL)
        luaL_error(L, "http.request: a line break in a header");
}

/* Fills lines (NULL terminated) from the headers field; the texts stay on the stack. */
static void collect_headers(lua_State *L, const char **lines, const struct tg_co_context *ctx)
{
    size_t n = 0, len;
    if (ctx->traceparent[0] != '\0')
        lines[n++] = lua_pushfstring(L, "traceparent: %s", ctx->traceparent);
    int type = lua_getfield(L, 1, "headers");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "http.request: 'headers' must be a table");
    int headers = lua_gettop(L);
    lua_pushnil(L);
    while (type == LUA_TTABLE && lua_next(L, headers) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
            luaL_error(L, "http.request: headers are {name = value}");
        if (n == HEADERS_MAX)
            luaL_error(L, "http.request: more than %d headers", HEADERS_MAX);
        luaL_checkstack(L, 4, "headers");
        lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
        lines[n] = lua_tolstring(L, -1, &len);
        check_header(L, lines[n++], len);
        lua_replace(L, -2); /* the line stands where the value did, */
        lua_insert(L, -2); /* and the key goes on top for lua_next */
    }
    lines[n] = NULL;
}

static uint32_t timeout_ms(lua_State *L)
{
    uint64_t now = tg_loop_now_ms(tg_vm_of(L)->services.loop), deadline = tg_co_deadline_ms(L);
    lua_Integer wanted = integer_field(L, "timeout_ms", TIMEOUT_DEFAULT_MS, 600000);
    uint64_t left = deadline > now ? deadline - now : 1;
    return left < (uint64_t)wanted ? (uint32_t)left : (uint32_t)wanted;
}

/* request{method=, url=, headers=, body=, timeout_ms=, idempotent=, retries=} → {status, headers, body} | nil, err */
static int l_request(lua_State *L)
{
    const char *lines[HEADERS_MAX + 2];
    struct tg_http_request req = {0};
    const struct tg_co *co = tg_co_of(L);
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (co->tx != NULL)
        return luaL_error(L, "tg.http inside a transaction: rows would be locked while it waits");
    if (!co->vm->attached)
        return luaL_error(L, "nothing can be waited for while modules load");
    if (co->vm->services.http == NULL)
        return tg_return_not_configured(L, "an HTTP client");
    req.method = text_field(L, "method", "GET", &len);
    req.url = text_field(L, "url", NULL, &len);
    req.body = text_field(L, "body", "", &req.body_len);
    req.timeout_ms = timeout_ms(L);
    req.retries_max = (unsigned)integer_field(L, "retries", 0, 10);
    lua_getfield(L, 1, "idempotent");
    req.idempotent = lua_toboolean(L, -1);
    collect_headers(L, lines, &co->ctx);
    req.headers = lines;
    struct tg_await *aw = tg_await_new(L);
    tg_httpc_send(co->vm->services.http, &req, on_response, aw);
    return tg_await_yield(L, aw);
}

int tg_api_open_http(lua_State *L)
{
    static const luaL_Reg library[] = {{"request", l_request}, {NULL, NULL}};
    luaL_newlib(L, library);
    return 1;
}

/* api_req - the request as Lua handlers see it. */
#include "web/api_req.h"

#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

#include <lauxlib.h>

#include "base/id.h"
#include "base/utf8.h"
#include "rt/json.h"
#include "web/app.h"
#include "web/auth.h"
#include "web/stream.h"
#include "web/thread.h"

static const char type_key; /* the metatable's key in the registry, by address */

/* What __index finds by name in its first upvalue: the number of a field, or a method. */
enum field {
    FIELD_BODY = 1,
    FIELD_COOKIE,
    FIELD_CSRF,
    FIELD_ID,
    FIELD_METHOD,
    FIELD_PARAMS,
    FIELD_PATH,
    FIELD_POLICY,
    FIELD_PRINCIPAL,
    FIELD_QUERY,
    FIELD_REMOTE
};

/* User values that keep what was built once. */
enum { SLOT_PARAMS = 1, SLOT_QUERY, SLOT_PRINCIPAL, N_SLOTS = SLOT_PRINCIPAL };

/* --- Queries -------------------------------------------------------------------------------------------------------- */

size_t tg_query_split(h2o_iovec_t query, struct tg_query_pair *pairs)
{
    size_t n = 0;
    const char *p = query.base, *end = query.base + query.len;
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp == NULL ? end : amp;
        const char *eq = memchr(p, '=', (size_t)(stop - p)), *name_end = eq == NULL ? stop : eq;
        if (stop != p) {
            if (n == TG_QUERY_PAIRS_MAX)
                return SIZE_MAX;
            pairs[n].name = h2o_iovec_init(p, (size_t)(name_end - p));
            pairs[n++].value = eq == NULL ? h2o_iovec_init(stop, 0) : h2o_iovec_init(eq + 1, (size_t)(stop - eq - 1));
        }
        p = stop + 1;
    }
    return n;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t tg_query_decode(h2o_iovec_t in, bool is_form, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.base[i];
        if (c == '%') {
            if (i + 2 >= in.len || hex_digit(in.base[i + 1]) == -1 || hex_digit(in.base[i + 2]) == -1)
                return SIZE_MAX;
            c = (char)(hex_digit(in.base[i + 1]) * 16 + hex_digit(in.base[i + 2]));
            if (c == '\0')
                return SIZE_MAX;
            i += 2;
        } else if (c == '+' && is_form) {
            c = ' ';
        }
        out[n++] = c;
    }
    return tg_utf8_valid_len(out, n) == n ? n : SIZE_MAX;
}

/* --- Fields --------------------------------------------------------------------------------------------------------- */

/* Of __index and of the methods, whose last upvalue is the metatable: found without looking for it. */
static struct tg_request *check_request(lua_State *L, int type)
{
    struct tg_request **box = lua_touserdata(L, 1);
    if (box == NULL || !lua_getmetatable(L, 1) || !lua_rawequal(L, -1, lua_upvalueindex(type)))
        luaL_typeerror(L, 1, "tg.request");
    lua_pop(L, 1);
    if (*box == NULL)
        luaL_error(L, "the request is over");
    return *box;
}

/* Pushes the decoded text; what is not valid stays as it was sent. */
static void push_decoded(lua_State *L, h2o_iovec_t text, bool is_form)
{
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, text.len + 1);
    size_t len = tg_query_decode(text, is_form, out);
    if (len == SIZE_MAX)
        memcpy(out, text.base, len = text.len);
    luaL_pushresultsize(&b, len);
}

static void push_params(lua_State *L, const struct tg_request *r)
{
    const struct tg_route *route = r->match.route;
    h2o_iovec_t path = tg_request_path(r);
    lua_createtable(L, 0, (int)route->n_params);
    for (unsigned i = 0; i < route->n_params; i++) {
        lua_pushlstring(L, route->params[i].name, route->params[i].len);
        push_decoded(L, h2o_iovec_init(path.base + r->match.params[i].at, r->match.params[i].len), false);
        lua_rawset(L, -3);
    }
}

static void push_query(lua_State *L, const struct tg_request *r)
{
    struct tg_query_pair pairs[TG_QUERY_PAIRS_MAX];
    size_t n = tg_query_split(tg_request_query(r), pairs);
    assert(n != SIZE_MAX); /* dispatch has checked */
    lua_createtable(L, 0, (int)n);
    for (size_t i = 0; i < n; i++) {
        push_decoded(L, pairs[i].name, true);
        push_decoded(L, pairs[i].value, true);
        lua_rawset(L, -3);
    }
}

static void push_principal(lua_State *L, const struct tg_request *r)
{
    char text[TG_ID_TEXT_SIZE];
    if (r->principal == NULL) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, text, tg_id_format(r->principal->company, "co", text));
    lua_setfield(L, -2, "company");
    lua_pushlstring(L, text, tg_id_format(r->principal->actor, r->principal->actor_prefix, text));
    lua_setfield(L, -2, "actor");
    if (r->principal->has_session) {
        lua_pushlstring(L, text, tg_id_format(r->principal->session, "ses", text));
        lua_setfield(L, -2, "session");
    }
}

/* Pushes what push builds, built once. */
static int push_cached(lua_State *L, struct tg_request *r, int slot,
                       void (*push)(lua_State *, const struct tg_request *))
{
    if (lua_getiuservalue(L, 1, slot) == LUA_TNIL) {
        lua_pop(L, 1);
        push(L, r);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, 1, slot);
    }
    return 1;
}

/* NULL: the request comes without a session. */
static const char *csrf_of(const struct tg_request *r)
{
    return r->credential != NULL && r->principal->has_session ? r->credential->csrf : NULL;
}

static int push_text(lua_State *L, const char *text, size_t len)
{
    lua_pushlstring(L, text, len);
    return 1;
}

static int l_index(lua_State *L)
{
    struct tg_request *r = check_request(L, 2);
    char remote[NI_MAXHOST];
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    switch (lua_tointeger(L, -1)) {
    case FIELD_BODY: return r->body == NULL ? push_text(L, "", 0) : push_text(L, r->body->bytes, r->body->len);
    case FIELD_COOKIE: lua_pushstring(L, tg_cookie_name(r)); return 1;
    case FIELD_CSRF: lua_pushstring(L, csrf_of(r)); return 1;
    case FIELD_ID: return push_text(L, r->id, strlen(r->id));
    case FIELD_METHOD: return push_text(L, tg_method_name(r->method), strlen(tg_method_name(r->method)));
    case FIELD_PARAMS: return push_cached(L, r, SLOT_PARAMS, push_params);
    case FIELD_PATH: return push_text(L, tg_request_path(r).base, tg_request_path(r).len);
    case FIELD_POLICY: lua_pushstring(L, r->principal == NULL ? NULL : r->principal->policy); return 1;
    case FIELD_PRINCIPAL: return push_cached(L, r, SLOT_PRINCIPAL, push_principal);
    case FIELD_QUERY: return push_cached(L, r, SLOT_QUERY, push_query);
    case FIELD_REMOTE: return push_text(L, remote, tg_request_remote(r, remote));
    default: return 1; /* a method, or nil */
    }
}

/* --- Methods -------------------------------------------------------------------------------------------------------- */

static int l_header(lua_State *L)
{
    const struct tg_request *r = check_request(L, 1);
    char lower[64];
    size_t len;
    const char *name = luaL_checklstring(L, 2, &len);
    if (len == 0 || len > sizeof(lower))
        return 0;
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    h2o_iovec_t value = tg_request_header(r, lower, len);
    if (value.base == NULL)
        return 0;
    return push_text(L, value.base, value.len);
}

/* nil, {code = "input", status = …, type = …, detail = …} */
static int refuse(lua_State *L, int status, const char *type, const char *detail)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 4);
    lua_pushliteral(L, "input");
    lua_setfield(L, -2, "code");
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
    lua_pushstring(L, detail);
    lua_setfield(L, -2, "detail");
    return 2;
}

/* application/json, application/<anything>+json, or nothing. */
static bool is_json_type(h2o_iovec_t type)
{
    size_t len = 0;
    if (type.base == NULL)
        return true;
    while (len < type.len && type.base[len] != ';' && type.base[len] != ' ')
        len++;
    return h2o_lcstris(type.base, len, H2O_STRLIT("application/json")) ||
           (len > 5 && h2o_lcstris(type.base + len - 5, 5, H2O_STRLIT("+json")));
}

static int l_json(lua_State *L)
{
    const struct tg_request *r = check_request(L, 1);
    struct tg_err err;
    if (r->body == NULL)
        return refuse(L, 400, "malformed_json", "the request has no body; it must be JSON");
    if (!is_json_type(tg_request_header(r, H2O_STRLIT("content-type"))))
        return refuse(L, 415, "unsupported_media_type", "the body must be application/json, and Content-Type say so");
    if (tg_json_push(L, r->body->bytes, r->body->len, &err) != 0)
        return refuse(L, 400, "malformed_json", err.text);
    return 1;
}

static int l_take_body(lua_State *L)
{
    struct tg_request *r = check_request(L, 1);
    if (r->body == NULL)
        return 0;
    tg_bytes_push(L, r->body);
    tg_bytes_unref(&r->body);
    return 1;
}

static int l_write(lua_State *L)
{
    return tg_stream_write(L, check_request(L, 1));
}

void tg_api_req_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"header", l_header}, {"json", l_json}, {"take_body", l_take_body}, {"write", l_write}, {NULL, NULL}};
    static const struct {
        const char *name;
        enum field field;
    } fields[] = {{"body", FIELD_BODY},   {"cookie_name", FIELD_COOKIE}, {"csrf", FIELD_CSRF},
                  {"id", FIELD_ID},       {"method", FIELD_METHOD},      {"params", FIELD_PARAMS},
                  {"path", FIELD_PATH},   {"policy", FIELD_POLICY},      {"principal", FIELD_PRINCIPAL},
                  {"query", FIELD_QUERY}, {"remote", FIELD_REMOTE}};
    lua_newtable(L);
    const int type = lua_gettop(L);
    luaL_newlibtable(L, methods);
    lua_pushvalue(L, type);
    luaL_setfuncs(L, methods, 1);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        lua_pushinteger(L, fields[i].field);
        lua_setfield(L, -2, fields[i].name);
    }
    lua_pushvalue(L, type);
    lua_pushcclosure(L, l_index, 2);
    lua_setfield(L, type, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, type, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &type_key);
}

void tg_api_req_push(lua_State *L, struct tg_request *r)
{
    struct tg_request **box = lua_newuserdatauv(L, sizeof(struct tg_request *), N_SLOTS);
    *box = r;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &type_key);
    lua_setmetatable(L, -2);
    if (r->lua_box != NULL)
        *r->lua_box = NULL; /* an earlier one (the authentication's) is over */
    r->lua_box = (void **)(void *)box;
}

void tg_api_req_end(struct tg_request *r)
{
    if (r->lua_box != NULL)
        *r->lua_box = NULL;
    r->lua_box = NULL;
}

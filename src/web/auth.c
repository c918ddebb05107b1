/* auth - who asks: tokens to principals, through the application, with a short memory. */
#include "web/auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "rt/co.h"
#include "web/api_req.h"
#include "web/app.h"
#include "web/reply.h"
#include "web/thread.h"

#define PROBES 8
#define TOKEN_LEN_MAX 4096

struct tg_auth {
    uint64_t n_forgotten; /* how often everything was */
    struct tg_credential *slots[TG_AUTH_TOKENS_MAX];
};

/* One call of authenticate(): for the request that came first, and all that wait. */
struct decision {
    struct tg_credential *credential;
    struct tg_request *first; /* a reference */
    tg_auth_done_fn *done;
    uint64_t n_forgotten; /* when it began: what was read before then may be old */
    h2o_iovec_t token; /* a copy behind the struct */
};

struct tg_auth *tg_auth_new(void)
{
    return TG_NEW(struct tg_auth);
}

static void free_credential(struct tg_credential *credential)
{
    assert(credential->n_running == 0 && !credential->is_pending);
    tg_principal_unref(&credential->principal);
    free(credential);
}

void tg_auth_free(struct tg_auth **auth)
{
    for (size_t i = 0; *auth != NULL && i < TG_AUTH_TOKENS_MAX; i++)
        if ((*auth)->slots[i] != NULL)
            free_credential((*auth)->slots[i]);
    free(*auth);
    *auth = NULL;
}

void tg_auth_forget(struct tg_auth *auth)
{
    auth->n_forgotten++;
    for (size_t i = 0; i < TG_AUTH_TOKENS_MAX; i++)
        if (auth->slots[i] != NULL)
            auth->slots[i]->until_ms = 0;
}

/* The credential of the hash, made when it is new; NULL: all places for it are in use. */
static struct tg_credential *find_credential(struct tg_auth *auth, const uint8_t hash[static 32])
{
    uint32_t start;
    struct tg_credential **unused = NULL, **oldest = NULL;
    memcpy(&start, hash, sizeof(start));
    for (unsigned i = 0; i < PROBES; i++) {
        struct tg_credential **slot = &auth->slots[(start + i) % TG_AUTH_TOKENS_MAX], *there = *slot;
        if (there == NULL)
            unused = slot;
        else if (memcmp(there->hash, hash, 32) == 0)
            return there;
        else if (there->n_running == 0 && !there->is_pending &&
                 (oldest == NULL || there->until_ms < (*oldest)->until_ms))
            oldest = slot;
    }
    struct tg_credential **place = unused != NULL ? unused : oldest;
    if (place == NULL)
        return NULL;
    if (*place != NULL)
        free_credential(*place);
    *place = TG_NEW(struct tg_credential);
    memcpy((*place)->hash, hash, 32);
    return *place;
}

/* --- Answers -------------------------------------------------------------------------------------------------------- */

static void refuse(struct tg_request *r, const struct tg_credential *credential)
{
    struct tg_problem p = {.status = credential->refused_status};
    if (p.status == 403) {
        p.slug = credential->refused_type[0] == '\0' ? NULL : credential->refused_type;
        p.detail = credential->refused_detail[0] == '\0' ? "This token may not be used." : credential->refused_detail;
    } else {
        p.detail = r->is_by_cookie ? "The session in the cookie is not valid."
                                   : "The token in the Authorization header is not valid.";
    }
    tg_reply_problem(r, &p);
}

static void grant(struct tg_request *r, struct tg_credential *credential)
{
    assert(r->principal == NULL && r->credential == NULL);
    r->principal = tg_principal_ref(credential->principal);
    r->credential = credential;
    credential->n_running++;
}

void tg_auth_leave(struct tg_request *r)
{
    if (r->credential == NULL)
        return;
    assert(r->credential->n_running != 0);
    r->credential->n_running--;
    r->credential = NULL;
}

/* --- What authenticate() returned ----------------------------------------------------------------------------------- */

/* "key_01…" → the id and "key". */
static int parse_actor(const char *text, struct tg_principal *p)
{
    struct tg_err err;
    const char *end = strrchr(text, '_');
    size_t len = end == NULL ? 0 : (size_t)(end - text);
    if (len == 0 || len >= sizeof(p->actor_prefix))
        return -1;
    memcpy(p->actor_prefix, text, len);
    return tg_id_parse(text, strlen(text), p->actor_prefix, &p->actor, &err);
}

/* Names that no route asks for grant nothing. */
static void read_permissions(lua_State *L, int idx, const struct tg_routes *routes, struct tg_principal *p)
{
    size_t len;
    for (lua_Unsigned i = 1, n = lua_rawlen(L, idx); i <= n; i++) {
        int type = lua_rawgeti(L, idx, (lua_Integer)i);
        const char *name = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        int number = name == NULL ? -1 : tg_routes_permission_find(routes, name, len);
        if (name != NULL && strcmp(name, "*") == 0)
            p->all_permissions = true;
        else if (name != NULL && len > 2 && strcmp(name + len - 2, ":*") == 0)
            tg_routes_permissions_below(routes, name, len - 1, p->permissions);
        else if (number != -1)
            p->permissions[number / 64] |= UINT64_C(1) << number % 64;
        lua_pop(L, 1);
    }
}

static const char *text_field(lua_State *L, int idx, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, idx);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

/* {company, actor, permissions, expires?, session?, policy?, origins?} at idx; NULL: it is something else. */
static struct tg_principal *read_principal(lua_State *L, int idx, const struct tg_routes *routes)
{
    struct tg_principal *p = tg_principal_new();
    struct tg_err err;
    const char *company = text_field(L, idx, "company"), *actor = text_field(L, idx, "actor");
    const char *session = text_field(L, idx, "session"), *policy = text_field(L, idx, "policy");
    const char *origins = text_field(L, idx, "origins");
    if (company == NULL || actor == NULL || tg_id_parse(company, strlen(company), "co", &p->company, &err) != 0 ||
        parse_actor(actor, p) != 0) {
        tg_principal_unref(&p);
        return NULL;
    }
    p->policy = policy == NULL ? NULL : tg_strdup(policy);
    p->origins = origins == NULL ? NULL : tg_strdup(origins);
    p->has_session = session != NULL && tg_id_parse(session, strlen(session), "ses", &p->session, &err) == 0;
    lua_pushliteral(L, "expires");
    lua_rawget(L, idx);
    p->expires_us = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    lua_pushliteral(L, "permissions");
    if (lua_rawget(L, idx) == LUA_TTABLE)
        read_permissions(L, lua_gettop(L), routes, p);
    lua_pop(L, 2);
    return p;
}

/* --- Deciding ------------------------------------------------------------------------------------------------------- */

static int push_authenticate(lua_State *L, void *arg)
{
    struct decision *d = arg;
    tg_api_req_push(L, d->first);
    tg_app_push(L, TG_APP_AUTHENTICATE);
    lua_pushlstring(L, d->token.base, d->token.len);
    lua_pushvalue(L, -3);
    return 2;
}

static void copy_text(lua_State *L, int idx, const char *name, char *out, size_t size)
{
    const char *text = lua_istable(L, idx) ? text_field(L, idx, name) : NULL;
    bool fits = text != NULL && strlen(text) < size;
    memcpy(out, fits ? text : "", fits ? strlen(text) + 1 : 1);
}

/* Keeps the answer; false: there is none that may be kept, and everybody gets what L says. */
static bool keep_answer(struct decision *d, lua_State *L, int n, const struct tg_err *err)
{
    struct tg_credential *credential = d->credential;
    const int first = lua_gettop(L) - n + 1;
    uint64_t now_ms = tg_loop_now_ms(d->first->thread->loop);
    if (err != NULL)
        return false;
    if (n >= 1 && lua_istable(L, first)) {
        tg_principal_unref(&credential->principal);
        credential->principal = read_principal(L, first, d->first->app->routes);
        credential->until_ms = credential->principal == NULL ? 0 : now_ms + TG_AUTH_KEEP_MS;
        if (credential->principal != NULL && credential->principal->has_session)
            tg_csrf_of(d->token.base, d->token.len, credential->csrf);
        return credential->principal != NULL;
    }
    int status = n >= 2 ? tg_reply_status_of(L, first + 1) : 500;
    if (status != 401 && status != 403 && status != 404)
        return false;
    tg_principal_unref(&credential->principal);
    credential->refused_status = status == 403 ? 403 : 401;
    copy_text(L, first + 1, "type", credential->refused_type, sizeof(credential->refused_type));
    copy_text(L, first + 1, "detail", credential->refused_detail, sizeof(credential->refused_detail));
    credential->until_ms = now_ms + TG_AUTH_KEEP_REFUSED_MS;
    return true;
}

static void answer_failure(struct tg_request *r, lua_State *L, int n, const struct tg_err *err)
{
    if (err != NULL)
        tg_reply_err(r, err);
    else
        tg_reply_lua(r, L, n);
}

static void on_decided(lua_State *L, int n, const struct tg_err *err, void *arg)
{
    struct decision *d = arg;
    struct tg_credential *credential = d->credential;
    /* permissions have the numbers of the generation that decided */
    bool is_stale = d->first->app != d->first->thread->app;
    bool is_known = !is_stale && keep_answer(d, L, n, err);
    struct tg_request *waiters = credential->waiters, *next;
    credential->waiters = NULL;
    credential->is_pending = false;
    if (d->n_forgotten != d->first->thread->auth->n_forgotten)
        credential->until_ms = 0; /* good for those who have waited, and not for the next */
    tg_api_req_end(d->first);
    for (struct tg_request *r = waiters; r != NULL; r = next) {
        next = r->next_waiter;
        r->next_waiter = NULL;
        if (is_known && credential->principal != NULL)
            grant(r, credential);
        else if (is_known)
            refuse(r, credential);
        else if (!is_stale)
            answer_failure(r, L, n, err);
        d->done(r);
        tg_request_unref(&r);
    }
    tg_request_unref(&d->first);
    free(d);
}

static void decide(struct tg_request *r, struct tg_credential *credential, h2o_iovec_t token, tg_auth_done_fn *done)
{
    struct decision *d = tg_malloc(sizeof(*d) + token.len);
    struct tg_co_context ctx = {.deadline_ms =
                                    tg_loop_now_ms(r->thread->loop) + r->thread->shared->conf->request_timeout_ms};
    *d = (struct decision){
        credential, tg_request_ref(r), done, r->thread->auth->n_forgotten, {(char *)(d + 1), token.len}};
    memcpy(d->token.base, token.base, token.len);
    memcpy(ctx.request_id, r->id, sizeof(ctx.request_id));
    memcpy(ctx.traceparent, r->traceparent, sizeof(ctx.traceparent));
    credential->is_pending = true;
    credential->waiters = tg_request_ref(r);
    tg_co_start(r->app->vm, &ctx, push_authenticate, d, on_decided, d);
}

/* "Bearer TOKEN"; base NULL: there is none. */
static h2o_iovec_t bearer_token(const struct tg_request *r)
{
    h2o_iovec_t value = tg_request_header(r, H2O_STRLIT("authorization"));
    if (value.base == NULL || value.len < 8 || !h2o_lcstris(value.base, 7, H2O_STRLIT("bearer ")) ||
        value.len > TOKEN_LEN_MAX)
        return (h2o_iovec_t){NULL, 0};
    return h2o_iovec_init(value.base + 7, value.len - 7);
}

/* Never both: what says Authorization is no browser's doing, and its cookies say nothing. */
static h2o_iovec_t token_of(struct tg_request *r)
{
    r->is_by_cookie = false;
    if (tg_request_header(r, H2O_STRLIT("authorization")).base != NULL)
        return bearer_token(r);
    h2o_iovec_t token = tg_cookie_session(r);
    if (token.len == 0 || token.len > TOKEN_LEN_MAX)
        return (h2o_iovec_t){NULL, 0};
    r->is_by_cookie = true;
    return token;
}

static void hash_of(const struct tg_request *r, h2o_iovec_t token, uint8_t hash[static 32])
{
    h2o_iovec_t company = tg_request_header(r, H2O_STRLIT("tollgate-company"));
    const struct tg_iov pieces[] = {{token.base, token.len}, {"\n", 1}, {company.base, company.len}};
    tg_sha256_v(pieces, company.base == NULL ? 1 : 3, hash); /* no token has a newline in it */
}

static bool has_expired(const struct tg_credential *credential)
{
    return credential->principal != NULL && credential->principal->expires_us != 0 &&
           credential->principal->expires_us <= tg_clock_now_us();
}

void tg_auth_start(struct tg_request *r, tg_auth_done_fn *done)
{
    uint8_t hash[32];
    h2o_iovec_t token = token_of(r);
    if (token.base == NULL) {
        tg_reply_problem(r, &(struct tg_problem){.status = 401,
                                                 .detail = "Send the API key: Authorization: Bearer <key>."});
        done(r);
        return;
    }
    hash_of(r, token, hash);
    struct tg_credential *credential = find_credential(r->thread->auth, hash);
    if (credential == NULL) {
        tg_reply_problem(r,
                         &(struct tg_problem){.status = 503, .retry_after_s = 1, .detail = "Too many keys at once."});
        done(r);
    } else if (credential->is_pending) {
        r->next_waiter = credential->waiters;
        credential->waiters = tg_request_ref(r);
    } else if (credential->until_ms <= tg_loop_now_ms(r->thread->loop) || has_expired(credential)) {
        decide(r, credential, token, done);
    } else if (credential->principal == NULL) {
        refuse(r, credential);
        done(r);
    } else {
        grant(r, credential);
        done(r);
    }
}

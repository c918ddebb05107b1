/* asking - arguments of tg.calls. */
#include "charge/asking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rt/num.h"

#define POINTER_SIZE TG_ASKING_POINTER_SIZE
#define CALL_ID_MAX 200 /* characters */
#define TEXT_MAX 200 /* characters of a number, a direction, an agent */
#define METER_MAX 64
#define METERS_MAX 50
#define REQUEST_MAX (64u << 10)
#define DURATION_MAX_MS INT64_C(31622400000) /* 366 days */

void tg_asking_free(struct tg_asking *a)
{
    for (size_t i = 0; i < a->n_usage; i++)
        free((char *)a->usage[i].meter);
    free(a->usage);
    free(a->call_id);
    free(a->request);
    free(a->to);
    free(a->agent_id);
    free(a->status);
    free(a);
}

static int fault(struct tg_asking *a, const char *pointer, const char *what)
{
    snprintf(a->pointer, sizeof(a->pointer), "%s", pointer);
    return tg_err_set(&a->err, TG_ERR_INPUT, "%s %s", pointer + 1, what);
}

/* *text_r: borrowed of Lua until the field's table changes; NULL: absent. */
static int read_text(lua_State *L, struct tg_asking *a, int table, const char *name, size_t len_max,
                     const char **text_r, size_t *len_r)
{
    char pointer[POINTER_SIZE];
    *text_r = NULL;
    *len_r = 0;
    const int type = lua_getfield(L, table, name);
    if (type == LUA_TSTRING)
        *text_r = lua_tolstring(L, -1, len_r);
    lua_pop(L, 1); /* the table keeps it */
    if (type == LUA_TNIL)
        return 0;
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (type != LUA_TSTRING)
        return fault(a, pointer, "must be a text");
    if (*len_r == 0 || *len_r > len_max || memchr(*text_r, '\0', *len_r) != NULL)
        return fault(a, pointer, "is empty or too long");
    return 0;
}

/* The same, in characters. */
static int read_name(lua_State *L, struct tg_asking *a, int table, const char *name, size_t characters_max,
                     const char **text_r, size_t *len_r)
{
    char pointer[POINTER_SIZE];
    if (read_text(L, a, table, name, 4 * characters_max, text_r, len_r) != 0)
        return -1;
    if (*text_r == NULL ||
        (tg_utf8_valid_len(*text_r, *len_r) == *len_r && tg_utf8_count(*text_r, *len_r) <= characters_max))
        return 0;
    snprintf(pointer, sizeof(pointer), "/%s", name);
    return fault(a, pointer, "is too long, or no text");
}

static int read_int(lua_State *L, struct tg_asking *a, const char *name, int64_t min, int64_t max, int64_t *n_r)
{
    char pointer[POINTER_SIZE];
    const int type = lua_getfield(L, 1, name);
    const bool is_int = lua_isinteger(L, -1);
    const int64_t n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (type == LUA_TNIL)
        return 0;
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!is_int || n < min || n > max)
        return fault(a, pointer, "is out of range");
    *n_r = n;
    return 1;
}

/* company?, call_id */
int tg_asking_read_call(lua_State *L, struct tg_asking *a, int table)
{
    const char *text;
    size_t len;
    struct tg_err err;
    if (read_text(L, a, table, "company", TG_ID_TEXT_SIZE, &text, &len) != 0)
        return -1;
    if (text != NULL && tg_id_parse(text, len, "co", &a->op.call.company, &err) != 0)
        return fault(a, "/company", "is not an id of a company");
    if (read_name(L, a, table, "call_id", CALL_ID_MAX, &text, &len) != 0)
        return -1;
    if (text == NULL)
        return fault(a, "/call_id", "is missing");
    a->call_id = tg_strdup(text);
    a->op.call.call_id = a->call_id;
    tg_call_key(a->call_id, a->op.call.key);
    return 0;
}

static int write_text(lua_State *L, struct tg_asking *a, struct tg_jsonw *w, const char *name, char **copy_r)
{
    const char *text;
    size_t len;
    if (read_name(L, a, 1, name, TEXT_MAX, &text, &len) != 0)
        return -1;
    if (text == NULL)
        return 0;
    if (copy_r != NULL)
        *copy_r = tg_strdup(text);
    tg_jsonw_key(w, name);
    tg_jsonw_str_n(w, text, len);
    return 0;
}

static int write_meters(lua_State *L, struct tg_asking *a, struct tg_jsonw *w)
{
    const int type = lua_getfield(L, 1, "meters"), list = lua_gettop(L);
    const size_t n = type == LUA_TTABLE ? lua_rawlen(L, list) : 0;
    int status = 0;
    if (type != LUA_TNIL && (type != LUA_TTABLE || n > METERS_MAX))
        status = fault(a, "/meters", "must be a list of at most 50 meters");
    if (n > 0 && status == 0) {
        tg_jsonw_key(w, "meters");
        tg_jsonw_array(w);
        for (size_t i = 1; i <= n && status == 0; i++) {
            size_t len = 0;
            const char *meter = lua_rawgeti(L, list, (lua_Integer)i) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
            if (len == 0 || len > METER_MAX)
                status = fault(a, "/meters", "must be names of meters");
            else
                tg_jsonw_str_n(w, meter, len);
            lua_pop(L, 1);
        }
        if (status == 0)
            tg_jsonw_array_end(w);
    }
    lua_pop(L, 1);
    return status;
}

/* Properties are given as JSON text: *json_r is their canonical form, free()d by the caller; NULL: absent. */
static int read_properties(lua_State *L, struct tg_asking *a, char **json_r)
{
    const char *text;
    size_t len;
    *json_r = NULL;
    if (read_text(L, a, 1, "properties", REQUEST_MAX, &text, &len) != 0)
        return -1;
    if (text == NULL)
        return 0;
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return fault(a, "/properties", "must be an object");
    }
    *json_r = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    return 0;
}

static int write_properties(lua_State *L, struct tg_asking *a, struct tg_jsonw *w)
{
    char *json;
    if (read_properties(L, a, &json) != 0)
        return -1;
    if (json == NULL)
        return 0;
    tg_jsonw_key(w, "properties");
    tg_jsonw_raw(w, json, strlen(json));
    free(json);
    return 0;
}

/* The body as it is kept and compared: the same fields are the same bytes. */
static int write_request(lua_State *L, struct tg_asking *a, struct tg_strbuf *out)
{
    struct tg_jsonw w;
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    if (write_text(L, a, &w, "agent_id", &a->agent_id) != 0 || write_text(L, a, &w, "direction", NULL) != 0 ||
        write_text(L, a, &w, "from", NULL) != 0 || write_meters(L, a, &w) != 0 || write_properties(L, a, &w) != 0 ||
        write_text(L, a, &w, "to", &a->to) != 0)
        return -1;
    tg_jsonw_object_end(&w);
    if (tg_strbuf_overflowed(out))
        return fault(a, "/properties", "are too many");
    return 0;
}

int tg_asking_read_authorize(lua_State *L, struct tg_asking *a)
{
    struct tg_strbuf out;
    int64_t request_s = 0;
    uint8_t full[TG_SHA256_LEN];
    size_t len;
    if (tg_asking_read_call(L, a, 1) != 0 ||
        read_int(L, a, "request_seconds", 1, TG_CALL_REQUEST_MAX_S, &request_s) < 0)
        return -1;
    tg_strbuf_init(&out, REQUEST_MAX);
    const int status = write_request(L, a, &out);
    a->request = tg_strbuf_take(&out, &len);
    tg_strbuf_deinit(&out);
    if (status != 0)
        return -1;
    if (a->to == NULL)
        return fault(a, "/to", "is missing");
    const struct tg_iov asked[] = {{a->request, len}, {&request_s, sizeof(request_s)}};
    tg_sha256_v(asked, 2, full);
    memcpy(a->op.call.authorize.hash, full, sizeof(a->op.call.authorize.hash));
    a->op.call.authorize.request = (struct tg_text){a->request, len};
    a->op.call.authorize.to = a->to;
    a->op.call.authorize.agent_id = a->agent_id;
    a->op.call.authorize.request_s = (uint32_t)request_s;
    return 0;
}

int tg_asking_read_renew(lua_State *L, struct tg_asking *a)
{
    struct tg_call_renewal *renewal = &a->op.call.renewal;
    int64_t seq = 0, elapsed_s = -1, request_s = 0, answered_at_us = 0;
    if (tg_asking_read_call(L, a, 1) != 0 || read_int(L, a, "seq", 1, UINT32_MAX, &seq) < 0 ||
        read_int(L, a, "elapsed_seconds", 0, DURATION_MAX_MS / 1000, &elapsed_s) < 0 ||
        read_int(L, a, "request_seconds", 1, TG_CALL_REQUEST_MAX_S, &request_s) < 0)
        return -1;
    const int has_answered = read_int(L, a, "answered_at", 0, INT64_MAX, &answered_at_us);
    if (has_answered < 0)
        return -1;
    if (seq == 0)
        return fault(a, "/seq", "is missing");
    if (elapsed_s < 0)
        return fault(a, "/elapsed_seconds", "is missing");
    *renewal = (struct tg_call_renewal){.seq = (uint32_t)seq,
                                        .has_answered_at = has_answered == 1,
                                        .answered_at_us = answered_at_us,
                                        .elapsed_s = (uint32_t)elapsed_s,
                                        .request_s = (uint32_t)request_s};
    return 0;
}

/* A decimal of the table on top. */
static int read_decimal(lua_State *L, const char *name, struct tg_decimal *d_r)
{
    struct tg_err err;
    int status = -1;
    const int type = lua_getfield(L, -1, name);
    if (type == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        status = tg_decimal_parse(text, len, d_r, &err);
    } else if (lua_isinteger(L, -1) || tg_num_is(L, -1)) {
        *d_r = tg_num_check(L, -1, name);
        status = 0;
    }
    lua_pop(L, 1);
    return status;
}

/* provider_cost? of the table on top */
static int read_cost(lua_State *L, struct tg_call_usage *u)
{
    int status = 0;
    if (lua_getfield(L, -1, "provider_cost") != LUA_TNIL) {
        size_t len = 0;
        status = lua_istable(L, -1) ? read_decimal(L, "amount", &u->cost_amount) : -1;
        const char *currency =
            status == 0 && lua_getfield(L, -1, "currency") == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        if (len == 3)
            memcpy(u->cost_currency, currency, 3);
        else
            status = -1;
        u->has_cost = status == 0;
    }
    return status;
}

/* One element of usage, on top. */
static int read_meter(lua_State *L, struct tg_asking *a, size_t i)
{
    struct tg_call_usage *u = &a->usage[i];
    char pointer[POINTER_SIZE];
    size_t len = 0;
    const int top = lua_gettop(L);
    snprintf(pointer, sizeof(pointer), "/usage/%zu", i);
    if (!lua_istable(L, -1))
        return fault(a, pointer, "must be a meter and its quantity");
    const char *meter = lua_getfield(L, -1, "meter") == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    lua_settop(L, top);
    snprintf(pointer, sizeof(pointer), "/usage/%zu/meter", i);
    if (len == 0 || len > METER_MAX)
        return fault(a, pointer, "is not a meter");
    if (strcmp(meter, "call.seconds") == 0)
        return fault(a, pointer, "is told by duration_ms");
    for (size_t k = 0; k < i; k++) {
        if (strcmp(a->usage[k].meter, meter) == 0)
            return fault(a, pointer, "is there twice");
    }
    u->meter = tg_strdup(meter);
    a->n_usage++;
    if (read_decimal(L, "quantity", &u->quantity) != 0 || tg_decimal_is_negative(u->quantity)) {
        snprintf(pointer, sizeof(pointer), "/usage/%zu/quantity", i);
        return fault(a, pointer, "must be a number from 0 on");
    }
    const int status = read_cost(L, u);
    lua_settop(L, top);
    snprintf(pointer, sizeof(pointer), "/usage/%zu/provider_cost", i);
    return status == 0 ? 0 : fault(a, pointer, "must be an amount and its currency");
}

static int read_usage(lua_State *L, struct tg_asking *a)
{
    const int type = lua_getfield(L, 1, "usage"), list = lua_gettop(L);
    const size_t n = type == LUA_TTABLE ? lua_rawlen(L, list) : 0;
    int status = 0;
    if (type != LUA_TNIL && (type != LUA_TTABLE || n > METERS_MAX))
        status = fault(a, "/usage", "must be a list of at most 50 meters");
    if (n > 0 && status == 0)
        a->usage = tg_calloc(n, sizeof(*a->usage));
    for (size_t i = 0; i < n && status == 0; i++) {
        lua_rawgeti(L, list, (lua_Integer)i + 1);
        status = read_meter(L, a, i);
        lua_pop(L, 1);
    }
    lua_settop(L, list - 1);
    return status;
}

int tg_asking_read_settle(lua_State *L, struct tg_asking *a)
{
    struct tg_call_end *end = &a->op.call.end;
    int64_t duration_ms = -1, answered_at_us = 0;
    const char *status;
    size_t len;
    if (tg_asking_read_call(L, a, 1) != 0 || read_int(L, a, "duration_ms", 0, DURATION_MAX_MS, &duration_ms) < 0)
        return -1;
    const int has_answered = read_int(L, a, "answered_at", 0, INT64_MAX, &answered_at_us);
    if (has_answered < 0 || read_text(L, a, 1, "status", TG_CALL_STATUS_SIZE - 1, &status, &len) != 0)
        return -1;
    if (duration_ms < 0)
        return fault(a, "/duration_ms", "is missing");
    if (status == NULL)
        return fault(a, "/status", "is missing");
    a->status = tg_strdup(status);
    if (read_usage(L, a) != 0 || read_properties(L, a, &a->request) != 0)
        return -1;
    *end = (struct tg_call_end){.has_answered_at = has_answered == 1,
                                .answered_at_us = answered_at_us,
                                .duration_ms = duration_ms,
                                .status = a->status,
                                .usage = a->usage,
                                .n_usage = a->n_usage};
    if (a->request != NULL)
        end->properties = (struct tg_text){a->request, strlen(a->request)};
    return 0;
}

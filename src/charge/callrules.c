/* callrules - what a live call asks rules before it may go on. */
#include "charge/callrules.h"

#include <string.h>

#include <lauxlib.h>

#include "base/log.h"
#include "charge/ratestate.h"
#include "rt/field.h"
#include "rt/num.h"

#define FRAUD_SCORE_MAX 100

static const char seconds_meter[] = "call.seconds";

/* --- the request ---------------------------------------------------------------------------------------------------- */

static bool names_seconds(const json_t *meters)
{
    for (size_t i = 0; i < json_array_size(meters); i++) {
        const char *meter = json_string_value(json_array_get(meters, i));
        if (meter != NULL && strcmp(meter, seconds_meter) == 0)
            return true;
    }
    return json_array_size(meters) == 0;
}

void tg_call_request_load(const struct tg_call *call, struct tg_call_request *request)
{
    json_t *json = json_loadb(call->request.bytes, call->request.len, 0, NULL);
    const char *to = json_string_value(json_object_get(json, "to"));
    *request = (struct tg_call_request){
        .json = json,
        .to = to == NULL ? "" : to,
        .from = json_string_value(json_object_get(json, "from")),
        .direction = json_string_value(json_object_get(json, "direction")),
        .agent_id = json_string_value(json_object_get(json, "agent_id")),
        .meters = json_object_get(json, "meters"),
        .properties = json_object_get(json, "properties"),
    };
    request->has_seconds = names_seconds(request->meters);
}

void tg_call_request_deinit(struct tg_call_request *request)
{
    json_decref(request->json);
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

struct question {
    const struct tg_call_context *ctx;
    const struct tg_call *call;
    const struct tg_call_request *request;
    uint32_t request_s;
    struct tg_decimal available;
    const char *number; /* of tg_call_digits */
    const json_t *before;
    void *answer;
};

static int ask(const struct tg_call_context *ctx, const char *hook, tg_rules_push_fn *push, tg_rules_read_fn *read,
               struct question *question, bool *met_limit_r)
{
    const struct tg_rate_plan *plan = ctx->plan;
    if (ctx->rules == NULL || plan->fault != NULL)
        return -1;
    struct tg_err err = {0};
    const struct tg_rules_snapshot snapshot = {.deck = plan->deck,
                                               .company = plan->company[0] == '\0' ? NULL : plan->company,
                                               .currency = plan->currency};
    if (tg_ruleset_call(ctx->rules, hook, &snapshot, push, question, read, question, NULL, &err) == 0)
        return 0;
    *met_limit_r |= err.code == TG_ERR_BUSY;
    if (plan->company[0] != '\0')
        TG_LOG_WARN("charge_call_decided", TG_LOG_STR("hook", hook),
                    TG_LOG_STR("call_id", question->call == NULL ? "" : question->call->call_id), TG_LOG_ERR(&err));
    return -1;
}

static void set_json(lua_State *L, const char *key, const json_t *value)
{
    if (value == NULL)
        return;
    tg_rules_push_json(L, value);
    lua_setfield(L, -2, key);
}

static void push_call(lua_State *L, const struct question *q)
{
    lua_createtable(L, 0, 8);
    tg_field_set_str(L, "call_id", q->call->call_id);
    tg_field_set_str(L, "to", q->request->to);
    tg_field_set_str(L, "from", q->request->from);
    tg_field_set_str(L, "direction", q->request->direction);
    tg_field_set_str(L, "agent_id", q->request->agent_id);
    set_json(L, "meters", q->request->meters);
    set_json(L, "properties", q->request->properties);
    tg_field_set_int(L, "at", q->ctx->now_us);
}

/* --- the called number ---------------------------------------------------------------------------------------------- */

static void push_number(lua_State *L, void *arg)
{
    const struct question *q = arg;
    lua_createtable(L, 0, 2);
    tg_field_set_str(L, "raw", q->number);
    tg_rate_plan_push(L, q->ctx->plan);
    lua_setfield(L, -2, "plan");
}

static int read_number(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct question *q = arg;
    (void)err_r;
    size_t len;
    lua_getfield(L, index, "digits");
    const char *digits = lua_tolstring(L, -1, &len);
    if (digits != NULL && len < TG_CALL_DIGITS_SIZE)
        memcpy(q->answer, digits, len + 1);
    return 0;
}

bool tg_call_digits(struct tg_ruleset *rules, const struct tg_rate_plan *plan, const char *to,
                    char digits[static TG_CALL_DIGITS_SIZE])
{
    digits[0] = '\0';
    if (to[0] == '+' && to[1] != '0') {
        const size_t len = strlen(to + 1);
        if (len >= 7 && len < TG_CALL_DIGITS_SIZE && strspn(to + 1, "0123456789") == len) {
            memcpy(digits, to + 1, len + 1);
            return true;
        }
    }
    const struct tg_call_context ctx = {.rules = rules, .plan = plan};
    struct question q = {.ctx = &ctx, .number = to, .answer = digits};
    bool met_limit = false;
    (void)ask(&ctx, "pricing.normalize_number", push_number, read_number, &q, &met_limit);
    return digits[0] != '\0';
}

/* --- charging.admit ------------------------------------------------------------------------------------------------- */

static void set_count(lua_State *L, const char *key, int64_t count)
{
    if (count >= 0)
        tg_field_set_int(L, key, count);
}

static void push_counts(lua_State *L, const struct tg_call_counts *counts)
{
    lua_createtable(L, 0, 6);
    tg_field_set_int(L, "open", counts->open < 0 ? 0 : counts->open);
    set_count(L, "last_minute", counts->last_minute);
    set_count(L, "last_hour", counts->last_hour);
    set_count(L, "same_number_last_hour", counts->same_number_last_hour);
    set_count(L, "number_open", counts->number_open);
    set_count(L, "agent_open", counts->agent_open);
}

static void push_admit(lua_State *L, void *arg)
{
    const struct question *q = arg;
    const json_t *score = json_object_get(q->request->properties, "fraud_score");
    lua_createtable(L, 0, 5);
    push_call(L, q);
    lua_setfield(L, -2, "call");
    lua_createtable(L, 0, 3);
    tg_field_set_str(L, "id", q->ctx->plan->company);
    tg_field_set_str(L, "status", q->ctx->company_status);
    set_json(L, "limits", json_is_object(q->ctx->limits) ? q->ctx->limits : NULL);
    lua_setfield(L, -2, "company");
    push_counts(L, &q->ctx->counts);
    lua_setfield(L, -2, "counts");
    tg_field_set_str(L, "digits", q->ctx->digits);
    if (json_is_integer(score) && json_integer_value(score) >= 0) /* others' scales end higher */
        tg_field_set_int(L, "fraud_score",
                         json_integer_value(score) < FRAUD_SCORE_MAX ? json_integer_value(score) : FRAUD_SCORE_MAX);
}

static int read_admit(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    static const char *const reasons[] = {"concurrency_limit", "destination_blocked", "company_suspended"};
    struct question *q = arg;
    const char **reason = q->answer;
    (void)err_r;
    lua_getfield(L, index, "decision");
    if (strcmp(luaL_checkstring(L, -1), "allow") == 0)
        *reason = NULL;
    lua_getfield(L, index, "reason");
    const char *given = lua_tostring(L, -1);
    for (size_t i = 0; *reason != NULL && given != NULL && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(given, reasons[i]) == 0)
            *reason = reasons[i];
    }
    return 0;
}

const char *tg_callrules_admit(const struct tg_call_context *ctx, const struct tg_call *call,
                               const struct tg_call_request *request, bool *met_limit_r)
{
    const char *reason = "rule_denied";
    struct question q = {.ctx = ctx, .call = call, .request = request, .answer = &reason};
    if (ask(ctx, "charging.admit", push_admit, read_admit, &q, met_limit_r) != 0)
        return "rule_denied";
    return reason;
}

/* --- charging.quote ------------------------------------------------------------------------------------------------- */

static void push_quote(lua_State *L, void *arg)
{
    const struct question *q = arg;
    const struct tg_call *call = q->call;
    lua_createtable(L, 0, 8);
    push_call(L, q);
    lua_setfield(L, -2, "call");
    tg_rate_plan_push(L, q->ctx->plan);
    lua_setfield(L, -2, "plan");
    if (call->has_answered_at)
        tg_field_set_int(L, "answered_at", call->answered_at_us);
    tg_field_set_int(L, "used_s", call->used_s);
    tg_field_set_int(L, "requested_s", q->request_s);
    tg_num_push(L, call->debited);
    lua_setfield(L, -2, "debited");
    tg_num_push(L, q->available);
    lua_setfield(L, -2, "available");
    set_json(L, "state", q->before);
}

static const char *refusal_of(const char *status)
{
    static const char *const refusals[][2] = {{"quoted", NULL},
                                              {"insufficient_funds", "insufficient_funds"},
                                              {"no_rate", "no_rate"},
                                              {"blocked", "destination_blocked"}};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strcmp(status, refusals[i][0]) == 0)
            return refusals[i][1];
    }
    return "rule_denied";
}

static uint32_t check_seconds(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    const lua_Integer seconds = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    if (seconds < 0 || seconds > UINT32_MAX)
        luaL_error(L, "%s is out of range", name);
    return (uint32_t)seconds;
}

static void read_rate(lua_State *L, int index, struct tg_call_quote *quote)
{
    size_t len;
    lua_getfield(L, index, "prefix");
    const char *prefix = lua_tolstring(L, -1, &len);
    lua_getfield(L, index, "per_minute");
    if (prefix == NULL || len >= sizeof(quote->prefix) || lua_isnil(L, -1))
        return;
    quote->per_minute = tg_num_check(L, -1, "per_minute");
    memcpy(quote->prefix, prefix, len + 1);
    quote->has_rate = true;
}

static int read_quote(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct question *q = arg;
    struct tg_call_quote *quote = q->answer;
    lua_getfield(L, index, "status");
    quote->refusal = refusal_of(luaL_checkstring(L, -1));
    if (quote->refusal != NULL)
        return 0;
    lua_getfield(L, index, "hold");
    quote->hold = tg_num_check(L, -1, "hold");
    quote->max_s = check_seconds(L, index, "max_s");
    quote->renew_in_s = check_seconds(L, index, "renew_in_s");
    lua_getfield(L, index, "final");
    quote->is_final = lua_toboolean(L, -1);
    read_rate(L, index, quote);
    if (tg_decimal_is_negative(quote->hold) || tg_decimal_cmp(quote->hold, tg_decimal_from_int(TG_CALL_PRICE_MAX)) > 0)
        return luaL_error(L, "the hold is out of range");
    if (quote->max_s <= q->call->used_s || tg_decimal_cmp(quote->hold, q->available) > 0)
        quote->refusal = "insufficient_funds";
    if (quote->refusal == NULL && q->before != NULL)
        quote->after = tg_ratestate_read(L, index, q->before, err_r);
    return quote->refusal == NULL && q->before != NULL && quote->after == NULL ? -1 : 0;
}

struct tg_call_quote tg_callrules_quote(const struct tg_call_context *ctx, const struct tg_call *call,
                                        const struct tg_call_request *request, uint32_t request_s,
                                        struct tg_decimal available, const json_t *before, bool *met_limit_r)
{
    struct tg_call_quote quote = {.refusal = "rule_denied"};
    struct question q = {ctx, call, request, request_s, available, NULL, before, &quote};
    if (ask(ctx, "charging.quote", push_quote, read_quote, &q, met_limit_r) != 0)
        return (struct tg_call_quote){.refusal = "rule_denied"};
    return quote;
}

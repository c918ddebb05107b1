/* rate - one usage event through the rule `pricing.rate_usage`. */
#include "charge/rate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "charge/ratestate.h"
#include "io/db.h"
#include "rt/field.h"
#include "rt/num.h"

#define LINES_MAX 5000

void tg_rate_plan_load(struct tg_rate_plan *plan, const struct tg_dbval *currency, const struct tg_dbval *zone,
                       const struct tg_dbval *country, const struct tg_dbval *pricing)
{
    json_error_t fault;
    *plan = (struct tg_rate_plan){.timezone = tg_memdup(zone->bytes, zone->len)};
    assert(currency->len == 3);
    memcpy(plan->currency, currency->bytes, 3);
    if (country->type != TG_DB_NULL && country->len < sizeof(plan->country))
        memcpy(plan->country, country->bytes, country->len);
    if (pricing->type == TG_DB_NULL)
        return;
    plan->pricing = json_loadb(pricing->bytes, pricing->len, 0, &fault);
    if (!json_is_object(plan->pricing))
        plan->fault = "the company's pricing parameters cannot be read";
}

void tg_rate_plan_deinit(struct tg_rate_plan *plan)
{
    tg_deck_unref(&plan->deck);
    json_decref(plan->pricing);
    free(plan->timezone);
    *plan = (struct tg_rate_plan){.deck = NULL};
}

/* --- the input ----------------------------------------------------------------------------------------------------- */

struct call {
    const struct tg_rate_plan *plan;
    struct tg_usage_event *event;
    json_t *properties; /* of the event, where the plan prices its meter; else NULL */
    struct tg_rate_state *state; /* NULL: none */
    struct tg_strbuf *out;
};

static void set_cost(lua_State *L, const struct call *call)
{
    const struct tg_usage_event *e = call->event;
    if (!e->has_cost || strcmp(e->cost_currency, call->plan->currency) != 0)
        return;
    tg_num_push(L, e->cost_amount);
    lua_setfield(L, -2, "cost");
}

static void push_event(lua_State *L, const struct call *call)
{
    const struct tg_usage_event *e = call->event;
    lua_createtable(L, 0, 12);
    tg_field_set_str(L, "event_id", e->event_id);
    tg_field_set_str(L, "meter", e->meter);
    tg_field_set_int(L, "event_time", e->event_time_us);
    tg_num_push(L, e->quantity);
    lua_setfield(L, -2, "quantity");
    tg_field_set_str(L, "to", e->to == NULL ? "" : e->to);
    tg_field_set_str(L, "from", e->from);
    tg_field_set_str(L, "direction", e->direction);
    tg_field_set_str(L, "status", e->call_status == NULL ? "answered" : e->call_status);
    tg_field_set_int(L, "answered_at", e->has_answered_at ? e->answered_at_us : e->event_time_us);
    tg_field_set_int(L, "duration_ms", e->duration_ms);
    if (call->properties == NULL)
        return;
    set_cost(L, call);
    tg_rules_push_json(L, call->properties);
    lua_setfield(L, -2, "properties");
}

void tg_rate_plan_push(lua_State *L, const struct tg_rate_plan *plan)
{
    if (plan->pricing == NULL)
        lua_createtable(L, 0, 4);
    else
        tg_rules_push_json(L, plan->pricing);
    tg_field_set_str(L, "currency", plan->currency);
    tg_field_set_str(L, "timezone", plan->timezone);
    tg_field_set_str(L, "country", plan->country[0] == '\0' ? NULL : plan->country);
}

static void push_input(lua_State *L, void *arg)
{
    const struct call *call = arg;
    lua_createtable(L, 0, 3);
    push_event(L, call);
    lua_setfield(L, -2, "event");
    tg_rate_plan_push(L, call->plan);
    lua_setfield(L, -2, "plan");
    if (call->state == NULL)
        return;
    tg_rules_push_json(L, call->state->before);
    lua_setfield(L, -2, "state");
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static void write_value(lua_State *L, int index, struct tg_jsonw *w, const char *key)
{
    if (lua_type(L, index) == LUA_TNIL)
        return;
    tg_jsonw_key(w, key);
    if (lua_isinteger(L, index)) {
        tg_jsonw_int(w, lua_tointeger(L, index));
    } else if (lua_type(L, index) == LUA_TBOOLEAN) {
        tg_jsonw_bool(w, lua_toboolean(L, index));
    } else if (lua_type(L, index) == LUA_TSTRING) {
        size_t len;
        const char *str = lua_tolstring(L, index, &len);
        tg_jsonw_str_n(w, str, len);
    } else {
        tg_jsonw_decimal(w, tg_num_check(L, index, key));
    }
}

/* Adds the line's amount to *sum and writes what a line may say, in this order. What a deck prices has no quantity, and
 * ends there. */
static void write_line(lua_State *L, struct tg_jsonw *w, struct tg_decimal *sum)
{
    static const char *const keys[] = {"kind",   "from_s",   "seconds", "prefix", "row",         "per_minute", "amount",
                                       "bundle", "quantity", "meter",   "per",    "unit_amount", "note"};
    if (!lua_istable(L, -1))
        luaL_error(L, "a line is not a table");
    tg_jsonw_object(w);
    bool ends = false;
    for (size_t i = 0; !ends && i < sizeof(keys) / sizeof(keys[0]); i++) {
        lua_getfield(L, -1, keys[i]);
        if (strcmp(keys[i], "amount") == 0) {
            struct tg_err err;
            if (tg_decimal_add(*sum, tg_num_check(L, -1, "amount"), sum, &err) != 0)
                luaL_error(L, "the lines' amounts leave the range");
        }
        ends = lua_isnil(L, -1) && strcmp(keys[i], "quantity") == 0;
        write_value(L, -1, w, keys[i]);
        lua_pop(L, 1);
    }
    tg_jsonw_object_end(w);
}

static struct tg_decimal write_lines(lua_State *L, int lines, struct tg_jsonw *w)
{
    struct tg_decimal sum = tg_decimal_zero;
    tg_jsonw_key(w, "lines");
    tg_jsonw_array(w);
    if (lua_istable(L, lines)) {
        const size_t n = lua_rawlen(L, lines);
        if (n > LINES_MAX)
            luaL_error(L, "more than %d lines", LINES_MAX);
        for (size_t i = 1; i <= n; i++) {
            lua_rawgeti(L, lines, (lua_Integer)i);
            write_line(L, w, &sum);
            lua_pop(L, 1);
        }
    } else if (!lua_isnil(L, lines)) {
        luaL_error(L, "lines is not a list");
    }
    tg_jsonw_array_end(w);
    return sum;
}

/* How the lines were rounded, where it is not the standard: the parameters may change, the explanation must not. */
static void write_rounding(const json_t *pricing, struct tg_jsonw *w)
{
    const json_t *places = json_object_get(pricing, "charge_decimals"), *mode = json_object_get(pricing, "rounding");
    if (places == NULL && mode == NULL)
        return;
    tg_jsonw_key(w, "plan");
    tg_jsonw_object(w);
    if (json_is_integer(places)) {
        tg_jsonw_key(w, "charge_decimals");
        tg_jsonw_int(w, json_integer_value(places));
    }
    if (json_is_string(mode)) {
        tg_jsonw_key(w, "rounding");
        tg_jsonw_str(w, json_string_value(mode));
    }
    tg_jsonw_object_end(w);
}

static int64_t read_billed(lua_State *L, int output)
{
    lua_getfield(L, output, "billed_s");
    const int64_t billed = lua_isnil(L, -1) ? 0 : luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    if (billed < 0 || billed > UINT32_MAX)
        luaL_error(L, "billed_s is out of range");
    return billed;
}

static void write_state(const struct tg_rate_state *state, struct tg_strbuf *out)
{
    json_t *used = tg_ratestate_used(state->before, state->after);
    if (used == NULL)
        return;
    char *text = json_dumps(used, JSON_COMPACT);
    tg_strbuf_append_str(out, ",\"state\":");
    tg_strbuf_append_str(out, text);
    free(text);
    json_decref(used);
}

/* Runs protected: a bad answer raises, and what it wrote is cut off again by the caller. */
static int read_output(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct call *call = arg;
    struct tg_usage_event *e = call->event;
    const int output = lua_absindex(L, index);
    luaL_checkstack(L, 10, NULL);
    luaL_checktype(L, output, LUA_TTABLE);
    lua_getfield(L, output, "status");
    size_t len;
    const char *name = luaL_checklstring(L, -1, &len);
    enum tg_usage_status status;
    if (tg_usage_status_parse(name, len, &status) != 0 || status == TG_USAGE_UNRATED)
        return luaL_error(L, "'%s' is not a status that a rule may give", name);
    struct tg_jsonw w;
    tg_jsonw_init(&w, call->out);
    tg_jsonw_object(&w);
    lua_getfield(L, output, "lines");
    const struct tg_decimal sum = write_lines(L, lua_gettop(L), &w);
    struct tg_decimal total = tg_decimal_zero;
    if (status == TG_USAGE_RATED) {
        lua_getfield(L, output, "total");
        total = tg_num_check(L, -1, "total");
        if (tg_decimal_cmp(total, sum) != 0)
            return luaL_error(L, "the total is not the sum of the lines");
        write_rounding(call->plan->pricing, &w);
    } else {
        lua_getfield(L, output, "error");
        write_value(L, -1, &w, "reason");
    }
    const int64_t billed_s = read_billed(L, output);
    if (call->state != NULL) {
        call->state->after = tg_ratestate_read(L, output, call->state->before, err_r);
        if (call->state->after == NULL)
            return -1;
        write_state(call->state, call->out);
    }
    tg_jsonw_object_end(&w);
    e->billed_s = (uint32_t)billed_s;
    e->status = status;
    e->has_amount = status == TG_USAGE_RATED || status == TG_USAGE_NOT_BILLABLE;
    e->amount = total;
    return 0;
}

/* Leaves the event without a price, and the reason beside it. */
static void park(struct tg_usage_event *e, enum tg_usage_status status, const char *reason, struct tg_strbuf *out)
{
    struct tg_jsonw w;
    e->status = status;
    e->has_amount = false;
    e->amount = tg_decimal_zero;
    e->billed_s = 0;
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "reason");
    tg_jsonw_str(&w, reason);
    tg_jsonw_object_end(&w);
}

/* Whether the plan prices the meter by itself, without a deck. */
static bool is_priced(const struct tg_rate_plan *plan, const char *meter)
{
    return json_object_get(json_object_get(plan->pricing, "prices"), meter) != NULL ||
           json_object_get(plan->pricing, "pack") != NULL;
}

/* What the rule may see of them: texts, whole numbers, booleans. */
static json_t *load_properties(const struct tg_usage_event *e)
{
    const char *name;
    json_t *value;
    void *next;
    json_t *json = e->properties == NULL ? NULL : json_loadb(e->properties, e->properties_len, 0, NULL);
    if (json == NULL)
        return json_object();
    json_object_foreach_safe(json, next, name, value)
    {
        if (!json_is_string(value) && !json_is_integer(value) && !json_is_boolean(value))
            (void)json_object_del(json, name);
    }
    return json;
}

bool tg_rate_usage(struct tg_ruleset *rules, const struct tg_rate_plan *plan, struct tg_usage_event *event,
                   struct tg_rate_state *state, struct tg_strbuf *out)
{
    const bool priced = is_priced(plan, event->meter);
    if (!priced && !event->has_duration_ms) { /* a deck is for calls */
        park(event, TG_USAGE_UNRATED, "no plan prices this meter", out);
        return true;
    }
    if (plan->fault != NULL || rules == NULL) {
        park(event, TG_USAGE_FAILED, plan->fault != NULL ? plan->fault : "the rule does not keep its limits", out);
        return true;
    }
    struct call call = {.plan = plan,
                        .event = event,
                        .properties = priced ? load_properties(event) : NULL,
                        .state = state == NULL || state->before == NULL ? NULL : state,
                        .out = out};
    const struct tg_rules_snapshot snapshot = {.deck = plan->deck,
                                               .company = plan->company[0] == '\0' ? NULL : plan->company,
                                               .currency = plan->currency};
    const size_t len = out->len;
    struct tg_err err = {0};
    const int status =
        tg_ruleset_call(rules, "pricing.rate_usage", &snapshot, push_input, &call, read_output, &call, NULL, &err);
    json_decref(call.properties);
    if (status == 0)
        return true;
    if (call.state != NULL) {
        json_decref(state->after);
        state->after = NULL;
    }
    out->len = len;
    out->bytes[len] = '\0';
    if (plan->company[0] != '\0')
        TG_LOG_WARN("charge_rating_finished", TG_LOG_STR("event_id", event->event_id), TG_LOG_ERR(&err));
    park(event, TG_USAGE_FAILED, err.text, out);
    return err.code != TG_ERR_BUSY;
}

/* callbill - what a live call costs: an event of usage for each of its meters, rated as any other usage is. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "charge/callrules.h"
#include "charge/callstate.h"

#define ROW_PREFIX "call"

/* --- the events ----------------------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(object, name, json_string(value));
}

/* The call's own properties, those of its end over them, and over both what the call is. */
static char *write_properties(const struct tg_call_context *ctx, const struct tg_call *call,
                              const struct tg_call_request *request, const struct tg_call_end *end, size_t *len_r)
{
    char at[TG_RFC3339_SIZE];
    json_t *object = json_is_object(request->properties) ? json_copy((json_t *)request->properties) : json_object();
    if (end->properties.bytes != NULL) {
        json_t *more = json_loadb(end->properties.bytes, end->properties.len, 0, NULL);
        json_object_update(object, more);
        json_decref(more);
    }
    set_text(object, "to", request->to);
    set_text(object, "from", request->from);
    set_text(object, "direction", request->direction);
    set_text(object, "agent_id", request->agent_id);
    set_text(object, "status", end->status);
    if (call->has_answered_at) {
        tg_time_format(call->answered_at_us, at);
        set_text(object, "answered_at", at);
    }
    json_object_set_new(object, "duration_ms", json_integer(end->duration_ms));
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert(text != NULL);
    *len_r = strlen(text);
    char *kept = tg_usage_batch_alloc(ctx->arena, *len_r + 1);
    memcpy(kept, text, *len_r + 1);
    free(text);
    json_decref(object);
    return kept;
}

static const char *write_event_id(const struct tg_call_context *ctx, const struct tg_call *call, const char *meter)
{
    char id[TG_ID_TEXT_SIZE];
    const size_t id_len = tg_id_format(call->id, ROW_PREFIX, id), size = id_len + 1 + strlen(meter) + 1;
    char *text = tg_usage_batch_alloc(ctx->arena, size);
    (void)snprintf(text, size, "%s/%s", id, meter);
    return text;
}

/* Usage of a call belongs to the time of its answer (rating.md R22). */
static struct tg_usage_event make_event(const struct tg_call_context *ctx, const struct tg_call *call,
                                        const char *meter, struct tg_decimal quantity)
{
    return (struct tg_usage_event){
        .company = call->company,
        .source = TG_USAGE_SOURCE_CALLS,
        .event_id = write_event_id(ctx, call, meter),
        .meter = meter,
        .call_id = call->call_id,
        .event_time_us = call->has_answered_at ? call->answered_at_us : call->opened_at_us,
        .quantity = quantity,
        .outcome = TG_USAGE_ACCEPTED,
    };
}

static struct tg_usage_event make_seconds(const struct tg_call_context *ctx, const struct tg_call *call,
                                          const struct tg_call_request *request, const struct tg_call_end *end)
{
    struct tg_decimal seconds = tg_decimal_zero;
    struct tg_err ignored;
    const int status =
        tg_decimal_mul_div(tg_decimal_from_int(end->duration_ms), 1, 1000, 3, TG_ROUND_DOWN, &seconds, &ignored);
    assert(status == 0);
    (void)status;
    struct tg_usage_event event = make_event(ctx, call, "call.seconds", seconds);
    event.to = request->to;
    event.from = request->from;
    event.direction = request->direction;
    event.call_status = end->status;
    event.has_answered_at = call->has_answered_at;
    event.answered_at_us = call->answered_at_us;
    event.has_duration_ms = true;
    event.duration_ms = end->duration_ms;
    return event;
}

static struct tg_usage_event make_usage(const struct tg_call_context *ctx, const struct tg_call *call,
                                        const struct tg_call_usage *usage)
{
    struct tg_usage_event event = make_event(ctx, call, usage->meter, usage->quantity);
    event.has_cost = usage->has_cost;
    event.cost_amount = usage->cost_amount;
    memcpy(event.cost_currency, usage->cost_currency, sizeof(event.cost_currency));
    return event;
}

/* --- while it runs -------------------------------------------------------------------------------------------------- */

bool tg_callrules_price(const struct tg_call_context *ctx, const struct tg_call *call,
                        const struct tg_call_request *request, struct tg_rate_state *state, struct tg_decimal *price_r,
                        bool *met_limit_r)
{
    *price_r = tg_decimal_zero;
    if (!request->has_seconds || call->used_s == 0)
        return true;
    const struct tg_call_end end = {.status = "answered", .duration_ms = (int64_t)call->used_s * 1000};
    struct tg_usage_event event = make_seconds(ctx, call, request, &end);
    event.properties = write_properties(ctx, call, request, &end, &event.properties_len);
    const size_t len = ctx->out->len;
    *met_limit_r |= !tg_rate_usage(ctx->rules, ctx->plan, &event, state, ctx->out);
    ctx->out->len = len; /* the lines are of interest at the end only */
    ctx->out->bytes[len] = '\0';
    *price_r = event.amount;
    return event.has_amount;
}

/* --- the end -------------------------------------------------------------------------------------------------------- */

/* {name: text}, or no lines. */
static void set_rating(const struct tg_call_context *ctx, struct tg_call_row *row, const char *name, const char *text)
{
    struct tg_jsonw w;
    row->rating_at = ctx->out->len;
    tg_jsonw_init(&w, ctx->out);
    tg_jsonw_object(&w);
    if (name != NULL) {
        tg_jsonw_key(&w, name);
        tg_jsonw_str(&w, text);
    } else {
        tg_jsonw_key(&w, "lines");
        tg_jsonw_array(&w);
        tg_jsonw_array_end(&w);
    }
    tg_jsonw_object_end(&w);
    row->rating_len = ctx->out->len - row->rating_at;
}

/* What a call that nobody answered used of other meters costs nothing; seconds are asked for, since a price list may
 * have a price for an attempt. */
static bool is_free(const struct tg_call_row *row, const struct tg_call_end *end)
{
    return !row->event.has_duration_ms && (strcmp(end->status, "answered") != 0 || end->duration_ms == 0);
}

/* With the state that the meters before it have left. */
static void rate_with_state(const struct tg_call_context *ctx, struct tg_call_row *row, json_t *consumed,
                            bool *met_limit_r)
{
    struct tg_usage_event *e = &row->event;
    json_t *before;
    struct tg_ruleset *rules = *met_limit_r ? NULL : ctx->rules; /* after a limit the set is spoilt */
    if (!tg_callstate_get(ctx, e->event_time_us, &before))
        rules = NULL;
    struct tg_rate_state state = {.before = before};
    *met_limit_r |= !tg_rate_usage(rules, ctx->plan, e, &state, ctx->out);
    json_t *took = tg_callstate_take(ctx, e->event_time_us, before, state.after);
    if (took != NULL)
        json_array_append_new(consumed, took);
    json_decref(state.after);
    json_decref(before);
}

static void rate_row(const struct tg_call_context *ctx, const struct tg_call_end *end, struct tg_call_row *row,
                     json_t *consumed, bool *met_limit_r)
{
    struct tg_usage_event *e = &row->event;
    row->rating_at = ctx->out->len;
    if (is_free(row, end)) {
        e->status = TG_USAGE_NOT_BILLABLE;
        e->has_amount = true;
        set_rating(ctx, row, NULL, NULL);
    } else {
        rate_with_state(ctx, row, consumed, met_limit_r);
        row->rating_len = ctx->out->len - row->rating_at;
    }
}

/* Without a price. Seconds keep what was debited for them. */
static void park(const struct tg_call *call, struct tg_usage_event *e)
{
    e->has_amount = e->has_duration_ms && !tg_decimal_is_zero(call->debited);
    e->amount = e->has_amount ? call->debited : tg_decimal_zero;
    e->billed_s = 0;
}

static void add_row(const struct tg_call *call, struct tg_call_row *row, struct tg_call_bill *bill)
{
    struct tg_err ignored;
    if (!row->event.has_amount) {
        bill->is_complete = false;
        park(call, &row->event);
    }
    bill->is_in_range &= tg_decimal_add(bill->total, row->event.amount, &bill->total, &ignored) == 0;
}

void tg_callrules_bill_deinit(struct tg_call_bill *bill)
{
    json_decref(bill->consumed);
}

void tg_callrules_bill_return(const struct tg_call_context *ctx, const struct tg_call_bill *bill)
{
    for (size_t i = json_array_size(bill->consumed); i > 0; i--)
        tg_callstate_return(ctx, json_array_get(bill->consumed, i - 1));
}

void tg_callrules_park(const struct tg_call_context *ctx, const struct tg_call *call, const char *reason,
                       struct tg_call_bill *bill)
{
    tg_callrules_bill_return(ctx, bill);
    for (size_t i = 0; i < bill->n; i++) {
        bill->rows[i].event.status = TG_USAGE_FAILED;
        park(call, &bill->rows[i].event);
        set_rating(ctx, &bill->rows[i], "reason", reason);
    }
    bill->total = call->debited;
    bill->is_complete = false;
}

static size_t make_rows(const struct tg_call_context *ctx, const struct tg_call *call,
                        const struct tg_call_request *request, const struct tg_call_end *end, struct tg_call_row *rows)
{
    size_t n = 0, properties_len;
    const char *properties = write_properties(ctx, call, request, end, &properties_len);
    if (request->has_seconds)
        rows[n++] = (struct tg_call_row){.event = make_seconds(ctx, call, request, end)};
    for (size_t i = 0; i < end->n_usage; i++)
        rows[n++] = (struct tg_call_row){.event = make_usage(ctx, call, &end->usage[i])};
    for (size_t i = 0; i < n; i++) {
        rows[i].event.properties = properties;
        rows[i].event.properties_len = properties_len;
        tg_usage_event_hash(&rows[i].event);
    }
    return n;
}

struct tg_call_bill tg_callrules_bill(const struct tg_call_context *ctx, const struct tg_call *call,
                                      const struct tg_call_request *request, const struct tg_call_end *end,
                                      bool *met_limit_r)
{
    struct tg_call_bill bill = {.is_complete = true, .is_in_range = true, .consumed = json_array()};
    bill.rows = tg_usage_batch_alloc(ctx->arena, (1 + end->n_usage) * sizeof(*bill.rows));
    bill.n = make_rows(ctx, call, request, end, bill.rows);
    for (size_t i = 0; i < bill.n; i++) {
        rate_row(ctx, end, &bill.rows[i], bill.consumed, met_limit_r);
        add_row(call, &bill.rows[i], &bill);
    }
    return bill;
}

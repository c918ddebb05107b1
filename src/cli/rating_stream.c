/* rating_stream - the operation `stream` of rating cases: events as they arrive, again, changed, corrected, late.
 *
 * input  {plan, state?, config? = {late_window_days, closed_periods}, events = [event | correction | void]}
 *   event       as of `rate`, received_at?
 *   correction  {type, event_id, corrects, changes}; void: {type, event_id, corrects}
 * output {results, total, counter_s?, bundles?}
 *
 * A correction gives back what its event took, and rates it anew at its own place: with the counter that it had met
 * then, and the free seconds that are left now (rating.md R21). What came later keeps its price.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "charge/rate.h"
#include "cli/rating_input.h"
#include "cli/rating_world.h"

#define DAY_US INT64_C(86400000000)

struct entry { /* an event that was rated, as it is after its corrections */
    json_t *event;
    struct tg_decimal total;
    json_t *counter; /* that it has met, NULL: none */
    json_t *consumed;
};
struct stream {
    struct tg_rating_world world;
    struct tg_ruleset *rules;
    const json_t *config;
    json_t *seen; /* {event_id: what came first} */
    struct entry *entries;
    size_t n;
    struct tg_decimal total;
    int64_t at_us; /* of the first event */
};

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

static json_t *result_of(const json_t *event, const char *status)
{
    return json_pack("{s:O*, s:s}", "event_id", json_object_get(event, "event_id"), "status", status);
}

static struct tg_decimal sum(struct tg_decimal a, struct tg_decimal b)
{
    struct tg_err err;
    struct tg_decimal s = tg_decimal_zero;
    (void)!tg_decimal_add(a, b, &s, &err);
    return s;
}

/* --- one price -------------------------------------------------------------------------------------------------------- */

static int read_event(const json_t *json, struct tg_usage_event *event_r, struct tg_err *err_r)
{
    struct tg_usage_event e = {.event_id = text_of(json, "event_id"),
                               .meter = "call.seconds",
                               .to = text_of(json, "to"),
                               .call_status = text_of(json, "status"),
                               .properties = "{}",
                               .properties_len = 2,
                               .has_answered_at = true,
                               .has_duration_ms = true,
                               .duration_ms = json_integer_value(json_object_get(json, "duration_ms"))};
    if (e.call_status[0] == '\0')
        e.call_status = "answered";
    if (tg_rating_read_time(json, "answered_at", &e.answered_at_us, err_r) < 0)
        return -1;
    e.event_time_us = e.answered_at_us;
    *event_r = e;
    return 0;
}

/* What has been counted is taken as a difference: others may have come in between. */
static json_t *move_counter(const json_t *after, const json_t *met, const json_t *now)
{
    json_t *moved = json_copy((json_t *)after);
    const json_int_t counted = json_integer_value(json_object_get(after, "counter_s")) - json_integer_value(met);
    if (met != NULL && json_object_get(after, "counter_s") != NULL)
        json_object_set_new(moved, "counter_s", json_integer(json_integer_value(now) + counted));
    return moved;
}

/* Rates entry->event, with the counter it has met before, if it has. The caller's: {status, total, billed_s, error?}. */
static json_t *rate(struct stream *s, struct entry *entry, struct tg_err *err_r)
{
    struct tg_usage_event e;
    json_t *before = NULL;
    if (read_event(entry->event, &e, err_r) != 0)
        return NULL;
    tg_ratestate_want(&s->world.state, true, e.event_time_us);
    if (tg_ratestate_get(&s->world.state, e.event_time_us, &before, err_r) != 0)
        return NULL;
    json_t *now = json_incref(json_object_get(before, "counter_s"));
    if (entry->counter == NULL)
        entry->counter = json_incref(now);
    else if (now != NULL)
        json_object_set(before, "counter_s", entry->counter);
    struct tg_rate_state state = {.before = before};
    tg_strbuf_reset(&s->world.out);
    (void)tg_rate_usage(s->rules, &s->world.plan, &e, &state, &s->world.out);
    if (state.after != NULL) {
        json_t *moved = move_counter(state.after, entry->counter, now);
        tg_ratestate_take(&s->world.state, e.event_time_us, moved);
        entry->consumed = tg_ratestate_consumed(before, state.after);
        json_decref(moved);
    }
    json_decref(state.after);
    json_decref(now);
    json_decref(before);
    entry->total = e.has_amount ? e.amount : tg_decimal_zero;
    json_t *rating = json_loadb(s->world.out.bytes, s->world.out.len, 0, NULL);
    json_t *result = json_pack("{s:s, s:o, s:I, s:O*}", "status", tg_usage_status_name(e.status), "total",
                               tg_rating_amount(&s->world, entry->total), "billed_s", (json_int_t)e.billed_s, "error",
                               json_object_get(rating, "reason"));
    json_decref(rating);
    return result;
}

/* --- periods ---------------------------------------------------------------------------------------------------------- */

static json_t *month_text(int32_t month)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%04d-%02d", month / 12, month % 12 + 1);
    return json_string(text);
}

static bool is_closed(const json_t *closed, const json_t *month)
{
    for (size_t i = 0; i < json_array_size(closed); i++) {
        if (json_equal(json_array_get(closed, i), month))
            return true;
    }
    return false;
}

/* The month of the answer, and the first from there on whose invoice is open. */
static void show_periods(const struct stream *s, int64_t answered_us, json_t *result)
{
    const json_t *closed = json_object_get(s->config, "closed_periods");
    int32_t month = tg_ratestate_period(s->world.plan.timezone, answered_us);
    json_t *text = month_text(month);
    json_object_set(result, "usage_period", text);
    while (is_closed(closed, text)) {
        json_decref(text);
        text = month_text(++month);
    }
    json_object_set_new(result, "invoice_period", text);
}

/* 1: it comes later than anybody waits. */
static int is_too_late(const struct stream *s, const json_t *event, struct tg_err *err_r)
{
    int64_t answered_us = 0, received_us = 0;
    const json_t *days = json_object_get(s->config, "late_window_days");
    const int has_received = tg_rating_read_time(event, "received_at", &received_us, err_r);
    if (has_received < 0 || tg_rating_read_time(event, "answered_at", &answered_us, err_r) < 0)
        return -1;
    return has_received > 0 && json_is_integer(days) && received_us - answered_us > json_integer_value(days) * DAY_US;
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

static struct entry *find(const struct stream *s, const char *event_id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(text_of(s->entries[i].event, "event_id"), event_id) == 0)
            return &s->entries[i];
    }
    return NULL;
}

static json_t *take_event(struct stream *s, const json_t *event, struct tg_err *err_r)
{
    int64_t answered_us = 0;
    const int late = is_too_late(s, event, err_r);
    if (late != 0)
        return late < 0 ? NULL : result_of(event, "quarantined");
    struct entry *entry = &s->entries[s->n++];
    *entry = (struct entry){.event = json_copy((json_t *)event)};
    json_t *result = rate(s, entry, err_r);
    if (result == NULL)
        return NULL;
    s->total = sum(s->total, entry->total);
    json_object_set(result, "event_id", json_object_get(event, "event_id"));
    if (tg_rating_read_time(event, "answered_at", &answered_us, err_r) > 0)
        show_periods(s, answered_us, result);
    return result;
}

/* The exact negative of what was charged, then the same event as it should have been; nothing for a void. */
static json_t *correct(struct stream *s, const json_t *correction, bool is_void, struct tg_err *err_r)
{
    struct entry *entry = find(s, text_of(correction, "corrects"));
    if (entry == NULL) {
        json_t *unknown = result_of(correction, "rejected");
        json_object_set_new(unknown, "error", json_string("unknown_event"));
        return unknown;
    }
    const struct tg_decimal reversal = tg_decimal_neg(entry->total);
    json_t *result = result_of(correction, is_void ? "voided" : "corrected");
    if (entry->consumed != NULL)
        tg_ratestate_give_back(&s->world.state, entry->consumed);
    json_decref(entry->consumed);
    entry->consumed = NULL;
    entry->total = tg_decimal_zero;
    if (!is_void) {
        json_object_update(entry->event, json_object_get(correction, "changes"));
        json_t *rated = rate(s, entry, err_r);
        if (rated == NULL) {
            json_decref(result);
            return NULL;
        }
        json_decref(rated);
    }
    const struct tg_decimal net = sum(reversal, entry->total);
    s->total = sum(s->total, net);
    json_object_set_new(result, "reversal", tg_rating_amount(&s->world, reversal));
    json_object_set_new(result, "new", tg_rating_amount(&s->world, entry->total));
    json_object_set_new(result, "net", tg_rating_amount(&s->world, net));
    return result;
}

/* What came before under the same id: NULL, or the answer to this one. */
static json_t *answer_seen(const struct stream *s, const json_t *event)
{
    const json_t *first = json_object_get(s->seen, text_of(event, "event_id"));
    if (first == NULL)
        return NULL;
    json_t *a = json_copy(json_object_get(first, "event")), *b = json_copy((json_t *)event);
    json_object_del(a, "received_at"); /* of the transport, not of the event */
    json_object_del(b, "received_at");
    const bool is_same = json_equal(a, b);
    json_decref(a);
    json_decref(b);
    json_t *result = result_of(event, is_same ? "duplicate" : "conflict");
    const json_t *given = json_object_get(first, "result");
    json_t *total = is_same ? json_object_get(given, "total") : NULL;
    json_object_set_new(result, "total", total == NULL ? json_null() : json_incref(total));
    return result;
}

static json_t *take(struct stream *s, const json_t *event, struct tg_err *err_r)
{
    const char *type = text_of(event, "type");
    json_t *result = answer_seen(s, event);
    if (result != NULL)
        return result;
    if (strcmp(type, "correction") == 0 || strcmp(type, "void") == 0)
        result = correct(s, event, type[0] == 'v', err_r);
    else
        result = take_event(s, event, err_r);
    if (result != NULL)
        json_object_set_new(s->seen, text_of(event, "event_id"),
                            json_pack("{s:O, s:O}", "event", event, "result", result));
    return result;
}

static int run_events(struct stream *s, const json_t *events, json_t **actual_r, struct tg_err *err_r)
{
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *result = take(s, json_array_get(events, i), err_r);
        if (result == NULL) {
            json_decref(results);
            return -1;
        }
        json_array_append_new(results, result);
    }
    *actual_r = json_pack("{s:o, s:o}", "results", results, "total", tg_rating_amount(&s->world, s->total));
    tg_rating_world_show(&s->world, s->at_us, *actual_r);
    return 1;
}

int tg_rating_run_stream(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                         struct tg_err *err_r)
{
    const json_t *events = json_object_get(input, "events");
    struct stream s = {.rules = runner->rules, .config = json_object_get(input, "config")};
    if (tg_rating_read_time(json_array_get(events, 0), "answered_at", &s.at_us, err_r) < 0 ||
        tg_rating_world_open(input, s.at_us, &s.world, err_r) != 0)
        return -1;
    s.seen = json_object();
    s.entries = tg_calloc(json_array_size(events) + 1, sizeof(*s.entries));
    const int status = run_events(&s, events, actual_r, err_r);
    for (size_t i = 0; i < s.n; i++) {
        json_decref(s.entries[i].event);
        json_decref(s.entries[i].counter);
        json_decref(s.entries[i].consumed);
    }
    free(s.entries);
    json_decref(s.seen);
    tg_rating_world_close(&s.world);
    return status;
}

/* rating_input - the input of a rating case as the rules take it. */
#include "cli/rating_input.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/decimal.h"

int tg_rating_read_time(const json_t *json, const char *name, int64_t *us_r, struct tg_err *err_r)
{
    const json_t *value = json_object_get(json, name);
    struct tg_err err;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value) || tg_time_parse(json_string_value(value), json_string_length(value), us_r, &err) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: a time like 2026-07-15T10:00:00Z expected", name);
    return 1;
}

static int read_decimal(const json_t *json, const char *name, struct tg_decimal *d_r, struct tg_err *err_r)
{
    const json_t *value = json_object_get(json, name);
    struct tg_err err;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value) || tg_decimal_parse(json_string_value(value), json_string_length(value), d_r, &err) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: an amount as a text expected", name);
    return 0;
}

static int read_seconds(const json_t *json, const char *name, uint32_t absent, uint32_t *s_r, struct tg_err *err_r)
{
    const json_t *value = json_object_get(json, name);
    *s_r = absent;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > TG_DECK_SECONDS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: whole seconds expected", name);
    *s_r = (uint32_t)json_integer_value(value);
    return 0;
}

static int read_steps(const json_t *json, struct tg_deck_row *row, struct tg_deck_step *steps, struct tg_err *err_r)
{
    const json_t *list = json_object_get(json, "steps");
    if (json_array_size(list) > TG_DECK_STEPS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "steps: at most %d", TG_DECK_STEPS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_seconds(json_array_get(list, i), "after_s", 0, &steps[i].after_s, err_r) != 0 ||
            read_decimal(json_array_get(list, i), "per_minute", &steps[i].per_minute, err_r) != 0)
            return -1;
    row->n_steps = (uint8_t)json_array_size(list);
    row->steps = steps;
    return 0;
}

static int copy_text(const json_t *json, const char *name, char *to, size_t size, struct tg_err *err_r)
{
    const char *text = json_string_value(json_object_get(json, name));
    if (snprintf(to, size, "%s", text == NULL ? "" : text) >= (int)size)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: at most %zu characters", name, size - 1);
    return 0;
}

static int read_row(const json_t *json, struct tg_deck_row *row, struct tg_deck_step *steps, struct tg_err *err_r)
{
    *row = (struct tg_deck_row){.from_us = INT64_MIN, .to_us = INT64_MAX};
    if (copy_text(json, "prefix", row->prefix, sizeof(row->prefix), err_r) != 0 ||
        copy_text(json, "when", row->when, sizeof(row->when), err_r) != 0 ||
        read_decimal(json, "per_minute", &row->per_minute, err_r) != 0 ||
        read_decimal(json, "connect_fee", &row->connect_fee, err_r) != 0 ||
        read_seconds(json, "initial_s", 1, &row->initial_s, err_r) != 0 ||
        read_seconds(json, "increment_s", 1, &row->increment_s, err_r) != 0 ||
        read_seconds(json, "min_s", 0, &row->min_s, err_r) != 0 ||
        tg_rating_read_time(json, "from", &row->from_us, err_r) < 0 ||
        tg_rating_read_time(json, "to", &row->to_us, err_r) < 0)
        return -1;
    row->blocked = json_is_true(json_object_get(json, "blocked"));
    return read_steps(json, row, steps, err_r);
}

int tg_rating_read_deck(const json_t *list, struct tg_deck **deck_r, struct tg_err *err_r)
{
    struct tg_deck_builder *builder = tg_deck_builder_new();
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct tg_deck_row row;
        struct tg_deck_step steps[TG_DECK_STEPS_MAX] = {{0}};
        if (read_row(json_array_get(list, i), &row, steps, err_r) != 0 ||
            tg_deck_builder_add(builder, &row, err_r) != 0) {
            tg_deck_builder_free(&builder);
            return -1;
        }
    }
    return tg_deck_build(&builder, deck_r, err_r);
}

/* The event as the rule takes it: times in µs. */
json_t *tg_rating_read_event(const json_t *event, struct tg_err *err_r)
{
    int64_t answered_us = 0;
    json_t *copy = json_copy((json_t *)event);
    if (tg_rating_read_time(event, "answered_at", &answered_us, err_r) < 0) {
        json_decref(copy);
        return NULL;
    }
    json_object_set_new(copy, "answered_at", json_integer(answered_us));
    if (json_object_get(copy, "status") == NULL)
        json_object_set_new(copy, "status", json_string("answered"));
    if (json_object_get(copy, "event_id") == NULL) /* usage has one always; a case of one event need not */
        json_object_set_new(copy, "event_id", json_string("event"));
    return copy;
}

/* Turns the `expires` of each entry of the list into µs. */
static int convert_expiries(json_t *list, struct tg_err *err_r)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        int64_t us;
        json_t *entry = json_array_get(list, i);
        int status = tg_rating_read_time(entry, "expires", &us, err_r);
        if (status < 0)
            return -1;
        if (status > 0)
            json_object_set_new(entry, "expires", json_integer(us));
    }
    return 0;
}

json_t *tg_rating_read_state(const json_t *state, struct tg_err *err_r)
{
    json_t *copy = state == NULL ? json_object() : json_deep_copy(state);
    if (convert_expiries(json_object_get(copy, "bundles"), err_r) == 0 &&
        convert_expiries(json_object_get(copy, "balances"), err_r) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

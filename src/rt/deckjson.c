/* deckjson - a rate deck from JSON. */
#include "rt/deckjson.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* The member, or NULL when it says nothing. */
static const json_t *member(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);
    return json_is_null(value) ? NULL : value;
}

static int read_time(const json_t *row, const char *name, int64_t *us_r, struct tg_err *err_r)
{
    const json_t *value = member(row, name);
    struct tg_err err;
    if (json_is_integer(value))
        *us_r = json_integer_value(value);
    else if (value != NULL && (!json_is_string(value) ||
                               tg_time_parse(json_string_value(value), json_string_length(value), us_r, &err) != 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: a time like 2026-07-15T10:00:00Z expected", name);
    return 0;
}

static int read_decimal(const json_t *row, const char *name, struct tg_decimal *d_r, struct tg_err *err_r)
{
    const json_t *value = member(row, name);
    struct tg_err err;
    if (value != NULL && (!json_is_string(value) ||
                          tg_decimal_parse(json_string_value(value), json_string_length(value), d_r, &err) != 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: an amount as a text expected", name);
    return 0;
}

static int read_seconds(const json_t *row, const char *name, uint32_t absent, uint32_t *s_r, struct tg_err *err_r)
{
    const json_t *value = member(row, name);
    const json_int_t s = value == NULL ? absent : json_integer_value(value);
    if ((value != NULL && !json_is_integer(value)) || s < 0 || s > TG_DECK_SECONDS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: whole seconds expected", name);
    *s_r = (uint32_t)s;
    return 0;
}

static int read_text(const json_t *row, const char *name, char *to, size_t size, struct tg_err *err_r)
{
    const json_t *value = member(row, name);
    const char *text = value == NULL ? "" : json_string_value(value);
    if (text == NULL || snprintf(to, size, "%s", text) >= (int)size)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: a text of at most %zu characters expected", name, size - 1);
    return 0;
}

static int read_steps(const json_t *json, struct tg_deck_row *row, struct tg_deck_step *steps, struct tg_err *err_r)
{
    const json_t *list = member(json, "steps");
    const size_t n = json_array_size(list);
    if ((list != NULL && !json_is_array(list)) || n > TG_DECK_STEPS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "steps: a list of at most %d expected", TG_DECK_STEPS_MAX);
    for (size_t i = 0; i < n; i++)
        if (read_seconds(json_array_get(list, i), "after_s", 0, &steps[i].after_s, err_r) != 0 ||
            read_decimal(json_array_get(list, i), "per_minute", &steps[i].per_minute, err_r) != 0)
            return -1;
    row->n_steps = (uint8_t)n;
    row->steps = steps;
    return 0;
}

static int read_row(const json_t *json, struct tg_deck_row *row, struct tg_deck_step *steps, struct tg_err *err_r)
{
    *row = (struct tg_deck_row){.from_us = INT64_MIN, .to_us = INT64_MAX};
    if (!json_is_object(json))
        return tg_err_set(err_r, TG_ERR_INPUT, "prefix: a row like {prefix = \"1\", per_minute = \"0.06\"} expected");
    if (read_text(json, "prefix", row->prefix, sizeof(row->prefix), err_r) != 0 ||
        read_text(json, "when", row->when, sizeof(row->when), err_r) != 0 ||
        read_decimal(json, "per_minute", &row->per_minute, err_r) != 0 ||
        read_decimal(json, "connect_fee", &row->connect_fee, err_r) != 0 ||
        read_seconds(json, "initial_s", 1, &row->initial_s, err_r) != 0 ||
        read_seconds(json, "increment_s", 1, &row->increment_s, err_r) != 0 ||
        read_seconds(json, "min_s", 0, &row->min_s, err_r) != 0 || read_time(json, "from", &row->from_us, err_r) != 0 ||
        read_time(json, "to", &row->to_us, err_r) != 0)
        return -1;
    row->blocked = json_is_true(member(json, "blocked"));
    return read_steps(json, row, steps, err_r);
}

int tg_deck_from_json(const json_t *rows, struct tg_deck **deck_r, struct tg_err *err_r)
{
    const size_t n = json_array_size(rows);
    if (n > TG_DECKJSON_ROWS_MAX || (!json_is_array(rows) && json_object_size(rows) > 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "deck: a list of at most %d rows expected", TG_DECKJSON_ROWS_MAX);
    struct tg_deck_builder *builder = tg_deck_builder_new();
    for (size_t i = 0; i < n; i++) {
        struct tg_err err;
        struct tg_deck_row row;
        struct tg_deck_step steps[TG_DECK_STEPS_MAX] = {{0}};
        if (read_row(json_array_get(rows, i), &row, steps, &err) != 0 ||
            tg_deck_builder_add(builder, &row, &err) != 0) {
            tg_deck_builder_free(&builder);
            return tg_err_set(err_r, TG_ERR_INPUT, "deck[%zu].%s", i + 1, err.text);
        }
    }
    return tg_deck_build(&builder, deck_r, err_r);
}

/* rating_input - the input of a rating case as the rules take it. */
#include "cli/rating_input.h"

#include "base/clock.h"

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

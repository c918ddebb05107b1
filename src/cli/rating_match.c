/* rating_match - whether the result of a rating case is what the case expects. */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/strbuf.h"
#include "cli/rating_case.h"

static bool is_same_number(const json_t *a, const json_t *b)
{
    struct tg_err err;
    struct tg_decimal x, y;
    return json_is_string(a) && json_is_string(b) &&
           tg_decimal_parse(json_string_value(a), json_string_length(a), &x, &err) == 0 &&
           tg_decimal_parse(json_string_value(b), json_string_length(b), &y, &err) == 0 && tg_decimal_cmp(x, y) == 0;
}

static bool matches(const json_t *expected, const json_t *actual, struct tg_strbuf *place);

/* Matches what stands at `name`; on a difference place keeps the name. */
static bool matches_at(const char *name, const json_t *expected, const json_t *actual, struct tg_strbuf *place)
{
    size_t len = place->len;
    tg_strbuf_printf(place, "/%s", name);
    bool same = strcmp(name, "per_minute") == 0 && is_same_number(expected, actual);
    if (!same && (actual == NULL || !matches(expected, actual, place)))
        return false;
    place->len = len;
    place->bytes[len] = '\0';
    return true;
}

static bool matches(const json_t *expected, const json_t *actual, struct tg_strbuf *place)
{
    const char *name;
    json_t *value;
    char index[24];
    if (json_is_object(expected) && json_is_array(actual) && json_array_size(actual) == 0)
        return json_object_size(expected) == 0;
    if (json_typeof(expected) != json_typeof(actual))
        return false;
    if (json_is_object(expected)) {
        json_object_foreach((json_t *)expected, name,
                            value) if (!matches_at(name, value, json_object_get(actual, name), place)) return false;
        return true;
    }
    if (!json_is_array(expected))
        return json_equal(expected, actual);
    for (size_t i = 0; i < json_array_size(expected); i++) {
        (void)snprintf(index, sizeof(index), "%zu", i);
        if (!matches_at(index, json_array_get(expected, i), json_array_get(actual, i), place))
            return false;
    }
    return json_array_size(expected) == json_array_size(actual);
}

bool tg_rating_case_matches(const json_t *expected, const json_t *actual, char *place, size_t place_size)
{
    struct tg_strbuf path;
    tg_strbuf_init(&path, 1000);
    bool same = matches(expected, actual, &path);
    (void)snprintf(place, place_size, "%s", path.bytes);
    tg_strbuf_deinit(&path);
    return same;
}

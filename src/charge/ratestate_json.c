/* ratestate_json - what a rule was given and what it answers: whether that can be, and the difference. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/decimal.h"
#include "charge/ratestate.h"
#include "rt/caps_zone.h"

#define SECOND_US INT64_C(1000000)
#define METERS_BYTES_MAX (64u << 10) /* of a company and period; each of its batches writes them */

int32_t tg_ratestate_period(const char *zone_name, int64_t at_us)
{
    GTimeZone *zone = zone_name == NULL ? NULL : g_time_zone_new_identifier(zone_name);
    int64_t at_s = tg_floor_div(at_us, SECOND_US);
    if (zone != NULL) {
        at_s += tg_zone_offset(zone, at_s);
        g_time_zone_unref(zone);
    }
    const struct tg_date date = tg_date_of_days(tg_floor_div(at_s, TG_DAY_S));
    return date.year * 12 + date.month - 1;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* What the answer leaves of a bundle; NULL: it does not say. */
static const json_t *left_of(const json_t *bundle, const json_t *after)
{
    const char *id = json_string_value(json_object_get(bundle, "id"));
    return id == NULL ? NULL : json_object_get(json_object_get(after, "bundles"), id);
}

static json_int_t remaining_of(const json_t *bundle)
{
    return json_integer_value(json_object_get(bundle, "remaining_s"));
}

static int check_bundles(const json_t *before, const json_t *after, struct tg_err *err_r)
{
    size_t i, n = 0;
    json_t *bundle;
    json_array_foreach(json_object_get(before, "bundles"), i, bundle)
    {
        const json_t *left = left_of(bundle, after);
        if (left == NULL)
            continue;
        n++;
        if (!json_is_integer(left) || json_integer_value(left) < 0 || json_integer_value(left) > remaining_of(bundle))
            return tg_err_set(err_r, TG_ERR_INPUT, "the allowance %.64s cannot have that left",
                              json_string_value(json_object_get(bundle, "id")));
    }
    if (n != json_object_size(json_object_get(after, "bundles")))
        return tg_err_set(err_r, TG_ERR_INPUT, "it leaves something of an allowance that there is not");
    return 0;
}

static int check_meters(const json_t *meters, struct tg_err *err_r)
{
    if (!json_is_object(meters))
        return tg_err_set(err_r, TG_ERR_INPUT, "meters is no table of names");
    if (json_dumpb(meters, NULL, 0, JSON_COMPACT) > METERS_BYTES_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "what the prices remember is too much");
    return 0;
}

int tg_ratestate_check(const json_t *before, const json_t *after, struct tg_err *err_r)
{
    const json_t *counter = json_object_get(after, "counter_s"), *meters = json_object_get(after, "meters");
    if (counter != NULL && (!json_is_integer(counter) || json_integer_value(counter) < 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "counter_s is no number of seconds");
    if (meters != NULL && check_meters(meters, err_r) != 0)
        return -1;
    return check_bundles(before, after, err_r);
}

json_t *tg_ratestate_read(lua_State *L, int idx, const json_t *before, struct tg_err *err_r)
{
    static const char *const names[] = {"counter_s", "meters", "bundles"};
    json_t *after = json_object();
    idx = lua_absindex(L, idx);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const bool is_there = lua_getfield(L, idx, names[i]) != LUA_TNIL;
        json_t *value = is_there ? tg_rules_read_json(L, -1, err_r) : NULL;
        lua_pop(L, 1);
        if (is_there && value == NULL)
            goto Refuse;
        if (is_there && json_is_array(value) && json_array_size(value) == 0) /* an empty table has no kind */
            json_decref(value);
        else if (is_there)
            json_object_set_new(after, names[i], value);
    }
    if (tg_ratestate_check(before, after, err_r) == 0)
        return after;
Refuse:
    json_decref(after);
    return NULL;
}

/* --- what a price has depended on --------------------------------------------------------------------------------- */

static void set_new(json_t **object, const char *name, json_t *value)
{
    if (*object == NULL)
        *object = json_object();
    json_object_set_new(*object, name, value);
}

/* The memories that the answer has changed, as they were; one that it began was not there. */
static json_t *used_meters(const json_t *before, const json_t *after)
{
    const char *name;
    json_t *memory, *used = NULL;
    const json_t *were = json_object_get(before, "meters");
    json_object_foreach(json_object_get(after, "meters"), name, memory)
    {
        json_t *was = json_object_get(were, name);
        if (was == NULL && used == NULL)
            used = json_object();
        else if (was != NULL && !json_equal(was, memory))
            set_new(&used, name, json_incref(was));
    }
    return used;
}

static json_t *used_bundles(const json_t *before, const json_t *after)
{
    size_t i;
    json_t *bundle, *used = NULL;
    json_array_foreach(json_object_get(before, "bundles"), i, bundle)
    {
        const json_t *left = left_of(bundle, after);
        if (left == NULL || json_integer_value(left) == remaining_of(bundle))
            continue;
        if (used == NULL)
            used = json_array();
        json_array_append(used, bundle);
    }
    return used;
}

json_t *tg_ratestate_used(const json_t *before, const json_t *after)
{
    json_t *used = NULL;
    json_t *counter = json_object_get(before, "counter_s"), *counted = json_object_get(after, "counter_s");
    json_t *meters = used_meters(before, after), *bundles = used_bundles(before, after);
    if (counter != NULL && counted != NULL)
        set_new(&used, "counter_s", json_incref(counter));
    if (meters != NULL)
        set_new(&used, "meters", meters);
    if (used != NULL)
        set_new(&used, "period", json_incref(json_object_get(before, "period")));
    if (bundles != NULL)
        set_new(&used, "bundles", bundles);
    return used;
}

/* --- what it has taken -------------------------------------------------------------------------------------------- */

static struct tg_decimal amount_of(const json_t *value)
{
    struct tg_decimal amount = tg_decimal_zero;
    struct tg_err err;
    if (json_is_integer(value))
        return tg_decimal_from_int(json_integer_value(value));
    if (!json_is_string(value) || tg_decimal_parse(json_string_value(value), json_string_length(value), &amount, &err))
        return tg_decimal_zero;
    return amount;
}

static json_t *json_amount(struct tg_decimal amount)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(amount, text);
    return json_string(text);
}

static bool is_amount(const char *name)
{
    return strcmp(name, "quantity") == 0 || strcmp(name, "used") == 0;
}

/* The lot of the list that may be used up to the same period. */
static json_t *lot_like(const json_t *lots, const json_t *lot)
{
    size_t i;
    json_t *other, *last = json_object_get(lot, "last");
    json_array_foreach(lots, i, other)
    {
        if (last != NULL && json_equal(json_object_get(other, "last"), last))
            return other;
    }
    return NULL;
}

static json_t *taken_of_memory(const json_t *before, const json_t *after);

static json_t *taken_of_lots(const json_t *before, const json_t *after)
{
    size_t i;
    json_t *lot, *taken = NULL;
    json_array_foreach(after, i, lot)
    {
        json_t *amounts = taken_of_memory(lot_like(before, lot), lot);
        if (amounts == NULL)
            continue;
        json_object_set(amounts, "last", json_object_get(lot, "last"));
        if (taken == NULL)
            taken = json_array();
        json_array_append_new(taken, amounts);
    }
    return taken;
}

/* Of one member: amounts are subtracted, objects and lots looked into. */
static json_t *taken_of_member(const char *name, const json_t *before, const json_t *after)
{
    struct tg_decimal taken;
    struct tg_err err;
    if (json_is_array(after))
        return taken_of_lots(before, after);
    if (json_is_object(after))
        return taken_of_memory(before, after);
    if (!is_amount(name) || tg_decimal_sub(amount_of(after), amount_of(before), &taken, &err) != 0 ||
        tg_decimal_is_zero(taken))
        return NULL;
    return json_amount(taken);
}

static json_t *taken_of_memory(const json_t *before, const json_t *after)
{
    const char *name;
    json_t *value, *taken = NULL;
    json_object_foreach((json_t *)after, name, value)
    {
        json_t *amount = taken_of_member(name, json_object_get(before, name), value);
        if (amount != NULL)
            set_new(&taken, name, amount);
    }
    return taken;
}

static json_t *taken_of_bundles(const json_t *before, const json_t *after)
{
    size_t i;
    json_t *bundle, *taken = NULL;
    json_array_foreach(json_object_get(before, "bundles"), i, bundle)
    {
        const json_t *left = left_of(bundle, after);
        const json_int_t taken_s = left == NULL ? 0 : remaining_of(bundle) - json_integer_value(left);
        if (taken_s != 0)
            set_new(&taken, json_string_value(json_object_get(bundle, "id")), json_integer(taken_s));
    }
    return taken;
}

json_t *tg_ratestate_consumed(const json_t *before, const json_t *after)
{
    json_t *consumed = NULL;
    const json_t *counter = json_object_get(before, "counter_s"), *counted = json_object_get(after, "counter_s");
    const json_int_t charged_s = counted == NULL ? 0 : json_integer_value(counted) - json_integer_value(counter);
    json_t *meters = taken_of_memory(json_object_get(before, "meters"), json_object_get(after, "meters"));
    json_t *bundles = taken_of_bundles(before, after);
    if (charged_s != 0)
        set_new(&consumed, "counter_s", json_integer(charged_s));
    if (meters != NULL)
        set_new(&consumed, "meters", meters);
    if (consumed != NULL)
        set_new(&consumed, "period", json_incref(json_object_get(before, "period")));
    if (bundles != NULL)
        set_new(&consumed, "bundles", bundles);
    return consumed;
}

/* --- giving it back ----------------------------------------------------------------------------------------------- */

static json_t *lots_without(const json_t *lots, const json_t *taken)
{
    size_t i;
    json_t *lot, *left = json_array();
    json_array_foreach(lots, i, lot) json_array_append_new(left, tg_ratestate_without(lot, lot_like(taken, lot)));
    return left;
}

static json_t *member_without(const char *name, json_t *value, const json_t *taken)
{
    struct tg_decimal left;
    struct tg_err err;
    if (taken == NULL)
        return json_incref(value);
    if (json_is_array(value))
        return lots_without(value, taken);
    if (json_is_object(value))
        return tg_ratestate_without(value, taken);
    if (!is_amount(name) || tg_decimal_sub(amount_of(value), amount_of(taken), &left, &err) != 0)
        return json_incref(value);
    return json_amount(tg_decimal_is_negative(left) ? tg_decimal_zero : left);
}

json_t *tg_ratestate_without(const json_t *memory, const json_t *amounts)
{
    const char *name;
    json_t *value, *left = json_object();
    json_object_foreach((json_t *)memory, name, value)
        json_object_set_new(left, name, member_without(name, value, json_object_get(amounts, name)));
    return left;
}

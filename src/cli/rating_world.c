/* rating_world - what the steps of a rating case share. */
#include "cli/rating_world.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/rating_input.h"
#include "rt/deckjson.h"

#define OUT_MAX (16u << 20)
#define PLACES 6

/* --- the plan ------------------------------------------------------------------------------------------------------- */

static int read_places(const json_t *plan, int *places_r, struct tg_err *err_r)
{
    const json_t *value = json_object_get(plan, "charge_decimals");
    const json_int_t places = json_is_integer(value) ? json_integer_value(value) : PLACES;
    if (places < 0 || places > TG_DECIMAL_PLACES)
        return tg_err_set(err_r, TG_ERR_INPUT, "charge_decimals: 0 to %d expected", TG_DECIMAL_PLACES);
    *places_r = (int)places;
    return 0;
}

static int read_plan(const json_t *plan, struct tg_rate_plan *plan_r, struct tg_err *err_r)
{
    const char *currency = json_string_value(json_object_get(plan, "currency"));
    const char *zone = json_string_value(json_object_get(plan, "timezone"));
    const char *country = json_string_value(json_object_get(plan, "country"));
    if (tg_deck_from_json(json_object_get(plan, "deck"), &plan_r->deck, err_r) != 0)
        return -1;
    if (currency != NULL && strlen(currency) != 3)
        return tg_err_set(err_r, TG_ERR_INPUT, "currency: three letters expected");
    (void)snprintf(plan_r->currency, sizeof(plan_r->currency), "%s", currency == NULL ? "USD" : currency);
    if (country != NULL && strlen(country) == 2)
        (void)snprintf(plan_r->country, sizeof(plan_r->country), "%s", country);
    plan_r->timezone = tg_strdup(zone == NULL ? "UTC" : zone);
    plan_r->pricing = json_copy((json_t *)plan);
    json_object_del(plan_r->pricing, "deck");
    return 0;
}

/* --- allowances ------------------------------------------------------------------------------------------------------- */

/* An id that looks like one, made of what the case calls it. */
static void name_allowance(json_t *names, json_t *bundle)
{
    uint8_t hash[TG_SHA256_LEN];
    char text[TG_ID_TEXT_SIZE];
    struct tg_id id;
    const char *name = json_string_value(json_object_get(bundle, "id"));
    const json_t *prefix = json_object_get(bundle, "prefix");
    if (name == NULL)
        return;
    tg_sha256(name, strlen(name), hash);
    memcpy(id.bytes, hash, sizeof(id.bytes));
    tg_id_format(id, "alw", text);
    json_object_set_new(names, text, json_string(name));
    json_object_set_new(bundle, "id", json_string(text));
    if (prefix != NULL)
        json_object_set_new(bundle, "prefixes", json_pack("[O]", prefix));
}

int tg_rating_world_open(const json_t *input, int64_t at_us, struct tg_rating_world *world, struct tg_err *err_r)
{
    size_t i;
    json_t *bundle;
    const json_t *plan = json_object_get(input, "plan");
    *world = (struct tg_rating_world){.names = json_object(), .states = tg_ratestates_new()};
    world->arena = tg_usage_batch_new();
    tg_strbuf_init(&world->out, OUT_MAX);
    world->state = (struct tg_ratestate){.states = world->states, .plan = &world->plan};
    json_t *state = tg_rating_read_state(json_object_get(input, "state"), err_r);
    int status = state == NULL ? -1 : 0;
    if (status == 0 && !json_is_object(plan))
        status = tg_err_set(err_r, TG_ERR_INPUT, "input.plan: an object expected");
    if (status != 0 || read_places(plan, &world->places, err_r) != 0 || read_plan(plan, &world->plan, err_r) != 0) {
        json_decref(state);
        tg_rating_world_close(world);
        return -1;
    }
    json_array_foreach(json_object_get(state, "bundles"), i, bundle) name_allowance(world->names, bundle);
    tg_ratestate_put(&world->state, at_us, state);
    json_decref(state);
    return 0;
}

void tg_rating_world_close(struct tg_rating_world *world)
{
    tg_ratestates_free(&world->states);
    tg_rate_plan_deinit(&world->plan);
    tg_usage_batch_free(&world->arena);
    tg_strbuf_deinit(&world->out);
    json_decref(world->names);
}

/* --- what is shown ---------------------------------------------------------------------------------------------------- */

void tg_rating_world_show(struct tg_rating_world *world, int64_t at_us, json_t *into)
{
    struct tg_err err;
    json_t *before = NULL, *left, *name;
    const char *id;
    size_t i;
    tg_ratestate_want(&world->state, true, at_us);
    if (tg_ratestate_get(&world->state, at_us, &before, &err) != 0)
        return;
    if (json_object_get(before, "counter_s") != NULL)
        json_object_set(into, "counter_s", json_object_get(before, "counter_s"));
    if (json_object_size(world->names) > 0) {
        json_t *bundles = json_object();
        json_object_foreach(world->names, id, name)
            json_object_set_new(bundles, json_string_value(name), json_integer(0));
        json_array_foreach(json_object_get(before, "bundles"), i, left)
        {
            name = json_object_get(world->names, json_string_value(json_object_get(left, "id")));
            json_object_set(bundles, json_string_value(name), json_object_get(left, "remaining_s"));
        }
        json_object_set_new(into, "bundles", bundles);
    }
    json_decref(before);
}

json_t *tg_rating_amount(const struct tg_rating_world *world, struct tg_decimal amount)
{
    struct tg_err err;
    struct tg_decimal cut;
    char text[TG_DECIMAL_TEXT_SIZE];
    if (tg_decimal_round(amount, world->places, TG_ROUND_DOWN, &cut, &err) == 0 && tg_decimal_cmp(amount, cut) == 0)
        tg_decimal_format_fixed(amount, world->places, text);
    else
        tg_decimal_format(amount, text);
    return json_string(text);
}

int tg_rating_read_amount(const json_t *json, const char *name, struct tg_decimal *amount_r, struct tg_err *err_r)
{
    struct tg_err err;
    const json_t *value = json_object_get(json, name);
    *amount_r = tg_decimal_zero;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value) ||
        tg_decimal_parse(json_string_value(value), json_string_length(value), amount_r, &err) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: a decimal in a string expected", name);
    return 0;
}

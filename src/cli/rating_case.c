/* rating_case - runs one case of a file of rating cases through the rule VM. */
#include "cli/rating_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/strbuf.h"
#include "cli/mapfile.h"
#include "rt/deckcsv.h"

#define CHARGE_DECIMALS 6

/* --- reading the input ------------------------------------------------------------------------------------------------ */

static int read_time(const json_t *json, const char *name, int64_t *us_r, struct tg_err *err_r)
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
        read_seconds(json, "min_s", 0, &row->min_s, err_r) != 0 || read_time(json, "from", &row->from_us, err_r) < 0 ||
        read_time(json, "to", &row->to_us, err_r) < 0)
        return -1;
    row->blocked = json_is_true(json_object_get(json, "blocked"));
    return read_steps(json, row, steps, err_r);
}

static int read_deck(const json_t *list, struct tg_deck **deck_r, struct tg_err *err_r)
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
static json_t *read_event(const json_t *event, struct tg_err *err_r)
{
    int64_t answered_us = 0;
    json_t *copy = json_copy((json_t *)event);
    if (read_time(event, "answered_at", &answered_us, err_r) < 0) {
        json_decref(copy);
        return NULL;
    }
    json_object_set_new(copy, "answered_at", json_integer(answered_us));
    if (json_object_get(copy, "status") == NULL)
        json_object_set_new(copy, "status", json_string("answered"));
    return copy;
}

/* Turns the `expires` of each entry of the list into µs. */
static int convert_expiries(json_t *list, struct tg_err *err_r)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        int64_t us;
        json_t *entry = json_array_get(list, i);
        int status = read_time(entry, "expires", &us, err_r);
        if (status < 0)
            return -1;
        if (status > 0)
            json_object_set_new(entry, "expires", json_integer(us));
    }
    return 0;
}

static json_t *read_state(const json_t *state, struct tg_err *err_r)
{
    json_t *copy = state == NULL ? json_object() : json_deep_copy(state);
    if (convert_expiries(json_object_get(copy, "bundles"), err_r) == 0 &&
        convert_expiries(json_object_get(copy, "balances"), err_r) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

/* --- one call of a rule --------------------------------------------------------------------------------------------------- */

static void push_input(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **result = arg;
    *result = tg_rules_read_json(L, index, err_r);
    return *result == NULL ? -1 : 0;
}

/* The rule's result, or {"error": what went wrong}. */
static json_t *call_rule(struct tg_rules *rules, const char *hook, const struct tg_deck *deck, json_t *input)
{
    struct tg_err err;
    json_t *result = NULL;
    struct tg_rules_snapshot snap = {.deck = deck};
    if (tg_rules_call(rules, hook, &snap, push_input, input, read_result, &result, NULL, &err) == 0)
        return result;
    return json_pack("{s:s}", "error", err.text);
}

/* --- the result as the file writes it -------------------------------------------------------------------------------------- */

/* An amount with `places` places, or more when it has more. */
static json_t *format_amount(const json_t *amount, int places)
{
    struct tg_err err;
    struct tg_decimal d, cut;
    char text[TG_DECIMAL_TEXT_SIZE];
    if (tg_decimal_parse(json_string_value(amount), json_string_length(amount), &d, &err) != 0 ||
        tg_decimal_round(d, places, TG_ROUND_DOWN, &cut, &err) != 0 || tg_decimal_cmp(d, cut) != 0)
        return json_incref((json_t *)amount);
    tg_decimal_format_fixed(d, places, text);
    return json_string(text);
}

static void format_member(json_t *object, const char *name, int places)
{
    const json_t *amount = json_object_get(object, name);
    if (json_is_string(amount))
        json_object_set_new(object, name, format_amount(amount, places));
}

static void format_result(json_t *result, int places)
{
    const char *name;
    json_t *value, *lines = json_object_get(result, "lines"), *balances = json_object_get(result, "balances");
    format_member(result, "total", places);
    for (size_t i = 0; i < json_array_size(lines); i++)
        format_member(json_array_get(lines, i), "amount", places);
    json_t *formatted = json_object();
    json_object_foreach(balances, name, value)
        json_object_set_new(formatted, name, json_is_string(value) ? format_amount(value, places) : json_incref(value));
    if (balances != NULL)
        json_object_set(result, "balances", formatted);
    json_decref(formatted);
}

/* --- operations ------------------------------------------------------------------------------------------------------------- */

struct rating { /* what the events of a case share */
    struct tg_deck *deck;
    json_t *plan, *state;
    int places;
};

static void close_rating(struct rating *rating)
{
    tg_deck_unref(&rating->deck);
    json_decref(rating->plan);
    json_decref(rating->state);
}

static int open_rating(const json_t *input, struct rating *rating, struct tg_err *err_r)
{
    const json_t *plan = json_object_get(input, "plan");
    *rating = (struct rating){0};
    if (!json_is_object(plan))
        return tg_err_set(err_r, TG_ERR_INPUT, "input.plan: an object expected");
    if (read_deck(json_object_get(plan, "deck"), &rating->deck, err_r) != 0)
        return -1;
    rating->state = read_state(json_object_get(input, "state"), err_r);
    if (rating->state == NULL) {
        tg_deck_unref(&rating->deck);
        return -1;
    }
    rating->plan = json_copy((json_t *)plan);
    json_object_del(rating->plan, "deck");
    const json_t *places = json_object_get(plan, "charge_decimals");
    rating->places = json_is_integer(places) ? (int)json_integer_value(places) : CHARGE_DECIMALS;
    if (rating->places < 0 || rating->places > TG_DECIMAL_PLACES) {
        close_rating(rating);
        return tg_err_set(err_r, TG_ERR_INPUT, "charge_decimals: 0 to %d expected", TG_DECIMAL_PLACES);
    }
    return 0;
}

/* Brings what the result left into the state for the next event. */
static void carry(json_t *state, const json_t *result, const char *list_name, const char *field)
{
    json_t *list = json_object_get(state, list_name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(entry, "id"));
        json_t *left = json_object_get(json_object_get(result, list_name), id == NULL ? "" : id);
        if (left != NULL)
            json_object_set(entry, field, left);
    }
}

static json_t *rate_event(const struct tg_rating_runner *runner, struct rating *rating, const json_t *event,
                          struct tg_err *err_r)
{
    json_t *converted = read_event(event, err_r);
    if (converted == NULL)
        return NULL;
    if (json_object_get(rating->plan, "tiers") != NULL && json_object_get(rating->state, "counter_s") == NULL)
        json_object_set_new(rating->state, "counter_s", json_integer(0));
    json_t *input = json_pack("{s:o, s:O, s:O}", "event", converted, "plan", rating->plan, "state", rating->state);
    json_t *result = call_rule(runner->rules, "pricing.rate_usage", rating->deck, input);
    json_decref(input);
    if (json_object_get(result, "counter_s") != NULL)
        json_object_set(rating->state, "counter_s", json_object_get(result, "counter_s"));
    carry(rating->state, result, "bundles", "remaining_s");
    carry(rating->state, result, "balances", "amount");
    format_result(result, rating->places);
    if (json_object_get(event, "event_id") != NULL)
        json_object_set(result, "event_id", json_object_get(event, "event_id"));
    return result;
}

static int run_rate(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r, struct tg_err *err_r)
{
    struct rating rating;
    if (open_rating(input, &rating, err_r) != 0)
        return -1;
    *actual_r = rate_event(runner, &rating, json_object_get(input, "event"), err_r);
    close_rating(&rating);
    return *actual_r == NULL ? -1 : 1;
}

/* The events follow each other: counter, bundles and balances go from one to the next, their end stands beside the
 * results. */
static int run_rate_many(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                         struct tg_err *err_r)
{
    static const char *const kept[] = {"counter_s", "bundles", "balances"};
    struct rating rating;
    const json_t *events = json_object_get(input, "events");
    if (open_rating(input, &rating, err_r) != 0)
        return -1;
    json_t *actual = json_pack("{s:[]}", "results");
    int status = 1;
    for (size_t i = 0; status > 0 && i < json_array_size(events); i++) {
        json_t *result = rate_event(runner, &rating, json_array_get(events, i), err_r);
        if (result == NULL) {
            status = -1;
            break;
        }
        for (size_t j = 0; j < sizeof(kept) / sizeof(kept[0]); j++)
            if (json_object_get(result, kept[j]) != NULL)
                json_object_set(actual, kept[j], json_object_get(result, kept[j]));
        json_array_append_new(json_object_get(actual, "results"), result);
    }
    close_rating(&rating);
    if (status < 0)
        json_decref(actual);
    else
        *actual_r = actual;
    return status;
}

static int run_normalize(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                         struct tg_err *err_r)
{
    const json_t *numbers = json_object_get(input, "numbers");
    char text[128];
    (void)err_r;
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(numbers); i++) {
        json_t *number = json_array_get(numbers, i);
        json_t *call = json_pack("{s:O?, s:O}", "raw", json_object_get(number, "raw"), "plan", number);
        json_t *result = call_rule(runner->rules, "pricing.normalize_number", NULL, call);
        const json_t *digits = json_object_get(result, "digits");
        (void)snprintf(text, sizeof(text), "error:%s", json_string_value(json_object_get(result, "error")));
        json_array_append_new(results, json_string(digits == NULL ? text : json_string_value(digits)));
        json_decref(call);
        json_decref(result);
    }
    *actual_r = json_pack("{s:o}", "results", results);
    return 1;
}

static int open_in_folders(const struct tg_rating_runner *runner, const char *name, struct tg_mapfile *file,
                           struct tg_err *err_r)
{
    char path[1024];
    struct tg_err err;
    for (const char *const *folder = runner->folders; *folder != NULL; folder++) {
        (void)snprintf(path, sizeof(path), "%s/%s", *folder, name);
        if (tg_mapfile_open(path, file, &err) == 0)
            return 0;
    }
    return tg_err_set(err_r, TG_ERR_NOT_FOUND, "there is no file %s in %s and the other folders", name,
                      runner->folders[0]);
}

static int run_import_deck(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                           struct tg_err *err_r)
{
    struct tg_mapfile file;
    struct tg_deckcsv *csv;
    const char *name = json_string_value(json_object_get(input, "file"));
    if (name == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "input.file: a name expected");
    if (open_in_folders(runner, name, &file, err_r) != 0)
        return -1;
    int status = tg_deckcsv_parse(file.bytes, file.len, &csv, err_r);
    tg_mapfile_close(&file);
    if (status != 0)
        return -1;
    *actual_r = json_pack("{s:I, s:I, s:I, s:I}", "rows", (json_int_t)csv->n_rows, "priced", (json_int_t)csv->n_priced,
                          "blocked", (json_int_t)csv->n_blocked, "rejected", (json_int_t)csv->n_rejected);
    if (csv->n_rejects > 0)
        json_object_set_new(*actual_r, "first_rejected",
                            json_pack("[i, s, s]", (int)csv->rejects[0].line, csv->rejects[0].prefix_text,
                                      csv->rejects[0].reason));
    tg_deckcsv_free(&csv);
    return 1;
}

static int run_components(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                          struct tg_err *err_r)
{
    (void)err_r;
    *actual_r = call_rule(runner->rules, "pricing.rate_components", NULL, (json_t *)input);
    format_result(*actual_r, CHARGE_DECIMALS);
    return 1;
}

/* {minutes, charged, tiers = [{up_to_min, per_minute}]}: a volume price over minutes. */
static int run_trueup(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                      struct tg_err *err_r)
{
    size_t i;
    json_t *tier, *tiers = json_array();
    (void)err_r;
    json_array_foreach(json_object_get(input, "tiers"), i, tier)
    {
        json_array_append_new(tiers, json_pack("{s:O*, s:O*}", "up_to", json_object_get(tier, "up_to_min"), "price",
                                               json_object_get(tier, "per_minute")));
    }
    json_t *call = json_pack("{s:{s:s, s:o}, s:O*, s:O*}", "price", "model", "volume", "tiers", tiers, "quantity",
                             json_object_get(input, "minutes"), "charged", json_object_get(input, "charged"));
    *actual_r = call_rule(runner->rules, "pricing.true_up", NULL, call);
    json_decref(call);
    json_object_set(*actual_r, "charged", json_object_get(input, "charged"));
    format_member(*actual_r, "should_be", CHARGE_DECIMALS);
    format_member(*actual_r, "adjustment", CHARGE_DECIMALS);
    return 1;
}

static const struct {
    const char *name;
    int (*run)(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r, struct tg_err *err_r);
} operations[] = {
    {"rate", run_rate},
    {"rate_many", run_rate_many},
    {"normalize", run_normalize},
    {"import_deck", run_import_deck},
    {"components", run_components},
    {"trueup", run_trueup},
};

int tg_rating_case_run(const struct tg_rating_runner *runner, const json_t *test, json_t **actual_r,
                       struct tg_err *err_r)
{
    const char *op = json_string_value(json_object_get(test, "op"));
    const json_t *input = json_object_get(test, "input");
    if (op == NULL || !json_is_object(input))
        return tg_err_set(err_r, TG_ERR_INPUT, "a case has op and input");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(op, operations[i].name) == 0)
            return operations[i].run(runner, input, actual_r, err_r);
    return 0;
}

/* --- comparing -------------------------------------------------------------------------------------------------------------- */

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

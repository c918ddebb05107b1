/* rating_case - runs one case of a file of rating cases through the rule VM. */
#include "cli/rating_case.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "cli/mapfile.h"
#include "cli/rating_input.h"
#include "cli/rating_world.h"
#include "rt/deckcsv.h"
#include "rt/deckjson.h"
#include "rt/fxtable.h"

#define CHARGE_DECIMALS 6
#define FX_FILE "eurofxref-hist.csv"

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

static const struct tg_rules_snapshot no_snapshot;

int tg_rating_load_rules(struct tg_luasource *host, struct tg_ruleset **rules_r, struct tg_err *err_r)
{
    struct tg_rulestate values = {.host = host};
    if (tg_bundle_of_source(host, &values.bundle, err_r) != 0)
        return -1;
    struct tg_rulestate *state = tg_rulestate_new(&values);
    const int status = tg_ruleset_new(state, rules_r, err_r);
    tg_rulestate_unref(&state);
    tg_bundle_unref(&values.bundle);
    return status;
}

/* The rule's result, or {"error": what went wrong}. */
static json_t *call_rule(struct tg_ruleset *rules, const char *hook, struct tg_rules_snapshot snap, json_t *input)
{
    struct tg_err err;
    json_t *result = NULL;
    snap.is_trial = true;
    if (tg_ruleset_call(rules, hook, &snap, push_input, input, read_result, &result, NULL, &err) == 0)
        return result;
    if (tg_ruleset_is_spoilt(rules)) {
        struct tg_err ignored;
        (void)!tg_ruleset_mend(rules, &ignored);
    }
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

static int read_places(const json_t *plan, int *places_r, struct tg_err *err_r)
{
    const json_t *value = json_object_get(plan, "charge_decimals");
    const json_int_t places = json_is_integer(value) ? json_integer_value(value) : CHARGE_DECIMALS;
    if (places < 0 || places > TG_DECIMAL_PLACES)
        return tg_err_set(err_r, TG_ERR_INPUT, "charge_decimals: 0 to %d expected", TG_DECIMAL_PLACES);
    *places_r = (int)places;
    return 0;
}

static int open_rating(const json_t *input, struct rating *rating, struct tg_err *err_r)
{
    const json_t *plan = json_object_get(input, "plan");
    *rating = (struct rating){0};
    if (!json_is_object(plan))
        return tg_err_set(err_r, TG_ERR_INPUT, "input.plan: an object expected");
    if (read_places(plan, &rating->places, err_r) != 0 ||
        tg_deck_from_json(json_object_get(plan, "deck"), &rating->deck, err_r) != 0)
        return -1;
    rating->state = tg_rating_read_state(json_object_get(input, "state"), err_r);
    if (rating->state == NULL) {
        tg_deck_unref(&rating->deck);
        return -1;
    }
    rating->plan = json_copy((json_t *)plan);
    json_object_del(rating->plan, "deck");
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
    json_t *converted = tg_rating_read_event(event, err_r);
    if (converted == NULL)
        return NULL;
    if (json_object_get(rating->plan, "tiers") != NULL && json_object_get(rating->state, "counter_s") == NULL)
        json_object_set_new(rating->state, "counter_s", json_integer(0));
    json_t *input = json_pack("{s:o, s:O, s:O}", "event", converted, "plan", rating->plan, "state", rating->state);
    json_t *result =
        call_rule(runner->rules, "pricing.rate_usage", (struct tg_rules_snapshot){.deck = rating->deck}, input);
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
        json_t *result = call_rule(runner->rules, "pricing.normalize_number", no_snapshot, call);
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
    int places;
    if (read_places(json_object_get(input, "plan"), &places, err_r) != 0)
        return -1;
    *actual_r = call_rule(runner->rules, "pricing.rate_components", no_snapshot, (json_t *)input);
    format_result(*actual_r, places);
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
    *actual_r = call_rule(runner->rules, "pricing.true_up", no_snapshot, call);
    json_decref(call);
    json_object_set(*actual_r, "charged", json_object_get(input, "charged"));
    format_member(*actual_r, "should_be", CHARGE_DECIMALS);
    format_member(*actual_r, "adjustment", CHARGE_DECIMALS);
    return 1;
}

/* {amount, from, to, date} by the ECB's table. */
static int run_fx(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r, struct tg_err *err_r)
{
    char date[40];
    int64_t at_us;
    struct tg_err err;
    struct tg_mapfile file;
    struct tg_rules_snapshot snap = {0};
    struct tg_fx *fx;
    const char *day = json_string_value(json_object_get(input, "date"));
    (void)snprintf(date, sizeof(date), "%sT00:00:00Z", day == NULL ? "" : day);
    if (tg_time_parse(date, strlen(date), &at_us, &err) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "date: a day like 2026-07-15 expected");
    if (open_in_folders(runner, FX_FILE, &file, err_r) != 0)
        return -1;
    int status = tg_fx_parse_csv(file.bytes, file.len, "EUR", &fx, err_r);
    tg_mapfile_close(&file);
    if (status != 0)
        return -1;
    snap.fx = fx;
    json_t *ask = json_pack("{s:O*, s:O*, s:O*, s:I, s:i}", "amount", json_object_get(input, "amount"), "from",
                            json_object_get(input, "from"), "to", json_object_get(input, "to"), "at", (json_int_t)at_us,
                            "places", CHARGE_DECIMALS);
    *actual_r = call_rule(runner->rules, "fx.pick", snap, ask);
    json_decref(ask);
    tg_fx_unref(&fx);
    format_member(*actual_r, "amount", CHARGE_DECIMALS);
    if (json_object_get(*actual_r, "date") != NULL)
        json_object_set(*actual_r, "rate_date", json_object_get(*actual_r, "date"));
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
    {"max_usage", tg_rating_run_max_usage},
    {"fx", run_fx},
    {"session", tg_rating_run_session},
    {"stream", tg_rating_run_stream},
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

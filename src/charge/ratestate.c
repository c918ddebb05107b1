/* ratestate - what the price of more usage depends on: the tables of one attempt. */
#include "charge/ratestate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/hash.h"
#include "base/mem.h"
#include "charge/ratestate_internal.h"

#define LIST_MAX (16u << 20)
#define ALL_PERIODS 12000 /* January 1000: what is no period's, but all periods' */

enum { /* what prices by a plan depend on */
       HAS_TIERS = 1,
       HAS_METERS = 2,
       HAS_ROLLOVER = 4
};

static const uint8_t zeroes[16];

/* --- the tables --------------------------------------------------------------------------------------------------- */

struct tg_ratestates *tg_ratestates_new(void)
{
    struct tg_ratestates *s = TG_NEW(struct tg_ratestates);
    tg_strbuf_init(&s->periods_list, LIST_MAX);
    tg_strbuf_init(&s->companies_list, LIST_MAX);
    tg_strbuf_init(&s->returned_list, LIST_MAX);
    s->oldest_us = TG_RATESTATE_NEVER;
    return s;
}

void tg_ratestates_clear(struct tg_ratestates *s)
{
    for (size_t i = 0; i < s->n_periods; i++)
        json_decref(s->periods[i].meters);
    for (size_t i = 0; i < s->n_allowances; i++)
        json_decref(s->allowances[i].prefixes);
    s->n_periods = s->n_allowances = s->n_firsts = s->n_returned = 0;
    s->oldest_us = TG_RATESTATE_NEVER;
    tg_keymap_clear(&s->period_map);
    tg_keymap_clear(&s->allowance_map);
    tg_keymap_clear(&s->company_map);
    tg_keymap_clear(&s->returned_map);
    tg_strbuf_reset(&s->periods_list);
    tg_strbuf_reset(&s->companies_list);
    tg_strbuf_reset(&s->returned_list);
}

void tg_ratestates_free(struct tg_ratestates **states)
{
    struct tg_ratestates *s = *states;
    *states = NULL;
    if (s == NULL)
        return;
    tg_ratestates_clear(s);
    tg_keymap_deinit(&s->period_map);
    tg_keymap_deinit(&s->allowance_map);
    tg_keymap_deinit(&s->company_map);
    tg_keymap_deinit(&s->returned_map);
    tg_strbuf_deinit(&s->periods_list);
    tg_strbuf_deinit(&s->companies_list);
    tg_strbuf_deinit(&s->returned_list);
    free(s->periods);
    free(s->allowances);
    free(s->firsts);
    free(s->values);
    free(s);
}

/* Room for one more element behind n. */
static void *make_room(void *list, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return list;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return tg_realloc(list, *capacity * size);
}

static void list_add(struct tg_strbuf *list, const char *first, const char *second)
{
    tg_strbuf_append_str(list, list->len == 0 ? "[\"" : ",\"");
    tg_strbuf_append_str(list, first);
    tg_strbuf_append_str(list, second);
    tg_strbuf_append_char(list, '"');
}

static void key_of_month(int32_t month, uint8_t key[static 16])
{
    memset(key, 0, 16);
    memcpy(key + 8, &month, sizeof(month)); /* where keymap looks first */
}

struct tg_rateperiod *tg_rateperiod_find(const struct tg_ratestates *s, struct tg_id company, int32_t month)
{
    uint8_t key[16];
    key_of_month(month, key);
    const uint32_t index = tg_keymap_get(&s->period_map, company.bytes, key);
    return index == TG_KEYMAP_ABSENT ? NULL : &s->periods[index];
}

/* --- what is wanted ----------------------------------------------------------------------------------------------- */

static bool is_remembered(const json_t *price)
{
    static const char *const plain[] = {"flat", "per_unit", "per_seat", "percentage", "commitment"};
    const char *model = json_string_value(json_object_get(price, "model"));
    for (size_t i = 0; model != NULL && i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(model, plain[i]) == 0)
            return false;
    }
    return true;
}

static unsigned memory_of(const struct tg_rate_plan *plan)
{
    const char *meter;
    json_t *price;
    unsigned memory = 0;
    if (json_object_get(plan->pricing, "tiers") != NULL)
        memory |= HAS_TIERS;
    if (json_object_get(plan->pricing, "pack") != NULL)
        memory |= HAS_METERS;
    json_object_foreach(json_object_get(plan->pricing, "prices"), meter, price)
    {
        if (is_remembered(price))
            memory |= HAS_METERS;
        if (json_object_get(price, "rollover") != NULL)
            memory |= HAS_ROLLOVER;
    }
    return memory;
}

/* Whether the memory of this name is one for all periods. */
static bool is_rolled_over(const struct tg_rate_plan *plan, const char *name)
{
    const char *meter;
    json_t *price;
    json_object_foreach(json_object_get(plan->pricing, "prices"), meter, price)
    {
        const char *shares = json_string_value(json_object_get(price, "shares"));
        if (json_object_get(price, "rollover") != NULL && strcmp(shares == NULL ? meter : shares, name) == 0)
            return true;
    }
    return false;
}

static void want_period(struct tg_ratestates *s, struct tg_id company, int32_t month)
{
    uint8_t key[16];
    char hex[33], date[TG_DATE_SIZE];
    key_of_month(month, key);
    if (tg_keymap_put(&s->period_map, company.bytes, key, (uint32_t)s->n_periods) < s->n_periods)
        return;
    s->periods = make_room(s->periods, s->n_periods, &s->periods_capacity, sizeof(*s->periods));
    s->periods[s->n_periods++] = (struct tg_rateperiod){.company = company, .month = month};
    tg_hex(company.bytes, 16, hex);
    tg_date_format(tg_date_days(month / 12, month % 12 + 1, 1), date);
    list_add(&s->periods_list, hex, date);
}

static void want_allowances(struct tg_ratestates *s, struct tg_id company)
{
    char hex[33];
    if (tg_keymap_put(&s->company_map, company.bytes, zeroes, (uint32_t)s->n_firsts) < s->n_firsts)
        return;
    s->firsts = make_room(s->firsts, s->n_firsts, &s->firsts_capacity, sizeof(*s->firsts));
    s->firsts[s->n_firsts++] = TG_KEYMAP_ABSENT;
    tg_hex(company.bytes, 16, hex);
    list_add(&s->companies_list, hex, "");
}

void tg_ratestate_want(const struct tg_ratestate *state, bool has_allowances, int64_t at_us)
{
    struct tg_ratestates *s = state->states;
    const unsigned memory = memory_of(state->plan);
    if (memory != 0)
        want_period(s, state->company, tg_ratestate_period(state->plan->timezone, at_us));
    if ((memory & HAS_ROLLOVER) != 0)
        want_period(s, state->company, ALL_PERIODS);
    if (!has_allowances)
        return;
    want_allowances(s, state->company);
    if (at_us < s->oldest_us)
        s->oldest_us = at_us;
}

static bool parse_allowance(const char *text, struct tg_id *id_r)
{
    struct tg_err err;
    return tg_id_parse(text, strlen(text), TG_ALLOWANCE_PREFIX, id_r, &err) == 0;
}

static bool read_month(const json_t *consumed, int32_t *month_r)
{
    const json_t *period = json_object_get(consumed, "period");
    if (!json_is_integer(period) || json_integer_value(period) < 12 || json_integer_value(period) >= 12 * 10000)
        return false;
    *month_r = (int32_t)json_integer_value(period);
    return true;
}

void tg_ratestate_want_consumed(const struct tg_ratestate *state, const json_t *consumed)
{
    struct tg_ratestates *s = state->states;
    const struct tg_id company = state->company;
    const char *text;
    json_t *seconds;
    int32_t month;
    char company_hex[33], hex[33];
    if (read_month(consumed, &month)) {
        want_period(s, company, month);
        if ((memory_of(state->plan) & HAS_ROLLOVER) != 0)
            want_period(s, company, ALL_PERIODS);
    }
    tg_hex(company.bytes, 16, company_hex);
    json_object_foreach(json_object_get(consumed, "bundles"), text, seconds)
    {
        struct tg_id id;
        if (!parse_allowance(text, &id) ||
            tg_keymap_put(&s->returned_map, company.bytes, id.bytes, (uint32_t)s->n_returned) < s->n_returned)
            continue;
        s->n_returned++;
        tg_hex(id.bytes, 16, hex);
        list_add(&s->returned_list, company_hex, hex);
        want_allowances(s, company);
    }
}

void tg_ratestates_add(struct tg_ratestates *s, const struct tg_allowance *allowance)
{
    const uint32_t index = (uint32_t)s->n_allowances;
    uint32_t *first = &s->firsts[tg_keymap_get(&s->company_map, allowance->company.bytes, zeroes)];
    s->allowances = make_room(s->allowances, s->n_allowances, &s->allowances_capacity, sizeof(*s->allowances));
    s->allowances[s->n_allowances] = *allowance;
    s->allowances[s->n_allowances++].next = *first;
    *first = index;
}

static void put_allowance(struct tg_ratestates *s, struct tg_id company, json_t *bundle)
{
    const char *text = json_string_value(json_object_get(bundle, "id"));
    const json_t *expires = json_object_get(bundle, "expires");
    struct tg_allowance a = {.company = company,
                             .remaining_s = json_integer_value(json_object_get(bundle, "remaining_s")),
                             .priority = json_integer_value(json_object_get(bundle, "priority")),
                             .starts_us = INT64_MIN,
                             .expires_us = expires == NULL ? TG_RATESTATE_NEVER : json_integer_value(expires)};
    if (text == NULL || !parse_allowance(text, &a.id) ||
        tg_keymap_put(&s->allowance_map, company.bytes, a.id.bytes, (uint32_t)s->n_allowances) < s->n_allowances)
        return;
    a.granted_s = a.remaining_s;
    a.prefixes = json_incref(json_object_get(bundle, "prefixes"));
    tg_ratestates_add(s, &a);
}

void tg_ratestate_put(const struct tg_ratestate *state, int64_t at_us, const json_t *before)
{
    size_t i;
    json_t *bundle;
    tg_ratestate_want(state, true, at_us);
    struct tg_rateperiod *period =
        tg_rateperiod_find(state->states, state->company, tg_ratestate_period(state->plan->timezone, at_us));
    if (period != NULL) {
        period->counter_s = json_integer_value(json_object_get(before, "counter_s"));
        period->meters = json_incref(json_object_get(before, "meters"));
    }
    json_array_foreach(json_object_get(before, "bundles"), i, bundle)
        put_allowance(state->states, state->company, bundle);
}

/* --- before a price ----------------------------------------------------------------------------------------------- */

static void put_memories(json_t *into, const struct tg_rateperiod *period)
{
    const char *name;
    json_t *memory;
    json_object_foreach(period == NULL ? NULL : period->meters, name, memory) json_object_set(into, name, memory);
}

static json_t *bundle(const struct tg_allowance *a)
{
    char id[TG_ID_TEXT_SIZE];
    tg_id_format(a->id, TG_ALLOWANCE_PREFIX, id);
    json_t *object = json_pack("{s:s, s:I, s:I, s:O*}", "id", id, "remaining_s", (json_int_t)a->remaining_s, "priority",
                               (json_int_t)a->priority, "prefixes", a->prefixes);
    if (a->expires_us != TG_RATESTATE_NEVER)
        json_object_set_new(object, "expires", json_integer(a->expires_us));
    return object;
}

/* Those that may pay for what was answered then; NULL: none. */
static json_t *bundles_of(const struct tg_ratestates *s, struct tg_id company, int64_t at_us)
{
    json_t *list = NULL;
    const uint32_t index = tg_keymap_get(&s->company_map, company.bytes, zeroes);
    if (index == TG_KEYMAP_ABSENT)
        return NULL;
    for (uint32_t i = s->firsts[index]; i != TG_KEYMAP_ABSENT; i = s->allowances[i].next) {
        const struct tg_allowance *a = &s->allowances[i];
        if (a->remaining_s == 0 || a->starts_us > at_us || a->expires_us <= at_us)
            continue;
        if (list == NULL)
            list = json_array();
        json_array_append_new(list, bundle(a));
    }
    return list;
}

static json_t *meters_of(const struct tg_ratestates *s, struct tg_id company, const struct tg_rateperiod *period)
{
    json_t *meters = json_object();
    put_memories(meters, period);
    put_memories(meters, tg_rateperiod_find(s, company, ALL_PERIODS));
    return meters;
}

int tg_ratestate_get(const struct tg_ratestate *state, int64_t at_us, json_t **before_r, struct tg_err *err_r)
{
    const struct tg_ratestates *s = state->states;
    const unsigned memory = memory_of(state->plan);
    const int32_t month = memory == 0 ? 0 : tg_ratestate_period(state->plan->timezone, at_us);
    const struct tg_rateperiod *period = memory == 0 ? NULL : tg_rateperiod_find(s, state->company, month);
    if (memory != 0 && period == NULL)
        return tg_err_set(err_r, TG_ERR_BUG, "what was used in the month %d has not been read", (int)month);
    json_t *bundles = bundles_of(s, state->company, at_us);
    *before_r = memory == 0 && bundles == NULL ? NULL : json_object();
    if (memory != 0)
        json_object_set_new(*before_r, "period", json_integer(month));
    if ((memory & HAS_TIERS) != 0)
        json_object_set_new(*before_r, "counter_s", json_integer(period->counter_s));
    if ((memory & HAS_METERS) != 0)
        json_object_set_new(*before_r, "meters", meters_of(s, state->company, period));
    if (bundles != NULL)
        json_object_set_new(*before_r, "bundles", bundles);
    return 0;
}

/* --- after it ----------------------------------------------------------------------------------------------------- */

static void set_memory(struct tg_rateperiod *period, const char *name, json_t *memory)
{
    if (period->meters == NULL)
        period->meters = json_object();
    const json_t *was = json_object_get(period->meters, name);
    if (was != NULL && json_equal(was, memory))
        return;
    json_object_set(period->meters, name, memory);
    period->has_changed = true;
}

static void set_counter(struct tg_rateperiod *period, int64_t counter_s)
{
    period->has_changed |= period->counter_s != counter_s;
    period->counter_s = counter_s;
}

static void set_remaining(struct tg_allowance *a, int64_t remaining_s)
{
    assert(remaining_s >= 0 && remaining_s <= a->granted_s);
    a->has_changed |= a->remaining_s != remaining_s;
    a->remaining_s = remaining_s;
}

static struct tg_allowance *find_allowance(const struct tg_ratestates *s, struct tg_id company, const char *text)
{
    struct tg_id id;
    if (!parse_allowance(text, &id))
        return NULL;
    const uint32_t index = tg_keymap_get(&s->allowance_map, company.bytes, id.bytes);
    return index == TG_KEYMAP_ABSENT ? NULL : &s->allowances[index];
}

void tg_ratestate_take(const struct tg_ratestate *state, int64_t at_us, const json_t *after)
{
    const char *name;
    json_t *value;
    struct tg_ratestates *s = state->states;
    const struct tg_id company = state->company;
    const json_t *counter = json_object_get(after, "counter_s");
    struct tg_rateperiod *period = tg_rateperiod_find(s, company, tg_ratestate_period(state->plan->timezone, at_us));
    struct tg_rateperiod *all = tg_rateperiod_find(s, company, ALL_PERIODS);
    if (counter != NULL && period != NULL)
        set_counter(period, json_integer_value(counter));
    json_object_foreach(json_object_get(after, "meters"), name, value)
    {
        if (period != NULL)
            set_memory(all != NULL && is_rolled_over(state->plan, name) ? all : period, name, value);
    }
    json_object_foreach(json_object_get(after, "bundles"), name, value)
    {
        struct tg_allowance *a = find_allowance(s, company, name);
        if (a != NULL)
            set_remaining(a, json_integer_value(value));
    }
}

void tg_ratestate_give_back(const struct tg_ratestate *state, const json_t *consumed)
{
    const char *name;
    json_t *value;
    struct tg_ratestates *s = state->states;
    const struct tg_id company = state->company;
    int32_t month = 0;
    struct tg_rateperiod *period = read_month(consumed, &month) ? tg_rateperiod_find(s, company, month) : NULL;
    struct tg_rateperiod *all = tg_rateperiod_find(s, company, ALL_PERIODS);
    if (period != NULL) {
        const int64_t left_s = period->counter_s - json_integer_value(json_object_get(consumed, "counter_s"));
        set_counter(period, left_s > 0 ? left_s : 0);
    }
    json_object_foreach(json_object_get(consumed, "meters"), name, value)
    {
        struct tg_rateperiod *its = all != NULL && is_rolled_over(state->plan, name) ? all : period;
        json_t *memory = its == NULL ? NULL : json_object_get(its->meters, name);
        if (memory == NULL)
            continue;
        json_t *left = tg_ratestate_without(memory, value);
        set_memory(its, name, left);
        json_decref(left);
    }
    json_object_foreach(json_object_get(consumed, "bundles"), name, value)
    {
        struct tg_allowance *a = find_allowance(s, company, name);
        if (a == NULL || json_integer_value(value) <= 0)
            continue;
        const int64_t room_s = a->granted_s - a->remaining_s;
        set_remaining(a, a->remaining_s + (json_integer_value(value) < room_s ? json_integer_value(value) : room_s));
    }
}

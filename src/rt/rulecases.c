/* rulecases - golden cases: what a rule must answer, written beside it. */
#include "rt/rulecases.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "rt/deckjson.h"

#define PLACE_SIZE 160

/* --- the snapshot -------------------------------------------------------------------------------------------------- */

int tg_rulesnap_init(struct tg_rulesnap *s, const json_t *json, struct tg_err *err_r)
{
    const json_t *deck = json_object_get(json, "deck"), *fx = json_object_get(json, "fx");
    const json_t *flags = json_object_get(json, "flags");
    *s = (struct tg_rulesnap){0};
    if (flags != NULL && !json_is_object(flags) && !(json_is_array(flags) && json_array_size(flags) == 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "flags: a table of names expected");
    if (deck != NULL && tg_deck_from_json(deck, &s->deck, err_r) != 0)
        return -1;
    if (fx != NULL && tg_fx_from_json(fx, &s->fx, err_r) != 0) {
        tg_deck_unref(&s->deck);
        return -1;
    }
    s->snap = (struct tg_rules_snapshot){.deck = s->deck,
                                         .fx = s->fx,
                                         .flags = json_is_object(flags) ? flags : NULL,
                                         .is_trial = true};
    return 0;
}

void tg_rulesnap_deinit(struct tg_rulesnap *s)
{
    tg_deck_unref(&s->deck);
    tg_fx_unref(&s->fx);
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

struct difference { /* the place that is looked at, and what was found there */
    char place[PLACE_SIZE];
    char *why;
    size_t size;
};

static bool differs(struct difference *d, const json_t *want, const json_t *got);

/* "12", "\"0.06\"", "true", "a table", "nothing" */
static void describe(const json_t *value, char *to, size_t size)
{
    if (value == NULL || json_is_null(value)) {
        (void)snprintf(to, size, "nothing");
    } else if (json_is_object(value) || json_is_array(value)) {
        (void)snprintf(to, size, "a table");
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        (void)snprintf(to, size, "%s", text == NULL ? "?" : text);
        free(text);
    }
}

static bool tell(struct difference *d, const json_t *want, const json_t *got)
{
    char wanted[100], found[100];
    describe(want, wanted, sizeof(wanted));
    describe(got, found, sizeof(found));
    (void)snprintf(d->why, d->size, "%s is %s, not %s", d->place, found, wanted);
    return true;
}

static bool member_differs(struct difference *d, const json_t *want, const json_t *got, const char *fmt, ...)
    TG_PRINTF(4, 5);

static bool member_differs(struct difference *d, const json_t *want, const json_t *got, const char *fmt, ...)
{
    va_list ap;
    const size_t len = strlen(d->place);
    va_start(ap, fmt);
    (void)vsnprintf(d->place + len, sizeof(d->place) - len, fmt, ap);
    va_end(ap);
    const bool found = differs(d, want, got);
    d->place[len] = '\0';
    return found;
}

static bool list_differs(struct difference *d, const json_t *want, const json_t *got)
{
    const size_t n = json_array_size(want);
    if (n != json_array_size(got)) {
        (void)snprintf(d->why, d->size, "%s has %zu entries, not %zu", d->place, json_array_size(got), n);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (member_differs(d, json_array_get(want, i), json_array_get(got, i), "[%zu]", i + 1))
            return true;
    return false;
}

static bool differs(struct difference *d, const json_t *want, const json_t *got)
{
    const char *name;
    json_t *value;
    if (!json_is_object(want) && !json_is_array(want))
        return json_equal(want, got) ? false : tell(d, want, got);
    if (!json_is_object(got) && !json_is_array(got))
        return tell(d, want, got);
    if (json_array_size(want) > 0)
        return list_differs(d, want, got);
    json_object_foreach((json_t *)want, name, value)
    {
        if (member_differs(d, value, json_object_get(got, name), ".%s", name))
            return true;
    }
    return false; /* an empty table wants a table */
}

bool tg_rulecases_differ(const json_t *want, const json_t *got, char *why, size_t size)
{
    struct difference d = {"result", why, size};
    return differs(&d, want, got);
}

/* --- one case ------------------------------------------------------------------------------------------------------ */

static void push_input(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **json = arg;
    *json = tg_rules_read_json(L, index, err_r);
    return *json == NULL ? -1 : 0;
}

static void judge(const json_t *json, const char *error, struct tg_rulecase *c)
{
    const json_t *want = json_object_get(json, "want");
    const char *wanted = json_string_value(json_object_get(json, "error"));
    if (error == NULL && wanted != NULL)
        (void)snprintf(c->why, sizeof(c->why), "it decided, instead of failing with '%s'", wanted);
    else if (error != NULL && (wanted == NULL || c->is_limit || strstr(error, wanted) == NULL))
        (void)snprintf(c->why, sizeof(c->why), "%s", error);
    else if (error == NULL)
        (void)tg_rulecases_differ(want, c->outcome, c->why, sizeof(c->why));
}

static void decide(struct tg_rules *rules, const json_t *json, const struct tg_rules_snapshot *snap,
                   struct tg_rulecase *c)
{
    struct tg_err err;
    json_t *nothing = json_object(), *input = json_object_get(json, "input");
    if (tg_rules_call(rules, c->hook, snap, push_input, input == NULL ? nothing : input, read_result, &c->outcome, NULL,
                      &err) == 0) {
        judge(json, NULL, c);
    } else {
        c->is_limit = err.code == TG_ERR_BUSY;
        c->outcome = json_string(err.text);
        judge(json, err.text, c);
    }
    json_decref(nothing);
}

static void try_case(struct tg_rules *rules, const json_t *json, struct tg_rulecase *c)
{
    struct tg_err err;
    struct tg_rulesnap s;
    if (json_object_get(json, "want") == NULL && !json_is_string(json_object_get(json, "error")))
        (void)snprintf(c->why, sizeof(c->why), "the case says neither want nor error");
    else if (tg_rulesnap_init(&s, json, &err) != 0)
        (void)snprintf(c->why, sizeof(c->why), "the case's %s", err.text);
    else {
        decide(rules, json, &s.snap, c);
        tg_rulesnap_deinit(&s);
    }
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

size_t tg_rulecases_n(const struct tg_rules *rules)
{
    size_t n = 0;
    for (size_t i = 0; i < tg_rules_n(rules); i++)
        n += json_array_size(tg_rules_at(rules, i).cases);
    return n;
}

void tg_rulecases_try(struct tg_rules *rules, size_t i, struct tg_rulecase *case_r)
{
    struct tg_rules_entry entry;
    size_t rule = 0;
    assert(i < tg_rulecases_n(rules));
    while (entry = tg_rules_at(rules, rule), i >= json_array_size(entry.cases)) {
        i -= json_array_size(entry.cases);
        rule++;
    }
    const json_t *json = json_array_get(entry.cases, i);
    const char *name = json_string_value(json_object_get(json, "name"));
    *case_r = (struct tg_rulecase){.hook = entry.hook, .path = entry.path};
    if (name != NULL)
        (void)snprintf(case_r->name, sizeof(case_r->name), "%s", name);
    else
        (void)snprintf(case_r->name, sizeof(case_r->name), "case %zu", i + 1);
    tg_utf8_repair(case_r->name); /* it may have been cut */
    try_case(rules, json, case_r);
    tg_utf8_repair(case_r->why);
    if (case_r->outcome == NULL)
        case_r->outcome = json_string(case_r->why);
}

/* batch_price - what an attempt prices by: parameters, decks and rules that calls began with, what was used before.
 *
 * Usage and new calls are priced by what the company has today. A call that is there keeps what its row names; most
 * often that is the same, and costs a comparison. What cannot be had any more prices nothing (charge/rulepins.h).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "charge/batch_internal.h"

#define SECOND_US INT64_C(1000000)

static const char gone_plan[] = "the parameters that the call began with cannot be found";
static const char gone_deck[] = "the rate deck that the call began with cannot be loaded";
static const char gone_rules[] = "the rules that the call began with cannot be loaded";

/* --- calls that are there ----------------------------------------------------------------------------------------- */

static struct tg_plankey key_of(const struct tg_batch_call *call)
{
    return (struct tg_plankey){call->call.company, call->plan_id};
}

static bool has_plan_of_today(const struct tg_batch *b, const struct tg_batch_call *call)
{
    return tg_id_equal(call->plan_id, b->companies[call->company].plan_id);
}

static int load_plans(struct tg_batch *b, struct tg_err *err_r)
{
    size_t n = 0;
    struct tg_plankey *keys = tg_malloc((b->n_calls + 1) * sizeof(*keys));
    for (size_t i = 0; i < b->n_calls; i++) {
        if (b->calls[i].exists && !has_plan_of_today(b, &b->calls[i]))
            keys[n++] = key_of(&b->calls[i]);
    }
    const int status = n == 0 ? 0 : tg_planstore_load(b->plans, b->conn, keys, n, err_r);
    free(keys);
    return status;
}

/* The deck of the call's row, into its plan. */
static int pin_deck(struct tg_batch *b, struct tg_batch_call *call, struct tg_err *err_r)
{
    const struct tg_batch_company *company = &b->companies[call->company];
    struct tg_err err;
    call->plan.deck = NULL;
    if (call->deck_version == 0)
        return 0;
    if (call->deck_version == company->deck_version && tg_id_equal(call->deck_id, company->deck_id)) {
        call->plan.deck = company->plan.deck;
        if (company->plan.deck == NULL)
            call->plan.fault = gone_deck;
        return 0;
    }
    if (tg_deckstore_load(b->decks, b->conn, call->deck_id, call->deck_version, &call->pinned_deck, &err) == 0) {
        call->plan.deck = call->pinned_deck;
        return 0;
    }
    if (err.code != TG_ERR_NOT_FOUND && err.code != TG_ERR_INPUT && err.code != TG_ERR_BUG) {
        *err_r = err;
        return -1;
    }
    TG_LOG_ERROR("charge_deck_loaded", TG_LOG_INT("version", call->deck_version), TG_LOG_ERR(&err));
    call->plan.fault = gone_deck;
    return 0;
}

static int pin(struct tg_batch *b, struct tg_batch_call *call, struct tg_err *err_r)
{
    const struct tg_rate_plan *today = &b->companies[call->company].plan;
    const struct tg_plankey key = key_of(call);
    const struct tg_rate_plan *plan = has_plan_of_today(b, call) ? today : tg_planstore_find(b->plans, &key);
    call->plan = plan == NULL ? *today : *plan;
    call->plan.fault = plan == NULL ? gone_plan : plan == today ? NULL : plan->fault;
    if (plan == NULL)
        TG_LOG_ERROR("charge_plan_loaded", TG_LOG_STR("company", call->plan.company));
    return pin_deck(b, call, err_r);
}

int tg_batch_pin_calls(struct tg_batch *b, struct tg_err *err_r)
{
    if (load_plans(b, err_r) != 0)
        return -1;
    for (size_t i = 0; i < b->n_calls; i++) {
        if (b->calls[i].exists && pin(b, &b->calls[i], err_r) != 0)
            return -1;
    }
    return 0;
}

void tg_batch_price_new(struct tg_batch *b, struct tg_batch_call *call)
{
    const struct tg_batch_company *company = &b->companies[call->company];
    call->plan = company->plan;
    call->plan_id = company->plan_id;
    memcpy(call->bundle, b->bundle, sizeof(call->bundle));
    call->deck_id = company->deck_id;
    call->deck_version = company->plan.deck == NULL ? 0 : company->deck_version;
}

int tg_batch_rules_of(struct tg_batch *b, struct tg_batch_call *call, struct tg_ruleset **rules_r, struct tg_err *err_r)
{
    *rules_r = b->rules;
    if (memcmp(call->bundle, b->bundle, sizeof(b->bundle)) == 0)
        return 0;
    struct tg_err err;
    if (tg_rulepins_get(b->pins, call->bundle, rules_r, &err) == 0)
        return 0;
    if (err.code != TG_ERR_NOT_FOUND) {
        *err_r = err;
        return -1;
    }
    *rules_r = NULL;
    call->plan.fault = gone_rules;
    return 0;
}

/* --- what was used before ----------------------------------------------------------------------------------------- */

int64_t tg_batch_answered_at(const struct tg_usage_event *event)
{
    return event->has_answered_at ? event->answered_at_us : event->event_time_us;
}

static void want_usage(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_works; i++) {
        const struct tg_batch_work *work = &b->works[i];
        const struct tg_batch_company *company = &b->companies[work->company];
        const struct tg_ratestate state = {b->states, company->id, &company->plan};
        if (work->owner == i && !work->is_stored)
            tg_ratestate_want(&state, company->has_allowances, tg_batch_answered_at(work->event));
    }
}

/* Every instant that the operation may make the call's answer. */
static void want_answers(const struct tg_batch *b, const struct tg_op *op, const struct tg_call *call,
                         const struct tg_ratestate *state, bool has_allowances)
{
    const struct tg_call_renewal *renewal = &op->call.renewal;
    tg_ratestate_want(state, has_allowances, b->now_us);
    if (call->opened_at_us != 0) /* what nobody answered belongs to its beginning */
        tg_ratestate_want(state, has_allowances, call->opened_at_us);
    if (call->has_answered_at)
        tg_ratestate_want(state, has_allowances, call->answered_at_us);
    if (call->used_s > 0)
        tg_ratestate_want(state, has_allowances, b->now_us - call->used_s * SECOND_US);
    if (op->kind == TG_OP_RENEW) {
        tg_ratestate_want(state, has_allowances, b->now_us - renewal->elapsed_s * SECOND_US);
        if (renewal->has_answered_at)
            tg_ratestate_want(state, has_allowances, renewal->answered_at_us);
    } else if (op->kind == TG_OP_SETTLE && op->call.end.has_answered_at) {
        tg_ratestate_want(state, has_allowances, op->call.end.answered_at_us);
    }
}

static void want_consumed(const struct tg_call *call, const struct tg_ratestate *state)
{
    if (call->consumed.bytes == NULL)
        return;
    json_t *consumed = json_loadb(call->consumed.bytes, call->consumed.len, 0, NULL);
    tg_ratestate_want_consumed(state, consumed);
    json_decref(consumed);
}

static void want_call(struct tg_batch *b, const struct tg_op *op)
{
    const uint32_t index = tg_batch_company_index(b, op, op->call.company);
    if (index == TG_KEYMAP_ABSENT)
        return;
    const struct tg_batch_company *company = &b->companies[index];
    const struct tg_batch_call *call = &b->calls[tg_keymap_get(&b->call_map, company->id.bytes, op->call.key)];
    /* a call that this batch opens is priced by the company's plan of today, and so are its later operations */
    const struct tg_ratestate state = {b->states, company->id, call->exists ? &call->plan : &company->plan};
    want_answers(b, op, &call->call, &state, company->has_allowances);
    want_consumed(&call->call, &state);
}

int tg_batch_read_states(struct tg_batch *b, struct tg_err *err_r)
{
    want_usage(b);
    for (size_t i = 0; i < b->n_items; i++) {
        if (b->items[i]->op->kind != TG_OP_USAGE && b->items[i]->state == TG_BATCH_WAITING)
            want_call(b, b->items[i]->op);
    }
    return tg_ratestates_load(b->states, b->conn, err_r);
}

/* --- what must be there before rows that name it ------------------------------------------------------------------ */

static void want_plan(struct tg_batch *b, uint32_t index)
{
    const struct tg_batch_company *company = &b->companies[index];
    const struct tg_plankey key = {company->id, company->plan_id};
    tg_planstore_want(b->plans, &key, &company->plan);
}

int tg_batch_write_prices(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_works; i++) {
        const struct tg_batch_work *work = &b->works[i];
        if (work->owner == i && !work->is_stored && !work->is_of_end && work->event->outcome == TG_USAGE_ACCEPTED)
            want_plan(b, work->company);
    }
    for (size_t i = 0; i < b->n_calls; i++) {
        if (b->calls[i].is_new)
            want_plan(b, b->calls[i].company);
    }
    return tg_planstore_write(b->plans, b->conn, b->now_us, err_r);
}

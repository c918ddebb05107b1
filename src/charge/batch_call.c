/* batch_call - what an attempt decides about live calls: each operation in arrival order, on the rows in memory.
 *
 * The decision itself is pure (charge/call.h); here it gets what is known under the wallet's lock, and what it changed is
 * kept for the writes. Several operations of a batch may be about the same call: they share its row.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "charge/batch_internal.h"

#define LIMITS_MET_MAX 3 /* by rules, in one attempt, with the calls and usage of one company */

static bool is_of_call(const struct tg_batch_item *item)
{
    return item->op->kind != TG_OP_USAGE && item->state == TG_BATCH_WAITING;
}

/* --- which calls are named ---------------------------------------------------------------------------------------- */

static uint32_t collect_call(struct tg_batch *b, uint32_t company, const uint8_t key[static 16])
{
    const uint32_t index = tg_keymap_put(&b->call_map, b->companies[company].id.bytes, key, (uint32_t)b->n_calls);
    if (index < b->n_calls)
        return index;
    if (b->n_calls == b->calls_capacity) {
        b->calls_capacity = b->calls_capacity == 0 ? 64 : b->calls_capacity * 2;
        b->calls = tg_realloc(b->calls, b->calls_capacity * sizeof(*b->calls));
    }
    struct tg_batch_call *call = &b->calls[b->n_calls++];
    *call = (struct tg_batch_call){.company = company};
    memcpy(call->key, key, sizeof(call->key));
    return index;
}

void tg_batch_collect_calls(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        const struct tg_op *op = b->items[i]->op;
        const uint32_t company =
            is_of_call(b->items[i]) ? tg_batch_company_index(b, op, op->call.company) : TG_KEYMAP_ABSENT;
        if (company != TG_KEYMAP_ABSENT)
            collect_call(b, company, op->call.key);
    }
    for (size_t i = 0; i < b->n_works; i++) {
        struct tg_batch_work *work = &b->works[i];
        uint8_t key[16];
        if (work->event->call_id == NULL || strcmp(work->event->meter, "call.seconds") != 0)
            continue;
        tg_call_key(work->event->call_id, key);
        work->call = collect_call(b, work->company, key);
    }
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void answer(struct tg_batch_item *item, const char *json, size_t len, bool is_replay)
{
    item->answer = tg_memdup(json, len);
    item->answer_len = len;
    item->is_replay = is_replay;
}

static void refuse(struct tg_batch_item *item, enum tg_errcode code, const char *text)
{
    tg_err_set(&item->err, code, "%s", text);
}

/* --- deciding ----------------------------------------------------------------------------------------------------- */

struct deciding { /* one operation */
    struct tg_batch *b;
    struct tg_batch_item *item;
    struct tg_batch_company *company;
    struct tg_batch_call *call;
    struct tg_ratestate state;
    struct tg_call_context ctx;
    struct tg_call_step step;
    uint32_t item_index, call_index;
};

void tg_batch_read_digits(struct tg_batch *b, struct tg_batch_call *call, const struct tg_rate_plan *plan,
                          const char *to)
{
    const struct tg_batch_company *company = &b->companies[call->company];
    call->has_digits = tg_call_digits(company->limits_met < LIMITS_MET_MAX ? b->rules : NULL, plan, to, call->digits);
}

/* By what the call began with, or begins with now. */
static int prepare(struct deciding *d, struct tg_err *err_r)
{
    struct tg_batch *b = d->b;
    struct tg_ruleset *rules;
    if (!d->call->exists)
        tg_batch_price_new(b, d->call);
    if (tg_batch_rules_of(b, d->call, &rules, err_r) != 0)
        return -1;
    d->state = (struct tg_ratestate){b->states, d->company->id, &d->call->plan};
    d->ctx = (struct tg_call_context){.rules = d->company->limits_met < LIMITS_MET_MAX ? rules : NULL,
                                      .plan = &d->call->plan,
                                      .state = &d->state,
                                      .company_status = d->company->status,
                                      .limits = d->company->limits,
                                      .now_us = b->now_us,
                                      .arena = b->arena,
                                      .out = &b->ratings};
    return 0;
}

static struct tg_text keep(struct tg_batch *b, size_t at, size_t len)
{
    char *copy = tg_usage_batch_alloc(b->arena, len + 1);
    memcpy(copy, b->ratings.bytes + at, len);
    copy[len] = '\0';
    return (struct tg_text){copy, len};
}

static void add_debit(struct tg_batch *b, uint32_t call, uint32_t seq, struct tg_decimal amount)
{
    if (b->n_debits == b->debits_capacity) {
        b->debits_capacity = b->debits_capacity == 0 ? 64 : b->debits_capacity * 2;
        b->debits = tg_realloc(b->debits, b->debits_capacity * sizeof(*b->debits));
    }
    b->debits[b->n_debits++] = (struct tg_batch_debit){.call = call, .seq = seq, .amount = amount};
}

/* What the step took from the wallet goes into the company's entry of calls. */
static void post(struct deciding *d)
{
    struct tg_batch_entry *entry = &d->company->entries[TG_BATCH_CALLS];
    struct tg_err err;
    if (tg_decimal_is_zero(d->step.debit))
        return;
    if (tg_decimal_add(entry->amount, d->step.debit, &entry->amount, &err) != 0)
        assert(!"the balance had room for it");
    entry->n++;
    if (d->item->op->kind == TG_OP_RENEW)
        add_debit(d->b, d->call_index, d->call->call.seq, d->step.debit);
    else
        d->call->has_entry = true;
}

static void add_rows(struct deciding *d)
{
    for (size_t i = 0; i < d->step.n_rows; i++) {
        /* the arena is this attempt's: the row may have its id written into it */
        struct tg_usage_event *event = (struct tg_usage_event *)&d->step.rows[i].event;
        event->id = tg_id_new();
        event->has_id = true;
        struct tg_batch_work *work = tg_batch_work_new(d->b, d->item_index, d->call->company, event);
        work->rating_at = d->step.rows[i].rating_at;
        work->rating_len = d->step.rows[i].rating_len;
        work->call = d->call_index;
        work->is_of_end = true;
        work->is_charged = d->call->has_entry;
    }
}

static void keep_answer(struct deciding *d)
{
    const struct tg_text text = keep(d->b, d->step.answer_at, d->step.answer_len);
    if (d->item->op->kind == TG_OP_AUTHORIZE)
        d->call->authorize_answer = text;
    else if (d->item->op->kind == TG_OP_RENEW)
        d->call->call.renew_answer = text;
    else if (text.len > 0)
        d->call->call.settle_answer = text;
}

static void alert_of(struct deciding *d)
{
    if (d->step.outcome == TG_CALL_LATE)
        d->call->is_late = true;
    else if (!tg_decimal_is_zero(d->step.overrun))
        d->call->has_overrun = true;
    else
        return;
    d->b->n_alerts += 2;
}

/* What a step says is remembered, and told. */
static void conclude(struct deciding *d)
{
    struct tg_batch *b = d->b;
    const struct tg_call_step *step = &d->step;
    if (step->met_limit) {
        d->company->limits_met++;
        b->rules = b->get_rules(b->rules_arg);
    }
    if (step->outcome == TG_CALL_CHANGED) {
        d->company->is_purse_changed = true;
        d->call->is_changed = true;
        if (d->call->call.state != TG_CALL_OPEN)
            tg_batch_count_ended(b, d->call);
        post(d);
        add_rows(d);
        keep_answer(d);
    } else if (step->outcome == TG_CALL_LATE) {
        d->call->is_changed = true;
        d->call->late_report = keep(b, step->late_at, step->late_len);
    }
    alert_of(d);
    if (d->item->op->kind == TG_OP_EXPIRE)
        answer(d->item, step->outcome == TG_CALL_CHANGED ? "1" : "0", 1, false);
    else
        answer(d->item, b->ratings.bytes + step->answer_at, step->answer_len, step->outcome == TG_CALL_REPLAYED);
}

/* The first answer again, while it is true: of a call that is over nothing is held any more. */
static void authorize_again(struct deciding *d)
{
    const struct tg_text *first = &d->call->authorize_answer;
    const bool is_ours = tg_id_equal(d->call->call.id, d->item->operation_id); /* the answer to COMMIT was lost */
    if (memcmp(d->call->request_hash, d->item->op->call.authorize.hash, sizeof(d->call->request_hash)) != 0) {
        refuse(d->item, TG_ERR_CONFLICT, "a call with this call_id was authorized with another request");
    } else if (is_ours || d->call->call.state == TG_CALL_OPEN) {
        answer(d->item, first->bytes, first->len, !is_ours);
    } else {
        tg_call_deny(&d->ctx, "call_closed", &d->step);
        conclude(d);
    }
}

static void authorize(struct deciding *d)
{
    const struct tg_call_op *op = &d->item->op->call;
    struct tg_batch_call *call = d->call;
    if (call->exists) {
        authorize_again(d);
        return;
    }
    call->call = (struct tg_call){.company = d->company->id,
                                  .id = d->item->operation_id,
                                  .call_id = op->call_id,
                                  .request = op->authorize.request};
    memcpy(call->request_hash, op->authorize.hash, sizeof(call->request_hash));
    tg_batch_read_digits(d->b, call, &call->plan, op->authorize.to);
    d->ctx.digits = call->has_digits ? call->digits : NULL;
    d->ctx.counts = tg_batch_counts(d->b, call, op);
    tg_call_authorize(&d->ctx, &d->company->purse, &call->call,
                      op->authorize.request_s == 0 ? TG_CALL_REQUEST_S : op->authorize.request_s, &d->step);
    call->exists = call->is_new = d->step.outcome == TG_CALL_CHANGED;
    if (call->is_new)
        tg_batch_count_begun(d->b, call, op);
    conclude(d);
}

static void decide_existing(struct deciding *d)
{
    const struct tg_call_op *op = &d->item->op->call;
    struct tg_purse *purse = &d->company->purse;
    switch (d->item->op->kind) {
    case TG_OP_RENEW: tg_call_renew(&d->ctx, purse, &d->call->call, &op->renewal, &d->step); break;
    case TG_OP_SETTLE: tg_call_settle(&d->ctx, purse, &d->call->call, &op->end, &d->step); break;
    case TG_OP_EXPIRE: tg_call_expire(&d->ctx, purse, &d->call->call, &d->step); break;
    default: assert(!"an operation on a call");
    }
    conclude(d);
}

static int decide(struct tg_batch *b, uint32_t item_index, struct tg_err *err_r)
{
    struct tg_batch_item *item = b->items[item_index];
    struct deciding d = {.b = b, .item = item, .item_index = item_index};
    const uint32_t company = tg_batch_company_index(b, item->op, item->op->call.company);
    if (company == TG_KEYMAP_ABSENT) {
        refuse(item, TG_ERR_NOT_FOUND, "there is no such company, or it is not yours or below yours");
        return 0;
    }
    d.company = &b->companies[company];
    d.call_index = tg_keymap_get(&b->call_map, d.company->id.bytes, item->op->call.key);
    assert(d.call_index < b->n_calls);
    d.call = &b->calls[d.call_index];
    if (item->op->kind != TG_OP_AUTHORIZE && !d.call->exists) {
        refuse(item, TG_ERR_NOT_FOUND, "this company has no call with this call_id; `company` names one below it");
        return 0;
    }
    if (prepare(&d, err_r) != 0)
        return -1;
    if (item->op->kind == TG_OP_AUTHORIZE)
        authorize(&d);
    else
        decide_existing(&d);
    return 0;
}

int tg_batch_decide_calls(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_items; i++) {
        if (is_of_call(b->items[i]) && decide(b, (uint32_t)i, err_r) != 0)
            return -1;
    }
    return 0;
}

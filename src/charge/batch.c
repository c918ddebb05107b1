/* batch - one transaction of the ledger engine. */
#include "charge/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/mem.h"
#include "charge/batch_internal.h"

#define LIST_MAX (16u << 20)
#define RATINGS_MAX (256u << 20)
#define WALLET_TRIES_MAX 5
#define LIMITS_MET_MAX 3 /* how often rules may meet a limit in one attempt with the usage of one company */
#define ITEM_RATING_US 5000000 /* processor time that rating may take for one operation: wallets are locked meanwhile */
#define ITEM_RATINGS_MAX (16u << 20)
#define ATTEMPT_RATINGS_MAX (RATINGS_MAX / 2) /* of several operations; then they go in smaller batches */
#define LOOKS_EVERY 32 /* events between two looks at the clock */

struct tg_batch *tg_batch_new(struct tg_sqlconn *conn, struct tg_deckstore *decks, struct tg_rulepins *pins,
                              tg_batch_rules_fn *rules, void *rules_arg)
{
    struct tg_batch *b = TG_NEW(struct tg_batch);
    b->conn = conn;
    b->decks = decks;
    b->pins = pins;
    b->plans = tg_planstore_new();
    b->plans_of_today = tg_plancache_new();
    b->states = tg_ratestates_new();
    b->get_rules = rules;
    b->rules_arg = rules_arg;
    b->arena = tg_usage_batch_new();
    b->credits = tg_credits_new();
    tg_strbuf_init(&b->json, LIST_MAX);
    tg_strbuf_init(&b->ratings, RATINGS_MAX);
    return b;
}

/* Forgets the attempt; keeps the memory for the next. */
static void reset(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        tg_rate_plan_deinit(&b->companies[i].plan);
        json_decref(b->companies[i].limits);
    }
    b->n_companies = 0;
    b->n_works = 0;
    b->must_repeat = false;
    for (size_t i = 0; i < b->n_calls; i++)
        tg_deck_unref(&b->calls[i].pinned_deck);
    tg_ratestates_clear(b->states);
    if (b->n_calls > 0) {
        tg_usage_batch_free(&b->arena);
        b->arena = tg_usage_batch_new();
    }
    b->n_calls = 0;
    b->n_alerts = 0;
    b->n_debits = 0;
    b->n_counters = 0;
    tg_keymap_clear(&b->call_map);
    tg_keymap_clear(&b->counter_map);
    tg_credits_forget(b->credits);
    tg_keymap_clear(&b->access);
    tg_keymap_clear(&b->company_map);
    tg_keymap_clear(&b->seen);
    tg_strbuf_reset(&b->ratings);
}

void tg_batch_free(struct tg_batch **batch)
{
    struct tg_batch *b = *batch;
    if (b == NULL)
        return;
    reset(b);
    tg_credits_free(&b->credits);
    tg_planstore_free(&b->plans);
    tg_plancache_free(&b->plans_of_today);
    tg_ratestates_free(&b->states);
    tg_keymap_deinit(&b->access);
    tg_keymap_deinit(&b->company_map);
    tg_keymap_deinit(&b->seen);
    tg_keymap_deinit(&b->call_map);
    tg_keymap_deinit(&b->counter_map);
    tg_usage_batch_free(&b->arena);
    tg_strbuf_deinit(&b->json);
    tg_strbuf_deinit(&b->ratings);
    free(b->companies);
    free(b->works);
    free(b->calls);
    free(b->debits);
    free(b->counters);
    free(b->values);
    free(b);
    *batch = NULL;
}

struct tg_dbval *tg_batch_values(struct tg_batch *b, size_t n)
{
    if (n > b->values_capacity) {
        b->values_capacity = n;
        free(b->values);
        b->values = tg_malloc(n * sizeof(*b->values));
    }
    return b->values;
}

/* Ids are given once; what an earlier attempt decided is undone. */
static void prepare(struct tg_batch_item *item)
{
    const size_t n = tg_op_n_events(item->op);
    for (size_t i = 0; i < n; i++) {
        struct tg_usage_event *event = tg_usage_batch_event(item->op->usage.batch, i);
        if (!item->has_id && event->outcome == TG_USAGE_PENDING) {
            event->id = tg_id_new();
            event->has_id = true;
        }
        if (event->has_id)
            event->outcome = TG_USAGE_PENDING;
    }
    if (!item->has_id) {
        item->operation_id = tg_id_new();
        item->has_id = true;
    }
    item->state = TG_BATCH_WAITING;
}

/* Undoes what an attempt that failed has said to its items. */
static void forget_answers(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        struct tg_batch_item *item = b->items[i];
        free(item->answer);
        item->answer = NULL;
        item->answer_len = 0;
        item->is_replay = false;
        item->err = (struct tg_err){0};
        item->state = TG_BATCH_WAITING;
    }
}

/* --- which events are to be decided ------------------------------------------------------------------------------- */

static bool is_locked_out(const struct tg_batch *b, const struct tg_op *op, struct tg_id named)
{
    const uint32_t company = tg_batch_company_index(b, op, named);
    return company != TG_KEYMAP_ABSENT && !b->companies[company].is_locked;
}

/* An operation waits for all its wallets: it is one transaction or none. */
static void defer_locked_out(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        struct tg_batch_item *item = b->items[i];
        if (item->state != TG_BATCH_WAITING)
            continue;
        bool is_out = item->op->kind != TG_OP_USAGE && is_locked_out(b, item->op, item->op->call.company);
        const size_t n = tg_op_n_events(item->op);
        for (size_t k = 0; k < n && !is_out; k++) {
            const struct tg_usage_event *event = tg_usage_batch_event(item->op->usage.batch, k);
            is_out = event->outcome == TG_USAGE_PENDING && is_locked_out(b, item->op, event->company);
        }
        if (is_out)
            item->state = TG_BATCH_DEFERRED;
    }
}

struct tg_batch_work *tg_batch_work_new(struct tg_batch *b, uint32_t item, uint32_t company,
                                        struct tg_usage_event *event)
{
    if (b->n_works == b->works_capacity) {
        b->works_capacity = b->works_capacity == 0 ? 256 : b->works_capacity * 2;
        b->works = tg_realloc(b->works, b->works_capacity * sizeof(*b->works));
    }
    const uint32_t index = (uint32_t)b->n_works++;
    struct tg_batch_work *work = &b->works[index];
    *work =
        (struct tg_batch_work){.event = event, .item = item, .company = company, .owner = index, .call = TG_BATCH_NONE};
    memcpy(work->body_hash, event->body_hash, sizeof(work->body_hash));
    return work;
}

static void add_work(struct tg_batch *b, uint32_t item, struct tg_usage_event *event, uint32_t company)
{
    struct tg_batch_company *c = &b->companies[company];
    if (c->item == NULL)
        c->item = b->items[item];
    c->is_shared |= c->item != b->items[item];
    struct tg_batch_work *work = tg_batch_work_new(b, item, company, event);
    work->owner = tg_keymap_put(&b->seen, c->id.bytes, event->dedupe, work->owner);
}

static void collect_work(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        struct tg_batch_item *item = b->items[i];
        if (item->state != TG_BATCH_WAITING)
            continue;
        const size_t n = tg_op_n_events(item->op);
        for (size_t k = 0; k < n; k++) {
            struct tg_usage_event *event = tg_usage_batch_event(item->op->usage.batch, k);
            if (event->outcome != TG_USAGE_PENDING)
                continue;
            const uint32_t company = tg_batch_company_index(b, item->op, event->company);
            if (company == TG_KEYMAP_ABSENT)
                tg_usage_reject(item->op->usage.batch, event, "unknown_company", "/company",
                                "there is no such company, or it is not yours or below yours");
            else
                add_work(b, (uint32_t)i, event, company);
        }
    }
}

void tg_batch_reject_conflict(struct tg_batch *b, struct tg_batch_work *work)
{
    tg_usage_reject(b->items[work->item]->op->usage.batch, work->event, "conflict", "/event_id",
                    "an event with this source and event_id and another content came first");
}

/* --- deciding ----------------------------------------------------------------------------------------------------- */

/* Adds the event's amount to what its company is charged; an amount out of range is parked like any rating fault. */
static void charge(struct tg_batch *b, struct tg_batch_work *work)
{
    struct tg_batch_company *company = &b->companies[work->company];
    struct tg_batch_entry *entry = &company->entries[TG_BATCH_USAGE];
    struct tg_decimal charged, balance;
    struct tg_err err;
    if (tg_decimal_add(entry->amount, work->event->amount, &charged, &err) != 0 ||
        tg_decimal_sub(company->purse.balance, charged, &balance, &err) != 0) {
        static const char reason[] = "{\"reason\":\"the wallet's balance would leave its range\"}";
        work->event->status = TG_USAGE_FAILED;
        work->event->has_amount = false;
        work->event->billed_s = 0;
        b->ratings.len = work->rating_at;
        tg_strbuf_append_str(&b->ratings, reason);
        return;
    }
    entry->amount = charged;
    entry->n++;
    work->is_charged = true;
}

/* The price counts: so does what it took of tiers, memories of prices and free seconds. */
static void take(struct tg_batch_work *work, const struct tg_ratestate *state, const struct tg_rate_state *used)
{
    if (used->after == NULL || work->event->status == TG_USAGE_FAILED)
        return;
    tg_ratestate_take(state, tg_batch_answered_at(work->event), used->after);
    work->has_taken = true;
}

static void rate(struct tg_batch *b, struct tg_batch_work *work)
{
    struct tg_batch_company *company = &b->companies[work->company];
    const struct tg_ratestate state = {b->states, company->id, &company->plan};
    json_t *before = NULL;
    struct tg_err err;
    if (tg_ratestate_get(&state, tg_batch_answered_at(work->event), &before, &err) != 0)
        assert(!"all that is rated was wanted");
    struct tg_rate_state used = {.before = before};
    work->rating_at = b->ratings.len;
    const bool is_asked = company->limits_met < LIMITS_MET_MAX;
    if (!is_asked && b->rules != NULL)
        tg_ruleset_count_refused(b->rules, "pricing.rate_usage");
    if (!tg_rate_usage(is_asked ? b->rules : NULL, &company->plan, work->event, &used, &b->ratings)) {
        company->limits_met++;
        b->rules = b->get_rules(b->rules_arg);
    }
    work->event->outcome = TG_USAGE_ACCEPTED;
    if (work->event->has_amount && !tg_decimal_is_zero(work->event->amount))
        charge(b, work);
    work->rating_len = b->ratings.len - work->rating_at;
    take(work, &state, &used);
    json_decref(used.after);
    json_decref(before);
}

/* What the operation at hand may still use up. */
struct budget {
    uint32_t item;
    unsigned n_events;
    uint64_t until_us; /* on the clock of this thread */
    size_t ratings_max;
    bool is_spent;
};

static bool is_spent(struct budget *budget, const struct tg_batch *b, const struct tg_batch_work *work)
{
    if (work->item != budget->item)
        *budget = (struct budget){.item = work->item,
                                  .until_us = tg_clock_thread_cpu_us() + ITEM_RATING_US,
                                  .ratings_max = b->ratings.len + ITEM_RATINGS_MAX};
    if (++budget->n_events % LOOKS_EVERY == 0 || b->companies[work->company].limits_met > 0)
        budget->is_spent |= tg_clock_thread_cpu_us() > budget->until_us;
    budget->is_spent |= b->ratings.len > budget->ratings_max;
    return budget->is_spent;
}

/* The seconds of a call that was authorized are charged by its end. */
static bool is_settled_otherwise(struct tg_batch *b, struct tg_batch_work *work)
{
    if (work->call == TG_BATCH_NONE || !b->calls[work->call].exists)
        return false;
    if (b->calls[work->call].call.state == TG_CALL_OPEN)
        tg_usage_reject(b->items[work->item]->op->usage.batch, work->event, "conflict", "/call_id",
                        "this call is open: settle it");
    else
        work->event->outcome = TG_USAGE_DUPLICATE;
    return true;
}

/* -1 (BUG, so that the batch is halved): too much for one transaction. */
static int decide(struct tg_batch *b, struct tg_err *err_r)
{
    struct budget budget = {.item = TG_BATCH_NONE};
    for (size_t i = 0; i < b->n_works; i++) {
        struct tg_batch_work *work = &b->works[i];
        if (work->owner != i || work->is_stored || work->is_of_end || is_settled_otherwise(b, work))
            continue;
        if (b->n_items > 1 && b->ratings.len > ATTEMPT_RATINGS_MAX)
            return tg_err_set(err_r, TG_ERR_BUG, "the operations have too many lines for one transaction");
        if (is_spent(&budget, b, work))
            tg_usage_reject(b->items[work->item]->op->usage.batch, work->event, "unprocessable", "",
                            "the events before it took all the time or room there is for one request; send it again");
        else
            rate(b, work);
    }
    return 0;
}

/* Those that came later with the key of an owner: after the writes, because an owner may still be rejected there. */
static void decide_followers(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_works; i++) {
        struct tg_batch_work *work = &b->works[i];
        const struct tg_batch_work *owner = &b->works[work->owner];
        if (owner == work)
            continue;
        if (memcmp(work->event->body_hash, owner->body_hash, sizeof(owner->body_hash)) != 0) {
            tg_batch_reject_conflict(b, work);
        } else if (owner->event->outcome == TG_USAGE_REJECTED && !owner->is_stored) {
            tg_usage_reject(b->items[work->item]->op->usage.batch, work->event, owner->event->reason,
                            owner->event->pointer, "%s", owner->event->detail);
        } else {
            work->event->outcome = TG_USAGE_DUPLICATE;
        }
    }
}

static void write_answers(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        struct tg_batch_item *item = b->items[i];
        if (item->state != TG_BATCH_WAITING || item->op->kind != TG_OP_USAGE)
            continue;
        struct tg_strbuf out;
        tg_strbuf_init(&out, LIST_MAX);
        tg_usage_answer_write(item->op->usage.batch, &out);
        assert(!tg_strbuf_overflowed(&out));
        item->answer = tg_strbuf_take(&out, &item->answer_len);
        tg_strbuf_deinit(&out);
    }
}

void tg_batch_answer(struct tg_batch *b)
{
    decide_followers(b);
    write_answers(b);
}

/* --- the transaction ---------------------------------------------------------------------------------------------- */

/* Inside BEGIN. 1: wallets are missing. */
static int run_steps(struct tg_batch *b, struct tg_err *err_r)
{
    if (tg_batch_read_keys(b, err_r) != 0)
        return -1;
    const int status = tg_batch_read_companies(b, err_r);
    if (status != 0)
        return status;
    if (tg_batch_lock_wallets(b, err_r) != 0 || tg_batch_expire_credits(b, err_r) != 0)
        return -1;
    defer_locked_out(b);
    collect_work(b);
    tg_batch_collect_calls(b);
    if (tg_batch_read_stored(b, err_r) != 0 || tg_batch_read_calls(b, err_r) != 0 ||
        tg_batch_read_counts(b, err_r) != 0 || tg_batch_pin_calls(b, err_r) != 0 || tg_batch_read_states(b, err_r) != 0)
        return -1;
    if (tg_batch_decide_calls(b, err_r) != 0 || decide(b, err_r) != 0)
        return -1;
    return tg_batch_write(b, err_r);
}

static bool is_all_deferred(const struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        if (b->items[i]->state != TG_BATCH_DEFERRED)
            return false;
    }
    return true;
}

static int commit(struct tg_batch *b, struct tg_err *err_r)
{
    if (is_all_deferred(b)) {
        tg_sqlconn_rollback(b->conn);
        return 0;
    }
    TG_FAULT_POINT("charge_before_commit");
    if (tg_sqlconn_commit(b->conn, err_r) != 0)
        return -1;
    TG_FAULT_POINT("charge_after_commit");
    if (TG_FAULT("charge_lost_commit_reply"))
        return tg_err_set(err_r, TG_ERR_UNCERTAIN, "the answer to COMMIT was lost (fault)");
    for (size_t i = 0; i < b->n_items; i++) {
        if (b->items[i]->state == TG_BATCH_WAITING)
            b->items[i]->state = TG_BATCH_ANSWERED;
    }
    return 0;
}

static void take_rules(struct tg_batch *b)
{
    b->rules = b->get_rules(b->rules_arg);
    memset(b->bundle, 0, sizeof(b->bundle));
    if (b->rules == NULL)
        return;
    const bool is_id = tg_unhex(tg_ruleset_bundle(b->rules), b->bundle, sizeof(b->bundle));
    assert(is_id);
    (void)is_id;
}

static int attempt(struct tg_batch *b, struct tg_err *err_r)
{
    for (int tries = 0; tries < WALLET_TRIES_MAX; tries++) {
        reset(b);
        b->now_us = tg_clock_now_us();
        for (size_t i = 0; i < b->n_items; i++)
            prepare(b->items[i]);
        if (tg_sqlconn_begin(b->conn, err_r) != 0)
            return -1;
        int status = run_steps(b, err_r);
        if (status == 0) {
            status = commit(b, err_r);
            tg_planstore_end(b->plans, status == 0 && !is_all_deferred(b));
            return status;
        }
        tg_sqlconn_rollback(b->conn);
        tg_planstore_end(b->plans, false);
        if (status < 0)
            return -1;
        if (tg_batch_make_wallets(b, err_r) != 0) {
            if (err_r->code == TG_ERR_UNCERTAIN)
                err_r->code = TG_ERR_UPSTREAM; /* a wallet more or less: nothing of the batch happened */
            return -1;
        }
        forget_answers(b);
    }
    return tg_err_set(err_r, TG_ERR_CONFLICT, "wallets appear and vanish");
}

int tg_batch_attempt(struct tg_batch *batch, struct tg_batch_item *const *items, size_t n_items, int flags,
                     struct tg_err *err_r)
{
    assert(n_items > 0);
    take_rules(batch);
    batch->items = items;
    batch->n_items = n_items;
    batch->flags = flags;
    const int status = attempt(batch, err_r);
    if (status != 0)
        forget_answers(batch);
    reset(batch);
    batch->items = NULL;
    return status;
}

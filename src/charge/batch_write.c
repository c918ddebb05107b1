/* batch_write - what an attempt writes: usage rows, entries, postings, wallets, operations; a few bulk statements.
 *
 * All usage of a company in one transaction is charged by one ledger entry: its postings are the sum, its usage rows
 * point to it. Ids of entries are made after those of their events, so that the events of an entry are found just
 * below its id.
 */
#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "charge/batch_internal.h"

#define CHUNK_ROWS 500
#define CHUNK_BYTES (4u << 20)

#define USAGE_COLUMNS 24
static const char insert_usage[] =
    "INSERT INTO usage_events (company_id, id, dedupe, body_hash, source, event_id, meter, event_time, received_at,"
    " quantity, call_id, cost_amount, cost_currency, properties, status, billed_s, amount, currency, rating,"
    " rule_bundle, deck_id, deck_version, plan_id, entry_id)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static struct tg_dbval text_or_null(const char *text)
{
    return text == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(text);
}

static void bind_usage(const struct tg_batch *b, const struct tg_batch_work *work, struct tg_dbval *v)
{
    const struct tg_usage_event *e = work->event;
    const struct tg_batch_company *company = &b->companies[work->company];
    const struct tg_batch_call *call = work->is_of_end ? &b->calls[work->call] : NULL; /* it has prices of its own */
    const uint8_t *bundle = call == NULL ? b->bundle : call->bundle;
    const struct tg_id *deck_id = call == NULL ? &company->deck_id : &call->deck_id;
    const uint32_t deck_version =
        call == NULL ? (company->plan.deck == NULL ? 0 : company->deck_version) : call->deck_version;
    const struct tg_id *plan_id = call == NULL ? &company->plan_id : &call->plan_id;
    const struct tg_batch_entry *entry = &company->entries[call == NULL ? TG_BATCH_USAGE : TG_BATCH_CALLS];
    *v++ = TG_DBVAL_ID(company->id);
    *v++ = TG_DBVAL_ID(e->id);
    *v++ = TG_DBVAL_BYTES((const char *)e->dedupe, sizeof(e->dedupe));
    *v++ = TG_DBVAL_BYTES((const char *)e->body_hash, sizeof(e->body_hash));
    *v++ = TG_DBVAL_STR(e->source);
    *v++ = TG_DBVAL_STR(e->event_id);
    *v++ = TG_DBVAL_STR(e->meter);
    *v++ = TG_DBVAL_TIME(e->event_time_us);
    *v++ = TG_DBVAL_TIME(b->now_us);
    *v++ = TG_DBVAL_DEC(e->quantity);
    *v++ = text_or_null(e->call_id);
    *v++ = e->has_cost ? TG_DBVAL_DEC(e->cost_amount) : TG_DBVAL_NULL;
    *v++ = e->has_cost ? TG_DBVAL_STR(e->cost_currency) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_BYTES(e->properties, e->properties_len);
    *v++ = TG_DBVAL_STR(tg_usage_status_name(e->status));
    *v++ = e->has_amount ? TG_DBVAL_INT(e->billed_s) : TG_DBVAL_NULL;
    *v++ = e->has_amount ? TG_DBVAL_DEC(e->amount) : TG_DBVAL_NULL;
    *v++ = e->has_amount ? TG_DBVAL_STR(company->currency) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_BYTES(b->ratings.bytes + work->rating_at, work->rating_len);
    *v++ = TG_DBVAL_BYTES((const char *)bundle, sizeof(b->bundle));
    *v++ = deck_version > 0 ? TG_DBVAL_ID(*deck_id) : TG_DBVAL_NULL;
    *v++ = deck_version > 0 ? TG_DBVAL_INT(deck_version) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_ID(*plan_id);
    *v++ = work->is_charged ? TG_DBVAL_ID(entry->id) : TG_DBVAL_NULL;
}

static bool is_new(const struct tg_batch *b, size_t i)
{
    return b->works[i].owner == i && !b->works[i].is_stored && b->works[i].event->outcome == TG_USAGE_ACCEPTED;
}

/* One statement for the new events among works[from, to). */
static int write_chunk(struct tg_batch *b, size_t from, size_t to, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, (size_t)CHUNK_ROWS * USAGE_COLUMNS);
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (!is_new(b, i))
            continue;
        if (strncmp(b->works[i].event->event_id, "poison", 6) == 0 && TG_FAULT("charge_poisoned_row"))
            return tg_err_set(err_r, TG_ERR_INPUT, "a poisoned row (fault)");
        assert(n < CHUNK_ROWS);
        bind_usage(b, &b->works[i], values + n++ * USAGE_COLUMNS);
    }
    if (n == 0)
        return 0;
    uint64_t affected;
    return tg_sqlconn_bulk(b->conn, insert_usage, values, USAGE_COLUMNS, n, &affected, err_r);
}

static int savepoint(struct tg_batch *b, const char *statement, struct tg_err *err_r)
{
    return tg_sqlconn_query(b->conn, statement, NULL, 0, NULL, err_r);
}

/* The event at i cannot be written: it is rejected, and its charge taken back. */
static void reject_unwritable(struct tg_batch *b, size_t i, const struct tg_err *err)
{
    struct tg_batch_work *work = &b->works[i];
    struct tg_batch_company *company = &b->companies[work->company];
    struct tg_batch_entry *entry = &company->entries[TG_BATCH_USAGE];
    if (work->has_taken) { /* what it took cannot be told from what later ones took: again, without it */
        b->must_repeat = true;
        work->event->has_id = false;
    }
    if (work->is_charged) {
        struct tg_err ignored;
        entry->n--;
        work->is_charged = false;
        if (tg_decimal_sub(entry->amount, work->event->amount, &entry->amount, &ignored) != 0)
            assert(!"what was added can be taken back");
    }
    TG_LOG_ERROR("charge_event_stored", TG_LOG_STR("event_id", work->event->event_id), TG_LOG_ERR(err));
    tg_usage_reject(b->items[work->item]->op->usage.batch, work->event, "unprocessable", "",
                    "the event could not be stored; it has been logged for the operator");
}

/* Like write_chunk, but what spoils it is found by halving and rejected. */
static int write_carefully(struct tg_batch *b, size_t from, size_t to, struct tg_err *err_r)
{
    if (from == to)
        return 0;
    struct tg_err err;
    if (savepoint(b, "SAVEPOINT usage_chunk", err_r) != 0)
        return -1;
    if (write_chunk(b, from, to, &err) == 0)
        return 0;
    if (err.code != TG_ERR_INPUT && err.code != TG_ERR_BUG) {
        *err_r = err;
        return -1;
    }
    if (savepoint(b, "ROLLBACK TO SAVEPOINT usage_chunk", err_r) != 0)
        return -1;
    if (to - from == 1 && b->works[from].is_of_end) { /* the end of a call is written whole or not at all */
        *err_r = err;
        return -1;
    }
    if (to - from == 1) {
        reject_unwritable(b, from, &err);
        return 0;
    }
    const size_t middle = from + (to - from) / 2;
    if (write_carefully(b, from, middle, err_r) != 0)
        return -1;
    return write_carefully(b, middle, to, err_r);
}

static size_t row_bytes(const struct tg_batch *b, size_t i)
{
    return is_new(b, i) ? 400 + b->works[i].event->properties_len + b->works[i].rating_len : 0;
}

static int write_usage(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t from = 0, to; from < b->n_works; from = to) {
        size_t bytes = 0;
        for (to = from; to < b->n_works && to - from < CHUNK_ROWS && (to == from || bytes < CHUNK_BYTES); to++)
            bytes += row_bytes(b, to);
        const int status =
            (b->flags & TG_BATCH_CAREFUL) != 0 ? write_carefully(b, from, to, err_r) : write_chunk(b, from, to, err_r);
        if (status != 0)
            return -1;
    }
    return 0;
}

/* --- the ledger --------------------------------------------------------------------------------------------------- */

/* Entries of one kind for a company: `usage.charged`, `calls.charged`. Their ids are given when all is decided, so that
 * what an entry charges is found just below its id. */
static void number_entries(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        for (int kind = 0; kind < TG_BATCH_ENTRIES; kind++) {
            if (b->companies[i].entries[kind].n > 0)
                b->companies[i].entries[kind].id = tg_id_new();
        }
    }
}

static struct tg_dbval operation_of(const struct tg_batch_company *c, int kind)
{
    const bool is_of_one = kind == TG_BATCH_USAGE && !c->is_shared && tg_op_key(c->item->op) != NULL;
    return is_of_one ? TG_DBVAL_ID(c->item->operation_id) : TG_DBVAL_NULL;
}

static int write_entries(struct tg_batch *b, size_t n_entries, struct tg_err *err_r)
{
    static const char *const kinds[TG_BATCH_ENTRIES] = {"calls.charged", "usage.charged"};
    struct tg_dbval *v = tg_batch_values(b, n_entries * 6);
    for (size_t i = 0; i < b->n_companies; i++) {
        const struct tg_batch_company *c = &b->companies[i];
        for (int kind = 0; kind < TG_BATCH_ENTRIES; kind++) {
            if (c->entries[kind].n == 0)
                continue;
            *v++ = TG_DBVAL_ID(c->id);
            *v++ = TG_DBVAL_ID(c->entries[kind].id);
            *v++ = TG_DBVAL_STR(kinds[kind]);
            *v++ = operation_of(c, kind);
            *v++ = TG_DBVAL_INT(c->entries[kind].n);
            *v++ = TG_DBVAL_TIME(b->now_us);
        }
    }
    return tg_sqlconn_bulk(b->conn,
                           "INSERT INTO ledger_entries (company_id, id, kind, operation_id, event_count, created_at)"
                           " VALUES (?, ?, ?, ?, ?, ?)",
                           b->values, 6, n_entries, NULL, err_r);
}

static struct tg_dbval *bind_postings(const struct tg_batch_company *c, const struct tg_batch_entry *entry,
                                      struct tg_dbval *v)
{
    for (int leg = 0; leg < 2; leg++) {
        *v++ = TG_DBVAL_ID(c->id);
        *v++ = TG_DBVAL_ID(entry->id);
        *v++ = TG_DBVAL_INT(leg);
        *v++ = leg == 0 ? TG_DBVAL_STR("wallet") : TG_DBVAL_STR("revenue");
        *v++ = leg == 0 ? TG_DBVAL_ID(c->wallet) : TG_DBVAL_NULL;
        *v++ = TG_DBVAL_STR(c->currency);
        *v++ = leg == 0 ? TG_DBVAL_DEC(tg_decimal_neg(entry->amount)) : TG_DBVAL_DEC(entry->amount);
        *v++ = leg == 0 ? TG_DBVAL_DEC(entry->balance_after) : TG_DBVAL_NULL;
    }
    return v;
}

static int write_postings(struct tg_batch *b, size_t n_entries, struct tg_err *err_r)
{
    struct tg_dbval *v = tg_batch_values(b, n_entries * 2 * 8);
    for (size_t i = 0; i < b->n_companies; i++) {
        for (int kind = 0; kind < TG_BATCH_ENTRIES; kind++) {
            if (b->companies[i].entries[kind].n > 0)
                v = bind_postings(&b->companies[i], &b->companies[i].entries[kind], v);
        }
    }
    return tg_sqlconn_bulk(
        b->conn,
        "INSERT INTO ledger_postings (company_id, entry_id, leg, account, wallet_id, currency, amount,"
        " balance_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        b->values, 8, n_entries * 2, NULL, err_r);
}

unsigned tg_batch_n_entries(const struct tg_batch_company *c)
{
    return (unsigned)(c->entries[TG_BATCH_CALLS].n > 0) + (c->entries[TG_BATCH_USAGE].n > 0) + c->has_expired;
}

/* Rows that are there; an INSERT for its price (batch_call_rows.c). */
static int write_wallets(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, b->n_companies * 6), *v = values;
    for (size_t i = 0; i < b->n_companies; i++) {
        const struct tg_batch_company *c = &b->companies[i];
        const unsigned n_entries = tg_batch_n_entries(c);
        if (n_entries == 0 && !c->is_purse_changed)
            continue;
        *v++ = TG_DBVAL_ID(c->wallet);
        *v++ = TG_DBVAL_ID(c->id);
        *v++ = TG_DBVAL_DEC(c->purse.balance);
        *v++ = TG_DBVAL_DEC(c->purse.held);
        *v++ = TG_DBVAL_INT(c->purse.open_calls);
        *v++ = TG_DBVAL_INT(n_entries);
    }
    const size_t n = (size_t)(v - values) / 6;
    if (n == 0)
        return 0;
    return tg_sqlconn_bulk(
        b->conn,
        "INSERT INTO wallets (id, company_id, balance, held, open_calls, version, currency, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '', '2000-01-01')"
        " ON DUPLICATE KEY UPDATE balance = VALUES(balance), held = VALUES(held),"
        " open_calls = VALUES(open_calls), version = version + VALUES(version)",
        values, 6, n, NULL, err_r);
}

/* Calls have taken theirs from the purse; usage takes its sum now. */
static int settle_purses(struct tg_batch *b, size_t *n_entries_r, struct tg_err *err_r)
{
    *n_entries_r = 0;
    for (size_t i = 0; i < b->n_companies; i++) {
        struct tg_batch_company *c = &b->companies[i];
        c->entries[TG_BATCH_CALLS].balance_after = c->purse.balance;
        if (tg_decimal_sub(c->purse.balance, c->entries[TG_BATCH_USAGE].amount, &c->purse.balance, err_r) != 0)
            return -1; /* charge() has tried it */
        c->entries[TG_BATCH_USAGE].balance_after = c->purse.balance;
        *n_entries_r += (size_t)(c->entries[TG_BATCH_CALLS].n > 0) + (c->entries[TG_BATCH_USAGE].n > 0);
    }
    return 0;
}

static int write_ledger(struct tg_batch *b, struct tg_err *err_r)
{
    size_t n_entries;
    if (settle_purses(b, &n_entries, err_r) != 0)
        return -1;
    if (n_entries > 0 && (write_entries(b, n_entries, err_r) != 0 || write_postings(b, n_entries, err_r) != 0))
        return -1;
    if (write_wallets(b, err_r) != 0 || tg_batch_write_credits(b, err_r) != 0)
        return -1;
    return tg_batch_write_levels(b, err_r);
}

static int write_operations(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *v = tg_batch_values(b, b->n_items * 7);
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++) {
        const struct tg_batch_item *item = b->items[i];
        if (item->state != TG_BATCH_WAITING || tg_op_key(item->op) == NULL)
            continue;
        *v++ = TG_DBVAL_ID(item->op->caller_company);
        *v++ = TG_DBVAL_STR(tg_op_key(item->op));
        *v++ = TG_DBVAL_ID(item->operation_id);
        *v++ = TG_DBVAL_BYTES((const char *)item->op->usage.request_hash, sizeof(item->op->usage.request_hash));
        *v++ = TG_DBVAL_INT(200);
        *v++ = TG_DBVAL_BYTES(item->answer, item->answer_len);
        *v++ = TG_DBVAL_TIME(b->now_us);
        n++;
    }
    if (n == 0)
        return 0;
    return tg_sqlconn_bulk(b->conn,
                           "INSERT INTO operations (company_id, idempotency_key, id, route, request_hash, status,"
                           " response, created_at) VALUES (?, ?, ?, 'POST /v1/usage', ?, ?, ?, ?)",
                           b->values, 7, n, NULL, err_r);
}

int tg_batch_write(struct tg_batch *b, struct tg_err *err_r)
{
    number_entries(b);
    if (tg_batch_write_prices(b, err_r) != 0 || write_usage(b, err_r) != 0)
        return -1;
    if (b->must_repeat)
        return tg_err_set(err_r, TG_ERR_CONFLICT,
                          "an event that cannot be stored had its part in tiers or free seconds");
    if (tg_ratestates_save(b->states, b->conn, err_r) != 0 || tg_batch_write_calls(b, err_r) != 0)
        return -1;
    if (write_ledger(b, err_r) != 0)
        return -1;
    tg_batch_answer(b);
    return write_operations(b, err_r);
}

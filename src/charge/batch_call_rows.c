/* batch_call_rows - rows of live calls: read under their wallets' locks, written with a few bulk statements.
 *
 * Read without locks of their own: whoever changes a call holds its company's wallet, so what is read after the wallet
 * was locked stays as it is. The one exception, POST …/stop, writes stop_reason alone, which nothing here writes.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "charge/batch_internal.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct tg_text keep(struct tg_batch *b, const struct tg_dbval *cell)
{
    if (cell->type == TG_DB_NULL)
        return (struct tg_text){0};
    char *copy = tg_usage_batch_alloc(b->arena, cell->len + 1);
    memcpy(copy, cell->bytes, cell->len);
    copy[cell->len] = '\0';
    return (struct tg_text){copy, cell->len};
}

static void copy_text(char *out, size_t size, const struct tg_dbval *cell)
{
    if (cell->type != TG_DB_NULL)
        snprintf(out, size, "%.*s", (int)cell->len, cell->bytes);
}

static int64_t time_or_0(const struct tg_dbval *cell)
{
    return cell->type == TG_DB_NULL ? 0 : cell->num;
}

static enum tg_call_state state_of(const struct tg_dbval *cell)
{
    return cell->bytes[0] == 'o' ? TG_CALL_OPEN : cell->bytes[0] == 's' ? TG_CALL_SETTLED : TG_CALL_EXPIRED;
}

#define CALL_COLUMNS                                                                                                   \
    "c.company_id, c.call_key, c.id, c.call_id, c.state, c.request, c.opened_at, c.answered_at, c.closed_at,"          \
    " c.expires_at, c.seq, c.used_s, c.granted_s, c.held, c.debited, c.charge, c.overrun, c.currency, c.status,"       \
    " c.duration_ms, c.stop_reason, c.consumed, c.renew_answer, c.settle_answer, c.late_report IS NOT NULL,"           \
    " c.late_difference, c.version, c.request_hash, c.plan_id, c.deck_id, c.deck_version, c.rule_bundle, c.counted,"   \
    " c.authorize_answer"
#define N_CALL_COLUMNS 34

static void read_call(struct tg_batch *b, struct tg_call *call, const struct tg_dbval *c)
{
    call->company = tg_batch_id(&c[0]);
    call->id = tg_batch_id(&c[2]);
    call->call_id = keep(b, &c[3]).bytes;
    call->state = state_of(&c[4]);
    call->request = keep(b, &c[5]);
    call->opened_at_us = c[6].num;
    call->has_answered_at = c[7].type != TG_DB_NULL;
    call->answered_at_us = time_or_0(&c[7]);
    call->closed_at_us = time_or_0(&c[8]);
    call->expires_at_us = time_or_0(&c[9]);
    call->seq = (uint32_t)c[10].num;
    call->used_s = (uint32_t)c[11].num;
    call->granted_s = (uint32_t)c[12].num;
    call->held = c[13].dec;
    call->debited = c[14].dec;
    call->has_charge = c[15].type != TG_DB_NULL;
    if (call->has_charge)
        call->charge = c[15].dec;
    call->overrun = c[16].dec;
    copy_text(call->currency, sizeof(call->currency), &c[17]);
    copy_text(call->status, sizeof(call->status), &c[18]);
    call->has_duration_ms = c[19].type != TG_DB_NULL;
    call->duration_ms = call->has_duration_ms ? c[19].num : 0;
    copy_text(call->stop_reason, sizeof(call->stop_reason), &c[20]);
    call->consumed = keep(b, &c[21]);
    call->renew_answer = keep(b, &c[22]);
    call->settle_answer = keep(b, &c[23]);
    call->has_late_report = c[24].num != 0;
    call->has_late_difference = c[25].type != TG_DB_NULL;
    if (call->has_late_difference)
        call->late_difference = c[25].dec;
    call->version = (uint32_t)c[26].num;
}

static int on_call(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_batch *b = arg;
    assert(n_cells == N_CALL_COLUMNS && c[1].len == 16 && c[27].len == 16 && c[31].len == 32);
    const uint32_t index = tg_keymap_get(&b->call_map, (const uint8_t *)c[0].bytes, (const uint8_t *)c[1].bytes);
    assert(index < b->n_calls);
    struct tg_batch_call *call = &b->calls[index];
    call->exists = true;
    read_call(b, &call->call, c);
    memcpy(call->request_hash, c[27].bytes, sizeof(call->request_hash));
    call->plan_id = tg_batch_id(&c[28]);
    if (c[29].type != TG_DB_NULL && c[30].type != TG_DB_NULL) {
        call->deck_id = tg_batch_id(&c[29]);
        call->deck_version = (uint32_t)c[30].num;
    }
    memcpy(call->bundle, c[31].bytes, sizeof(call->bundle));
    call->counted = c[32].num;
    call->authorize_answer = keep(b, &c[33]);
    return 0;
}

int tg_batch_read_calls(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval list;
    tg_batch_list_begin(b);
    for (size_t i = 0; i < b->n_calls; i++)
        tg_batch_list_add(b, b->companies[b->calls[i].company].id.bytes, b->calls[i].key);
    if (!tg_batch_list_end(b, &list))
        return 0;
    return tg_sqlconn_each(b->conn,
                           "SELECT " CALL_COLUMNS
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN calls c FORCE INDEX (call_key)"
                           "  ON c.company_id = UNHEX(LEFT(j.k, 32)) AND c.call_key = UNHEX(RIGHT(j.k, 32))",
                           &list, 1, on_call, b, err_r);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static struct tg_dbval text_of(struct tg_text text)
{
    return text.bytes == NULL ? TG_DBVAL_NULL : TG_DBVAL_BYTES(text.bytes, text.len);
}

static struct tg_dbval name_of(const char *name)
{
    return name[0] == '\0' ? TG_DBVAL_NULL : TG_DBVAL_STR(name);
}

static struct tg_dbval state_name(enum tg_call_state state)
{
    static const char *const names[] = {"open", "settled", "expired"};
    return TG_DBVAL_STR(names[state]);
}

#define CHANGING_COLUMNS 20
#define INSERTED_COLUMNS (CHANGING_COLUMNS + 13)
#define UPDATED_COLUMNS (CHANGING_COLUMNS + 3)

/* What renewals and the end change. */
static struct tg_dbval *bind_changing(const struct tg_batch *b, const struct tg_batch_call *row, struct tg_dbval *v)
{
    const struct tg_call *c = &row->call;
    const struct tg_batch_entry *entry = &b->companies[row->company].entries[TG_BATCH_CALLS];
    *v++ = state_name(c->state);
    *v++ = c->has_answered_at ? TG_DBVAL_TIME(c->answered_at_us) : TG_DBVAL_NULL;
    *v++ = c->closed_at_us != 0 ? TG_DBVAL_TIME(c->closed_at_us) : TG_DBVAL_NULL;
    *v++ = c->expires_at_us != 0 ? TG_DBVAL_TIME(c->expires_at_us) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_INT(c->seq);
    *v++ = TG_DBVAL_INT(c->used_s);
    *v++ = TG_DBVAL_INT(c->granted_s);
    *v++ = TG_DBVAL_DEC(c->held);
    *v++ = TG_DBVAL_DEC(c->debited);
    *v++ = c->has_charge ? TG_DBVAL_DEC(c->charge) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_DEC(c->overrun);
    *v++ = name_of(c->status);
    *v++ = c->has_duration_ms ? TG_DBVAL_INT(c->duration_ms) : TG_DBVAL_NULL;
    *v++ = TG_DBVAL_INT(row->counted);
    *v++ = text_of(c->consumed);
    *v++ = text_of(c->renew_answer);
    *v++ = text_of(c->settle_answer);
    *v++ = row->has_entry ? TG_DBVAL_ID(entry->id) : TG_DBVAL_NULL;
    *v++ = text_of(row->late_report);
    *v++ = c->has_late_difference ? TG_DBVAL_DEC(c->late_difference) : TG_DBVAL_NULL;
    return v;
}

static struct tg_dbval *bind_new(const struct tg_batch *b, const struct tg_batch_call *row, struct tg_dbval *v)
{
    const struct tg_call *c = &row->call;
    v = bind_changing(b, row, v);
    *v++ = TG_DBVAL_ID(c->company);
    *v++ = TG_DBVAL_ID(c->id);
    *v++ = TG_DBVAL_BYTES((const char *)row->key, sizeof(row->key));
    *v++ = TG_DBVAL_STR(c->call_id);
    *v++ = TG_DBVAL_BYTES((const char *)row->request_hash, sizeof(row->request_hash));
    *v++ = text_of(c->request);
    *v++ = TG_DBVAL_TIME(c->opened_at_us);
    *v++ = TG_DBVAL_STR(c->currency);
    *v++ = TG_DBVAL_BYTES((const char *)row->bundle, sizeof(row->bundle));
    *v++ = TG_DBVAL_ID(row->plan_id);
    *v++ = row->deck_version > 0 ? TG_DBVAL_ID(row->deck_id) : TG_DBVAL_NULL;
    *v++ = row->deck_version > 0 ? TG_DBVAL_INT(row->deck_version) : TG_DBVAL_NULL;
    *v++ = text_of(row->authorize_answer);
    return v;
}

static int insert_calls(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, b->n_calls * INSERTED_COLUMNS), *v = values;
    for (size_t i = 0; i < b->n_calls; i++) {
        if (!b->calls[i].is_new)
            continue;
        if (strncmp(b->calls[i].call.call_id, "poison", 6) == 0 && TG_FAULT("charge_poisoned_row"))
            return tg_err_set(err_r, TG_ERR_INPUT, "a poisoned row (fault)");
        v = bind_new(b, &b->calls[i], v);
    }
    if (v == values)
        return 0;
    return tg_sqlconn_bulk(
        b->conn,
        "INSERT INTO calls (state, answered_at, closed_at, expires_at, seq, used_s, granted_s, held, debited, charge,"
        " overrun, status, duration_ms, counted, consumed, renew_answer, settle_answer, entry_id, late_report,"
        " late_difference, company_id, id, call_key, call_id, request_hash, request, opened_at, currency, rule_bundle,"
        " plan_id, deck_id, deck_version, authorize_answer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values, INSERTED_COLUMNS, (size_t)(v - values) / INSERTED_COLUMNS, NULL, err_r);
}

/* Rows that are there, so nothing is inserted: the server takes an INSERT's list in one go, and an UPDATE row by row at
 * three times the price. */
static int update_calls(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, b->n_calls * UPDATED_COLUMNS), *v = values;
    uint64_t affected;
    for (size_t i = 0; i < b->n_calls; i++) {
        if (!b->calls[i].is_changed || b->calls[i].is_new)
            continue;
        v = bind_changing(b, &b->calls[i], v);
        *v++ = TG_DBVAL_ID(b->calls[i].call.company);
        *v++ = TG_DBVAL_ID(b->calls[i].call.id);
        *v++ = TG_DBVAL_BYTES((const char *)b->calls[i].key, sizeof(b->calls[i].key));
    }
    const size_t n = (size_t)(v - values) / UPDATED_COLUMNS;
    if (n == 0)
        return 0;
    if (tg_sqlconn_bulk(
            b->conn,
            "INSERT INTO calls (state, answered_at, closed_at, expires_at, seq, used_s, granted_s, held, debited,"
            " charge, overrun, status, duration_ms, counted, consumed, renew_answer, settle_answer, entry_id,"
            " late_report, late_difference, company_id, id, call_key, call_id, request_hash, request, opened_at,"
            " currency, rule_bundle, plan_id, authorize_answer)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '{}', '2000-01-01',"
            " '', '', '', '')"
            " ON DUPLICATE KEY UPDATE state = VALUES(state), answered_at = VALUES(answered_at),"
            " closed_at = VALUES(closed_at), expires_at = VALUES(expires_at), seq = VALUES(seq),"
            " used_s = VALUES(used_s), granted_s = VALUES(granted_s), held = VALUES(held), debited = VALUES(debited),"
            " charge = VALUES(charge), overrun = VALUES(overrun), status = VALUES(status),"
            " duration_ms = VALUES(duration_ms), counted = VALUES(counted), consumed = VALUES(consumed),"
            " renew_answer = VALUES(renew_answer), settle_answer = VALUES(settle_answer),"
            " entry_id = COALESCE(VALUES(entry_id), entry_id), late_report = COALESCE(VALUES(late_report), "
            "late_report),"
            " late_difference = VALUES(late_difference), version = version + 1",
            values, UPDATED_COLUMNS, n, &affected, err_r) != 0)
        return -1;
    if (affected == 2 * n) /* as the server counts updated rows */
        return 0;
    return tg_err_set(err_r, TG_ERR_BUG, "calls that are to be changed are not there");
}

static int insert_debits(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, b->n_debits * 5), *v = values;
    for (size_t i = 0; i < b->n_debits; i++) {
        const struct tg_batch_debit *debit = &b->debits[i];
        const struct tg_batch_call *call = &b->calls[debit->call];
        *v++ = TG_DBVAL_ID(call->call.company);
        *v++ = TG_DBVAL_ID(b->companies[call->company].entries[TG_BATCH_CALLS].id);
        *v++ = TG_DBVAL_ID(call->call.id);
        *v++ = TG_DBVAL_INT(debit->seq);
        *v++ = TG_DBVAL_DEC(debit->amount);
    }
    if (v == values)
        return 0;
    return tg_sqlconn_bulk(
        b->conn, "INSERT INTO call_debits (company_id, entry_id, call_id, seq, amount) VALUES (?, ?, ?, ?, ?)", values,
        5, b->n_debits, NULL, err_r);
}

int tg_batch_write_calls(struct tg_batch *b, struct tg_err *err_r)
{
    if (insert_calls(b, err_r) != 0 || update_calls(b, err_r) != 0)
        return -1;
    if (insert_debits(b, err_r) != 0)
        return -1;
    if (tg_batch_write_counts(b, err_r) != 0)
        return -1;
    return tg_batch_write_alerts(b, err_r);
}

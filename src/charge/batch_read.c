/* batch_read - what an attempt must know before it decides: keys, companies, decks, locked wallets, stored events.
 *
 * Lists of any length go to the server as one JSON parameter that JSON_TABLE unfolds: one prepared statement each,
 * whatever the size, and a lookup by index for each element, in the list's order (STRAIGHT_JOIN and FORCE INDEX say
 * so; the order is what keeps two engines from deadlocking on wallets). Measured against lists of bound pairs it
 * costs the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "charge/batch_internal.h"

static const uint8_t zeroes[16];

struct tg_id tg_batch_company_of(const struct tg_op *op, struct tg_id named)
{
    return memcmp(named.bytes, zeroes, sizeof(zeroes)) == 0 ? op->caller_company : named;
}

uint32_t tg_batch_company_index(const struct tg_batch *b, const struct tg_op *op, struct tg_id named)
{
    return tg_keymap_get(&b->access, op->caller_company.bytes, tg_batch_company_of(op, named).bytes);
}

struct tg_id tg_batch_id(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

/* --- lists as JSON ------------------------------------------------------------------------------------------------ */

void tg_batch_list_begin(struct tg_batch *b)
{
    tg_strbuf_reset(&b->json);
    tg_strbuf_append_char(&b->json, '[');
}

void tg_batch_list_add(struct tg_batch *b, const uint8_t *first, const uint8_t *second)
{
    char hex[70] = ",\"";
    size_t n = 2;
    tg_hex(first, 16, hex + n);
    n += 32;
    if (second != NULL) {
        tg_hex(second, 16, hex + n);
        n += 32;
    }
    hex[n++] = '"';
    const bool is_first = b->json.len == 1;
    tg_strbuf_append(&b->json, hex + is_first, n - is_first);
}

bool tg_batch_list_end(struct tg_batch *b, struct tg_dbval *list_r)
{
    const bool is_empty = b->json.len == 1;
    tg_strbuf_append_char(&b->json, ']');
    assert(!tg_strbuf_overflowed(&b->json));
    *list_r = TG_DBVAL_BYTES(b->json.bytes, b->json.len);
    return !is_empty;
}

/* --- keys of operations ------------------------------------------------------------------------------------------- */

static int on_key(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_batch *b = arg;
    assert(n_cells == 5);
    const struct tg_id company = tg_batch_id(&c[0]);
    for (size_t i = 0; i < b->n_items; i++) {
        struct tg_batch_item *item = b->items[i];
        const char *key = tg_op_key(item->op);
        if (key == NULL || !tg_id_equal(item->op->caller_company, company) || strlen(key) != c[1].len ||
            memcmp(key, c[1].bytes, c[1].len) != 0)
            continue;
        item->state = TG_BATCH_ANSWERED;
        if (c[3].len != TG_SHA256_LEN || memcmp(c[3].bytes, item->op->usage.request_hash, TG_SHA256_LEN) != 0) {
            tg_err_set(&item->err, TG_ERR_CONFLICT, "this Idempotency-Key was used for another request");
            continue;
        }
        item->answer = tg_memdup(c[4].bytes, c[4].len);
        item->answer_len = c[4].len;
        item->is_replay = !tg_id_equal(tg_batch_id(&c[2]), item->operation_id); /* ours: the lost answer of a commit */
    }
    return 0;
}

int tg_batch_read_keys(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_jsonw w;
    size_t n = 0;
    tg_strbuf_reset(&b->json);
    tg_jsonw_init(&w, &b->json);
    tg_jsonw_array(&w);
    for (size_t i = 0; i < b->n_items; i++) {
        const struct tg_op *op = b->items[i]->op;
        if (tg_op_key(op) == NULL)
            continue;
        char hex[33];
        tg_hex(op->caller_company.bytes, 16, hex);
        tg_jsonw_array(&w);
        tg_jsonw_str(&w, hex);
        tg_jsonw_str(&w, tg_op_key(op));
        tg_jsonw_array_end(&w);
        n++;
    }
    tg_jsonw_array_end(&w);
    if (n == 0)
        return 0;
    const struct tg_dbval list = TG_DBVAL_BYTES(b->json.bytes, b->json.len);
    return tg_sqlconn_each(b->conn,
                           "SELECT o.company_id, o.idempotency_key, o.id, o.request_hash, o.response"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (c CHAR(32) CHARACTER SET ascii PATH '$[0]',"
                           " k VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) j"
                           " STRAIGHT_JOIN operations o FORCE INDEX (PRIMARY) ON o.company_id = UNHEX(j.c)"
                           " AND o.idempotency_key = j.k COLLATE utf8mb4_nopad_bin",
                           &list, 1, on_key, b, err_r);
}

/* --- companies and their decks ------------------------------------------------------------------------------------ */

static struct tg_batch_company *add_company(struct tg_batch *b)
{
    if (b->n_companies == b->companies_capacity) {
        b->companies_capacity = b->companies_capacity == 0 ? 16 : b->companies_capacity * 2;
        b->companies = tg_realloc(b->companies, b->companies_capacity * sizeof(*b->companies));
    }
    struct tg_batch_company *company = &b->companies[b->n_companies++];
    memset(company, 0, sizeof(*company));
    company->credits = TG_BATCH_NONE;
    return company;
}

static int on_company(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_batch *b = arg;
    assert(n_cells == 13);
    const struct tg_id caller = tg_batch_id(&c[0]), id = tg_batch_id(&c[1]);
    const uint32_t index = tg_keymap_put(&b->company_map, id.bytes, zeroes, (uint32_t)b->n_companies);
    tg_keymap_put(&b->access, caller.bytes, id.bytes, index);
    if (index < b->n_companies)
        return 0; /* two callers, one company */
    struct tg_batch_company *company = add_company(b);
    company->id = id;
    assert(c[2].len == 3);
    memcpy(company->currency, c[2].bytes, 3);
    const struct tg_plan_columns columns = {&c[2], &c[3], &c[4], &c[5]};
    tg_plancache_get(b->plans_of_today, id, &columns, &company->plan, &company->plan_id);
    tg_id_format(id, "co", company->plan.company);
    if (c[6].type != TG_DB_NULL && c[7].type != TG_DB_NULL && c[7].num > 0) {
        company->deck_id = tg_batch_id(&c[6]);
        company->deck_version = (uint32_t)c[7].num;
        if (c[8].len != 3 || memcmp(c[8].bytes, company->currency, 3) != 0)
            company->plan.fault = "the rate deck is in another currency than the company";
    }
    company->has_wallet = c[9].type != TG_DB_NULL;
    if (company->has_wallet)
        company->wallet = tg_batch_id(&c[9]);
    snprintf(company->status, sizeof(company->status), "%.*s", (int)c[10].len, c[10].bytes);
    if (c[11].type != TG_DB_NULL)
        company->limits = json_loadb(c[11].bytes, c[11].len, 0, NULL);
    company->has_allowances = c[12].num != 0;
    return 0;
}

static int load_decks(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        struct tg_batch_company *company = &b->companies[i];
        if (company->deck_version == 0 || company->plan.fault != NULL)
            continue;
        struct tg_err err;
        if (tg_deckstore_load(b->decks, b->conn, company->deck_id, company->deck_version, &company->plan.deck, &err) ==
            0)
            continue;
        if (err.code != TG_ERR_NOT_FOUND && err.code != TG_ERR_INPUT && err.code != TG_ERR_BUG) {
            *err_r = err;
            return -1;
        }
        TG_LOG_ERROR("charge_deck_loaded", TG_LOG_INT("version", company->deck_version), TG_LOG_ERR(&err));
        company->plan.fault = "the rate deck cannot be loaded";
    }
    return 0;
}

/* Each pair of caller and company once. */
static void want_company(struct tg_batch *b, const struct tg_op *op, struct tg_id named)
{
    const struct tg_id company = tg_batch_company_of(op, named);
    const size_t known = b->seen.n;
    tg_keymap_put(&b->seen, op->caller_company.bytes, company.bytes, 0);
    if (b->seen.n > known)
        tg_batch_list_add(b, op->caller_company.bytes, company.bytes);
}

static void want_companies(struct tg_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        const struct tg_op *op = b->items[i]->op;
        if (b->items[i]->state != TG_BATCH_WAITING)
            continue;
        if (op->kind != TG_OP_USAGE)
            want_company(b, op, op->call.company);
        const size_t n = tg_op_n_events(op);
        for (size_t k = 0; k < n; k++) {
            const struct tg_usage_event *event = tg_usage_batch_event(op->usage.batch, k);
            if (event->outcome == TG_USAGE_PENDING)
                want_company(b, op, event->company);
        }
    }
    tg_keymap_clear(&b->seen);
}

int tg_batch_read_companies(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval list;
    tg_batch_list_begin(b);
    want_companies(b);
    if (!tg_batch_list_end(b, &list))
        return 0;
    if (tg_sqlconn_each(b->conn,
                        "SELECT t.ancestor_id, c.id, c.currency, c.timezone, c.country, c.pricing, c.rate_deck_id,"
                        " d.active_version, d.currency, w.id, c.status, c.limits, c.has_allowances"
                        " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                        " STRAIGHT_JOIN company_tree t FORCE INDEX (PRIMARY)"
                        "  ON t.ancestor_id = UNHEX(LEFT(j.k, 32)) AND t.descendant_id = UNHEX(RIGHT(j.k, 32))"
                        " STRAIGHT_JOIN companies c FORCE INDEX (PRIMARY) ON c.id = t.descendant_id"
                        " LEFT JOIN rate_decks d ON d.id = c.rate_deck_id"
                        " LEFT JOIN wallets w ON w.company_id = c.id AND w.currency = c.currency",
                        &list, 1, on_company, b, err_r) != 0)
        return -1;
    for (size_t i = 0; i < b->n_companies; i++) {
        if (!b->companies[i].has_wallet)
            return 1;
    }
    return load_decks(b, err_r);
}

int tg_batch_make_wallets(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        const struct tg_batch_company *company = &b->companies[i];
        if (company->has_wallet)
            continue;
        const struct tg_id id = tg_id_new();
        const struct tg_dbval values[] = {TG_DBVAL_ID(company->id), TG_DBVAL_ID(id), TG_DBVAL_STR(company->currency),
                                          TG_DBVAL_TIME(b->now_us)};
        if (tg_sqlconn_query(b->conn,
                             "INSERT IGNORE INTO wallets (company_id, id, currency, created_at) VALUES (?, ?, ?, ?)",
                             values, 4, NULL, err_r) != 0)
            return -1;
    }
    return 0;
}

/* --- wallets ------------------------------------------------------------------------------------------------------ */

static int compare_wallets(const void *a, const void *b)
{
    const struct tg_batch_company *const *x = a, *const *y = b;
    return tg_id_cmp((*x)->wallet, (*y)->wallet);
}

struct locking {
    struct tg_batch_company **by_wallet;
    size_t n;
};

static int on_locked(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    const struct locking *locking = arg;
    assert(n_cells == 8);
    const struct tg_batch_company wanted = {.wallet = tg_batch_id(&c[0])}, *key = &wanted;
    struct tg_batch_company **found =
        bsearch(&key, locking->by_wallet, locking->n, sizeof(*locking->by_wallet), compare_wallets);
    assert(found != NULL);
    (*found)->is_locked = true;
    (*found)->purse = (struct tg_purse){.balance = c[1].dec,
                                        .held = c[2].dec,
                                        .credit_limit = c[3].dec,
                                        .open_calls = (uint32_t)c[4].num};
    (*found)->has_credits = c[5].num != 0;
    (*found)->band = tg_levels_band(&c[6], &c[7]);
    return 0;
}

#define LOCK_WALLETS                                                                                                   \
    "SELECT w.id, w.balance, w.held, w.credit_limit, w.open_calls, w.has_credits, w.alert_below, w.alert_above"        \
    " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(32) CHARACTER SET ascii PATH '$')) j"                                  \
    " STRAIGHT_JOIN wallets w FORCE INDEX (PRIMARY) ON w.id = UNHEX(j.k) FOR UPDATE"

int tg_batch_lock_wallets(struct tg_batch *b, struct tg_err *err_r)
{
    if (b->n_companies == 0)
        return 0;
    struct locking locking = {tg_malloc(b->n_companies * sizeof(*locking.by_wallet)), b->n_companies};
    for (size_t i = 0; i < b->n_companies; i++)
        locking.by_wallet[i] = &b->companies[i];
    qsort(locking.by_wallet, locking.n, sizeof(*locking.by_wallet), compare_wallets);
    tg_batch_list_begin(b);
    for (size_t i = 0; i < locking.n; i++)
        tg_batch_list_add(b, locking.by_wallet[i]->wallet.bytes, NULL);
    struct tg_dbval list;
    (void)tg_batch_list_end(b, &list);
    const int status =
        tg_sqlconn_each(b->conn,
                        (b->flags & TG_BATCH_WAITS) != 0 ? LOCK_WALLETS " WAIT 1" : LOCK_WALLETS " SKIP LOCKED", &list,
                        1, on_locked, &locking, err_r);
    free(locking.by_wallet);
    return status;
}

/* --- events that are there already -------------------------------------------------------------------------------- */

static int on_stored(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_batch *b = arg;
    assert(n_cells == 5 && c[1].len == 16 && c[2].len == 16);
    const uint32_t index = tg_keymap_get(&b->seen, (const uint8_t *)c[0].bytes, (const uint8_t *)c[1].bytes);
    assert(index < b->n_works);
    struct tg_batch_work *work = &b->works[index];
    struct tg_usage_event *event = work->event;
    work->is_stored = true;
    memcpy(work->body_hash, c[2].bytes, 16);
    const struct tg_id id = tg_batch_id(&c[3]);
    if (tg_id_equal(id, event->id)) { /* written by an earlier attempt whose answer was lost */
        event->outcome = TG_USAGE_ACCEPTED;
        if (tg_usage_status_parse(c[4].bytes, c[4].len, &event->status) != 0)
            return 1;
    } else if (memcmp(c[2].bytes, event->body_hash, 16) == 0) {
        event->outcome = TG_USAGE_DUPLICATE;
    } else {
        tg_batch_reject_conflict(b, work);
    }
    return 0;
}

int tg_batch_read_stored(struct tg_batch *b, struct tg_err *err_r)
{
    tg_batch_list_begin(b);
    for (size_t i = 0; i < b->n_works; i++) {
        const struct tg_batch_work *work = &b->works[i];
        if (work->owner == i)
            tg_batch_list_add(b, b->companies[work->company].id.bytes, work->event->dedupe);
    }
    struct tg_dbval list;
    if (!tg_batch_list_end(b, &list))
        return 0;
    return tg_sqlconn_each(b->conn,
                           "SELECT u.company_id, u.dedupe, u.body_hash, u.id, u.status"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN usage_events u FORCE INDEX (dedupe)"
                           "  ON u.company_id = UNHEX(LEFT(j.k, 32)) AND u.dedupe = UNHEX(RIGHT(j.k, 32))",
                           &list, 1, on_stored, b, err_r);
}

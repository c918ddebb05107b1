/* verify - replays the ledger and says where it does not add up.
 *
 * A check's statement gives only what is wrong: company, object, expected, found.
 */
#include "charge/verify.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *name, *prefix;
    const char *sentence; /* with expected and found */
    const char *sql;
};

static const struct check checks[] = {
    {"entry_balance", "ent", "the postings should sum to %s, and sum to %s",
     "SELECT company_id, entry_id, '0', CONCAT(CAST(SUM(amount) AS CHAR), ' ', currency) FROM ledger_postings"
     " GROUP BY company_id, entry_id, currency HAVING SUM(amount) <> 0 LIMIT 1000"},
    {"entry_without_postings", "ent", "an entry should have %s postings, and has %s",
     "SELECT e.company_id, e.id, 'its', 'none' FROM ledger_entries e WHERE NOT EXISTS"
     " (SELECT 1 FROM ledger_postings p WHERE p.company_id = e.company_id AND p.entry_id = e.id) LIMIT 1000"},
    {"posting_without_entry", "ent", "a posting should belong to %s, and belongs to %s",
     "SELECT p.company_id, p.entry_id, 'an entry', 'none' FROM ledger_postings p WHERE NOT EXISTS"
     " (SELECT 1 FROM ledger_entries e WHERE e.company_id = p.company_id AND e.id = p.entry_id) LIMIT 1000"},
    {"wallet_balance", "wal", "the postings give a balance of %s, the wallet says %s",
     "SELECT w.company_id, w.id, CAST(COALESCE(s.total, 0) AS CHAR), CAST(w.balance AS CHAR) FROM wallets w LEFT JOIN"
     " (SELECT wallet_id, SUM(amount) AS total FROM ledger_postings WHERE wallet_id IS NOT NULL GROUP BY wallet_id) s"
     " ON s.wallet_id = w.id WHERE w.balance <> COALESCE(s.total, 0) LIMIT 1000"},
    {"wallet_version", "wal", "%s entries touched the wallet, its version says %s",
     "SELECT w.company_id, w.id, CAST(COALESCE(s.n, 0) AS CHAR), CAST(w.version AS CHAR) FROM wallets w LEFT JOIN"
     " (SELECT wallet_id, COUNT(DISTINCT entry_id) AS n FROM ledger_postings WHERE wallet_id IS NOT NULL"
     "  GROUP BY wallet_id) s ON s.wallet_id = w.id WHERE w.version <> COALESCE(s.n, 0) LIMIT 1000"},
    {"usage_charge", "ent", "its events cost %s, the entry charges %s",
     "SELECT e.company_id, e.id, CONCAT(CAST(COALESCE(s.total, 0) AS CHAR), ' for ', COALESCE(s.n, 0)),"
     " CONCAT(CAST(COALESCE(p.amount, 0) AS CHAR), ' for ', e.event_count) FROM ledger_entries e"
     " LEFT JOIN (SELECT company_id, entry_id, SUM(amount) AS amount FROM ledger_postings WHERE account = 'revenue'"
     "  GROUP BY company_id, entry_id) p ON p.company_id = e.company_id AND p.entry_id = e.id"
     " LEFT JOIN (SELECT company_id, entry_id, SUM(amount) AS total, COUNT(*) AS n FROM usage_events"
     "  WHERE entry_id IS NOT NULL GROUP BY company_id, entry_id) s ON s.company_id = e.company_id AND s.entry_id = "
     "e.id"
     " WHERE e.kind = 'usage.charged' AND (COALESCE(s.total, 0) <> COALESCE(p.amount, 0)"
     "  OR COALESCE(s.n, 0) <> e.event_count) LIMIT 1000"},
    {"usage_without_entry", "usg", "an event with a price should be charged by %s, and is by %s",
     "SELECT u.company_id, u.id, 'an entry', 'none' FROM usage_events u WHERE (u.amount <> 0 OR u.entry_id IS NOT NULL)"
     " AND NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.company_id = u.company_id AND e.id = u.entry_id)"
     " LIMIT 1000"},
};

struct hearing {
    const struct check *check;
    tg_verify_fn *fn;
    void *arg;
    uint64_t n;
};

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

/* A decimal as the database writes it, cut to its shortest form; what follows it stays. */
static void shorten(const struct tg_dbval *cell, char *out, size_t size)
{
    const char *space = cell->len == 0 ? NULL : memchr(cell->bytes, ' ', cell->len);
    const size_t len = space == NULL ? cell->len : (size_t)(space - cell->bytes);
    char shortest[TG_DECIMAL_TEXT_SIZE];
    struct tg_decimal d;
    struct tg_err ignored;
    if (tg_decimal_parse(cell->bytes, len, &d, &ignored) != 0) {
        snprintf(out, size, "%.*s", (int)cell->len, cell->bytes);
        return;
    }
    tg_decimal_format(d, shortest);
    snprintf(out, size, "%s%.*s", shortest, (int)(cell->len - len), cell->bytes + len);
}

static int on_difference(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct hearing *h = arg;
    char expected[100], found[100], text[400];
    assert(n_cells == 4);
    shorten(&c[2], expected, sizeof(expected));
    shorten(&c[3], found, sizeof(found));
    snprintf(text, sizeof(text), h->check->sentence, expected, found);
    const struct tg_verify_difference difference = {
        .check = h->check->name,
        .text = text,
        .company = id_of(&c[0]),
        .object = id_of(&c[1]),
        .prefix = h->check->prefix,
    };
    h->n++;
    h->fn(&difference, h->arg);
    return 0;
}

static int count_rows(struct tg_sqlconn *conn, struct tg_verify_counts *counts, struct tg_err *err_r)
{
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn,
                         "SELECT (SELECT COUNT(*) FROM ledger_entries), (SELECT COUNT(*) FROM ledger_postings),"
                         " (SELECT COUNT(*) FROM wallets), (SELECT COUNT(*) FROM usage_events)",
                         NULL, 0, &res, err_r) != 0)
        return -1;
    uint64_t *const to[] = {&counts->entries, &counts->postings, &counts->wallets, &counts->usage_events};
    for (size_t i = 0; i < 4; i++)
        *to[i] = (uint64_t)tg_dbresult_cell(res, 0, i)->num;
    tg_dbresult_free(&res);
    return 0;
}

int tg_verify_ledger(struct tg_sqlconn *conn, tg_verify_fn *fn, void *arg, struct tg_verify_counts *counts_r,
                     struct tg_err *err_r)
{
    struct tg_verify_counts counts = {0};
    if (count_rows(conn, &counts, err_r) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct hearing h = {.check = &checks[i], .fn = fn, .arg = arg};
        if (tg_sqlconn_each(conn, checks[i].sql, NULL, 0, on_difference, &h, err_r) != 0)
            return -1;
        counts.differences += h.n;
    }
    *counts_r = counts;
    return 0;
}

/* verify - replays the ledger and says where it does not add up.
 *
 * A check's statement gives only what is wrong: company, object, expected, found.
 */
#include "charge/verify_internal.h"

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
     "SELECT u.company_id, u.id, 'an entry', 'none' FROM usage_events u"
     " WHERE (u.amount <> 0 AND u.source <> 'tollgate' OR u.entry_id IS NOT NULL)"
     " AND NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.company_id = u.company_id AND e.id = u.entry_id)"
     " LIMIT 1000"},
    /* Without an order: a posting begins where another has ended. Ids order the entries of a wallet only as far as the
     * clocks of two nodes agree. */
    {"balance_after", "ent", "a posting should begin where %s ended, and begins at %s",
     "WITH steps AS (SELECT wallet_id, COALESCE(balance_after, 0) AS at, 1 AS n FROM ledger_postings"
     "  WHERE wallet_id IS NOT NULL"
     " UNION ALL SELECT wallet_id, COALESCE(balance_after, 0) - amount, -1 FROM ledger_postings"
     "  WHERE wallet_id IS NOT NULL"
     " UNION ALL SELECT wallet_id, 0, 1 FROM ledger_postings WHERE wallet_id IS NOT NULL GROUP BY wallet_id),"
     " loose AS (SELECT wallet_id, at FROM steps GROUP BY wallet_id, at HAVING SUM(n) < 0)"
     " SELECT p.company_id, MIN(p.entry_id), 'another',"
     " SUBSTRING_INDEX(GROUP_CONCAT(l.at ORDER BY p.entry_id), ',', 1) FROM loose l JOIN ledger_postings p"
     "  ON p.wallet_id = l.wallet_id AND COALESCE(p.balance_after, 0) - p.amount = l.at"
     " GROUP BY p.company_id, p.wallet_id LIMIT 1000"},

    {"wallet_held", "wal", "open calls hold %s, the wallet says %s",
     "SELECT w.company_id, w.id, CONCAT(CAST(COALESCE(c.held, 0) AS CHAR), ' for ', COALESCE(c.n, 0)),"
     " CONCAT(CAST(w.held AS CHAR), ' for ', w.open_calls) FROM wallets w LEFT JOIN"
     " (SELECT company_id, currency, SUM(held) AS held, COUNT(*) AS n FROM calls WHERE state = 'open'"
     "  GROUP BY company_id, currency) c ON c.company_id = w.company_id AND c.currency = w.currency"
     " WHERE w.held <> COALESCE(c.held, 0) OR w.open_calls <> COALESCE(c.n, 0) LIMIT 1000"},
    {"call_state", "call", "a call that is %s has %s",
     "SELECT company_id, id, CAST(state AS CHAR), CONCAT('a hold of ', held, IF(charge IS NULL, ', no', ', a'),"
     " ' charge, ', IF(closed_at IS NULL, 'no', 'an'), ' end and ', IF(expires_at IS NULL, 'no', 'a'), ' term')"
     " FROM calls WHERE IF(state = 'open', closed_at IS NOT NULL OR charge IS NOT NULL OR expires_at IS NULL,"
     "  closed_at IS NULL OR charge IS NULL OR expires_at IS NOT NULL OR held <> 0) LIMIT 1000"},
    {"call_debited", "call", "its debits are %s, the call says %s",
     "SELECT c.company_id, c.id, CAST(COALESCE(d.total, 0) AS CHAR), CAST(c.debited AS CHAR) FROM calls c LEFT JOIN"
     " (SELECT call_id, SUM(amount) AS total FROM call_debits GROUP BY call_id) d ON d.call_id = c.id"
     " WHERE c.debited <> COALESCE(d.total, 0) LIMIT 1000"},
    /* Two sides are added up in one table rather than joined: a join of two big groups takes minutes. */
    {"call_charge", "call", "its meters cost %s, the call says %s",
     "SELECT company_id, COALESCE(MAX(id), call_key), CAST(SUM(cost) AS CHAR), CAST(SUM(charge) AS CHAR) FROM"
     " (SELECT company_id, call_key, id, 0 AS cost, charge FROM calls WHERE charge IS NOT NULL"
     "  UNION ALL SELECT company_id, UNHEX(LEFT(SHA2(call_id, 256), 32)), NULL, COALESCE(amount, 0), 0"
     "   FROM usage_events WHERE source = 'tollgate' AND call_id IS NOT NULL) t"
     " GROUP BY company_id, call_key HAVING SUM(cost) <> SUM(charge) LIMIT 1000"},
    {"call_without_entry", "call", "what was left to charge should be in %s, and is in %s",
     "SELECT company_id, id, 'an entry', 'none' FROM calls WHERE charge <> debited AND entry_id IS NULL LIMIT 1000"},
    {"calls_charge", "ent", "its calls cost %s, the entry charges %s",
     "SELECT company_id, entry_id, CONCAT(CAST(SUM(cost) AS CHAR), ' for ', SUM(n)),"
     " CONCAT(CAST(SUM(charged) AS CHAR), ' for ', SUM(event_count)) FROM"
     " (SELECT company_id, entry_id, amount AS cost, 1 AS n, 0 AS charged, 0 AS event_count FROM call_debits"
     "  UNION ALL SELECT company_id, entry_id, charge - debited, 1, 0, 0 FROM calls WHERE entry_id IS NOT NULL"
     "  UNION ALL SELECT company_id, id, 0, 0, 0, event_count FROM ledger_entries WHERE kind = 'calls.charged'"
     "  UNION ALL SELECT e.company_id, e.id, 0, 0, p.amount, 0 FROM ledger_entries e JOIN ledger_postings p"
     "   ON p.company_id = e.company_id AND p.entry_id = e.id AND p.account = 'revenue'"
     "   WHERE e.kind = 'calls.charged') t"
     " GROUP BY company_id, entry_id HAVING SUM(cost) <> SUM(charged) OR SUM(n) <> SUM(event_count) LIMIT 1000"},

    {"correction_begins", "usg", "a correction should begin at %s, and begins at %s",
     "SELECT k.company_id, k.usage_id, CAST(COALESCE(IF(k.seq = 1, u.amount, b.amount), 0) AS CHAR),"
     " CAST(k.amount_before AS CHAR) FROM usage_corrections k"
     " LEFT JOIN usage_events u ON u.company_id = k.company_id AND u.id = k.usage_id"
     " LEFT JOIN usage_corrections b ON b.company_id = k.company_id AND b.usage_id = k.usage_id AND b.seq = k.seq - 1"
     " WHERE k.amount_before <> COALESCE(IF(k.seq = 1, u.amount, b.amount), 0) LIMIT 1000"},
    {"correction_charge", "ent", "its corrections charge %s more, and it charges %s",
     "SELECT company_id, entry_id, CAST(SUM(cost) AS CHAR), CAST(SUM(charged) AS CHAR) FROM"
     " (SELECT company_id, entry_id, amount - amount_before AS cost, 0 AS charged FROM usage_corrections"
     "   WHERE entry_id IS NOT NULL"
     "  UNION ALL SELECT e.company_id, e.id, 0, p.amount FROM ledger_entries e JOIN ledger_postings p"
     "   ON p.company_id = e.company_id AND p.entry_id = e.id AND p.account = 'revenue'"
     "   WHERE e.kind = 'usage.corrected') t"
     " GROUP BY company_id, entry_id HAVING SUM(cost) <> SUM(charged) LIMIT 1000"},
    {"correction_without_entry", "usg", "a correction of %s should be in an entry, and is in %s",
     "SELECT company_id, MIN(usage_id), CAST(SUM(amount - amount_before) AS CHAR), 'none' FROM usage_corrections"
     " WHERE entry_id IS NULL GROUP BY company_id, correction_id HAVING SUM(amount - amount_before) <> 0 LIMIT 1000"},

    {"credit_granted", "crd", "the wallet got %s of it, the credit says %s",
     "SELECT c.company_id, c.id, CAST(COALESCE(p.amount, 0) AS CHAR), CAST(c.granted AS CHAR) FROM credits c"
     " LEFT JOIN ledger_postings p ON p.company_id = c.company_id AND p.entry_id = c.entry_id"
     "  AND p.wallet_id = c.wallet_id WHERE c.granted <> COALESCE(p.amount, 0) LIMIT 1000"},
    {"credit_remaining", "crd", "its draws leave %s, the credit says %s",
     "SELECT c.company_id, c.id, CAST(c.granted - COALESCE(d.total, 0) AS CHAR), CAST(c.remaining AS CHAR)"
     " FROM credits c LEFT JOIN (SELECT company_id, credit_id, SUM(amount) AS total FROM credit_draws"
     "  GROUP BY company_id, credit_id) d ON d.company_id = c.company_id AND d.credit_id = c.id"
     " WHERE c.remaining <> c.granted - COALESCE(d.total, 0) OR c.remaining < 0 OR c.remaining > c.granted LIMIT 1000"},
    {"wallet_credits", "wal", "there are %s with something left, the wallet says %s",
     "SELECT w.company_id, w.id, CONCAT(COUNT(*), ' credits'), 'there are none' FROM credits c JOIN wallets w"
     "  ON w.id = c.wallet_id WHERE c.remaining > 0 AND w.has_credits = 0 GROUP BY w.company_id, w.id LIMIT 1000"},
    {"entry_draws", "ent", "of its credits it may take %s, and takes %s",
     "SELECT d.company_id, d.entry_id, CONCAT(CAST(-COALESCE(p.amount, 0) AS CHAR), ' at most'),"
     " CAST(d.total AS CHAR) FROM (SELECT company_id, entry_id, SUM(amount) AS total FROM credit_draws"
     "  GROUP BY company_id, entry_id) d LEFT JOIN (SELECT company_id, entry_id, SUM(amount) AS amount"
     "  FROM ledger_postings WHERE wallet_id IS NOT NULL GROUP BY company_id, entry_id) p"
     " ON p.company_id = d.company_id AND p.entry_id = d.entry_id"
     " WHERE ABS(d.total) > ABS(COALESCE(p.amount, 0)) OR d.total <> 0 AND SIGN(d.total) = SIGN(p.amount) LIMIT 1000"},
    {"draw_without_credit", "ent", "what it drew should be of %s, and is of %s",
     "SELECT d.company_id, d.entry_id, 'a credit', 'none' FROM credit_draws d WHERE NOT EXISTS (SELECT 1 FROM credits c"
     "  WHERE c.company_id = d.company_id AND c.id = d.credit_id) LIMIT 1000"},
    {"allowance_remaining", "alw", "of %s free seconds %s are left",
     "SELECT company_id, id, CAST(granted_s AS CHAR), CAST(remaining_s AS CHAR) FROM allowances"
     " WHERE remaining_s > granted_s LIMIT 1000"},
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
    /* Sums of each entry of a big ledger in memory take seconds, on the disk minutes. */
    if (tg_sqlconn_query(conn, "SET SESSION tmp_table_size = 268435456, max_heap_table_size = 268435456", NULL, 0, NULL,
                         err_r) != 0)
        return -1;
    if (count_rows(conn, &counts, err_r) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct hearing h = {.check = &checks[i], .fn = fn, .arg = arg};
        if (tg_sqlconn_each(conn, checks[i].sql, NULL, 0, on_difference, &h, err_r) != 0)
            return -1;
        counts.differences += h.n;
    }
    uint64_t n;
    if (tg_verify_allowances(conn, fn, arg, &n, err_r) != 0)
        return -1;
    counts.differences += n;
    *counts_r = counts;
    return 0;
}

/* chain - is what was written once as it was sealed?
 *
 * A link at a time, its rows read whole: a link has some hundred rows, a log has no end.
 */
#include "charge/chain.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

#define LINKS_AT_ONCE 1000
#define ROWS_A_LINK_MAX 5000 /* more in one were never sealed */
#define LINK_BYTES_MAX (256u << 20)
#define NULL_FIELD "-"

struct tg_chain_source { /* statements */
    const char *companies; /* with rows or links */
    const char *links; /* of a company, behind a number, up to a number of them */
    const char *rows; /* of a company, behind an id, up to an id, up to a number of them; each column as it is hashed */
    const char *waiting; /* how many of a company behind an id */
};

const struct tg_chain_source tg_chain_audit = {
    .companies = "SELECT company_id FROM audit_log GROUP BY company_id"
                 " UNION SELECT company_id FROM audit_chain GROUP BY company_id ORDER BY company_id",
    .links = "SELECT seq, n, first_id, last_id, hash FROM audit_chain WHERE company_id = ? AND seq > ?"
             " ORDER BY seq LIMIT ?",
    .rows = "SELECT HEX(id), CAST(at AS CHAR), actor, HEX(session_id), address, request_id, action, object,"
            " CAST(outcome AS CHAR), before_state, after_state FROM audit_log"
            " WHERE company_id = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
    .waiting = "SELECT COUNT(*) FROM audit_log WHERE company_id = ? AND id > ?",
};

const struct tg_chain_source tg_chain_ledger = {
    .companies = "SELECT company_id FROM ledger_entries GROUP BY company_id"
                 " UNION SELECT company_id FROM ledger_chain GROUP BY company_id ORDER BY company_id",
    .links = "SELECT seq, n, first_id, last_id, hash FROM ledger_chain WHERE company_id = ? AND seq > ?"
             " ORDER BY seq LIMIT ?",
    .rows = "SELECT HEX(e.id), e.kind, HEX(e.operation_id), CAST(e.event_count AS CHAR), e.description,"
            " CAST(e.created_at AS CHAR),"
            " (SELECT GROUP_CONCAT(CONCAT_WS(' ', p.leg, p.account, COALESCE(HEX(p.wallet_id), '-'), p.currency,"
            "  p.amount, COALESCE(p.balance_after, '-')) ORDER BY p.leg)"
            "  FROM ledger_postings p WHERE p.company_id = e.company_id AND p.entry_id = e.id),"
            " (SELECT GROUP_CONCAT(CONCAT_WS(' ', HEX(d.credit_id), d.amount) ORDER BY d.credit_id)"
            "  FROM credit_draws d WHERE d.company_id = e.company_id AND d.entry_id = e.id)"
            " FROM ledger_entries e WHERE e.company_id = ? AND e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?",
    .waiting = "SELECT COUNT(*) FROM ledger_entries WHERE company_id = ? AND id > ?",
};

struct link {
    uint64_t seq, n;
    struct tg_id first, last;
    uint8_t hash[TG_SHA256_LEN];
};

struct check { /* of one company */
    const struct tg_chain_source *source;
    struct tg_sqlconn *conn;
    tg_chain_fn *fn;
    void *arg;
    struct tg_chain_counts *counts;
    struct tg_id company;
    struct link last; /* the link before; all zero in front of the first */
    struct tg_strbuf *bytes; /* of the link that is recomputed */
};

static void bytes_of(const struct tg_dbval *cell, void *out, size_t len)
{
    assert(cell->type == TG_DB_BYTES && cell->len == len);
    memcpy(out, cell->bytes, len);
}

static void differ(const struct check *c, uint64_t seq, const char *text)
{
    const struct tg_chain_difference difference = {.text = text, .company = c->company, .seq = seq};
    c->counts->differences++;
    c->fn(&difference, c->arg);
}

static void add_field(struct tg_strbuf *bytes, const struct tg_dbval *cell)
{
    if (cell->type == TG_DB_NULL) {
        tg_strbuf_append_str(bytes, NULL_FIELD);
        return;
    }
    assert(cell->type == TG_DB_BYTES);
    tg_strbuf_printf(bytes, "%zu:", cell->len);
    tg_strbuf_append(bytes, cell->bytes, cell->len);
}

/* What stands before the rows. */
static void begin_bytes(struct check *c, uint64_t seq)
{
    char company[2 * sizeof(c->company.bytes) + 1], number[24];
    for (size_t i = 0; i < sizeof(c->company.bytes); i++)
        (void)snprintf(company + 2 * i, 3, "%02X", c->company.bytes[i]);
    (void)snprintf(number, sizeof(number), "%" PRIu64, seq);
    tg_strbuf_reset(c->bytes);
    tg_strbuf_append(c->bytes, c->last.hash, sizeof(c->last.hash));
    add_field(c->bytes, &TG_DBVAL_STR(company));
    add_field(c->bytes, &TG_DBVAL_STR(number));
}

/* The rows behind the link before, up to the end of this one. */
static int read_rows(const struct check *c, const struct link *link, struct tg_dbresult **res_r, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(c->company), TG_DBVAL_ID(c->last.last), TG_DBVAL_ID(link->last),
                                      TG_DBVAL_INT(ROWS_A_LINK_MAX)};
    return tg_sqlconn_query(c->conn, c->source->rows, values, 4, res_r, err_r);
}

static int check_link(struct check *c, const struct link *link, struct tg_err *err_r)
{
    char text[160];
    uint8_t hash[TG_SHA256_LEN];
    struct tg_dbresult *res;
    if (link->seq != c->last.seq + 1) {
        (void)snprintf(text, sizeof(text), "link %" PRIu64 " should follow, and is missing", c->last.seq + 1);
        differ(c, link->seq, text);
    }
    if (read_rows(c, link, &res, err_r) != 0)
        return -1;
    const size_t n = tg_dbresult_n_rows(res);
    begin_bytes(c, link->seq);
    for (size_t row = 0; row < n; row++)
        for (size_t column = 0; column < tg_dbresult_n_columns(res); column++)
            add_field(c->bytes, tg_dbresult_cell(res, row, column));
    tg_dbresult_free(&res);
    tg_sha256(c->bytes->bytes, c->bytes->len, hash);
    if (n != link->n) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " rows were sealed, and there are %zu", link->n, n);
        differ(c, link->seq, text);
    } else if (memcmp(hash, link->hash, sizeof(hash)) != 0 || tg_strbuf_overflowed(c->bytes)) {
        differ(c, link->seq, "its rows, or the link before, are not what was sealed");
    }
    c->counts->links++;
    c->counts->rows += n;
    c->last = *link;
    return 0;
}

/* The next links of the company; how many, or -1. */
static int check_links(struct check *c, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(c->company), TG_DBVAL_INT((int64_t)c->last.seq),
                                      TG_DBVAL_INT(LINKS_AT_ONCE)};
    struct tg_dbresult *res;
    int ret = 0;
    if (tg_sqlconn_query(c->conn, c->source->links, values, 3, &res, err_r) != 0)
        return -1;
    const size_t n = tg_dbresult_n_rows(res);
    for (size_t row = 0; row < n && ret == 0; row++) {
        struct link link = {.seq = (uint64_t)tg_dbresult_cell(res, row, 0)->num,
                            .n = (uint64_t)tg_dbresult_cell(res, row, 1)->num};
        bytes_of(tg_dbresult_cell(res, row, 2), link.first.bytes, sizeof(link.first.bytes));
        bytes_of(tg_dbresult_cell(res, row, 3), link.last.bytes, sizeof(link.last.bytes));
        bytes_of(tg_dbresult_cell(res, row, 4), link.hash, sizeof(link.hash));
        ret = check_link(c, &link, err_r);
    }
    tg_dbresult_free(&res);
    return ret != 0 ? -1 : (int)n;
}

static int count_waiting(const struct check *c, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(c->company), TG_DBVAL_ID(c->last.last)};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(c->conn, c->source->waiting, values, 2, &res, err_r) != 0)
        return -1;
    c->counts->waiting += (uint64_t)tg_dbresult_cell(res, 0, 0)->num;
    tg_dbresult_free(&res);
    return 0;
}

static int check_company(struct check *c, tg_chain_head_fn *on_head, struct tg_err *err_r)
{
    int n;
    do {
        n = check_links(c, err_r);
    } while (n == LINKS_AT_ONCE);
    if (n < 0 || count_waiting(c, err_r) != 0)
        return -1;
    struct tg_chain_head head = {.company = c->company, .seq = c->last.seq};
    memcpy(head.hash, c->last.hash, sizeof(head.hash));
    if (on_head != NULL && head.seq != 0)
        on_head(&head, c->arg);
    c->counts->companies++;
    return 0;
}

int tg_chain_verify(const struct tg_chain_source *source, struct tg_sqlconn *conn, tg_chain_fn *fn,
                    tg_chain_head_fn *on_head, void *arg, struct tg_chain_counts *counts_r, struct tg_err *err_r)
{
    struct tg_chain_counts counts = {0};
    struct tg_dbresult *res;
    int ret = 0;
    if (tg_sqlconn_query(conn, source->companies, NULL, 0, &res, err_r) != 0)
        return -1;
    struct tg_strbuf bytes;
    tg_strbuf_init(&bytes, LINK_BYTES_MAX);
    for (size_t row = 0; row < tg_dbresult_n_rows(res) && ret == 0; row++) {
        struct check c = {.source = source, .conn = conn, .fn = fn, .arg = arg, .counts = &counts, .bytes = &bytes};
        bytes_of(tg_dbresult_cell(res, row, 0), c.company.bytes, sizeof(c.company.bytes));
        ret = check_company(&c, on_head, err_r);
    }
    tg_strbuf_deinit(&bytes);
    tg_dbresult_free(&res);
    if (ret == 0)
        *counts_r = counts;
    return ret;
}

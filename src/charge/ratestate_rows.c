/* ratestate_rows - rating_states and allowances as rows: what an attempt has wanted, what it has changed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/date.h"
#include "base/mem.h"
#include "charge/ratestate_internal.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct tg_dbval list_end(struct tg_strbuf *list)
{
    tg_strbuf_append_char(list, ']');
    assert(!tg_strbuf_overflowed(list));
    return TG_DBVAL_BYTES(list->bytes, list->len);
}

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

static json_t *json_of(const struct tg_dbval *cell)
{
    return cell->type == TG_DB_NULL ? NULL : json_loadb(cell->bytes, cell->len, 0, NULL);
}

static int on_period(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_ratestates *s = arg;
    assert(n_cells == 4);
    struct tg_rateperiod *period = tg_rateperiod_find(s, id_of(&c[0]), (int32_t)c[1].num);
    assert(period != NULL);
    period->counter_s = c[2].num;
    period->meters = json_of(&c[3]);
    return 0;
}

static int read_periods(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    if (s->n_periods == 0)
        return 0;
    const struct tg_dbval list = list_end(&s->periods_list);
    return tg_sqlconn_each(conn,
                           "SELECT r.company_id, YEAR(r.period) * 12 + MONTH(r.period) - 1, r.counter_s, r.meters"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(42) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN rating_states r FORCE INDEX (PRIMARY)"
                           "  ON r.company_id = UNHEX(LEFT(j.k, 32)) AND r.period = CAST(RIGHT(j.k, 10) AS DATE)",
                           &list, 1, on_period, s, err_r);
}

static int on_allowance(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_ratestates *s = arg;
    assert(n_cells == 8);
    const struct tg_id company = id_of(&c[0]), id = id_of(&c[1]);
    if (tg_keymap_put(&s->allowance_map, company.bytes, id.bytes, (uint32_t)s->n_allowances) < s->n_allowances)
        return 0; /* of both lists */
    const struct tg_allowance allowance = {
        .company = company,
        .id = id,
        .granted_s = c[2].num,
        .remaining_s = c[3].num,
        .priority = c[4].num,
        .starts_us = c[6].num,
        .expires_us = c[7].type == TG_DB_NULL ? TG_RATESTATE_NEVER : c[7].num,
        .prefixes = json_of(&c[5]),
    };
    tg_ratestates_add(s, &allowance);
    return 0;
}

#define ALLOWANCE                                                                                                      \
    "SELECT a.company_id, a.id, a.granted_s, a.remaining_s, a.priority, a.prefixes, a.starts_at, a.expires_at"

/* Those with something left, and those that get something back. */
static int read_allowances(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    if (s->n_firsts > 0 && s->oldest_us < TG_RATESTATE_NEVER) {
        const struct tg_dbval values[] = {list_end(&s->companies_list), TG_DBVAL_TIME(s->oldest_us)};
        if (tg_sqlconn_each(conn,
                            ALLOWANCE " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(32) CHARACTER SET ascii PATH '$')) j"
                                      " STRAIGHT_JOIN allowances a FORCE INDEX (PRIMARY) ON a.company_id = UNHEX(j.k)"
                                      " WHERE a.remaining_s > 0 AND (a.expires_at IS NULL OR a.expires_at > ?)",
                            values, 2, on_allowance, s, err_r) != 0)
            return -1;
    }
    if (s->n_returned == 0)
        return 0;
    const struct tg_dbval list = list_end(&s->returned_list);
    return tg_sqlconn_each(conn,
                           ALLOWANCE " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                                     " STRAIGHT_JOIN allowances a FORCE INDEX (PRIMARY)"
                                     "  ON a.company_id = UNHEX(LEFT(j.k, 32)) AND a.id = UNHEX(RIGHT(j.k, 32))",
                           &list, 1, on_allowance, s, err_r);
}

int tg_ratestates_load(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    return read_periods(s, conn, err_r) == 0 ? read_allowances(s, conn, err_r) : -1;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static struct tg_dbval *values_for(struct tg_ratestates *s, size_t n)
{
    if (n > s->values_capacity) {
        s->values_capacity = n;
        free(s->values);
        s->values = tg_malloc(n * sizeof(*s->values));
    }
    return s->values;
}

struct row { /* what a bulk write borrows of a period */
    char date[TG_DATE_SIZE];
    char *meters;
};

static int save_periods(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    size_t n = 0;
    struct row *rows = tg_calloc(s->n_periods + 1, sizeof(*rows));
    struct tg_dbval *v = values_for(s, 4 * s->n_periods + 1);
    for (size_t i = 0; i < s->n_periods; i++) {
        const struct tg_rateperiod *p = &s->periods[i];
        if (!p->has_changed)
            continue;
        tg_date_format(tg_date_days(p->month / 12, p->month % 12 + 1, 1), rows[n].date);
        rows[n].meters = p->meters == NULL ? NULL : json_dumps(p->meters, JSON_COMPACT | JSON_SORT_KEYS);
        *v++ = TG_DBVAL_ID(p->company);
        *v++ = TG_DBVAL_STR(rows[n].date);
        *v++ = TG_DBVAL_INT(p->counter_s);
        *v++ = rows[n].meters == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(rows[n].meters);
        n++;
    }
    const int status =
        n == 0 ? 0
               : tg_sqlconn_bulk(conn,
                                 "INSERT INTO rating_states (company_id, period, counter_s, meters) VALUES (?, ?, ?, ?)"
                                 " ON DUPLICATE KEY UPDATE counter_s = VALUES(counter_s), meters = VALUES(meters)",
                                 s->values, 4, n, NULL, err_r);
    for (size_t i = 0; i < n; i++)
        free(rows[i].meters);
    free(rows);
    return status;
}

static int save_allowances(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    size_t n = 0;
    struct tg_dbval *v = values_for(s, 3 * s->n_allowances + 1);
    for (size_t i = 0; i < s->n_allowances; i++) {
        const struct tg_allowance *a = &s->allowances[i];
        if (!a->has_changed)
            continue;
        *v++ = TG_DBVAL_INT(a->remaining_s);
        *v++ = TG_DBVAL_ID(a->company);
        *v++ = TG_DBVAL_ID(a->id);
        n++;
    }
    if (n == 0)
        return 0;
    return tg_sqlconn_bulk(conn, "UPDATE allowances SET remaining_s = ? WHERE company_id = ? AND id = ?", s->values, 3,
                           n, NULL, err_r);
}

int tg_ratestates_save(struct tg_ratestates *s, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    return save_periods(s, conn, err_r) == 0 ? save_allowances(s, conn, err_r) : -1;
}

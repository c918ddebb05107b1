/* shadowstore - the figures of the shadow, from this process into the database. */
#include "charge/shadowstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define REPORTS_MAX 100 /* of one write; more than there can be totals for */
#define REVISIONS_KEPT 20

#define TOTAL_COLUMNS 11
static const char write_totals_sql[] =
    "INSERT INTO rule_shadow_totals (revision, node_id, hook, company, currency, same, different, errors, live_amount,"
    " candidate_amount, deltas) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE same = VALUES(same), different = VALUES(different), errors = VALUES(errors),"
    " live_amount = VALUES(live_amount), candidate_amount = VALUES(candidate_amount), deltas = VALUES(deltas)";

static int write_totals(struct tg_sqlconn *conn, const struct tg_shadow_report *r, struct tg_id node,
                        struct tg_err *err_r)
{
    if (r->n_totals == 0)
        return 0;
    uint64_t affected;
    struct tg_dbval *values = tg_calloc(r->n_totals * TOTAL_COLUMNS, sizeof(*values)), *v = values;
    for (size_t i = 0; i < r->n_totals; i++) {
        const struct tg_shadow_total *t = &r->totals[i];
        *v++ = TG_DBVAL_INT((int64_t)r->revision);
        *v++ = TG_DBVAL_ID(node);
        *v++ = TG_DBVAL_STR(t->hook);
        *v++ = TG_DBVAL_STR(t->company);
        *v++ = TG_DBVAL_STR(t->currency);
        *v++ = TG_DBVAL_INT((int64_t)t->same);
        *v++ = TG_DBVAL_INT((int64_t)t->different);
        *v++ = TG_DBVAL_INT((int64_t)t->errors);
        *v++ = TG_DBVAL_DEC(t->live);
        *v++ = TG_DBVAL_DEC(t->candidate);
        *v++ = TG_DBVAL_STR(t->deltas);
    }
    const int status = tg_sqlconn_bulk(conn, write_totals_sql, values, TOTAL_COLUMNS, r->n_totals, &affected, err_r);
    free(values);
    return status;
}

static struct tg_dbval text_or_null(const char *text)
{
    return text == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(text);
}

/* IGNORE: what an earlier write has stored, whose answer was lost, is the same. */
#define SAMPLE_COLUMNS 10
static const char write_samples_sql[] =
    "INSERT IGNORE INTO rule_shadow_samples (revision, node_id, number, hook, company, input, live, candidate, error,"
    " seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static int write_samples(struct tg_sqlconn *conn, const struct tg_shadow_report *r, struct tg_id node,
                         struct tg_err *err_r)
{
    if (r->n_samples == 0)
        return 0;
    uint64_t affected;
    struct tg_dbval *values = tg_calloc(r->n_samples * SAMPLE_COLUMNS, sizeof(*values)), *v = values;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct tg_shadow_sample *s = &r->samples[i];
        *v++ = TG_DBVAL_INT((int64_t)r->revision);
        *v++ = TG_DBVAL_ID(node);
        *v++ = TG_DBVAL_INT(s->number);
        *v++ = TG_DBVAL_STR(s->hook);
        *v++ = TG_DBVAL_STR(s->company);
        *v++ = TG_DBVAL_STR(s->input);
        *v++ = TG_DBVAL_STR(s->live);
        *v++ = text_or_null(s->candidate);
        *v++ = text_or_null(s->error);
        *v++ = TG_DBVAL_TIME(s->seen_at_us);
    }
    const int status = tg_sqlconn_bulk(conn, write_samples_sql, values, SAMPLE_COLUMNS, r->n_samples, &affected, err_r);
    free(values);
    return status;
}

static bool is_permanent(const struct tg_err *err)
{
    return err->code == TG_ERR_INPUT || err->code == TG_ERR_BUG || err->code == TG_ERR_DENIED;
}

int tg_shadowstore_write(struct tg_sqlconn *conn, struct tg_shadow *shadow, struct tg_id node, struct tg_err *err_r)
{
    struct tg_shadow_report *r;
    for (int i = 0; i < REPORTS_MAX && (r = tg_shadow_report_new(shadow)) != NULL; i++) {
        struct tg_err err;
        int status = write_totals(conn, r, node, &err);
        if (status == 0)
            status = write_samples(conn, r, node, &err);
        const bool is_over = status == 0 || is_permanent(&err);
        if (status != 0 && is_over)
            TG_LOG_ERROR("rules_shadow_stored", TG_LOG_ERR(&err));
        tg_shadow_report_free(shadow, &r, is_over);
        if (!is_over) {
            *err_r = err;
            return -1;
        }
    }
    return 0;
}

int tg_shadowstore_purge(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    static const char *const statements[] = {
        "DELETE FROM rule_shadow_totals WHERE revision + ? <="
        " (SELECT revision FROM rule_slots WHERE role = 'candidate')",
        "DELETE FROM rule_shadow_samples WHERE revision + ? <="
        " (SELECT revision FROM rule_slots WHERE role = 'candidate')",
    };
    const struct tg_dbval kept = TG_DBVAL_INT(REVISIONS_KEPT);
    for (size_t i = 0; i < 2; i++)
        if (tg_sqlconn_query(conn, statements[i], &kept, 1, NULL, err_r) != 0)
            return -1;
    return 0;
}

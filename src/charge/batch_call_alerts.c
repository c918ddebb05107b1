/* batch_call_alerts - what somebody should know of calls: a call that cost more than was held, a settle after the end.
 *
 * Each is a job left in the transaction that it tells of (lua/alerts/jobs.lua); one that lives already stays the only
 * one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/mem.h"
#include "charge/batch_internal.h"

#define COLUMNS 7
#define KEY_SIZE (TG_ID_TEXT_SIZE + 30)

struct alert { /* of one call */
    struct tg_id id;
    char key[KEY_SIZE];
    size_t at, len; /* of its arguments */
};

static void write_alert(const struct tg_batch *b, const struct tg_batch_call *row, const char *kind, const char *name,
                        struct tg_decimal amount, struct alert *alert, struct tg_strbuf *out)
{
    char object[TG_ID_TEXT_SIZE];
    struct tg_jsonw w;
    tg_id_format(row->call.id, "call", object);
    *alert = (struct alert){.id = tg_id_new(), .at = out->len};
    snprintf(alert->key, sizeof(alert->key), "alert:%s:%s", kind, object);
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "company");
    tg_jsonw_str(&w, b->companies[row->company].plan.company);
    tg_jsonw_key(&w, "kind");
    tg_jsonw_str(&w, kind);
    tg_jsonw_key(&w, "object");
    tg_jsonw_str(&w, object);
    tg_jsonw_key(&w, "data");
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "call_id");
    tg_jsonw_str(&w, row->call.call_id);
    tg_jsonw_key(&w, name);
    tg_jsonw_decimal(&w, amount);
    tg_jsonw_key(&w, "currency");
    tg_jsonw_str(&w, row->call.currency);
    tg_jsonw_object_end(&w);
    tg_jsonw_object_end(&w);
    alert->len = out->len - alert->at;
}

static int insert_alerts(struct tg_batch *b, const struct alert *alerts, size_t n, const struct tg_id *companies,
                         struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, n * COLUMNS), *v = values;
    for (size_t i = 0; i < n; i++) {
        *v++ = TG_DBVAL_ID(alerts[i].id);
        *v++ = TG_DBVAL_ID(companies[i]);
        *v++ = TG_DBVAL_BYTES(b->json.bytes + alerts[i].at, alerts[i].len);
        *v++ = TG_DBVAL_STR(alerts[i].key);
        for (int at = 0; at < 3; at++)
            *v++ = TG_DBVAL_TIME(b->now_us);
    }
    return tg_sqlconn_bulk(b->conn,
                           "INSERT IGNORE INTO jobs (id, company_id, handler, arguments, unique_key, state, run_at,"
                           " created_at, updated_at) VALUES (?, ?, 'alerts.jobs:raise', ?, ?, 'ready', ?, ?, ?)",
                           values, COLUMNS, n, NULL, err_r);
}

int tg_batch_write_alerts(struct tg_batch *b, struct tg_err *err_r)
{
    if (b->n_alerts == 0)
        return 0;
    struct alert *alerts = tg_malloc(b->n_alerts * sizeof(*alerts));
    struct tg_id *companies = tg_malloc(b->n_alerts * sizeof(*companies));
    size_t n = 0;
    tg_strbuf_reset(&b->json);
    for (size_t i = 0; i < b->n_calls; i++) {
        const struct tg_batch_call *row = &b->calls[i];
        if (row->has_overrun) {
            companies[n] = row->call.company;
            write_alert(b, row, "call.overrun", "overrun", row->call.overrun, &alerts[n++], &b->json);
        }
        if (row->is_late) {
            companies[n] = row->call.company;
            write_alert(b, row, "call.settled_late", "difference", row->call.late_difference, &alerts[n++], &b->json);
        }
    }
    const int status = insert_alerts(b, alerts, n, companies, err_r);
    free(alerts);
    free(companies);
    return status;
}

/* cdr - call records in CSV, as usage events in JSON.
 *
 * One record is one event on the meter call.seconds: event_time is answered_at (started_at when nobody answered),
 * quantity the duration in seconds with milliseconds, properties what the record says (to, from, direction, status,
 * started_at, answered_at, ended_at, duration_ms). Columns are found by the header's names; tenant names the company.
 */
#ifndef TG_CLI_CDR_H
#define TG_CLI_CDR_H

#include <jansson.h>

#include "base/csv.h"

struct tg_cdr_columns {
    int event_id, tenant, direction, from, to, started_at, answered_at, ended_at, duration_ms, status; /* -1: absent */
};
/* From the header row. INPUT names the column that is missing. */
int tg_cdr_columns_find(const struct tg_csv *csv, struct tg_cdr_columns *columns_r, struct tg_err *err_r) TG_MUST_CHECK;
/* The tenant's name in the current row (not NUL terminated). */
struct tg_csv_field tg_cdr_tenant(const struct tg_csv *csv, const struct tg_cdr_columns *columns);
/* The event of the current row. INPUT names the column that is wrong. */
int tg_cdr_event(const struct tg_csv *csv, const struct tg_cdr_columns *columns, const char *source, json_t *company,
                 json_t **event_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

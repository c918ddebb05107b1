/* import_report - what an import ends with: its own counts, and what the server's books say now. */
#ifndef TG_CLI_IMPORT_REPORT_H
#define TG_CLI_IMPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/decimal.h"
#include "cli/api.h"
#include "cli/import_state.h"

struct tg_import_report {
    /* borrowed */
    const struct tg_import_counts *counts;
    const json_t *companies; /* tenant → company id */
    const char *source, *currency;
    int64_t from_us, to_us; /* of event times, half open */
    /* fetched */
    json_t *by_company; /* tenant → amount, ascending by tenant */
    json_int_t billed_seconds;
    struct tg_decimal total;
};
/* Asks GET /v1/usage/summary. */
int tg_import_report_fetch(struct tg_api *api, struct tg_import_report *report, struct tg_err *err_r) TG_MUST_CHECK;
/* A table, or one line {"rows","counts":{…},"billed_seconds","total","by_company":{…}}; "rejected" and "parked" join the
 * counts when there are any. */
void tg_import_report_print(const struct tg_import_report *report, bool as_json);
void tg_import_report_deinit(struct tg_import_report *report);

#endif

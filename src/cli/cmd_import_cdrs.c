/* cmd_import_cdrs - `tollgate import cdrs`: a file of call records becomes rated usage, through the API.
 *
 * Order matters (the first delivery of an event wins), so batches go one after another. A batch is the same rows with
 * the same idempotency key however often it is sent: killing either side in the middle and running the same command
 * again ends where an undisturbed run would have ended, counts included.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/api.h"
#include "cli/cdr.h"
#include "cli/commands.h"
#include "cli/import_report.h"
#include "cli/import_state.h"
#include "cli/mapfile.h"
#include "cli/progress.h"

#define COMPLAINTS_MAX 20 /* rejected rows told on the terminal */

struct import {
    const struct tg_args *args;
    struct tg_api *api;
    struct tg_mapfile file;
    struct tg_cdr_columns columns;
    const char *deck, *source, *currency;
    json_t *companies; /* tenant → company id */
    struct tg_import_state state;
    struct tg_progress progress;
    size_t batch_rows;
    int64_t first_us, last_us; /* event times met, for the summary's range */
    unsigned complaints;
};

static void complain(struct import *im, size_t line, const char *text)
{
    if (im->complaints++ < COMPLAINTS_MAX) {
        tg_progress_end(&im->progress);
        fprintf(stderr, "line %zu: %s\n", line, text);
    }
}

/* The tenant's company, made when it is new. Borrowed. */
static json_t *company_of(struct import *im, struct tg_csv_field tenant, struct tg_err *err_r)
{
    char name[201];
    if (tenant.len == 0 || tenant.len >= sizeof(name)) {
        tg_err_set(err_r, TG_ERR_INPUT, "tenant: a name of 1 to 200 bytes is needed");
        return NULL;
    }
    memcpy(name, tenant.str, tenant.len);
    name[tenant.len] = '\0';
    return json_object_get(im->companies, name);
}

static int create_company(struct import *im, const char *tenant, struct tg_err *err_r)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "name", tenant, "external_ref", tenant, "currency", im->currency,
                             "rate_deck", im->deck);
    if (body == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "tenant: not valid UTF-8");
    if (tg_api_json(im->api, "POST", "/v1/companies", body, &answer, err_r) != 0)
        return -1;
    json_object_set(im->companies, tenant, json_object_get(answer, "id"));
    json_decref(answer);
    return 0;
}

typedef int row_fn(struct import *im, struct tg_csv *csv, int row_rc, const struct tg_err *row_err, void *arg,
                   struct tg_err *err_r);

/* Runs fn for each row of the file, broken ones too (row_rc -1). */
static int each_row(struct import *im, row_fn *fn, void *arg, struct tg_err *err_r)
{
    struct tg_csv csv;
    struct tg_err row_err;
    int rc = 0, row;
    tg_csv_init(&csv, im->file.bytes, im->file.len);
    if (tg_csv_next(&csv, err_r) != 1)
        rc = tg_err_set(err_r, TG_ERR_INPUT, "the file has no header row");
    else
        rc = tg_cdr_columns_find(&csv, &im->columns, err_r);
    while (rc == 0 && (row = tg_csv_next(&csv, &row_err)) != 0)
        rc = fn(im, &csv, row, &row_err, arg, err_r);
    tg_csv_deinit(&csv);
    return rc;
}

static int on_tenant_row(struct import *im, struct tg_csv *csv, int row_rc, const struct tg_err *row_err, void *arg,
                         struct tg_err *err_r)
{
    uint64_t *rows = arg;
    struct tg_err ignored;
    (void)row_err;
    ++*rows;
    struct tg_csv_field tenant = row_rc == 1 ? tg_cdr_tenant(csv, &im->columns) : (struct tg_csv_field){"", 0};
    if (tenant.len == 0 || tenant.len > 200 || company_of(im, tenant, &ignored) != NULL)
        return 0; /* a row without one is told when it is its turn */
    char name[201];
    memcpy(name, tenant.str, tenant.len);
    name[tenant.len] = '\0';
    return create_company(im, name, err_r);
}

struct batch {
    json_t *events;
    size_t lines[10000]; /* of each event, for complaints */
    size_t n_rows; /* with the broken ones */
    uint64_t number;
};

static void count_rejected(struct import *im, const struct batch *batch, const json_t *rejected)
{
    size_t i;
    const json_t *item;
    json_array_foreach(rejected, i, item)
    {
        const char *reason = json_string_value(json_object_get(item, "reason"));
        const char *detail = json_string_value(json_object_get(item, "detail"));
        json_int_t index = json_integer_value(json_object_get(item, "index"));
        if (reason != NULL && strcmp(reason, "conflict") == 0) {
            ++im->state.counts.conflict;
            continue;
        }
        ++im->state.counts.rejected;
        char text[400];
        snprintf(text, sizeof(text), "rejected (%s): %s", reason != NULL ? reason : "?", detail != NULL ? detail : "");
        complain(im, index >= 0 && (size_t)index < json_array_size(batch->events) ? batch->lines[index] : 0, text);
    }
}

static void count_answer(struct import *im, const struct batch *batch, const json_t *answer)
{
    struct tg_import_counts *c = &im->state.counts;
    const json_t *outcomes = json_object_get(answer, "outcomes");
    uint64_t accepted = (uint64_t)json_integer_value(json_object_get(answer, "accepted"));
    uint64_t rated = (uint64_t)json_integer_value(json_object_get(outcomes, "rated"));
    uint64_t not_billable = (uint64_t)json_integer_value(json_object_get(outcomes, "not_billable"));
    uint64_t no_rate = (uint64_t)json_integer_value(json_object_get(outcomes, "no_rate"));
    c->rated += rated;
    c->not_billable += not_billable;
    c->no_rate += no_rate;
    c->other += accepted - rated - not_billable - no_rate; /* blocked, not rated, failed: parked for review */
    c->duplicate += (uint64_t)json_integer_value(json_object_get(answer, "duplicates"));
    count_rejected(im, batch, json_object_get(answer, "rejected"));
}

static int send_batch(struct import *im, struct batch *batch, struct tg_err *err_r)
{
    char key[96];
    struct tg_api_answer answer = {0, NULL};
    char *body = json_dumps(batch->events, JSON_COMPACT);
    int rc = 0;
    snprintf(key, sizeof(key), "%s-%" PRIu64, im->state.import_id, batch->number);
    if (json_array_size(batch->events) != 0) {
        struct tg_api_request req = {"POST", "/v1/usage", "application/json", body, strlen(body), key};
        rc = tg_api_send(im->api, &req, &answer, err_r);
        if (rc == 0 && answer.status >= 300)
            rc = tg_api_problem(&answer, err_r);
    }
    if (rc == 0) {
        count_answer(im, batch, answer.json);
        im->state.counts.rows += batch->n_rows;
        im->state.batches_done = batch->number + 1;
        rc = tg_import_state_save(&im->state, err_r);
        tg_progress_show(&im->progress, im->state.counts.rows);
    }
    tg_api_answer_free(&answer);
    free(body);
    return rc;
}

static int flush_batch(struct import *im, struct batch *batch, struct tg_err *err_r)
{
    int rc = batch->number < im->state.batches_done ? 0 : send_batch(im, batch, err_r);
    ++batch->number;
    batch->n_rows = 0;
    json_array_clear(batch->events);
    return rc;
}

static void note_time(struct import *im, const json_t *event)
{
    int64_t us;
    struct tg_err ignored;
    const char *text = json_string_value(json_object_get(event, "event_time"));
    if (text == NULL || tg_time_parse(text, strlen(text), &us, &ignored) != 0)
        return;
    im->first_us = us < im->first_us ? us : im->first_us;
    im->last_us = us > im->last_us ? us : im->last_us;
}

static int on_event_row(struct import *im, struct tg_csv *csv, int row_rc, const struct tg_err *row_err, void *arg,
                        struct tg_err *err_r)
{
    struct batch *batch = arg;
    struct tg_err why = *row_err;
    json_t *event = NULL;
    bool is_sent_already = batch->number < im->state.batches_done;
    if (row_rc == 1) {
        json_t *company = company_of(im, tg_cdr_tenant(csv, &im->columns), &why);
        if (company == NULL || tg_cdr_event(csv, &im->columns, im->source, company, &event, &why) != 0)
            row_rc = -1;
    }
    if (row_rc == 1) {
        note_time(im, event);
        batch->lines[json_array_size(batch->events)] = csv->line;
        json_array_append_new(batch->events, event);
    } else if (!is_sent_already) {
        ++im->state.counts.rejected;
        complain(im, csv->line, why.text);
    }
    return ++batch->n_rows == im->batch_rows ? flush_batch(im, batch, err_r) : 0;
}

static int send_all(struct import *im, struct tg_err *err_r)
{
    struct batch *batch = TG_NEW(struct batch);
    batch->events = json_array();
    int rc = each_row(im, on_event_row, batch, err_r);
    if (rc == 0 && batch->n_rows > 0)
        rc = flush_batch(im, batch, err_r);
    json_decref(batch->events);
    free(batch);
    return rc;
}

/* Totals are what the books say of this source between the first and the last call, not what this run has sent. */
static int report(struct import *im, struct tg_err *err_r)
{
    struct tg_import_report report = {.counts = &im->state.counts,
                                      .companies = im->companies,
                                      .source = im->source,
                                      .currency = im->currency,
                                      .from_us = im->first_us <= im->last_us ? im->first_us : 0,
                                      .to_us = im->first_us <= im->last_us ? im->last_us + 1 : 1};
    if (tg_import_report_fetch(im->api, &report, err_r) != 0)
        return -1;
    tg_import_report_print(&report, tg_args_has(im->args, "json"));
    tg_import_report_deinit(&report);
    return 0;
}

static int fetch_currency(struct import *im, json_t **deck_r, struct tg_err *err_r)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/rate-decks/%.64s", im->deck);
    if (tg_api_json(im->api, "GET", path, NULL, deck_r, err_r) != 0)
        return -1;
    im->currency = json_string_value(json_object_get(*deck_r, "currency"));
    return im->currency != NULL ? 0 : tg_err_set(err_r, TG_ERR_UPSTREAM, "the server's answer names no currency");
}

static int open_state(struct import *im, const char *url, struct tg_err *err_r)
{
    uint8_t digest[TG_SHA256_LEN];
    char hex[2 * TG_SHA256_LEN + 1], identity[1024];
    bool is_resumed;
    tg_sha256(im->file.bytes, im->file.len, digest);
    tg_hex(digest, sizeof(digest), hex);
    snprintf(identity, sizeof(identity), "%.300s\n%.300s\n%.100s\n%zu\n%s", url != NULL ? url : "", im->source,
             im->deck, im->batch_rows, hex);
    if (tg_import_state_open(identity, &im->state, &is_resumed, err_r) != 0)
        return -1;
    if (is_resumed)
        fprintf(stderr, "Going on after %" PRIu64 " rows of an unfinished import.\n", im->state.counts.rows);
    return 0;
}

static int import_file(struct import *im, struct tg_err *err_r)
{
    uint64_t rows = 0;
    json_t *deck = NULL;
    int rc = fetch_currency(im, &deck, err_r);
    if (rc == 0)
        rc = open_state(im, tg_args_get(im->args, "url"), err_r);
    if (rc == 0)
        rc = each_row(im, on_tenant_row, &rows, err_r);
    tg_progress_begin(&im->progress, "rows", rows);
    if (rc == 0)
        rc = send_all(im, err_r);
    tg_progress_end(&im->progress);
    if (rc == 0)
        rc = report(im, err_r);
    if (rc == 0)
        tg_import_state_remove(&im->state);
    json_decref(deck);
    return rc;
}

static int run(const struct tg_args *args)
{
    struct tg_err err;
    struct import im = {.args = args, .first_us = INT64_MAX, .last_us = INT64_MIN};
    long batch_rows;
    const char *source = tg_args_get(args, "source");
    im.deck = tg_args_get(args, "deck");
    im.source = source != NULL ? source : "cdrs";
    if (im.deck == NULL) {
        tg_cli_fail(args,
                    "--deck ID is needed: the rate deck that prices the calls (`tollgate import deck` prints it)");
        return TG_EXIT_USAGE;
    }
    if (tg_args_int(args, "batch-rows", 1, 10000, 2000, &batch_rows) != 0)
        return TG_EXIT_USAGE;
    im.batch_rows = (size_t)batch_rows;
    if (tg_mapfile_open(args->argv[0], &im.file, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    im.api = tg_api_open_by_args(args);
    if (im.api == NULL)
        return TG_EXIT_FAILED;
    im.companies = json_object();
    int rc = import_file(&im, &err);
    if (rc != 0)
        tg_cli_fail(args, "%s%s", err.text, err.code == TG_ERR_UPSTREAM ? "; run the same command again to go on" : "");
    if (im.complaints > COMPLAINTS_MAX)
        fprintf(stderr, "… and %u rows more\n", im.complaints - COMPLAINTS_MAX);
    json_decref(im.companies);
    tg_api_close(&im.api);
    tg_mapfile_close(&im.file);
    return rc != 0 ? TG_EXIT_FAILED : im.state.counts.rejected > 0 ? TG_EXIT_PARTLY : TG_EXIT_OK;
}

static const struct tg_option options[] = {
    {"deck", "ID", "the rate deck that prices the calls of companies made by this import"},
    {"source", "NAME", "the events' source: with event_id it tells repeats (cdrs)"},
    {"batch-rows", "N", "rows in one request, 1 to 10000 (2000)"},
    {"json", NULL, "end with one line of JSON on stdout"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_import_cdrs = {
    "import cdrs",
    "FILE",
    1,
    1,
    "Rates a file of call records (CSV) and charges them",
    "FILE has a header row with event_id, tenant, to, started_at, answered_at, duration_ms and status (also read: "
    "direction, from, ended_at). A company is made below the key's own for each tenant that is new. Each row is one "
    "usage event on the meter call.seconds.\n\n"
    "The command may be killed and run again: it goes on where it was, and nothing is charged twice. Running it again "
    "after it has finished counts every row as a duplicate and changes nothing. Totals are asked from the server: they "
    "are what its books say of this source between the first and the last call.",
    options,
    run};

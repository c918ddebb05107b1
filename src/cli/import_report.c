/* import_report - see import_report.h. */
#include "cli/import_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/mem.h"

/* With the six decimals that charges have, more when it has more: columns line up and files compare. */
static void format_amount(struct tg_decimal d, char out[static TG_DECIMAL_TEXT_SIZE])
{
    struct tg_decimal rounded;
    struct tg_err ignored;
    if (tg_decimal_round(d, 6, TG_ROUND_DOWN, &rounded, &ignored) == 0 && tg_decimal_cmp(rounded, d) == 0)
        tg_decimal_format_fixed(d, 6, out);
    else
        tg_decimal_format(d, out);
}

/* amounts: company id → amount */
static int add_group(const json_t *group, json_t *amounts, struct tg_import_report *report, struct tg_err *err_r)
{
    const char *company = json_string_value(json_object_get(group, "company"));
    const char *amount = json_string_value(json_object_get(json_object_get(group, "amount"), "amount"));
    char text[TG_DECIMAL_TEXT_SIZE];
    struct tg_decimal d;
    if (company == NULL || amount == NULL)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "the server's summary has a group without company or amount");
    if (tg_decimal_parse(amount, strlen(amount), &d, err_r) != 0 ||
        tg_decimal_add(report->total, d, &report->total, err_r) != 0)
        return -1;
    format_amount(d, text);
    json_object_set_new(amounts, company, json_string(text));
    report->billed_seconds += json_integer_value(json_object_get(group, "billed_seconds"));
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Tenants of this import that have an amount, in order. */
static json_t *name_amounts(const json_t *companies, const json_t *amounts)
{
    size_t n = 0;
    const char *tenant, **tenants = tg_calloc(json_object_size(companies), sizeof(*tenants));
    json_t *id, *named = json_object();
    json_object_foreach((json_t *)companies, tenant, id) tenants[n++] = tenant;
    qsort(tenants, n, sizeof(*tenants), by_text);
    for (size_t i = 0; i != n; ++i) {
        const char *company = json_string_value(json_object_get(companies, tenants[i]));
        json_t *amount = json_object_get(amounts, company);
        if (amount != NULL)
            json_object_set(named, tenants[i], amount);
    }
    free(tenants);
    return named;
}

int tg_import_report_fetch(struct tg_api *api, struct tg_import_report *report, struct tg_err *err_r)
{
    char from[TG_RFC3339_SIZE], to[TG_RFC3339_SIZE], path[1024];
    json_t *summary = NULL, *amounts = json_object();
    const json_t *group;
    size_t i;
    int rc;
    tg_time_format(report->from_us, from);
    tg_time_format(report->to_us, to);
    char *source = curl_easy_escape(NULL, report->source, 0);
    snprintf(path, sizeof(path), "/v1/usage/summary?from=%s&to=%s&group_by=company&source=%s", from, to, source);
    curl_free(source);
    report->total = tg_decimal_zero;
    report->billed_seconds = 0;
    rc = tg_api_json(api, "GET", path, NULL, &summary, err_r);
    for (i = 0; rc == 0 && (group = json_array_get(json_object_get(summary, "data"), i)) != NULL; ++i)
        rc = add_group(group, amounts, report, err_r);
    if (rc == 0)
        report->by_company = name_amounts(report->companies, amounts);
    json_decref(summary);
    json_decref(amounts);
    return rc;
}

static json_t *counts_json(const struct tg_import_counts *c)
{
    json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I}", "rated", (json_int_t)c->rated, "not_billable",
                             (json_int_t)c->not_billable, "no_rate", (json_int_t)c->no_rate, "duplicate",
                             (json_int_t)c->duplicate, "conflict", (json_int_t)c->conflict);
    if (c->rejected > 0)
        json_object_set_new(json, "rejected", json_integer((json_int_t)c->rejected));
    if (c->other > 0)
        json_object_set_new(json, "parked", json_integer((json_int_t)c->other));
    return json;
}

static void print_json(const struct tg_import_report *report, const char *total)
{
    json_t *out = json_pack("{s:I, s:o, s:I, s:s, s:O}", "rows", (json_int_t)report->counts->rows, "counts",
                            counts_json(report->counts), "billed_seconds", report->billed_seconds, "total", total,
                            "by_company", report->by_company);
    char *text = json_dumps(out, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(out);
}

static void print_text(const struct tg_import_report *report, const char *total)
{
    const struct tg_import_counts *c = report->counts;
    const char *tenant;
    json_t *amount;
    printf("%" PRIu64 " rows: %" PRIu64 " rated, %" PRIu64 " not billable, %" PRIu64 " without a rate, %" PRIu64
           " duplicates, %" PRIu64 " conflicts, %" PRIu64 " rejected\n",
           c->rows, c->rated, c->not_billable, c->no_rate, c->duplicate, c->conflict, c->rejected);
    if (c->other > 0)
        printf("%" PRIu64 " accepted and parked for review: GET /v1/usage?status=blocked (or unrated, failed)\n",
               c->other);
    if (c->rated + c->not_billable + c->no_rate + c->other == 0)
        printf("Nothing changed: every row had been counted before or was refused.\n");
    json_object_foreach(report->by_company, tenant, amount)
        printf("  %-24s %20s %s\n", tenant, json_string_value(amount), report->currency);
    printf("  %-24s %20s %s   (%lld seconds billed)\n", "total", total, report->currency,
           (long long)report->billed_seconds);
}

void tg_import_report_print(const struct tg_import_report *report, bool as_json)
{
    char total[TG_DECIMAL_TEXT_SIZE];
    format_amount(report->total, total);
    if (as_json)
        print_json(report, total);
    else
        print_text(report, total);
}

void tg_import_report_deinit(struct tg_import_report *report)
{
    json_decref(report->by_company);
    report->by_company = NULL;
}

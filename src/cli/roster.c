/* roster - a file of companies or of people, compared with what the server has. */
#include "cli/roster.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/hash.h"
#include "cli/mapfile.h"
#include "cli/progress.h"

#define ROWS_MAX 100000

const char *tg_roster_cell(const json_t *row, const char *column)
{
    return json_string_value(json_object_get(json_object_get(row, "cells"), column));
}

bool tg_roster_is(const json_t *row, const char *what)
{
    const char *is = json_string_value(json_object_get(row, "what"));
    return is != NULL && strcmp(is, what) == 0;
}

void tg_roster_say(json_t *row, const char *what)
{
    json_object_set_new(row, "what", json_string(what));
}

void tg_roster_refuse(json_t *row, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_t *why = json_string(text);
    tg_roster_say(row, "refuse");
    json_object_set_new(row, "why", why != NULL ? why : json_string("not valid UTF-8")); /* cut in a character */
}

/* --- Reading -------------------------------------------------------------------------------------------------------- */

/* Where each column of the kind stands in the file, -1: nowhere. A column that means nothing is refused: it may be a
 * misspelt one. */
static int find_columns(const struct tg_csv *csv, const struct tg_roster_kind *kind, int *places, struct tg_err *err_r)
{
    size_t n_known = 0, n = 0;
    for (; kind->columns[n] != NULL; n++) {
        places[n] = tg_csv_column(csv, kind->columns[n]);
        if (places[n] == -1 && n < kind->n_needed)
            return tg_err_set(err_r, TG_ERR_INPUT, "the file has no column %s", kind->columns[n]);
        n_known += places[n] != -1;
    }
    if (n_known == csv->n_fields)
        return 0;
    for (size_t i = 0; i < csv->n_fields; i++) {
        bool is_known = false;
        for (size_t j = 0; j < n; j++)
            is_known = is_known || places[j] == (int)i;
        if (!is_known)
            return tg_err_set(err_r, TG_ERR_INPUT, "column %zu is not known, or there twice: %.*s", i + 1,
                              (int)(csv->fields[i].len > 100 ? 100 : csv->fields[i].len), csv->fields[i].str);
    }
    return 0;
}

static json_t *read_row(const struct tg_csv *csv, const struct tg_roster_kind *kind, const int *places)
{
    json_t *cells = json_object(), *row = json_pack("{s:I, s:o}", "line", (json_int_t)csv->line, "cells", cells);
    for (size_t i = 0; kind->columns[i] != NULL; i++) {
        bool is_there = places[i] != -1 && (size_t)places[i] < csv->n_fields && csv->fields[places[i]].len != 0;
        json_t *value = is_there ? json_stringn(csv->fields[places[i]].str, csv->fields[places[i]].len) : NULL;
        if (is_there && (value == NULL || memchr(csv->fields[places[i]].str, '\0', csv->fields[places[i]].len) != NULL))
            tg_roster_refuse(row, "%s: not valid UTF-8", kind->columns[i]);
        else if (!is_there && i < kind->n_needed)
            tg_roster_refuse(row, "%s: is missing", kind->columns[i]);
        if (value != NULL)
            json_object_set_new(cells, kind->columns[i], value);
    }
    return row;
}

static int read_file(struct tg_roster *roster, const struct tg_roster_kind *kind, const struct tg_mapfile *file,
                     struct tg_err *err_r)
{
    struct tg_csv csv;
    struct tg_err why;
    int places[TG_CSV_FIELDS_MAX], rc, row;
    tg_csv_init(&csv, file->bytes, file->len);
    if (tg_csv_next(&csv, err_r) != 1)
        rc = tg_err_set(err_r, TG_ERR_INPUT, "the file has no header row");
    else
        rc = find_columns(&csv, kind, places, err_r);
    while (rc == 0 && (row = tg_csv_next(&csv, &why)) != 0) {
        json_t *object =
            row == 1 ? read_row(&csv, kind, places) : json_pack("{s:I, s:{}}", "line", (json_int_t)csv.line, "cells");
        if (row == -1)
            tg_roster_refuse(object, "%s", why.text);
        json_array_append_new(roster->rows, object);
        if (json_array_size(roster->rows) > ROWS_MAX)
            rc = tg_err_set(err_r, TG_ERR_INPUT, "the file has more than %d rows", ROWS_MAX);
    }
    tg_csv_deinit(&csv);
    return rc;
}

/* --- What the server has ---------------------------------------------------------------------------------------------- */

int tg_roster_fetch(struct tg_api *api, const char *path, json_t **list_r, struct tg_err *err_r)
{
    char page_path[600];
    json_t *list = json_array(), *page = NULL;
    const char *cursor = NULL;
    do {
        snprintf(page_path, sizeof(page_path), "%s?limit=500%s%s", path, cursor != NULL ? "&cursor=" : "",
                 cursor != NULL ? cursor : "");
        json_decref(page);
        page = NULL;
        if (tg_api_json(api, "GET", page_path, NULL, &page, err_r) != 0) {
            json_decref(list);
            return -1;
        }
        json_array_extend(list, json_object_get(page, "data"));
        cursor = json_string_value(json_object_get(page, "next_cursor"));
    } while (cursor != NULL);
    json_decref(page);
    *list_r = list;
    return 0;
}

json_t *tg_roster_index(const json_t *list, const char *field, bool is_folded)
{
    json_t *index = json_object(), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        const char *value = json_string_value(json_object_get(item, field));
        if (value == NULL)
            continue;
        char *key = strdup(value);
        for (char *p = key; is_folded && *p != '\0'; p++)
            *p = (char)tolower((unsigned char)*p);
        if (json_object_get(index, key) != NULL)
            json_object_set_new(index, key, json_null());
        else
            json_object_set(index, key, item);
        free(key);
    }
    return index;
}

int tg_roster_send(struct tg_roster *roster, json_t *row, const char *method, const char *path, json_t *body,
                   struct tg_err *err_r)
{
    struct tg_api_answer answer = {0, NULL};
    struct tg_err why;
    uint8_t digest[TG_SHA256_LEN];
    char key[8 + 2 * TG_SHA256_LEN] = "import-";
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    tg_sha256(text, strlen(text), digest);
    tg_hex(digest, sizeof(digest), key + 7);
    struct tg_api_request req = {method, path,         "application/json",
                                 text,   strlen(text), strcmp(method, "POST") == 0 ? key : NULL};
    int rc = tg_api_send(roster->api, &req, &answer, err_r);
    if (rc == 0 && answer.status < 300) {
        const json_t *id = json_object_get(answer.json, "id");
        if (id != NULL)
            json_object_set(row, "id", (json_t *)id);
    } else if (rc == 0 && answer.status >= 400 && answer.status < 500 && answer.status != 401) {
        tg_api_problem(&answer, &why);
        tg_roster_refuse(row, "%s", why.text);
    } else if (rc == 0) {
        rc = tg_api_problem(&answer, err_r);
    }
    tg_api_answer_free(&answer);
    free(text);
    json_decref(body);
    return rc;
}

/* --- Saying it -------------------------------------------------------------------------------------------------------- */

static size_t count(const struct tg_roster *roster, const char *what)
{
    size_t i, n = 0;
    const json_t *row;
    json_array_foreach(roster->rows, i, row) n += tg_roster_is(row, what);
    return n;
}

static void print_rows(const struct tg_roster *roster, const struct tg_roster_kind *kind)
{
    size_t i;
    const json_t *row;
    json_array_foreach(roster->rows, i, row)
    {
        const char *why = json_string_value(json_object_get(row, "why")), *name = tg_roster_cell(row, kind->columns[0]);
        if (!tg_roster_is(row, "same"))
            printf("line %lld: %s %s%s%s\n", (long long)json_integer_value(json_object_get(row, "line")),
                   json_string_value(json_object_get(row, "what")), name != NULL ? name : "?", why != NULL ? ": " : "",
                   why != NULL ? why : "");
    }
}

static void print_json(const struct tg_roster *roster, bool is_done)
{
    size_t i;
    const json_t *row;
    json_t *refused = json_array();
    json_array_foreach(roster->rows, i, row) if (tg_roster_is(row, "refuse"))
        json_array_append_new(refused, json_pack("{s:O, s:O}", "line", json_object_get(row, "line"), "why",
                                                 json_object_get(row, "why")));
    json_t *out =
        json_pack("{s:b, s:I, s:I, s:I, s:o}", "done", is_done, "make", (json_int_t)count(roster, "make"), "change",
                  (json_int_t)count(roster, "change"), "same", (json_int_t)count(roster, "same"), "refused", refused);
    char *text = json_dumps(out, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(out);
}

static int finish(const struct tg_roster *roster, const struct tg_roster_kind *kind, bool is_done)
{
    size_t refused = count(roster, "refuse");
    if (tg_args_has(roster->args, "json"))
        print_json(roster, is_done);
    else
        print_rows(roster, kind);
    fprintf(stderr, "%s: %zu %s, %zu changed, %zu as they were, %zu refused%s\n", kind->what, count(roster, "make"),
            is_done ? "made" : "to make", count(roster, "change"), count(roster, "same"), refused,
            is_done ? "" : ". Nothing was done: --accept does it");
    return refused != 0 ? TG_EXIT_PARTLY : TG_EXIT_OK;
}

/* --- Doing it --------------------------------------------------------------------------------------------------------- */

static int apply_all(struct tg_roster *roster, const struct tg_roster_kind *kind, struct tg_err *err_r)
{
    struct tg_progress progress;
    size_t i;
    json_t *row;
    int rc = 0;
    tg_progress_begin(&progress, kind->what, json_array_size(roster->rows));
    json_array_foreach(roster->rows, i, row)
    {
        if (rc == 0 && (tg_roster_is(row, "make") || tg_roster_is(row, "change")))
            rc = kind->apply(roster, row, err_r);
        tg_progress_show(&progress, i + 1);
    }
    tg_progress_end(&progress);
    return rc;
}

int tg_roster_run(const struct tg_args *args, const struct tg_roster_kind *kind)
{
    struct tg_err err;
    struct tg_mapfile file;
    struct tg_roster roster = {.args = args, .rows = json_array(), .scratch = json_object()};
    const bool is_accepted = tg_args_has(args, "accept");
    int code = TG_EXIT_FAILED, rc = tg_mapfile_open(args->argv[0], &file, &err);
    if (rc != 0) {
        tg_cli_fail(args, "%s", err.text);
    } else if ((rc = read_file(&roster, kind, &file, &err)) != 0) {
        tg_cli_fail(args, "%s: %s", args->argv[0], err.text);
        tg_mapfile_close(&file);
    } else {
        tg_mapfile_close(&file);
        roster.api = tg_api_open_by_args(args);
        rc = roster.api == NULL ? -1 : kind->plan(&roster, &err);
        if (rc == 0 && is_accepted)
            rc = apply_all(&roster, kind, &err);
        if (rc == 0)
            code = finish(&roster, kind, is_accepted);
        else if (roster.api != NULL)
            tg_cli_fail(args, "%s%s", err.text,
                        is_accepted && err.code == TG_ERR_UPSTREAM ? "; run the same command again to go on" : "");
        tg_api_close(&roster.api);
    }
    json_decref(roster.rows);
    json_decref(roster.scratch);
    return code;
}

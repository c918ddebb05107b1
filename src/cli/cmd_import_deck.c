/* cmd_import_deck - `tollgate import deck`: a price list in CSV becomes a rate deck, through the API. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/mapfile.h"

#define DECK_BYTES_MAX (16u << 20)

/* "path/az-deck.csv" → "az-deck" */
static void name_of_file(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash != NULL ? slash + 1 : path);
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".csv") == 0)
        name[len - 4] = '\0';
}

/* The id of the deck with that name, made when there is none. */
static int find_or_create(struct tg_api *api, const char *name, const char *currency, char *id, size_t size,
                          struct tg_err *err_r)
{
    char path[700];
    json_t *answer = NULL;
    char *escaped = curl_easy_escape(NULL, name, 0);
    snprintf(path, sizeof(path), "/v1/rate-decks?name=%s", escaped);
    curl_free(escaped);
    if (tg_api_json(api, "GET", path, NULL, &answer, err_r) != 0)
        return -1;
    const json_t *first = json_array_get(json_object_get(answer, "data"), 0);
    if (first == NULL) {
        json_decref(answer);
        if (tg_api_json(api, "POST", "/v1/rate-decks", json_pack("{s:s, s:s}", "name", name, "currency", currency),
                        &answer, err_r) != 0)
            return -1;
        first = answer;
    }
    const char *found = json_string_value(json_object_get(first, "id"));
    snprintf(id, size, "%s", found != NULL ? found : "");
    json_decref(answer);
    return *id != '\0' ? 0 : tg_err_set(err_r, TG_ERR_UPSTREAM, "the server's answer has no deck id");
}

static int put_rates(struct tg_api *api, const char *id, const char *accept, const struct tg_mapfile *file,
                     struct tg_api_answer *answer_r, struct tg_err *err_r)
{
    char path[256];
    snprintf(path, sizeof(path), "/v1/rate-decks/%s/rates%s%s", id, accept != NULL ? "?accept=" : "",
             accept != NULL ? accept : "");
    struct tg_api_request req = {"PUT", path, "text/csv", file->bytes, file->len, NULL};
    return tg_api_send(api, &req, answer_r, err_r);
}

static void print_rejected(const json_t *report)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(report, "first_rejected"), i, row)
        fprintf(stderr, "row %lld: %s: %s\n", (long long)json_integer_value(json_object_get(row, "row")),
                json_string_value(json_object_get(row, "prefix")), json_string_value(json_object_get(row, "reason")));
}

static void print_result(const struct tg_args *args, const char *id, const json_t *answer)
{
    const json_t *report = json_object_get(answer, "report");
    if (report == NULL)
        report = answer;
    long long version = (long long)json_integer_value(json_object_get(answer, "version"));
    long long rows = (long long)json_integer_value(json_object_get(report, "rows"));
    long long priced = (long long)json_integer_value(json_object_get(report, "priced"));
    long long blocked = (long long)json_integer_value(json_object_get(report, "blocked"));
    long long rejected = (long long)json_integer_value(json_object_get(report, "rejected"));
    if (tg_args_has(args, "json")) {
        json_t *out = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "deck", id, "version", (json_int_t)version, "rows",
                                (json_int_t)rows, "priced", (json_int_t)priced, "blocked", (json_int_t)blocked,
                                "rejected", (json_int_t)rejected);
        char *text = json_dumps(out, JSON_COMPACT);
        puts(text);
        free(text);
        json_decref(out);
        return;
    }
    fprintf(stderr, "version %lld: %lld rows, %lld priced, %lld blocked, %lld rejected\n", version, rows, priced,
            blocked, rejected);
    puts(id);
}

static int load(const struct tg_args *args, struct tg_api *api, const char *id, const struct tg_mapfile *file,
                struct tg_err *err_r)
{
    struct tg_api_answer answer = {0, NULL};
    if (put_rates(api, id, NULL, file, &answer, err_r) != 0)
        return TG_EXIT_FAILED;
    const char *report_id = json_string_value(json_object_get(answer.json, "report_id"));
    int code = TG_EXIT_OK;
    if (answer.status == 422 && report_id != NULL) {
        json_t *report = json_incref(json_object_get(answer.json, "report"));
        print_rejected(report);
        code = TG_EXIT_PARTLY;
        if (tg_args_has(args, "accept-damaged")) {
            char accept[160];
            snprintf(accept, sizeof(accept), "%s", report_id);
            tg_api_answer_free(&answer);
            code = put_rates(api, id, accept, file, &answer, err_r) == 0 ? TG_EXIT_PARTLY : TG_EXIT_FAILED;
        } else {
            fprintf(stderr, "Nothing was loaded: %lld of %lld rows are damaged. --accept-damaged loads the others.\n",
                    (long long)json_integer_value(json_object_get(report, "rejected")),
                    (long long)json_integer_value(json_object_get(report, "rows")));
        }
        json_decref(report);
    }
    if (code != TG_EXIT_FAILED && answer.status < 300)
        print_result(args, id, answer.json);
    else if (code == TG_EXIT_OK || answer.status != 422) {
        tg_api_problem(&answer, err_r);
        code = TG_EXIT_FAILED;
    }
    tg_api_answer_free(&answer);
    return code;
}

static int run(const struct tg_args *args)
{
    struct tg_err err = {0};
    struct tg_mapfile file;
    char name[256], id[80] = "";
    const char *currency = tg_args_get(args, "currency"), *given = tg_args_get(args, "name");
    int code = TG_EXIT_FAILED;
    if (tg_mapfile_open(args->argv[0], &file, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    if (file.len > DECK_BYTES_MAX) {
        tg_mapfile_close(&file);
        return tg_cli_fail(args, "%s is larger than 16 MiB", args->argv[0]);
    }
    name_of_file(args->argv[0], name, sizeof(name));
    struct tg_api *api = tg_api_open_by_args(args);
    if (api != NULL) {
        if (find_or_create(api, given != NULL ? given : name, currency != NULL ? currency : "USD", id, sizeof(id),
                           &err) == 0)
            code = load(args, api, id, &file, &err);
        if (code == TG_EXIT_FAILED)
            tg_cli_fail(args, "%s", err.text);
        tg_api_close(&api);
    }
    tg_mapfile_close(&file);
    return code;
}

static const struct tg_option options[] = {
    {"name", "NAME", "the deck's name (the file's, without .csv); an existing deck gets a new version"},
    {"currency", "CODE", "of a new deck's prices (USD)"},
    {"accept-damaged", NULL, "load the good rows of a file that has damaged ones"},
    {"json", NULL, "end with one line of JSON on stdout"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_import_deck = {
    "import deck",
    "FILE",
    1,
    1,
    "Loads a price list (CSV) as a rate deck and prints its id",
    "FILE has a header row with prefix, name, per_minute, connect_fee, initial_s, increment_s, effective_from and "
    "effective_to (also read: min_s, blocked, when). Damaged rows are listed and nothing is loaded unless you accept "
    "the report. Loading the same file again changes nothing.",
    options,
    run};

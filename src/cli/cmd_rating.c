/* cmd_rating - `tollgate rating cases`: a file of cases through the same rule VM and code as the server. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/commands.h"
#include "cli/luadir.h"
#include "cli/rating_case.h"
#include "rt/vm.h"

struct tally {
    size_t passed, failed;
    json_t *skipped; /* {op: how many} */
    json_t *failures; /* [{id, place, expected, actual}] */
    bool quiet;
};

/* --- where things are ------------------------------------------------------------------------------------------------- */

#define N_FOLDERS 6

struct folders {
    char text[N_FOLDERS][512];
    const char *list[N_FOLDERS + 1];
};

/* Decks and rates are files by name: in --decks, beside the cases, in decks/ and fx/ there, in the project's shared
 * data. */
static void find_folders(const struct tg_args *args, const char *file, struct folders *folders)
{
    char copy[512];
    size_t n = 0;
    const char *decks = tg_args_get(args, "decks"), *shared = getenv("TOLLGATE_SHARED");
    (void)snprintf(copy, sizeof(copy), "%s", file);
    const char *here = dirname(copy);
    if (decks != NULL)
        (void)snprintf(folders->text[n++], sizeof(folders->text[0]), "%s", decks);
    (void)snprintf(folders->text[n++], sizeof(folders->text[0]), "%s", here);
    static const char *const kinds[] = {"decks", "fx"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        (void)snprintf(folders->text[n++], sizeof(folders->text[0]), "%.400s/%s", here, kinds[i]);
        (void)snprintf(folders->text[n++], sizeof(folders->text[0]), "%.400s/data/%s", shared ? shared : "../shared",
                       kinds[i]);
    }
    for (size_t i = 0; i < n; i++)
        folders->list[i] = folders->text[i];
    folders->list[n] = NULL;
}

/* --- one case ---------------------------------------------------------------------------------------------------------- */

static void count_skipped(struct tally *tally, const char *op)
{
    json_int_t n = json_integer_value(json_object_get(tally->skipped, op));
    json_object_set_new(tally->skipped, op, json_integer(n + 1));
}

static void print_json(const char *what, const json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    printf("  %s %s\n", what, text == NULL ? "nothing" : text);
    free(text);
}

static void fail(struct tally *tally, const char *id, const char *title, const char *place, const json_t *expected,
                 const json_t *actual)
{
    tally->failed++;
    json_array_append_new(tally->failures, json_pack("{s:s, s:s, s:O?, s:O?}", "id", id, "place", place, "expected",
                                                     (json_t *)expected, "actual", (json_t *)actual));
    if (tally->quiet)
        return;
    printf("not ok %s - %s\n", id, title);
    printf("  differs at %s\n", place[0] == '\0' ? "/" : place);
    print_json("expected", expected);
    print_json("got     ", actual);
}

static void run_case(const struct tg_rating_runner *runner, const json_t *test, struct tally *tally)
{
    struct tg_err err;
    char place[256];
    json_t *actual = NULL;
    const json_t *expected = json_object_get(test, "expected");
    const char *id = json_string_value(json_object_get(test, "id"));
    const char *title = json_string_value(json_object_get(test, "title"));
    id = id == NULL ? "?" : id;
    title = title == NULL ? "" : title;
    int status = tg_rating_case_run(runner, test, &actual, &err);
    if (status == 0) {
        count_skipped(tally, json_string_value(json_object_get(test, "op")));
        return;
    }
    if (status < 0)
        actual = json_pack("{s:s}", "error", err.text);
    if (expected != NULL && tg_rating_case_matches(expected, actual, place, sizeof(place))) {
        tally->passed++;
        if (!tally->quiet)
            printf("ok %s - %s\n", id, title);
    } else {
        fail(tally, id, title, expected == NULL ? "expected is missing" : place, expected, actual);
    }
    json_decref(actual);
}

static void print_skipped(const json_t *skipped)
{
    const char *op;
    json_t *n;
    json_object_foreach((json_t *)skipped, op, n) printf("%d skipped: %s\n", (int)json_integer_value(n), op);
}

/* --- the command --------------------------------------------------------------------------------------------------------- */

static int run_file(const struct tg_args *args, struct tg_ruleset *rules, const json_t *cases)
{
    struct folders folders;
    find_folders(args, args->argv[0], &folders);
    struct tg_rating_runner runner = {rules, folders.list};
    struct tally tally = {0, 0, json_object(), json_array(), tg_args_has(args, "json")};
    for (size_t i = 0; i < json_array_size(cases); i++)
        run_case(&runner, json_array_get(cases, i), &tally);
    if (tally.quiet) {
        json_t *line = json_pack("{s:I, s:I, s:O, s:O}", "passed", (json_int_t)tally.passed, "failed",
                                 (json_int_t)tally.failed, "skipped", tally.skipped, "failures", tally.failures);
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(line);
    } else {
        print_skipped(tally.skipped);
        printf("%zu passed, %zu failed\n", tally.passed, tally.failed);
    }
    json_decref(tally.skipped);
    json_decref(tally.failures);
    return tally.failed == 0 ? TG_EXIT_OK : TG_EXIT_FAILED;
}

static int load_rules(const struct tg_args *args, struct tg_ruleset **rules_r, struct tg_err *err_r)
{
    char path[600];
    struct tg_luasource *src;
    if (tg_luasource_read(tg_cli_lua_dir(args, path, sizeof(path)), &src, err_r) != 0)
        return -1;
    int status = tg_rating_load_rules(src, rules_r, err_r);
    tg_luasource_unref(&src);
    return status;
}

static int run_cases(const struct tg_args *args)
{
    struct tg_err err;
    json_error_t bad;
    struct tg_ruleset *rules;
    json_t *file = json_load_file(args->argv[0], JSON_REJECT_DUPLICATES, &bad);
    if (file == NULL && bad.line < 0)
        return tg_cli_fail(args, "%s", bad.text);
    if (file == NULL)
        return tg_cli_fail(args, "%s:%d:%d: %s", args->argv[0], bad.line, bad.column, bad.text);
    const json_t *cases = json_is_array(file) ? file : json_object_get(file, "cases");
    int status;
    if (!json_is_array(cases))
        status = tg_cli_fail(args, "%s: it has no list of cases", args->argv[0]);
    else if (load_rules(args, &rules, &err) != 0)
        status = tg_cli_fail(args, "%s", err.text);
    else {
        status = run_file(args, rules, cases);
        tg_ruleset_unref(&rules);
    }
    json_decref(file);
    return status;
}

static const struct tg_option options[] = {{"json", NULL,
                                            "End with one line of JSON instead: passed, failed, skipped, failures"},
                                           TG_LUA_DIR_OPTION,
                                           {"decks", "DIR", "Where deck files that a case names are looked for first"},
                                           {NULL, NULL, NULL}};

const struct tg_command tg_cmd_rating_cases = {
    "rating cases",
    "FILE",
    1,
    1,
    "Runs a file of rating cases through the rule VM",
    "Each case is {id, title, op, input, expected}. Operations: rate, rate_many, normalize, import_deck, components,\n"
    "trueup, max_usage, fx, session, stream; others are counted as skipped. Ends with 'N passed, N failed'; exit code "
    "1\n"
    "when one failed.",
    options,
    run_cases};

/* cmd_rules - the commands that bring rules from a folder to a server, and decide there which of them decide. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/rulesapi.h"

#define PATH_SIZE 256

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "-";
}

static long long count_of(const json_t *json, const char *name)
{
    return (long long)json_integer_value(json_object_get(json, name));
}

static void print_json(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_COMPACT | JSON_SORT_KEYS);
    putchar('\n');
}

/* --- push --------------------------------------------------------------------------------------------------------- */

static void print_published(const struct tg_args *args, const json_t *bundle)
{
    size_t i;
    const json_t *path, *changed = json_object_get(bundle, "changed");
    if (tg_args_has(args, "json")) {
        print_json(bundle);
        return;
    }
    json_array_foreach(changed, i, path) fprintf(stderr, "changed: %s\n", json_string_value(path));
    if (json_array_size(changed) == 0)
        fputs("nothing is different from the base\n", stderr);
    puts(text_of(bundle, "id"));
}

static int run_push(const struct tg_args *args)
{
    struct tg_api *api = tg_api_open_by_args(args);
    if (api == NULL)
        return TG_EXIT_FAILED;
    json_t *bundle =
        tg_rulesapi_publish(args, api, args->argv[0], tg_args_get(args, "base"), tg_args_get(args, "note"));
    const int status = bundle != NULL ? TG_EXIT_OK : TG_EXIT_FAILED;
    if (bundle != NULL)
        print_published(args, bundle);
    json_decref(bundle);
    tg_api_close(&api);
    return status;
}

#define BASE_OPTION                                                                                                    \
    {                                                                                                                  \
        "base", "BUNDLE", "What DIR is laid over: active (without this), release, an id; none: DIR is all there is"    \
    }

static const struct tg_option push_options[] = {
    BASE_OPTION,
    {"note", "TEXT", "What it is for"},
    {"json", NULL, "Prints the answer as one line of JSON"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_rules_push = {
    "rules push",
    "DIR",
    1,
    1,
    "Publishes the rules of a folder and prints the bundle's id",
    "Takes <feature>/rules.lua and <feature>/lib/<name>.lua below DIR, which may be a whole Lua tree, and lays them "
    "over the active bundle. The server checks the whole; faults come as file:line: sentence. Nothing decides "
    "differently before the bundle is activated. The same files again are the same bundle.",
    push_options,
    run_push};

/* The id of the bundle or of the folder that was given, which is published first; NULL after a message. */
static char *bundle_of(const struct tg_args *args, struct tg_api *api)
{
    const char *what = args->argv[0];
    if (tg_rulesapi_is_bundle(what))
        return tg_strdup(what);
    json_t *bundle = tg_rulesapi_publish(args, api, what, tg_args_get(args, "base"), NULL);
    char *id = bundle != NULL ? tg_strdup(text_of(bundle, "id")) : NULL;
    json_decref(bundle);
    return id;
}

/* --- diff --------------------------------------------------------------------------------------------------------- */

static json_t *compare(const struct tg_args *args, struct tg_api *api)
{
    char path[PATH_SIZE];
    struct tg_err err;
    json_t *files;
    const char *what = args->argv[0], *to = tg_args_get(args, "to");
    if (tg_rulesapi_is_bundle(what)) {
        (void)snprintf(path, sizeof(path), "/v1/rules/bundles/%s/diff%s%.70s", what, to != NULL ? "?to=" : "",
                       to != NULL ? to : "");
        return tg_rulesapi_send(args, api, "GET", path, NULL, false);
    }
    if (tg_rulesapi_files(what, &files, &err) != 0) {
        tg_cli_fail(args, "%s", err.text);
        return NULL;
    }
    json_t *body = json_pack("{s:o, s:s*, s:s*}", "files", files, "base", tg_args_get(args, "base"), "to", to);
    return tg_rulesapi_send(args, api, "POST", "/v1/rules/diff", body, false);
}

static void print_change(const json_t *change)
{
    const char *diff = json_string_value(json_object_get(change, "diff"));
    if (diff != NULL)
        fputs(diff, stdout);
    else
        printf("%s: %s, and too long to be shown\n", text_of(change, "path"), text_of(change, "change"));
}

static int run_diff(const struct tg_args *args)
{
    size_t i;
    const json_t *change;
    int status = TG_EXIT_FAILED;
    struct tg_api *api = tg_api_open_by_args(args);
    json_t *answer = api != NULL ? compare(args, api) : NULL;
    if (answer != NULL) {
        const json_t *files = json_object_get(answer, "files");
        json_array_foreach(files, i, change) print_change(change);
        status = json_array_size(files) == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
    }
    json_decref(answer);
    tg_api_close(&api);
    return status;
}

static const struct tg_option diff_options[] = {
    {"to", "BUNDLE", "What it is compared with: active (without this), release, an id"},
    BASE_OPTION,
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_rules_diff = {
    "rules diff",
    "DIR|BUNDLE",
    1,
    1,
    "Says what rules would change, as diff -u",
    "Lines of DIR or BUNDLE are added, those of --to removed. Exit code 0: there is no difference, 3: there is one.",
    diff_options,
    run_diff};

/* --- activate, rollback ------------------------------------------------------------------------------------------- */

/* A whole number of an option into json under its name with "_"; -1 after a message. */
static int add_count(const struct tg_args *args, const char *option, const char *name, json_t *json)
{
    long n;
    if (!tg_args_has(args, option))
        return 0;
    if (tg_args_int(args, option, 0, 1000000000, 0, &n) != 0)
        return -1;
    json_object_set_new(json, name, json_integer(n));
    return 0;
}

/* What the options demand; NULL after a message. */
static json_t *gate_of(const struct tg_args *args)
{
    json_t *gate = json_pack("{s:s*, s:s*}", "max_increase_percent", tg_args_get(args, "max-increase-percent"),
                             "backtest", tg_args_get(args, "backtest"));
    if (add_count(args, "max-shadow-errors", "max_shadow_errors", gate) == 0 &&
        add_count(args, "min-shadow-calls", "min_shadow_calls", gate) == 0)
        return gate;
    json_decref(gate);
    return NULL;
}

/* The revision of --if-revision, else the one that is active now; -1 after a message. */
static long long revision_of(const struct tg_args *args, struct tg_api *api)
{
    long given;
    if (tg_args_has(args, "if-revision"))
        return tg_args_int(args, "if-revision", 0, 1000000000000, 0, &given) == 0 ? given : -1;
    json_t *active = tg_rulesapi_send(args, api, "GET", "/v1/rules/active", NULL, false);
    long long revision = active != NULL ? count_of(active, "revision") : -1;
    json_decref(active);
    return revision;
}

static int finish(const json_t *answer)
{
    if (answer == NULL)
        return TG_EXIT_FAILED;
    if (json_object_get(answer, "revision") == NULL) { /* 202 */
        fprintf(stderr, "nothing is activated before somebody else approves %s\n", text_of(answer, "id"));
        return TG_EXIT_PARTLY;
    }
    fprintf(stderr, "revision %lld: %s, before it %s\n", count_of(answer, "revision"), text_of(answer, "bundle"),
            text_of(answer, "previous"));
    printf("%lld\n", count_of(answer, "revision"));
    return TG_EXIT_OK;
}

static int activate(const struct tg_args *args, struct tg_api *api)
{
    json_t *gate = gate_of(args), *answer = NULL;
    const long long revision = gate != NULL ? revision_of(args, api) : -1;
    char *bundle = revision >= 0 ? bundle_of(args, api) : NULL;
    if (bundle != NULL) {
        json_t *body = json_pack("{s:s, s:I}", "bundle", bundle, "if_revision", (json_int_t)revision);
        if (json_object_size(gate) > 0)
            json_object_set(body, "gate", gate);
        answer = tg_rulesapi_send(args, api, "PUT", "/v1/rules/active", body, true);
    }
    int status = finish(answer);
    json_decref(answer);
    json_decref(gate);
    free(bundle);
    return status;
}

static int run_activate(const struct tg_args *args)
{
    struct tg_api *api = tg_api_open_by_args(args);
    int status = api != NULL ? activate(args, api) : TG_EXIT_FAILED;
    tg_api_close(&api);
    return status;
}

#define REVISION_OPTION                                                                                                \
    {                                                                                                                  \
        "if-revision", "N", "Only while this revision is active (without: the one that is active now)"                 \
    }

static const struct tg_option activate_options[] = {
    {"max-increase-percent", "P", "No company may pay more than P % more"},
    {"max-shadow-errors", "N", "At most N calls may have failed"},
    {"min-shadow-calls", "N", "At least N calls must have been compared (1)"},
    {"backtest", "ID", "Look at this backtest instead of the shadow"},
    BASE_OPTION,
    REVISION_OPTION,
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_rules_activate = {
    "rules activate",
    "BUNDLE|DIR",
    1,
    1,
    "Makes rules the ones that decide and prints the revision",
    "A folder is published first. Who wrote a bundle does not activate it while somebody else may: then it waits for "
    "their approval, and the exit code is 3. With a demand it is activated only when what the shadow has found of it "
    "stays inside. release: the rules that the release brings.",
    activate_options,
    run_activate};

static int run_rollback(const struct tg_args *args)
{
    struct tg_api *api = tg_api_open_by_args(args);
    json_t *body = json_object(), *answer = NULL;
    int status = TG_EXIT_FAILED;
    if (api != NULL && add_count(args, "if-revision", "if_revision", body) == 0) {
        answer = tg_rulesapi_send(args, api, "POST", "/v1/rules/rollback", json_incref(body), true);
        status = finish(answer);
    }
    json_decref(answer);
    json_decref(body);
    tg_api_close(&api);
    return status;
}

static const struct tg_option rollback_options[] = {REVISION_OPTION, TG_API_OPTIONS, {NULL, NULL, NULL}};
const struct tg_command tg_cmd_rules_rollback = {
    "rules rollback",
    "",
    0,
    0,
    "Goes back to the rules that decided before and prints the revision",
    "Takes the last activation back; once more takes back the one before. Asks no second person and no rule.",
    rollback_options,
    run_rollback};

/* --- shadow ------------------------------------------------------------------------------------------------------- */

static int run_shadow(const struct tg_args *args)
{
    const bool off = tg_args_has(args, "off");
    const char *share = tg_args_get(args, "share");
    if (off == (args->argc == 1) || off == (share != NULL)) {
        tg_cli_fail(args, "either BUNDLE or DIR and --share, or --off");
        return TG_EXIT_USAGE;
    }
    struct tg_api *api = tg_api_open_by_args(args);
    char *bundle = api != NULL && !off ? bundle_of(args, api) : NULL;
    json_t *answer = NULL;
    if (bundle != NULL || (api != NULL && off)) {
        json_t *body = json_pack("{s:s?, s:s*}", "bundle", bundle, "share", share);
        answer = tg_rulesapi_send(args, api, "PUT", "/v1/rules/shadow", body, true);
    }
    if (answer != NULL)
        fprintf(stderr, "shadow %s, share %s\n", text_of(answer, "bundle"), text_of(answer, "share"));
    const int status = answer != NULL ? TG_EXIT_OK : TG_EXIT_FAILED;
    json_decref(answer);
    free(bundle);
    tg_api_close(&api);
    return status;
}

static const struct tg_option shadow_options[] = {
    {"share", "S", "Of the calls: 0.01 is one of a hundred, 1 all"},
    {"off", NULL, "No bundle any more"},
    BASE_OPTION,
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_rules_shadow = {"rules shadow",
                                               "[BUNDLE|DIR]",
                                               0,
                                               1,
                                               "Lets a bundle see calls beside the one that decides",
                                               "A folder is published first. Nothing comes of what it answers; how it "
                                               "differs, in calls and in money, is in `rules "
                                               "status`.",
                                               shadow_options,
                                               run_shadow};

/* --- status ------------------------------------------------------------------------------------------------------- */

static void print_active(const json_t *active)
{
    size_t i;
    const json_t *node;
    printf("revision %lld: %s, by %s at %s\n", count_of(active, "revision"), text_of(active, "bundle"),
           text_of(active, "set_by"), text_of(active, "set_at"));
    json_array_foreach(json_object_get(active, "nodes"), i, node)
    {
        const char *error = json_string_value(json_object_get(node, "error"));
        printf("node %s: revision %lld%s%s%s\n", text_of(node, "host"), count_of(node, "revision"),
               json_is_true(json_object_get(node, "behind")) ? ", behind" : "", error != NULL ? ": " : "",
               error != NULL ? error : "");
    }
}

static void print_shadow(const json_t *shadow)
{
    size_t i;
    const json_t *one;
    if (!json_is_string(json_object_get(shadow, "bundle"))) {
        puts("shadow: none");
        return;
    }
    printf("shadow: %s, share %s\n", text_of(shadow, "bundle"), text_of(shadow, "share"));
    json_array_foreach(json_object_get(shadow, "hooks"), i, one)
        printf("  %s: %lld same, %lld different, %lld failed\n", text_of(one, "hook"), count_of(one, "same"),
               count_of(one, "different"), count_of(one, "errors"));
    json_array_foreach(json_object_get(shadow, "totals"), i, one)
        printf("  %s: %s instead of %s, %s%s%s\n", text_of(one, "currency"), text_of(one, "new"),
               text_of(one, "stored"), text_of(one, "difference"),
               json_is_string(json_object_get(one, "percent")) ? ", percent " : "",
               json_is_string(json_object_get(one, "percent")) ? text_of(one, "percent") : "");
}

static int run_status(const struct tg_args *args)
{
    struct tg_api *api = tg_api_open_by_args(args);
    json_t *active = NULL, *shadow = NULL;
    if (api != NULL)
        active = tg_rulesapi_send(args, api, "GET", "/v1/rules/active", NULL, false);
    if (active != NULL)
        shadow = tg_rulesapi_send(args, api, "GET", "/v1/rules/shadow/report", NULL, false);
    const int status = shadow != NULL ? TG_EXIT_OK : TG_EXIT_FAILED;
    if (shadow != NULL && tg_args_has(args, "json")) {
        json_t *both = json_pack("{s:O, s:O}", "active", active, "shadow", shadow);
        print_json(both);
        json_decref(both);
    } else if (shadow != NULL) {
        print_active(active);
        print_shadow(shadow);
    }
    json_decref(active);
    json_decref(shadow);
    tg_api_close(&api);
    return status;
}

static const struct tg_option status_options[] = {{"json", NULL, "Prints one line of JSON"},
                                                  TG_API_OPTIONS,
                                                  {NULL, NULL, NULL}};
const struct tg_command tg_cmd_rules_status = {"rules status",
                                               "",
                                               0,
                                               0,
                                               "Says which rules decide, how far the nodes are, what the shadow found",
                                               "A node is behind while it decides with an older revision.",
                                               status_options,
                                               run_status};

/* --- dry-run ------------------------------------------------------------------------------------------------------ */

/* The input from FILE, without one from standard input; NULL after a message. */
static json_t *read_input(const struct tg_args *args)
{
    json_error_t bad;
    const char *name = args->argc > 2 ? args->argv[2] : "-";
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (file == NULL) {
        tg_cli_fail(args, "%s: %s", name, strerror(errno));
        return NULL;
    }
    json_t *input = json_loadf(file, JSON_REJECT_DUPLICATES, &bad);
    if (input == NULL)
        tg_cli_fail(args, "%s:%d:%d: %s", name, bad.line, bad.column, bad.text);
    if (file != stdin)
        fclose(file);
    return input;
}

static int print_run(const struct tg_args *args, const json_t *answer)
{
    size_t i;
    const json_t *line, *error = json_object_get(answer, "error");
    json_array_foreach(json_object_get(answer, "log"), i, line)
    {
        char *text = json_dumps(line, JSON_COMPACT | JSON_ENCODE_ANY);
        fprintf(stderr, "log: %s\n", text);
        free(text);
    }
    fprintf(stderr, "%lld µs, %lld bytes\n", count_of(answer, "usecs"), count_of(answer, "memory"));
    if (error == NULL) {
        json_t *output = json_object_get(answer, "output");
        (void)json_dumpf(output, stdout, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        putchar('\n');
        return TG_EXIT_OK;
    }
    fprintf(stderr, "%s\n", text_of(error, "trace"));
    return tg_cli_fail(args, "%s", text_of(error, "message"));
}

static int run_dry(const struct tg_args *args)
{
    int status = TG_EXIT_FAILED;
    const char *deck = tg_args_get(args, "deck");
    json_t *input = read_input(args);
    if (input == NULL)
        return status;
    json_t *body = json_pack("{s:s, s:s, s:o}", "bundle", args->argv[0], "hook", args->argv[1], "input", input);
    if (deck != NULL)
        json_object_set_new(body, "deck", json_pack("{s:s}", "id", deck));
    struct tg_api *api = tg_api_open_by_args(args);
    json_t *answer =
        api != NULL ? tg_rulesapi_send(args, api, "POST", "/v1/rules/dry-run", json_incref(body), false) : NULL;
    if (answer != NULL)
        status = print_run(args, answer);
    json_decref(answer);
    json_decref(body);
    tg_api_close(&api);
    return status;
}

static const struct tg_option dry_options[] = {{"deck", "ID", "The rate deck that cap.deck looks into"},
                                               TG_API_OPTIONS,
                                               {NULL, NULL, NULL}};
const struct tg_command tg_cmd_rules_dry_run = {
    "rules dry-run",
    "BUNDLE HOOK [FILE]",
    2,
    3,
    "Asks a bundle of the server one question and prints the answer",
    "BUNDLE is an id, active or release; FILE (without one: standard input) holds the input as JSON. Nothing comes of "
    "the answer. What the rule logs, its time and its memory go to standard error.",
    dry_options,
    run_dry};

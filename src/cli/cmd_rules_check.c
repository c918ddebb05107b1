/* cmd_rules_check - `tollgate rules check` and `tollgate rules test`: a folder of rules, with no server at hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/luadir.h"
#include "rt/rulecases.h"
#include "rt/rulecheck.h"
#include "rt/vm.h"

/* --- the folder ---------------------------------------------------------------------------------------------------- */

struct rules_folder { /* the files of a folder, and of the release those that it leaves out */
    struct tg_luasource *host, *src;
    struct tg_bundle *bundle;
    size_t n_own, n_of_release;
};

static size_t take_files(const struct tg_luasource *src, const struct tg_luasource *unless,
                         struct tg_bundle_file *files)
{
    size_t n = 0, len;
    for (size_t i = 0; i < tg_luasource_n(src); i++) {
        const char *path = tg_luasource_path(src, i);
        if (!tg_bundle_has_path(path) || (unless != NULL && tg_luasource_file(unless, path, &len) != NULL))
            continue;
        const char *text = tg_luasource_file(src, path, &len);
        files[n++] = (struct tg_bundle_file){path, text, len};
    }
    return n;
}

/* -1: it is told, or has faults. */
static int open_folder(const struct tg_args *args, struct rules_folder *folder, struct tg_faults *faults)
{
    char path[600];
    struct tg_err err;
    const bool alone = tg_args_has(args, "alone");
    if (tg_luasource_read(tg_cli_lua_dir(args, path, sizeof(path)), &folder->host, &err) != 0 ||
        tg_luasource_read(args->argv[0], &folder->src, &err) != 0)
        return tg_cli_fail(args, "%s", err.text), -1;
    struct tg_bundle_file *files =
        tg_calloc(tg_luasource_n(folder->src) + tg_luasource_n(folder->host) + 1, sizeof(*files));
    folder->n_own = take_files(folder->src, NULL, files);
    folder->n_of_release = alone ? 0 : take_files(folder->host, folder->src, files + folder->n_own);
    int rc = -1;
    if (folder->n_own == 0)
        (void)tg_cli_fail(args, "%s: there is no file like pricing/rules.lua below it", args->argv[0]);
    else
        rc = tg_bundle_new(files, folder->n_own + folder->n_of_release, faults, &folder->bundle);
    free(files);
    return rc;
}

static void close_folder(struct rules_folder *folder)
{
    tg_bundle_unref(&folder->bundle);
    tg_luasource_unref(&folder->src);
    tg_luasource_unref(&folder->host);
}

/* "pricing/rules.lua:41: purity: assigns …" */
static void print_faults(const char *dir, const struct tg_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct tg_rulefault *fault = &faults->list[i];
        if (fault->path[0] == '\0')
            printf("%s: ", dir);
        else if (fault->line > 0)
            printf("%s:%d: ", fault->path, fault->line);
        else
            printf("%s: ", fault->path);
        printf("%s: %s\n", fault->what, fault->message);
    }
    if (faults->n_dropped > 0)
        printf("and %zu faults more\n", faults->n_dropped);
}

/* --- rules check --------------------------------------------------------------------------------------------------- */

static void print_json(const struct tg_rulecheck *report)
{
    json_t *json = tg_rulecheck_to_json(report);
    (void)json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(json);
}

static void print_report(const struct tg_args *args, const struct rules_folder *folder,
                         const struct tg_rulecheck *report)
{
    size_t n_cases = 0;
    for (size_t i = 0; i < report->n_hooks; i++)
        n_cases += report->hooks[i].n_cases;
    print_faults(args->argv[0], &report->faults);
    if (report->faults.n > 0)
        printf("%zu faults\n", report->faults.n + report->faults.n_dropped);
    else
        printf("%zu files%s, %zu rules, %zu cases: fine\n", folder->n_own + folder->n_of_release,
               folder->n_of_release > 0 ? " with those of the release" : "", report->n_hooks, n_cases);
}

static int run_check(const struct tg_args *args)
{
    struct rules_folder folder = {0};
    struct tg_rulecheck report = {.n_hooks = 0};
    if (tg_args_has(args, "stdin"))
        return tg_rulecheck_serve_stdin();
    if (args->argc == 0) {
        (void)tg_cli_fail(args, "which folder?");
        return TG_EXIT_USAGE;
    }
    int rc = open_folder(args, &folder, &report.faults);
    if (rc == 0)
        rc = tg_rulecheck(folder.host, folder.bundle, &report);
    if (rc == 0 || report.faults.n > 0) {
        if (tg_args_has(args, "json"))
            print_json(&report);
        else
            print_report(args, &folder, &report);
    }
    tg_rulecheck_deinit(&report);
    close_folder(&folder);
    return rc == 0 ? TG_EXIT_OK : TG_EXIT_FAILED;
}

static const struct tg_option check_options[] = {{"json", NULL, "Prints the report as one line of JSON instead"},
                                                 {"alone", NULL,
                                                  "Takes nothing of the release for what the folder leaves out"},
                                                 {"stdin", NULL,
                                                  "Reads the files from standard input, as JSON: for the server"},
                                                 TG_LUA_DIR_OPTION,
                                                 {NULL, NULL, NULL}};

const struct tg_command tg_cmd_rules_check = {
    "rules check",
    "[DIR]",
    0,
    1,
    "Says everything that is wrong with a folder of rules",
    "DIR holds files like pricing/rules.lua and pricing/lib/tiers.lua; what it leaves out is the release's own. Each "
    "file\n"
    "must compile and keep nothing between calls, every hook has exactly one rule, and the golden cases hold, in any\n"
    "order. Faults are printed as file:line: kind: sentence. Exit code 1 when there is one. Needs no server.",
    check_options,
    run_check};

/* --- rules test ---------------------------------------------------------------------------------------------------- */

static int run_cases(const struct tg_args *args, const struct rules_folder *folder)
{
    struct tg_err err;
    struct tg_rules *rules = NULL;
    size_t n_failed = 0, n = 1;
    for (size_t i = 0; i < n; i++) {
        struct tg_rulecase c;
        if (rules != NULL && tg_rules_is_spoilt(rules))
            tg_rules_free(&rules);
        if (rules == NULL && tg_rules_new(folder->host, folder->bundle, TG_RULES_KEEP_CASES, &rules, &err) != 0)
            return tg_cli_fail(args, "%s", err.text);
        n = tg_rulecases_n(rules);
        if (n == 0)
            break;
        tg_rulecases_try(rules, i, &c);
        printf("%s %zu - %s: %s\n", c.why[0] == '\0' ? "ok" : "not ok", i + 1, c.hook, c.name);
        if (c.why[0] != '\0')
            printf("#   %s\n", c.why);
        n_failed += c.why[0] != '\0';
        json_decref(c.outcome);
    }
    tg_rules_free(&rules);
    printf("%zu passed, %zu failed\n", n - n_failed, n_failed);
    return n_failed == 0 ? TG_EXIT_OK : TG_EXIT_FAILED;
}

static int run_test(const struct tg_args *args)
{
    struct rules_folder folder = {0};
    struct tg_faults faults = {0};
    int status = TG_EXIT_FAILED;
    if (open_folder(args, &folder, &faults) == 0)
        status = run_cases(args, &folder);
    print_faults(args->argv[0], &faults);
    tg_faults_deinit(&faults);
    close_folder(&folder);
    return status;
}

static const struct tg_option test_options[] = {{"alone", NULL,
                                                 "Takes nothing of the release for what the folder leaves out"},
                                                TG_LUA_DIR_OPTION,
                                                {NULL, NULL, NULL}};

const struct tg_command tg_cmd_rules_test = {"rules test",
                                             "DIR",
                                             1,
                                             1,
                                             "Runs the golden cases of a folder of rules",
                                             "In the rule VM of the server, with its limits. A line for each case; "
                                             "ends with 'N passed, N failed', exit code 1 when\n"
                                             "one failed. Needs no server.",
                                             test_options,
                                             run_test};

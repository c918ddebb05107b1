/* rulecheck - whether a bundle may decide: everything that is wrong with it, before it does. */
#include "rt/rulecheck.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rt/purity.h"
#include "rt/rulecases.h"
#include "rt/rules_private.h"
#include "rt/vm.h"

#define SPOILT_MAX 20 /* cases that meet a limit; each takes 20 ms and a new VM */

struct check {
    struct tg_luasource *host;
    const struct tg_bundle *bundle;
    struct tg_rulecheck *report;
    int n_spoilt;
};

/* --- files --------------------------------------------------------------------------------------------------------- */

static bool is_rules(const char *path)
{
    const char *slash = strchr(path, '/');
    return slash != NULL && strcmp(slash, "/rules.lua") == 0;
}

static bool has_syntax_fault(const struct tg_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++)
        if (strcmp(faults->list[i].what, "syntax") == 0)
            return true;
    return false;
}

static int check_files(struct check *check)
{
    for (size_t i = 0; i < tg_bundle_n(check->bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(check->bundle, i);
        tg_purity_check(file->path, file->text, file->len, &check->report->faults);
    }
    return has_syntax_fault(&check->report->faults) ? -1 : 0;
}

/* --- building ------------------------------------------------------------------------------------------------------ */

/* Builds the one rule file with all libs; adds its first fault. */
static bool has_fault_alone(struct check *check, const struct tg_bundle_file *rules_file)
{
    struct tg_err err;
    struct tg_faults none = {0};
    struct tg_rules *rules = NULL;
    struct tg_bundle *part = NULL;
    struct tg_bundle_file *files = tg_calloc(tg_bundle_n(check->bundle), sizeof(*files));
    size_t n = 0;
    for (size_t i = 0; i < tg_bundle_n(check->bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(check->bundle, i);
        if (file == rules_file || !is_rules(file->path))
            files[n++] = *file;
    }
    int rc = tg_bundle_new(files, n, &none, &part);
    assert(rc == 0);
    rc = tg_rules_new(check->host, part, TG_RULES_KEEP_CASES, &rules, &err);
    if (rc != 0)
        tg_faults_add_text(&check->report->faults, "schema", err.text);
    tg_rules_free(&rules);
    tg_bundle_unref(&part);
    tg_faults_deinit(&none);
    free(files);
    return rc != 0;
}

/* A build ends at its first fault: each file by itself says its own. */
static int build(struct check *check, struct tg_rules **rules_r)
{
    struct tg_err err;
    bool found = false;
    if (tg_rules_new(check->host, check->bundle, TG_RULES_KEEP_CASES, rules_r, &err) == 0)
        return 0;
    for (size_t i = 0; i < tg_bundle_n(check->bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(check->bundle, i);
        found = (is_rules(file->path) && has_fault_alone(check, file)) || found;
    }
    if (!found)
        tg_faults_add_text(&check->report->faults, "schema", err.text);
    return -1;
}

/* --- hooks --------------------------------------------------------------------------------------------------------- */

static void list_hooks(struct check *check, const struct tg_rules *rules)
{
    struct tg_rulecheck *report = check->report;
    for (size_t i = 0; i < tg_rules_n(rules) && i < TG_RULECHECK_HOOKS_MAX; i++) {
        const struct tg_rules_entry entry = tg_rules_at(rules, i);
        struct tg_rulecheck_hook *to = &report->hooks[report->n_hooks++];
        (void)snprintf(to->hook, sizeof(to->hook), "%s", entry.hook);
        (void)snprintf(to->path, sizeof(to->path), "%s", entry.path);
        to->n_cases = json_array_size(entry.cases);
    }
}

/* A host that declares no hooks (a test's) asks any. */
static void check_hooks(struct check *check, const struct tg_rules *rules)
{
    const struct tg_hooks *hooks = &rules->hooks;
    for (size_t i = 0; hooks->n > 0 && i < rules->n_rules; i++)
        if (rules->rules[i].declared == NULL)
            tg_faults_add(&check->report->faults, rules->rules[i].path, 0, "hook",
                          "nobody asks the hook %s: see lua/core/hooks.lua", rules->rules[i].hook);
    for (size_t i = 0; i < hooks->n; i++)
        if (!tg_rules_has(rules, hooks->list[i].name))
            tg_faults_add(&check->report->faults, "", 0, "hook", "no rule decides %s: a bundle answers every hook",
                          hooks->list[i].name);
}

/* --- cases --------------------------------------------------------------------------------------------------------- */

/* The line on which the case's name stands, 0 when it does not. */
static int line_of(const struct tg_bundle *bundle, const struct tg_rulecase *c)
{
    char quoted[sizeof(c->name) + 3];
    const struct tg_bundle_file *file = tg_bundle_find(bundle, c->path);
    int line = 1;
    for (const char *quote = "\"'"; *quote != '\0'; quote++) {
        (void)snprintf(quoted, sizeof(quoted), "%c%s%c", *quote, c->name, *quote);
        const char *at = file == NULL ? NULL : strstr(file->text, quoted);
        if (at == NULL)
            continue;
        for (const char *c2 = file->text; c2 < at; c2++)
            line += *c2 == '\n';
        return line;
    }
    return 0;
}

static void add_case_fault(struct check *check, const struct tg_rulecase *c)
{
    tg_faults_add(&check->report->faults, c->path, line_of(check->bundle, c), c->is_limit ? "limit" : "case",
                  "%s, %s: %s", c->hook, c->name, c->why);
}

static void compare(struct check *check, const struct tg_rulecase *c, json_t *outcomes, size_t i)
{
    const json_t *first = json_array_get(outcomes, i);
    if (json_is_null(first))
        (void)json_array_set(outcomes, i, c->outcome);
    else if (json_equal(first, c->outcome) == 0 && !c->is_limit)
        tg_faults_add(&check->report->faults, c->path, line_of(check->bundle, c), "state",
                      "%s, %s: another answer in another order of the cases: something survives a call", c->hook,
                      c->name);
}

/* One pass in a fresh VM, which is made again when a case met a limit. Faults are added in the first. */
static void run_cases(struct check *check, bool is_first, bool backwards, json_t *outcomes)
{
    struct tg_err err;
    struct tg_rules *rules = NULL;
    const size_t n = json_array_size(outcomes);
    for (size_t k = 0; k < n && check->n_spoilt <= SPOILT_MAX; k++) {
        struct tg_rulecase c;
        const size_t i = backwards ? n - 1 - k : k;
        if (rules != NULL && tg_rules_is_spoilt(rules)) {
            check->n_spoilt++;
            tg_rules_free(&rules);
        }
        if (rules == NULL && tg_rules_new(check->host, check->bundle, TG_RULES_KEEP_CASES, &rules, &err) != 0) {
            tg_faults_add_text(&check->report->faults, "state", err.text); /* it could be built a moment ago */
            return;
        }
        tg_rulecases_try(rules, i, &c);
        if (is_first && c.why[0] != '\0')
            add_case_fault(check, &c);
        compare(check, &c, outcomes, i);
        json_decref(c.outcome);
    }
    tg_rules_free(&rules);
}

static void check_cases(struct check *check, size_t n)
{
    json_t *outcomes = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(outcomes, json_null());
    for (int pass = 0; pass < 4; pass++)
        run_cases(check, pass == 0, pass % 2 == 1, outcomes);
    if (check->n_spoilt > SPOILT_MAX)
        tg_faults_add(&check->report->faults, "", 0, "limit",
                      "more than %d cases met a limit: the others were not tried", SPOILT_MAX);
    json_decref(outcomes);
}

/* --- the report ---------------------------------------------------------------------------------------------------- */

int tg_rulecheck(struct tg_luasource *host, const struct tg_bundle *bundle, struct tg_rulecheck *report_r)
{
    struct check check = {host, bundle, report_r, 0};
    struct tg_rules *rules = NULL;
    *report_r = (struct tg_rulecheck){.n_hooks = 0};
    (void)snprintf(report_r->id, sizeof(report_r->id), "%s", tg_bundle_id(bundle));
    if (check_files(&check) == 0 && build(&check, &rules) == 0) {
        const size_t n_cases = tg_rulecases_n(rules);
        list_hooks(&check, rules);
        check_hooks(&check, rules);
        tg_rules_free(&rules);
        check_cases(&check, n_cases);
    }
    return report_r->faults.n == 0 ? 0 : -1;
}

void tg_rulecheck_deinit(struct tg_rulecheck *report)
{
    tg_faults_deinit(&report->faults);
}

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

json_t *tg_rulecheck_to_json(const struct tg_rulecheck *report)
{
    json_t *hooks = json_array(), *faults = json_array();
    for (size_t i = 0; i < report->n_hooks; i++)
        json_array_append_new(hooks, json_pack("{s:s, s:s, s:I}", "hook", report->hooks[i].hook, "path",
                                               report->hooks[i].path, "cases", (json_int_t)report->hooks[i].n_cases));
    for (size_t i = 0; i < report->faults.n; i++) {
        const struct tg_rulefault *fault = &report->faults.list[i];
        json_array_append_new(faults, json_pack("{s:o, s:o, s:s, s:s}", "path", text_or_null(fault->path), "line",
                                                fault->line > 0 ? json_integer(fault->line) : json_null(), "what",
                                                fault->what, "message", fault->message));
    }
    return json_pack("{s:o, s:b, s:o, s:o, s:I}", "id", text_or_null(report->id), "ok", report->faults.n == 0, "hooks",
                     hooks, "faults", faults, "more", (json_int_t)report->faults.n_dropped);
}

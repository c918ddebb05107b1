/* hooks_bench - what a call of each hook costs from C, and what a rule VM costs to build.
 *
 *     hooks_bench [lua-dir]
 *
 * Each hook is asked its first golden case, input made from JSON and the answer checked and read as JSON. Prints one line of
 * JSON: {"calls": {hook: us}, "release": {rules, usecs, bytes}, "fifty": {…}}, CPU time, best of five; bytes is what a VM
 * holds when it waits. tests/bench/rules.mjs puts the same functions in plain Lua beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "rt/rulecases.h"
#include "rt/rules_private.h"
#include "rt/vm.h"

#define CALLS 3000
#define BUILDS 10
#define ROUNDS 5
#define RULES 50

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void check(int status, const struct tg_err *err)
{
    if (status == 0)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void push_input(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    (void)arg;
    json_t *json = tg_rules_read_json(L, index, err_r);
    json_decref(json);
    return json == NULL ? -1 : 0;
}

/* The first case of the rule that is not meant to fail. */
static const json_t *first_case(struct tg_rules_entry entry)
{
    size_t i;
    const json_t *one;
    json_array_foreach(entry.cases, i, one) if (json_object_get(one, "error") == NULL) return one;
    return NULL;
}

static double time_calls(struct tg_rules *rules, struct tg_rules_entry entry)
{
    struct tg_err err;
    struct tg_rulesnap s;
    const json_t *one = first_case(entry);
    double best = 1e9;
    check(tg_rulesnap_init(&s, one, &err), &err);
    s.snap.is_trial = true; /* else those that nobody asks yet would refuse; their input is checked for it */
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = cpu_us();
        for (int i = 0; i < CALLS; i++)
            check(tg_rules_call(rules, entry.hook, &s.snap, push_input, json_object_get(one, "input"), read_result,
                                NULL, NULL, &err),
                  &err);
        const double each = (cpu_us() - begin) / CALLS;
        best = each < best ? each : best;
    }
    tg_rulesnap_deinit(&s);
    return best;
}

static json_t *measure_calls(struct tg_luasource *host, const struct tg_bundle *bundle)
{
    struct tg_err err;
    struct tg_rules *rules;
    json_t *calls = json_object();
    check(tg_rules_new(host, bundle, TG_RULES_KEEP_CASES, &rules, &err), &err);
    for (size_t i = 0; i < tg_rules_n(rules); i++)
        json_object_set_new(calls, tg_rules_at(rules, i).hook, json_real(time_calls(rules, tg_rules_at(rules, i))));
    tg_rules_free(&rules);
    return calls;
}

/* --- builds ------------------------------------------------------------------------------------------------------- */

static json_t *measure_build(struct tg_luasource *host, const struct tg_bundle *bundle)
{
    struct tg_err err;
    struct tg_rules *rules;
    size_t bytes = 0, n = 0;
    double best = 1e9;
    for (int i = 0; i < BUILDS; i++) {
        const double begin = cpu_us();
        check(tg_rules_new(host, bundle, 0, &rules, &err), &err);
        const double took = cpu_us() - begin;
        best = took < best ? took : best;
        bytes = rules->memory;
        n = tg_rules_n(rules);
        tg_rules_free(&rules);
    }
    return json_pack("{s:I, s:f, s:I}", "rules", (json_int_t)n, "usecs", best, "bytes", (json_int_t)bytes);
}

/* A rule of the release's middle size, asked by a name of its own. */
static void write_rule(struct tg_strbuf *text, const char *model, const char *hook)
{
    static const char its_hook[] = "alerts.evaluate";
    const char *at = strstr(model, its_hook);
    tg_strbuf_init(text, TG_BUNDLE_FILE_BYTES_MAX);
    tg_strbuf_append(text, model, (size_t)(at - model));
    tg_strbuf_append_str(text, hook);
    tg_strbuf_append_str(text, at + strlen(its_hook));
}

/* A host that asks nothing but these fifty. */
static struct tg_luasource *make_host(const char *allow)
{
    struct tg_strbuf hooks;
    tg_strbuf_init(&hooks, 1 << 16);
    tg_strbuf_append_str(&hooks, "local any = { type = \"any\" }\nreturn {\n");
    for (int i = 0; i < RULES; i++)
        tg_strbuf_printf(
            &hooks, "  [\"f%d.decide\"] = { input = any, output = any, on_failure = \"deny\", asked_by = \"it\" },\n",
            i);
    tg_strbuf_append_str(&hooks, "}\n");
    const char *paths[] = {"core/allow.lua", "core/hooks.lua"}, *texts[] = {allow, hooks.bytes};
    struct tg_luasource *host = tg_luasource_of(paths, texts, 2);
    tg_strbuf_deinit(&hooks);
    return host;
}

static json_t *measure_fifty(struct tg_luasource *release)
{
    size_t len;
    char paths[RULES][32], hook[32];
    struct tg_strbuf texts[RULES];
    struct tg_bundle_file files[RULES];
    struct tg_faults faults = {0};
    struct tg_bundle *bundle;
    for (int i = 0; i < RULES; i++) {
        (void)snprintf(hook, sizeof(hook), "f%d.decide", i);
        (void)snprintf(paths[i], sizeof(paths[i]), "f%d/rules.lua", i);
        write_rule(&texts[i], tg_luasource_file(release, "alerts/rules.lua", &len), hook);
        files[i] = (struct tg_bundle_file){paths[i], texts[i].bytes, texts[i].len};
    }
    struct tg_luasource *host = make_host(tg_luasource_file(release, "core/allow.lua", &len));
    if (tg_bundle_new(files, RULES, &faults, &bundle) != 0)
        abort();
    json_t *result = measure_build(host, bundle);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&host);
    for (int i = 0; i < RULES; i++)
        tg_strbuf_deinit(&texts[i]);
    return result;
}

int main(int argc, char **argv)
{
    struct tg_err err;
    struct tg_luasource *host;
    struct tg_bundle *bundle;
    check(tg_luasource_read(argc > 1 ? argv[1] : "lua", &host, &err), &err);
    check(tg_bundle_of_source(host, &bundle, &err), &err);
    json_t *all = json_pack("{s:o, s:o, s:o}", "calls", measure_calls(host, bundle), "release",
                            measure_build(host, bundle), "fifty", measure_fifty(host));
    (void)json_dumpf(all, stdout, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(4));
    putchar('\n');
    json_decref(all);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&host);
    return 0;
}

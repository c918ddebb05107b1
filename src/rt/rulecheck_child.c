/* rulecheck_child - the two ends of validating in a child: what the server sends, and what the child does with it. */
#include "rt/rulecheck.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "io/spawn.h"
#include "rt/vm.h"

#define REPORT_BYTES_MAX (1u << 20)
#define CPU_MAX_S 6
#define MEMORY_MAX (1024u << 20) /* of addresses; a check takes some 40 MiB of them */

static const char *const host_files[] = {"core/allow.lua", "core/hooks.lua"};
#define N_HOST_FILES (sizeof(host_files) / sizeof(host_files[0]))

/* --- the server's end ---------------------------------------------------------------------------------------------- */

/* NULL: something of it is not UTF-8. */
static char *make_input(const struct tg_luasource *host, const struct tg_bundle_file *files, size_t n)
{
    json_t *of_host = json_object(), *list = json_array();
    bool is_text = true;
    for (size_t i = 0; i < N_HOST_FILES; i++) {
        size_t len;
        const char *text = tg_luasource_file(host, host_files[i], &len);
        if (text != NULL)
            json_object_set_new(of_host, host_files[i], json_stringn(text, len));
    }
    for (size_t i = 0; is_text && i < n; i++) {
        json_t *path = json_string(files[i].path), *source = json_stringn(files[i].text, files[i].len);
        is_text = path != NULL && source != NULL;
        json_t *file = json_object(); /* takes what there is of both */
        (void)json_object_set_new(file, "path", path);
        (void)json_object_set_new(file, "source", source);
        (void)json_array_append_new(list, file);
    }
    json_t *input = json_pack("{s:o, s:o}", "host", of_host, "files", list);
    char *text = is_text ? json_dumps(input, JSON_COMPACT) : NULL;
    json_decref(input);
    return text;
}

static int read_report(const struct tg_spawn_result *result, json_t **report_r, struct tg_err *err_r)
{
    if (result->signal == SIGXCPU || result->signal == SIGKILL)
        return tg_err_set(err_r, TG_ERR_BUSY, "checking the rules took more than %d s", CPU_MAX_S);
    if (result->signal != 0)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "checking the rules crashed with signal %d: %.150s", result->signal,
                          result->errors);
    json_t *report = result->exit_code != 0 ? NULL : json_loadb(result->output, result->output_len, 0, NULL);
    if (!json_is_object(report)) {
        json_decref(report);
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "checking the rules ended with %d: %.150s", result->exit_code,
                          result->errors);
    }
    *report_r = report;
    return 0;
}

int tg_rulecheck_spawn(const char *program, struct tg_luasource *host, const struct tg_bundle_file *files, size_t n,
                       uint32_t timeout_ms, json_t **report_r, struct tg_err *err_r)
{
    const char *const argv[] = {program == NULL ? "/proc/self/exe" : program, "rules", "check", "--stdin", NULL};
    struct tg_spawn_result result;
    char *input = make_input(host, files, n);
    if (input == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "a path or a file is not UTF-8");
    const struct tg_spawn spawn = {
        .argv = argv,
        .input = input,
        .input_len = strlen(input),
        .output_max = REPORT_BYTES_MAX,
        .timeout_ms = timeout_ms,
    };
    int rc = tg_spawn_run(&spawn, &result, err_r);
    free(input);
    if (rc != 0)
        return -1;
    rc = read_report(&result, report_r, err_r);
    free(result.output);
    return rc;
}

/* --- the child's end ----------------------------------------------------------------------------------------------- */

static void limit(int resource, rlim_t max)
{
    const struct rlimit to = {max, max};
    (void)setrlimit(resource, &to);
}

static void limit_all(void)
{
    limit(RLIMIT_CPU, CPU_MAX_S);
    limit(RLIMIT_CORE, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they take terabytes of addresses, and a thread */
    limit(RLIMIT_AS, MEMORY_MAX);
    limit(RLIMIT_NPROC, 0);
#endif
}

static struct tg_luasource *host_of(const json_t *json)
{
    const char *paths[N_HOST_FILES], *texts[N_HOST_FILES];
    size_t n = 0;
    for (size_t i = 0; i < N_HOST_FILES; i++) {
        const char *text = json_string_value(json_object_get(json, host_files[i]));
        if (text == NULL)
            continue;
        paths[n] = host_files[i];
        texts[n++] = text;
    }
    return tg_luasource_of(paths, texts, n);
}

int tg_rulecheck_serve_stdin(void)
{
    json_error_t bad;
    struct tg_bundle *bundle = NULL;
    struct tg_rulecheck report = {.n_hooks = 0};
    limit_all();
    json_t *input = json_loadf(stdin, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &bad);
    if (!json_is_object(input)) {
        (void)fprintf(stderr, "the input is no JSON object: %s\n", bad.text);
        json_decref(input);
        return 1;
    }
    struct tg_luasource *host = host_of(json_object_get(input, "host"));
    if (tg_bundle_from_json(input, &report.faults, &bundle) == 0)
        (void)!tg_rulecheck(host, bundle, &report);
    json_t *json = tg_rulecheck_to_json(&report);
    const int rc = json_dumpf(json, stdout, JSON_COMPACT);
    json_decref(json);
    tg_rulecheck_deinit(&report);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&host);
    json_decref(input);
    return rc == 0 && fflush(stdout) == 0 ? 0 : 1;
}

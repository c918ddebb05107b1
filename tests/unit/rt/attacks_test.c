/* attacks_test - what tests/attacks tries against the rule VM, each script in a VM of its own.
 *
 * A script is the file a/rules.lua of a bundle, with a rule for the hook attack.run. Beside it stands an honest rule,
 * which must answer as ever when the VM is not spoilt. The head of each script says in comments what it tries, and:
 *
 *   -- must: limit | error TEXT | limit or error | answer JSON | end | refused TEXT
 *   -- input: {"n": 1}             what the rule is given; absent: {}
 *   -- calls: 3                    so often in one VM, with the same outcome
 *   -- made                        the file that is tried is what this one returns
 *
 * `end` is any outcome, when only that there is one matters. `refused` is what publishing says. Whatever the outcome: the
 * processor time of a call is at most CALL_MAX_MS (not with a sanitizer), of publishing PUBLISH_MAX_MS, and nothing crashes.
 *
 *   unit_rt_attacks [WORD]         from the root of the tree
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rt/rulecheck.h"
#include "rt/rules.h"
#include "rt/vm.h"

#define CALL_MAX_MS 60
#define PUBLISH_MAX_MS 6000 /* a file may run for two seconds when it is loaded, and is loaded again for its fault */
#define SCRIPT_MAX_S 60 /* then it hangs, and SIGALRM says so */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_TIMED false
#else
#define IS_TIMED true
#endif

#define HOOKS                                                                                                          \
    "local h = {summary='?', input='any', output='any', on_failure='deny', says='no', budget_us=1000, asked_by='x'}\n" \
    "return {['attack.run'] = h, ['attack.honest'] = h}"
#define HONEST                                                                                                         \
    "return {hook='attack.honest', api=1, needs={'decimal', 'text', 'calendar'}, decide=function(input, cap)\n"        \
    " local keys = {} for k in pairs({b=1, a=2}) do keys[#keys + 1] = k end\n"                                         \
    " return {n = 41 + 1, upper = ('ab'):upper(), keys = table.concat(keys), floor = math.floor(3),\n"                 \
    "  sum = cap.decimal.new('0.1') + cap.decimal.new('0.2'), parts = cap.text.split('a,b', ','),\n"                   \
    "  bad = select(2, pcall(function() return '10' + 1 end)) ~= nil, time = cap.calendar.local_time(0, "              \
    "'UTC').hour}\n"                                                                                                   \
    "end}"
#define HONEST_ANSWER                                                                                                  \
    "{\"bad\":true,\"floor\":3,\"keys\":\"ab\",\"n\":42,\"parts\":[\"a\",\"b\"],\"sum\":\"0.3\",\"time\":0,\"upper\":" \
    "\"AB\"}"

struct script {
    char name[64];
    char must[300], input[300];
    int calls;
    bool is_made;
    char *text;
    size_t len;
};

struct outcome {
    char text[8000]; /* "limit …", "error …", "answer …" or "refused …" */
    bool is_spoilt;
    unsigned ms;
};

static struct tg_luasource *host;
static unsigned slowest_ms;
static char slowest[64];

/* --- scripts -------------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *len_r)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0, n;
    if (file == NULL)
        return NULL;
    do {
        text = tg_realloc(text, len + 65537);
        n = fread(text + len, 1, 65536, file);
        len += n;
    } while (n > 0);
    text[len] = '\0';
    fclose(file);
    *len_r = len;
    return text;
}

/* The rest of the head's line that begins so. */
static bool read_head(const char *text, const char *what, char *to, size_t size)
{
    const size_t len = strlen(what);
    for (const char *line = text; strncmp(line, "--", 2) == 0; line = strchr(line, '\n') + 1) {
        const size_t line_len = strcspn(line, "\n");
        if (line_len >= len && strncmp(line, what, len) == 0) {
            (void)snprintf(to, size, "%.*s", (int)(line_len - len), line + len);
            return true;
        }
        if (line[line_len] == '\0')
            break;
    }
    return false;
}

/* Replaces the text by what it returns. */
static bool make(struct script *script)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    const bool made = luaL_loadbuffer(L, script->text, script->len, script->name) == LUA_OK &&
                      lua_pcall(L, 0, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING;
    if (made) {
        const char *text = lua_tolstring(L, -1, &script->len);
        free(script->text);
        script->text = tg_memdup(text, script->len);
    } else {
        printf("#   it does not make a file: %s\n", lua_tostring(L, -1));
    }
    lua_close(L);
    return made;
}

static bool open_script(const char *file, struct script *script)
{
    char path[200], calls[20];
    (void)snprintf(path, sizeof(path), "tests/attacks/%s", file);
    (void)snprintf(script->name, sizeof(script->name), "%s", file);
    script->text = read_file(path, &script->len);
    if (script->text == NULL || !read_head(script->text, "-- must: ", script->must, sizeof(script->must))) {
        printf("#   its head does not say what must happen\n");
        return false;
    }
    if (!read_head(script->text, "-- input: ", script->input, sizeof(script->input)))
        (void)snprintf(script->input, sizeof(script->input), "{}");
    script->calls = read_head(script->text, "-- calls: ", calls, sizeof(calls)) ? (int)strtol(calls, NULL, 10) : 1;
    script->is_made = read_head(script->text, "-- made", calls, sizeof(calls));
    return !script->is_made || make(script);
}

/* --- what becomes of it ---------------------------------------------------------------------------------------------- */

static void push_input(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **json = arg;
    *json = tg_rules_read_json(L, index, err_r);
    return *json == NULL ? -1 : 0;
}

static unsigned ms_since(uint64_t began_us)
{
    return (unsigned)((tg_clock_thread_cpu_us() - began_us) / 1000);
}

static void call(struct tg_rules *rules, const char *hook, const char *input, struct outcome *outcome)
{
    struct tg_err err;
    json_t *json = json_loads(input, JSON_DECODE_ANY, NULL), *result = NULL;
    const uint64_t began_us = tg_clock_thread_cpu_us();
    const int rc = tg_rules_call(rules, hook, NULL, push_input, json, read_result, &result, NULL, &err);
    outcome->ms = ms_since(began_us);
    outcome->is_spoilt = tg_rules_is_spoilt(rules);
    if (rc == 0) {
        char *text = json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        (void)snprintf(outcome->text, sizeof(outcome->text), "answer %s", text);
        free(text);
    } else {
        (void)snprintf(outcome->text, sizeof(outcome->text), "%s %s", err.code == TG_ERR_BUSY ? "limit" : "error",
                       err.text);
    }
    json_decref(result);
    json_decref(json);
}

static bool has_begin(const char *text, const char *begin)
{
    return strncmp(text, begin, strlen(begin)) == 0;
}

/* "error TEXT" is any error with the text in it. */
static bool is_as_it_must(const char *must, const char *got)
{
    if (strcmp(must, "end") == 0)
        return !has_begin(got, "refused");
    if (strcmp(must, "limit or error") == 0)
        return has_begin(got, "limit") || has_begin(got, "error");
    if (strcmp(must, "limit") == 0)
        return has_begin(got, "limit");
    const size_t kind = strcspn(must, " ");
    if (strncmp(must, got, kind) != 0 || got[kind] != ' ')
        return false;
    return has_begin(must, "answer") ? strcmp(must, got) == 0 : strstr(got, must + kind + 1) != NULL;
}

static void publish(const struct tg_bundle_file *files, struct outcome *outcome)
{
    struct tg_bundle *bundle = NULL;
    struct tg_rulecheck report = {.n_hooks = 0};
    const uint64_t began_us = tg_clock_thread_cpu_us();
    size_t len = (size_t)snprintf(outcome->text, sizeof(outcome->text), "refused");
    if (tg_bundle_new(files, 2, &report.faults, &bundle) == 0 && tg_rulecheck(host, bundle, &report) == 0)
        (void)snprintf(outcome->text, sizeof(outcome->text), "published");
    outcome->ms = ms_since(began_us);
    for (size_t i = 0; i < report.faults.n && len < sizeof(outcome->text); i++)
        len += (size_t)snprintf(outcome->text + len, sizeof(outcome->text) - len, " %s: %s", report.faults.list[i].what,
                                report.faults.list[i].message);
    tg_rulecheck_deinit(&report);
    tg_bundle_unref(&bundle);
}

static bool run_calls(const struct script *script, struct tg_rules *rules)
{
    struct outcome outcome, honest;
    for (int i = 0; i < script->calls; i++) {
        call(rules, "attack.run", script->input, &outcome);
        if (outcome.ms > slowest_ms) {
            slowest_ms = outcome.ms;
            (void)snprintf(slowest, sizeof(slowest), "%s", script->name);
        }
        if (!is_as_it_must(script->must, outcome.text)) {
            printf("#   call %d: got %.400s\n#   must be %s\n", i + 1, outcome.text, script->must);
            return false;
        }
        if (IS_TIMED && outcome.ms > CALL_MAX_MS) {
            printf("#   call %d took %u ms\n", i + 1, outcome.ms);
            return false;
        }
    }
    call(rules, "attack.honest", "{}", &honest);
    if (strcmp(honest.text,
               outcome.is_spoilt ? "limit the rule VM met a limit and must be replaced" : "answer " HONEST_ANSWER) == 0)
        return true;
    printf("#   the honest rule beside it: %s\n", honest.text);
    return false;
}

static bool run_script(const struct script *script)
{
    const struct tg_bundle_file files[] = {{"a/rules.lua", script->text, script->len},
                                           {"b/rules.lua", HONEST, sizeof(HONEST) - 1}};
    if (has_begin(script->must, "refused")) {
        struct outcome outcome;
        publish(files, &outcome);
        const bool held = is_as_it_must(script->must, outcome.text) && (!IS_TIMED || outcome.ms <= PUBLISH_MAX_MS);
        if (!held)
            printf("#   got %.400s in %u ms\n#   must be %s\n", outcome.text, outcome.ms, script->must);
        return held;
    }
    struct tg_err err;
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    struct tg_rules *rules = NULL;
    bool held = false;
    if (tg_bundle_new(files, 2, &faults, &bundle) != 0)
        printf("#   refused: %s\n", faults.list[0].message);
    else if (tg_rules_new(host, bundle, 0, &rules, &err) != 0)
        printf("#   it cannot be built: %s\n", err.text);
    else
        held = run_calls(script, rules);
    tg_rules_free(&rules);
    tg_bundle_unref(&bundle);
    tg_faults_deinit(&faults);
    return held;
}

/* --- all of them ------------------------------------------------------------------------------------------------------ */

static bool try_script(const char *file)
{
    struct script script = {.text = NULL};
    printf("# %s\n", file); /* what hangs or crashes is the last that was named */
    fflush(stdout);
    alarm(SCRIPT_MAX_S);
    const bool held = open_script(file, &script) && run_script(&script);
    alarm(0);
    free(script.text);
    return held;
}

static int is_script(const struct dirent *entry)
{
    return strstr(entry->d_name, ".lua") != NULL;
}

int main(int argc, char **argv)
{
    static const char *const paths[] = {"core/allow.lua", "core/hooks.lua"};
    struct dirent **entries;
    size_t len, n_tried = 0, n_failed = 0;
    const int n = scandir("tests/attacks", &entries, is_script, alphasort);
    const char *texts[] = {read_file("lua/core/allow.lua", &len), HOOKS};
    if (n <= 0 || texts[0] == NULL) {
        printf("Bail out! run it in the root of the tree\n");
        return 1;
    }
    host = tg_luasource_of(paths, texts, 2);
    free((char *)texts[0]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < n; i++) {
        const char *file = entries[i]->d_name;
        if (argc < 2 || strstr(file, argv[1]) != NULL) {
            const bool held = try_script(file);
            n_failed += !held;
            printf("%sok %zu - attack %.*s\n", held ? "" : "not ", ++n_tried, (int)strlen(file) - 4, file);
        }
        free(entries[i]);
    }
    free(entries);
    tg_luasource_unref(&host);
    printf("# slowest call: %u ms, %s\n1..%zu\n", slowest_ms, slowest, n_tried);
    return n_failed == 0 && n_tried > 0 ? 0 : 1;
}

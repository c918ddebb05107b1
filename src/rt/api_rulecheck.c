/* api_rulecheck - tg.rules.check and tg.rules.dry_run: bundles that do not decide anything yet, away from the loop.
 *
 * Checking runs the files in a child (rt/rulecheck.h): a worker waits for it. A dry run is one call in a VM of its own on
 * a worker; the limits of the rule VM hold there, and files that were sent are looked at first for what these limits
 * do not reach. Both give a table made from JSON.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <lauxlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "rt/api_db.h"
#include "rt/api_rules.h"
#include "rt/json.h"
#include "rt/purity.h"
#include "rt/rulecases.h"
#include "rt/rulecheck.h"
#include "rt/ruleseat.h"
#include "rt/vm_private.h"

#define FILES_MAX 1000 /* what is above a bundle's limits is a fault that names it; this is no bundle */
#define FILES_BYTES_MAX (32u << 20)
#define INPUT_BYTES_MAX (1u << 20)
#define LOG_BYTES_MAX (64u << 10)

struct job { /* on its way to a worker and back; all of it is the job's */
    struct tg_await *await;
    struct tg_luasource *host;
    struct tg_bundle_file *files; /* paths and texts are, too */
    size_t n_files;
    struct tg_bundle *bundle; /* of a dry run without files: the one that decides */
    char hook[64];
    json_t *input; /* {"input", "flags", "fx", "deck"} of a dry run */
    struct tg_deck *deck; /* in place of the input's */
    char *answer; /* JSON; NULL: err */
    struct tg_err err;
};

static void free_job(struct job *job)
{
    for (size_t i = 0; i < job->n_files; i++) {
        free((char *)job->files[i].path);
        free((char *)job->files[i].text);
    }
    free(job->files);
    tg_luasource_unref(&job->host);
    tg_bundle_unref(&job->bundle);
    tg_deck_unref(&job->deck);
    json_decref(job->input);
    free(job->answer);
    free(job);
}

static int push_answer(lua_State *L, void *arg)
{
    const struct job *job = arg;
    struct tg_err err;
    if (tg_json_push(L, job->answer, strlen(job->answer), &err) == 0)
        return 1;
    return tg_return_err(L, &err);
}

static void on_done(void *arg) /* on the loop */
{
    struct job *job = arg;
    if (job->answer == NULL)
        tg_await_resume_err(&job->await, &job->err);
    else
        tg_await_resume(&job->await, push_answer, job);
    free_job(job);
}

static void answer(struct job *job, json_t *json) /* takes json */
{
    job->answer = json_dumps(json, JSON_COMPACT);
    if (job->answer == NULL)
        (void)tg_err_set(&job->err, TG_ERR_BUG, "the answer has no JSON");
    json_decref(json);
}

/* A job of this coroutine, which is going to wait. Raises where it may not. */
static struct job *new_job(lua_State *L)
{
    struct tg_await *await = tg_await_new(L);
    struct job *job = TG_NEW(struct job);
    job->await = await;
    return job;
}

/* It does not wait after all: nil and the job's error. */
static int give_up(lua_State *L, struct job *job)
{
    const struct tg_err err = job->err;
    tg_await_cancel(&job->await);
    free_job(job);
    return tg_return_err(L, &err);
}

static int submit(lua_State *L, struct job *job, tg_loop_fn *run)
{
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    struct tg_luasource *src = tg_vm_source(tg_vm_of(L));
    if (src == NULL)
        tg_err_set(&job->err, TG_ERR_NOT_FOUND, "a script has no rules");
    else if (services->work == NULL)
        tg_err_set(&job->err, TG_ERR_UPSTREAM, "not configured: a worker thread");
    else {
        job->host = tg_luasource_ref(src);
        if (tg_work_submit(services->work, services->loop, run, on_done, job, &job->err) == 0)
            return tg_await_yield(L, job->await);
    }
    return give_up(L, job);
}

/* --- arguments ----------------------------------------------------------------------------------------------------- */

/* Raises unless it is a list of files that is no longer than this door takes. */
static void check_files(lua_State *L, int idx)
{
    size_t bytes = 0;
    luaL_checktype(L, idx, LUA_TTABLE);
    const lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
    luaL_argcheck(L, n <= FILES_MAX, idx, "too many files");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, idx, i);
        luaL_argcheck(L, lua_istable(L, -1), idx, "{path = …, source = …} expected");
        luaL_argcheck(L, lua_getfield(L, -1, "path") == LUA_TSTRING, idx, "a file without a path");
        luaL_argcheck(L, lua_getfield(L, -2, "source") == LUA_TSTRING, idx, "a file without a source");
        bytes += lua_rawlen(L, -1);
        lua_pop(L, 3);
    }
    luaL_argcheck(L, bytes <= FILES_BYTES_MAX, idx, "too many bytes");
}

/* Copies what check_files() has let through. */
static void take_files(lua_State *L, int idx, struct job *job)
{
    const size_t n = lua_rawlen(L, idx);
    job->files = tg_calloc(n + 1, sizeof(*job->files));
    for (; job->n_files < n; job->n_files++) {
        size_t len;
        lua_rawgeti(L, idx, (lua_Integer)job->n_files + 1);
        lua_getfield(L, -1, "path");
        lua_getfield(L, -2, "source");
        const char *text = lua_tolstring(L, -1, &len);
        job->files[job->n_files] = (struct tg_bundle_file){tg_strdup(lua_tostring(L, -2)), tg_memdup(text, len), len};
        lua_pop(L, 3);
    }
}

/* --- check --------------------------------------------------------------------------------------------------------- */

static void run_check(void *arg) /* on a worker */
{
    struct job *job = arg;
    json_t *report;
    if (tg_rulecheck_spawn(NULL, job->host, job->files, job->n_files, TG_RULECHECK_TIMEOUT_MS, &report, &job->err) == 0)
        answer(job, report);
}

/* check(files) → report | nil, err */
static int l_check(lua_State *L)
{
    check_files(L, 1);
    struct job *job = new_job(L);
    take_files(L, 1, job);
    return submit(L, job, run_check);
}

/* --- dry_run ------------------------------------------------------------------------------------------------------- */

static void push_input(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_output(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **json = arg;
    *json = tg_rules_read_json(L, index, err_r);
    return *json == NULL ? -1 : 0;
}

/* The lines of a call's log, whatever bytes the rule has put there. */
static json_t *split_lines(struct tg_strbuf *log)
{
    json_t *lines = json_array();
    char *text = log->bytes;
    for (size_t i = 0; i < log->len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    tg_utf8_repair(text);
    for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
        if (line[0] != '\0')
            (void)json_array_append_new(lines, json_string(line));
    return lines;
}

/* The files that were sent as a bundle, when they compile and hold nothing that no limit reaches. */
static int make_bundle(struct job *job)
{
    struct tg_faults faults = {0};
    if (job->bundle != NULL)
        return 0;
    int rc = tg_bundle_new(job->files, job->n_files, &faults, &job->bundle);
    for (size_t i = 0; rc == 0 && i < job->n_files; i++)
        tg_purity_check(job->files[i].path, job->files[i].text, job->files[i].len, &faults);
    if (faults.n > 0)
        rc = tg_faults_err(&faults, &job->err);
    tg_faults_deinit(&faults);
    return rc;
}

/* 0: decided or failed, *json_r says which and how. -1: nobody was asked. */
static int call(struct job *job, struct tg_rules *rules, const struct tg_rules_snapshot *snap, json_t **json_r)
{
    struct tg_strbuf log;
    struct tg_err err;
    struct tg_rules_report report = {0};
    json_t *output = NULL;
    tg_strbuf_init(&log, LOG_BYTES_MAX);
    tg_rules_set_log(rules, &log);
    const int rc = tg_rules_call(rules, job->hook, snap, push_input, json_object_get(job->input, "input"), read_output,
                                 &output, &report, &err);
    tg_rules_set_log(rules, NULL);
    json_t *json = json_pack("{s:s, s:o, s:I, s:I}", "bundle", tg_rules_bundle(rules), "log", split_lines(&log),
                             "usecs", (json_int_t)report.usecs, "memory", (json_int_t)report.memory_peak);
    if (rc == 0)
        (void)json_object_set_new(json, "output", output);
    else
        (void)json_object_set_new(json, "error",
                                  json_pack("{s:s, s:s, s:b}", "message", err.text, "trace", report.trace, "limit",
                                            err.code == TG_ERR_BUSY));
    tg_strbuf_deinit(&log);
    *json_r = json;
    if (rc == 0 || err.code != TG_ERR_NOT_FOUND)
        return 0;
    json_decref(json);
    job->err = err;
    return -1;
}

static void run_dry(void *arg) /* on a worker */
{
    struct job *job = arg;
    struct tg_rules *rules = NULL;
    struct tg_rulesnap snap;
    json_t *json;
    if (make_bundle(job) != 0 || tg_rulesnap_init(&snap, job->input, &job->err) != 0)
        return;
    if (job->deck != NULL)
        snap.snap.deck = job->deck;
    if (tg_rules_new(job->host, job->bundle, 0, &rules, &job->err) == 0 && call(job, rules, &snap.snap, &json) == 0)
        answer(job, json);
    tg_rules_free(&rules);
    tg_rulesnap_deinit(&snap);
}

/* The field of the options at 1 as JSON into `to`; -1: it is no data. */
static int take_json(lua_State *L, const char *name, json_t *to, struct tg_err *err_r)
{
    struct tg_strbuf text;
    json_error_t bad;
    if (lua_getfield(L, 1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return 0;
    }
    tg_strbuf_init(&text, INPUT_BYTES_MAX);
    int rc = tg_json_write(L, lua_gettop(L), &text, err_r);
    if (rc == 0 && tg_strbuf_overflowed(&text))
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s: at most %u bytes of JSON", name, INPUT_BYTES_MAX);
    json_t *json = rc == 0 ? json_loadb(text.bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &bad) : NULL;
    if (rc == 0 && json == NULL)
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", name, bad.text);
    if (rc == 0)
        (void)json_object_set_new(to, name, json);
    tg_strbuf_deinit(&text);
    lua_pop(L, 1);
    return rc;
}

static int take_options(lua_State *L, struct job *job)
{
    job->input = json_object();
    if (take_json(L, "input", job->input, &job->err) != 0 || take_json(L, "flags", job->input, &job->err) != 0 ||
        take_json(L, "fx", job->input, &job->err) != 0)
        return -1;
    lua_getfield(L, 1, "deck");
    if (lua_isuserdata(L, -1))
        job->deck = tg_deck_ref(tg_rules_check_deck(L, -1));
    lua_pop(L, 1);
    if (job->deck == NULL && take_json(L, "deck", job->input, &job->err) != 0)
        return -1;
    if (lua_getfield(L, 1, "bundle") != LUA_TNIL) {
        take_files(L, lua_gettop(L), job);
        return 0;
    }
    struct tg_ruleseat *seat = tg_vm_services(tg_vm_of(L))->rules;
    struct tg_ruleset *set = seat == NULL ? NULL : tg_ruleseat_current(seat);
    if (set == NULL)
        return tg_err_set(&job->err, TG_ERR_BUSY, "the rules are being loaded");
    job->bundle = tg_bundle_ref(tg_ruleset_state(set)->bundle);
    return 0;
}

/* dry_run{bundle=, hook=, input=, deck=, fx=, flags=} → {bundle, output | error, log, usecs, memory} | nil, err */
static int l_dry_run(lua_State *L)
{
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_argcheck(L, lua_getfield(L, 1, "hook") == LUA_TSTRING, 1, "hook: a name expected");
    const char *hook = lua_tolstring(L, -1, &len);
    luaL_argcheck(L, len < sizeof(((struct job *)NULL)->hook), 1, "hook: too long a name");
    luaL_argcheck(L, lua_getfield(L, 1, "input") != LUA_TNIL, 1, "input expected");
    if (lua_getfield(L, 1, "bundle") != LUA_TNIL)
        check_files(L, lua_gettop(L));
    if (lua_getfield(L, 1, "deck") == LUA_TUSERDATA)
        (void)tg_rules_check_deck(L, -1);
    struct job *job = new_job(L); /* from here on nothing raises */
    memcpy(job->hook, hook, len + 1);
    lua_settop(L, 2);
    if (take_options(L, job) != 0)
        return give_up(L, job);
    return submit(L, job, run_dry);
}

void tg_api_open_rulecheck(lua_State *L)
{
    lua_getfield(L, -1, "rules");
    lua_pushcfunction(L, l_check);
    lua_setfield(L, -2, "check");
    lua_pushcfunction(L, l_dry_run);
    lua_setfield(L, -2, "dry_run");
    lua_pop(L, 1);
}

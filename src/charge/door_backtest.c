/* door_backtest - tg.backtests for application VMs: a page of a backtest, on a worker thread with a connection and a
 * rule VM of its own. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "charge/backtest.h"
#include "charge/engine.h"
#include "rt/co.h"
#include "rt/json.h"
#include "rt/rulebook.h"

#define CONNECT_TIMEOUT_S 5
#define ANSWER_TIMEOUT_S 30
#define PAGE_MAX (64u << 20)

struct job {
    struct tg_await *aw;
    struct tg_engine *engine;
    struct tg_rulestate *state; /* the host and the bundle */
    struct tg_backtest backtest;
    struct tg_strbuf page; /* JSON */
    struct tg_err err;
};

static void job_free(struct job *job)
{
    tg_rulestate_unref(&job->state);
    tg_strbuf_deinit(&job->page);
    free(job);
}

/* --- arguments ----------------------------------------------------------------------------------------------------- */

static int64_t check_integer(lua_State *L, const char *name, int64_t min, int64_t max)
{
    lua_getfield(L, 1, name);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < min || lua_tointeger(L, -1) > max)
        luaL_error(L, "tg.backtests.page: %s is out of range", name);
    const int64_t n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return n;
}

/* The text stays in the table. */
static const char *check_text(lua_State *L, int idx, const char *name, size_t *len_r)
{
    lua_getfield(L, idx, name);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "tg.backtests.page: %s is not a text", name);
    const char *text = lua_tolstring(L, -1, len_r);
    lua_pop(L, 1);
    return text;
}

static struct tg_backtest check_backtest(lua_State *L)
{
    size_t len;
    struct tg_err err;
    struct tg_backtest b = {.from_us = check_integer(L, "from", INT64_MIN, INT64_MAX),
                            .to_us = check_integer(L, "to", INT64_MIN, INT64_MAX),
                            .events_max = (uint32_t)check_integer(L, "limit", 1, TG_BACKTEST_EVENTS_MAX)};
    const char *company = check_text(L, 1, "company", &len);
    if (tg_id_parse(company, len, "co", &b.company, &err) != 0)
        luaL_error(L, "tg.backtests.page: company is not a company's id");
    const char *cursor = check_text(L, 1, "cursor", &len);
    if (len >= sizeof(b.cursor))
        luaL_error(L, "tg.backtests.page: the cursor is too long");
    memcpy(b.cursor, cursor, len + 1);
    return b;
}

/* The list `files`, whose texts stay where they are. */
static size_t check_files(lua_State *L, struct tg_bundle_file files[static TG_BUNDLE_FILES_MAX])
{
    size_t n = 0, len;
    lua_settop(L, 1);
    if (lua_getfield(L, 1, "files") != LUA_TTABLE)
        luaL_error(L, "tg.backtests.page: files is not a list");
    for (; lua_rawgeti(L, 2, (lua_Integer)n + 1) == LUA_TTABLE; n++) {
        if (n == TG_BUNDLE_FILES_MAX)
            luaL_error(L, "tg.backtests.page: more than %d files", TG_BUNDLE_FILES_MAX);
        files[n].path = check_text(L, 3, "path", &len);
        files[n].text = check_text(L, 3, "source", &files[n].len);
        lua_settop(L, 2);
    }
    lua_settop(L, 1);
    return n;
}

/* What to rate with: the bundle, on the release of now. */
static int make_state(struct tg_rulebook *book, const struct tg_bundle_file *files, size_t n, const char *bundle_id,
                      struct tg_rulestate **state_r, struct tg_err *err_r)
{
    struct tg_faults faults = {0};
    struct tg_rulestate values = {0}, *now = tg_rulebook_state(book);
    int status = -1;
    if (now == NULL) {
        status = tg_err_set(err_r, TG_ERR_BUSY, "the rules are being loaded");
    } else if (tg_bundle_new(files, n, &faults, &values.bundle) != 0) {
        status = tg_faults_err(&faults, err_r);
    } else if (strcmp(tg_bundle_id(values.bundle), bundle_id) != 0) {
        status = tg_err_set(err_r, TG_ERR_INPUT, "the files are not those of the bundle");
    } else {
        values.host = now->host;
        *state_r = tg_rulestate_new(&values);
        status = 0;
    }
    tg_faults_deinit(&faults);
    tg_bundle_unref(&values.bundle);
    tg_rulestate_unref(&now);
    return status;
}

/* --- the page ------------------------------------------------------------------------------------------------------ */

static void run(void *arg) /* on a worker */
{
    struct job *job = arg;
    struct tg_ruleset *set;
    if (tg_ruleset_new(job->state, &set, &job->err) != 0)
        return;
    struct tg_sqlconn *conn = tg_sqlconn_new(tg_engine_url(job->engine));
    tg_sqlconn_set_timeouts(conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    if (tg_backtest_page(&job->backtest, conn, tg_engine_decks(job->engine), set, &job->page, &job->err) != 0)
        assert(job->err.code != TG_ERR_NONE);
    if (tg_strbuf_overflowed(&job->page))
        tg_err_set(&job->err, TG_ERR_BUG, "the page of a backtest is too long");
    tg_sqlconn_free(&conn);
    tg_ruleset_unref(&set);
}

static int push_page(lua_State *L, void *arg)
{
    struct job *job = arg;
    struct tg_err err;
    if (tg_json_push(L, job->page.bytes, job->page.len, &err) != 0)
        return luaL_error(L, "%s", err.text);
    return 1;
}

static void on_done(void *arg)
{
    struct job *job = arg;
    if (job->err.code != TG_ERR_NONE)
        tg_await_resume_err(&job->aw, &job->err);
    else
        tg_await_resume(&job->aw, push_page, job);
    job_free(job);
}

/* page{bundle, files, company, from, to, cursor, limit} → {cursor, events, companies, samples} | nil, err */
static int l_page(lua_State *L)
{
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    struct tg_bundle_file files[TG_BUNDLE_FILES_MAX];
    size_t len;
    luaL_checktype(L, 1, LUA_TTABLE);
    const struct tg_backtest backtest = check_backtest(L);
    const char *bundle_id = check_text(L, 1, "bundle", &len);
    const size_t n_files = check_files(L, files);
    if (services->rules == NULL || services->work == NULL)
        return luaL_error(L, "tg.backtests.page: a script has no rules");
    struct tg_await *aw = tg_await_new(L); /* nothing below raises */
    struct job *job = TG_NEW(struct job);
    *job = (struct job){.aw = aw, .engine = lua_touserdata(L, lua_upvalueindex(1)), .backtest = backtest};
    tg_strbuf_init(&job->page, PAGE_MAX);
    if (make_state(tg_ruleseat_book(services->rules), files, n_files, bundle_id, &job->state, &job->err) != 0 ||
        tg_work_submit(services->work, services->loop, run, on_done, job, &job->err) != 0)
        tg_loop_defer(services->loop, on_done, job);
    return tg_await_yield(L, job->aw);
}

int tg_charge_open_backtests(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, l_page, 1);
    lua_setfield(L, -2, "page");
    return 1;
}

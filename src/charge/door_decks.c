/* door_decks - tg.decks for application VMs: a CSV file becomes rows, a number finds its row.
 *
 * Parsing and loading run on worker threads. Rows are written by Lua (catalog/store.lua), which asks for them a
 * piece at a time, so that a deck of a million rows is never a million tables.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "charge/deckstore.h"
#include "charge/engine.h"
#include "rt/api_rules.h"
#include "rt/bytes.h"
#include "rt/co.h"
#include "rt/deckcsv.h"
#include "rt/field.h"
#include "rt/num.h"

#define PARSED_TYPE "tg.decks.parsed"
#define ROWS_AT_ONCE_MAX 10000
#define DIGITS_MAX 15
#define CONNECT_TIMEOUT_S 5
#define ANSWER_TIMEOUT_S 30 /* of a worker that loads a deck */

static void set_decimal(lua_State *L, const char *key, struct tg_decimal d)
{
    tg_num_push(L, d);
    lua_setfield(L, -2, key);
}

/* What a row costs; the instants are absent where it is unbounded. */
static void push_row(lua_State *L, const struct tg_deck_row *row)
{
    lua_createtable(L, 0, 16);
    tg_field_set_str(L, "prefix", row->prefix);
    set_decimal(L, "per_minute", row->per_minute);
    set_decimal(L, "connect_fee", row->connect_fee);
    tg_field_set_int(L, "initial_s", row->initial_s);
    tg_field_set_int(L, "increment_s", row->increment_s);
    tg_field_set_int(L, "min_s", row->min_s);
    tg_field_set_str(L, "when_window", row->when);
    lua_pushboolean(L, row->blocked);
    lua_setfield(L, -2, "blocked");
    if (row->from_us != INT64_MIN)
        tg_field_set_int(L, "valid_from", row->from_us);
    if (row->to_us != INT64_MAX)
        tg_field_set_int(L, "valid_to", row->to_us);
    if (row->n_steps == 0)
        return;
    lua_createtable(L, row->n_steps, 0);
    for (int i = 0; i < row->n_steps; i++) {
        lua_createtable(L, 0, 2);
        tg_field_set_int(L, "after_s", row->steps[i].after_s);
        char text[TG_DECIMAL_TEXT_SIZE];
        tg_decimal_format(row->steps[i].per_minute, text);
        tg_field_set_str(L, "per_minute", text);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "steps");
}

/* Work on a worker thread, then back; the common part of the calls here. */
struct job {
    struct tg_await *aw;
    struct tg_bytes *bytes; /* parse: the file */
    struct tg_deckcsv *csv;
    uint8_t sha256[TG_SHA256_LEN];
    struct tg_engine *engine; /* lookup and get */
    tg_await_push_fn *push; /* what they answer from the loaded deck */
    struct tg_id deck_id;
    uint32_t version;
    char digits[DIGITS_MAX + 1];
    int64_t at_us;
    struct tg_deck *deck;
    struct tg_err err;
};

static void job_free(struct job *job)
{
    tg_bytes_unref(&job->bytes);
    tg_deckcsv_free(&job->csv);
    tg_deck_unref(&job->deck);
    free(job);
}

static void on_refused(void *arg) /* the workers' queue is full */
{
    struct job *job = arg;
    tg_await_resume_err(&job->aw, &job->err);
    job_free(job);
}

static int job_start(lua_State *L, struct job *job, tg_loop_fn *run, tg_loop_fn *done)
{
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    if (services->work == NULL)
        tg_err_set(&job->err, TG_ERR_UPSTREAM, "there are no worker threads here");
    if (services->work == NULL || tg_work_submit(services->work, services->loop, run, done, job, &job->err) != 0)
        tg_loop_defer(services->loop, on_refused, job);
    return tg_await_yield(L, job->aw);
}

/* --- parse -------------------------------------------------------------------------------------------------------- */

static void parse(void *arg)
{
    struct job *job = arg;
    if (tg_deckcsv_parse(job->bytes->bytes, job->bytes->len, &job->csv, &job->err) == 0)
        tg_sha256(job->bytes->bytes, job->bytes->len, job->sha256);
}

static int parsed_gc(lua_State *L)
{
    struct tg_deckcsv **csv = luaL_checkudata(L, 1, PARSED_TYPE);
    tg_deckcsv_free(csv);
    return 0;
}

static void push_rejects(lua_State *L, const struct tg_deckcsv *csv)
{
    lua_createtable(L, (int)csv->n_rejects, 0);
    for (size_t i = 0; i < csv->n_rejects; i++) {
        lua_createtable(L, 0, 4);
        tg_field_set_int(L, "row", csv->rejects[i].line);
        tg_field_set_str(L, "prefix_text", csv->rejects[i].prefix_text);
        tg_field_set_str(L, "reason", csv->rejects[i].reason);
        tg_field_set_str(L, "detail", csv->rejects[i].detail);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static int push_parsed(lua_State *L, void *arg)
{
    struct job *job = arg;
    lua_createtable(L, 0, 8);
    tg_field_set_int(L, "rows", (int64_t)job->csv->n_rows);
    tg_field_set_int(L, "priced", (int64_t)job->csv->n_priced);
    tg_field_set_int(L, "blocked", (int64_t)job->csv->n_blocked);
    tg_field_set_int(L, "rejected", (int64_t)job->csv->n_rejected);
    lua_pushlstring(L, (const char *)job->sha256, sizeof(job->sha256));
    lua_setfield(L, -2, "sha256");
    push_rejects(L, job->csv);
    lua_setfield(L, -2, "first_rejected");
    struct tg_deckcsv **csv = lua_newuserdatauv(L, sizeof(*csv), 0);
    *csv = NULL;
    luaL_setmetatable(L, PARSED_TYPE);
    *csv = job->csv; /* Lua's from here on */
    job->csv = NULL;
    lua_setfield(L, -2, "parsed");
    return 1;
}

static void on_parsed(void *arg)
{
    struct job *job = arg;
    if (job->err.code != TG_ERR_NONE)
        tg_await_resume_err(&job->aw, &job->err);
    else
        tg_await_resume(&job->aw, push_parsed, job);
    job_free(job);
}

/* parse(bytes) → {rows, priced, blocked, rejected, first_rejected, sha256, parsed} | nil, err */
static int l_parse(lua_State *L)
{
    struct tg_bytes *bytes = tg_bytes_check(L, 1);
    struct tg_await *aw = tg_await_new(L);
    struct job *job = TG_NEW(struct job);
    job->aw = aw;
    job->bytes = bytes;
    return job_start(L, job, parse, on_parsed);
}

/* rows(parsed, from, n) → up to n rows, the first is number 1 */
static int l_rows(lua_State *L)
{
    const struct tg_deckcsv *csv = *(struct tg_deckcsv **)luaL_checkudata(L, 1, PARSED_TYPE);
    const lua_Integer from = luaL_checkinteger(L, 2), n = luaL_checkinteger(L, 3);
    luaL_argcheck(L, from >= 1, 2, "rows are counted from 1");
    luaL_argcheck(L, n >= 0 && n <= ROWS_AT_ONCE_MAX, 3, "0 to 10000 rows at once");
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 0; i < n && (size_t)(from - 1 + i) < csv->n_list; i++) {
        const struct tg_deckcsv_row *row = &csv->list[from - 1 + i];
        push_row(L, &row->row);
        tg_field_set_str(L, "name", row->name);
        tg_field_set_int(L, "row_no", from + i);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* --- lookup ------------------------------------------------------------------------------------------------------- */

/* The row, or nil. Windows are a plan's: a row that has one is not found here. */
static int push_found(lua_State *L, void *arg)
{
    const struct job *job = arg;
    int64_t until_us;
    const struct tg_deck_row *row =
        tg_deck_find(job->deck, job->digits, strlen(job->digits), job->at_us, NULL, NULL, &until_us);
    if (row == NULL) {
        lua_pushnil(L);
        return 1;
    }
    push_row(L, row);
    tg_field_set_int(L, "row_no", (int64_t)tg_deck_row_number(job->deck, row) + 1);
    return 1;
}

static void load(void *arg)
{
    struct job *job = arg;
    struct tg_sqlconn *conn = tg_sqlconn_new(tg_engine_url(job->engine));
    tg_sqlconn_set_timeouts(conn, CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S);
    if (tg_deckstore_load(tg_engine_decks(job->engine), conn, job->deck_id, job->version, &job->deck, &job->err) != 0)
        assert(job->err.code != TG_ERR_NONE);
    tg_sqlconn_free(&conn);
}

static void on_loaded(void *arg)
{
    struct job *job = arg;
    if (job->err.code != TG_ERR_NONE)
        tg_await_resume_err(&job->aw, &job->err);
    else
        tg_await_resume(&job->aw, job->push, job);
    job_free(job);
}

/* Reads deck_id and version, the first two arguments. */
static void read_version(lua_State *L, struct job *want)
{
    size_t len;
    const char *id = luaL_checklstring(L, 1, &len);
    const lua_Integer version = luaL_checkinteger(L, 2);
    struct tg_err err;
    want->engine = lua_touserdata(L, lua_upvalueindex(1));
    luaL_argcheck(L, version >= 1 && version <= UINT32_MAX, 2, "not a version");
    want->version = (uint32_t)version;
    if (tg_id_parse(id, len, "deck", &want->deck_id, &err) != 0)
        luaL_argerror(L, 1, "not a deck's id");
}

/* Answers from memory, or loads on a worker and waits. */
static int with_deck(lua_State *L, struct job *want)
{
    want->deck = tg_deckstore_get(tg_engine_decks(want->engine), want->deck_id, want->version);
    if (want->deck != NULL) {
        const int n = want->push(L, want); /* running out of memory here loses a reference, and then the process */
        tg_deck_unref(&want->deck);
        return n;
    }
    want->aw = tg_await_new(L);
    return job_start(L, tg_memdup(want, sizeof(*want)), load, on_loaded);
}

/* lookup(deck_id, version, digits, at_us) → row | nil | nil, err */
static int l_lookup(lua_State *L)
{
    struct job want = {.push = push_found};
    size_t len;
    read_version(L, &want);
    const char *digits = luaL_checklstring(L, 3, &len);
    want.at_us = luaL_checkinteger(L, 4);
    luaL_argcheck(L, len >= 1 && len <= DIGITS_MAX && strspn(digits, "0123456789") == len, 3, "1 to 15 digits");
    memcpy(want.digits, digits, len + 1);
    return with_deck(L, &want);
}

static int push_deck(lua_State *L, void *arg)
{
    const struct job *job = arg;
    tg_rules_push_deck(L, tg_deck_ref(job->deck));
    return 1;
}

/* get(deck_id, version) → deck for tg.rules.call | nil, err */
static int l_get(lua_State *L)
{
    struct job want = {.push = push_deck};
    read_version(L, &want);
    return with_deck(L, &want);
}

int tg_charge_open_decks(lua_State *L)
{
    struct tg_engine *engine = lua_touserdata(L, 1);
    if (luaL_newmetatable(L, PARSED_TYPE)) {
        lua_pushcfunction(L, parsed_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    lua_createtable(L, 0, 4);
    lua_pushcfunction(L, l_parse);
    lua_setfield(L, -2, "parse");
    lua_pushcfunction(L, l_rows);
    lua_setfield(L, -2, "rows");
    lua_pushlightuserdata(L, engine);
    lua_pushcclosure(L, l_lookup, 1);
    lua_setfield(L, -2, "lookup");
    lua_pushlightuserdata(L, engine);
    lua_pushcclosure(L, l_get, 1);
    lua_setfield(L, -2, "get");
    return 1;
}

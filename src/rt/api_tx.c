/* api_tx - tg.db.transaction: a closure that runs inside one database transaction, whole, and again whole.
 *
 * The retry is Lua (below), because it calls the closure, which waits; the steps are C. A struct tg_tx is the
 * transaction and is reached from three sides: the coroutine (one open transaction each), the `tx` value that the
 * closure got, and the operation in flight. It goes when it has ended and nothing is in flight: a coroutine that is
 * closed while its statement runs leaves a transaction that rolls back when the answer comes.
 *
 * A conflict (1020, 1205, 1213: the server has undone everything) is sticky. Whatever the closure makes of the error,
 * the transaction can only be rolled back and run again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/id.h"
#include "base/mem.h"
#include "rt/api_db.h"
#include "rt/api_time.h"

#define METATABLE "tg.transaction"
#define ATTEMPTS_MAX "5"

struct tg_tx {
    struct tg_dbtx *dbtx; /* NULL: ended */
    struct tg_co *co; /* NULL: its coroutine is gone */
    struct tg_tx **handle; /* the Lua value; NULL when collected */
    bool in_flight, in_conflict;
    struct tg_await *aw; /* of the statement in flight */
    struct tg_stmt *stmt;
    tg_stmt_push_fn *push;
    size_t n_bulk_rows; /* of the step in flight, 0 when it is none */
};

static const char prelude[] = "local begin, commit, rollback, in_conflict, bulk_step, pause, traceback, methods = ...\n"
                              "local xpcall, error = xpcall, error\n"
                              /* Runs the closure once: whether to try again, then what to return. */
                              "local function attempt(fn)\n"
                              "  local tx, refused = begin()\n"
                              "  if not tx then return false, nil, refused end\n"
                              "  local ok, value, err = xpcall(fn, traceback, tx)\n"
                              "  if in_conflict(tx) then\n"
                              "    return true, nil, rollback(tx)\n"
                              "  elseif not ok then\n"
                              "    rollback(tx)\n"
                              "    error(value, 0)\n"
                              "  elseif value == nil and err ~= nil then\n"
                              "    rollback(tx)\n"
                              "    return false, nil, err\n"
                              "  end\n"
                              "  local committed, failed, again = commit(tx)\n"
                              "  if not committed then return again, nil, failed end\n"
                              "  return false, value, err\n"
                              "end\n"
                              "local function transaction(fn)\n"
                              "  for nth = 1, " ATTEMPTS_MAX " do\n"
                              "    local again, value, err = attempt(fn)\n"
                              "    if not again or nth == " ATTEMPTS_MAX " then return value, err end\n"
                              "    pause(nth)\n"
                              "  end\n"
                              "end\n"
                              "function methods.bulk(tx, statement, list)\n"
                              "  local total, from = 0, 1\n"
                              "  while from <= #list do\n"
                              "    local affected, step = bulk_step(tx, statement, list, from)\n"
                              "    if not affected then return nil, step end\n"
                              "    total, from = total + affected, from + step\n"
                              "  end\n"
                              "  return total\n"
                              "end\n"
                              "local function bulk(statement, list)\n"
                              "  return transaction(function(tx) return methods.bulk(tx, statement, list) end)\n"
                              "end\n"
                              "return transaction, bulk\n";

static bool is_conflict(const struct tg_err *err)
{
    return err->code == TG_ERR_CONFLICT && (err->native == 1020 || err->native == 1205 || err->native == 1213);
}

/* The transaction has ended: the coroutine and the Lua value forget it. */
static void detach(struct tg_tx *tx)
{
    if (tx->co != NULL)
        tx->co->tx = NULL;
    tx->co = NULL;
    if (tx->handle != NULL)
        *tx->handle = NULL;
    tx->handle = NULL;
}

/* Ends it without a commit: now, or when what is in flight has answered. */
static void abandon(struct tg_tx *tx)
{
    detach(tx);
    if (tx->in_flight)
        return;
    tg_db_tx_rollback(tx->dbtx);
    free(tx);
}

void tg_tx_abandon(struct tg_co *co)
{
    if (co->tx != NULL)
        abandon(co->tx);
}

/* --- begin -------------------------------------------------------------------------------------------------------- */

static int l_gc(lua_State *L)
{
    struct tg_tx **handle = lua_touserdata(L, 1);
    if (*handle != NULL)
        (*handle)->handle = NULL;
    return 0;
}

static int push_begun(lua_State *L, void *arg)
{
    struct tg_tx *tx = arg;
    struct tg_tx **handle = lua_newuserdatauv(L, sizeof(tx), 0);
    *handle = tx;
    luaL_setmetatable(L, METATABLE);
    tx->handle = handle;
    return 1;
}

static void on_begun(struct tg_dbtx *dbtx, const struct tg_err *err, void *arg)
{
    struct tg_await *aw = arg;
    if (err != NULL) {
        tg_await_resume_err(&aw, err);
        return;
    }
    if (aw->co == NULL) {
        tg_db_tx_rollback(dbtx);
        tg_await_resume(&aw, push_begun, NULL);
        return;
    }
    struct tg_tx *tx = TG_NEW(struct tg_tx);
    tx->dbtx = dbtx;
    tx->co = aw->co;
    aw->co->tx = tx;
    tg_await_resume(&aw, push_begun, tx);
}

static int l_begin(lua_State *L)
{
    struct tg_co *co = tg_co_of(L);
    if (co->tx != NULL)
        return luaL_error(L, "tg.db.transaction: a transaction is open already");
    if (co->vm->attached && co->vm->services.db == NULL)
        return tg_return_not_configured(L, "a database");
    struct tg_await *aw = tg_await_new(L);
    tg_db_tx_begin(co->vm->services.db, tg_co_deadline_ms(L), on_begun, aw);
    return tg_await_yield(L, aw);
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static struct tg_tx *check_tx(lua_State *L)
{
    struct tg_tx **handle = luaL_checkudata(L, 1, METATABLE);
    if (*handle == NULL)
        luaL_error(L, "this transaction has ended");
    if ((*handle)->co != tg_co_of(L))
        luaL_error(L, "this transaction is another coroutine's");
    assert(!(*handle)->in_flight);
    return *handle;
}

static int push_bulk(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    (void)stmt;
    lua_pushinteger(L, (lua_Integer)tg_dbresult_affected(res));
    return 1;
}

struct bulk_answer {
    const struct tg_dbresult *res;
    size_t n_rows;
};

static int push_bulk_answer(lua_State *L, void *arg)
{
    const struct bulk_answer *a = arg;
    push_bulk(L, NULL, a->res);
    lua_pushinteger(L, (lua_Integer)a->n_rows);
    return 2;
}

static void on_result(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_tx *tx = arg;
    struct tg_await *aw = tx->aw;
    struct tg_dbanswer answer = {tx->stmt, tx->push, res};
    struct bulk_answer bulk = {res, tx->n_bulk_rows};
    tx->aw = NULL;
    tx->in_flight = false;
    if (err != NULL && is_conflict(err))
        tx->in_conflict = true;
    if (tx->co == NULL)
        abandon(tx);
    if (err != NULL)
        tg_db_resume_err(&aw, err);
    else if (bulk.n_rows > 0)
        tg_await_resume(&aw, push_bulk_answer, &bulk);
    else
        tg_await_resume(&aw, tg_dbanswer_push, &answer);
    tg_dbresult_free(&res);
}

static int send_statement(lua_State *L, struct tg_tx *tx, struct tg_stmt *stmt, const char *sql,
                          const struct tg_dbval *values, size_t n_values, tg_stmt_push_fn *push, size_t n_bulk_rows)
{
    if (tx->in_conflict) {
        struct tg_err err;
        tg_err_set(&err, TG_ERR_CONFLICT, "the transaction was undone by a conflict and will run again");
        err.native = 1213;
        return tg_return_err(L, &err);
    }
    tx->aw = tg_await_new(L);
    tx->stmt = stmt;
    tx->push = push;
    tx->n_bulk_rows = n_bulk_rows;
    tx->in_flight = true;
    tg_db_tx_query(tx->dbtx, sql, values, n_values, on_result, tx);
    return tg_await_yield(L, tx->aw);
}

static int run_statement(lua_State *L, tg_stmt_push_fn *push)
{
    struct tg_dbval values[TG_STMT_PARAMETERS_MAX];
    struct tg_id ids[TG_STMT_PARAMETERS_MAX];
    struct tg_err err;
    struct tg_tx *tx = check_tx(L);
    struct tg_stmt *stmt = tg_stmt_check(L, 2);
    if (tg_stmt_bind(L, stmt, 3, values, ids, &err) != 0)
        return tg_return_err(L, &err);
    return send_statement(L, tx, stmt, stmt->sql, values, stmt->n_binders, push, 0);
}

static int l_query(lua_State *L)
{
    return run_statement(L, tg_stmt_push_rows);
}

static int l_one(lua_State *L)
{
    return run_statement(L, tg_stmt_push_one);
}

static int l_execute(lua_State *L)
{
    return run_statement(L, tg_stmt_push_affected);
}

/* How many of the rows that are left go into one statement: few sizes, so that few texts are prepared. */
static size_t rows_of_step(const struct tg_stmt *stmt, size_t left)
{
    size_t step = TG_STMT_BULK_ROWS_MAX;
    if (stmt->row_len == 0)
        return 1;
    while (step > left)
        step /= 4;
    return step;
}

/* bulk_step(tx, statement, list, from) → affected, rows taken | nil, err */
static int l_bulk_step(lua_State *L)
{
    struct tg_err err;
    struct tg_tx *tx = check_tx(L);
    struct tg_stmt *stmt = tg_stmt_check(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_Integer from = luaL_checkinteger(L, 4), n = (lua_Integer)lua_rawlen(L, 3);
    lua_settop(L, 4);
    assert(from >= 1 && from <= n);
    size_t n_rows = rows_of_step(stmt, (size_t)(n - from) + 1), per_row = stmt->n_binders;
    struct tg_dbval *values = lua_newuserdatauv(L, n_rows * per_row * sizeof(*values) + 1, 0);
    struct tg_id *ids = lua_newuserdatauv(L, n_rows * per_row * sizeof(*ids) + 1, 0);
    for (size_t i = 0; i < n_rows; i++) {
        luaL_checkstack(L, 2, "bulk rows");
        lua_rawgeti(L, 3, from + (lua_Integer)i); /* stays: the values point into it */
        if (tg_stmt_bind(L, stmt, lua_gettop(L), values + i * per_row, ids + i * per_row, &err) != 0)
            return tg_return_err(L, &err);
    }
    const char *sql = n_rows == 1 ? stmt->sql : tg_stmt_sql_for_rows(stmt, n_rows);
    return send_statement(L, tx, stmt, sql, values, n_rows * per_row, NULL, n_rows);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int push_true(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushboolean(L, 1);
    return 1;
}

/* nil, err, whether the whole may be run again */
static int push_commit_failed(lua_State *L, void *arg)
{
    const struct tg_err *err = arg;
    lua_pushnil(L);
    tg_push_err(L, err);
    lua_pushboolean(L, is_conflict(err));
    return 3;
}

static void on_committed(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    struct tg_await *aw = arg;
    if (err != NULL) {
        struct tg_err copy = *err;
        tg_await_resume(&aw, push_commit_failed, &copy);
    } else {
        tg_await_resume(&aw, push_true, NULL);
    }
    tg_dbresult_free(&res);
}

static int l_commit(lua_State *L)
{
    struct tg_tx *tx = check_tx(L);
    struct tg_await *aw = tg_await_new(L);
    struct tg_dbtx *dbtx = tx->dbtx;
    detach(tx);
    free(tx);
    tg_db_tx_commit(dbtx, on_committed, aw);
    return tg_await_yield(L, aw);
}

/* rollback(tx) → the conflict as an error, for whoever returns it */
static int l_rollback(lua_State *L)
{
    struct tg_tx **handle = luaL_checkudata(L, 1, METATABLE);
    if (*handle != NULL)
        abandon(*handle);
    struct tg_err err;
    tg_err_set(&err, TG_ERR_CONFLICT, "other transactions were in the way, several times");
    err.native = 1213;
    tg_push_err(L, &err);
    return 1;
}

static int l_in_conflict(lua_State *L)
{
    struct tg_tx **handle = luaL_checkudata(L, 1, METATABLE);
    lua_pushboolean(L, *handle != NULL && (*handle)->in_conflict);
    return 1;
}

/* pause(nth): up to 10 ms · 2^nth, so that those who met do not meet again */
static int l_pause(lua_State *L)
{
    uint32_t random;
    tg_random(&random, sizeof(random));
    return tg_api_sleep(L, 1 + random % (10u << luaL_checkinteger(L, 1)));
}

/* The message handler: a text gets its traceback, which the rollback would lose. */
static int l_traceback(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    else
        lua_settop(L, 1);
    return 1;
}

void tg_tx_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"query", l_query}, {"one", l_one}, {"execute", l_execute}, {NULL, NULL}};
    static const lua_CFunction steps[] = {l_begin,     l_commit, l_rollback, l_in_conflict,
                                          l_bulk_step, l_pause,  l_traceback};
    luaL_checkstack(L, 16, "tg.db");
    int db = lua_gettop(L);
    luaL_newlib(L, methods);
    luaL_newmetatable(L, METATABLE);
    lua_pushvalue(L, db + 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    if (luaL_loadbufferx(L, prelude, sizeof(prelude) - 1, "=tg.db", "t") != LUA_OK)
        lua_error(L);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        lua_pushcfunction(L, steps[i]);
    lua_pushvalue(L, db + 1);
    lua_call(L, sizeof(steps) / sizeof(*steps) + 1, 2);
    lua_setfield(L, db, "bulk");
    lua_setfield(L, db, "transaction");
    lua_settop(L, db);
}

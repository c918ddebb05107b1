/* api_db - tg.db: statements are declared while modules load, then run by name.
 *
 *     local sql = tg.db.declare {
 *       wallet = "SELECT id AS `id:wal`, balance FROM wallets WHERE company_id = {scope} AND id = {id:id}",
 *       companies = { unscoped = "the platform lists all", sql = "SELECT …" },
 *     }
 *     local row, err = tg.db.one(sql.wallet, { id = id })
 *
 * While a transaction is open everything goes through it: a second connection could wait for the first for ever.
 */
#include "rt/api_db.h"

#include <assert.h>
#include <string.h>

#include <lauxlib.h>

int tg_return_err(lua_State *L, const struct tg_err *err)
{
    lua_pushnil(L);
    tg_push_err(L, err);
    return 2;
}

int tg_return_not_configured(lua_State *L, const char *what)
{
    struct tg_err err;
    tg_err_set(&err, TG_ERR_UPSTREAM, "%s is not configured", what);
    return tg_return_err(L, &err);
}

int tg_stmt_push_affected(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    (void)stmt;
    lua_pushinteger(L, (lua_Integer)tg_dbresult_affected(res));
    return 1;
}

int tg_dbanswer_push(lua_State *L, void *answer)
{
    struct tg_dbanswer *a = answer;
    return a->push(L, a->stmt, a->res);
}

/* --- declare ------------------------------------------------------------------------------------------------------ */

static int declare_one(lua_State *L, const char *name, struct tg_err *err_r)
{
    size_t len;
    const char *text;
    if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tolstring(L, -1, &len);
        return tg_stmt_push(L, name, text, len, false, err_r);
    }
    if (!lua_istable(L, -1))
        return tg_err_set(err_r, TG_ERR_INPUT, "statement '%s': SQL, or {unscoped = \"why\", sql = …}, expected", name);
    int unscoped = lua_getfield(L, -1, "unscoped"), sql = lua_getfield(L, -2, "sql");
    if (sql != LUA_TSTRING || (unscoped != LUA_TSTRING && unscoped != LUA_TNIL) ||
        (unscoped == LUA_TSTRING && lua_rawlen(L, -2) == 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "statement '%s': sql and a reason in unscoped must be texts", name);
    text = lua_tolstring(L, -1, &len);
    if (tg_stmt_push(L, name, text, len, unscoped == LUA_TSTRING, err_r) != 0)
        return -1;
    lua_replace(L, -3);
    lua_pop(L, 1);
    return 0;
}

/* declare{name = sql | {unscoped = reason, sql = sql}} → {name = statement} */
static int l_declare(lua_State *L)
{
    const struct tg_vm *vm = tg_vm_of(L);
    struct tg_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!vm->building && !vm->scripts)
        return luaL_error(L, "tg.db.declare: only while a module loads");
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_settop(L, 3)) {
        if (lua_type(L, 3) != LUA_TSTRING)
            return luaL_error(L, "tg.db.declare: statements have names");
        const char *name = lua_tostring(L, 3);
        if (declare_one(L, name, &err) != 0)
            return luaL_error(L, "%s", err.text);
        lua_pushvalue(L, 3);
        lua_insert(L, -2);
        lua_rawset(L, 2);
    }
    lua_settop(L, 2);
    return 1;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

void tg_db_resume_err(struct tg_await **aw, const struct tg_err *err)
{
    struct tg_err copy = *err;
    if (copy.code == TG_ERR_INPUT)
        copy.code = TG_ERR_BUG;
    tg_await_resume_err(aw, &copy);
}

static void on_result(struct tg_dbresult *res, const struct tg_err *err, struct tg_await *aw, tg_stmt_push_fn *push)
{
    struct tg_dbanswer answer = {aw->data, push, res};
    if (err != NULL)
        tg_db_resume_err(&aw, err);
    else
        tg_await_resume(&aw, tg_dbanswer_push, &answer);
    tg_dbresult_free(&res);
}

static void on_rows(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    on_result(res, err, arg, tg_stmt_push_rows);
}

static void on_one(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    on_result(res, err, arg, tg_stmt_push_one);
}

static void on_affected(struct tg_dbresult *res, const struct tg_err *err, void *arg)
{
    on_result(res, err, arg, tg_stmt_push_affected);
}

static int run_statement(lua_State *L, tg_db_result_fn *on_done)
{
    struct tg_dbval values[TG_STMT_PARAMETERS_MAX];
    struct tg_id ids[TG_STMT_PARAMETERS_MAX];
    struct tg_err err;
    struct tg_stmt *stmt = tg_stmt_check(L, 1);
    struct tg_co *co = tg_co_of(L);
    if (co->tx != NULL)
        return luaL_error(L, "statement '%s': a transaction is open, use tx:query, tx:one or tx:execute", stmt->name);
    if (tg_stmt_bind(L, stmt, 2, values, ids, &err) != 0)
        return tg_return_err(L, &err);
    if (co->vm->attached && co->vm->services.db == NULL)
        return tg_return_not_configured(L, "a database");
    struct tg_await *aw = tg_await_new(L);
    aw->data = stmt;
    tg_db_query(co->vm->services.db, stmt->sql, values, stmt->n_binders, tg_co_deadline_ms(L), on_done, aw);
    return tg_await_yield(L, aw);
}

/* query(statement, args) → rows | nil, err */
static int l_query(lua_State *L)
{
    return run_statement(L, on_rows);
}

/* one(statement, args) → row | nil (absent) | nil, err */
static int l_one(lua_State *L)
{
    return run_statement(L, on_one);
}

/* execute(statement, args) → affected | nil, err */
static int l_execute(lua_State *L)
{
    return run_statement(L, on_affected);
}

int tg_api_open_db(lua_State *L)
{
    static const luaL_Reg library[] = {
        {"declare", l_declare}, {"query", l_query}, {"one", l_one}, {"execute", l_execute}, {NULL, NULL}};
    luaL_newlib(L, library);
    tg_tx_open(L);
    return 1;
}

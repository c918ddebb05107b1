/* stmt_rows - results of a statement as Lua tables.
 *
 * The columns are understood once, with the first result: their decoders stand in the statement, their names as Lua
 * strings in the statement's user value, so that a row costs one table and a raw set a cell. NULL is an absent field.
 */
#include <assert.h>
#include <string.h>

#include <lauxlib.h>

#include "rt/json.h"
#include "rt/num.h"
#include "rt/stmt.h"

/* Splits "id:co" at its last colon; the name's length. */
static size_t understand_alias(const char *alias, size_t len, struct tg_column *column)
{
    const char *colon = memrchr(alias, ':', len);
    column->kind = TG_COLUMN_PLAIN;
    if (colon == NULL)
        return len;
    size_t suffix_len = (size_t)(alias + len - colon) - 1;
    if (suffix_len == 4 && memcmp(colon + 1, "json", 4) == 0) {
        column->kind = TG_COLUMN_JSON;
    } else if (suffix_len == 4 && memcmp(colon + 1, "bool", 4) == 0) {
        column->kind = TG_COLUMN_BOOL;
    } else if (suffix_len >= 1 && suffix_len <= TG_ID_PREFIX_MAX) {
        column->kind = TG_COLUMN_ID;
        memcpy(column->prefix, colon + 1, suffix_len);
        column->prefix[suffix_len] = '\0';
    } else {
        return len;
    }
    return (size_t)(colon - alias);
}

/* Pushes {names…, columns (a userdata)} kept as the statement's user value; the statement is pushed below it. */
static void understand_columns(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    size_t n = tg_dbresult_n_columns(res);
    lua_createtable(L, (int)n + 1, 0);
    struct tg_column *columns = lua_newuserdatauv(L, n * sizeof(*columns), 0);
    memset(columns, 0, n * sizeof(*columns));
    lua_rawseti(L, -2, (lua_Integer)n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *alias = tg_dbresult_column(res, i, &len);
        lua_pushlstring(L, alias, understand_alias(alias, len, &columns[i]));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setiuservalue(L, -2, 1);
    stmt->columns = columns;
    stmt->n_columns = n;
}

/* Pushes the table of column names. */
static void push_names(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, stmt);
    if (stmt->n_columns != tg_dbresult_n_columns(res))
        understand_columns(L, stmt, res);
    lua_getiuservalue(L, -1, 1);
    lua_remove(L, -2);
}

static void push_json_cell(lua_State *L, const struct tg_stmt *stmt, const struct tg_dbval *cell)
{
    struct tg_err err;
    if (tg_json_push(L, cell->bytes, cell->len, &err) != 0)
        luaL_error(L, "statement '%s': a JSON column: %s", stmt->name, err.text);
}

static void push_id_cell(lua_State *L, const struct tg_stmt *stmt, const char *prefix, const struct tg_dbval *cell)
{
    char text[TG_ID_TEXT_SIZE];
    struct tg_id id;
    if (cell->type != TG_DB_BYTES || cell->len != sizeof(id.bytes))
        luaL_error(L, "statement '%s': a column ':%s' that is not BINARY(16)", stmt->name, prefix);
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    lua_pushlstring(L, text, tg_id_format(id, prefix, text));
}

static void push_cell(lua_State *L, const struct tg_stmt *stmt, const struct tg_column *column,
                      const struct tg_dbval *cell)
{
    if (column->kind == TG_COLUMN_ID) {
        push_id_cell(L, stmt, column->prefix, cell);
    } else if (column->kind == TG_COLUMN_JSON && cell->type == TG_DB_BYTES) {
        push_json_cell(L, stmt, cell);
    } else if (column->kind == TG_COLUMN_BOOL && cell->type == TG_DB_INT) {
        lua_pushboolean(L, cell->num != 0);
    } else {
        switch (cell->type) {
        case TG_DB_NULL: lua_pushnil(L); break;
        case TG_DB_INT:
        case TG_DB_TIME: lua_pushinteger(L, cell->num); break;
        case TG_DB_BYTES: lua_pushlstring(L, cell->bytes, cell->len); break;
        case TG_DB_DECIMAL: tg_num_push(L, cell->dec); break;
        }
    }
}

static void push_row(lua_State *L, const struct tg_stmt *stmt, const struct tg_dbresult *res, size_t row, int names)
{
    lua_createtable(L, 0, (int)stmt->n_columns);
    for (size_t i = 0; i < stmt->n_columns; i++) {
        const struct tg_dbval *cell = tg_dbresult_cell(res, row, i);
        if (cell->type == TG_DB_NULL)
            continue;
        lua_rawgeti(L, names, (lua_Integer)i + 1);
        push_cell(L, stmt, &stmt->columns[i], cell);
        lua_rawset(L, -3);
    }
}

int tg_stmt_push_rows(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    size_t n = tg_dbresult_n_rows(res);
    luaL_checkstack(L, 12, "rows");
    push_names(L, stmt, res);
    int names = lua_gettop(L);
    lua_createtable(L, (int)n, 0);
    tg_json_mark_array(L, -1);
    for (size_t row = 0; row < n; row++) {
        push_row(L, stmt, res, row, names);
        lua_rawseti(L, -2, (lua_Integer)row + 1);
    }
    return 1;
}

int tg_stmt_push_one(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res)
{
    size_t n = tg_dbresult_n_rows(res);
    luaL_checkstack(L, 12, "a row");
    if (n > 1)
        return luaL_error(L, "statement '%s': one row expected, got %d", stmt->name, (int)n);
    if (n == 0) {
        lua_pushnil(L);
        return 1;
    }
    push_names(L, stmt, res);
    push_row(L, stmt, res, 0, lua_gettop(L));
    return 1;
}

/* stmt - statements that Lua declares: text with named parameters, made once into `?` and a list of binders.
 *
 *     SELECT id AS `id:wal`, balance FROM wallets WHERE company_id = {scope} AND id = {id:id}
 *
 * Parameters: {scope} (16 bytes of the principal's company), {name} (integer, string, boolean → 0/1, decimal,
 * nil → NULL), {name:id} TypeID text → 16 bytes, {name:time} µs → DATETIME(6), {name:json} table → text, {name:hex}.
 * A statement must have {scope} or say why it has none; text in quotes and comments is copied as it is.
 * Columns: an alias "x:json" is decoded, "x:bool" a boolean, "x:<prefix>" a TypeID; the rest by the cell's type.
 *
 * A statement belongs to its VM (it is a userdata, anchored there); its SQL lives for the process, as io/db.h wants.
 */
#ifndef TG_RT_STMT_H
#define TG_RT_STMT_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

#include "base/err.h"
#include "io/db.h"

#define TG_STMT_PARAMETERS_MAX 64
#define TG_STMT_BULK_ROWS_MAX 256

enum tg_bindkind { TG_BIND_SCOPE, TG_BIND_VALUE, TG_BIND_ID, TG_BIND_TIME, TG_BIND_JSON, TG_BIND_HEX };

struct tg_binder {
    enum tg_bindkind kind;
    const char *name;
};

enum tg_columnkind { TG_COLUMN_PLAIN, TG_COLUMN_ID, TG_COLUMN_JSON, TG_COLUMN_BOOL };

struct tg_column {
    enum tg_columnkind kind;
    char prefix[TG_ID_PREFIX_MAX + 1];
};

struct tg_stmt {
    const char *name, *sql;
    size_t n_binders;
    struct tg_binder binders[TG_STMT_PARAMETERS_MAX];
    /* An INSERT of one row can be made one of many: head "INSERT … VALUES ", row "(?, …)", tail " ON DUPLICATE …". */
    size_t row_start, row_len; /* of the row's parentheses in sql; row_len 0: it is no such INSERT */
    size_t n_columns; /* known with the first result; 0 before */
    struct tg_column *columns;
};

/* Pushes the statement object. INPUT says what is wrong with the text. unscoped: a reason was given. */
int tg_stmt_push(lua_State *L, const char *name, const char *text, size_t len, bool unscoped,
                 struct tg_err *err_r) TG_MUST_CHECK;
/* The statement at idx, or raises. */
struct tg_stmt *tg_stmt_check(lua_State *L, int idx);

/* Binds the table at args (nil: no arguments) into values[n_binders] and ids[n_binders] (room for their bytes). What
 * the values point to stays while the Lua stack does: texts made here are pushed. INPUT for an id that is none; a
 * value of a kind that cannot be bound raises. */
int tg_stmt_bind(lua_State *L, const struct tg_stmt *stmt, int args, struct tg_dbval *values, struct tg_id *ids,
                 struct tg_err *err_r) TG_MUST_CHECK;
/* The text of the statement for n_rows rows (1 … TG_STMT_BULK_ROWS_MAX, row_len > 0). */
const char *tg_stmt_sql_for_rows(const struct tg_stmt *stmt, size_t n_rows);

/* Each pushes what its caller returns to Lua; called protected. */
int tg_stmt_push_rows(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res);
int tg_stmt_push_one(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res);

/* The same text, once in the process, for ever. Any thread. */
const char *tg_intern(const char *text, size_t len);

#endif

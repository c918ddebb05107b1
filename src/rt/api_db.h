/* api_db - what api_db.c and api_tx.c share: running a statement, alone or inside a transaction. */
#ifndef TG_RT_API_DB_H
#define TG_RT_API_DB_H

#include "rt/stmt.h"
#include "rt/vm_private.h"

/* How the result becomes Lua: rows, one row or nil, the number of rows written. */
typedef int tg_stmt_push_fn(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res);
int tg_stmt_push_affected(lua_State *L, struct tg_stmt *stmt, const struct tg_dbresult *res);

struct tg_dbanswer { /* on the stack of the callback that resumes */
    struct tg_stmt *stmt;
    tg_stmt_push_fn *push;
    const struct tg_dbresult *res;
};
int tg_dbanswer_push(lua_State *L, void *answer);

/* For a statement that failed. What the database calls bad input went past the checks of the application: a bug, whose
 * text is for the log and not for the caller. */
void tg_db_resume_err(struct tg_await **aw, const struct tg_err *err);
/* nil and an error, for a failure known before anything is waited for. */
int tg_return_err(lua_State *L, const struct tg_err *err);
int tg_return_not_configured(lua_State *L, const char *what);

/* transaction, and bulk on top of it: added to the table on top (tg.db). */
void tg_tx_open(lua_State *L);

#endif

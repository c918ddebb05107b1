/* dbstmt - prepared statements of one connection: the cache, the binding of
 * parameters and the reading of rows. It never talks to the server itself:
 * who owns the connection does (blocking in sqlconn.c, not in dbconn.c).
 *
 *     stmt = tg_dbstmt_cache_find(cache, sql);        NULL: add, then mysql_stmt_prepare(handle, …), prepared()
 *     tg_dbstmt_bind(stmt, values, n) → mysql_stmt_execute(handle) → tg_dbstmt_executed()
 *     while mysql_stmt_fetch(handle) gives a row: tg_dbstmt_read_row() → tg_dbstmt_finished()
 */
#ifndef TG_IO_DBSTMT_H
#define TG_IO_DBSTMT_H

#include <stdbool.h>
#include <stddef.h>

#include <mysql.h>

#include "io/db.h"

struct tg_dbstmt;
struct tg_dbstmt_cache;

struct tg_dbstmt_cache *tg_dbstmt_cache_new(size_t statements_max);
/* After mysql_close(), which has detached the handles: nothing is sent. */
void tg_dbstmt_cache_free(struct tg_dbstmt_cache **cache);
/* The statement of this text, now the most recently used, or NULL. */
struct tg_dbstmt *tg_dbstmt_cache_find(struct tg_dbstmt_cache *cache, const char *sql);
/* A new one, to be prepared; the least recently used gives way. sql is copied. */
struct tg_dbstmt *tg_dbstmt_cache_add(struct tg_dbstmt_cache *cache, MYSQL *my, const char *sql);
/* Drops one: its preparation failed, or the server has forgotten it. */
void tg_dbstmt_cache_drop(struct tg_dbstmt_cache *cache, struct tg_dbstmt **stmt);

MYSQL_STMT *tg_dbstmt_handle(struct tg_dbstmt *stmt);
const char *tg_dbstmt_sql(const struct tg_dbstmt *stmt);
void tg_dbstmt_prepared(struct tg_dbstmt *stmt);
/* Binds; the values must live until the execution has ended. BUG when the number differs from the statement's. */
int tg_dbstmt_bind(struct tg_dbstmt *stmt, const struct tg_dbval *values, size_t n_values,
                   struct tg_err *err_r) TG_MUST_CHECK;
/* After a successful execution: a result with the columns' names (or the affected count), no rows yet. Sets
 * *has_rows_r when rows are to be fetched. */
struct tg_dbresult *tg_dbstmt_executed(struct tg_dbstmt *stmt, bool *has_rows_r);
/* Copies the fetched row. INPUT for a value our types cannot hold. */
int tg_dbstmt_read_row(struct tg_dbstmt *stmt, struct tg_dbresult *res, struct tg_err *err_r) TG_MUST_CHECK;
/* All rows were fetched, or the rest is thrown away (which may wait for the server). */
void tg_dbstmt_finished(struct tg_dbstmt *stmt);

/* Array binding: as tg_dbstmt_bind for n_rows rows at once; the returned memory must live until the execution has
 * ended, then tg_dbstmt_unbind_bulk() frees it. */
struct tg_dbbulk;
struct tg_dbbulk *tg_dbstmt_bind_bulk(struct tg_dbstmt *stmt, const struct tg_dbval *values, size_t n_values,
                                      size_t n_rows, struct tg_err *err_r);
void tg_dbstmt_unbind_bulk(struct tg_dbstmt *stmt, struct tg_dbbulk **bulk);

/* µs since the epoch as MYSQL_TIME and back (UTC, proleptic Gregorian calendar). */
bool tg_dbtime_fits(int64_t us); /* the years 1 to 9999, all that DATETIME holds */
void tg_dbtime_from_us(int64_t us, MYSQL_TIME *time_r);
int64_t tg_dbtime_to_us(const MYSQL_TIME *time);

#endif

/* sqlconn - a blocking MariaDB connection, for threads that may wait: the
 * ledger engine, `tollgate migrate`, `ledger verify`, loading a deck.
 *
 * The same values, sessions and error codes as io/db.h; prepared statements
 * are cached. Never on a loop thread.
 */
#ifndef TG_IO_SQLCONN_H
#define TG_IO_SQLCONN_H

#include "io/db.h"

struct tg_sqlconn;

/* Connects on first use and again after a loss (not inside a transaction). */
struct tg_sqlconn *tg_sqlconn_new(const struct tg_dburl *url);
void tg_sqlconn_free(struct tg_sqlconn **conn);
/* How long a silent server is waited for, from the next connect on: to connect, and for each answer. Without: 5 s, and
 * 900 s because an ALTER takes its time. */
void tg_sqlconn_set_timeouts(struct tg_sqlconn *conn, unsigned connect_s, unsigned answer_s);
/* res_r may be NULL when the rows do not matter; otherwise the caller frees it. */
int tg_sqlconn_query(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                     struct tg_dbresult **res_r, struct tg_err *err_r) TG_MUST_CHECK;
/* One write for many rows in one round trip (MariaDB array binding): values is n_rows * n_values, row by row.
 * Every row's value in a column has the same type or is NULL. */
int tg_sqlconn_bulk(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                    size_t n_rows, uint64_t *affected_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Rows are handed over one by one as they arrive (long reads: verify, decks). A non-zero return of fn stops. */
typedef int tg_sqlconn_row_fn(const struct tg_dbval *cells, size_t n_cells, void *arg);
int tg_sqlconn_each(struct tg_sqlconn *conn, const char *sql, const struct tg_dbval *values, size_t n_values,
                    tg_sqlconn_row_fn *fn, void *arg, struct tg_err *err_r) TG_MUST_CHECK;
int tg_sqlconn_begin(struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK; /* READ COMMITTED */
/* UNCERTAIN when the answer was lost. */
int tg_sqlconn_commit(struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;
void tg_sqlconn_rollback(struct tg_sqlconn *conn);
/* Text protocol, several statements: migrations only. */
int tg_sqlconn_script(struct tg_sqlconn *conn, const char *sql, size_t len, struct tg_err *err_r) TG_MUST_CHECK;

#endif

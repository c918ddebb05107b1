/* db - MariaDB without blocking: a pool of connections for each loop thread.
 *
 * A statement is text with `?` and bound values; the pool prepares it once a
 * connection and caches it (LRU, TG_DB_STATEMENTS_MAX). Results are read whole
 * (bounded by row and byte limits: INPUT "result too large") and belong to the
 * callback, which frees them.
 *
 * Sessions: time_zone +00:00, utf8mb4, innodb_snapshot_isolation=ON where it
 * exists, innodb_lock_wait_timeout=2, max_statement_time from the deadline,
 * strict sql_mode, TLS when the URL asks.
 *
 * Errors: err.native is MariaDB's errno. 1020, 1205, 1213 → CONFLICT (the whole
 * transaction may be retried, nothing of it happened), 1062 → CONFLICT with the
 * key's name in the text, lost connection before anything was sent → UPSTREAM,
 * a write or COMMIT sent and unanswered → UNCERTAIN, queue full → BUSY, deadline
 * while queued → BUSY, deadline while running → UNCERTAIN for writes, else UPSTREAM
 * (the connection is closed). A statement of a transaction is never UNCERTAIN: with
 * its connection the server undoes it; only COMMIT is. Reconnects back off 50 ms … 5 s
 * with jitter; a failed attempt, with no connection left, fails all that waits.
 *
 * All calls on the pool's loop. The five promises of io/loop.h hold.
 */
#ifndef TG_IO_DB_H
#define TG_IO_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/err.h"
#include "base/id.h"
#include "io/loop.h"

enum tg_dbtype { TG_DB_NULL, TG_DB_INT, TG_DB_BYTES, TG_DB_DECIMAL, TG_DB_TIME };

/* A bound parameter or a result cell. Bytes are borrowed: of the caller until the call returns (they are
 * copied), of the result until it is freed. */
struct tg_dbval {
    enum tg_dbtype type;
    union {
        int64_t num; /* INT; TIME: µs since the epoch, a DATETIME(6) column */
        struct {
            const char *bytes;
            size_t len;
        };
        struct tg_decimal dec;
    };
};
#define TG_DBVAL_NULL ((struct tg_dbval){.type = TG_DB_NULL})
#define TG_DBVAL_INT(n) ((struct tg_dbval){.type = TG_DB_INT, .num = (n)})
#define TG_DBVAL_TIME(us) ((struct tg_dbval){.type = TG_DB_TIME, .num = (us)})
#define TG_DBVAL_DEC(d) ((struct tg_dbval){.type = TG_DB_DECIMAL, .dec = (d)})
#define TG_DBVAL_BYTES(p, n) ((struct tg_dbval){.type = TG_DB_BYTES, .bytes = (p), .len = (n)})
#define TG_DBVAL_STR(s) TG_DBVAL_BYTES((s), strlen(s))
#define TG_DBVAL_ID(id) TG_DBVAL_BYTES((const char *)(id).bytes, sizeof((id).bytes))

struct tg_dbresult; /* columns and rows, or the counts of a write */
size_t tg_dbresult_n_rows(const struct tg_dbresult *res);
size_t tg_dbresult_n_columns(const struct tg_dbresult *res);
/* The alias of the column, as the statement wrote it. */
const char *tg_dbresult_column(const struct tg_dbresult *res, size_t column, size_t *len_r);
const struct tg_dbval *tg_dbresult_cell(const struct tg_dbresult *res, size_t row, size_t column);
uint64_t tg_dbresult_affected(const struct tg_dbresult *res);
void tg_dbresult_free(struct tg_dbresult **res);

struct tg_dburl { /* parsed mysql://user:password@host[:port]/database[?socket=/path&tls=verify] */
    char *user, *password, *host, *database, *socket;
    uint16_t port;
    bool tls_verify;
};
int tg_dburl_parse(const char *url, struct tg_dburl *url_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_dburl_deinit(struct tg_dburl *url);

struct tg_dbpool_settings {
    unsigned connections_max; /* per loop thread */
    size_t queue_len_max; /* waiting for a connection */
    size_t result_rows_max; /* 0: 10000 */
    size_t result_bytes_max; /* 0: 16 MiB */
    uint32_t connect_timeout_ms;
};
#define TG_DB_STATEMENTS_MAX 256

struct tg_dbpool;
/* Connects lazily. url is copied. */
struct tg_dbpool *tg_dbpool_new(struct tg_loop *loop, const struct tg_dburl *url, const struct tg_dbpool_settings *set);
/* Fails what waits (UPSTREAM), closes idle connections now and busy ones when their operation ends or its
 * deadline passes; then runs done(arg). */
void tg_dbpool_close(struct tg_dbpool **pool, tg_loop_fn *done, void *arg);

struct tg_dbpool_stats {
    unsigned connected, busy;
    size_t queued;
    uint64_t queries, errors, reconnects;
};
struct tg_dbpool_stats tg_dbpool_stats_get(const struct tg_dbpool *pool);

/* res is owned by the callback (NULL on failure); err is NULL on success, borrowed otherwise. */
typedef void tg_db_result_fn(struct tg_dbresult *res, const struct tg_err *err, void *arg);

/* One statement on any connection, autocommitted. sql must be a literal or live for the process (it is the
 * cache's key by content). deadline_ms: tg_loop_now_ms() + n. Values are copied. */
void tg_db_query(struct tg_dbpool *pool, const char *sql, const struct tg_dbval *values, size_t n_values,
                 uint64_t deadline_ms, tg_db_result_fn *fn, void *arg);

/* A transaction holds one connection from its BEGIN until commit or rollback. One operation at a time on it
 * (asserted). A passed deadline is sticky: every later call fails, and the connection is rolled back or closed. */
struct tg_dbtx;
typedef void tg_db_tx_fn(struct tg_dbtx *tx, const struct tg_err *err, void *arg); /* tx NULL on failure */
void tg_db_tx_begin(struct tg_dbpool *pool, uint64_t deadline_ms, tg_db_tx_fn *fn, void *arg);
void tg_db_tx_query(struct tg_dbtx *tx, const char *sql, const struct tg_dbval *values, size_t n_values,
                    tg_db_result_fn *fn, void *arg);
/* Both end the transaction whatever the answer: tx is gone when the call returns. An unanswered COMMIT is UNCERTAIN.
 * fn's res is NULL also on success: err says which. */
void tg_db_tx_commit(struct tg_dbtx *tx, tg_db_result_fn *fn, void *arg);
void tg_db_tx_rollback(struct tg_dbtx *tx); /* no answer: the connection is cleaned or closed */

#endif

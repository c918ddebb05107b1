/* dbconn - one connection to MariaDB, driven without blocking; dbpool.c owns them.
 *
 * One operation at a time. The five promises of io/loop.h hold. After a fatal
 * error or a passed deadline the connection is closed and only good to be freed.
 */
#ifndef TG_IO_DBCONN_H
#define TG_IO_DBCONN_H

#include "io/db.h"
#include "io/dbsession.h"

struct tg_dbconn;

/* url lives as long as the connection. on_lost runs when the server closes it while it is idle. */
struct tg_dbconn *tg_dbconn_new(struct tg_loop *loop, const struct tg_dburl *url, tg_loop_fn *on_lost, void *arg);
/* Not while an operation runs. */
void tg_dbconn_free(struct tg_dbconn **conn);
/* Connects and sets the session up. host: an address or a name; NULL for the url's socket. */
void tg_dbconn_connect(struct tg_dbconn *conn, const char *host, uint32_t timeout_ms, tg_db_result_fn *fn, void *arg);
bool tg_dbconn_is_usable(const struct tg_dbconn *conn);

struct tg_dbconn_query { /* sql and values live until the callback */
    const char *sql;
    const struct tg_dbval *values;
    size_t n_values;
    enum tg_dbphase phase;
    uint64_t deadline_ms;
    size_t rows_max, bytes_max;
};
void tg_dbconn_query(struct tg_dbconn *conn, const struct tg_dbconn_query *query, tg_db_result_fn *fn, void *arg);
/* START TRANSACTION, COMMIT, ROLLBACK: text without a result. sql is a literal; res is NULL in the callback. */
void tg_dbconn_command(struct tg_dbconn *conn, const char *sql, enum tg_dbphase phase, uint64_t deadline_ms,
                       tg_db_result_fn *fn, void *arg);
/* The running operation, if any, ends next turn as if its deadline had passed. */
void tg_dbconn_abort(struct tg_dbconn *conn);

#endif

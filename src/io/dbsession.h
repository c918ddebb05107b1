/* dbsession - what every connection to MariaDB has in common, blocking or not:
 * its options, its session variables, and what its error numbers mean.
 */
#ifndef TG_IO_DBSESSION_H
#define TG_IO_DBSESSION_H

#include <stdbool.h>
#include <stddef.h>

#include <mysql.h>

#include "io/db.h"

/* Once a process, from any thread, before anything else of libmariadb. */
void tg_dbsession_init_library(void);
void tg_dburl_copy(const struct tg_dburl *url, struct tg_dburl *copy_r);

/* Before connecting: character set, TLS, no automatic reconnect, timeouts in whole seconds (0: none). */
void tg_dbsession_set_options(MYSQL *my, const struct tg_dburl *url, unsigned connect_timeout_s,
                              unsigned read_timeout_s);
/* The host to connect to: `host`, or NULL for a unix socket. */
const char *tg_dbsession_host(const struct tg_dburl *url);

#define TG_DBSESSION_SQL_SIZE 512
/* After connecting, one statement: session variables for this server's version. */
size_t tg_dbsession_setup_sql(MYSQL *my, bool read_committed, unsigned max_statement_time_s,
                              char out[static TG_DBSESSION_SQL_SIZE]);

/* What was going on when it failed; it decides what a lost answer means. */
enum tg_dbphase {
    TG_DBPHASE_CONNECT,
    TG_DBPHASE_PREPARE, /* nothing was executed yet */
    TG_DBPHASE_READ, /* a statement that changes nothing */
    TG_DBPHASE_WRITE, /* autocommitted: a lost answer is UNCERTAIN */
    TG_DBPHASE_TX, /* inside a transaction: a lost connection rolls it back, so nothing happened */
    TG_DBPHASE_COMMIT /* a lost answer is UNCERTAIN */
};
/* Fills err_r from MariaDB's or libmariadb's number and text. Returns -1. */
int tg_dbsession_error(enum tg_dbphase phase, unsigned native, const char *text, struct tg_err *err_r);
/* The connection can serve nothing more after this number. */
bool tg_dbsession_error_is_fatal(unsigned native);
/* A statement that begins with SELECT, SHOW, … : running it again changes nothing. */
bool tg_dbsession_is_read(const char *sql);

#endif

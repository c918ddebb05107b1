/* migrate - brings the database to the schema of this release.
 *
 * migrations/NNNN_name.sql in order, each once, recorded with its SHA-256 in
 * schema_migrations; a changed or missing old file, or a gap, is refused. A
 * named lock (GET_LOCK) keeps a second runner out: it waits up to 60 s, then
 * BUSY. A file that fails half-way leaves its row with state 'failed' and is
 * named; DDL cannot be rolled back, so each file holds one subject.
 */
#ifndef TG_IO_MIGRATE_H
#define TG_IO_MIGRATE_H

#include <stddef.h>

#include "io/sqlconn.h"

enum tg_migration_state { TG_MIGRATION_PENDING, TG_MIGRATION_APPLIED, TG_MIGRATION_CHANGED, TG_MIGRATION_FAILED };
typedef void tg_migrate_progress_fn(const char *name, enum tg_migration_state state, size_t nth, size_t of, void *arg);

/* Applies what is pending, *n_applied_r of them; fn hears of these only. */
int tg_migrate_up(struct tg_sqlconn *conn, const char *dir, tg_migrate_progress_fn *fn, void *arg, size_t *n_applied_r,
                  struct tg_err *err_r) TG_MUST_CHECK;
/* Reports every migration; changes nothing. *n_pending_r counts what up would do. */
int tg_migrate_status(struct tg_sqlconn *conn, const char *dir, tg_migrate_progress_fn *fn, void *arg,
                      size_t *n_pending_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* dbresult - building a result: for dbstmt.c; who reads one uses io/db.h.
 *
 * Cells are one growing array; text and bytes live in chunks that never move.
 */
#ifndef TG_IO_DBRESULT_H
#define TG_IO_DBRESULT_H

#include "io/db.h"

struct tg_dbresult *tg_dbresult_new(size_t n_columns);
void tg_dbresult_set_column(struct tg_dbresult *res, size_t column, const char *name, size_t len);
void tg_dbresult_set_affected(struct tg_dbresult *res, uint64_t affected);
/* A new row's cells, all NULL, to be filled before the next row is added. */
struct tg_dbval *tg_dbresult_add_row(struct tg_dbresult *res);
/* Memory that lives as long as the rows. */
char *tg_dbresult_alloc(struct tg_dbresult *res, size_t size);
/* What cells and bytes use. */
size_t tg_dbresult_size(const struct tg_dbresult *res);
/* Forgets the rows, keeps the memory of the first chunk. */
void tg_dbresult_reset_rows(struct tg_dbresult *res);

#endif

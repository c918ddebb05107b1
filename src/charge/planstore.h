/* planstore - companies' parameters as usage was priced by, under a hash of their content (call_plans).
 *
 * A call keeps the parameters it was authorized with until it ends, and a row of usage names those that priced it, so
 * that it can be explained when the company has others. A row is written with the first transaction that needs it and
 * never changes; what was seen once is kept in memory, the least recently used goes first.
 *
 * Of one thread (the engine's); blocks where it is given a connection.
 */
#ifndef TG_CHARGE_PLANSTORE_H
#define TG_CHARGE_PLANSTORE_H

#include "charge/rate.h"
#include "io/sqlconn.h"

#define TG_PLANSTORE_PLANS_MAX 4096 /* kept; one load may pass it */

struct tg_plankey {
    struct tg_id company, id;
};

struct tg_planstore;
struct tg_planstore *tg_planstore_new(void);
void tg_planstore_free(struct tg_planstore **store);

/* Of currency, zone, country and parameters; the deck and whose plan it is do not matter. The same parameters have the
 * same id however their JSON is written. Some 10 µs: ask once a company and transaction. */
struct tg_id tg_planstore_id(const struct tg_rate_plan *plan);

/* In a transaction: usage of the company is priced by the plan, whose id key has. Borrows both until the write. */
void tg_planstore_want(struct tg_planstore *store, const struct tg_plankey *key, const struct tg_rate_plan *plan);
/* Writes those that may not be in the database yet: one statement, or none. */
int tg_planstore_write(struct tg_planstore *store, struct tg_sqlconn *conn, int64_t now_us,
                       struct tg_err *err_r) TG_MUST_CHECK;
/* How that transaction ended. After COMMIT what was written is known to be there; else it will be written again. */
void tg_planstore_end(struct tg_planstore *store, bool is_committed);

/* Makes those found that are in the database: one statement, or none. */
int tg_planstore_load(struct tg_planstore *store, struct tg_sqlconn *conn, const struct tg_plankey *keys, size_t n,
                      struct tg_err *err_r) TG_MUST_CHECK;
/* NULL: there is none. Without a deck; borrowed until the next load or end: who needs a deck makes a copy of the struct
 * and sets it there, and gives back no more than that. */
const struct tg_rate_plan *tg_planstore_find(struct tg_planstore *store, const struct tg_plankey *key);

#endif

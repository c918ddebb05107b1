/* plancache - companies' parameters of today, parsed once while their text stays the same.
 *
 * A batch reads the parameters of each company it is about as text. To parse them and to find the id under which they
 * are kept (charge/planstore.h) costs more than all else that the batch does with the company, and they hardly ever
 * change: so what came last is kept beside its text. Bounded by number and bytes; the least recently used goes first.
 *
 * Of one thread.
 */
#ifndef TG_CHARGE_PLANCACHE_H
#define TG_CHARGE_PLANCACHE_H

#include "charge/rate.h"
#include "io/db.h"

#define TG_PLANCACHE_COMPANIES_MAX 20000
#define TG_PLANCACHE_BYTES_MAX (16u << 20) /* of text; parsed it is several times as much */

struct tg_plancache;
struct tg_plancache *tg_plancache_new(void);
void tg_plancache_free(struct tg_plancache **cache);

struct tg_plan_columns { /* of companies */
    const struct tg_dbval *currency, *timezone, *country, *pricing;
};
/* The plan without company and deck, the caller's to deinit; its tg_planstore_id() into id_r. */
void tg_plancache_get(struct tg_plancache *cache, struct tg_id company, const struct tg_plan_columns *columns,
                      struct tg_rate_plan *plan_r, struct tg_id *id_r);

#endif

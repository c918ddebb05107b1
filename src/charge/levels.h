/* levels - a balance that leaves its band is told to the application, once.
 *
 * The levels of a wallet are the application's business: the engine knows only the band between the two nearest to the
 * balance, wallets.alert_below and alert_above. Whatever moves the balance out of it leaves one job behind in the same
 * transaction, `wallets.jobs:levels`, which finds out what was crossed and sets the next band. Until then the balance
 * is outside, and every batch says so again: a job that lives already stays the only one. The job gives up its unique
 * key under the wallet's lock, so that what is crossed after it has looked makes a new one.
 */
#ifndef TG_CHARGE_LEVELS_H
#define TG_CHARGE_LEVELS_H

#include "base/id.h"
#include "io/sqlconn.h"

struct tg_levels_band { /* zeroed: endless both ways */
    bool has_below, has_above;
    struct tg_decimal below, above; /* outside: < below, >= above */
};
/* From the cells of alert_below and alert_above. */
struct tg_levels_band tg_levels_band(const struct tg_dbval *below, const struct tg_dbval *above);
static inline bool tg_levels_is_outside(const struct tg_levels_band *band, struct tg_decimal balance)
{
    return (band->has_below && balance.units < band->below.units) ||
           (band->has_above && balance.units >= band->above.units);
}

struct tg_levels_left { /* a locked wallet whose balance is outside */
    struct tg_id company, wallet;
};
/* Leaves the jobs, in the running transaction; one statement. */
int tg_levels_write(struct tg_sqlconn *conn, const struct tg_levels_left *left, size_t n, int64_t now_us,
                    struct tg_err *err_r) TG_MUST_CHECK;

#endif

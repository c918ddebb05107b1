/* backtest - usage of the past rated once more with another bundle: what it would have cost.
 *
 * A page reads stored usage of a company and of those below it, by company, event time and id, gives each event to the
 * bundle as the engine gave it to the rules of its day (charge/rate.h), and compares. Nothing is written. The deck is
 * the version that is stored with the event, and tiers and free seconds are as the event met them. The parameters
 * (companies.pricing, timezone, country) are those of today: a change of them since then shows as a difference, and so
 * does usage whose company got its deck later. The same period, bundle and parameters give the same page, whoever asks.
 *
 *   same        the same status and amount; also when both failed
 *   different   another; usage without an amount counts as nothing
 *   errors      the bundle failed; its money is in neither sum
 *
 * Blocks, on a worker, for about a second and a half.
 */
#ifndef TG_CHARGE_BACKTEST_H
#define TG_CHARGE_BACKTEST_H

#include <stdint.h>

#include "base/id.h"
#include "base/strbuf.h"
#include "charge/deckstore.h"
#include "io/sqlconn.h"
#include "rt/ruleseat.h"

#define TG_BACKTEST_EVENTS_MAX 10000 /* of a page */
#define TG_BACKTEST_CURSOR_SIZE 96

struct tg_backtest {
    struct tg_id company; /* and those below it */
    int64_t from_us, to_us; /* event times, half open */
    char cursor[TG_BACKTEST_CURSOR_SIZE]; /* where the page before ended; "" the first */
    uint32_t events_max; /* 1 to TG_BACKTEST_EVENTS_MAX */
};
/* Appends the page as JSON: {"cursor": "" at the end, "events", "companies": [{company, currency, events, same,
 * different, errors, stored, new, deltas}], "samples": [{usage, company, stored, new, error?}]}: amounts as text, in a
 * sample the status where there is none. INPUT: the cursor is none of ours, or the bundle meets limits of the VM again and
 * again. set: of no seat; mended where it is spoilt. */
int tg_backtest_page(const struct tg_backtest *backtest, struct tg_sqlconn *conn, struct tg_deckstore *decks,
                     struct tg_ruleset *set, struct tg_strbuf *out, struct tg_err *err_r) TG_MUST_CHECK;

#endif

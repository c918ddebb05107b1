/* ratestate - what the price of more usage depends on: charged seconds of the period, memories of prices, free seconds.
 *
 * Tiers count charged seconds; prices with a memory (graduated, volume, package, included; packs) count what was used;
 * allowances give free seconds. The rules compute with all three (input.state of pricing.rate_usage and charging.quote)
 * and answer what they are afterwards. Here they are read and written, for a batch of the ledger engine:
 *
 *   want … load                             once, when the wallets are locked
 *   [give back what a call had] get → ask the rule → take                       for each event or step of a call
 *   save                                    before the commit
 *
 * The lock on the company's wallet is what orders all this: who holds it reads what others have committed, and nobody
 * else writes it. Nothing outlives an attempt: the next one reads again, so that a retry counts nothing twice.
 *
 * A period is a month by the company's wall clock, and usage belongs to that of its answer (lua/pricing/rating.md R22):
 * a late event takes the state of its own period. Memories of prices with a `rollover` are one for all periods.
 *
 * As JSON, `before` is what a rule gets, `after` what it answers, `consumed` what a call has taken or keeps meanwhile:
 *   before   {counter_s?, period?, meters? = {name = memory}, bundles? = {{id, remaining_s, priority, expires?, prefixes?}}}
 *   after    {counter_s?, meters?, bundles? = {id = seconds left}}
 *   consumed {period?, counter_s?, meters? = {name = amounts}, bundles? = {id = seconds}}; of a memory the members
 *            `quantity` and `used` are amounts, of objects and lists of lots (by `last`) within it, too
 *
 * One thread; blocks where it is given a connection.
 */
#ifndef TG_CHARGE_RATESTATE_H
#define TG_CHARGE_RATESTATE_H

#include <jansson.h>
#include <lua.h>

#include "charge/rate.h"
#include "io/sqlconn.h"

struct tg_ratestates; /* of all companies of a batch */
struct tg_ratestates *tg_ratestates_new(void);
void tg_ratestates_free(struct tg_ratestates **states);
/* Forgets the attempt, keeps the memory. */
void tg_ratestates_clear(struct tg_ratestates *states);
/* What was wanted; three statements at most, none when no price depends on anything. Without, everything is 0. */
int tg_ratestates_load(struct tg_ratestates *states, struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;
/* What has changed since. */
int tg_ratestates_save(struct tg_ratestates *states, struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;

struct tg_ratestate { /* of one company whose usage a plan prices; borrows */
    struct tg_ratestates *states;
    struct tg_id company;
    const struct tg_rate_plan *plan;
};
/* Something will be rated that was answered at_us. has_allowances: companies.has_allowances. */
void tg_ratestate_want(const struct tg_ratestate *state, bool has_allowances, int64_t at_us);
/* A call will give this back. */
void tg_ratestate_want_consumed(const struct tg_ratestate *state, const json_t *consumed);
/* `before` of a price of what was answered at_us; NULL: it depends on nothing. The caller's. -1 (BUG): nobody wanted
 * that period. */
int tg_ratestate_get(const struct tg_ratestate *state, int64_t at_us, json_t **before_r,
                     struct tg_err *err_r) TG_MUST_CHECK;
/* That price counts. after as it was checked; NULL: nothing has changed. */
void tg_ratestate_take(const struct tg_ratestate *state, int64_t at_us, const json_t *after);
/* consumed NULL: nothing. An allowance never has more than was granted. */
void tg_ratestate_give_back(const struct tg_ratestate *state, const json_t *consumed);

/* --- Without a database ---------------------------------------------------------------------------------------------- */

/* What a price of what was answered at_us depends on, instead of what a database says: a `before`. */
void tg_ratestate_put(const struct tg_ratestate *state, int64_t at_us, const json_t *before);
/* Months since year 0 by the wall clock of zone (UTC when there is none of that name). */
int32_t tg_ratestate_period(const char *zone, int64_t at_us);
/* `after` of the rule's output, a table at idx; NULL (the error says why): it cannot be read, or cannot be true. The
 * caller's. May raise, when memory ends. */
json_t *tg_ratestate_read(lua_State *L, int idx, const json_t *before, struct tg_err *err_r);
/* Whether a rule's answer can be true: free seconds are only used up, counters do not fall below zero. INPUT. */
int tg_ratestate_check(const json_t *before, const json_t *after, struct tg_err *err_r) TG_MUST_CHECK;
/* The part of before that a price has depended on: what after differs from, and the counter. NULL: none. The
 * caller's. */
json_t *tg_ratestate_used(const json_t *before, const json_t *after);
/* What after has taken from before, for calls.consumed. NULL: nothing. The caller's. */
json_t *tg_ratestate_consumed(const json_t *before, const json_t *after);
/* A memory without what was taken of it. The caller's. */
json_t *tg_ratestate_without(const json_t *memory, const json_t *amounts);

#endif

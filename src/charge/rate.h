/* rate - one usage event through the rule `pricing.rate_usage`: what goes in, what comes out.
 *
 * Input of the rule:
 *   event = {event_id, meter, event_time, quantity, to, from, direction, status, answered_at, duration_ms}
 *           times in µs, quantity a decimal; of a call without answered_at it is event_time, without status "answered";
 *           where the plan prices the meter itself also properties = {texts, integers, booleans} and cost, a decimal, if
 *           it is in the plan's currency
 *   plan  = the company's pricing parameters as they stand in the database, and currency, timezone, country
 *   state = what the price depends on of what was used before (charge/ratestate.h), where it does
 * Output: {status = "rated" | "not_billable" | "no_rate" | "blocked" | "failed", error =, billed_s =, total =, lines = {…},
 * and of the state afterwards counter_s =, bundles =, meters =}.
 *
 * Pricing never guesses: a rule that fails, answers nonsense or meets a limit makes the event 'failed', stored without
 * an amount and parked for review. call.seconds needs a deck or a price, another meter a price: plan.prices[meter] or a
 * price pack (plan.pack). A meter that no plan prices is 'unrated'.
 */
#ifndef TG_CHARGE_RATE_H
#define TG_CHARGE_RATE_H

#include <jansson.h>
#include <lua.h>

#include "base/strbuf.h"
#include "charge/usage.h"
#include "rt/deck.h"
#include "rt/ruleseat.h"

struct tg_rate_plan { /* of one company */
    char company[TG_ID_TEXT_SIZE]; /* whose money it is, for the shadow (rt/shadow.h); "" nobody's: a trial */
    char currency[4];
    char country[3]; /* "" unknown */
    char *timezone; /* IANA */
    json_t *pricing; /* the parameters, NULL none */
    struct tg_deck *deck; /* NULL: none, every lookup finds nothing */
    const char *fault; /* literal, not NULL: why this company's usage cannot be rated now */
};
struct tg_dbval;
/* Fills plan from columns of companies, but for company and deck. */
void tg_rate_plan_load(struct tg_rate_plan *plan, const struct tg_dbval *currency, const struct tg_dbval *zone,
                       const struct tg_dbval *country, const struct tg_dbval *pricing);
/* Gives back what it holds, the deck's reference, too. Zeroed is fine. */
void tg_rate_plan_deinit(struct tg_rate_plan *plan);

/* For the input of other rules: the parameters with currency, timezone and country. */
void tg_rate_plan_push(lua_State *L, const struct tg_rate_plan *plan);

struct tg_rate_state { /* charge/ratestate.h */
    const json_t *before; /* NULL: the price depends on nothing */
    json_t *after; /* as the rule answers, checked; the caller's. NULL: no price, or nothing to say */
};
/* Decides status, billed_s and amount of event and appends its `rating` JSON to out, with the state that the price
 * depended on. Never fails: what goes wrong is the event's status. rules NULL: everything that needs a rule is 'failed'.
 * state NULL: there is none. False: the rule met a limit (which took milliseconds: who rates many events stops asking
 * after a few). */
bool tg_rate_usage(struct tg_ruleset *rules, const struct tg_rate_plan *plan, struct tg_usage_event *event,
                   struct tg_rate_state *state, struct tg_strbuf *out);

#endif

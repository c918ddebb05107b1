/* callstate - what a live call takes of tiers, allowances and memories of prices, and keeps for its slice.
 *
 * Each step of a call gives back what the one before had taken, asks its price anew and takes what that says. A step
 * whose rules fail has taken nothing.
 */
#ifndef TG_CHARGE_CALLSTATE_H
#define TG_CHARGE_CALLSTATE_H

#include "charge/call.h"

/* When the call belongs to: its answer, or now. */
int64_t tg_callstate_at(const struct tg_call_context *ctx, const struct tg_call *call);
/* What its price depends on; NULL: nothing. The caller's. False: nobody knows. */
bool tg_callstate_get(const struct tg_call_context *ctx, int64_t at_us, json_t **before_r);
/* after counts; what it took is the caller's, as JSON (NULL: nothing). */
json_t *tg_callstate_take(const struct tg_call_context *ctx, int64_t at_us, const json_t *before, const json_t *after);
/* Takes the same back. */
void tg_callstate_return(const struct tg_call_context *ctx, const json_t *consumed);
/* call->consumed, in the arena. */
void tg_callstate_set(const struct tg_call_context *ctx, struct tg_call *call, const json_t *consumed);
/* Returns what the call has; it has nothing then. */
void tg_callstate_give_back(const struct tg_call_context *ctx, struct tg_call *call);

#endif

/* callrules - what a live call asks rules: charging.admit, charging.quote, and pricing.rate_usage for each of its meters.
 *
 * A rule's answer is never believed where money is concerned: a hold that is negative or more than there is, a slice
 * that ends before it began are refused here.
 */
#ifndef TG_CHARGE_CALLRULES_H
#define TG_CHARGE_CALLRULES_H

#include "charge/call.h"

#define TG_CALL_PRICE_MAX INT64_C(1000000000000000000) /* of any call: so sums with it stay in range */

struct tg_call_request { /* of a call, parsed */
    json_t *json;
    const char *to, *from, *direction, *agent_id; /* all but to may be NULL */
    const json_t *meters, *properties; /* NULL: none */
    bool has_seconds; /* call.seconds is one of the meters */
};
void tg_call_request_load(const struct tg_call *call, struct tg_call_request *request);
void tg_call_request_deinit(struct tg_call_request *request);

/* NULL: it may start; else why not, a literal. */
const char *tg_callrules_admit(const struct tg_call_context *ctx, const struct tg_call *call,
                               const struct tg_call_request *request, bool *met_limit_r);

struct tg_call_quote {
    const char *refusal; /* NULL: granted; insufficient_funds, no_rate, destination_blocked, rule_denied */
    struct tg_decimal hold;
    uint32_t max_s, renew_in_s; /* since answer; from now */
    bool is_final;
    bool has_rate; /* a deck's row: */
    struct tg_decimal per_minute;
    char prefix[TG_CALL_DIGITS_SIZE];
    json_t *after; /* the state with the call up to max_s; the caller's, NULL: it does not matter */
};
/* The next slice, after call->used_s seconds and call->debited. before: the state without the call, or NULL. */
struct tg_call_quote tg_callrules_quote(const struct tg_call_context *ctx, const struct tg_call *call,
                                        const struct tg_call_request *request, uint32_t request_s,
                                        struct tg_decimal available, const json_t *before, bool *met_limit_r);

/* What the used seconds cost (state->after is the caller's); 0 when seconds are not charged. False: the rule gave no
 * price. */
bool tg_callrules_price(const struct tg_call_context *ctx, const struct tg_call *call,
                        const struct tg_call_request *request, struct tg_rate_state *state, struct tg_decimal *price_r,
                        bool *met_limit_r);

struct tg_call_bill { /* a row a meter */
    struct tg_call_row *rows;
    size_t n;
    struct tg_decimal total;
    bool is_complete; /* every meter that is billable has a price */
    bool is_in_range; /* else total is none */
    json_t *consumed; /* a list: what each of them took of the state */
};
/* The call as it ended, one meter after the other. Of seconds that cannot be priced now what was debited stays the
 * amount. */
struct tg_call_bill tg_callrules_bill(const struct tg_call_context *ctx, const struct tg_call *call,
                                      const struct tg_call_request *request, const struct tg_call_end *end,
                                      bool *met_limit_r);

void tg_callrules_bill_deinit(struct tg_call_bill *bill);
/* Takes nothing of the state after all. */
void tg_callrules_bill_return(const struct tg_call_context *ctx, const struct tg_call_bill *bill);
/* All of it waits for review, and only what was debited is charged. */
void tg_callrules_park(const struct tg_call_context *ctx, const struct tg_call *call, const char *reason,
                       struct tg_call_bill *bill);

#endif

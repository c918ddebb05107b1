/* call - decisions about a live call: authorize, renew, settle, expire (product.md §3.1, §4; rating.md R14 to R19).
 *
 * Pure: what is known is given (a wallet that the caller has locked, the row of the call, the time), what changes is
 * written to the same structs, and what else is to be written down stands in struct tg_call_step. No SQL, no clock. The
 * ledger engine and `tollgate rating cases` decide with the same code.
 *
 * What holds whatever the rules answer: after an authorize or renew held is not above balance + credit_limit, or the call
 * holds no more than it did before; what was granted is held for until it is charged;
 * the sum of all debits of a call is its charge; purse.held is the sum of the holds of its open calls; a call that is
 * not open moves nothing.
 *
 * A rule that fails: authorize denies, renew lets the call use up what it was granted and then stops it (rule_denied),
 * settle and expire close the call and park the meter: its row is 'failed', what was debited stays charged.
 */
#ifndef TG_CHARGE_CALL_H
#define TG_CHARGE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/decimal.h"
#include "base/id.h"
#include "base/strbuf.h"
#include "charge/rate.h"
#include "charge/usage.h"
#include "rt/ruleseat.h"

#define TG_CALL_GRACE_S 10 /* that a call may go on after "stop" */
#define TG_CALL_REQUEST_S 60 /* of a slice, when nobody says */
#define TG_CALL_REQUEST_MAX_S 86400
#define TG_CALL_STATUS_SIZE 33
#define TG_CALL_REASON_SIZE 65
#define TG_CALL_DIGITS_SIZE 16

struct tg_purse { /* a wallet, locked */
    struct tg_decimal balance, held, credit_limit;
    uint32_t open_calls;
};

struct tg_decimal tg_purse_available(const struct tg_purse *purse); /* balance + credit_limit - held */

enum tg_call_state { TG_CALL_OPEN, TG_CALL_SETTLED, TG_CALL_EXPIRED };

struct tg_text { /* bytes of somebody else; NULL: none */
    const char *bytes;
    size_t len;
};

/* A row of `calls`; texts are borrowed. What pins the price (rule_bundle, plan, deck) is the caller's: it is in the
 * context. */
struct tg_call {
    struct tg_id company, id;
    const char *call_id;
    struct tg_text request; /* JSON object: from, to, direction, agent_id, meters, properties; `to` is a must */
    enum tg_call_state state;
    int64_t opened_at_us, closed_at_us, expires_at_us; /* closed: 0 while open; expires: 0 when closed */
    bool has_answered_at;
    int64_t answered_at_us;
    uint32_t seq, used_s, granted_s;
    struct tg_decimal held, debited, overrun;
    bool has_charge; /* closed */
    struct tg_decimal charge;
    char currency[4];
    char status[TG_CALL_STATUS_SIZE]; /* "": none yet */
    bool has_duration_ms;
    int64_t duration_ms;
    char stop_reason[TG_CALL_REASON_SIZE]; /* "": nobody asked to end it */
    struct tg_text consumed; /* JSON; of tiers and allowances (ratestate) */
    struct tg_text renew_answer, settle_answer;
    bool has_late_report, has_late_difference;
    struct tg_decimal late_difference;
    uint32_t version;
};

struct tg_call_counts { /* what charging.admit may know; -1: nobody has counted */
    int64_t open, last_minute, last_hour, same_number_last_hour, number_open, agent_open;
};

struct tg_ratestate; /* charge/ratestate.h */
struct tg_call_context {
    struct tg_ruleset *rules; /* NULL: every rule has failed */
    const struct tg_rate_plan *plan; /* the company's; of a call that is there: as it was authorized with */
    const char *company_status; /* "active", "suspended", "closed" */
    const json_t *limits; /* companies.limits; NULL none */
    struct tg_call_counts counts; /* for authorize */
    const char *digits; /* for authorize: the called number (tg_call_digits); NULL it is none */
    struct tg_ratestate *state; /* NULL: no tiers, no allowances */
    int64_t now_us;
    struct tg_usage_batch *arena; /* where rows and their texts are made */
    struct tg_strbuf *out; /* answers and ratings are appended */
};

struct
    tg_call_row { /* a row of usage_events that the end makes; id is the caller's to give. is_failed with an amount: what
                        renewals debited for a meter that cannot be rated now */
    struct tg_usage_event event; /* source "tollgate", event_id "call_…/<meter>", hashed; ACCEPTED */
    size_t rating_at, rating_len; /* its `rating`, in out */
};

enum tg_call_outcome {
    TG_CALL_DENIED, /* authorize: nothing changed, there is no row */
    TG_CALL_CHANGED, /* the row is new or changed, and the purse perhaps */
    TG_CALL_REPLAYED, /* nothing changed: answered from the row */
    TG_CALL_LATE /* settle of an expired call, the first: only late_report and late_difference are new */
};
struct tg_call_step {
    enum tg_call_outcome outcome;
    size_t answer_at,
        answer_len; /* JSON, in out; to be kept as authorize_, renew_, settle_answer of what CHANGED; expire
                                     makes a settle_answer, too */
    const char *reason; /* of a denial or a stop, literal or the call's stop_reason; NULL: none */
    struct tg_decimal debit; /* what the purse paid now; may be negative */
    struct tg_decimal overrun; /* of it, beyond what was held: worth an alert */
    const struct tg_call_row *rows; /* when the call was closed: one a meter, amounts add up to call.charge */
    size_t n_rows;
    size_t late_at, late_len; /* LATE: the report as JSON, in out */
    bool met_limit; /* a rule met a limit (milliseconds; the set is spoilt): take another before the next call */
};

struct tg_call_usage { /* of one meter, besides the seconds; each meter once */
    const char *meter;
    struct tg_decimal quantity; /* not negative */
    bool has_cost;
    struct tg_decimal cost_amount;
    char cost_currency[4];
};
struct tg_call_renewal {
    uint32_t seq; /* from 1 */
    bool has_answered_at;
    int64_t answered_at_us;
    uint32_t elapsed_s; /* since answer; 0: it rings */
    uint32_t request_s; /* 0: TG_CALL_REQUEST_S */
};
struct tg_call_end {
    bool has_answered_at;
    int64_t answered_at_us;
    int64_t duration_ms; /* not negative */
    const char *status; /* "answered", "busy", …; shorter than TG_CALL_STATUS_SIZE */
    const struct tg_call_usage *usage;
    size_t n_usage;
    struct tg_text properties; /* JSON object, over those of the request; NULL none */
};

/* A called number as E.164 digits: with '+' here, else as pricing.normalize_number reads it. False: it is none. */
bool tg_call_digits(struct tg_ruleset *rules, const struct tg_rate_plan *plan, const char *to,
                    char digits[static TG_CALL_DIGITS_SIZE]);

/* call: zeroed, then company, id, call_id, request. A repeat (there is a row) is the caller's: he compares the request.
 */
void tg_call_authorize(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                       uint32_t request_s, struct tg_call_step *step);
/* The answer to an authorization that the caller refuses himself: `reason` is what it says. */
void tg_call_deny(const struct tg_call_context *ctx, const char *reason, struct tg_call_step *step);
void tg_call_renew(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                   const struct tg_call_renewal *renewal, struct tg_call_step *step);
void tg_call_settle(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                    const struct tg_call_end *end, struct tg_call_step *step);
/* REPLAYED when it is not due (any more). */
void tg_call_expire(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                    struct tg_call_step *step);

#endif

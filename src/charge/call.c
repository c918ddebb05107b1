/* call - decisions about a live call. */
#include "charge/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "charge/callanswer.h"
#include "charge/callrules.h"
#include "charge/callstate.h"

#define SECOND_US INT64_C(1000000)
#define VALIDITY_MIN_S 30 /* a grant that is shorter is waited for as long */

/* --- the purse ------------------------------------------------------------------------------------------------------ */

/* A sum that cannot leave the range: what would is refused before. */
static struct tg_decimal plus(struct tg_decimal a, struct tg_decimal b)
{
    struct tg_err err;
    struct tg_decimal sum = tg_decimal_zero;
    const int status = tg_decimal_add(a, b, &sum, &err);
    assert(status == 0);
    (void)status;
    return sum;
}

static struct tg_decimal minus(struct tg_decimal a, struct tg_decimal b)
{
    return plus(a, tg_decimal_neg(b));
}

/* What is beyond the range is left out: then less is available than there is. */
struct tg_decimal tg_purse_available(const struct tg_purse *purse)
{
    struct tg_err err;
    struct tg_decimal available = purse->balance;
    if (tg_decimal_add(available, purse->credit_limit, &available, &err) != 0 ||
        tg_decimal_sub(available, purse->held, &available, &err) != 0)
        return minus(tg_decimal_zero, purse->held);
    return available;
}

/* What the call still costs when it costs `price` in all; false: no call costs that, or the wallet's balance would leave
 * its range. */
static bool find_debit(const struct tg_purse *purse, const struct tg_call *call, struct tg_decimal price,
                       struct tg_decimal *debit_r)
{
    struct tg_err err;
    struct tg_decimal balance;
    const struct tg_decimal max = tg_decimal_from_int(TG_CALL_PRICE_MAX);
    if (tg_decimal_cmp(price, max) > 0 || tg_decimal_cmp(price, tg_decimal_neg(max)) < 0)
        return false;
    *debit_r = minus(price, call->debited);
    return tg_decimal_sub(purse->balance, *debit_r, &balance, &err) == 0;
}

/* Gives the hold back and takes what was used; what is taken beyond the hold is an overrun. */
static void pay(struct tg_purse *purse, struct tg_call *call, struct tg_decimal debit, struct tg_call_step *step)
{
    const struct tg_decimal beyond = minus(debit, call->held);
    purse->balance = minus(purse->balance, debit);
    purse->held = minus(purse->held, call->held);
    call->held = tg_decimal_zero;
    step->debit = debit;
    if (!tg_decimal_is_negative(beyond) && !tg_decimal_is_zero(beyond)) {
        step->overrun = beyond;
        call->overrun = plus(call->overrun, beyond);
    }
}

static struct tg_decimal at_least_zero(struct tg_decimal d)
{
    return tg_decimal_is_negative(d) ? tg_decimal_zero : d;
}

static void hold(struct tg_purse *purse, struct tg_call *call, struct tg_decimal amount, uint32_t granted_s)
{
    call->held = amount;
    call->granted_s = granted_s;
    purse->held = plus(purse->held, amount);
}

/* --- the row -------------------------------------------------------------------------------------------------------- */

static void set_expiry(const struct tg_call_context *ctx, struct tg_call *call)
{
    const uint32_t slice_s = call->granted_s > call->used_s ? call->granted_s - call->used_s : 0;
    const int64_t validity_s = slice_s > VALIDITY_MIN_S ? slice_s : VALIDITY_MIN_S;
    call->expires_at_us = ctx->now_us + 2 * validity_s * SECOND_US;
}

static void set_answered(struct tg_call *call, bool is_given, int64_t answered_at_us)
{
    if (!is_given)
        return;
    call->has_answered_at = true;
    call->answered_at_us = answered_at_us;
}

/* The call takes what it has used. Free seconds it keeps for its slice, too: nobody else may have them meanwhile.
 * Tiers count only what was used, so that a slice that is asked for makes nobody's price another. */
static void keep_state(const struct tg_call_context *ctx, struct tg_call *call, int64_t at_us, const json_t *before,
                       const json_t *used, const json_t *slice)
{
    json_t *after = used == NULL ? json_object() : json_copy((json_t *)used);
    if (json_object_get(slice, "bundles") != NULL)
        json_object_set(after, "bundles", json_object_get(slice, "bundles"));
    json_t *consumed = tg_callstate_take(ctx, at_us, before, after);
    tg_callstate_set(ctx, call, consumed);
    json_decref(consumed);
    json_decref(after);
}

static void replay(struct tg_call_step *step)
{
    step->outcome = TG_CALL_REPLAYED;
}

/* --- authorize ------------------------------------------------------------------------------------------------------ */

void tg_call_deny(const struct tg_call_context *ctx, const char *reason, struct tg_call_step *step)
{
    step->outcome = TG_CALL_DENIED;
    step->reason = reason;
    tg_callanswer_deny(ctx, reason, step);
}

static void open_call(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                      const struct tg_call_quote *quote, struct tg_call_step *step)
{
    call->state = TG_CALL_OPEN;
    call->opened_at_us = ctx->now_us;
    call->version = 1;
    memcpy(call->currency, ctx->plan->currency, sizeof(call->currency));
    hold(purse, call, quote->hold, quote->max_s);
    purse->open_calls++;
    set_expiry(ctx, call);
    step->outcome = TG_CALL_CHANGED;
    tg_callanswer_allow(ctx, call, quote, step);
}

/* Why there is no grant, or NULL. */
static const char *try_to_open(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                               const struct tg_call_request *request, uint32_t request_s, struct tg_call_step *step)
{
    json_t *before;
    if (!tg_callstate_get(ctx, ctx->now_us, &before))
        return "rule_denied";
    const struct tg_call_quote quote =
        tg_callrules_quote(ctx, call, request, request_s, tg_purse_available(purse), before, &step->met_limit);
    if (quote.refusal == NULL) {
        keep_state(ctx, call, ctx->now_us, before, NULL, quote.after);
        open_call(ctx, purse, call, &quote, step);
    }
    json_decref(quote.after);
    json_decref(before);
    return quote.refusal;
}

void tg_call_authorize(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                       uint32_t request_s, struct tg_call_step *step)
{
    struct tg_call_request request;
    *step = (struct tg_call_step){.answer_at = ctx->out->len};
    tg_call_request_load(call, &request);
    const char *reason = tg_callrules_admit(ctx, call, &request, &step->met_limit);
    if (reason == NULL)
        reason = try_to_open(ctx, purse, call, &request, request_s, step);
    if (reason != NULL)
        tg_call_deny(ctx, reason, step);
    tg_call_request_deinit(&request);
}

/* --- renew ---------------------------------------------------------------------------------------------------------- */

static bool answer_known(const struct tg_call_context *ctx, const struct tg_call *call, uint32_t seq,
                         struct tg_call_step *step)
{
    if (call->state != TG_CALL_OPEN) {
        step->reason = "call_closed";
        tg_callanswer_stop(ctx, step->reason, 0, step);
    } else if (seq <= call->seq) {
        tg_callanswer_again(ctx, call->renew_answer, seq < call->seq, step);
    } else {
        return false;
    }
    replay(step);
    return true;
}

static void stop(const struct tg_call_context *ctx, const char *reason, struct tg_call_step *step)
{
    step->reason = reason;
    tg_callanswer_stop(ctx, reason, TG_CALL_GRACE_S, step);
}

/* The rules do not say how it goes on, or there is no money: what is left of the hold stays for what was granted and is
 * not charged yet, as tokens are. No more than was held before. */
static void keep_rest(struct tg_purse *purse, struct tg_call *call, struct tg_decimal rest)
{
    hold(purse, call, at_least_zero(rest), call->granted_s);
}

/* What was granted is used up, if it is paid for. */
static void use_up(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                   struct tg_decimal rest, const char *reason, struct tg_call_step *step)
{
    keep_rest(purse, call, rest);
    if (call->used_s >= call->granted_s || tg_decimal_is_negative(rest) ||
        tg_decimal_is_negative(tg_purse_available(purse))) {
        stop(ctx, reason, step);
    } else {
        const uint32_t left_s = call->granted_s - call->used_s;
        tg_callanswer_continue(ctx, call, left_s > 1 ? left_s / 2 : 1, false, step);
    }
}

/* Why the call must end whatever money there is; NULL: it need not. */
static const char *find_stop(const struct tg_call_context *ctx, const struct tg_call *call)
{
    if (strcmp(ctx->company_status, "active") != 0)
        return "company_suspended";
    return call->stop_reason[0] == '\0' ? NULL : call->stop_reason;
}

/* The next slice, or the last seconds of a call that is to end: they are held for, too, where there is money. */
static void prolong(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                    const struct tg_call_request *request, uint32_t request_s, struct tg_decimal rest,
                    const struct tg_rate_state *used, struct tg_call_step *step)
{
    const char *reason = find_stop(ctx, call);
    const int64_t at_us = tg_callstate_at(ctx, call);
    struct tg_call_quote quote = tg_callrules_quote(ctx, call, request, reason == NULL ? request_s : TG_CALL_GRACE_S,
                                                    tg_purse_available(purse), used->before, &step->met_limit);
    keep_state(ctx, call, at_us, used->before, used->after, quote.after);
    json_decref(quote.after);
    if (quote.refusal != NULL && reason == NULL && strcmp(quote.refusal, "insufficient_funds") != 0) {
        use_up(ctx, purse, call, rest, quote.refusal, step);
        return;
    }
    if (quote.refusal == NULL)
        hold(purse, call, quote.hold, quote.max_s);
    else
        keep_rest(purse, call, rest);
    if (reason == NULL)
        reason = quote.refusal;
    if (reason == NULL)
        tg_callanswer_continue(ctx, call, quote.renew_in_s, quote.is_final, step);
    else
        stop(ctx, reason, step);
}

/* Charges what was used; false: nobody knows what that costs. */
static bool charge_used(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                        const struct tg_call_request *request, struct tg_rate_state *used, struct tg_decimal *rest_r,
                        struct tg_call_step *step)
{
    struct tg_decimal price, debit;
    if (!tg_callrules_price(ctx, call, request, used, &price, &step->met_limit) ||
        !find_debit(purse, call, price, &debit))
        return false;
    if (tg_decimal_is_negative(debit)) /* a tier that others have made cheaper meanwhile: the end evens it out */
        debit = tg_decimal_zero;
    *rest_r = minus(call->held, debit);
    pay(purse, call, debit, step);
    call->debited = plus(call->debited, debit);
    return true;
}

/* What the renewal says of the call; what was said once is not taken back. */
static void take_report(const struct tg_call_context *ctx, struct tg_call *call, const struct tg_call_renewal *renewal)
{
    call->seq = renewal->seq;
    if (renewal->elapsed_s > call->used_s)
        call->used_s = renewal->elapsed_s;
    set_answered(call, renewal->has_answered_at, renewal->answered_at_us);
    if (call->used_s > 0 && !call->has_answered_at)
        set_answered(call, true, ctx->now_us - (int64_t)call->used_s * SECOND_US);
}

void tg_call_renew(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                   const struct tg_call_renewal *renewal, struct tg_call_step *step)
{
    struct tg_call_request request;
    struct tg_decimal rest = call->held;
    json_t *before = NULL;
    *step = (struct tg_call_step){.answer_at = ctx->out->len};
    if (answer_known(ctx, call, renewal->seq, step))
        return;
    step->outcome = TG_CALL_CHANGED;
    take_report(ctx, call, renewal);
    tg_call_request_load(call, &request);
    tg_callstate_give_back(ctx, call);
    const bool is_known = tg_callstate_get(ctx, tg_callstate_at(ctx, call), &before);
    struct tg_rate_state used = {.before = before};
    if (is_known && charge_used(ctx, purse, call, &request, &used, &rest, step)) {
        prolong(ctx, purse, call, &request, renewal->request_s == 0 ? TG_CALL_REQUEST_S : renewal->request_s, rest,
                &used, step);
    } else {
        pay(purse, call, tg_decimal_zero, step);
        use_up(ctx, purse, call, rest, "rule_denied", step);
    }
    json_decref(used.after);
    json_decref(before);
    tg_call_request_deinit(&request);
    set_expiry(ctx, call);
    call->version++;
}

/* --- the end -------------------------------------------------------------------------------------------------------- */

static void close_call(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                       enum tg_call_state state, const struct tg_call_end *end, struct tg_call_step *step)
{
    struct tg_call_request request;
    struct tg_decimal debit = tg_decimal_zero;
    tg_call_request_load(call, &request);
    tg_callstate_give_back(ctx, call);
    struct tg_call_bill bill = tg_callrules_bill(ctx, call, &request, end, &step->met_limit);
    if (!bill.is_in_range || !find_debit(purse, call, bill.total, &debit)) {
        tg_callrules_park(ctx, call, "the charge is out of range", &bill);
        debit = tg_decimal_zero;
    }
    pay(purse, call, debit, step);
    purse->open_calls--;
    call->state = state;
    call->closed_at_us = ctx->now_us;
    call->expires_at_us = 0;
    call->charge = bill.total;
    call->has_charge = true;
    call->version++;
    (void)snprintf(call->status, sizeof(call->status), "%s", end->status);
    call->has_duration_ms = true;
    call->duration_ms = end->duration_ms;
    step->outcome = TG_CALL_CHANGED;
    step->rows = bill.rows;
    step->n_rows = bill.n;
    tg_callanswer_settled(ctx, call, purse, &bill, step);
    tg_callrules_bill_deinit(&bill);
    tg_call_request_deinit(&request);
}

/* A call that had expired: what it would have cost stands beside what it cost, for somebody to look at; once. */
static void report_late(const struct tg_call_context *ctx, struct tg_call *call, const struct tg_call_end *end,
                        struct tg_call_step *step)
{
    struct tg_call_request request;
    struct tg_err ignored;
    struct tg_call then = *call;
    set_answered(&then, end->has_answered_at, end->answered_at_us);
    tg_call_request_load(&then, &request);
    struct tg_call_bill bill = tg_callrules_bill(ctx, &then, &request, end, &step->met_limit);
    tg_callrules_bill_return(ctx, &bill);
    tg_call_request_deinit(&request);
    call->has_late_report = true;
    call->has_late_difference = bill.is_complete && bill.is_in_range &&
                                tg_decimal_sub(bill.total, call->charge, &call->late_difference, &ignored) == 0;
    tg_callrules_bill_deinit(&bill);
    call->version++;
    step->outcome = TG_CALL_LATE;
    tg_callanswer_late(ctx, end, step);
}

void tg_call_settle(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                    const struct tg_call_end *end, struct tg_call_step *step)
{
    *step = (struct tg_call_step){.answer_at = ctx->out->len};
    if (call->state == TG_CALL_OPEN) {
        set_answered(call, end->has_answered_at, end->answered_at_us);
        close_call(ctx, purse, call, TG_CALL_SETTLED, end, step);
    } else if (call->state == TG_CALL_SETTLED) {
        replay(step);
        tg_callanswer_again(ctx, call->settle_answer, false, step);
    } else {
        if (call->has_late_report)
            replay(step);
        else
            report_late(ctx, call, end, step);
        tg_callanswer_duplicate(ctx, call, step);
    }
}

void tg_call_expire(const struct tg_call_context *ctx, struct tg_purse *purse, struct tg_call *call,
                    struct tg_call_step *step)
{
    *step = (struct tg_call_step){.answer_at = ctx->out->len};
    if (call->state != TG_CALL_OPEN || call->expires_at_us > ctx->now_us) {
        replay(step);
        return;
    }
    const struct tg_call_end end = {.status = call->used_s > 0 ? "answered" : "expired",
                                    .duration_ms = (int64_t)call->used_s * 1000};
    close_call(ctx, purse, call, TG_CALL_EXPIRED, &end, step);
}

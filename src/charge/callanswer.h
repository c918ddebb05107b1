/* callanswer - the answers to authorize, renew and settle, as JSON (product.md §4). */
#ifndef TG_CHARGE_CALLANSWER_H
#define TG_CHARGE_CALLANSWER_H

#include "charge/callrules.h"

/* Each appends to ctx->out and sets step->answer_at and answer_len. */
void tg_callanswer_deny(const struct tg_call_context *ctx, const char *reason, struct tg_call_step *step);
void tg_callanswer_allow(const struct tg_call_context *ctx, const struct tg_call *call,
                         const struct tg_call_quote *quote, struct tg_call_step *step);
void tg_callanswer_continue(const struct tg_call_context *ctx, const struct tg_call *call, uint32_t renew_in_s,
                            bool is_final, struct tg_call_step *step);
void tg_callanswer_stop(const struct tg_call_context *ctx, const char *reason, uint32_t grace_s,
                        struct tg_call_step *step);
void tg_callanswer_settled(const struct tg_call_context *ctx, const struct tg_call *call, const struct tg_purse *purse,
                           const struct tg_call_bill *bill, struct tg_call_step *step);
/* The stored bytes; is_older: with "duplicate":true at the end of the object. */
void tg_callanswer_again(const struct tg_call_context *ctx, struct tg_text stored, bool is_older,
                         struct tg_call_step *step);
/* {"call_id":,"duplicate":true,"charge":} */
void tg_callanswer_duplicate(const struct tg_call_context *ctx, const struct tg_call *call, struct tg_call_step *step);
/* What came too late, as JSON: step->late_at, late_len. */
void tg_callanswer_late(const struct tg_call_context *ctx, const struct tg_call_end *end, struct tg_call_step *step);

#endif

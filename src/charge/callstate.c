/* callstate - what a live call takes of tiers, allowances and memories of prices. */
#include "charge/callstate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "charge/ratestate.h"

int64_t tg_callstate_at(const struct tg_call_context *ctx, const struct tg_call *call)
{
    return call->has_answered_at ? call->answered_at_us : ctx->now_us;
}

bool tg_callstate_get(const struct tg_call_context *ctx, int64_t at_us, json_t **before_r)
{
    struct tg_err err;
    *before_r = NULL;
    if (ctx->state == NULL || tg_ratestate_get(ctx->state, at_us, before_r, &err) == 0)
        return true;
    TG_LOG_ERROR("charge_call_decided", TG_LOG_ERR(&err));
    return false;
}

json_t *tg_callstate_take(const struct tg_call_context *ctx, int64_t at_us, const json_t *before, const json_t *after)
{
    if (before == NULL || after == NULL)
        return NULL;
    tg_ratestate_take(ctx->state, at_us, after);
    return tg_ratestate_consumed(before, after);
}

void tg_callstate_return(const struct tg_call_context *ctx, const json_t *consumed)
{
    if (ctx->state != NULL && consumed != NULL)
        tg_ratestate_give_back(ctx->state, consumed);
}

void tg_callstate_set(const struct tg_call_context *ctx, struct tg_call *call, const json_t *consumed)
{
    call->consumed = (struct tg_text){NULL, 0};
    if (consumed == NULL)
        return;
    char *text = json_dumps(consumed, JSON_COMPACT | JSON_SORT_KEYS);
    assert(text != NULL);
    const size_t len = strlen(text);
    char *kept = tg_usage_batch_alloc(ctx->arena, len + 1);
    memcpy(kept, text, len + 1);
    free(text);
    call->consumed = (struct tg_text){kept, len};
}

void tg_callstate_give_back(const struct tg_call_context *ctx, struct tg_call *call)
{
    if (call->consumed.bytes == NULL)
        return;
    json_t *consumed = json_loadb(call->consumed.bytes, call->consumed.len, 0, NULL);
    tg_callstate_return(ctx, consumed);
    json_decref(consumed);
    call->consumed = (struct tg_text){NULL, 0};
}

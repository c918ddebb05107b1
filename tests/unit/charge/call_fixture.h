/* call_fixture - live calls on one wallet in memory: the release's rules, a plan and a deck from JSON, a clock. */
#ifndef TG_TESTS_CALL_FIXTURE_H
#define TG_TESTS_CALL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "charge/call.h"
#include "charge/ratestate.h"
#include "rt/deckjson.h"
#include "rt/ruleset_fixture.h"

#include "tap.h"

#define NOON_US (INT64_C(1784109600) * 1000000) /* 2026-07-15T10:00:00Z */

static struct {
    struct tg_ruleset *rules;
    struct tg_rate_plan plan;
    struct tg_purse purse;
    struct tg_call_context ctx;
    struct tg_strbuf out;
    struct tg_ratestate state;
    json_t *limits;
    struct tg_call_step step; /* of the last decision */
    char answer[8192];
} fx;

struct live { /* a row, with what it refers to */
    struct tg_call call;
    char id[32], request[400];
    char *renewed, *settled, *consumed;
};

static struct tg_decimal dec(const char *text)
{
    struct tg_err err;
    struct tg_decimal d = tg_decimal_zero;
    if (tg_decimal_parse(text, strlen(text), &d, &err) != 0)
        printf("Bail out! %s\n", err.text);
    return d;
}

static const char *text_of(struct tg_decimal d)
{
    static char text[4][TG_DECIMAL_TEXT_SIZE];
    static unsigned i;
    char *out = text[i++ % 4];
    tg_decimal_format(d, out);
    return out;
}

static void set_plan(const char *pricing)
{
    json_decref(fx.plan.pricing);
    fx.plan.pricing = json_loads(pricing, 0, NULL);
    ok(fx.plan.pricing != NULL, "%s", pricing);
}

static void set_deck(const char *rows)
{
    struct tg_err err = {0};
    json_t *json = json_loads(rows, 0, NULL);
    tg_deck_unref(&fx.plan.deck);
    ok(tg_deck_from_json(json, &fx.plan.deck, &err) == 0, "%s", err.text);
    json_decref(json);
}

static inline void set_limits(const char *limits)
{
    json_decref(fx.limits);
    fx.ctx.limits = fx.limits = limits == NULL ? NULL : json_loads(limits, 0, NULL);
}

/* A wallet with so much, at noon; 44 costs 0.012 a minute at 60/60, 1 costs 0.001 a second and 0.01 to begin. */
static void begin(const char *balance)
{
    static const char deck[] =
        "[{\"prefix\":\"44\",\"per_minute\":\"0.0120\",\"initial_s\":60,\"increment_s\":60},"
        "{\"prefix\":\"1\",\"per_minute\":\"0.06\",\"initial_s\":1,\"increment_s\":1,\"connect_fee\":\"0.01\"},"
        "{\"prefix\":\"900\",\"per_minute\":\"1\",\"blocked\":true}]";
    if (fx.rules == NULL) {
        fx.rules = ruleset_of(NULL, NULL);
        tg_strbuf_init(&fx.out, 1 << 20);
        strcpy(fx.plan.currency, "USD");
        fx.plan.timezone = tg_strdup("UTC");
    }
    set_deck(deck);
    set_plan("{}");
    set_limits(NULL);
    tg_usage_batch_free(&fx.ctx.arena);
    tg_ratestates_free(&fx.state.states);
    fx.purse = (struct tg_purse){.balance = dec(balance)};
    fx.ctx = (struct tg_call_context){.rules = fx.rules,
                                      .plan = &fx.plan,
                                      .company_status = "active",
                                      .counts = {0, -1, -1, -1, -1, -1},
                                      .now_us = NOON_US,
                                      .out = &fx.out};
}

/* What prices depend on, as rules get it: a `before` of ratestate. */
static inline void set_state(const char *before)
{
    json_t *json = json_loads(before, 0, NULL);
    fx.state = (struct tg_ratestate){.states = tg_ratestates_new(), .plan = &fx.plan};
    tg_ratestate_put(&fx.state, NOON_US, json);
    fx.ctx.state = &fx.state;
    json_decref(json);
}

/* The same, as it is now; the caller's. */
static inline char *state_text(void)
{
    struct tg_err err;
    json_t *json = NULL;
    is_int(tg_ratestate_get(&fx.state, NOON_US, &json, &err), 0);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    return text;
}

static void before(void)
{
    tg_strbuf_reset(&fx.out);
    tg_usage_batch_free(&fx.ctx.arena);
    fx.ctx.arena = tg_usage_batch_new();
}

static const char *after(void)
{
    ok(fx.step.answer_len < sizeof(fx.answer), "an answer of %zu bytes", fx.step.answer_len);
    memcpy(fx.answer, fx.out.bytes + fx.step.answer_at, fx.step.answer_len);
    fx.answer[fx.step.answer_len] = '\0';
    return fx.answer;
}

static void keep_text(char **kept, struct tg_text *text, struct tg_text now)
{
    char *copy = now.bytes == NULL ? NULL : tg_memdup(now.bytes, now.len);
    free(*kept);
    *kept = copy;
    *text = (struct tg_text){copy, now.len};
}

static void keep(struct live *live, char **kept, struct tg_text *text)
{
    if (fx.step.outcome != TG_CALL_CHANGED)
        return;
    keep_text(&live->consumed, &live->call.consumed, live->call.consumed);
    if (kept != NULL)
        keep_text(kept, text, (struct tg_text){fx.answer, fx.step.answer_len});
}

/* Says "to" when request is not an object. */
static const char *authorize(struct live *live, const char *id, const char *request, uint32_t request_s)
{
    before();
    memset(live, 0, sizeof(*live));
    snprintf(live->id, sizeof(live->id), "%s", id);
    if (request[0] == '{')
        snprintf(live->request, sizeof(live->request), "%s", request);
    else
        snprintf(live->request, sizeof(live->request), "{\"to\":\"%s\"}", request);
    live->call.id = tg_id_new();
    live->call.call_id = live->id;
    live->call.request = (struct tg_text){live->request, strlen(live->request)};
    tg_call_authorize(&fx.ctx, &fx.purse, &live->call, request_s, &fx.step);
    after();
    keep(live, NULL, NULL);
    return fx.answer;
}

static const char *renew(struct live *live, uint32_t seq, uint32_t elapsed_s, uint32_t request_s)
{
    before();
    const struct tg_call_renewal renewal = {seq, elapsed_s > 0, NOON_US, elapsed_s, request_s};
    tg_call_renew(&fx.ctx, &fx.purse, &live->call, &renewal, &fx.step);
    after();
    keep(live, &live->renewed, &live->call.renew_answer);
    return fx.answer;
}

static const char *settle_all(struct live *live, const struct tg_call_end *call_end)
{
    before();
    tg_call_settle(&fx.ctx, &fx.purse, &live->call, call_end, &fx.step);
    after();
    keep(live, &live->settled, &live->call.settle_answer);
    return fx.answer;
}

static const char *settle(struct live *live, int64_t duration_ms, const char *status)
{
    return settle_all(live, &(struct tg_call_end){.has_answered_at = duration_ms > 0,
                                                  .answered_at_us = NOON_US,
                                                  .duration_ms = duration_ms,
                                                  .status = status});
}

static inline const char *expire(struct live *live)
{
    before();
    tg_call_expire(&fx.ctx, &fx.purse, &live->call, &fx.step);
    after();
    keep(live, &live->settled, &live->call.settle_answer);
    return fx.answer;
}

static void drop(struct live *live)
{
    free(live->renewed);
    free(live->settled);
    free(live->consumed);
    live->renewed = live->settled = live->consumed = NULL;
}

/* "balance held available": what the wallet says. */
static inline const char *wallet(void)
{
    static char text[3 * TG_DECIMAL_TEXT_SIZE];
    snprintf(text, sizeof(text), "%s %s %s", text_of(fx.purse.balance), text_of(fx.purse.held),
             text_of(tg_purse_available(&fx.purse)));
    return text;
}

#endif

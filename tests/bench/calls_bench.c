/* calls_bench - what one decision about a live call costs, rules included, without a database.
 *
 *     calls_bench [lua-dir]
 *
 * Prints microseconds of CPU (best of five rounds) of authorize, renew and settle, of a call by a deck and of one with
 * five meters, with money and, for authorize, with too little.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "charge/call.h"
#include "rt/deckjson.h"
#include "rt/vm.h"

#define CALLS 2000
#define ROUNDS 5
#define NOON_US INT64_C(1784109600000000)

struct scenario {
    const char *name, *plan, *request, *balance;
    size_t n_usage;
};

static const struct scenario scenarios[] = {
    {"by a deck", "{}", "{\"to\":\"+12125550100\",\"from\":\"+442079460000\",\"agent_id\":\"a-7\"}", "1000000", 0},
    {"too little money", "{}", "{\"to\":\"+12125550100\"}", "0.03", 0},
    {"no money", "{}", "{\"to\":\"+12125550100\"}", "0.000001", 0},
    {"five meters",
     "{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"0.15\",\"per\":1000000},"
     "\"llm.tokens.out\":{\"model\":\"per_unit\",\"price\":\"0.60\",\"per\":1000000},"
     "\"stt.seconds\":{\"model\":\"per_unit\",\"price\":\"0.0043\",\"per\":60},"
     "\"tts.characters\":{\"model\":\"per_unit\",\"price\":\"0.015\",\"per\":1000}},"
     "\"expected\":{\"llm.tokens.in\":\"9000\",\"llm.tokens.out\":\"300\",\"stt.seconds\":60,\"tts.characters\":400}}",
     "{\"to\":\"+12125550100\",\"meters\":[\"call.seconds\",\"llm.tokens.in\",\"llm.tokens.out\",\"stt.seconds\","
     "\"tts.characters\"]}",
     "1000000", 4},
};

static struct tg_ruleset *load_rules(const char *dir)
{
    struct tg_err err;
    struct tg_luasource *host;
    struct tg_rulestate values = {.revision = 1};
    struct tg_ruleset *set = NULL;
    if (tg_luasource_read(dir, &host, &err) == 0 && tg_bundle_of_source(host, &values.bundle, &err) == 0) {
        values.host = host;
        struct tg_rulestate *state = tg_rulestate_new(&values);
        if (tg_ruleset_new(state, &set, &err) == 0)
            return set;
    }
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static struct tg_decimal dec(const char *text)
{
    struct tg_err err;
    struct tg_decimal d = tg_decimal_zero;
    if (tg_decimal_parse(text, strlen(text), &d, &err) != 0)
        abort();
    return d;
}

/* Makes CALLS calls; adds the time of each of the three to us[]. */
static void run(const struct scenario *s, struct tg_call_context *ctx, double us[3])
{
    static struct tg_call calls[CALLS];
    static const char *const meters[] = {"llm.tokens.in", "llm.tokens.out", "stt.seconds", "tts.characters"};
    struct tg_purse purse = {.balance = dec(s->balance)};
    struct tg_call_usage usage[4];
    struct tg_call_step step;
    uint64_t at = tg_clock_thread_cpu_us();
    for (size_t i = 0; i < 4; i++)
        usage[i] = (struct tg_call_usage){.meter = meters[i], .quantity = tg_decimal_from_int(500)};
    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < CALLS; i++) {
        if (strcmp(s->balance, "1000000") != 0)
            purse.held = tg_decimal_zero;
        calls[i].call_id = "c-1";
        calls[i].id = tg_id_new();
        calls[i].request = (struct tg_text){s->request, strlen(s->request)};
        tg_call_authorize(ctx, &purse, &calls[i], 60, &step);
        tg_strbuf_reset(ctx->out);
    }
    us[0] = (double)(tg_clock_thread_cpu_us() - at) / CALLS;
    if (strcmp(s->balance, "1000000") != 0)
        return;
    at = tg_clock_thread_cpu_us();
    for (size_t i = 0; i < CALLS; i++) {
        tg_call_renew(ctx, &purse, &calls[i], &(struct tg_call_renewal){1, true, NOON_US, 45, 60}, &step);
        tg_strbuf_reset(ctx->out);
    }
    us[1] = (double)(tg_clock_thread_cpu_us() - at) / CALLS;
    at = tg_clock_thread_cpu_us();
    for (size_t i = 0; i < CALLS; i++) {
        const struct tg_call_end end = {.has_answered_at = true,
                                        .answered_at_us = NOON_US,
                                        .duration_ms = 61000,
                                        .status = "answered",
                                        .usage = usage,
                                        .n_usage = s->n_usage};
        tg_call_settle(ctx, &purse, &calls[i], &end, &step);
        tg_strbuf_reset(ctx->out);
    }
    us[2] = (double)(tg_clock_thread_cpu_us() - at) / CALLS;
}

static void measure(const struct scenario *s, struct tg_call_context *ctx, struct tg_rate_plan *plan)
{
    double best[3] = {1e9, 1e9, 1e9};
    plan->pricing = json_loads(s->plan, 0, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        double us[3] = {0};
        ctx->arena = tg_usage_batch_new();
        run(s, ctx, us);
        tg_usage_batch_free(&ctx->arena);
        for (size_t i = 0; i < 3; i++)
            best[i] = us[i] < best[i] ? us[i] : best[i];
    }
    printf("%-20s %8.1f %8.1f %8.1f us\n", s->name, best[0], best[1], best[2]);
    json_decref(plan->pricing);
}

int main(int argc, char **argv)
{
    struct tg_err err;
    struct tg_strbuf out;
    struct tg_rate_plan plan = {.currency = "USD", .timezone = tg_strdup("UTC")};
    json_t *rows = json_loads("[{\"prefix\":\"1\",\"per_minute\":\"0.06\",\"initial_s\":1,\"increment_s\":1},"
                              "{\"prefix\":\"44\",\"per_minute\":\"0.0120\",\"initial_s\":60,\"increment_s\":60}]",
                              0, NULL);
    if (tg_deck_from_json(rows, &plan.deck, &err) != 0)
        abort();
    json_decref(rows);
    tg_strbuf_init(&out, 1 << 20);
    struct tg_call_context ctx = {.rules = load_rules(argc > 1 ? argv[1] : "lua"),
                                  .plan = &plan,
                                  .company_status = "active",
                                  .counts = {0, -1, -1, -1, -1, -1},
                                  .digits = "12125550100",
                                  .now_us = NOON_US,
                                  .out = &out};
    printf("%-20s %8s %8s %8s\n", "", "authorize", "renew", "settle");
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        measure(&scenarios[i], &ctx, &plan);
    tg_ruleset_unref(&ctx.rules);
    plan.pricing = NULL;
    tg_rate_plan_deinit(&plan);
    tg_strbuf_deinit(&out);
    return 0;
}

/* rules_bench - what one call of pricing.rate_usage costs from C, input table and result included.
 *
 *     rules_bench [lua-dir]
 *
 * Prints microseconds a call (CPU time, best of five rounds) for a plain call, one with a state, one that crosses a
 * window, one with bundles and tiers, and a call of 26 hours at 1/1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>

#include "rt/num.h"
#include "rt/rules.h"
#include "rt/vm.h"

#define CALLS 20000
#define ROUNDS 5

struct scenario {
    const char *name, *to, *plan, *state;
    int64_t answered_at, duration_ms;
    json_t *plan_json, *state_json;
};

static struct scenario scenarios[] = {
    {"plain", "+12125550100", "{}", NULL, INT64_C(1784109600000000), 61000, NULL, NULL},
    {"plain, empty state", "+12125550100", "{}", "{}", INT64_C(1784109600000000), 61000, NULL, NULL},
    {"26 h at 1/1", "+447700900123", "{}", NULL, INT64_C(1784109600000000), 93600000, NULL, NULL},
    {"unanswered", "+12125550100", "{}", NULL, INT64_C(1784109600000000), 0, NULL, NULL},
    {"crosses a window", "+49301234567",
     "{\"timezone\":\"Europe/"
     "Berlin\",\"windows\":{\"peak\":{\"days\":[1,2,3,4,5],\"from\":\"08:00\",\"to\":\"20:00\"}}}",
     NULL, INT64_C(1784138370000000), 60000, NULL, NULL},
    {"tiers and bundles", "+12125550100",
     "{\"tiers\":[{\"up_to_s\":6000,\"per_minute\":\"0.06\"},{\"per_minute\":\"0.03\"}]}",
     "{\"counter_s\":5950,\"bundles\":[{\"id\":\"b\",\"remaining_s\":30}]}", INT64_C(1784109600000000), 100000, NULL,
     NULL},
};

static void push_event(lua_State *L, const struct scenario *s)
{
    lua_createtable(L, 0, 9);
    lua_pushliteral(L, "c0000041");
    lua_setfield(L, -2, "event_id");
    lua_pushliteral(L, "call.seconds");
    lua_setfield(L, -2, "meter");
    lua_pushinteger(L, s->answered_at);
    lua_setfield(L, -2, "event_time");
    tg_num_push(L, tg_decimal_from_int(s->duration_ms / 1000));
    lua_setfield(L, -2, "quantity");
    lua_pushstring(L, s->to);
    lua_setfield(L, -2, "to");
    lua_pushliteral(L, "outbound");
    lua_setfield(L, -2, "direction");
    lua_pushliteral(L, "answered");
    lua_setfield(L, -2, "status");
    lua_pushinteger(L, s->answered_at);
    lua_setfield(L, -2, "answered_at");
    lua_pushinteger(L, s->duration_ms);
    lua_setfield(L, -2, "duration_ms");
}

static void push_input(lua_State *L, void *arg)
{
    const struct scenario *s = arg;
    lua_createtable(L, 0, 3);
    push_event(L, s);
    lua_setfield(L, -2, "event");
    tg_rules_push_json(L, s->plan_json);
    lua_setfield(L, -2, "plan");
    if (s->state_json != NULL) {
        tg_rules_push_json(L, s->state_json);
        lua_setfield(L, -2, "state");
    }
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct tg_decimal *total = arg;
    (void)err_r;
    lua_getfield(L, index, "status");
    lua_getfield(L, index, "billed_s");
    lua_getfield(L, index, "lines");
    lua_getfield(L, index, "total");
    *total = tg_num_check(L, -1, "total");
    return 0;
}

static struct tg_deck *make_deck(void)
{
    static const struct {
        const char *prefix, *when;
        uint32_t initial_s, increment_s;
    } rows[] = {{"1", "", 60, 60}, {"44", "", 1, 1}, {"49", "", 1, 1}, {"49", "peak", 1, 1}};
    struct tg_err err;
    struct tg_deck *deck;
    struct tg_deck_builder *builder = tg_deck_builder_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tg_deck_row row = {.initial_s = rows[i].initial_s,
                                  .increment_s = rows[i].increment_s,
                                  .from_us = INT64_MIN,
                                  .to_us = INT64_MAX};
        strcpy(row.prefix, rows[i].prefix);
        strcpy(row.when, rows[i].when);
        row.per_minute.units = INT64_C(12000000000) * (1 + (int)i);
        if (tg_deck_builder_add(builder, &row, &err) != 0)
            abort();
    }
    if (tg_deck_build(&builder, &deck, &err) != 0)
        abort();
    return deck;
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double time_calls(struct tg_rules *rules, const struct tg_deck *deck, struct scenario *s)
{
    struct tg_err err;
    struct tg_decimal total;
    struct tg_rules_snapshot snap = {.deck = deck};
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = cpu_us();
        for (int i = 0; i < CALLS; i++)
            if (tg_rules_call(rules, "pricing.rate_usage", &snap, push_input, s, read_result, &total, NULL, &err) !=
                0) {
                fprintf(stderr, "%s: %s\n", s->name, err.text);
                exit(1);
            }
        double each = (cpu_us() - begin) / CALLS;
        best = each < best ? each : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    struct tg_err err;
    struct tg_luasource *src;
    struct tg_rules *rules;
    if (tg_luasource_read(argc > 1 ? argv[1] : "lua", &src, &err) != 0 ||
        tg_rules_new_of_release(src, &rules, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct tg_deck *deck = make_deck();
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        struct scenario *s = &scenarios[i];
        s->plan_json = json_loads(s->plan, 0, NULL);
        s->state_json = s->state == NULL ? NULL : json_loads(s->state, 0, NULL);
        printf("%-20s %6.2f us\n", s->name, time_calls(rules, deck, s));
        json_decref(s->plan_json);
        json_decref(s->state_json);
    }
    tg_deck_unref(&deck);
    tg_rules_free(&rules);
    tg_luasource_unref(&src);
    return 0;
}

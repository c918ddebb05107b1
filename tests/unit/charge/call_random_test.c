/* call_random_test - whatever happens to live calls on one wallet, in whatever order and how often: the books are right.
 *
 * Seeded: TOLLGATE_SEED=n runs that seed alone. TOLLGATE_TEST_FULL=1 runs more of them.
 */
#include "../../../src/charge/call.c"

#include "call_fixture.h"

#define SLOTS 8
#define STEPS 1000
#define SEEDS 20
#define SEEDS_FULL 200
#define CHANGE_S 300 /* of the price to America */

static const char deck[] =
    "[{\"prefix\":\"44\",\"per_minute\":\"0.0120\",\"initial_s\":60,\"increment_s\":60},"
    "{\"prefix\":\"1\",\"per_minute\":\"0.06\",\"initial_s\":1,\"increment_s\":1,\"connect_fee\":\"0.01\","
    "\"to\":\"2026-07-15T10:05:00Z\"},"
    "{\"prefix\":\"1\",\"per_minute\":\"0.12\",\"initial_s\":1,\"increment_s\":1,\"connect_fee\":\"0.01\","
    "\"from\":\"2026-07-15T10:05:00Z\"}]";
static const char plan[] = "{\"prices\":{\"llm.tokens.in\":{\"model\":\"per_unit\",\"price\":\"10\",\"per\":1000000}},"
                           "\"expected\":{\"llm.tokens.in\":\"600\"}}";
#define EXPECTED 600 /* tokens a minute */

struct slot { /* a call and what an accountant beside it has written down */
    struct live live;
    bool is_used, is_american;
    bool is_beyond; /* it has used more than was granted */
    uint32_t tokens; /* that it will say it has used; 0: the meter is not its */
    uint32_t seq;
    struct tg_decimal paid; /* all debits */
    char *authorized;
};

static struct {
    struct slot slots[SLOTS];
    struct tg_decimal put_in, taken; /* into the wallet; by calls that are over */
    struct tg_decimal overrun; /* of all calls */
    unsigned n_calls;
    uint64_t seed;
} w;

static struct { /* of all seeds */
    unsigned allowed, denied, overruns, replayed, expired;
} seen;

static uint32_t random_below(uint32_t n)
{
    w.seed = w.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w.seed >> 33) % n;
}

/* --- the accountant ------------------------------------------------------------------------------------------------- */

/* In millionths, by other arithmetic than the rules'. */
static struct tg_decimal price_of(const struct slot *slot, uint32_t seconds, uint32_t tokens)
{
    int64_t micros = (int64_t)tokens * 10;
    if (seconds > 0 && !slot->is_american)
        micros += (int64_t)((seconds + 59) / 60) * 12000;
    else if (seconds > 0)
        micros += 10000 + 1000 * (int64_t)seconds + (seconds > CHANGE_S ? 1000 * (int64_t)(seconds - CHANGE_S) : 0);
    return (struct tg_decimal){(__int128)micros * 1000000};
}

static bool is(struct tg_decimal a, struct tg_decimal b)
{
    return tg_decimal_cmp(a, b) == 0;
}

static void check_books(void)
{
    struct tg_decimal held = tg_decimal_zero, paid = w.taken;
    unsigned n_open = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &w.slots[i];
        if (!slot->is_used)
            continue;
        const struct tg_call *call = &slot->live.call;
        const bool is_open = call->state == TG_CALL_OPEN;
        paid = plus(paid, slot->paid);
        n_open += is_open;
        if (is_open)
            held = plus(held, call->held);
        ok(is_open || tg_decimal_is_zero(call->held), "a closed call holds nothing");
        ok(is(slot->paid, is_open ? call->debited : call->charge), "debits of %s: %s, not %s", call->call_id,
           text_of(slot->paid), text_of(is_open ? call->debited : call->charge));
    }
    ok(is(held, fx.purse.held), "held %s, the calls hold %s", text_of(fx.purse.held), text_of(held));
    is_int(fx.purse.open_calls, n_open);
    ok(is(fx.purse.balance, minus(w.put_in, paid)), "balance %s", text_of(fx.purse.balance));
    /* only what was used beyond a grant may be beyond the money */
    const struct tg_decimal short_of = plus(tg_purse_available(&fx.purse), w.overrun);
    ok(!tg_decimal_is_negative(short_of), "available %s, overruns %s", text_of(tg_purse_available(&fx.purse)),
       text_of(w.overrun));
}

/* What was granted is held for or paid, tokens as they are expected too, unless the call has overrun. */
static void check_cover(const struct slot *slot)
{
    const struct tg_call *call = &slot->live.call;
    const struct tg_decimal cover = plus(call->held, call->debited);
    const uint32_t tokens = slot->tokens > 0 ? call->granted_s * EXPECTED / 60 : 0;
    const struct tg_decimal price = price_of(slot, call->granted_s, tokens);
    ok(!tg_decimal_is_zero(call->overrun) || tg_decimal_cmp(cover, price) >= 0,
       "%s for %u s and %u tokens, which cost %s", text_of(cover), call->granted_s, tokens, text_of(price));
}

/* After a step of the slot; `granted_s` and `held` as they were before. */
static void note(struct slot *slot, const struct tg_purse *was, bool may_overrun)
{
    if (fx.step.outcome != TG_CALL_CHANGED) {
        seen.replayed++;
        ok(memcmp(was, &fx.purse, sizeof(*was)) == 0, "nothing moved");
        ok(tg_decimal_is_zero(fx.step.debit) && tg_decimal_is_zero(fx.step.overrun), "nothing was charged");
        return;
    }
    slot->paid = plus(slot->paid, fx.step.debit);
    w.overrun = plus(w.overrun, fx.step.overrun);
    seen.overruns += !tg_decimal_is_zero(fx.step.overrun);
    slot->is_beyond |= may_overrun;
    ok(slot->is_beyond || tg_decimal_is_zero(fx.step.overrun), "an overrun of %s within the grant",
       text_of(fx.step.overrun));
}

/* --- what happens ----------------------------------------------------------------------------------------------------- */

static void forget(struct slot *slot)
{
    if (slot->is_used)
        w.taken = plus(w.taken, slot->paid);
    drop(&slot->live);
    free(slot->authorized);
    memset(slot, 0, sizeof(*slot));
}

static void try_authorize(struct slot *slot)
{
    char id[32], request[200];
    forget(slot);
    slot->is_american = random_below(2) == 0;
    slot->tokens = random_below(3) == 0 ? random_below(3000) : 0;
    snprintf(id, sizeof(id), "c-%u", w.n_calls++);
    snprintf(request, sizeof(request), "{\"to\":\"%s\",\"meters\":[\"call.seconds\"%s]}",
             slot->is_american ? "+12125550100" : "+442079460000", slot->tokens > 0 ? ",\"llm.tokens.in\"" : "");
    authorize(&slot->live, id, request, 1 + random_below(200));
    if (fx.step.outcome == TG_CALL_DENIED) {
        seen.denied++;
        is_str(fx.step.reason, "insufficient_funds");
        return;
    }
    seen.allowed++;
    slot->is_used = true;
    slot->authorized = tg_strdup(fx.answer);
    ok(!tg_decimal_is_negative(tg_purse_available(&fx.purse)), "what is granted is there");
    check_cover(slot);
}

static void try_renew(struct slot *slot)
{
    struct tg_call *call = &slot->live.call;
    const struct tg_purse was = fx.purse;
    const bool was_open = call->state == TG_CALL_OPEN;
    uint32_t seq = slot->seq + 1, elapsed_s = call->used_s + random_below(80);
    if (random_below(3) == 0 && slot->seq > 0) /* again, or what was overtaken */
        seq = 1 + random_below(slot->seq);
    const bool is_beyond = elapsed_s > call->granted_s;
    const bool fails = random_below(20) == 0;
    fx.ctx.rules = fails ? NULL : fx.rules;
    renew(&slot->live, seq, elapsed_s, 1 + random_below(200));
    fx.ctx.rules = fx.rules;
    note(slot, &was, is_beyond);
    if (fx.step.outcome != TG_CALL_CHANGED)
        return;
    ok(was_open && seq == slot->seq + 1, "only what is new moves anything");
    slot->seq = seq;
    check_cover(slot);
    if (!fails)
        ok(is(call->debited, price_of(slot, call->used_s, 0)), "%u s cost %s", call->used_s, text_of(call->debited));
    const struct tg_decimal now = tg_purse_available(&fx.purse), then = tg_purse_available(&was);
    if (fx.step.reason == NULL)
        ok(call->granted_s > call->used_s && !tg_decimal_is_negative(now), "what is granted is there");
    else
        ok(tg_decimal_cmp(plus(now, fx.step.overrun), then) >= 0, "a stop holds no more than before");
}

static void try_settle(struct slot *slot)
{
    struct tg_call *call = &slot->live.call;
    const struct tg_purse was = fx.purse;
    const enum tg_call_state state = call->state;
    const uint32_t granted_s = call->granted_s;
    const uint32_t seconds = random_below(5) == 0 ? 0 : call->used_s + random_below(100);
    const uint32_t tokens = slot->tokens;
    const struct tg_call_usage usage = {.meter = "llm.tokens.in", .quantity = tg_decimal_from_int(tokens)};
    char before_it[sizeof(fx.answer)] = "";
    if (call->settle_answer.bytes != NULL)
        memcpy(before_it, call->settle_answer.bytes, call->settle_answer.len);
    settle_all(&slot->live, &(struct tg_call_end){.has_answered_at = true,
                                                  .answered_at_us = NOON_US,
                                                  .duration_ms = (int64_t)seconds * 1000,
                                                  .status = seconds == 0 ? "no_answer" : "answered",
                                                  .usage = &usage,
                                                  .n_usage = tokens > 0});
    note(slot, &was, seconds > granted_s || tokens > granted_s * EXPECTED / 60);
    if (state == TG_CALL_OPEN)
        ok(is(call->charge, price_of(slot, seconds, seconds == 0 ? 0 : tokens)), "%u s and %u tokens cost %s", seconds,
           tokens, text_of(call->charge));
    else if (state == TG_CALL_SETTLED)
        is_str(fx.answer, before_it);
    else
        contains(fx.answer, "\"duplicate\":true");
}

static void try_expire(struct slot *slot)
{
    struct tg_call *call = &slot->live.call;
    const struct tg_purse was = fx.purse;
    const bool is_due = call->state == TG_CALL_OPEN && call->expires_at_us <= fx.ctx.now_us;
    expire(&slot->live);
    note(slot, &was, false);
    is_int(fx.step.outcome, is_due ? TG_CALL_CHANGED : TG_CALL_REPLAYED);
    if (!is_due)
        return;
    seen.expired++;
    ok(is(call->charge, price_of(slot, call->used_s, 0)), "what was reported is charged");
}

static void step(void)
{
    struct slot *slot = &w.slots[random_below(SLOTS)];
    const uint32_t what = random_below(100);
    fx.ctx.now_us += (int64_t)random_below(20) * SECOND_US;
    if (!slot->is_used || (slot->live.call.state != TG_CALL_OPEN && what < 30)) {
        try_authorize(slot);
    } else if (what < 60) {
        try_renew(slot);
    } else if (what < 80) {
        try_settle(slot);
    } else if (what < 95) {
        try_expire(slot);
    } else {
        const struct tg_decimal paid_in = {(__int128)random_below(800) * 1000000000};
        fx.purse.balance = plus(fx.purse.balance, paid_in);
        w.put_in = plus(w.put_in, paid_in);
    }
    check_books();
}

static void run(uint64_t seed)
{
    tap_case("seed %u", (unsigned)seed);
    begin("0.5");
    set_deck(deck);
    set_plan(plan);
    fx.purse.credit_limit = dec("0.05");
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.put_in = fx.purse.balance;
    for (unsigned i = 0; i < STEPS && tap.checks_failed == 0; i++)
        step();
    for (size_t i = 0; i < SLOTS; i++)
        forget(&w.slots[i]);
}

TEST(whatever_happens_no_grant_is_beyond_the_money_and_every_call_costs_its_price)
{
    const char *full = getenv("TOLLGATE_TEST_FULL"), *seed = getenv("TOLLGATE_SEED");
    if (seed != NULL) {
        run(strtoull(seed, NULL, 10));
        return;
    }
    const uint64_t seeds = full != NULL && full[0] != '\0' ? SEEDS_FULL : SEEDS;
    for (uint64_t i = 1; i <= seeds && tap.checks_failed == 0; i++)
        run(i);
    tap_note("%u allowed, %u denied, %u overruns, %u replayed, %u expired", seen.allowed, seen.denied, seen.overruns,
             seen.replayed, seen.expired);
    ok(seen.allowed > 300 && seen.denied > 300 && seen.overruns > 30 && seen.replayed > 300 && seen.expired > 30,
       "everything has happened");
}

TEST(however_a_call_is_sliced_its_debits_are_its_price)
{
    begin("1000");
    set_deck(deck);
    set_plan(plan);
    memset(&w, 0, sizeof(w));
    w.seed = 7;
    for (unsigned i = 0; i < 100 && tap.checks_failed == 0; i++) {
        struct slot slot = {.is_american = i % 2 == 0};
        const uint32_t seconds = 1 + random_below(900);
        uint32_t used_s = 0;
        authorize(&slot.live, "c", slot.is_american ? "+12125550100" : "+442079460000", 1 + random_below(100));
        while ((used_s += 1 + random_below(120)) < seconds) {
            renew(&slot.live, ++slot.seq, used_s, 1 + random_below(100));
            slot.paid = plus(slot.paid, fx.step.debit);
        }
        settle(&slot.live, (int64_t)seconds * 1000, "answered");
        slot.paid = plus(slot.paid, fx.step.debit);
        ok(is(slot.paid, price_of(&slot, seconds, 0)), "%u s in %u slices cost %s", seconds, slot.seq + 1,
           text_of(slot.paid));
        drop(&slot.live);
    }
}

TAP_MAIN()

/* sim_check - the books of a simulation beside the server's (sim.h). */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/sim.h"

#define LOOK_AGAIN_US 1000000

static void add(struct tg_decimal *sum, struct tg_decimal d)
{
    struct tg_err err;
    int rc = tg_decimal_add(*sum, d, sum, &err);
    assert(rc == 0);
}

static struct tg_decimal minus(struct tg_decimal a, struct tg_decimal b)
{
    add(&a, tg_decimal_neg(b));
    return a;
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

static struct tg_decimal amount_of(const json_t *row, const char *name)
{
    const char *text = text_of(json_object_get(row, name), "amount");
    struct tg_decimal d = tg_decimal_zero;
    struct tg_err ignored;
    if (*text != '\0' && tg_decimal_parse(text, strlen(text), &d, &ignored) != 0)
        d = tg_decimal_zero;
    return d;
}

/* Our call of this row; NULL: of another run. */
static struct tg_simcall *call_of(struct tg_sim *sim, const json_t *row)
{
    const char *name = text_of(row, "call_id");
    size_t len = strlen(sim->run);
    if (strncmp(name, sim->run, len) != 0 || name[len] != '-')
        return NULL;
    unsigned long n = strtoul(name + len + 1, NULL, 10);
    return n < sim->n_calls ? sim->calls[n] : NULL;
}

static int count_open(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r)
{
    (void)err_r;
    *(uint64_t *)arg += call_of(sim, row) != NULL;
    return 0;
}

/* What was abandoned expires by itself, two slices after it was heard of; a slice has at least the deck's longest block. */
static int wait_for_expiry(struct tg_sim *sim, struct tg_err *err_r)
{
    unsigned slice_s = sim->set->slice_s > TG_SIM_BLOCK_S ? sim->set->slice_s : TG_SIM_BLOCK_S;
    uint64_t n_open = 0, until = tg_clock_mono_us() + (2 * slice_s + sim->set->wait_s) * UINT64_C(1000000);
    for (;;) {
        n_open = 0;
        if (tg_sim_each_row(sim, "/v1/calls?state=open", count_open, &n_open, err_r) != 0)
            return -1;
        if (n_open == 0 || tg_clock_mono_us() > until)
            return 0;
        if (sim->stats.is_tty)
            fprintf(stderr, "\r%" PRIu64 " calls are yet to expire\033[K", n_open);
        usleep(LOOK_AGAIN_US);
    }
}

struct check {
    uint64_t differences, n_found, n_compared, n_expired;
};

static void differ(struct tg_sim *sim, struct check *check, const struct tg_simcall *call, const char *what,
                   struct tg_decimal ours, const char *theirs)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(ours, text);
    ++check->differences;
    tg_sim_complain(sim, "%s-%" PRIu64 ": %s: ours %s, the server's %s", sim->run, call->number, what, text, theirs);
}

static void compare_amount(struct tg_sim *sim, struct check *check, const struct tg_simcall *call, const char *what,
                           struct tg_decimal ours, struct tg_decimal theirs)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(theirs, text);
    if (tg_decimal_cmp(ours, theirs) != 0)
        differ(sim, check, call, what, ours, text);
}

/* What we expect it to have cost: as it was acknowledged; without an acknowledged end, for what was reported. */
static void check_charge(struct tg_sim *sim, struct check *check, struct tg_simcall *call, const json_t *row)
{
    struct tg_decimal charge = amount_of(row, "charge");
    bool was_settled = call->state == TG_SIMCALL_SETTLED && !call->is_late;
    if (call->state == TG_SIMCALL_SETTLED)
        compare_amount(sim, check, call, "charge", call->charge, charge);
    if (was_settled)
        compare_amount(sim, check, call, "price",
                       tg_sim_price(call->destination, call->talk_ms, call->tokens, call->characters), charge);
    else if (call->state == TG_SIMCALL_ABANDONED)
        compare_amount(sim, check, call, "price of what was reported",
                       tg_sim_price(call->destination, call->told_s * UINT64_C(1000), 0, 0), charge);
    else if (call->state == TG_SIMCALL_DENIED)
        compare_amount(sim, check, call, "charge of a call that was denied", tg_decimal_zero, charge);
    if (tg_decimal_cmp(call->renewed, charge) > 0)
        compare_amount(sim, check, call, "charged by renewals, and in all", call->renewed, charge);
    ++check->n_compared;
}

static int check_call(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r)
{
    struct check *check = arg;
    struct tg_simcall *call = call_of(sim, row);
    (void)err_r;
    if (call == NULL)
        return 0;
    struct tg_sim_company *company = &sim->companies[call->company];
    const char *state = text_of(row, "state");
    bool is_denied = call->state == TG_SIMCALL_DENIED && !call->is_uncertain;
    if (call->is_found)
        differ(sim, check, call, "is listed twice", tg_decimal_from_int(1), "2");
    if (is_denied)
        differ(sim, check, call, "is there although it was denied", tg_decimal_zero, state);
    call->is_found = true;
    ++check->n_found;
    const char *expected = call->state == TG_SIMCALL_SETTLED && !call->is_late ? "settled" : "expired";
    if (call->state != TG_SIMCALL_FAILED && strcmp(state, expected) != 0)
        differ(sim, check, call, expected, tg_decimal_from_int(1), state);
    check->n_expired += strcmp(state, "expired") == 0;
    if (strcmp(text_of(row, "company"), company->id) != 0)
        differ(sim, check, call, "is another company's", tg_decimal_zero, text_of(row, "company"));
    add(&company->charged, amount_of(row, "charge"));
    add(&company->overrun, amount_of(row, "overrun"));
    check_charge(sim, check, call, row);
    return 0;
}

static void check_missing(struct tg_sim *sim, struct check *check)
{
    for (size_t i = 0; i != sim->n_calls; ++i) {
        const struct tg_simcall *call = sim->calls[i];
        if (call->allowed_us != 0 && !call->is_found)
            differ(sim, check, call, "was acknowledged and is gone", tg_decimal_from_int(1), "0");
    }
}

static void differ_company(struct tg_sim *sim, struct check *check, const struct tg_sim_company *company,
                           const char *what, struct tg_decimal ours, struct tg_decimal theirs)
{
    char a[TG_DECIMAL_TEXT_SIZE], b[TG_DECIMAL_TEXT_SIZE];
    if (tg_decimal_cmp(ours, theirs) == 0)
        return;
    tg_decimal_format(ours, a);
    tg_decimal_format(theirs, b);
    ++check->differences;
    tg_sim_complain(sim, "%s: %s: %s beside %s", company->id, what, a, b);
}

static void check_companies(struct tg_sim *sim, struct check *check, struct tg_decimal *charged_r)
{
    for (unsigned i = 0; i != sim->set->companies; ++i) {
        const struct tg_sim_company *c = &sim->companies[i];
        struct tg_decimal taken = minus(c->balance_before, c->balance_after);
        differ_company(sim, check, c, "charges of its calls, and what its wallet lost", c->charged, taken);
        differ_company(sim, check, c, "charges of its calls, and its usage", c->charged,
                       minus(c->usage_after, c->usage_before));
        differ_company(sim, check, c, "holds after the last call", tg_decimal_zero, c->held_after);
        if (c->is_obedient)
            differ_company(sim, check, c, "overruns of calls that used no more than they were granted", tg_decimal_zero,
                           c->overrun);
        struct tg_decimal bound = c->available;
        add(&bound, c->overrun);
        if (tg_decimal_cmp(taken, bound) > 0)
            differ_company(sim, check, c, "spent more than it had, overruns included", bound, taken);
        add(charged_r, c->charged);
    }
}

int tg_sim_check(struct tg_sim *sim, uint64_t *differences_r, struct tg_err *err_r)
{
    struct check check = {0};
    struct tg_decimal charged = tg_decimal_zero;
    char from[TG_RFC3339_SIZE], path[80], text[TG_DECIMAL_TEXT_SIZE];
    if (wait_for_expiry(sim, err_r) != 0)
        return -1;
    tg_time_format(sim->began_at_us - 60 * INT64_C(1000000), from);
    snprintf(path, sizeof(path), "/v1/calls?from=%s", from);
    if (tg_sim_each_row(sim, path, check_call, &check, err_r) != 0 || tg_sim_read_wallets(sim, true, err_r) != 0)
        return -1;
    check_missing(sim, &check);
    check_companies(sim, &check, &charged);
    tg_decimal_format(charged, text);
    fprintf(stderr,
            "%s%" PRIu64 " calls of %u companies compared, %" PRIu64 " had expired; %s USD charged; %" PRIu64
            " differences\n",
            sim->stats.is_tty ? "\r\033[K" : "", check.n_compared, sim->set->companies, check.n_expired, text,
            check.differences);
    *differences_r = check.differences;
    return 0;
}

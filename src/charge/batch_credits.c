/* batch_credits - credits of the wallets an attempt has locked, and balances that leave their band.
 *
 * What has expired is broken before anything is decided, so that decisions see what is left. What the company's entries
 * have drawn is found out at the end, when their amounts are known: decisions do not depend on it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "charge/batch_internal.h"

int tg_batch_expire_credits(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        struct tg_batch_company *c = &b->companies[i];
        if (c->is_locked && c->has_credits)
            c->credits = tg_credits_add(b->credits, c->id, c->wallet, c->currency);
    }
    if (tg_credits_load(b->credits, b->conn, err_r) != 0)
        return -1;
    for (size_t i = 0; i < b->n_companies; i++) {
        struct tg_batch_company *c = &b->companies[i];
        struct tg_decimal broken;
        if (c->credits == TG_BATCH_NONE)
            continue;
        c->has_expired = tg_credits_expire(b->credits, c->credits, c->purse.balance, c->purse.credit_limit,
                                           c->purse.held, b->now_us, &broken) != 0;
        if (tg_decimal_sub(c->purse.balance, broken, &c->purse.balance, err_r) != 0)
            return -1;
    }
    return 0;
}

/* The calls whose ends have taken debits back. */
static size_t refunded_calls(const struct tg_batch *b, size_t company, struct tg_id *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_calls; i++) {
        const struct tg_batch_call *call = &b->calls[i];
        if (call->company == company && call->has_entry && tg_decimal_cmp(call->call.charge, call->call.debited) < 0)
            ids[n++] = call->call.id;
    }
    return n;
}

static int give_back(struct tg_batch *b, size_t company, struct tg_err *err_r)
{
    struct tg_batch_company *c = &b->companies[company];
    const struct tg_batch_entry *entry = &c->entries[TG_BATCH_CALLS];
    if (c->credits == TG_BATCH_NONE)
        c->credits = tg_credits_add(b->credits, c->id, c->wallet, c->currency);
    struct tg_id *calls = tg_malloc(b->n_calls * sizeof(*calls));
    const size_t n = refunded_calls(b, company, calls);
    assert(n > 0);
    const int status = tg_credits_give_back(b->credits, b->conn, c->credits, entry->id, tg_decimal_neg(entry->amount),
                                            calls, n, err_r);
    free(calls);
    return status;
}

int tg_batch_write_credits(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_companies; i++) {
        const struct tg_batch_company *c = &b->companies[i];
        for (int kind = 0; kind < TG_BATCH_ENTRIES; kind++) {
            const struct tg_decimal amount = c->entries[kind].amount;
            if (c->entries[kind].n == 0 || tg_decimal_is_zero(amount))
                continue;
            if (tg_decimal_is_negative(amount)) {
                assert(kind == TG_BATCH_CALLS);
                if (give_back(b, i, err_r) != 0)
                    return -1;
            } else if (c->credits != TG_BATCH_NONE) {
                tg_credits_draw(b->credits, c->credits, c->entries[kind].id, amount);
            }
        }
    }
    return tg_credits_write(b->credits, b->conn, b->now_us, err_r);
}

int tg_batch_write_levels(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_levels_left *left = NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->n_companies; i++) {
        const struct tg_batch_company *c = &b->companies[i];
        if (tg_batch_n_entries(c) == 0 || !tg_levels_is_outside(&c->band, c->purse.balance))
            continue;
        if (left == NULL)
            left = tg_malloc(b->n_companies * sizeof(*left));
        left[n++] = (struct tg_levels_left){.company = c->id, .wallet = c->wallet};
    }
    const int status = tg_levels_write(b->conn, left, n, b->now_us, err_r);
    free(left);
    return status;
}

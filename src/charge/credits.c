/* credits - the parts of a wallet's balance that are taken first: one attempt's share of them.
 *
 * The credits of a wallet are neighbours in one array, in the order in which they are drawn; what give_back finds
 * besides (credits with nothing left) comes behind all of them, and only give_back looks there.
 */
#include "charge/credits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "charge/keymap.h"

#define LIST_MAX (16u << 20)
#define GIVE_BACK_MAX 100 /* credits that one entry gives back to; what they do not take is plain money */

struct credit {
    struct tg_id id;
    uint32_t wallet;
    bool is_moved;
    int64_t expires_us; /* INT64_MAX: never */
    struct tg_decimal remaining;
};
struct wallet {
    struct tg_id company, id;
    char currency[4];
    uint32_t from, n; /* of its credits */
    bool had_credits; /* as wallets.has_credits says */
};
struct draw {
    uint32_t credit;
    struct tg_id entry;
    struct tg_decimal amount; /* negative: given back */
};
struct broken { /* an entry of what has expired */
    uint32_t wallet;
    struct tg_id entry;
    struct tg_decimal amount, balance_after;
};
struct tg_credits {
    struct credit *credits;
    struct wallet *wallets;
    struct draw *draws;
    struct broken *broken;
    size_t n_credits, n_wallets, n_draws, n_broken;
    size_t credits_capacity, wallets_capacity, draws_capacity, broken_capacity;
    struct tg_keymap by_wallet; /* (wallet, 0) → number */
    struct tg_strbuf list; /* the JSON list that the running statement takes */
    struct tg_dbval *values; /* of a bulk write */
    size_t values_capacity;
};

static const uint8_t zeroes[16];

static void *grown(void *items, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return tg_realloc(items, *capacity * size);
}
#define GROW(c, what) ((c)->what = grown((c)->what, (c)->n_##what, &(c)->what##_capacity, sizeof(*(c)->what)))

struct tg_credits *tg_credits_new(void)
{
    struct tg_credits *c = TG_NEW(struct tg_credits);
    tg_strbuf_init(&c->list, LIST_MAX);
    return c;
}

void tg_credits_free(struct tg_credits **credits)
{
    struct tg_credits *c = *credits;
    if (c == NULL)
        return;
    tg_keymap_deinit(&c->by_wallet);
    tg_strbuf_deinit(&c->list);
    free(c->credits);
    free(c->wallets);
    free(c->draws);
    free(c->broken);
    free(c->values);
    free(c);
    *credits = NULL;
}

void tg_credits_forget(struct tg_credits *c)
{
    c->n_credits = c->n_wallets = c->n_draws = c->n_broken = 0;
    tg_keymap_clear(&c->by_wallet);
}

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

/* Of amounts within one balance: it cannot leave the range. */
static struct tg_decimal sub(struct tg_decimal a, struct tg_decimal b)
{
    return (struct tg_decimal){a.units - b.units};
}

static struct tg_decimal min(struct tg_decimal a, struct tg_decimal b)
{
    return a.units < b.units ? a : b;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

uint32_t tg_credits_add(struct tg_credits *c, struct tg_id company, struct tg_id wallet, const char *currency)
{
    GROW(c, wallets);
    const uint32_t number = (uint32_t)c->n_wallets++;
    struct wallet *w = &c->wallets[number];
    *w = (struct wallet){.company = company, .id = wallet};
    assert(strlen(currency) == 3);
    memcpy(w->currency, currency, sizeof(w->currency));
    const uint32_t put = tg_keymap_put(&c->by_wallet, wallet.bytes, zeroes, number);
    assert(put == number);
    return put;
}

static uint32_t add_credit(struct tg_credits *c, uint32_t wallet, const struct tg_dbval *id,
                           const struct tg_dbval *expires_at, const struct tg_dbval *remaining)
{
    GROW(c, credits);
    const uint32_t index = (uint32_t)c->n_credits++;
    c->credits[index] = (struct credit){
        .id = id_of(id),
        .wallet = wallet,
        .expires_us = expires_at->type == TG_DB_NULL ? INT64_MAX : expires_at->num,
        .remaining = remaining->dec,
    };
    return index;
}

static int on_credit(const struct tg_dbval *cells, size_t n_cells, void *arg)
{
    struct tg_credits *c = arg;
    assert(n_cells == 4 && cells[0].len == 16);
    const uint32_t number = tg_keymap_get(&c->by_wallet, (const uint8_t *)cells[0].bytes, zeroes);
    assert(number < c->n_wallets);
    struct wallet *w = &c->wallets[number];
    const uint32_t index = add_credit(c, number, &cells[1], &cells[2], &cells[3]);
    if (w->n++ == 0)
        w->from = index;
    assert(w->from + w->n == c->n_credits);
    return 0;
}

static struct tg_dbval list_of(struct tg_credits *c, const struct tg_id *ids, size_t stride, size_t n)
{
    tg_strbuf_reset(&c->list);
    for (size_t i = 0; i < n; i++) {
        char hex[33];
        tg_hex(((const struct tg_id *)((const char *)ids + i * stride))->bytes, 16, hex);
        tg_strbuf_printf(&c->list, "%c\"%s\"", i == 0 ? '[' : ',', hex);
    }
    tg_strbuf_append_char(&c->list, ']');
    assert(!tg_strbuf_overflowed(&c->list));
    return TG_DBVAL_BYTES(c->list.bytes, c->list.len);
}

int tg_credits_load(struct tg_credits *c, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    if (c->n_wallets == 0)
        return 0;
    const struct tg_dbval list = list_of(c, &c->wallets[0].id, sizeof(c->wallets[0]), c->n_wallets);
    for (size_t i = 0; i < c->n_wallets; i++)
        c->wallets[i].had_credits = true;
    return tg_sqlconn_each(conn,
                           "SELECT d.wallet_id, d.id, d.expires_at, d.remaining"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(32) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN credits d FORCE INDEX (wallet)"
                           "  ON d.wallet_id = UNHEX(j.k) AND d.remaining > 0"
                           " ORDER BY d.wallet_id, d.priority, d.expires_at IS NULL, d.expires_at, d.id",
                           &list, 1, on_credit, c, err_r);
}

/* --- moving ------------------------------------------------------------------------------------------------------- */

static void move(struct tg_credits *c, uint32_t credit, struct tg_id entry, struct tg_decimal amount)
{
    GROW(c, draws);
    c->draws[c->n_draws++] = (struct draw){.credit = credit, .entry = entry, .amount = amount};
    c->credits[credit].remaining = sub(c->credits[credit].remaining, amount);
    c->credits[credit].is_moved = true;
    assert(!tg_decimal_is_negative(c->credits[credit].remaining));
}

int tg_credits_expire(struct tg_credits *c, uint32_t wallet, struct tg_decimal balance, struct tg_decimal credit_limit,
                      struct tg_decimal held, int64_t now_us, struct tg_decimal *broken_r)
{
    assert(wallet < c->n_wallets);
    const struct wallet *w = &c->wallets[wallet];
    struct tg_decimal free = sub((struct tg_decimal){balance.units + credit_limit.units}, held);
    struct tg_id entry = {{0}};
    *broken_r = tg_decimal_zero;
    for (uint32_t i = w->from; i < w->from + w->n && free.units > 0; i++) {
        const struct credit *credit = &c->credits[i];
        if (credit->expires_us > now_us || tg_decimal_is_zero(credit->remaining))
            continue;
        const struct tg_decimal x = min(credit->remaining, free);
        if (tg_decimal_is_zero(*broken_r))
            entry = tg_id_new();
        move(c, i, entry, x);
        free = sub(free, x);
        broken_r->units += x.units;
    }
    if (tg_decimal_is_zero(*broken_r))
        return 0;
    GROW(c, broken);
    c->broken[c->n_broken++] = (struct broken){wallet, entry, *broken_r, sub(balance, *broken_r)};
    return 1;
}

void tg_credits_draw(struct tg_credits *c, uint32_t wallet, struct tg_id entry, struct tg_decimal amount)
{
    assert(wallet < c->n_wallets && amount.units > 0);
    const struct wallet *w = &c->wallets[wallet];
    for (uint32_t i = w->from; i < w->from + w->n && amount.units > 0; i++) {
        const struct tg_decimal x = min(c->credits[i].remaining, amount);
        if (tg_decimal_is_zero(x))
            continue;
        move(c, i, entry, x);
        amount = sub(amount, x);
    }
}

struct giving {
    struct tg_credits *c;
    uint32_t wallet;
    struct tg_id entry;
    struct tg_decimal left;
};

static uint32_t find_credit(const struct tg_credits *c, uint32_t wallet, struct tg_id id)
{
    for (uint32_t i = 0; i < c->n_credits; i++) {
        if (c->credits[i].wallet == wallet && tg_id_equal(c->credits[i].id, id))
            return i;
    }
    return UINT32_MAX;
}

static int on_drawn(const struct tg_dbval *cells, size_t n_cells, void *arg)
{
    struct giving *g = arg;
    assert(n_cells == 5);
    uint32_t index = find_credit(g->c, g->wallet, id_of(&cells[0]));
    if (index == UINT32_MAX)
        index = add_credit(g->c, g->wallet, &cells[0], &cells[1], &cells[2]);
    const struct tg_decimal granted = cells[3].dec, drawn = cells[4].dec;
    const struct tg_decimal missing = sub(granted, g->c->credits[index].remaining);
    const struct tg_decimal x = min(min(g->left, drawn), missing);
    if (x.units > 0) {
        move(g->c, index, g->entry, tg_decimal_neg(x));
        g->left = sub(g->left, x);
    }
    return 0;
}

int tg_credits_give_back(struct tg_credits *c, struct tg_sqlconn *conn, uint32_t wallet, struct tg_id entry,
                         struct tg_decimal amount, const struct tg_id *calls, size_t n_calls, struct tg_err *err_r)
{
    assert(wallet < c->n_wallets && amount.units > 0 && n_calls > 0);
    struct giving giving = {.c = c, .wallet = wallet, .entry = entry, .left = amount};
    const struct tg_dbval values[] = {list_of(c, calls, sizeof(*calls), n_calls),
                                      TG_DBVAL_ID(c->wallets[wallet].company), TG_DBVAL_ID(c->wallets[wallet].id),
                                      TG_DBVAL_INT(GIVE_BACK_MAX)};
    return tg_sqlconn_each(conn,
                           "SELECT d.id, d.expires_at, d.remaining, d.granted, CAST(SUM(t.amount) AS DECIMAL(38,12))"
                           " FROM (SELECT DISTINCT b.company_id, b.entry_id"
                           "  FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(32) CHARACTER SET ascii PATH '$')) j"
                           "  STRAIGHT_JOIN call_debits b ON b.call_id = UNHEX(j.k) WHERE b.company_id = ?) e"
                           " JOIN credit_draws t ON t.company_id = e.company_id AND t.entry_id = e.entry_id"
                           " JOIN credits d ON d.company_id = t.company_id AND d.id = t.credit_id AND d.wallet_id = ?"
                           " GROUP BY d.company_id, d.id"
                           " ORDER BY d.priority DESC, d.expires_at IS NULL DESC, d.expires_at DESC, d.id DESC LIMIT ?",
                           values, 4, on_drawn, &giving, err_r);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static struct tg_dbval *values_of(struct tg_credits *c, size_t n)
{
    if (n > c->values_capacity) {
        c->values_capacity = n;
        free(c->values);
        c->values = tg_malloc(n * sizeof(*c->values));
    }
    return c->values;
}

static int write_broken(struct tg_credits *c, struct tg_sqlconn *conn, int64_t now_us, struct tg_err *err_r)
{
    if (c->n_broken == 0)
        return 0;
    struct tg_dbval *v = values_of(c, c->n_broken * 2 * 8);
    for (size_t i = 0; i < c->n_broken; i++) {
        *v++ = TG_DBVAL_ID(c->wallets[c->broken[i].wallet].company);
        *v++ = TG_DBVAL_ID(c->broken[i].entry);
        *v++ = TG_DBVAL_TIME(now_us);
    }
    if (tg_sqlconn_bulk(conn,
                        "INSERT INTO ledger_entries (company_id, id, kind, created_at)"
                        " VALUES (?, ?, 'credit.expired', ?)",
                        c->values, 3, c->n_broken, NULL, err_r) != 0)
        return -1;
    v = c->values;
    for (size_t i = 0; i < c->n_broken; i++) {
        const struct broken *b = &c->broken[i];
        const struct wallet *w = &c->wallets[b->wallet];
        for (int leg = 0; leg < 2; leg++) {
            *v++ = TG_DBVAL_ID(w->company);
            *v++ = TG_DBVAL_ID(b->entry);
            *v++ = TG_DBVAL_INT(leg);
            *v++ = leg == 0 ? TG_DBVAL_STR("wallet") : TG_DBVAL_STR("breakage");
            *v++ = leg == 0 ? TG_DBVAL_ID(w->id) : TG_DBVAL_NULL;
            *v++ = TG_DBVAL_STR(w->currency);
            *v++ = leg == 0 ? TG_DBVAL_DEC(tg_decimal_neg(b->amount)) : TG_DBVAL_DEC(b->amount);
            *v++ = leg == 0 ? TG_DBVAL_DEC(b->balance_after) : TG_DBVAL_NULL;
        }
    }
    return tg_sqlconn_bulk(conn,
                           "INSERT INTO ledger_postings (company_id, entry_id, leg, account, wallet_id, currency,"
                           " amount, balance_after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                           c->values, 8, c->n_broken * 2, NULL, err_r);
}

static int write_draws(struct tg_credits *c, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    struct tg_dbval *v = values_of(c, c->n_draws * 4);
    for (size_t i = 0; i < c->n_draws; i++) {
        const struct draw *draw = &c->draws[i];
        const struct credit *credit = &c->credits[draw->credit];
        *v++ = TG_DBVAL_ID(c->wallets[credit->wallet].company);
        *v++ = TG_DBVAL_ID(draw->entry);
        *v++ = TG_DBVAL_ID(credit->id);
        *v++ = TG_DBVAL_DEC(draw->amount);
    }
    return tg_sqlconn_bulk(conn,
                           "INSERT INTO credit_draws (company_id, entry_id, credit_id, amount) VALUES (?, ?, ?, ?)",
                           c->values, 4, c->n_draws, NULL, err_r);
}

static int write_remaining(struct tg_credits *c, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    struct tg_dbval *v = values_of(c, c->n_credits * 3);
    size_t n = 0;
    for (size_t i = 0; i < c->n_credits; i++) {
        const struct credit *credit = &c->credits[i];
        if (!credit->is_moved)
            continue;
        *v++ = TG_DBVAL_DEC(credit->remaining);
        *v++ = TG_DBVAL_ID(c->wallets[credit->wallet].company);
        *v++ = TG_DBVAL_ID(credit->id);
        n++;
    }
    return tg_sqlconn_bulk(conn, "UPDATE credits SET remaining = ? WHERE company_id = ? AND id = ?", c->values, 3, n,
                           NULL, err_r);
}

/* wallets.has_credits, where it is not what it was: 1 may be said of a wallet without any, 0 never of one with some. */
static int write_has_credits(struct tg_credits *c, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    struct tg_dbval *v = values_of(c, c->n_wallets * 2);
    size_t n = 0;
    bool *has = tg_calloc(c->n_wallets, sizeof(*has));
    for (size_t i = 0; i < c->n_credits; i++)
        has[c->credits[i].wallet] |= c->credits[i].remaining.units > 0;
    for (size_t i = 0; i < c->n_wallets; i++) {
        if (c->wallets[i].had_credits == has[i])
            continue;
        *v++ = TG_DBVAL_INT(has[i]);
        *v++ = TG_DBVAL_ID(c->wallets[i].id);
        n++;
    }
    free(has);
    return n == 0
               ? 0
               : tg_sqlconn_bulk(conn, "UPDATE wallets SET has_credits = ? WHERE id = ?", c->values, 2, n, NULL, err_r);
}

int tg_credits_write(struct tg_credits *c, struct tg_sqlconn *conn, int64_t now_us, struct tg_err *err_r)
{
    if (c->n_wallets == 0)
        return 0;
    if (c->n_draws > 0 && (write_broken(c, conn, now_us, err_r) != 0 || write_draws(c, conn, err_r) != 0 ||
                           write_remaining(c, conn, err_r) != 0))
        return -1;
    return write_has_credits(c, conn, err_r);
}

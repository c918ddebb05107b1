/* credits - the parts of a wallet's balance that are taken first (rating.md R14): one attempt's share of them.
 *
 * A credit is promotional or prepaid money with a priority and, perhaps, an end; `remaining` of it is a part of the
 * wallet's balance, the rest of the balance is plain money. All of it happens under the wallet's lock:
 *
 * - What has expired is broken first: an entry `credit.expired` (wallet −x, breakage +x). Never what open holds or a
 *   debt need: x is at most balance + limit − held. What cannot be broken yet stays as it is, is drawn like any other
 *   credit (for a hold was made on it), and is broken on a later occasion.
 * - An entry that takes x from the wallet draws it from the credits by priority, expiry (none: last), id. What they do
 *   not cover comes from plain money, which alone may go below zero.
 * - An entry that gives x to the wallet and names the calls whose debits it takes back returns it, in the opposite
 *   order, to the credits that the entries of those debits drew from: to each at most what they drew, and what is
 *   missing of its grant. The rest becomes plain money. A credit that has expired since is broken on the next occasion.
 *   Any other gain is plain money.
 *
 * Draws are per entry (credit_draws), because all charges of a company in one transaction are one entry.
 *
 *   add each locked wallet with has_credits → load → expire each → (decide; balances are known) → draw, give_back
 *   → write. Then forget. Wallets without credits cost nothing. Blocks; one thread.
 */
#ifndef TG_CHARGE_CREDITS_H
#define TG_CHARGE_CREDITS_H

#include "base/id.h"
#include "io/sqlconn.h"

struct tg_credits; /* opaque */
struct tg_credits *tg_credits_new(void);
void tg_credits_free(struct tg_credits **credits);
/* Forgets the attempt; keeps the memory. */
void tg_credits_forget(struct tg_credits *credits);

/* A locked wallet; currency has three letters. Returns its number, from 0. */
uint32_t tg_credits_add(struct tg_credits *credits, struct tg_id company, struct tg_id wallet, const char *currency);
/* Reads what is left of the credits of the wallets added; one statement, none without wallets. */
int tg_credits_load(struct tg_credits *credits, struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;
/* Breaks what has expired. 1: an entry was made, so the wallet's balance is less by *broken_r and its version grows by
 * one; 0: nothing. Before any other entry of this wallet. */
int tg_credits_expire(struct tg_credits *credits, uint32_t wallet, struct tg_decimal balance,
                      struct tg_decimal credit_limit, struct tg_decimal held, int64_t now_us,
                      struct tg_decimal *broken_r);
/* The entry takes amount > 0 from the wallet; once for each entry. */
void tg_credits_draw(struct tg_credits *credits, uint32_t wallet, struct tg_id entry, struct tg_decimal amount);
/* The entry gives amount > 0 to the wallet: debits of the calls (ids of rows) are taken back. Asks the database; works
 * for a wallet without has_credits, too. */
int tg_credits_give_back(struct tg_credits *credits, struct tg_sqlconn *conn, uint32_t wallet, struct tg_id entry,
                         struct tg_decimal amount, const struct tg_id *calls, size_t n_calls,
                         struct tg_err *err_r) TG_MUST_CHECK;
/* Writes the entries of what was broken, all draws, what remains, and wallets.has_credits where it changes; nothing
 * when nothing moved. Balances and versions of wallets are the caller's. */
int tg_credits_write(struct tg_credits *credits, struct tg_sqlconn *conn, int64_t now_us,
                     struct tg_err *err_r) TG_MUST_CHECK;

#endif

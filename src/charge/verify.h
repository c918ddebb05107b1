/* verify - replays the ledger and says where it does not add up: `tollgate ledger verify`.
 *
 * Each check is one statement, so that it sees one state of a running server:
 *
 * - postings of an entry sum to zero in each currency; every entry has postings and every posting an entry; a wallet's
 *   cached balance and version are those of a replay, and each posting begins where another ended;
 * - a usage charge is the sum of its events, and every event with a price names the entry that charged it;
 * - a wallet holds what its open calls hold; a closed call holds nothing; a call's charge is what its meters cost, its
 *   debits are those written down, and each entry of calls is the sum of its debits and of what was left at the end;
 * - a correction begins where the usage, or the correction before, has ended, and its entry is the difference;
 * - a credit is what the wallet got for it, and what remains of it the grant less the draws; an entry draws no more than
 *   it takes, and gives back no more than it gives; free seconds that are gone were used or are kept by open calls.
 *
 * Changes nothing. Blocks: a ledger of 100,000 calls (200,000 entries) takes about ten seconds of one processor.
 */
#ifndef TG_CHARGE_VERIFY_H
#define TG_CHARGE_VERIFY_H

#include <stdint.h>

#include "base/id.h"
#include "io/sqlconn.h"

struct tg_verify_difference {
    const char *check; /* literal: "entry_balance", "wallet_held", … as the table in verify.c has them */
    const char *text; /* a sentence with both figures */
    struct tg_id company, object; /* what it is says the prefix */
    const char *prefix; /* of the object's id: "ent", "wal", "usg", "call", "crd", "alw" */
};
typedef void tg_verify_fn(const struct tg_verify_difference *difference, void *arg);
struct tg_verify_counts {
    uint64_t entries, postings, wallets, usage_events; /* looked at */
    uint64_t differences;
};
/* fn hears each difference, up to 1000 of each check. -1: the checks could not be made. */
int tg_verify_ledger(struct tg_sqlconn *conn, tg_verify_fn *fn, void *arg, struct tg_verify_counts *counts_r,
                     struct tg_err *err_r) TG_MUST_CHECK;

#endif

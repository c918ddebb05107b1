/* chain - is what was written once as it was sealed? `tollgate audit verify`, `tollgate ledger verify`.
 *
 * Every link of a company's chain is recomputed from its rows and from the link before it (the bytes are told in
 * lua/chains/service.lua, which makes the links). Found is a row that was changed, added or taken away, a link that
 * was, and a row that no link holds though a later one is sealed. Rows behind the last link are young: they wait.
 * What it cannot see is the end of a chain cut off together with its rows: the head of each chain is in the server's
 * log (audit_sealed, ledger_sealed), outside the database, to compare it with. Changes nothing. Blocks.
 */
#ifndef TG_CHARGE_CHAIN_H
#define TG_CHARGE_CHAIN_H

#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"
#include "io/sqlconn.h"

struct tg_chain_source; /* what is sealed: opaque */
extern const struct tg_chain_source tg_chain_audit; /* the audit log: its rows */
extern const struct tg_chain_source tg_chain_ledger; /* entries with their postings and draws */

struct tg_chain_difference {
    const char *text; /* a sentence */
    struct tg_id company;
    uint64_t seq; /* of the link */
};
typedef void tg_chain_fn(const struct tg_chain_difference *difference, void *arg);
struct tg_chain_head { /* of a company's chain */
    struct tg_id company;
    uint64_t seq;
    uint8_t hash[TG_SHA256_LEN]; /* as it stands in the database */
};
typedef void tg_chain_head_fn(const struct tg_chain_head *head, void *arg);
struct tg_chain_counts {
    uint64_t companies, links, rows, waiting; /* rows: those in links */
    uint64_t differences;
};
/* fn hears each difference, on_head the end of each chain (may be NULL). -1: the rows could not be read. */
int tg_chain_verify(const struct tg_chain_source *source, struct tg_sqlconn *conn, tg_chain_fn *fn,
                    tg_chain_head_fn *on_head, void *arg, struct tg_chain_counts *counts_r,
                    struct tg_err *err_r) TG_MUST_CHECK;

#endif

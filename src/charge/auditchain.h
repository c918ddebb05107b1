/* auditchain - is the audit log as it was sealed? `tollgate audit verify`.
 *
 * Every link of a company's chain is recomputed from the rows of audit_log and from the link before it (the bytes are
 * told in lua/audit/chain.lua, which makes the links). Found is a row that was changed, added or taken away, a link that
 * was, and a row that no link holds though a later one is sealed. Rows behind the last link are young: they wait.
 * What it cannot see is the end of a chain cut off together with its rows: the head of each chain is in the server's
 * log (audit_sealed), outside the database, to compare it with. Changes nothing. Blocks.
 */
#ifndef TG_CHARGE_AUDITCHAIN_H
#define TG_CHARGE_AUDITCHAIN_H

#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"
#include "io/sqlconn.h"

struct tg_auditchain_difference {
    const char *text; /* a sentence */
    struct tg_id company;
    uint64_t seq; /* of the link */
};
typedef void tg_auditchain_fn(const struct tg_auditchain_difference *difference, void *arg);
struct tg_auditchain_head { /* of a company's chain */
    struct tg_id company;
    uint64_t seq;
    uint8_t hash[TG_SHA256_LEN]; /* as it stands in the database */
};
typedef void tg_auditchain_head_fn(const struct tg_auditchain_head *head, void *arg);
struct tg_auditchain_counts {
    uint64_t companies, links, rows, waiting; /* rows: those in links */
    uint64_t differences;
};
/* fn hears each difference, on_head the end of each chain (may be NULL). -1: the log could not be read. */
int tg_auditchain_verify(struct tg_sqlconn *conn, tg_auditchain_fn *fn, tg_auditchain_head_fn *on_head, void *arg,
                         struct tg_auditchain_counts *counts_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

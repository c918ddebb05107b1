/* rulestore - the rules' rows in the database: slots, bundles, what nodes report.
 *
 * On a connection that may block; nothing is kept here. Bundle ids are 64 hexadecimal digits, "" where there is none.
 */
#ifndef TG_CHARGE_RULESTORE_H
#define TG_CHARGE_RULESTORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"
#include "io/sqlconn.h"
#include "rt/bundle.h"

struct tg_ruleslots { /* what is to decide */
    uint64_t revision;
    char bundle[TG_BUNDLE_ID_SIZE]; /* "": the release's rules */
    int64_t set_at_us;
    uint64_t candidate_revision;
    char candidate[TG_BUNDLE_ID_SIZE]; /* "": none */
    uint32_t share_ppm;
};
int tg_rulestore_read(struct tg_sqlconn *conn, struct tg_ruleslots *slots_r, struct tg_err *err_r) TG_MUST_CHECK;
/* NOT_FOUND: there is no such bundle. BUG: what is stored is not what its id says. */
int tg_rulestore_load(struct tg_sqlconn *conn, const char *bundle_id, struct tg_bundle **bundle_r,
                      struct tg_err *err_r) TG_MUST_CHECK;
/* Keeps the release's own bundle among the others, so that what it decided can be explained later. Again: nothing. */
int tg_rulestore_keep_release(struct tg_sqlconn *conn, const struct tg_bundle *bundle,
                              struct tg_err *err_r) TG_MUST_CHECK;

struct tg_rulenode { /* what a process says of itself; borrowed */
    struct tg_id id;
    const char *host; /* "name:pid" */
    uint64_t revision; /* applied by every thread */
    const char *bundle; /* "": it has none yet */
    uint64_t candidate_revision;
    const char *threads; /* JSON [{"name","revision"}] */
    const char *error; /* NULL: none */
    int64_t started_at_us;
};
int tg_rulestore_beat(struct tg_sqlconn *conn, const struct tg_rulenode *node, struct tg_err *err_r) TG_MUST_CHECK;
/* Cumulative, since the node took the revision. */
int tg_rulestore_write_calls(struct tg_sqlconn *conn, struct tg_id node, uint64_t revision, const char *hook,
                             uint64_t calls, uint64_t failures, struct tg_err *err_r) TG_MUST_CHECK;
/* Nodes that were seen in the last ten seconds with an older revision: how many, and the name of one. */
int tg_rulestore_count_behind(struct tg_sqlconn *conn, uint64_t revision, size_t *n_r, char host_r[101],
                              struct tg_err *err_r) TG_MUST_CHECK;
/* Forgets nodes not seen for an hour, and the calls of nodes and revisions that nobody asks about any more. */
int tg_rulestore_purge(struct tg_sqlconn *conn, uint64_t revision, struct tg_err *err_r) TG_MUST_CHECK;

#define TG_RULES_JUDGED_CALLS_MIN 200
#define TG_RULES_JUDGED_US INT64_C(600000000) /* so long after its activation a revision may be taken back */
/* Takes back an activation when one hook has failed in more than 1 % of at least 200 calls on all nodes: the bundle
 * before it decides again, in a new revision. 1: done (detail_r says why), 0: no reason, or somebody was first. */
int tg_rulestore_judge(struct tg_sqlconn *conn, const struct tg_ruleslots *slots, char detail_r[200],
                       struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* shadowstore - the figures of the shadow, from this process into the database: for the keeper's thread.
 *
 * Cumulative for a node and a revision of the candidate slot: each row is written over with the figures of now, so a
 * write that is repeated says the same. What a process had not written when it was killed is lost: two seconds.
 */
#ifndef TG_CHARGE_SHADOWSTORE_H
#define TG_CHARGE_SHADOWSTORE_H

#include "base/id.h"
#include "io/sqlconn.h"
#include "rt/shadow.h"

/* Writes what has changed since the last time. What the database refuses for good is dropped (logged). */
int tg_shadowstore_write(struct tg_sqlconn *conn, struct tg_shadow *shadow, struct tg_id node,
                         struct tg_err *err_r) TG_MUST_CHECK;
/* Forgets revisions of the candidate slot that nobody asks about any more. */
int tg_shadowstore_purge(struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;

#endif

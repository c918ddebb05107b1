/* rulepins - the rules that a call began with, when others decide today.
 *
 * A call is priced from its authorization to its correction by one bundle (calls.rule_bundle), whatever is activated
 * meanwhile, also after a restart and on another node. Its set of rules is the seat's current one, one that the seat
 * keeps, or is built here from the bundle that the book's keeper finds: 3 to 5 ms once, then the seat keeps it.
 *
 * A set that met a limit is mended when it is asked for again; the other sets are other VMs and notice nothing.
 *
 * Rules that cannot be had are never replaced by others: who would price by them
 *   renew          lets the call use up what it was granted, then stops it (charge/call.h)
 *   settle, expire closes the call: its usage is 'failed' for review, with this reason; what was debited stays charged
 * That is for a bundle that is not there, or does not load on this release. Nobody looks again for half a minute. While the database is away nothing is decided: the transaction fails as a whole and is tried again.
 *
 * The seat's thread; blocks.
 */
#ifndef TG_CHARGE_RULEPINS_H
#define TG_CHARGE_RULEPINS_H

#include "base/hash.h"
#include "rt/ruleseat.h"

struct tg_rulepins;
struct tg_rulepins *tg_rulepins_new(struct tg_ruleseat *seat); /* borrowed; it outlives the pins */
void tg_rulepins_free(struct tg_rulepins **pins);

/* The rules of the bundle, not spoilt. Borrowed until the next call, or until the seat takes others. -1: NOT_FOUND, there are none and will not be (the
 * error says why); else the same question may have another answer later. */
int tg_rulepins_get(struct tg_rulepins *pins, const uint8_t bundle[static TG_SHA256_LEN], struct tg_ruleset **set_r,
                    struct tg_err *err_r) TG_MUST_CHECK;

#endif

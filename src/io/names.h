/* names - lookups of the HTTP client, shared and remembered.
 *
 * Many requests to one host at once make one lookup, its answer serves for
 * NAMES_KEPT_MS, and at most NAMES_RUNNING_MAX run at a time: the workers, which
 * also hash passwords, are not lost to a dead name server. All calls on one loop;
 * the five promises of io/loop.h hold.
 */
#ifndef TG_IO_NAMES_H
#define TG_IO_NAMES_H

#include "io/resolve.h"

#define TG_NAMES_MAX 64
#define TG_NAMES_RUNNING_MAX 2
#define TG_NAMES_KEPT_MS 5000

struct tg_names;

/* work: as for tg_resolve(). */
struct tg_names *tg_names_new(struct tg_loop *loop, struct tg_work *work);
/* All lookups must have ended: asserted. */
void tg_names_free(struct tg_names **names);
/* BUSY when too many names are being looked up. */
void tg_names_lookup(struct tg_names *names, const char *host, uint16_t port, tg_resolve_fn *fn, void *arg);

#endif

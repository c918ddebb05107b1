/* rulecache - the last good copy of the active rules, a file that stands in for a database that is away at the start. */
#ifndef TG_CHARGE_RULECACHE_H
#define TG_CHARGE_RULECACHE_H

#include <stdint.h>

#include "rt/bundle.h"

/* bundle NULL: the release's rules. The file is replaced as a whole or not at all. */
int tg_rulecache_write(const char *dir, uint64_t revision, const struct tg_bundle *bundle,
                       struct tg_err *err_r) TG_MUST_CHECK;
/* 1: found, *bundle_r NULL for the release's rules; 0: there is none; -1: it is not what it was. */
int tg_rulecache_read(const char *dir, uint64_t *revision_r, struct tg_bundle **bundle_r,
                      struct tg_err *err_r) TG_MUST_CHECK;

#endif

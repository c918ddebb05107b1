/* ratelink - the buckets of a key or an address, told to the other nodes through Redis.
 *
 * A request is decided here and now by the process's own bucket (web/limit.h); nobody waits for Redis. What was taken is
 * gathered for TG_RATELINK_FLUSH_MS, added to the bucket that all nodes share, and the answer raises our own to what the
 * others have taken too. So over any longer while N nodes allow what one would, and at once at most the burst of each:
 * what was overdrawn is waited for, at most a burst and a second. Without Redis each node counts for itself.
 *
 * One a thread. A Redis command a bucket and flush, for TG_RATELINK_BUCKETS_MAX buckets; more count here only.
 */
#ifndef TG_WEB_RATELINK_H
#define TG_WEB_RATELINK_H

#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/redis.h"
#include "web/limit.h"

#define TG_RATELINK_FLUSH_MS 50
#define TG_RATELINK_BUCKETS_MAX 256
#define TG_RATELINK_NAME_MAX 16

struct tg_ratelink;
/* redis and limits are borrowed; redis NULL: nothing is told. */
struct tg_ratelink *tg_ratelink_new(struct tg_loop *loop, struct tg_redis *redis, struct tg_limits *limits);
/* Before redis closes: nothing more is told. */
void tg_ratelink_stop(struct tg_ratelink *link);
/* After redis has closed. */
void tg_ratelink_free(struct tg_ratelink **link);
/* One was taken from the bucket of who, which the nodes know as kind ('k', 'a') and name. */
void tg_ratelink_took(struct tg_ratelink *link, uint64_t who, char kind, const void *name, size_t len,
                      struct tg_rate rate);

#endif

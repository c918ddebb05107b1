/* cache - texts kept for a while, in one thread: least recently used out first, bounded in bytes.
 *
 * What is here may be gone at any time, and may be as old as its time to live: never the truth. One a VM, so a new
 * generation starts empty and never reads the forms of the old one.
 */
#ifndef TG_RT_CACHE_H
#define TG_RT_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct tg_cache;
struct tg_cache *tg_cache_new(size_t bytes_max);
void tg_cache_free(struct tg_cache **cache);
/* The value, or NULL when there is none or its time is over. Borrowed until the next call. */
const char *tg_cache_get(struct tg_cache *cache, const char *key, size_t key_len, uint64_t now_us, size_t *len_r);
/* Copied; a value larger than a quarter of the cache is not kept. */
void tg_cache_put(struct tg_cache *cache, const char *key, size_t key_len, const char *value, size_t len,
                  uint64_t expires_us);
void tg_cache_drop(struct tg_cache *cache, const char *key, size_t key_len);

struct tg_cache_stats {
    uint64_t hits, misses, evicted;
    size_t n, bytes;
};
struct tg_cache_stats tg_cache_stats_get(const struct tg_cache *cache);

#endif

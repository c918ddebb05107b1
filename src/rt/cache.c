/* cache - texts kept for a while; see cache.h. A chained hash table whose entries are also on one list by last use. */
#include "rt/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ENTRY_OVERHEAD 96 /* what an entry costs besides its bytes, about */

struct entry {
    struct entry *chain; /* of its bucket */
    struct entry *newer, *older; /* by last use */
    uint64_t hash, expires_us;
    size_t key_len, len;
    char bytes[]; /* key, value */
};

struct tg_cache {
    struct entry **buckets;
    size_t n_buckets; /* a power of two */
    struct entry *newest, *oldest;
    size_t bytes_max;
    struct tg_cache_stats stats;
};

static uint64_t hash_of(const char *bytes, size_t len)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    return hash ^ hash >> 29;
}

static size_t cost_of(const struct entry *e)
{
    return ENTRY_OVERHEAD + e->key_len + e->len;
}

struct tg_cache *tg_cache_new(size_t bytes_max)
{
    struct tg_cache *cache = TG_NEW(struct tg_cache);
    cache->bytes_max = bytes_max;
    cache->n_buckets = 64;
    cache->buckets = tg_calloc(cache->n_buckets, sizeof(struct entry *));
    return cache;
}

static void unlink_use(struct tg_cache *cache, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
}

static void link_newest(struct tg_cache *cache, struct entry *e)
{
    e->newer = NULL;
    e->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = e;
    cache->newest = e;
}

/* The place that points to the entry with this key, or to the end of its chain. */
static struct entry **find(struct tg_cache *cache, const char *key, size_t key_len, uint64_t hash)
{
    struct entry **place = &cache->buckets[hash & (cache->n_buckets - 1)];
    while (*place != NULL &&
           ((*place)->hash != hash || (*place)->key_len != key_len || memcmp((*place)->bytes, key, key_len) != 0))
        place = &(*place)->chain;
    return place;
}

static void remove_at(struct tg_cache *cache, struct entry **place)
{
    struct entry *e = *place;
    *place = e->chain;
    unlink_use(cache, e);
    cache->stats.n--;
    cache->stats.bytes -= cost_of(e);
    free(e);
}

void tg_cache_free(struct tg_cache **cache_p)
{
    struct tg_cache *cache = *cache_p;
    *cache_p = NULL;
    if (cache == NULL)
        return;
    while (cache->oldest != NULL) {
        struct entry *e = cache->oldest;
        cache->oldest = e->newer;
        free(e);
    }
    free(cache->buckets);
    free(cache);
}

const char *tg_cache_get(struct tg_cache *cache, const char *key, size_t key_len, uint64_t now_us, size_t *len_r)
{
    struct entry **place = find(cache, key, key_len, hash_of(key, key_len)), *e = *place;
    if (e != NULL && e->expires_us <= now_us) {
        remove_at(cache, place);
        e = NULL;
    }
    if (e == NULL) {
        cache->stats.misses++;
        return NULL;
    }
    unlink_use(cache, e);
    link_newest(cache, e);
    cache->stats.hits++;
    *len_r = e->len;
    return e->bytes + e->key_len;
}

static void grow(struct tg_cache *cache)
{
    size_t n = 2 * cache->n_buckets;
    struct entry **buckets = tg_calloc(n, sizeof(struct entry *));
    for (struct entry *e = cache->oldest; e != NULL; e = e->newer) {
        e->chain = buckets[e->hash & (n - 1)];
        buckets[e->hash & (n - 1)] = e;
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->n_buckets = n;
}

void tg_cache_put(struct tg_cache *cache, const char *key, size_t key_len, const char *value, size_t len,
                  uint64_t expires_us)
{
    uint64_t hash = hash_of(key, key_len);
    struct entry **place = find(cache, key, key_len, hash);
    if (*place != NULL)
        remove_at(cache, place);
    if (key_len + len + ENTRY_OVERHEAD > cache->bytes_max / 4)
        return;
    struct entry *e = tg_malloc(sizeof(*e) + key_len + len);
    *e = (struct entry){.hash = hash, .expires_us = expires_us, .key_len = key_len, .len = len};
    memcpy(e->bytes, key, key_len);
    memcpy(e->bytes + key_len, value, len);
    while (cache->stats.bytes + cost_of(e) > cache->bytes_max) {
        struct entry *old = cache->oldest;
        assert(old != NULL);
        remove_at(cache, find(cache, old->bytes, old->key_len, old->hash));
        cache->stats.evicted++;
    }
    if (cache->stats.n >= cache->n_buckets)
        grow(cache);
    place = &cache->buckets[hash & (cache->n_buckets - 1)];
    e->chain = *place;
    *place = e;
    link_newest(cache, e);
    cache->stats.n++;
    cache->stats.bytes += cost_of(e);
}

void tg_cache_drop(struct tg_cache *cache, const char *key, size_t key_len)
{
    struct entry **place = find(cache, key, key_len, hash_of(key, key_len));
    if (*place != NULL)
        remove_at(cache, place);
}

struct tg_cache_stats tg_cache_stats_get(const struct tg_cache *cache)
{
    return cache->stats;
}

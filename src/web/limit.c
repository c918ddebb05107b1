/* limit - request rates and connections per address, shared by all threads without locks. */
#include "web/limit.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#define SETS 4096
#define WAYS 4
#define ADDRESS_SLOTS 65536

/* Both are changed apart, so a bucket that changes its owner may for one request count for the wrong one: the owner's
 * number is written last, and a taker that lost the race tries again. */
struct bucket {
    _Atomic uint64_t who; /* 0: free */
    _Atomic uint64_t full_us; /* when the burst would be whole again */
};

struct tg_limits {
    uint64_t seed[2];
    struct bucket buckets[SETS][WAYS];
    _Atomic uint16_t connections[ADDRESS_SLOTS];
};

struct tg_limits *tg_limits_new(void)
{
    struct tg_limits *limits = TG_NEW(struct tg_limits);
    tg_random(limits->seed, sizeof(limits->seed));
    return limits;
}

void tg_limits_free(struct tg_limits **limits)
{
    free(*limits);
    *limits = NULL;
}

/* The finalizer of MurmurHash3 over 8 bytes at a time, with a secret seed. */
static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

uint64_t tg_limits_hash(const struct tg_limits *limits, const void *bytes, size_t len)
{
    uint64_t h = limits->seed[0] ^ len;
    const char *p = bytes;
    for (; len != 0;) {
        uint64_t part = 0;
        size_t n = len < sizeof(part) ? len : sizeof(part);
        memcpy(&part, p, n);
        h = mix(h ^ part) + limits->seed[1];
        p += n;
        len -= n;
    }
    h = mix(h);
    return h == 0 ? 1 : h;
}

const void *tg_limits_network(const struct sockaddr *sa, size_t *len_r)
{
    *len_r = sa->sa_family == AF_INET ? 4 : sa->sa_family == AF_INET6 ? 8 : 0;
    return sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
                                    : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

uint64_t tg_limits_address(const struct tg_limits *limits, const struct sockaddr *sa)
{
    size_t len;
    const void *network = tg_limits_network(sa, &len);
    return len == 0 ? 0 : tg_limits_hash(limits, network, len);
}

/* --- Rates ---------------------------------------------------------------------------------------------------------- */

static struct bucket *find_bucket(struct tg_limits *limits, uint64_t who)
{
    struct bucket *set = limits->buckets[who % SETS], *oldest = &set[0];
    uint64_t oldest_us = UINT64_MAX;
    for (int i = 0; i < WAYS; i++) {
        uint64_t owner = atomic_load_explicit(&set[i].who, memory_order_relaxed);
        if (owner == who)
            return &set[i];
        uint64_t full_us = owner == 0 ? 0 : atomic_load_explicit(&set[i].full_us, memory_order_relaxed);
        if (full_us < oldest_us) {
            oldest = &set[i];
            oldest_us = full_us;
        }
    }
    atomic_store_explicit(&oldest->full_us, 0, memory_order_relaxed);
    atomic_store_explicit(&oldest->who, who, memory_order_relaxed);
    return oldest;
}

/* What a bucket that is full again at full_us says at now_us, before anything is taken. */
static struct tg_rate_answer answer(struct tg_rate rate, uint64_t full_us, uint64_t now_us)
{
    uint64_t burst = rate.burst == 0 ? 1 : rate.burst, each_us = 1000000 / rate.per_s;
    uint64_t behind_us = full_us > now_us ? full_us - now_us : 0, room_us = burst * each_us;
    struct tg_rate_answer a = {.reset_s = (uint32_t)((behind_us + 999999) / 1000000)};
    a.allowed = behind_us + each_us <= room_us;
    a.remaining = a.allowed ? (room_us - behind_us) / each_us : 0;
    if (!a.allowed)
        a.retry_after_s = (uint32_t)((behind_us + each_us - room_us + 999999) / 1000000);
    return a;
}

struct tg_rate_answer tg_limits_take(struct tg_limits *limits, uint64_t who, struct tg_rate rate, uint64_t now_us)
{
    if (rate.per_s == 0)
        return (struct tg_rate_answer){.allowed = true};
    assert(rate.per_s <= 1000000);
    struct bucket *bucket = find_bucket(limits, who);
    uint64_t full_us = atomic_load_explicit(&bucket->full_us, memory_order_relaxed), next_us;
    struct tg_rate_answer a;
    do {
        a = answer(rate, full_us, now_us);
        if (!a.allowed)
            return a;
        next_us = (full_us > now_us ? full_us : now_us) + 1000000 / rate.per_s;
    } while (!atomic_compare_exchange_weak_explicit(&bucket->full_us, &full_us, next_us, memory_order_relaxed,
                                                    memory_order_relaxed));
    a.remaining--;
    return a;
}

struct tg_rate_answer tg_limits_peek(struct tg_limits *limits, uint64_t who, struct tg_rate rate, uint64_t now_us)
{
    if (rate.per_s == 0)
        return (struct tg_rate_answer){.allowed = true};
    return answer(rate, atomic_load_explicit(&find_bucket(limits, who)->full_us, memory_order_relaxed), now_us);
}

void tg_limits_raise(struct tg_limits *limits, uint64_t who, uint64_t full_us)
{
    struct bucket *bucket = find_bucket(limits, who);
    uint64_t now_us = atomic_load_explicit(&bucket->full_us, memory_order_relaxed);
    while (now_us < full_us && !atomic_compare_exchange_weak_explicit(&bucket->full_us, &now_us, full_us,
                                                                      memory_order_relaxed, memory_order_relaxed))
        ;
}

/* --- Connections ---------------------------------------------------------------------------------------------------- */

bool tg_limits_connect(struct tg_limits *limits, uint64_t address, unsigned max)
{
    _Atomic uint16_t *slot = &limits->connections[address % ADDRESS_SLOTS];
    if (address == 0 || max == 0)
        return true;
    uint16_t n = atomic_load_explicit(slot, memory_order_relaxed);
    do {
        if (n >= max)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(slot, &n, (uint16_t)(n + 1), memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void tg_limits_disconnect(struct tg_limits *limits, uint64_t address)
{
    if (address == 0)
        return;
    uint16_t before = atomic_fetch_sub_explicit(&limits->connections[address % ADDRESS_SLOTS], 1, memory_order_relaxed);
    assert(before != 0);
    (void)before;
}

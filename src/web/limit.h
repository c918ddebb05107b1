/* limit - who may do how much: request rates and connections per address, shared by all threads without locks.
 *
 * Rates are GCRA (a token bucket that is one number: the instant at which it would be full again) in a table of fixed
 * size, found by a seeded hash. A set of four ways holds the busiest; what is thrown out is the one that would be full
 * soonest, so a forgotten bucket can only give more than its rate, never less. Connections are counted per slot of
 * another table, where two addresses may share a slot: at 65,536 slots that matters to nobody below the limit.
 */
#ifndef TG_WEB_LIMIT_H
#define TG_WEB_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct tg_limits; /* one a process */
struct tg_limits *tg_limits_new(void);
void tg_limits_free(struct tg_limits **limits);

/* A number for an address: the whole of IPv4, the first 64 bits of IPv6; 0 for a unix socket. Seeded. */
uint64_t tg_limits_address(const struct tg_limits *limits, const struct sockaddr *sa);
/* The bytes that the number is of; len 0: a unix socket. Borrowed of sa. */
const void *tg_limits_network(const struct sockaddr *sa, size_t *len_r);
/* A number for any bytes (a key's id). Seeded, never 0. */
uint64_t tg_limits_hash(const struct tg_limits *limits, const void *bytes, size_t len);

struct tg_rate {
    uint64_t per_s, burst; /* per_s 0: no limit */
};
struct tg_rate_answer {
    bool allowed;
    uint64_t remaining; /* requests that would pass now */
    uint32_t reset_s; /* until the whole burst is there again */
    uint32_t retry_after_s; /* when not allowed: until one would pass; at least 1 */
};
/* Takes one from the bucket of `who`. now_us: monotonic. Any thread. */
struct tg_rate_answer tg_limits_take(struct tg_limits *limits, uint64_t who, struct tg_rate rate, uint64_t now_us);
/* The same question without taking. */
struct tg_rate_answer tg_limits_peek(struct tg_limits *limits, uint64_t who, struct tg_rate rate, uint64_t now_us);

/* The bucket of who is not full again before full_us: others have taken from it, too (web/ratelink.h). Any thread. */
void tg_limits_raise(struct tg_limits *limits, uint64_t who, uint64_t full_us);

/* Counts a connection of the address in; false (and not counted): it has max already. max 0: no limit. Any thread. */
bool tg_limits_connect(struct tg_limits *limits, uint64_t address, unsigned max);
void tg_limits_disconnect(struct tg_limits *limits, uint64_t address);

#endif

/* keymap - which of the things seen so far has this key: 32-byte keys to small numbers, for one batch.
 *
 * The engine asks "have I met this (company, event) in this batch" thousands of times a transaction. Keys are random
 * bytes already (ids, pieces of SHA-256), so eight of them serve as the hash; open addressing, doubled at half full.
 * Emptied and used again without giving memory back. One thread.
 */
#ifndef TG_CHARGE_KEYMAP_H
#define TG_CHARGE_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

struct tg_keymap_slot {
    uint8_t key[32];
    uint32_t value;
    uint32_t generation; /* of the map when it was filled: another one means empty */
};
struct tg_keymap { /* zeroed memory is an empty map */
    struct tg_keymap_slot *slots;
    size_t capacity, n; /* capacity: 0 or a power of two */
    uint32_t generation;
};

void tg_keymap_deinit(struct tg_keymap *map);
void tg_keymap_clear(struct tg_keymap *map);
/* The value stored for (a, b); when there is none, value is stored and returned. */
uint32_t tg_keymap_put(struct tg_keymap *map, const uint8_t a[static 16], const uint8_t b[static 16], uint32_t value);
#define TG_KEYMAP_ABSENT UINT32_MAX
/* The value, or TG_KEYMAP_ABSENT. */
uint32_t tg_keymap_get(const struct tg_keymap *map, const uint8_t a[static 16], const uint8_t b[static 16]);

#endif

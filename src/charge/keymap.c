/* keymap - which of the things seen so far has this key. */
#include "charge/keymap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CAPACITY_MIN 64

void tg_keymap_deinit(struct tg_keymap *map)
{
    free(map->slots);
    *map = (struct tg_keymap){0};
}

void tg_keymap_clear(struct tg_keymap *map)
{
    map->n = 0;
    if (++map->generation == 0) { /* wrapped: old marks could look fresh */
        memset(map->slots, 0, map->capacity * sizeof(*map->slots));
        map->generation = 1;
    }
}

/* The slot that holds the key, or the free one where it belongs. */
static struct tg_keymap_slot *seek(const struct tg_keymap *map, const uint8_t key[32])
{
    uint64_t a, b;
    memcpy(&a, key + 8, sizeof(a)); /* the random part of a UUIDv7 */
    memcpy(&b, key + 24, sizeof(b));
    uint64_t hash = (a ^ (b << 1 | b >> 63)) * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 32) & (map->capacity - 1);
    while (map->slots[i].generation == map->generation && memcmp(map->slots[i].key, key, 32) != 0)
        i = (i + 1) & (map->capacity - 1);
    return &map->slots[i];
}

static void grow(struct tg_keymap *map)
{
    struct tg_keymap old = *map;
    map->capacity = old.capacity == 0 ? CAPACITY_MIN : old.capacity * 2;
    map->slots = tg_calloc(map->capacity, sizeof(*map->slots));
    if (map->generation == 0)
        map->generation = 1;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].generation == old.generation)
            *seek(map, old.slots[i].key) = old.slots[i];
    }
    free(old.slots);
}

uint32_t tg_keymap_put(struct tg_keymap *map, const uint8_t a[static 16], const uint8_t b[static 16], uint32_t value)
{
    assert(value != TG_KEYMAP_ABSENT);
    if (map->n * 2 >= map->capacity)
        grow(map);
    uint8_t key[32];
    memcpy(key, a, 16);
    memcpy(key + 16, b, 16);
    struct tg_keymap_slot *slot = seek(map, key);
    if (slot->generation == map->generation)
        return slot->value;
    memcpy(slot->key, key, sizeof(key));
    slot->value = value;
    slot->generation = map->generation;
    map->n++;
    return value;
}

uint32_t tg_keymap_get(const struct tg_keymap *map, const uint8_t a[static 16], const uint8_t b[static 16])
{
    if (map->n == 0)
        return TG_KEYMAP_ABSENT;
    uint8_t key[32];
    memcpy(key, a, 16);
    memcpy(key + 16, b, 16);
    const struct tg_keymap_slot *slot = seek(map, key);
    return slot->generation == map->generation ? slot->value : TG_KEYMAP_ABSENT;
}

/* keymap_test - keys of random bytes and what was stored for them. */
#include "../../../src/charge/keymap.c"

#include "tap.h"

static void key_of(unsigned n, uint8_t key[16])
{
    memset(key, 0, 16);
    memcpy(key, &n, sizeof(n)); /* the worst keys: no randomness where the hash looks */
}

TEST(the_first_value_of_a_key_stays_and_others_are_told_apart)
{
    struct tg_keymap map = {0};
    uint8_t a[16], b[16];
    key_of(1, b);
    is_int(tg_keymap_get(&map, b, b), TG_KEYMAP_ABSENT);
    for (unsigned i = 0; i < 1000; i++) {
        key_of(i, a);
        is_int(tg_keymap_put(&map, a, b, i), i);
        is_int(tg_keymap_put(&map, a, b, i + 1), i);
    }
    is_int(map.n, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        key_of(i, a);
        is_int(tg_keymap_get(&map, a, b), i);
        if (i != 1)
            is_int(tg_keymap_get(&map, b, a), TG_KEYMAP_ABSENT);
    }
    tg_keymap_deinit(&map);
}

TEST(a_cleared_map_is_empty_even_when_its_generations_wrap)
{
    struct tg_keymap map = {0};
    uint8_t a[16];
    key_of(5, a);
    tg_keymap_put(&map, a, a, 1);
    tg_keymap_clear(&map);
    is_int(tg_keymap_get(&map, a, a), TG_KEYMAP_ABSENT);
    is_int(tg_keymap_put(&map, a, a, 2), 2);
    map.generation = UINT32_MAX;
    tg_keymap_clear(&map);
    is_int(tg_keymap_get(&map, a, a), TG_KEYMAP_ABSENT);
    is_int(tg_keymap_put(&map, a, a, 3), 3);
    tg_keymap_deinit(&map);
}

TAP_MAIN()

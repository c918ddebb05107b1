/* cache_test - texts kept for a while: found, aged, thrown out, bounded. */
#include "../../../src/rt/cache.c"

#include <stdio.h>

#include "tap.h"

static void put(struct tg_cache *cache, const char *key, const char *value, uint64_t expires_us)
{
    tg_cache_put(cache, key, strlen(key), value, strlen(value), expires_us);
}

/* "…" of what is there, or "-" */
static const char *get(struct tg_cache *cache, const char *key, uint64_t now_us)
{
    static char text[200];
    size_t len;
    const char *value = tg_cache_get(cache, key, strlen(key), now_us, &len);
    snprintf(text, sizeof(text), "%.*s", value == NULL ? 1 : (int)len, value == NULL ? "-" : value);
    return text;
}

TEST(what_is_put_is_found_until_its_time_is_over)
{
    struct tg_cache *cache = tg_cache_new(10000);
    put(cache, "a", "one", 100);
    put(cache, "b", "", 100);
    is_str(get(cache, "a", 99), "one");
    is_str(get(cache, "b", 99), "");
    is_str(get(cache, "c", 99), "-");
    is_str(get(cache, "a", 100), "-");
    is_int(tg_cache_stats_get(cache).n, 1);
    put(cache, "b", "again", 200);
    is_str(get(cache, "b", 150), "again");
    tg_cache_drop(cache, "b", 1);
    tg_cache_drop(cache, "b", 1);
    is_str(get(cache, "b", 150), "-");
    is_int(tg_cache_stats_get(cache).bytes, 0);
    tg_cache_free(&cache);
}

TEST(the_least_recently_used_goes_first_and_the_bytes_are_bounded)
{
    struct tg_cache *cache = tg_cache_new(4 * (ENTRY_OVERHEAD + 2) + 10);
    put(cache, "a", "1", 100);
    put(cache, "b", "2", 100);
    put(cache, "c", "3", 100);
    put(cache, "d", "4", 100);
    is_str(get(cache, "a", 1), "1");
    put(cache, "e", "5", 100);
    is_str(get(cache, "b", 1), "-");
    is_str(get(cache, "a", 1), "1");
    is_str(get(cache, "e", 1), "5");
    is_int(tg_cache_stats_get(cache).evicted, 1);
    char large[200];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    put(cache, "a", large, 100);
    is_str(get(cache, "a", 1), "-");
    tg_cache_free(&cache);
}

TEST(many_random_operations_agree_with_a_plain_table)
{
    enum { KEYS = 300 };
    int model[KEYS] = {0};
    unsigned seed = 3;
    struct tg_cache *cache = tg_cache_new(1 << 20);
    for (int i = 1; i < 50000; i++) {
        int k = rand_r(&seed) % KEYS;
        char key[16], value[16];
        snprintf(key, sizeof(key), "key%d", k);
        snprintf(value, sizeof(value), "%d", i);
        switch (rand_r(&seed) % 3) {
        case 0:
            put(cache, key, value, 100);
            model[k] = i;
            break;
        case 1:
            tg_cache_drop(cache, key, strlen(key));
            model[k] = 0;
            break;
        default:
            snprintf(value, sizeof(value), "%d", model[k]);
            is_str(get(cache, key, 1), model[k] == 0 ? "-" : value);
        }
    }
    tg_cache_free(&cache);
}

TAP_MAIN()

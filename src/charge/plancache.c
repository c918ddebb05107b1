/* plancache - companies' parameters of today, parsed once while their text stays the same. */
#include "charge/plancache.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "charge/keymap.h"
#include "charge/planstore.h"

#define TEXT_MAX (16u << 20)

struct entry {
    struct tg_id company, id;
    char *text; /* of the columns */
    size_t len;
    struct tg_rate_plan plan;
    uint64_t used; /* the request that needed it last */
};
struct tg_plancache {
    struct tg_keymap map; /* (company, 0) → index of entries */
    struct entry *entries;
    size_t n, capacity, bytes;
    uint64_t turn;
    struct tg_strbuf text; /* of the columns at hand */
};

static const uint8_t zeroes[16];

struct tg_plancache *tg_plancache_new(void)
{
    struct tg_plancache *cache = TG_NEW(struct tg_plancache);
    tg_strbuf_init(&cache->text, TEXT_MAX);
    return cache;
}

static void drop(struct tg_plancache *cache, struct entry *entry)
{
    cache->bytes -= entry->len;
    tg_rate_plan_deinit(&entry->plan);
    free(entry->text);
}

void tg_plancache_free(struct tg_plancache **cache_p)
{
    struct tg_plancache *cache = *cache_p;
    *cache_p = NULL;
    if (cache == NULL)
        return;
    while (cache->n > 0)
        drop(cache, &cache->entries[--cache->n]);
    tg_keymap_deinit(&cache->map);
    tg_strbuf_deinit(&cache->text);
    free(cache->entries);
    free(cache);
}

/* What is NULL is not what is empty. */
static void add_column(struct tg_strbuf *text, const struct tg_dbval *cell)
{
    if (cell->type != TG_DB_NULL)
        tg_strbuf_append(text, cell->bytes, cell->len);
    tg_strbuf_append(text, cell->type == TG_DB_NULL ? "\0n" : "\0t", 2);
}

static int compare_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

/* When there is too much the half that was used least recently goes. */
static void evict(struct tg_plancache *cache)
{
    if (cache->n < TG_PLANCACHE_COMPANIES_MAX && cache->bytes < TG_PLANCACHE_BYTES_MAX)
        return;
    qsort(cache->entries, cache->n, sizeof(*cache->entries), compare_use);
    for (size_t left = cache->n / 2; cache->n > left;)
        drop(cache, &cache->entries[--cache->n]);
    tg_keymap_clear(&cache->map);
    for (size_t i = 0; i < cache->n; i++)
        tg_keymap_put(&cache->map, cache->entries[i].company.bytes, zeroes, (uint32_t)i);
}

/* The company's place: its own, or a new one. */
static struct entry *place_for(struct tg_plancache *cache, struct tg_id company)
{
    const uint32_t index = tg_keymap_get(&cache->map, company.bytes, zeroes);
    if (index != TG_KEYMAP_ABSENT)
        return &cache->entries[index];
    evict(cache);
    if (cache->n == cache->capacity) {
        cache->capacity = cache->capacity == 0 ? 64 : cache->capacity * 2;
        cache->entries = tg_realloc(cache->entries, cache->capacity * sizeof(*cache->entries));
    }
    tg_keymap_put(&cache->map, company.bytes, zeroes, (uint32_t)cache->n);
    struct entry *made = &cache->entries[cache->n++];
    *made = (struct entry){.company = company};
    return made;
}

static void parse(struct tg_plancache *cache, struct entry *entry, const struct tg_plan_columns *columns)
{
    drop(cache, entry);
    tg_rate_plan_load(&entry->plan, columns->currency, columns->timezone, columns->country, columns->pricing);
    entry->id = tg_planstore_id(&entry->plan);
    entry->text = tg_memdup(cache->text.bytes, cache->text.len);
    entry->len = cache->text.len;
    cache->bytes += entry->len;
}

void tg_plancache_get(struct tg_plancache *cache, struct tg_id company, const struct tg_plan_columns *columns,
                      struct tg_rate_plan *plan_r, struct tg_id *id_r)
{
    tg_strbuf_reset(&cache->text);
    add_column(&cache->text, columns->currency);
    add_column(&cache->text, columns->timezone);
    add_column(&cache->text, columns->country);
    add_column(&cache->text, columns->pricing);
    struct entry *entry = place_for(cache, company);
    if (entry->text == NULL || entry->len != cache->text.len || memcmp(entry->text, cache->text.bytes, entry->len) != 0)
        parse(cache, entry, columns);
    entry->used = ++cache->turn;
    *plan_r = entry->plan;
    plan_r->pricing = json_incref(entry->plan.pricing);
    plan_r->timezone = tg_strdup(entry->plan.timezone);
    *id_r = entry->id;
}

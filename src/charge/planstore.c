/* planstore - companies' parameters as usage was priced by, under a hash of their content. */
#include "charge/planstore.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "charge/keymap.h"

#define LIST_MAX (16u << 20)

struct entry {
    struct tg_plankey key;
    bool has_plan; /* parsed; else only known to be in the database */
    struct tg_rate_plan plan;
    uint64_t used; /* the load or write that needed it last */
};
struct wanted {
    struct tg_plankey key;
    const struct tg_rate_plan *plan;
};

struct tg_planstore {
    struct tg_keymap map; /* (company, id) → index of entries */
    struct entry *entries;
    size_t n, capacity;
    uint64_t turn;
    struct tg_keymap wanted_map; /* (company, id) → index of wanted */
    struct wanted *wanted; /* of the transaction: not known to be in the database */
    size_t n_wanted, wanted_capacity;
    struct tg_strbuf list;
};

struct tg_planstore *tg_planstore_new(void)
{
    struct tg_planstore *store = TG_NEW(struct tg_planstore);
    tg_strbuf_init(&store->list, LIST_MAX);
    return store;
}

void tg_planstore_free(struct tg_planstore **store_p)
{
    struct tg_planstore *store = *store_p;
    *store_p = NULL;
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->n; i++)
        tg_rate_plan_deinit(&store->entries[i].plan);
    tg_keymap_deinit(&store->map);
    tg_keymap_deinit(&store->wanted_map);
    tg_strbuf_deinit(&store->list);
    free(store->entries);
    free(store->wanted);
    free(store);
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

struct tg_id tg_planstore_id(const struct tg_rate_plan *plan)
{
    struct tg_id id;
    uint8_t hash[TG_SHA256_LEN];
    char *pricing = plan->pricing == NULL ? NULL : json_dumps(plan->pricing, JSON_COMPACT | JSON_SORT_KEYS);
    const char *zone = plan->timezone == NULL ? "" : plan->timezone;
    const struct tg_iov pieces[] = {{plan->currency, strlen(plan->currency) + 1},
                                    {zone, strlen(zone) + 1},
                                    {plan->country, strlen(plan->country) + 1},
                                    {pricing, pricing == NULL ? 0 : strlen(pricing)}};
    tg_sha256_v(pieces, sizeof(pieces) / sizeof(pieces[0]), hash);
    memcpy(id.bytes, hash, sizeof(id.bytes));
    free(pricing);
    return id;
}

/* --- what is kept ------------------------------------------------------------------------------------------------- */

static struct entry *find(struct tg_planstore *store, const struct tg_plankey *key)
{
    const uint32_t index = tg_keymap_get(&store->map, key->company.bytes, key->id.bytes);
    if (index == TG_KEYMAP_ABSENT)
        return NULL;
    store->entries[index].used = store->turn;
    return &store->entries[index];
}

static struct entry *keep(struct tg_planstore *store, const struct tg_plankey *key)
{
    struct entry *found = find(store, key);
    if (found != NULL)
        return found;
    if (store->n == store->capacity) {
        store->capacity = store->capacity == 0 ? 64 : store->capacity * 2;
        store->entries = tg_realloc(store->entries, store->capacity * sizeof(*store->entries));
    }
    tg_keymap_put(&store->map, key->company.bytes, key->id.bytes, (uint32_t)store->n);
    struct entry *made = &store->entries[store->n++];
    *made = (struct entry){.key = *key, .used = store->turn};
    return made;
}

static int compare_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

/* When there are too many the half that was used least recently goes. */
static void evict(struct tg_planstore *store)
{
    if (store->n <= TG_PLANSTORE_PLANS_MAX)
        return;
    qsort(store->entries, store->n, sizeof(*store->entries), compare_use);
    while (store->n > TG_PLANSTORE_PLANS_MAX / 2)
        tg_rate_plan_deinit(&store->entries[--store->n].plan);
    tg_keymap_clear(&store->map);
    for (size_t i = 0; i < store->n; i++)
        tg_keymap_put(&store->map, store->entries[i].key.company.bytes, store->entries[i].key.id.bytes, (uint32_t)i);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

void tg_planstore_want(struct tg_planstore *store, const struct tg_plankey *key, const struct tg_rate_plan *plan)
{
    if (find(store, key) != NULL || tg_keymap_put(&store->wanted_map, key->company.bytes, key->id.bytes,
                                                  (uint32_t)store->n_wanted) < store->n_wanted)
        return;
    if (store->n_wanted == store->wanted_capacity) {
        store->wanted_capacity = store->wanted_capacity == 0 ? 16 : store->wanted_capacity * 2;
        store->wanted = tg_realloc(store->wanted, store->wanted_capacity * sizeof(*store->wanted));
    }
    store->wanted[store->n_wanted++] = (struct wanted){*key, plan};
}

int tg_planstore_write(struct tg_planstore *store, struct tg_sqlconn *conn, int64_t now_us, struct tg_err *err_r)
{
    const size_t n = store->n_wanted;
    if (n == 0)
        return 0;
    struct tg_dbval *values = tg_malloc(7 * n * sizeof(*values)), *v = values;
    char **texts = tg_calloc(n, sizeof(*texts));
    for (size_t i = 0; i < n; i++) {
        const struct wanted *w = &store->wanted[i];
        if (w->plan->pricing != NULL)
            texts[i] = json_dumps(w->plan->pricing, JSON_COMPACT | JSON_SORT_KEYS);
        *v++ = TG_DBVAL_ID(w->key.company);
        *v++ = TG_DBVAL_ID(w->key.id);
        *v++ = TG_DBVAL_STR(w->plan->currency);
        *v++ = TG_DBVAL_STR(w->plan->timezone);
        *v++ = w->plan->country[0] == '\0' ? TG_DBVAL_NULL : TG_DBVAL_STR(w->plan->country);
        *v++ = texts[i] == NULL ? TG_DBVAL_NULL : TG_DBVAL_STR(texts[i]);
        *v++ = TG_DBVAL_TIME(now_us);
    }
    const int status = tg_sqlconn_bulk(conn,
                                       "INSERT IGNORE INTO call_plans (company_id, id, currency, timezone, country,"
                                       " pricing, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                                       values, 7, n, NULL, err_r);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
    free(values);
    return status;
}

void tg_planstore_end(struct tg_planstore *store, bool is_committed)
{
    store->turn++;
    for (size_t i = 0; is_committed && i < store->n_wanted; i++)
        (void)keep(store, &store->wanted[i].key);
    store->n_wanted = 0;
    tg_keymap_clear(&store->wanted_map);
    evict(store);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

static int on_plan(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    assert(n_cells == 6);
    const struct tg_plankey key = {id_of(&c[0]), id_of(&c[1])};
    struct entry *entry = keep(arg, &key);
    if (entry->has_plan)
        return 0;
    tg_rate_plan_load(&entry->plan, &c[2], &c[3], &c[4], &c[5]);
    tg_id_format(key.company, "co", entry->plan.company);
    entry->has_plan = true;
    return 0;
}

int tg_planstore_load(struct tg_planstore *store, struct tg_sqlconn *conn, const struct tg_plankey *keys, size_t n,
                      struct tg_err *err_r)
{
    char hex[65];
    store->turn++;
    evict(store);
    tg_strbuf_reset(&store->list);
    for (size_t i = 0; i < n; i++) {
        const struct entry *entry = find(store, &keys[i]);
        if (entry != NULL && entry->has_plan)
            continue;
        tg_hex(keys[i].company.bytes, 16, hex);
        tg_hex(keys[i].id.bytes, 16, hex + 32);
        tg_strbuf_append_str(&store->list, store->list.len == 0 ? "[\"" : ",\"");
        tg_strbuf_append(&store->list, hex, 64);
        tg_strbuf_append_char(&store->list, '"');
    }
    if (store->list.len == 0)
        return 0;
    tg_strbuf_append_char(&store->list, ']');
    assert(!tg_strbuf_overflowed(&store->list));
    const struct tg_dbval list = TG_DBVAL_BYTES(store->list.bytes, store->list.len);
    return tg_sqlconn_each(conn,
                           "SELECT p.company_id, p.id, p.currency, p.timezone, p.country, p.pricing"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN call_plans p FORCE INDEX (PRIMARY)"
                           "  ON p.company_id = UNHEX(LEFT(j.k, 32)) AND p.id = UNHEX(RIGHT(j.k, 32))",
                           &list, 1, on_plan, store, err_r);
}

const struct tg_rate_plan *tg_planstore_find(struct tg_planstore *store, const struct tg_plankey *key)
{
    const struct entry *entry = find(store, key);
    return entry == NULL || !entry->has_plan ? NULL : &entry->plan;
}

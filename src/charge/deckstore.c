/* deckstore - the rate decks of this process. */
#include "charge/deckstore.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* A list in order of use, newest first: it is short (a handful of decks), and a walk costs less than a table. */
struct kept {
    struct kept *next;
    struct tg_id id;
    uint32_t version;
    struct tg_deck *deck;
};
struct tg_deckstore {
    pthread_mutex_t lock;
    struct kept *first;
};

struct tg_deckstore *tg_deckstore_new(void)
{
    struct tg_deckstore *store = TG_NEW(struct tg_deckstore);
    pthread_mutex_init(&store->lock, NULL);
    return store;
}

static void drop(struct kept **link)
{
    struct kept *gone = *link;
    *link = gone->next;
    tg_deck_unref(&gone->deck);
    free(gone);
}

void tg_deckstore_free(struct tg_deckstore **store)
{
    if (*store == NULL)
        return;
    while ((*store)->first != NULL)
        drop(&(*store)->first);
    pthread_mutex_destroy(&(*store)->lock);
    free(*store);
    *store = NULL;
}

/* Under the lock: the entry, moved to the front. */
static struct kept *find(struct tg_deckstore *store, struct tg_id id, uint32_t version)
{
    for (struct kept **link = &store->first; *link != NULL; link = &(*link)->next) {
        struct kept *k = *link;
        if (k->version == version && tg_id_equal(k->id, id)) {
            *link = k->next;
            k->next = store->first;
            store->first = k;
            return k;
        }
    }
    return NULL;
}

struct tg_deck *tg_deckstore_get(struct tg_deckstore *store, struct tg_id deck, uint32_t version)
{
    pthread_mutex_lock(&store->lock);
    struct kept *k = find(store, deck, version);
    struct tg_deck *found = k == NULL ? NULL : tg_deck_ref(k->deck);
    pthread_mutex_unlock(&store->lock);
    return found;
}

/* Keeps deck and returns a reference for the caller; when another thread was first, its trie is the one. */
static struct tg_deck *keep(struct tg_deckstore *store, struct tg_id id, uint32_t version, struct tg_deck *deck)
{
    pthread_mutex_lock(&store->lock);
    struct kept *k = find(store, id, version);
    if (k == NULL) {
        k = TG_NEW(struct kept);
        *k = (struct kept){.next = store->first, .id = id, .version = version, .deck = deck};
        store->first = k;
    } else {
        tg_deck_unref(&deck);
    }
    struct tg_deck *result = tg_deck_ref(k->deck);
    size_t rows = 0;
    struct kept **link = &store->first;
    while (*link != NULL) {
        rows += tg_deck_n_rows((*link)->deck);
        if (rows > TG_DECKSTORE_ROWS_MAX && *link != store->first)
            drop(link);
        else
            link = &(*link)->next;
    }
    pthread_mutex_unlock(&store->lock);
    return result;
}

struct loading {
    struct tg_deck_builder *builder;
    struct tg_err err; /* why fn stopped */
};

static int read_steps(const struct tg_dbval *cell, struct tg_deck_step steps[TG_DECK_STEPS_MAX], uint8_t *n_r,
                      struct tg_err *err_r)
{
    *n_r = 0;
    if (cell->type == TG_DB_NULL)
        return 0;
    json_error_t fault;
    json_t *list = json_loadb(cell->bytes, cell->len, 0, &fault);
    int status = -1;
    if (!json_is_array(list) || json_array_size(list) > TG_DECK_STEPS_MAX)
        goto Exit;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *step = json_array_get(list, i);
        const json_t *after = json_object_get(step, "after_s"), *price = json_object_get(step, "per_minute");
        if (!json_is_integer(after) || json_integer_value(after) < 0 || json_integer_value(after) > UINT32_MAX ||
            !json_is_string(price) ||
            tg_decimal_parse(json_string_value(price), json_string_length(price), &steps[i].per_minute, err_r) != 0)
            goto Exit;
        steps[i].after_s = (uint32_t)json_integer_value(after);
    }
    *n_r = (uint8_t)json_array_size(list);
    status = 0;
Exit:
    json_decref(list);
    if (status != 0)
        tg_err_set(err_r, TG_ERR_BUG, "a stored deck row has steps that cannot be read");
    return status;
}

static void copy_text(char *to, size_t size, const struct tg_dbval *cell)
{
    assert(cell->type == TG_DB_BYTES && cell->len < size);
    memcpy(to, cell->bytes, cell->len);
    to[cell->len] = '\0';
}

static int on_row(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct loading *loading = arg;
    assert(n_cells == 11);
    struct tg_deck_row row = {
        .per_minute = c[1].dec,
        .connect_fee = c[2].dec,
        .initial_s = (uint32_t)c[3].num,
        .increment_s = (uint32_t)c[4].num,
        .min_s = (uint32_t)c[5].num,
        .from_us = c[6].type == TG_DB_NULL ? INT64_MIN : c[6].num,
        .to_us = c[7].type == TG_DB_NULL ? INT64_MAX : c[7].num,
        .blocked = c[8].num != 0,
    };
    copy_text(row.prefix, sizeof(row.prefix), &c[0]);
    copy_text(row.when, sizeof(row.when), &c[9]);
    struct tg_deck_step steps[TG_DECK_STEPS_MAX];
    if (read_steps(&c[10], steps, &row.n_steps, &loading->err) != 0)
        return 1;
    row.steps = row.n_steps > 0 ? steps : NULL;
    return tg_deck_builder_add(loading->builder, &row, &loading->err) == 0 ? 0 : 1;
}

static int is_ready(struct tg_sqlconn *conn, struct tg_id deck, uint32_t version, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(deck), TG_DBVAL_INT(version)};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(conn, "SELECT 1 FROM rate_deck_versions WHERE deck_id = ? AND version = ? AND state = 'ready'",
                         values, 2, &res, err_r) != 0)
        return -1;
    const size_t n = tg_dbresult_n_rows(res);
    tg_dbresult_free(&res);
    return n == 1 ? 0 : tg_err_set(err_r, TG_ERR_NOT_FOUND, "the deck has no version %" PRIu32, version);
}

int tg_deckstore_load(struct tg_deckstore *store, struct tg_sqlconn *conn, struct tg_id deck, uint32_t version,
                      struct tg_deck **deck_r, struct tg_err *err_r)
{
    struct tg_deck *found = tg_deckstore_get(store, deck, version);
    if (found != NULL) {
        *deck_r = found;
        return 0;
    }
    if (is_ready(conn, deck, version, err_r) != 0)
        return -1;
    const uint64_t started_us = tg_clock_mono_us();
    struct loading loading = {.builder = tg_deck_builder_new()};
    const struct tg_dbval values[] = {TG_DBVAL_ID(deck), TG_DBVAL_INT(version)};
    if (tg_sqlconn_each(conn,
                        "SELECT prefix, per_minute, connect_fee, initial_s, increment_s, min_s, valid_from, valid_to,"
                        " blocked, when_window, steps FROM rate_deck_rows WHERE deck_id = ? AND version = ?"
                        " ORDER BY row_no",
                        values, 2, on_row, &loading, err_r) != 0) {
        tg_deck_builder_free(&loading.builder);
        return -1;
    }
    if (loading.err.code != TG_ERR_NONE) {
        tg_deck_builder_free(&loading.builder);
        *err_r = loading.err;
        return -1;
    }
    struct tg_deck *built;
    if (tg_deck_build(&loading.builder, &built, err_r) != 0)
        return -1;
    TG_LOG_INFO("charge_deck_loaded", TG_LOG_INT("rows", (int64_t)tg_deck_n_rows(built)),
                TG_LOG_INT("version", version),
                TG_LOG_INT("duration_usecs", (int64_t)(tg_clock_mono_us() - started_us)));
    *deck_r = keep(store, deck, version, built);
    return 0;
}

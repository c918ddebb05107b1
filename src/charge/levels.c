/* levels - a balance that leaves its band is told to the application, once. */
#include "charge/levels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define COLUMNS 7
#define KEY_SIZE (TG_ID_TEXT_SIZE + 8)
#define ARGUMENTS_SIZE (2 * TG_ID_TEXT_SIZE + 40)

struct text {
    char key[KEY_SIZE], arguments[ARGUMENTS_SIZE];
};

struct tg_levels_band tg_levels_band(const struct tg_dbval *below, const struct tg_dbval *above)
{
    struct tg_levels_band band = {.has_below = below->type != TG_DB_NULL, .has_above = above->type != TG_DB_NULL};
    if (band.has_below)
        band.below = below->dec;
    if (band.has_above)
        band.above = above->dec;
    return band;
}

static void format_text(const struct tg_levels_left *left, struct text *text)
{
    char company[TG_ID_TEXT_SIZE], wallet[TG_ID_TEXT_SIZE];
    tg_id_format(left->company, "co", company);
    tg_id_format(left->wallet, "wal", wallet);
    (void)snprintf(text->key, sizeof(text->key), "levels:%s", wallet);
    (void)snprintf(text->arguments, sizeof(text->arguments), "{\"company\":\"%s\",\"wallet\":\"%s\"}", company, wallet);
}

int tg_levels_write(struct tg_sqlconn *conn, const struct tg_levels_left *left, size_t n, int64_t now_us,
                    struct tg_err *err_r)
{
    if (n == 0)
        return 0;
    struct tg_dbval *values = tg_malloc(n * COLUMNS * sizeof(*values)), *v = values;
    struct text *texts = tg_malloc(n * sizeof(*texts));
    struct tg_id *ids = tg_malloc(n * sizeof(*ids));
    for (size_t i = 0; i < n; i++) {
        format_text(&left[i], &texts[i]);
        ids[i] = tg_id_new();
        *v++ = TG_DBVAL_ID(ids[i]);
        *v++ = TG_DBVAL_ID(left[i].company);
        *v++ = TG_DBVAL_STR(texts[i].arguments);
        *v++ = TG_DBVAL_STR(texts[i].key);
        for (int at = 0; at < 3; at++)
            *v++ = TG_DBVAL_TIME(now_us);
    }
    const int status = tg_sqlconn_bulk(conn,
                                       "INSERT IGNORE INTO jobs (id, company_id, handler, arguments, unique_key, "
                                       "state, run_at, created_at, updated_at)"
                                       " VALUES (?, ?, 'wallets.jobs:levels', ?, ?, 'ready', ?, ?, ?)",
                                       values, COLUMNS, n, NULL, err_r);
    free(values);
    free(texts);
    free(ids);
    return status;
}

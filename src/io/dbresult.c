/* dbresult - rows of typed cells, their bytes in one arena. */
#include "io/dbresult.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_FIRST 1024
#define CHUNK_MAX (256 * 1024)

struct chunk {
    struct chunk *next;
    size_t used, size;
    char bytes[];
};

struct column {
    const char *name;
    size_t len;
};

struct tg_dbresult {
    size_t n_columns, n_rows, rows_capacity;
    uint64_t affected;
    struct tg_dbval *cells; /* row by row */
    struct chunk *chunks; /* the newest first */
    size_t chunks_size;
    struct chunk *names; /* the columns' names */
    struct column columns[];
};

struct tg_dbresult *tg_dbresult_new(size_t n_columns)
{
    struct tg_dbresult *res = tg_calloc(1, sizeof(*res) + n_columns * sizeof(struct column));
    res->n_columns = n_columns;
    return res;
}

static char *chunk_alloc(struct chunk **list, size_t size, size_t *total)
{
    struct chunk *chunk = *list;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t grown = chunk == NULL ? CHUNK_FIRST : chunk->size * 2;
        if (grown > CHUNK_MAX)
            grown = CHUNK_MAX;
        if (grown < size)
            grown = size;
        chunk = tg_malloc(sizeof(*chunk) + grown);
        *chunk = (struct chunk){*list, 0, grown};
        *list = chunk;
        *total += grown;
    }
    char *bytes = chunk->bytes + chunk->used;
    chunk->used += size;
    return bytes;
}

static void chunks_free(struct chunk **list)
{
    while (*list != NULL) {
        struct chunk *next = (*list)->next;
        free(*list);
        *list = next;
    }
}

void tg_dbresult_set_column(struct tg_dbresult *res, size_t column, const char *name, size_t len)
{
    size_t ignored = 0;
    assert(column < res->n_columns);
    char *copy = chunk_alloc(&res->names, len + 1, &ignored);
    memcpy(copy, name, len);
    copy[len] = '\0';
    res->columns[column] = (struct column){copy, len};
}

void tg_dbresult_set_affected(struct tg_dbresult *res, uint64_t affected)
{
    res->affected = affected;
}

struct tg_dbval *tg_dbresult_add_row(struct tg_dbresult *res)
{
    if (res->n_rows == res->rows_capacity) {
        res->rows_capacity = res->rows_capacity == 0 ? 4 : res->rows_capacity * 2;
        res->cells = tg_realloc(res->cells, res->rows_capacity * res->n_columns * sizeof(*res->cells));
    }
    struct tg_dbval *row = res->cells + res->n_rows++ * res->n_columns;
    for (size_t i = 0; i < res->n_columns; i++)
        row[i].type = TG_DB_NULL;
    return row;
}

char *tg_dbresult_alloc(struct tg_dbresult *res, size_t size)
{
    return chunk_alloc(&res->chunks, size, &res->chunks_size);
}

size_t tg_dbresult_size(const struct tg_dbresult *res)
{
    return res->n_rows * res->n_columns * sizeof(*res->cells) + res->chunks_size;
}

void tg_dbresult_reset_rows(struct tg_dbresult *res)
{
    res->n_rows = 0;
    if (res->chunks != NULL && res->chunks->next == NULL) {
        res->chunks->used = 0;
    } else {
        chunks_free(&res->chunks);
        res->chunks_size = 0;
    }
}

size_t tg_dbresult_n_rows(const struct tg_dbresult *res)
{
    return res->n_rows;
}

size_t tg_dbresult_n_columns(const struct tg_dbresult *res)
{
    return res->n_columns;
}

const char *tg_dbresult_column(const struct tg_dbresult *res, size_t column, size_t *len_r)
{
    assert(column < res->n_columns);
    if (len_r != NULL)
        *len_r = res->columns[column].len;
    return res->columns[column].name;
}

const struct tg_dbval *tg_dbresult_cell(const struct tg_dbresult *res, size_t row, size_t column)
{
    assert(row < res->n_rows && column < res->n_columns);
    return &res->cells[row * res->n_columns + column];
}

uint64_t tg_dbresult_affected(const struct tg_dbresult *res)
{
    return res->affected;
}

void tg_dbresult_free(struct tg_dbresult **res_p)
{
    struct tg_dbresult *res = *res_p;
    if (res == NULL)
        return;
    chunks_free(&res->chunks);
    chunks_free(&res->names);
    free(res->cells);
    free(res);
    *res_p = NULL;
}

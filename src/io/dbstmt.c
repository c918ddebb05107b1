/* dbstmt - prepared statements: cache, parameters, rows.
 *
 * Results are bound once a statement, after its first execution: numbers and
 * times into small buffers of their own, texts with no buffer at all; their
 * bytes are fetched straight into the result's memory, so they are copied once.
 * DECIMAL travels as text in both directions: nothing rounds on the way.
 */
#include "io/dbstmt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/dbresult.h"

#define INLINE_SIZE 96 /* DECIMAL(65,…), DATE, TIME, FLOAT and DOUBLE as text */

struct param {
    union {
        MYSQL_TIME time;
        char text[TG_DECIMAL_TEXT_SIZE];
    };
};

struct column {
    enum tg_dbtype type;
    bool is_inline; /* the bytes are in text, not to be fetched */
    union {
        long long num;
        MYSQL_TIME time;
        char text[INLINE_SIZE];
    };
    unsigned long len;
    my_bool is_null, error;
};

struct tg_dbstmt {
    struct tg_dbstmt *newer, *older; /* in the order of use */
    struct tg_dbstmt *next_in_bucket; /* of the hash table */
    uint64_t hash;
    char *sql;
    MYSQL_STMT *handle;
    size_t n_params, n_columns;
    MYSQL_BIND *param_binds, *column_binds;
    struct param *params;
    struct column *columns;
};

struct tg_dbstmt_cache {
    size_t n, n_max, n_buckets;
    struct tg_dbstmt *newest, *oldest;
    struct tg_dbstmt *buckets[];
};

/* --- the cache -------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *sql)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *sql != '\0'; sql++)
        hash = (hash ^ (uint8_t)*sql) * 1099511628211u;
    return hash;
}

struct tg_dbstmt_cache *tg_dbstmt_cache_new(size_t statements_max)
{
    assert(statements_max > 0);
    size_t n_buckets = statements_max * 2;
    struct tg_dbstmt_cache *cache = tg_calloc(1, sizeof(*cache) + n_buckets * sizeof(struct tg_dbstmt *));
    cache->n_max = statements_max;
    cache->n_buckets = n_buckets;
    return cache;
}

static void link_newest(struct tg_dbstmt_cache *cache, struct tg_dbstmt *stmt)
{
    stmt->newer = NULL;
    stmt->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = stmt;
    else
        cache->oldest = stmt;
    cache->newest = stmt;
}

static void unlink_use(struct tg_dbstmt_cache *cache, struct tg_dbstmt *stmt)
{
    *(stmt->newer != NULL ? &stmt->newer->older : &cache->newest) = stmt->older;
    *(stmt->older != NULL ? &stmt->older->newer : &cache->oldest) = stmt->newer;
}

static void free_columns(struct tg_dbstmt *stmt)
{
    free(stmt->column_binds);
    free(stmt->columns);
    stmt->column_binds = NULL;
    stmt->columns = NULL;
    stmt->n_columns = 0;
}

static void free_stmt(struct tg_dbstmt *stmt)
{
    mysql_stmt_close(stmt->handle); /* a few bytes without an answer, or nothing when the connection is closed */
    free_columns(stmt);
    free(stmt->param_binds);
    free(stmt->params);
    free(stmt->sql);
    free(stmt);
}

void tg_dbstmt_cache_drop(struct tg_dbstmt_cache *cache, struct tg_dbstmt **stmt_p)
{
    struct tg_dbstmt *stmt = *stmt_p;
    struct tg_dbstmt **slot = &cache->buckets[stmt->hash % cache->n_buckets];
    while (*slot != stmt)
        slot = &(*slot)->next_in_bucket;
    *slot = stmt->next_in_bucket;
    unlink_use(cache, stmt);
    cache->n--;
    free_stmt(stmt);
    *stmt_p = NULL;
}

void tg_dbstmt_cache_free(struct tg_dbstmt_cache **cache)
{
    if (*cache == NULL)
        return;
    while ((*cache)->newest != NULL) {
        struct tg_dbstmt *stmt = (*cache)->newest;
        tg_dbstmt_cache_drop(*cache, &stmt);
    }
    free(*cache);
    *cache = NULL;
}

struct tg_dbstmt *tg_dbstmt_cache_find(struct tg_dbstmt_cache *cache, const char *sql)
{
    uint64_t hash = hash_of(sql);
    struct tg_dbstmt *stmt = cache->buckets[hash % cache->n_buckets];
    while (stmt != NULL && (stmt->hash != hash || strcmp(stmt->sql, sql) != 0))
        stmt = stmt->next_in_bucket;
    if (stmt != NULL && cache->newest != stmt) {
        unlink_use(cache, stmt);
        link_newest(cache, stmt);
    }
    return stmt;
}

struct tg_dbstmt *tg_dbstmt_cache_add(struct tg_dbstmt_cache *cache, MYSQL *my, const char *sql)
{
    if (cache->n == cache->n_max) {
        struct tg_dbstmt *oldest = cache->oldest;
        tg_dbstmt_cache_drop(cache, &oldest);
    }
    struct tg_dbstmt *stmt = TG_NEW(struct tg_dbstmt);
    stmt->handle = mysql_stmt_init(my);
    assert(stmt->handle != NULL);
    stmt->sql = tg_strdup(sql);
    stmt->hash = hash_of(sql);
    struct tg_dbstmt **slot = &cache->buckets[stmt->hash % cache->n_buckets];
    stmt->next_in_bucket = *slot;
    *slot = stmt;
    link_newest(cache, stmt);
    cache->n++;
    return stmt;
}

MYSQL_STMT *tg_dbstmt_handle(struct tg_dbstmt *stmt)
{
    return stmt->handle;
}

const char *tg_dbstmt_sql(const struct tg_dbstmt *stmt)
{
    return stmt->sql;
}

/* --- parameters --------------------------------------------------------------------------------------------------- */

void tg_dbstmt_prepared(struct tg_dbstmt *stmt)
{
    stmt->n_params = mysql_stmt_param_count(stmt->handle);
    stmt->param_binds = tg_calloc(stmt->n_params + 1, sizeof(*stmt->param_binds));
    stmt->params = tg_calloc(stmt->n_params + 1, sizeof(*stmt->params));
}

static void bind_value(MYSQL_BIND *bind, struct param *param, const struct tg_dbval *value)
{
    *bind = (MYSQL_BIND){0};
    switch (value->type) {
    case TG_DB_NULL: bind->buffer_type = MYSQL_TYPE_NULL; break;
    case TG_DB_INT:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = (void *)(uintptr_t)&value->num;
        break;
    case TG_DB_BYTES: /* STRING, not BLOB: compared with a text column it takes that column's collation */
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = (void *)(uintptr_t)(value->len == 0 ? "" : value->bytes);
        bind->buffer_length = value->len;
        bind->length_value = value->len;
        break;
    case TG_DB_DECIMAL:
        bind->buffer_type = MYSQL_TYPE_NEWDECIMAL;
        bind->buffer = param->text;
        bind->buffer_length = tg_decimal_format(value->dec, param->text);
        bind->length_value = bind->buffer_length;
        break;
    case TG_DB_TIME:
        bind->buffer_type = MYSQL_TYPE_DATETIME;
        tg_dbtime_from_us(value->num, &param->time);
        bind->buffer = &param->time;
        break;
    }
}

static int check_count(const struct tg_dbstmt *stmt, size_t n_values, struct tg_err *err_r)
{
    if (n_values == stmt->n_params)
        return 0;
    return tg_err_set(err_r, TG_ERR_BUG, "a statement with %zu parameters was given %zu values: %.100s", stmt->n_params,
                      n_values, stmt->sql);
}

int tg_dbstmt_bind(struct tg_dbstmt *stmt, const struct tg_dbval *values, size_t n_values, struct tg_err *err_r)
{
    if (check_count(stmt, n_values, err_r) != 0)
        return -1;
    for (size_t i = 0; i < n_values; i++) {
        if (values[i].type == TG_DB_TIME && !tg_dbtime_fits(values[i].num))
            return tg_err_set(err_r, TG_ERR_INPUT, "a time is outside the years 1 to 9999");
        bind_value(&stmt->param_binds[i], &stmt->params[i], &values[i]);
    }
    if (n_values > 0 && mysql_stmt_bind_param(stmt->handle, stmt->param_binds) != 0)
        return tg_err_set(err_r, TG_ERR_BUG, "mysql_stmt_bind_param: %s", mysql_stmt_error(stmt->handle));
    return 0;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void bind_column(MYSQL_BIND *bind, struct column *column, const MYSQL_FIELD *field)
{
    *column = (struct column){.type = TG_DB_BYTES};
    *bind = (MYSQL_BIND){.length = &column->len, .is_null = &column->is_null, .error = &column->error};
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        column->type = TG_DB_INT;
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->buffer = &column->num;
        bind->is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;
        break;
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        column->type = TG_DB_TIME;
        bind->buffer_type = MYSQL_TYPE_DATETIME;
        bind->buffer = &column->time;
        bind->buffer_length = sizeof(column->time);
        break;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL: column->type = TG_DB_DECIMAL; /* fall through */
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        column->is_inline = true;
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->buffer = column->text;
        bind->buffer_length = sizeof(column->text);
        break;
    default: bind->buffer_type = MYSQL_TYPE_STRING; /* no buffer: fetched when its length is known */
    }
}

static void bind_columns(struct tg_dbstmt *stmt, const MYSQL_FIELD *fields, size_t n)
{
    free_columns(stmt);
    stmt->n_columns = n;
    stmt->column_binds = tg_calloc(n, sizeof(*stmt->column_binds));
    stmt->columns = tg_calloc(n, sizeof(*stmt->columns));
    for (size_t i = 0; i < n; i++)
        bind_column(&stmt->column_binds[i], &stmt->columns[i], &fields[i]);
    my_bool failed = mysql_stmt_bind_result(stmt->handle, stmt->column_binds);
    assert(!failed); /* only for types that bind_column() does not use */
}

/* The server prepares anew after an ALTER: the columns may have changed under a cached statement. */
static bool columns_differ(const struct tg_dbstmt *stmt, const MYSQL_FIELD *fields, size_t n)
{
    if (stmt->n_columns != n)
        return true;
    for (size_t i = 0; i < n; i++) {
        struct column column;
        MYSQL_BIND bind;
        bind_column(&bind, &column, &fields[i]);
        if (column.type != stmt->columns[i].type || bind.buffer_type != stmt->column_binds[i].buffer_type ||
            bind.is_unsigned != stmt->column_binds[i].is_unsigned)
            return true;
    }
    return false;
}

struct tg_dbresult *tg_dbstmt_executed(struct tg_dbstmt *stmt, bool *has_rows_r)
{
    size_t n = mysql_stmt_field_count(stmt->handle);
    struct tg_dbresult *res = tg_dbresult_new(n);
    *has_rows_r = n > 0;
    if (n == 0) {
        tg_dbresult_set_affected(res, mysql_stmt_affected_rows(stmt->handle));
        return res;
    }
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt->handle);
    assert(meta != NULL);
    const MYSQL_FIELD *fields = mysql_fetch_fields(meta);
    if (columns_differ(stmt, fields, n))
        bind_columns(stmt, fields, n);
    for (size_t i = 0; i < n; i++)
        tg_dbresult_set_column(res, i, fields[i].name, fields[i].name_length);
    mysql_free_result(meta);
    return res;
}

static int read_bytes(struct tg_dbstmt *stmt, size_t i, struct tg_dbresult *res, struct tg_dbval *cell)
{
    const struct column *column = &stmt->columns[i];
    unsigned long len = column->len, got_len = 0;
    my_bool is_null = 0, error = 0;
    char *bytes = tg_dbresult_alloc(res, len + 1);
    if (column->is_inline) {
        assert(len <= sizeof(column->text));
        memcpy(bytes, column->text, len);
    } else if (len > 0) {
        MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING,
                           .buffer = bytes,
                           .buffer_length = len,
                           .length = &got_len,
                           .is_null = &is_null,
                           .error = &error};
        int failed = mysql_stmt_fetch_column(stmt->handle, &bind, (unsigned)i, 0);
        assert(!failed && got_len == len);
    }
    bytes[len] = '\0';
    *cell = TG_DBVAL_BYTES(bytes, len);
    return 0;
}

/* Columns with more places than ours (AVG, SUM of a product) fit when the digits behind are zero. */
static int read_decimal(const struct tg_dbstmt *stmt, const struct column *column, struct tg_dbval *cell,
                        struct tg_err *err_r)
{
    size_t len = column->len;
    const char *point = memchr(column->text, '.', len);
    size_t places = point == NULL ? 0 : len - (size_t)(point - column->text) - 1;
    while (places > TG_DECIMAL_PLACES && column->text[len - 1] == '0') {
        len--;
        places--;
    }
    struct tg_err err;
    if (tg_decimal_parse(column->text, len, &cell->dec, &err) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the result of a statement is no decimal of ours (%.100s): %.60s",
                          err.text, stmt->sql);
    cell->type = TG_DB_DECIMAL;
    return 0;
}

static int read_cell(struct tg_dbstmt *stmt, size_t i, struct tg_dbresult *res, struct tg_dbval *cell,
                     struct tg_err *err_r)
{
    const struct column *column = &stmt->columns[i];
    if (column->is_null)
        return 0;
    switch (column->type) {
    case TG_DB_INT:
        if (stmt->column_binds[i].is_unsigned && column->num < 0)
            return tg_err_set(err_r, TG_ERR_INPUT, "an unsigned result is beyond 2^63: %.100s", stmt->sql);
        *cell = TG_DBVAL_INT(column->num);
        return 0;
    case TG_DB_TIME:
        if (column->time.month == 0 || column->time.day == 0)
            return tg_err_set(err_r, TG_ERR_INPUT, "a date of zeros in the result of: %.100s", stmt->sql);
        *cell = TG_DBVAL_TIME(tg_dbtime_to_us(&column->time));
        return 0;
    case TG_DB_DECIMAL: return read_decimal(stmt, column, cell, err_r);
    default: return read_bytes(stmt, i, res, cell);
    }
}

int tg_dbstmt_read_row(struct tg_dbstmt *stmt, struct tg_dbresult *res, struct tg_err *err_r)
{
    struct tg_dbval *cells = tg_dbresult_add_row(res);
    for (size_t i = 0; i < stmt->n_columns; i++) {
        if (read_cell(stmt, i, res, &cells[i], err_r) != 0)
            return -1;
    }
    return 0;
}

void tg_dbstmt_finished(struct tg_dbstmt *stmt)
{
    mysql_stmt_free_result(stmt->handle);
}

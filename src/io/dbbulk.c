/* dbbulk - many rows in one execution: MariaDB's array binding.
 *
 * The rows come row by row; libmariadb wants columns: an array of int64, or an
 * array of pointers with one of lengths, and an indicator a row for NULL. All of
 * it is one block. Decimals and times go as text, which the server parses as it
 * parses any literal.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/dbstmt.h"

#define TEXT_SIZE (TG_DECIMAL_TEXT_SIZE > TG_RFC3339_SIZE ? TG_DECIMAL_TEXT_SIZE : TG_RFC3339_SIZE)

struct tg_dbbulk {
    MYSQL_BIND *binds;
    char *memory; /* the columns' arrays */
    char *texts; /* of decimals and times */
    size_t texts_used;
};

static char *aligned_take(char **at, size_t size)
{
    char *start = *at;
    *at += (size + 15) & ~(size_t)15;
    return start;
}

/* The type all of a column's values have, NULL when there is no other. */
static int column_type(const struct tg_dbval *values, size_t n_values, size_t n_rows, size_t column,
                       enum tg_dbtype *type_r, struct tg_err *err_r)
{
    *type_r = TG_DB_NULL;
    for (size_t row = 0; row < n_rows; row++) {
        enum tg_dbtype type = values[row * n_values + column].type;
        if (type == TG_DB_TIME && !tg_dbtime_fits(values[row * n_values + column].num))
            return tg_err_set(err_r, TG_ERR_INPUT, "a time is outside the years 1 to 9999");
        if (type == TG_DB_NULL || type == *type_r)
            continue;
        if (*type_r != TG_DB_NULL)
            return tg_err_set(err_r, TG_ERR_BUG, "column %zu of many rows has values of two types", column + 1);
        *type_r = type;
    }
    return 0;
}

static void set_text(struct tg_dbbulk *bulk, const struct tg_dbval *value, char **text_r, unsigned long *len_r)
{
    if (value->type == TG_DB_BYTES) {
        *text_r = (char *)(uintptr_t)(value->len == 0 ? "" : value->bytes);
        *len_r = value->len;
        return;
    }
    char *text = bulk->texts + bulk->texts_used;
    *len_r = value->type == TG_DB_DECIMAL ? tg_decimal_format(value->dec, text) : tg_time_format_sql(value->num, text);
    bulk->texts_used += *len_r + 1;
    *text_r = text;
}

static void fill_column(struct tg_dbbulk *bulk, MYSQL_BIND *bind, char **memory, enum tg_dbtype type,
                        const struct tg_dbval *values, size_t n_values, size_t n_rows)
{
    char *indicators = aligned_take(memory, n_rows);
    long long *nums = (long long *)aligned_take(memory, n_rows * sizeof(*nums));
    unsigned long *lens = (unsigned long *)aligned_take(memory, n_rows * sizeof(*lens));
    char **texts = (char **)(void *)nums; /* one or the other: pointers are as wide as numbers */
    *bind = (MYSQL_BIND){.u.indicator = indicators, .buffer = nums};
    bind->buffer_type = type == TG_DB_INT ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING;
    bind->length = type == TG_DB_INT ? NULL : lens;
    for (size_t row = 0; row < n_rows; row++) {
        const struct tg_dbval *value = &values[row * n_values];
        indicators[row] = value->type == TG_DB_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
        if (type == TG_DB_INT)
            nums[row] = value->type == TG_DB_NULL ? 0 : value->num;
        else if (value->type != TG_DB_NULL)
            set_text(bulk, value, &texts[row], &lens[row]);
    }
}

static size_t count_texts(const struct tg_dbval *values, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += values[i].type == TG_DB_DECIMAL || values[i].type == TG_DB_TIME;
    return count;
}

struct tg_dbbulk *tg_dbstmt_bind_bulk(struct tg_dbstmt *stmt, const struct tg_dbval *values, size_t n_values,
                                      size_t n_rows, struct tg_err *err_r)
{
    _Static_assert(sizeof(char *) == sizeof(long long), "fill_column shares one array");
    MYSQL_STMT *handle = tg_dbstmt_handle(stmt);
    if (n_values == 0 || n_values != mysql_stmt_param_count(handle)) {
        tg_err_set(err_r, TG_ERR_BUG, "a statement with %lu parameters was given rows of %zu values: %.100s",
                   mysql_stmt_param_count(handle), n_values, tg_dbstmt_sql(stmt));
        return NULL;
    }
    struct tg_dbbulk *bulk = TG_NEW(struct tg_dbbulk);
    bulk->binds = tg_calloc(n_values, sizeof(*bulk->binds));
    bulk->memory = tg_calloc(n_values, 48 + n_rows * (1 + 2 * sizeof(long long)));
    bulk->texts = tg_malloc(count_texts(values, n_values * n_rows) * TEXT_SIZE + 1);
    char *memory = bulk->memory;
    for (size_t column = 0; column < n_values; column++) {
        enum tg_dbtype type;
        if (column_type(values, n_values, n_rows, column, &type, err_r) != 0) {
            tg_dbstmt_unbind_bulk(stmt, &bulk);
            return NULL;
        }
        fill_column(bulk, &bulk->binds[column], &memory, type, values + column, n_values, n_rows);
    }
    unsigned array_size = (unsigned)n_rows;
    mysql_stmt_attr_set(handle, STMT_ATTR_ARRAY_SIZE, &array_size);
    my_bool failed = mysql_stmt_bind_param(handle, bulk->binds);
    assert(!failed);
    return bulk;
}

void tg_dbstmt_unbind_bulk(struct tg_dbstmt *stmt, struct tg_dbbulk **bulk)
{
    static const unsigned one_row = 0;
    if (stmt != NULL)
        mysql_stmt_attr_set(tg_dbstmt_handle(stmt), STMT_ATTR_ARRAY_SIZE, &one_row);
    free((*bulk)->binds);
    free((*bulk)->memory);
    free((*bulk)->texts);
    free(*bulk);
    *bulk = NULL;
}

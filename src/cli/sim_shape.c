/* sim_shape - see sim_shape.h. */
#include "cli/sim_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"
#include "cli/mapfile.h"

#define SLOTS_MAX 1000000

static int read_slots(struct tg_csv *csv, const char *start, struct tg_simshape *shape, struct tg_err *err_r)
{
    size_t size = 0;
    int row;
    while ((row = tg_csv_next(csv, err_r)) == 1) {
        if (csv->n_fields != 2)
            return tg_err_set(err_r, TG_ERR_INPUT, "line %zu: label,count is expected", csv->line);
        struct tg_csv_field label = csv->fields[0], count = csv->fields[1];
        if (shape->n == 0 && start != NULL && (label.len != strlen(start) || memcmp(label.str, start, label.len) != 0))
            continue;
        char text[12] = "", *end;
        if (count.len > 0 && count.len < sizeof(text))
            memcpy(text, count.str, count.len);
        unsigned long n = strtoul(text, &end, 10);
        if (*text == '\0' || *end != '\0' || n > 10000000)
            return tg_err_set(err_r, TG_ERR_INPUT, "line %zu: '%.*s' is not a count of calls", csv->line,
                              (int)count.len, count.str);
        if (shape->n == SLOTS_MAX)
            return tg_err_set(err_r, TG_ERR_INPUT, "more than %d rows", SLOTS_MAX);
        if (shape->n == size) {
            size = size == 0 ? 1024 : 2 * size;
            shape->counts = tg_realloc(shape->counts, size * sizeof(*shape->counts));
        }
        shape->counts[shape->n++] = (uint32_t)n;
    }
    if (row == 0 && shape->n == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, start != NULL ? "no row is labelled %s" : "the file has no rows%s",
                          start != NULL ? start : "");
    return row;
}

int tg_simshape_read(const char *arg, struct tg_simshape *shape_r, struct tg_err *err_r)
{
    struct tg_mapfile file;
    struct tg_csv csv;
    struct tg_simshape shape = {NULL, 0};
    const char *at = strrchr(arg, '@');
    char *name = tg_memdup(arg, at != NULL ? (size_t)(at - arg) : strlen(arg));
    int rc = tg_mapfile_open(name, &file, err_r);
    free(name);
    if (rc != 0)
        return -1;
    tg_csv_init(&csv, file.bytes, file.len);
    rc = tg_csv_next(&csv, err_r); /* the header */
    rc = rc < 0 ? -1 : read_slots(&csv, at != NULL ? at + 1 : NULL, &shape, err_r);
    tg_csv_deinit(&csv);
    tg_mapfile_close(&file);
    if (rc != 0)
        tg_simshape_free(&shape);
    else
        *shape_r = shape;
    return rc;
}

void tg_simshape_free(struct tg_simshape *shape)
{
    free(shape->counts);
    *shape = (struct tg_simshape){NULL, 0};
}

double tg_simshape_rate(const struct tg_simshape *shape, double at_s)
{
    size_t slot = (size_t)(at_s / TG_SIMSHAPE_SLOT_S);
    return slot < shape->n ? (double)shape->counts[slot] / TG_SIMSHAPE_SLOT_S : -1;
}

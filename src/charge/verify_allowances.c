/* verify_allowances - free seconds that are gone are those that usage has used or that open calls keep.
 *
 * Who has used how many stands in JSON: in the lines of a rating, or in what a correction or an open call has consumed.
 * It is read by one statement, as every check is, and added up here. Of usage that was corrected the last correction
 * holds.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "charge/keymap.h"
#include "charge/verify_internal.h"

#define DIFFERENCES_MAX 1000

static const char statement[] =
    "SELECT 'allowance', company_id, id, CAST(granted_s AS SIGNED) - CAST(remaining_s AS SIGNED), NULL FROM allowances"
    " UNION ALL SELECT 'lines', u.company_id, u.id, 0, u.rating FROM (SELECT DISTINCT company_id FROM allowances) a"
    "  STRAIGHT_JOIN usage_events u ON u.company_id = a.company_id"
    "  LEFT JOIN usage_corrections k ON k.company_id = u.company_id AND k.usage_id = u.id AND k.seq = 1"
    "  WHERE k.seq IS NULL AND u.rating LIKE '%\"bundle\"%'"
    " UNION ALL SELECT 'consumed', company_id, id, 0, consumed FROM calls WHERE state = 'open' AND consumed IS NOT NULL"
    " UNION ALL SELECT 'consumed', k.company_id, k.usage_id, 0, k.consumed FROM usage_corrections k"
    "  LEFT JOIN usage_corrections n ON n.company_id = k.company_id AND n.usage_id = k.usage_id AND n.seq = k.seq + 1"
    "  WHERE n.seq IS NULL AND k.consumed IS NOT NULL";

struct allowance {
    struct tg_id company, id;
    int64_t used_s, gone_s; /* by whoever has used it; says the allowance */
};
struct sums {
    struct tg_keymap map; /* (company, allowance) → index */
    struct allowance *list;
    size_t n, capacity;
};

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

static struct allowance *find(struct sums *s, struct tg_id company, struct tg_id id)
{
    const uint32_t index = tg_keymap_put(&s->map, company.bytes, id.bytes, (uint32_t)s->n);
    if (index < s->n)
        return &s->list[index];
    if (s->n == s->capacity) {
        s->capacity = s->capacity == 0 ? 64 : s->capacity * 2;
        s->list = tg_realloc(s->list, s->capacity * sizeof(*s->list));
    }
    s->list[s->n] = (struct allowance){.company = company, .id = id};
    return &s->list[s->n++];
}

/* Seconds of the allowance of this name. What is no name of one belongs to a plan, which has no balance. */
static void use(struct sums *s, struct tg_id company, const char *name, const json_t *seconds)
{
    struct tg_id id;
    struct tg_err ignored;
    if (name != NULL && tg_id_parse(name, strlen(name), "alw", &id, &ignored) == 0)
        find(s, company, id)->used_s += json_integer_value(seconds);
}

static void use_lines(struct sums *s, struct tg_id company, const json_t *rating)
{
    const json_t *line;
    size_t i;
    json_array_foreach(json_object_get(rating, "lines"), i, line)
        use(s, company, json_string_value(json_object_get(line, "bundle")), json_object_get(line, "seconds"));
}

static void use_consumed(struct sums *s, struct tg_id company, json_t *consumed)
{
    const char *name;
    json_t *seconds;
    json_object_foreach(json_object_get(consumed, "bundles"), name, seconds) use(s, company, name, seconds);
}

static int on_row(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct sums *s = arg;
    assert(n_cells == 5);
    const struct tg_id company = id_of(&c[1]);
    if (c[4].type == TG_DB_NULL) {
        find(s, company, id_of(&c[2]))->gone_s = c[3].num;
        return 0;
    }
    json_t *json = json_loadb(c[4].bytes, c[4].len, 0, NULL); /* NULL: nothing stands in it */
    if (c[0].bytes[0] == 'l')
        use_lines(s, company, json);
    else
        use_consumed(s, company, json);
    json_decref(json);
    return 0;
}

static void tell(const struct allowance *a, tg_verify_fn *fn, void *arg)
{
    char text[120];
    (void)snprintf(text, sizeof(text),
                   "%" PRId64 " of its free seconds were used or are kept, and %" PRId64 " are gone", a->used_s,
                   a->gone_s);
    const struct tg_verify_difference difference = {
        .check = "allowance_used", .text = text, .company = a->company, .object = a->id, .prefix = "alw"};
    fn(&difference, arg);
}

int tg_verify_allowances(struct tg_sqlconn *conn, tg_verify_fn *fn, void *arg, uint64_t *n_r, struct tg_err *err_r)
{
    struct sums s = {0};
    const int status = tg_sqlconn_each(conn, statement, NULL, 0, on_row, &s, err_r);
    *n_r = 0;
    for (size_t i = 0; i < s.n && status == 0; i++) {
        if (s.list[i].used_s != s.list[i].gone_s && (*n_r)++ < DIFFERENCES_MAX)
            tell(&s.list[i], fn, arg);
    }
    tg_keymap_deinit(&s.map);
    free(s.list);
    return status;
}

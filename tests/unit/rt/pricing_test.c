/* pricing_test - the shipped rule prices a whole day of calls with a whole deck, to the last digit. */
#include <stdlib.h>

#include <jansson.h>
#include <lauxlib.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/mem.h"
#include "rt/deckcsv.h"
#include "rt/num.h"
#include "rt/rules.h"
#include "rt/vm.h"
#include "tap.h"

struct day {
    struct tg_rules *rules;
    struct tg_deck *deck;
    json_t *seen; /* event_id → its row */
    json_t *counts; /* outcome → how many */
    json_t *totals; /* tenant → amount */
    int64_t billed_s;
    struct tg_decimal total;
};

struct cdr {
    const char *to, *status;
    size_t to_len, status_len;
    int64_t answered_at, duration_ms;
    char outcome[32];
    struct tg_decimal total;
    int64_t billed_s;
};

static char *read_shared(const char *path, size_t *len_r)
{
    const char *shared = getenv("TOLLGATE_SHARED");
    char full[512];
    snprintf(full, sizeof(full), "%s/data/%s", shared == NULL ? "../shared" : shared, path);
    FILE *file = fopen(full, "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    *len_r = (size_t)ftell(file);
    rewind(file);
    char *text = tg_malloc(*len_r + 1);
    text[fread(text, 1, *len_r, file)] = '\0';
    fclose(file);
    return text;
}

static void push_input(lua_State *L, void *arg)
{
    const struct cdr *cdr = arg;
    lua_createtable(L, 0, 2);
    lua_createtable(L, 0, 4);
    lua_pushlstring(L, cdr->to, cdr->to_len);
    lua_setfield(L, -2, "to");
    lua_pushlstring(L, cdr->status, cdr->status_len);
    lua_setfield(L, -2, "status");
    lua_pushinteger(L, cdr->answered_at);
    lua_setfield(L, -2, "answered_at");
    lua_pushinteger(L, cdr->duration_ms);
    lua_setfield(L, -2, "duration_ms");
    lua_setfield(L, -2, "event");
    lua_newtable(L);
    lua_setfield(L, -2, "plan");
}

static int read_result(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct cdr *cdr = arg;
    (void)err_r;
    lua_getfield(L, index, "status");
    snprintf(cdr->outcome, sizeof(cdr->outcome), "%s", lua_tostring(L, -1));
    lua_getfield(L, index, "total");
    cdr->total = tg_num_check(L, -1, "total");
    lua_getfield(L, index, "billed_s");
    cdr->billed_s = lua_tointeger(L, -1);
    return 0;
}

static void count(json_t *counts, const char *what)
{
    json_object_set_new(counts, what, json_integer(json_integer_value(json_object_get(counts, what)) + 1));
}

static void add_total(struct day *day, const char *tenant, struct tg_decimal amount)
{
    struct tg_err err;
    char text[TG_DECIMAL_TEXT_SIZE];
    struct tg_decimal sum = tg_decimal_zero;
    const char *before = json_string_value(json_object_get(day->totals, tenant));
    ok(before == NULL || tg_decimal_parse(before, strlen(before), &sum, &err) == 0, "an amount");
    ok(tg_decimal_add(sum, amount, &sum, &err) == 0, "in range");
    ok(tg_decimal_add(day->total, amount, &day->total, &err) == 0, "in range");
    tg_decimal_format_fixed(sum, 6, text);
    json_object_set_new(day->totals, tenant, json_string(text));
}

/* Columns: event_id,tenant,direction,to,started_at,answered_at,ended_at,duration_ms,status */
static void rate_row(struct day *day, const struct tg_csv *csv, const char *row, size_t row_len)
{
    struct tg_err err;
    char id[64], tenant[64];
    const struct tg_csv_field *f = csv->fields;
    snprintf(id, sizeof(id), "%.*s", (int)f[0].len, f[0].str);
    snprintf(tenant, sizeof(tenant), "%.*s", (int)f[1].len, f[1].str);
    const json_t *first = json_object_get(day->seen, id);
    if (first != NULL) {
        bool same = json_string_length(first) == row_len && memcmp(json_string_value(first), row, row_len) == 0;
        count(day->counts, same ? "duplicate" : "conflict");
        return;
    }
    json_object_set_new(day->seen, id, json_stringn(row, row_len));
    struct cdr cdr = {.to = f[3].str, .to_len = f[3].len, .status = f[8].str, .status_len = f[8].len};
    cdr.duration_ms = strtoll(f[7].str, NULL, 10);
    if (f[5].len > 0)
        ok(tg_time_parse(f[5].str, f[5].len, &cdr.answered_at, &err) == 0, "a time");
    struct tg_rules_snapshot snap = {.deck = day->deck};
    if (!ok(tg_rules_call(day->rules, "pricing.rate_usage", &snap, push_input, &cdr, read_result, &cdr, NULL, &err) ==
                0,
            "%s: %s", id, err.text))
        return;
    count(day->counts, cdr.outcome);
    day->billed_s += cdr.billed_s;
    add_total(day, tenant, cdr.total);
}

static void rate_day(struct day *day, const char *cdrs, size_t len)
{
    struct tg_csv csv;
    struct tg_err err;
    tg_csv_init(&csv, cdrs, len);
    is_int(tg_csv_next(&csv, &err), 1); /* the header */
    size_t from = tg_csv_offset(&csv);
    while (tg_csv_next(&csv, &err) == 1) {
        rate_row(day, &csv, cdrs + from, tg_csv_offset(&csv) - from);
        from = tg_csv_offset(&csv);
    }
    tg_csv_deinit(&csv);
}

TEST(a_day_of_calls_with_a_deck_of_29k_prefixes_is_rated_to_the_last_digit)
{
    struct tg_err err;
    size_t deck_len, cdrs_len, expected_len;
    char text[TG_DECIMAL_TEXT_SIZE];
    char *deck_text = read_shared("decks/az-deck-29k.csv", &deck_len);
    char *cdrs = read_shared("cdr/cdr-2026-07-14.csv", &cdrs_len);
    char *expected_text = read_shared("cdr/cdr-2026-07-14.expected.json", &expected_len);
    if (deck_text == NULL || cdrs == NULL || expected_text == NULL)
        TAP_SKIP("the shared data is not there");
    struct tg_luasource *src;
    struct tg_deckcsv *csv;
    struct day day = {.seen = json_object(), .counts = json_object(), .totals = json_object()};
    if (!ok(tg_luasource_read("lua", &src, &err) == 0 && tg_rules_new_of_release(src, &day.rules, &err) == 0, "%s",
            err.text))
        return;
    is_int(tg_deckcsv_parse(deck_text, deck_len, &csv, &err), 0);
    is_int(csv->n_rejected, 0);
    is_int(tg_deckcsv_build(csv, &day.deck, &err), 0);
    rate_day(&day, cdrs, cdrs_len);
    json_t *expected = json_loads(expected_text, 0, NULL);
    tg_decimal_format_fixed(day.total, 6, text);
    is_str(text, json_string_value(json_object_get(expected, "total")));
    is_int(day.billed_s, json_integer_value(json_object_get(expected, "billed_seconds")));
    ok(json_equal(day.counts, json_object_get(expected, "counts")), "the counts");
    ok(json_equal(day.totals, json_object_get(expected, "by_tenant")), "each tenant's total");
    json_decref(expected);
    json_decref(day.seen);
    json_decref(day.counts);
    json_decref(day.totals);
    tg_deckcsv_free(&csv);
    tg_deck_unref(&day.deck);
    tg_rules_free(&day.rules);
    tg_luasource_unref(&src);
    free(deck_text);
    free(cdrs);
    free(expected_text);
}

TAP_MAIN()

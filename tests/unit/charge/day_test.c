/* day_test - a whole day of calls through the engine gives the published totals to the last digit, once or twice. */
#include <stdlib.h>

#include "base/csv.h"
#include "base/mem.h"
#include "charge/engine.h"
#include "charge/verify.h"
#include "fixture.h"
#include "rt/deckcsv.h"

#define EVENTS_A_REQUEST 1000

static char *read_shared(const char *name, size_t *len_r)
{
    const char *shared = getenv("TOLLGATE_SHARED");
    char path[500];
    snprintf(path, sizeof(path), "%s/data/%s", shared == NULL ? "../shared" : shared, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    struct tg_strbuf text;
    char piece[65536];
    size_t n;
    tg_strbuf_init(&text, 64u << 20);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        tg_strbuf_append(&text, piece, n);
    fclose(file);
    char *bytes = tg_strbuf_take(&text, len_r);
    tg_strbuf_deinit(&text);
    return bytes;
}

/* Stores the rows as version 2 of the fixture's deck, as tg.decks and catalog/store.lua do. */
static void load_deck(const char *text, size_t len)
{
    struct tg_deckcsv *csv;
    struct tg_err err = {0};
    ok(tg_deckcsv_parse(text, len, &csv, &err) == 0, "%s", err.text);
    const size_t width = 12;
    struct tg_dbval *values = tg_malloc(csv->n_list * width * sizeof(*values)), *v = values;
    for (size_t i = 0; i < csv->n_list; i++) {
        const struct tg_deck_row *row = &csv->list[i].row;
        *v++ = TG_DBVAL_ID(world.deck);
        *v++ = TG_DBVAL_INT((int64_t)i + 1);
        *v++ = TG_DBVAL_STR(row->prefix);
        *v++ = TG_DBVAL_STR(csv->list[i].name);
        *v++ = TG_DBVAL_DEC(row->per_minute);
        *v++ = TG_DBVAL_DEC(row->connect_fee);
        *v++ = TG_DBVAL_INT(row->initial_s);
        *v++ = TG_DBVAL_INT(row->increment_s);
        *v++ = TG_DBVAL_INT(row->min_s);
        *v++ = row->from_us == INT64_MIN ? TG_DBVAL_NULL : TG_DBVAL_TIME(row->from_us);
        *v++ = row->to_us == INT64_MAX ? TG_DBVAL_NULL : TG_DBVAL_TIME(row->to_us);
        *v++ = TG_DBVAL_INT(row->blocked);
    }
    ok(tg_sqlconn_bulk(world.conn,
                       "INSERT INTO rate_deck_rows (deck_id, version, row_no, prefix, name, per_minute, connect_fee,"
                       " initial_s, increment_s, min_s, valid_from, valid_to, blocked)"
                       " VALUES (?, 2, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       values, width, csv->n_list, NULL, &err) == 0,
       "%s", err.text);
    DB_INT("INSERT INTO rate_deck_versions SELECT deck_id, 2, 'ready', source_hash, 1, '{}', created_at"
           " FROM rate_deck_versions WHERE version = 1");
    DB_INT("UPDATE rate_decks SET active_version = 2");
    free(values);
    tg_deckcsv_free(&csv);
}

static struct tg_id tenants[100];

/* The company of "t07", made when it is first met. */
static const struct tg_id *tenant(const struct tg_csv_field *field)
{
    const int number = atoi(field->str + 1);
    char name[20];
    if (tg_id_equal(tenants[number], (struct tg_id){{0}})) {
        snprintf(name, sizeof(name), "%.*s", (int)field->len, field->str);
        tenants[number] = add_company(name, world.platform, true);
    }
    return &tenants[number];
}

/* event_id,tenant,direction,to,started_at,answered_at,ended_at,duration_ms,status → one line of NDJSON */
static void append_call(struct tg_strbuf *body, const struct tg_csv *csv)
{
    const struct tg_csv_field *f = csv->fields;
    char company[TG_ID_TEXT_SIZE], answered[100] = "";
    const long long ms = atoll(f[7].str);
    const bool is_answered = f[5].len > 0;
    tg_id_format(*tenant(&f[1]), "co", company);
    if (is_answered)
        snprintf(answered, sizeof(answered), ",\"answered_at\":\"%.*s\"", (int)f[5].len, f[5].str);
    tg_strbuf_printf(
        body,
        "{\"event_id\":\"%.*s\",\"source\":\"day\",\"meter\":\"call.seconds\",\"company\":\"%s\",\"event_time\":"
        "\"%.*s\",\"quantity\":\"%lld.%03lld\",\"properties\":{\"to\":\"%.*s\",\"direction\":\"%.*s\",\"status\":"
        "\"%.*s\",\"started_at\":\"%.*s\",\"duration_ms\":%lld%s}}\n",
        (int)f[0].len, f[0].str, company, (int)f[is_answered ? 5 : 4].len, f[is_answered ? 5 : 4].str, ms / 1000,
        ms % 1000, (int)f[3].len, f[3].str, (int)f[2].len, f[2].str, (int)f[8].len, f[8].str, (int)f[4].len, f[4].str,
        ms, answered);
}

static int64_t number_in(const char *answer, const char *name)
{
    const char *at = strstr(answer, name);
    return at == NULL ? -1000000 : atoll(at + strlen(name));
}

struct sums {
    int64_t rows, accepted, duplicates, conflicts;
};

static void take_answer(struct request *r, struct tg_loop *loop, struct sums *sums)
{
    request_wait(r, loop);
    is_str(r->err.text, "");
    sums->accepted += number_in(r->answer, "\"accepted\":");
    sums->duplicates += number_in(r->answer, "\"duplicates\":");
    for (size_t i = 0; i < tg_usage_batch_n(r->op.usage.batch); i++) {
        const struct tg_usage_event *event = tg_usage_batch_event(r->op.usage.batch, i);
        sums->conflicts += event->outcome == TG_USAGE_REJECTED && strcmp(event->reason, "conflict") == 0;
    }
    request_end(r);
}

/* All rows in requests of a thousand; the events themselves are rows of the file. */
static struct sums import(struct tg_engine *engine, const char *text, size_t len)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_csv csv;
    struct tg_err err;
    struct sums sums = {0};
    struct tg_strbuf body;
    tg_csv_init(&csv, text, len);
    tg_strbuf_init(&body, TG_USAGE_BODY_MAX);
    ok(tg_csv_next(&csv, &err) == 1, "a header");
    bool more = true;
    while (more) {
        static struct request r;
        tg_strbuf_reset(&body);
        for (int n = 0; n < EVENTS_A_REQUEST && (more = tg_csv_next(&csv, &err) == 1); n++, sums.rows++)
            append_call(&body, &csv);
        if (body.len == 0)
            break;
        ok(request_submit(&r, engine, loop, world.platform, NULL, body.bytes), "%s", r.err.text);
        take_answer(&r, loop, &sums);
    }
    tg_strbuf_deinit(&body);
    tg_csv_deinit(&csv);
    tg_loop_free(&loop);
    return sums;
}

TEST(the_published_day_gives_its_counts_seconds_and_totals_and_again_changes_nothing)
{
    size_t deck_len, day_len;
    char *deck = read_shared("decks/az-deck-29k.csv", &deck_len);
    char *day = read_shared("cdr/cdr-2026-07-14.csv", &day_len);
    if (deck == NULL || day == NULL) {
        free(deck);
        free(day);
        TAP_SKIP("the shared data are not here");
    }
    struct tg_engine *engine = engine_begin();
    load_deck(deck, deck_len);
    for (int turn = 0; turn < 2; turn++) {
        const uint64_t started_us = tg_clock_mono_us();
        const struct sums sums = import(engine, day, day_len);
        printf("# %" PRIu64 " events/s in requests of %d, one after the other\n",
               (uint64_t)sums.rows * 1000000 / (tg_clock_mono_us() - started_us), EVENTS_A_REQUEST);
        is_int(sums.rows, 41531);
        is_int(sums.accepted, turn == 0 ? 37795 + 3387 + 75 : 0);
        is_int(sums.duplicates, turn == 0 ? 191 : 191 + 37795 + 3387 + 75);
        is_int(sums.conflicts, 83);
        is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE status = 'rated'"), 37795);
        is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE status = 'not_billable'"), 3387);
        is_int(DB_INT("SELECT COUNT(*) FROM usage_events WHERE status = 'no_rate'"), 75);
        is_int(DB_INT("SELECT SUM(billed_s) FROM usage_events"), 7527208);
        is_str(DB_TEXT("SELECT CAST(SUM(amount) AS DECIMAL(38,12)) FROM usage_events"), "9137.035242");
        is_str(DB_TEXT("SELECT CAST(SUM(balance) AS DECIMAL(38,12)) FROM wallets"), "-9137.035242");
        is_str(balance_of(tenants[1]), "-2430.590174");
        is_str(balance_of(tenants[20]), "-130.83321");
    }
    struct tg_verify_counts counts = {0};
    struct tg_err err = {0};
    ok(tg_verify_ledger(world.conn, NULL, NULL, &counts, &err) == 0, "%s", err.text);
    is_int(counts.differences, 0);
    tg_engine_free(&engine);
    free(deck);
    free(day);
}

TAP_MAIN()

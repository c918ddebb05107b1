/* deckcsv_test - decks from CSV: what is taken, what is refused and why. */
#include "../../../src/rt/deckcsv.c"

#include "tap.h"

#define HEADER "prefix,name,per_minute,connect_fee,initial_s,increment_s,effective_from,effective_to\n"
#define WIDE "prefix,per_minute,initial_s,increment_s,min_s,blocked,when,effective_from\n"
#define RAW "country,code,initial_rate_per_minute,increment_rate_per_minute,time_of_day\n"

static struct tg_deckcsv *parse(const char *text)
{
    struct tg_err err;
    struct tg_deckcsv *csv = NULL;
    ok(tg_deckcsv_parse(text, strlen(text), &csv, &err) == 0, "%s", err.text);
    return csv;
}

TEST(a_row_of_our_form_is_read_whole)
{
    struct tg_deckcsv *csv = parse(HEADER "44,\"UK, \"\"fixed\"\"\",0.0120,0.01,30,6,2026-07-01T00:00:00Z,\r\n");
    is_uint(csv->n_rows, 1);
    is_uint(csv->n_priced, 1);
    const struct tg_deckcsv_row *row = &csv->list[0];
    is_str(row->row.prefix, "44");
    is_str(row->name, "UK, \"fixed\"");
    is_true(row->row.per_minute.units == INT64_C(12000000000));
    is_true(row->row.connect_fee.units == INT64_C(10000000000));
    is_int(row->row.initial_s, 30);
    is_int(row->row.increment_s, 6);
    is_int(row->row.from_us, INT64_C(1782864000000000));
    is_int(row->row.to_us, INT64_MAX);
    is_int(row->line, 2);
    is_true(row->row.steps == NULL);
    tg_deckcsv_free(&csv);
    is_true(csv == NULL);
}

TEST(columns_may_be_left_out_and_stand_in_any_order)
{
    struct tg_deckcsv *csv = parse("increment_s,initial_s,per_minute,prefix\n6,30,0.5,1\n");
    is_int(csv->list[0].row.increment_s, 6);
    is_int(csv->list[0].row.initial_s, 30);
    is_str(csv->list[0].name, "");
    is_int(csv->list[0].row.from_us, INT64_MIN);
    tg_deckcsv_free(&csv);
}

TEST(minimum_block_and_window_are_read)
{
    struct tg_deckcsv *csv = parse(WIDE "1,0.01,1,1,30,0,peak,\n449,,1,1,,1,,\n");
    is_uint(csv->n_blocked, 1);
    is_uint(csv->n_rejected, 0);
    is_int(csv->list[0].row.min_s, 30);
    is_str(csv->list[0].row.when, "peak");
    is_true(csv->list[1].row.blocked);
    tg_deckcsv_free(&csv);
}

TEST(a_damaged_row_is_reported_with_its_line_and_costs_no_other)
{
    static const struct {
        const char *row, *reason, *detail;
    } cases[] = {
        {"5.41144E+11,,0.04,0,1,1,,", "bad_prefix", "1 to 15 digits"},
        {"*1003,,0.04,0,1,1,,", "bad_prefix", "1 to 15 digits"},
        {"+44,,0.04,0,1,1,,", "bad_prefix", ""},
        {"0123,,0.04,0,1,1,,", "bad_prefix", "not 0"},
        {",,0.04,0,1,1,,", "bad_prefix", ""},
        {"1234567890123456,,0.04,0,1,1,,", "bad_prefix", ""},
        {"44,,015,0,1,1,,", "bad_price", "per_minute"},
        {"44,,-0.1,0,1,1,,", "bad_price", "per_minute"},
        {"44,,1000000000,0,1,1,,", "bad_price", "below 1000000000"},
        {"44,,1,1000000000.5,1,1,,", "bad_price", "connect_fee"},
        {"44,,1e-3,0,1,1,,", "bad_price", "per_minute"},
        {"44,,Blocked,0,1,1,,", "bad_price", "per_minute"},
        {"44,,,0,1,1,,", "bad_price", "per_minute"},
        {"44,,0.1,free,1,1,,", "bad_price", "connect_fee"},
        {"44,,0.1,0,0,1,,", "bad_seconds", "initial_s"},
        {"44,,0.1,0,1,,,", "bad_seconds", "increment_s"},
        {"44,,0.1,0,1,99999,,", "bad_seconds", "increment_s"},
        {"44,,0.1,0,1,6.0,,", "bad_seconds", "increment_s"},
        {"44,,0.1,0,1,1,2026-07-01,", "bad_time", "effective_from"},
        {"44,,0.1,0,1,1,2026-07-01T00:00:00Z,2026-07-01T00:00:00Z", "bad_time", "after effective_from"},
        {"44,\xff,0.1,0,1,1,,", "bad_name", "UTF-8"},
        {"44,,0.1,0,1,1,", "bad_row", "7 fields, the header has 8"},
        {"44,\"x,0.1,0,1,1,,", "bad_row", "quote"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        tap_case("%s", cases[i].row);
        snprintf(text, sizeof(text), HEADER "1,a,0.1,0,1,1,,\n%s\n2,b,0.2,0,1,1,,\n", cases[i].row);
        struct tg_deckcsv *csv = parse(text);
        is_uint(csv->n_rows, 3);
        is_uint(csv->n_priced, 2);
        is_uint(csv->n_rejected, 1);
        is_uint(csv->rejects[0].line, 3);
        is_str(csv->rejects[0].reason, cases[i].reason);
        tap_contains(__FILE__, __LINE__, csv->rejects[0].detail, cases[i].detail);
        is_str(csv->list[1].name, "b");
        tg_deckcsv_free(&csv);
    }
}

TEST(of_rows_that_begin_at_the_same_instant_the_first_stays)
{
    struct tg_deckcsv *csv = parse(HEADER "44,a,0.1,0,1,1,,\n1,b,0.1,0,1,1,,\n44,c,0.2,0,1,1,,\n44,d,0.3,0,1,1,"
                                          "2026-07-01T00:00:00Z,\n44,e,0.3,0,1,1,2026-07-01T02:00:00+02:00,\n");
    is_uint(csv->n_list, 3);
    is_uint(csv->n_rejected, 2);
    is_str(csv->rejects[0].reason, "overlap");
    is_uint(csv->rejects[0].line, 4);
    is_str(csv->rejects[0].prefix_text, "44");
    tap_contains(__FILE__, __LINE__, csv->rejects[0].detail, "line 2");
    is_uint(csv->rejects[1].line, 6);
    is_str(csv->list[2].name, "d");
    tg_deckcsv_free(&csv);
}

TEST(a_carriers_list_has_two_prices_and_blocks_in_both_columns_or_neither)
{
    struct tg_deckcsv *csv = parse(RAW "Afghanistan,93,0.45,0.45,peak\nMayotte,26976,Blocked,blocked,peak\n"
                                       "Antilles,59951,Blocked,0.2,peak\nDear start,88,0.3,0.1,peak\n"
                                       "Night,77,0.3,0.1,off-peak\nFree,1787,0,0,peak\n");
    is_uint(csv->n_priced, 3);
    is_uint(csv->n_blocked, 1);
    is_uint(csv->n_rejected, 2);
    is_str(csv->rejects[0].reason, "bad_price");
    is_str(csv->rejects[0].prefix_text, "59951");
    is_str(csv->rejects[1].reason, "bad_window");
    is_int(csv->list[0].row.n_steps, 0);
    is_int(csv->list[0].row.increment_s, 60);
    is_int(csv->list[2].row.n_steps, 1);
    is_int(csv->list[2].row.steps[0].after_s, 60);
    is_true(csv->list[2].row.steps[0].per_minute.units == INT64_C(100000000000));
    tg_deckcsv_free(&csv);
}

TEST(a_file_without_a_header_of_either_form_is_refused_as_a_whole)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "empty"},
        {HEADER, "no row"},
        {"prefix,per_minute,initial_s\n1,1,1\n", "no column 'increment_s'"},
        {"1,0.1,60,60\n", "no column 'prefix'"},
        {"prefix,per_minute,initial_s,increment_s,colour\n", "'colour' is unknown"},
        {"prefix,prefix,per_minute,initial_s,increment_s\n", "'prefix' is unknown or there twice"},
        {"code,initial_rate_per_minute\n", "increment_rate_per_minute"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err;
        struct tg_deckcsv *csv = NULL;
        tap_case("%s", cases[i].why);
        is_int(tg_deckcsv_parse(cases[i].text, strlen(cases[i].text), &csv, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        tap_contains(__FILE__, __LINE__, err.text, cases[i].why);
    }
}

TEST(a_name_is_cut_between_characters_and_many_rejects_are_counted_beyond_the_list)
{
    struct tg_strbuf text;
    tg_strbuf_init(&text, 1 << 20);
    tg_strbuf_append_str(&text, HEADER "1,");
    for (int i = 0; i < 130; i++)
        tg_strbuf_append_str(&text, "é");
    tg_strbuf_append_str(&text, ",0.1,0,1,1,,\n");
    for (int i = 0; i < 150; i++)
        tg_strbuf_append_str(&text, "x,,0.1,0,1,1,,\n");
    struct tg_deckcsv *csv = parse(text.bytes);
    is_uint(strlen(csv->list[0].name), 240);
    is_uint(csv->n_rejected, 150);
    is_uint(csv->n_rejects, TG_DECKCSV_REJECTS_MAX);
    tg_deckcsv_free(&csv);
    tg_strbuf_deinit(&text);
}

TEST(what_is_taken_builds_a_deck)
{
    struct tg_err err;
    struct tg_deck *deck;
    struct tg_deckcsv *csv =
        parse(HEADER "44,a,0.1,0,86400,86400,,\n44,c,0.2,0,1,1,2026-07-01T00:00:00Z,\n44,d,0,0,1,1,,\n");
    is_int(tg_deckcsv_build(csv, &deck, &err), 0);
    is_uint(tg_deck_n_rows(deck), 2);
    tg_deckcsv_free(&csv);
    tg_deck_unref(&deck);
}

TAP_MAIN()

/* cdr_test - a call record becomes the event that the product promises. */
#include "../../../src/cli/cdr.c"

#include "tap.h"

static const char header[] = "event_id,tenant,direction,to,started_at,answered_at,ended_at,duration_ms,status\n";

/* The event of one row as sorted JSON, or "!" and the error. Freed by the next call. */
static const char *event_of(const char *row)
{
    static char text[1024];
    char csv_text[2048];
    struct tg_csv csv;
    struct tg_cdr_columns columns;
    struct tg_err err;
    json_t *event = NULL, *company = json_string("co_1");
    snprintf(csv_text, sizeof(csv_text), "%s%s", header, row);
    tg_csv_init(&csv, csv_text, strlen(csv_text));
    is_int(tg_csv_next(&csv, &err), 1);
    is_int(tg_cdr_columns_find(&csv, &columns, &err), 0);
    is_int(tg_csv_next(&csv, &err), 1);
    if (tg_cdr_event(&csv, &columns, "gw", company, &event, &err) == 0) {
        char *dump = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
        snprintf(text, sizeof(text), "%s", dump);
        free(dump);
    } else {
        snprintf(text, sizeof(text), "!%s", err.text);
    }
    json_decref(event);
    json_decref(company);
    tg_csv_deinit(&csv);
    return text;
}

TEST(an_answered_call_begins_when_it_is_answered)
{
    is_str(
        event_of("c1,t01,inbound,+4930,2026-07-14T11:00:03.944Z,2026-07-14T11:00:23.642Z,2026-07-14T11:00:42.770Z,"
                 "19128,answered\n"),
        "{\"company\":\"co_1\",\"event_id\":\"c1\",\"event_time\":\"2026-07-14T11:00:23.642Z\",\"meter\":\"call."
        "seconds\",\"properties\":{\"answered_at\":\"2026-07-14T11:00:23.642Z\",\"direction\":\"inbound\",\"duration_"
        "ms\":19128,\"ended_at\":\"2026-07-14T11:00:42.770Z\",\"started_at\":\"2026-07-14T11:00:03.944Z\",\"status\":"
        "\"answered\",\"to\":\"+4930\"},\"quantity\":\"19.128\",\"source\":\"gw\"}");
}

TEST(an_unanswered_call_begins_when_it_was_started)
{
    is_str(
        event_of("c2,t01,outbound,+33,2026-07-14T11:00:05Z,,,0,no_answer\n"),
        "{\"company\":\"co_1\",\"event_id\":\"c2\",\"event_time\":\"2026-07-14T11:00:05Z\",\"meter\":\"call.seconds\","
        "\"properties\":{\"direction\":\"outbound\",\"duration_ms\":0,\"started_at\":\"2026-07-14T11:00:05Z\","
        "\"status\":\"no_answer\",\"to\":\"+33\"},\"quantity\":\"0\",\"source\":\"gw\"}");
}

TEST(a_duration_that_is_no_whole_number_names_its_column)
{
    is_str(event_of("c3,t,in,+1,2026-07-14T11:00:05Z,,,12.5,answered\n"),
           "!duration_ms: '12.5' is not a whole number of milliseconds");
    is_str(event_of("c3,t,in,+1,2026-07-14T11:00:05Z,,,,answered\n"),
           "!duration_ms: a whole number of milliseconds is needed");
    is_str(event_of("c3,t,in,+1,2026-07-14T11:00:05Z,,,-9223372036854775808,answered\n"),
           "!duration_ms: '-9223372036854775808' is not a whole number of milliseconds");
    is_str(event_of("c3,t,in,\xff\xfe,2026-07-14T11:00:05Z,,,1,answered\n"), "!to: not valid UTF-8");
}

TEST(seconds_are_written_shortest)
{
    static const struct {
        long long ms;
        const char *want;
    } cases[] = {{0, "0"}, {1, "0.001"}, {1000, "1"}, {60010, "60.01"}, {-1500, "-1.5"}, {100000, "100"}};
    for (size_t i = 0; i != sizeof(cases) / sizeof(cases[0]); ++i) {
        char out[32];
        format_seconds(cases[i].ms, out, sizeof(out));
        is_str(out, cases[i].want);
    }
}

TEST(a_missing_column_is_named)
{
    struct tg_csv csv;
    struct tg_cdr_columns columns;
    struct tg_err err;
    tg_csv_init(&csv, "event_id,tenant,to\n", 19);
    is_int(tg_csv_next(&csv, &err), 1);
    is_int(tg_cdr_columns_find(&csv, &columns, &err), -1);
    is_str(err.text, "the header has no column 'started_at'");
    tg_csv_deinit(&csv);
}

TAP_MAIN()

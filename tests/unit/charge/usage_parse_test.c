/* usage_parse_test - bodies of usage events: what is taken, what one event is rejected for, what refuses the whole. */
#include "../../../src/charge/usage_parse.c"

#include "base/strbuf.h"
#include "tap.h"

#define EVENT(id, more)                                                                                                \
    "{\"event_id\":\"" id "\",\"source\":\"gw-1\",\"meter\":\"call.seconds\",\"event_time\":\"2026-07-15T10:00:00Z\"," \
    "\"quantity\":\"61\"" more "}"

static struct tg_usage_batch *parsed(const char *body)
{
    struct tg_usage_batch *batch = NULL;
    struct tg_err err = {0};
    if (tg_usage_parse(body, strlen(body), &batch, &err) != 0)
        ok(false, "refused: %s", err.text);
    return batch;
}

TEST(one_event_an_array_and_lines_are_told_apart_by_the_content)
{
    static const char *const bodies[] = {
        EVENT("e1", ""),
        " [" EVENT("e1", "") "]\n",
        EVENT("e1", "") "\n" EVENT("e2", "") "\r\n\n" EVENT("e3", "") "\n",
        "[]",
        "{\n "
        "\"event_id\":\"e1\",\"source\":\"s\",\n\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":"
        "1\n}",
    };
    static const size_t counts[] = {1, 1, 3, 0, 1};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct tg_usage_batch *batch = parsed(bodies[i]);
        is_int(tg_usage_batch_n(batch), counts[i]);
        for (size_t k = 0; k < tg_usage_batch_n(batch); k++)
            is_str(tg_usage_batch_event(batch, k)->detail, NULL);
        tg_usage_batch_free(&batch);
        ok(batch == NULL, "freed");
    }
}

TEST(every_field_of_a_call_is_read)
{
    struct tg_usage_batch *batch = parsed(
        "[{\"event_id\":\"e1\",\"source\":\"gw-1\",\"meter\":\"call.seconds\",\"event_time\":\"2026-07-15T10:00:00Z\","
        "\"quantity\":\"61.250\",\"company\":\"co_01h455vb4pex5vsknk084sn02q\",\"call_id\":\"c-1\","
        "\"provider_cost\":{\"amount\":\"0.008\",\"currency\":\"USD\"},\"properties\":{\"to\":\"+12125550100\","
        "\"from\":"
        "\"+1\",\"direction\":\"outbound\",\"status\":\"busy\",\"answered_at\":\"2026-07-15T10:00:01.5Z\",\"duration_"
        "ms\":"
        "61250,\"started_at\":\"2026-07-15T10:00:00Z\",\"ended_at\":null,\"b\":1,\"a\":4.2}}]");
    const struct tg_usage_event *e = tg_usage_batch_event(batch, 0);
    is_str(e->detail, NULL);
    is_str(e->event_id, "e1");
    is_str(e->source, "gw-1");
    is_str(e->meter, "call.seconds");
    is_int(e->event_time_us, INT64_C(1784109600000000));
    is_str(e->call_id, "c-1");
    ok(e->has_cost && strcmp(e->cost_currency, "USD") == 0, "the provider's cost");
    is_str(e->to, "+12125550100");
    is_str(e->call_status, "busy");
    ok(e->has_answered_at, "answered_at");
    is_int(e->answered_at_us - e->event_time_us, 1500000);
    is_int(e->duration_ms, 61250);
    contains(e->properties, "{\"a\":4.2,\"answered_at\":\"2026-07-15T10:00:01.5Z\",\"b\":1,");
    tg_usage_batch_free(&batch);
}

TEST(a_cloudevent_means_the_same_as_the_plain_form)
{
    struct tg_usage_batch *batch = parsed("[" EVENT(
        "e1",
        ",\"call_id\":\"c-1\",\"properties\":{\"to\":\"+1\"}") ","
                                                               "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"gw-"
                                                               "1\",\"type\":\"call.seconds\",\"time\":\"2026-07-15T10:"
                                                               "00:00Z\","
                                                               "\"subject\":\"c-1\",\"datacontenttype\":\"application/"
                                                               "json\",\"data\":{\"quantity\":61,\"properties\":{"
                                                               "\"to\":\"+1\"}}},"
                                                               "{\"specversion\":\"0.3\",\"id\":\"e1\"},{"
                                                               "\"specversion\":\"1.0\",\"id\":\"e2\",\"data\":[]}]");
    const struct tg_usage_event *a = tg_usage_batch_event(batch, 0), *b = tg_usage_batch_event(batch, 1);
    is_str(b->detail, NULL);
    ok(memcmp(a->dedupe, b->dedupe, 16) == 0, "one identity");
    ok(memcmp(a->body_hash, b->body_hash, 16) == 0, "one body");
    is_str(tg_usage_batch_event(batch, 2)->pointer, "/specversion");
    is_str(tg_usage_batch_event(batch, 3)->pointer, "/data");
    tg_usage_batch_free(&batch);
}

TEST(the_body_hash_is_over_values_so_that_another_spelling_is_a_duplicate_and_another_value_a_conflict)
{
    static const char base[] = "{\"event_id\":\"e1\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-07-15T10:"
                               "00:00Z\",\"quantity\":\"61\","
                               "\"properties\":{\"a\":1,\"b\":2}}";
    static const struct {
        const char *body;
        bool same;
    } cases[] = {
        {"{\"properties\":{\"b\":2,\"a\":1},\"quantity\":61.,\"event_id\":\"e1\"}", false},
        {"{\"properties\":{\"b\":2,\"a\":1},\"quantity\":61,\"event_id\":\"e1\",\"source\":\"s\",\"meter\":\"m\","
         "\"event_time\":\"2026-07-15T12:00:00.000+02:00\"}",
         true},
        {"{\"properties\":{\"b\":2,\"a\":1},\"quantity\":\"61.000\",\"event_id\":\"e1\",\"source\":\"s\",\"meter\":"
         "\"m\","
         "\"event_time\":\"2026-07-15T10:00:00Z\"}",
         true},
        {"{\"properties\":{\"b\":2,\"a\":2},\"quantity\":\"61\",\"event_id\":\"e1\",\"source\":\"s\",\"meter\":\"m\","
         "\"event_time\":\"2026-07-15T10:00:00Z\"}",
         false},
        {"{\"properties\":{\"b\":2,\"a\":1},\"quantity\":\"61.001\",\"event_id\":\"e1\",\"source\":\"s\",\"meter\":"
         "\"m\","
         "\"event_time\":\"2026-07-15T10:00:00Z\"}",
         false},
        {"{\"properties\":{\"b\":2,\"a\":1},\"quantity\":\"61\",\"event_id\":\"e1\",\"source\":\"s\",\"meter\":\"m\","
         "\"event_time\":\"2026-07-15T10:00:00.001Z\"}",
         false},
    };
    struct tg_usage_batch *first = parsed(base);
    for (size_t i = 1; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_usage_batch *other = parsed(cases[i].body);
        const struct tg_usage_event *a = tg_usage_batch_event(first, 0), *b = tg_usage_batch_event(other, 0);
        is_str(b->detail, NULL);
        ok(memcmp(a->dedupe, b->dedupe, 16) == 0, "case %zu: one identity", i);
        ok((memcmp(a->body_hash, b->body_hash, 16) == 0) == cases[i].same, "case %zu: body", i);
        tg_usage_batch_free(&other);
    }
    tg_usage_batch_free(&first);
}

TEST(a_wrong_field_rejects_its_event_and_says_where)
{
    static const struct {
        const char *body, *pointer, *detail;
    } cases[] = {
        {"1", "", "must be an object"},
        {"{}", "/event_id", "is missing"},
        {EVENT("e1", ",\"colour\":1"), "/colour", "is not a field"},
        {EVENT("e1", ",\"a/b~\":1"), "/a~1b~0", "is not a field"},
        {EVENT("", ""), "/event_id", "must not be empty"},
        {EVENT("e\\n1", ""), "/event_id", "control character"},
        {EVENT("e1", ",\"event_id\":\"e2\""), "", "stands twice"},
        {EVENT("e\\u0000", ""), "", "U+0000"},
        {EVENT("e\xff", ""), "", "UTF-8"},
        {EVENT("e1", ",\"company\":\"co_x\""), "/company", "not a company's id"},
        {"{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"s\",\"type\":\"m\",\"time\":\"2026-07-15T10:00:00Z\","
         "\"data\":{\"quantity\":1,\"event_id\":\"e2\"}}",
         "/data/event_id", "an attribute of the CloudEvent"},
        {EVENT("e1", ",\"company\":7"), "/company", "not a number"},
        {EVENT("e1", ",\"properties\":[]"), "/properties", "not an array"},
        {EVENT("e1", ",\"properties\":{\"duration_ms\":-1}"), "/properties/duration_ms", "negative"},
        {EVENT("e1", ",\"properties\":{\"duration_ms\":1.5}"), "/properties/duration_ms", "fraction"},
        {EVENT("e1", ",\"properties\":{\"duration_ms\":9007199254740993}"), "/properties/duration_ms", "2^53"},
        {EVENT("e1", ",\"properties\":{\"duration_ms\":\"31622400001\"}"), "/properties/duration_ms", "366 days"},
        {EVENT("e1", ",\"properties\":{\"answered_at\":\"soon\"}"), "/properties/answered_at", "not a time"},
        {EVENT("e1", ",\"properties\":{\"to\":5}"), "/properties/to", "expected a string"},
        {EVENT("e1", ",\"properties\":{\"n\":123456789012345678901234567890}"), "", "too large"},
        {EVENT("e1", ",\"provider_cost\":{\"amount\":\"1\"}"), "/provider_cost", "amount and currency"},
        {EVENT("e1", ",\"provider_cost\":{\"amount\":0.1,\"currency\":\"USD\"}"), "/provider_cost/amount", "string"},
        {EVENT("e1", ",\"provider_cost\":{\"amount\":\"1\",\"currency\":\"XXX\"}"), "/provider_cost/currency",
         "ISO 4217"},
        {"{\"event_id\":\"e\",\"source\":\"tollgate\"}", "/source", "usage of settled calls"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"Call Seconds\"}", "/meter", "a meter is written"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-02-30T00:00:00Z\"}", "/event_time",
         "not a time"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":1784109600}", "/event_time",
         "not a number"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"1969-12-31T23:59:59Z\"}", "/event_time",
         "year"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":\"-"
         "1\"}",
         "/quantity", "negative"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":0."
         "5}",
         "/quantity", "written as a string"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":"
         "9007199254740993}",
         "/quantity", "2^53"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"m\",\"event_time\":\"2026-07-15T10:00:00Z\",\"quantity\":"
         "\"NaN\"}",
         "/quantity", "not a decimal"},
        {"{\"event_id\":\"e\",\"source\":\"s\",\"meter\":\"call.seconds\",\"event_time\":\"2026-07-15T10:00:00Z\","
         "\"quantity\":\"1.0005\"}",
         "/quantity", "whole milliseconds"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[1024];
        snprintf(body, sizeof(body), "[%s,\n" EVENT("good", "") "]", cases[i].body);
        struct tg_usage_batch *batch = parsed(body);
        if (!ok(batch != NULL && tg_usage_batch_n(batch) == 2, "case %zu: %s", i, cases[i].body))
            continue;
        const struct tg_usage_event *bad = tg_usage_batch_event(batch, 0), *good = tg_usage_batch_event(batch, 1);
        is_int(bad->outcome, TG_USAGE_REJECTED);
        is_str(bad->pointer, cases[i].pointer);
        contains(bad->detail, cases[i].detail);
        is_int(good->outcome, TG_USAGE_PENDING);
        is_int(good->index, 1);
        tg_usage_batch_free(&batch);
    }
}

TEST(a_body_that_is_no_json_is_refused_whole_with_line_and_column)
{
    static const struct {
        const char *body, *text;
    } cases[] = {
        {"", "empty"},
        {"  \n", "empty"},
        {"null", "line 1, column 1"},
        {"[", "line 1, column"},
        {"[1", "array"},
        {"[1,]", "expected an event at line 1, column 4"},
        {"[1 2]", "expected ',' or ']' at line 1, column 4"},
        {"[1]x", "something follows the array at line 1, column 4"},
        {"[{\"a\":1},\n {\"b\":}]", "event 1, line 2"},
        {"[NaN]", "event 0"},
        {"{\"a\":\"", "a string does not end"},
        {"{} {}", "expected the end of the line at line 1, column 4"},
        {"{}\n[]", "expected an object on each line at line 2, column 1"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested deeper"},
        {"{\"a\":[}]}", "event 0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_usage_batch *batch = NULL;
        struct tg_err err = {0};
        is_int(tg_usage_parse(cases[i].body, strlen(cases[i].body), &batch, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        contains(err.text, cases[i].text);
    }
}

TEST(ten_thousand_events_are_taken_and_one_more_is_not)
{
    struct tg_strbuf body;
    tg_strbuf_init(&body, TG_USAGE_BODY_MAX + 100);
    for (int i = 0; i < TG_USAGE_EVENTS_MAX; i++)
        tg_strbuf_printf(&body, EVENT("e%d", ",\"properties\":{\"to\":\"+12125550100\",\"status\":\"answered\"}") "\n",
                         i);
    struct tg_usage_batch *batch = NULL;
    struct tg_err err = {0};
    is_int(tg_usage_parse(body.bytes, body.len, &batch, &err), 0);
    is_int(tg_usage_batch_n(batch), TG_USAGE_EVENTS_MAX);
    is_str(tg_usage_batch_event(batch, 9999)->event_id, "e9999");
    tg_usage_batch_free(&batch);
    tg_strbuf_append_str(&body, EVENT("one", ""));
    is_int(tg_usage_parse(body.bytes, body.len, &batch, &err), -1);
    contains(err.text, "more than 10000 events");
    is_int(tg_usage_parse(body.bytes, TG_USAGE_BODY_MAX + 1, &batch, &err), -1);
    contains(err.text, "8388609 bytes");
    tg_strbuf_deinit(&body);
}

TEST(the_answer_lists_what_was_rejected_and_counts_the_rest)
{
    struct tg_usage_batch *batch = parsed("[" EVENT("e1", "") "," EVENT("e2", "") "," EVENT("e3", ",\"x\":1") ",7]");
    batch->events[0].outcome = TG_USAGE_ACCEPTED;
    batch->events[0].status = TG_USAGE_NO_RATE;
    batch->events[1].outcome = TG_USAGE_DUPLICATE;
    struct tg_strbuf out;
    tg_strbuf_init(&out, 1000);
    tg_usage_answer_write(batch, &out);
    is_str(
        out.bytes,
        "{\"accepted\":1,\"duplicates\":1,\"rejected\":[{\"index\":2,\"event_id\":\"e3\",\"reason\":\"invalid\","
        "\"pointer\":"
        "\"/x\",\"detail\":\"is not a field of a usage event\"},{\"index\":3,\"reason\":\"invalid\",\"detail\":\"an "
        "event "
        "must be an object\"}],\"outcomes\":{\"rated\":0,\"not_billable\":0,\"no_rate\":1,\"blocked\":0,\"unrated\":0,"
        "\"failed\":0}}");
    tg_strbuf_deinit(&out);
    tg_usage_batch_free(&batch);
}

TAP_MAIN()

/* callanswer_test - lines of a rating as text in an answer, whatever rules have written into them. */
#include "../../../src/charge/callanswer.c"

#include "tap.h"

static struct tg_strbuf out;

/* The answer to a settle whose only meter was rated like this. */
static json_t *settled(const char *rating)
{
    struct tg_call_step step;
    const struct tg_call call = {.call_id = "c-1", .currency = "USD"};
    const struct tg_purse purse = {.open_calls = 0};
    struct tg_call_row row = {.event = {.meter = "m.1"}, .rating_len = strlen(rating)};
    const struct tg_call_bill bill = {.rows = &row, .n = 1, .is_complete = true};
    tg_strbuf_init(&out, 1u << 20);
    const struct tg_call_context ctx = {.out = &out};
    tg_strbuf_append_str(&out, rating);
    tg_callanswer_settled(&ctx, &call, &purse, &bill, &step);
    return json_loadb(out.bytes + step.answer_at, step.answer_len, 0, NULL);
}

TEST(a_note_with_quotes_and_braces_stays_a_note)
{
    static const char *const notes[] = {"a \\\"b", "\\\"}", "{", "\\\\", "\\\\\\\"{", "\\u0022}"};
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
        char rating[200];
        snprintf(rating, sizeof(rating),
                 "{\"lines\":[{\"kind\":\"unit\",\"amount\":\"1\",\"note\":\"%s\"},{\"kind\":\"fee\",\"row\":0,"
                 "\"amount\":\"2\"}]}",
                 notes[i]);
        json_t *answer = settled(rating), *expected = json_loads(rating, 0, NULL);
        const json_t *lines = json_object_get(answer, "lines");
        is_int((int64_t)json_array_size(lines), 2);
        is_str(json_string_value(json_object_get(json_array_get(lines, 0), "note")),
               json_string_value(json_object_get(json_array_get(json_object_get(expected, "lines"), 0), "note")));
        is_int(json_integer_value(json_object_get(json_array_get(lines, 1), "row")), 1);
        is_str(json_string_value(json_object_get(json_array_get(lines, 1), "meter")), "m.1");
        json_decref(answer);
        json_decref(expected);
        tg_strbuf_deinit(&out);
    }
}

TAP_MAIN()

/* jsonw_test - JSON out: golden texts, what must never be written, and a second opinion by jansson. */
#include "../../../src/base/jsonw.c"
#include "tap.h"

#include <jansson.h>

static struct tg_strbuf buf;
static struct tg_jsonw w;

static void start_text(void)
{
    tg_strbuf_deinit(&buf);
    tg_strbuf_init(&buf, 1 << 20);
    tg_jsonw_init(&w, &buf);
}

static struct tg_decimal num(const char *text)
{
    struct tg_decimal d = {0};
    ok(tg_decimal_parse(text, strlen(text), &d, NULL) == 0, "'%s' is a number", text);
    return d;
}

TEST(writes_every_kind_of_value_with_the_commas_right)
{
    start_text();
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "empty");
    tg_jsonw_array(&w);
    tg_jsonw_array_end(&w);
    tg_jsonw_key(&w, "list");
    tg_jsonw_array(&w);
    tg_jsonw_int(&w, INT64_MIN);
    tg_jsonw_int(&w, 9007199254740993); /* 2^53 + 1 */
    tg_jsonw_int(&w, 0);
    tg_jsonw_int(&w, INT64_MAX);
    tg_jsonw_bool(&w, true);
    tg_jsonw_bool(&w, false);
    tg_jsonw_null(&w);
    tg_jsonw_object(&w);
    tg_jsonw_object_end(&w);
    tg_jsonw_array_end(&w);
    tg_jsonw_key_n(&w, "rate and more", 4);
    tg_jsonw_decimal(&w, num("-0.024"));
    tg_jsonw_key(&w, "at");
    tg_jsonw_time(&w, 1784109600000000);
    tg_jsonw_key(&w, "name");
    tg_jsonw_str_n(&w, "Jos\303\251 and more", 5);
    tg_jsonw_object_end(&w);
    is_str(buf.bytes,
           "{\"empty\":[],\"list\":[-9223372036854775808,9007199254740993,0,9223372036854775807,true,false,null,{}],"
           "\"rate\":\"-0.024\",\"at\":\"2026-07-15T10:00:00Z\",\"name\":\"Jos\303\251\"}");
}

TEST(escapes_what_rfc_8259_wants_escaped)
{
    start_text();
    tg_jsonw_str_n(&w, "\"\\/\b\f\n\r\t\x01\x1f\x7f\0z", 13);
    is_str(buf.bytes, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
    start_text();
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "a\"\n");
    tg_jsonw_str(&w, "");
    tg_jsonw_object_end(&w);
    is_str(buf.bytes, "{\"a\\\"\\n\":\"\"}");
}

TEST(bytes_that_are_not_utf_8_become_replacement_characters)
{
    start_text();
    tg_jsonw_array(&w);
    tg_jsonw_str(&w, "a\xff"
                     "b");
    tg_jsonw_str(&w, "\xc3");
    tg_jsonw_str(&w, "\xed\xa0\x80");
    tg_jsonw_str(&w, "\xff\"\n");
    tg_jsonw_array_end(&w);
#define BAD "\xef\xbf\xbd"
    is_str(buf.bytes, "[\"a" BAD "b\",\"" BAD "\",\"" BAD BAD BAD "\",\"" BAD "\\\"\\n\"]");
}

TEST(nesting_that_is_wrong_is_a_bug)
{
    start_text();
    tg_jsonw_int(&w, 1);
    dies(tg_jsonw_int(&w, 2)); /* a second value at the top */
    start_text();
    dies(tg_jsonw_object_end(&w));
    dies(tg_jsonw_key(&w, "k")); /* outside an object */
    tg_jsonw_object(&w);
    dies(tg_jsonw_int(&w, 1)); /* a value without its key */
    dies(tg_jsonw_array_end(&w));
    tg_jsonw_key(&w, "k");
    dies(tg_jsonw_key(&w, "k")); /* a key without its value */
    dies(tg_jsonw_object_end(&w));
    tg_jsonw_array(&w);
    dies(tg_jsonw_key(&w, "k"));
    dies(tg_jsonw_object_end(&w));
}

TEST(sixty_four_levels_and_no_more)
{
    start_text();
    for (int i = 0; i < DEPTH_MAX; i++) {
        if (i % 2 == 1) {
            tg_jsonw_object(&w);
            tg_jsonw_key(&w, "k");
        } else {
            tg_jsonw_array(&w);
        }
    }
    dies(tg_jsonw_array(&w));
    tg_jsonw_int(&w, 1);
    for (int i = DEPTH_MAX - 1; i >= 0; i--)
        i % 2 == 1 ? tg_jsonw_object_end(&w) : tg_jsonw_array_end(&w);
    json_t *root = json_loads(buf.bytes, 0, NULL);
    ok(root != NULL, "jansson reads it");
    json_decref(root);
}

TEST(any_bytes_at_all_make_valid_json)
{
    uint32_t random = 12345;
    for (int i = 0; i < 3000 && tap.checks_failed < 5; i++) {
        char bytes[40];
        size_t len = 0;
        for (; len < (size_t)(i % 40); len++) {
            random = random * 1664525 + 1013904223;
            bytes[len] = (char)(random >> 24);
        }
        start_text();
        tg_jsonw_array(&w);
        tg_jsonw_str_n(&w, bytes, len);
        tg_jsonw_array_end(&w);
        json_error_t error;
        json_t *root = json_loadb(buf.bytes, buf.len, JSON_ALLOW_NUL, &error);
        ok(root != NULL, "case %d: %s", i, error.text);
        if (root != NULL && tg_utf8_valid_len(bytes, len) == len) {
            json_t *str = json_array_get(root, 0);
            is_mem(json_string_value(str), json_string_length(str), bytes, len);
        }
        json_decref(root);
    }
}

TEST(an_overflow_is_left_to_the_buffer)
{
    struct tg_strbuf small;
    tg_strbuf_init(&small, 8);
    tg_jsonw_init(&w, &small);
    tg_jsonw_array(&w);
    tg_jsonw_str(&w, "much too long");
    tg_jsonw_array_end(&w);
    is_true(tg_strbuf_overflowed(&small));
    tg_strbuf_deinit(&small);
    tg_strbuf_deinit(&buf);
}

TAP_MAIN()

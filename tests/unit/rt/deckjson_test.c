/* deckjson_test - rows of JSON as they stand in golden cases, and what is wrong with them by place. */
#include "../../../src/rt/deckjson.c"

#include <stdlib.h>

#include "tap.h"

static struct tg_deck *deck_of(const char *text, struct tg_err *err_r)
{
    struct tg_deck *deck = NULL;
    json_t *json = json_loads(text, 0, NULL);
    if (!ok(json != NULL, "%s", text))
        return NULL;
    if (tg_deck_from_json(json, &deck, err_r) != 0)
        deck = NULL;
    json_decref(json);
    return deck;
}

TEST(a_row_has_all_its_fields)
{
    struct tg_err err;
    int64_t until_us;
    char text[TG_DECIMAL_TEXT_SIZE];
    struct tg_deck *deck =
        deck_of("[{\"prefix\":\"44\",\"per_minute\":\"0.06\",\"connect_fee\":\"0.01\",\"initial_s\":60,"
                "\"increment_s\":6,\"min_s\":30,\"from\":\"1970-01-01T00:00:01Z\",\"to\":2000000,"
                "\"steps\":[{\"after_s\":60,\"per_minute\":\"0.03\"}]},{\"prefix\":\"449\","
                "\"blocked\":true,\"from\":null}]",
                &err);
    if (!ok(deck != NULL, "built"))
        return;
    is_uint(tg_deck_n_rows(deck), 2);
    is_null(tg_deck_find(deck, "4411", 4, 999999, NULL, NULL, &until_us));
    is_null(tg_deck_find(deck, "4411", 4, 2000000, NULL, NULL, &until_us));
    const struct tg_deck_row *row = tg_deck_find(deck, "4411", 4, 1000000, NULL, NULL, &until_us);
    if (ok(row != NULL, "found")) {
        is_int(row->initial_s, 60);
        is_int(row->increment_s, 6);
        is_int(row->min_s, 30);
        is_int(row->n_steps, 1);
        is_int(row->steps[0].after_s, 60);
        (void)tg_decimal_format(row->connect_fee, text);
        is_str(text, "0.01");
    }
    row = tg_deck_find(deck, "449", 3, 0, NULL, NULL, &until_us);
    ok(row != NULL && row->blocked, "blocked");
    tg_deck_unref(&deck);
}

TEST(nothing_is_a_deck_without_rows)
{
    static const char *const texts[] = {"[]", "{}"};
    for (size_t i = 0; i < 2; i++) {
        struct tg_err err;
        struct tg_deck *deck = deck_of(texts[i], &err);
        ok(deck != NULL && tg_deck_n_rows(deck) == 0, "%s", texts[i]);
        tg_deck_unref(&deck);
    }
}

TEST(what_is_wrong_is_told_by_place)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"prefix\":\"1\"}", "deck: a list of at most 10000 rows expected"},
        {"[{\"prefix\":\"1\"},7]", "deck[2].prefix: a row like"},
        {"[{\"prefix\":1}]", "deck[1].prefix: a text of at most 15"},
        {"[{\"prefix\":\"1234567890123456\"}]", "deck[1].prefix: a text of at most 15"},
        {"[{\"prefix\":\"1\",\"per_minute\":1.5}]", "deck[1].per_minute: an amount as a text expected"},
        {"[{\"prefix\":\"1\",\"connect_fee\":\"x\"}]", "deck[1].connect_fee: an amount"},
        {"[{\"prefix\":\"1\",\"initial_s\":\"60\"}]", "deck[1].initial_s: whole seconds"},
        {"[{\"prefix\":\"1\",\"min_s\":-1}]", "deck[1].min_s: whole seconds"},
        {"[{\"prefix\":\"1\",\"from\":\"today\"}]", "deck[1].from: a time like"},
        {"[{\"prefix\":\"1\",\"steps\":7}]", "deck[1].steps: a list"},
        {"[{\"prefix\":\"a\"}]", "deck[1]."},
        {"[{\"prefix\":\"1\"},{\"prefix\":\"1\"}]", "1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {.code = TG_ERR_NONE};
        tap_case("%s", cases[i].text);
        is_null(deck_of(cases[i].text, &err));
        is_int(err.code, TG_ERR_INPUT);
        contains(err.text, cases[i].why);
    }
}

TAP_MAIN()

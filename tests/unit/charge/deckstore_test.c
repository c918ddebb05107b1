/* deckstore_test - decks come from the database once, whole or not at all. */
#include "../../../src/charge/deckstore.c"

#include "fixture.h"

TEST(a_version_is_loaded_once_and_then_found_in_memory)
{
    world_begin();
    struct tg_deckstore *store = tg_deckstore_new();
    struct tg_deck *deck, *again;
    struct tg_err err = {0};
    ok(tg_deckstore_get(store, world.deck, 1) == NULL, "not there yet");
    ok(tg_deckstore_load(store, world.conn, world.deck, 1, &deck, &err) == 0, "%s", err.text);
    is_int(tg_deck_n_rows(deck), 3);
    again = tg_deckstore_get(store, world.deck, 1);
    ok(again == deck, "the same trie");
    tg_deckstore_free(&store);
    is_int(tg_deck_n_rows(deck), 3); /* ours outlives the store */
    tg_deck_unref(&again);
    tg_deck_unref(&deck);
}

TEST(a_version_that_is_not_ready_or_not_there_is_not_found)
{
    world_begin();
    struct tg_deckstore *store = tg_deckstore_new();
    struct tg_deck *deck = NULL;
    struct tg_err err = {0};
    is_int(tg_deckstore_load(store, world.conn, world.deck, 2, &deck, &err), -1);
    is_int(err.code, TG_ERR_NOT_FOUND);
    DB_INT("UPDATE rate_deck_versions SET state = 'loading'");
    is_int(tg_deckstore_load(store, world.conn, world.deck, 1, &deck, &err), -1);
    is_int(err.code, TG_ERR_NOT_FOUND);
    DB_INT("UPDATE rate_deck_versions SET state = 'ready'");
    ok(deck == NULL, "untouched");
    tg_deckstore_free(&store);
}

TEST(every_column_of_a_row_is_read)
{
    world_begin();
    struct tg_deckstore *store = tg_deckstore_new();
    struct tg_deck *deck;
    struct tg_err err = {0};
    const struct tg_dbval id = TG_DBVAL_ID(world.deck);
    db_int("INSERT INTO rate_deck_versions SELECT deck_id, 9, 'ready', source_hash, 1, '{}', created_at FROM "
           "rate_deck_versions"
           " WHERE deck_id = ?",
           &id, 1);
    db_int("INSERT INTO rate_deck_rows VALUES (?, 9, 1, '7', 'x', 0.5, 0.25, 30, 6, 12, '2026-01-01', '2027-01-01 "
           "00:00:00.5', 0, '',"
           " '[{\"after_s\":60,\"per_minute\":\"0.04\"},{\"after_s\":120,\"per_minute\":\"0.03\"}]')",
           &id, 1);
    ok(tg_deckstore_load(store, world.conn, world.deck, 9, &deck, &err) == 0, "%s", err.text);
    int64_t until_us;
    const int64_t from_us = INT64_C(1767225600000000);
    ok(tg_deck_find(deck, "71", 2, from_us - 1, NULL, NULL, &until_us) == NULL, "not before");
    const struct tg_deck_row *row = tg_deck_find(deck, "71", 2, from_us, NULL, NULL, &until_us);
    ok(row != NULL, "found");
    is_int(row->initial_s, 30);
    is_int(row->increment_s, 6);
    is_int(row->min_s, 12);
    is_int(row->to_us, INT64_C(1798761600500000));
    is_int(row->n_steps, 2);
    is_int(row->steps[1].after_s, 120);
    char text[TG_DECIMAL_TEXT_SIZE];
    tg_decimal_format(row->steps[1].per_minute, text);
    is_str(text, "0.03");
    tg_decimal_format(row->connect_fee, text);
    is_str(text, "0.25");
    tg_deck_unref(&deck);
    db_int("UPDATE rate_deck_rows SET steps = '[{\"after_s\":-1}]' WHERE deck_id = ? AND version = 9", &id, 1);
    tg_deckstore_free(&store);
    store = tg_deckstore_new();
    is_int(tg_deckstore_load(store, world.conn, world.deck, 9, &deck, &err), -1);
    contains(err.text, "steps that cannot be read");
    tg_deckstore_free(&store);
}

TEST(the_least_recently_used_go_when_there_are_too_many_rows)
{
    struct tg_deckstore *store = tg_deckstore_new();
    const struct tg_id id = tg_id_new();
    struct tg_err err = {0};
    for (uint32_t version = 1; version <= 3; version++) {
        struct tg_deck_builder *builder = tg_deck_builder_new();
        struct tg_deck *deck;
        for (unsigned i = 0; i < 900000; i++) {
            struct tg_deck_row row = {.initial_s = 1, .increment_s = 1, .from_us = INT64_MIN, .to_us = INT64_MAX};
            snprintf(row.prefix, sizeof(row.prefix), "%u", 1000000 + i);
            if (tg_deck_builder_add(builder, &row, &err) != 0)
                ok(false, "%s", err.text);
        }
        ok(tg_deck_build(&builder, &deck, &err) == 0, "%s", err.text);
        struct tg_deck *kept_deck = keep(store, id, version, deck);
        tg_deck_unref(&kept_deck);
        kept_deck = tg_deckstore_get(store, id, 1); /* version 1 stays in use */
        ok(kept_deck != NULL, "version 1 is kept");
        tg_deck_unref(&kept_deck);
    }
    struct tg_deck *gone = tg_deckstore_get(store, id, 2), *last = tg_deckstore_get(store, id, 3);
    ok(gone == NULL && last != NULL, "version 2 went");
    tg_deck_unref(&last);
    tg_deckstore_free(&store);
}

TAP_MAIN()

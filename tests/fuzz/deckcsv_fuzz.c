/* deckcsv_fuzz - a rate deck in CSV: every row is counted once, and what was taken makes a deck. */
#include "fuzz.h"
#include "rt/deckcsv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_deckcsv *csv = NULL;
    struct tg_err err = {0};
    if (tg_deckcsv_parse((const char *)bytes, len, &csv, &err) != 0) {
        assert(csv == NULL && err.code == TG_ERR_INPUT && err.text[0] != '\0');
        return 0;
    }
    assert(csv->n_rows == csv->n_priced + csv->n_blocked + csv->n_rejected);
    assert(csv->n_list == csv->n_priced + csv->n_blocked);
    assert(csv->n_rejects <= csv->n_rejected && csv->n_rejects <= TG_DECKCSV_REJECTS_MAX);
    if (csv->n_list != 0) {
        struct tg_deck *deck = NULL;
        int64_t until_us;
        assert(tg_deckcsv_build(csv, &deck, &err) == 0);
        assert(tg_deck_n_rows(deck) == csv->n_list);
        const struct tg_deck_row *row = &csv->list[0].row, *found;
        found = tg_deck_find(deck, row->prefix, strlen(row->prefix), row->from_us, NULL, NULL, &until_us);
        assert(found != NULL || row->when[0] != '\0');
        tg_deck_unref(&deck);
    }
    tg_deckcsv_free(&csv);
    return 0;
}

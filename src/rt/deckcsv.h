/* deckcsv - reads the CSV file of a rate deck and says what is wrong with it, row by row.
 *
 * Two forms, told apart by the header line (columns in any order):
 *  - ours: prefix, per_minute, initial_s, increment_s and, when wanted, name, connect_fee, effective_from,
 *    effective_to (RFC 3339, empty: unbounded), min_s, blocked (0, 1, true, false), when (a window of the plan);
 *  - a carrier's A-Z list: country, code, initial_rate_per_minute, increment_rate_per_minute, time_of_day. Such a
 *    list names no increments: it is read as 60/60, the second price from the second minute on. `Blocked` in both
 *    price columns blocks; in one only, the row is damaged. Its one time_of_day, "peak", means always.
 *
 * A damaged row costs no other: it is left out and reported. Nothing here decides whether a deck with damaged rows is
 * loaded; the operator does. What is in `list` is what tg_deck_build() takes. Any thread; 30,000 rows take 15 ms.
 */
#ifndef TG_RT_DECKCSV_H
#define TG_RT_DECKCSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "rt/deck.h"

#define TG_DECKCSV_REJECTS_MAX 100
#define TG_DECKCSV_NAME_MAX 120 /* characters; what is behind is cut */

struct tg_deckcsv_row {
    struct tg_deck_row row;
    struct tg_deck_step step; /* what row.steps points to, when there is one */
    const char *name; /* UTF-8, "" none; of the deckcsv */
    uint32_t line; /* of the file, the header is line 1 */
};
struct tg_deckcsv_reject {
    uint32_t line;
    char prefix_text[32]; /* as it stands in the file, cut */
    const char *reason; /* literal: bad_row bad_prefix bad_price bad_seconds bad_time bad_window bad_name overlap */
    char detail[112]; /* a sentence: which field, what is expected */
};
struct tg_deckcsv {
    size_t n_rows, n_priced, n_blocked, n_rejected; /* rows = priced + blocked + rejected */
    struct tg_deckcsv_row *list; /* the priced and the blocked, in the order of the file */
    size_t n_list;
    struct tg_deckcsv_reject rejects[TG_DECKCSV_REJECTS_MAX]; /* the first of them, by line */
    size_t n_rejects;
    char *names; /* inside: what the names point into */
};

/* Fails as a whole (INPUT) only when there is no header of either form, no row, or more than TG_DECK_ROWS_MAX. */
int tg_deckcsv_parse(const char *text, size_t len, struct tg_deckcsv **csv_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_deckcsv_free(struct tg_deckcsv **csv);
/* A deck of the rows of the list. */
int tg_deckcsv_build(const struct tg_deckcsv *csv, struct tg_deck **deck_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

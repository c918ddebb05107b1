/* deck - a rate deck as an immutable prefix trie, shared by threads.
 *
 * Built once from rows, then read by any thread; owners hold references, a new version is another deck swapped in
 * by pointer (rt/decks registry in charge). Lookup cost is the length of the number.
 *
 * Selection follows rating.md R5: at an instant the longest prefix that has a valid row wins (valid: from <= at < to
 * and its window open); among the rows of that prefix the window with the highest priority, then the latest `from`.
 */
#ifndef TG_RT_DECK_H
#define TG_RT_DECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/err.h"

#define TG_DECK_PREFIX_MAX 15
#define TG_DECK_ROWS_MAX 1000000
#define TG_DECK_STEPS_MAX 8
#define TG_DECK_SECONDS_MAX 86400 /* of an increment or a minimum */

struct tg_deck_step { /* from after_s of the call's offset on, this price */
    uint32_t after_s;
    struct tg_decimal per_minute;
};
struct tg_deck_row {
    char prefix[TG_DECK_PREFIX_MAX + 1]; /* digits */
    struct tg_decimal per_minute, connect_fee;
    uint32_t initial_s, increment_s, min_s; /* initial and increment >= 1 */
    int64_t from_us, to_us; /* half open; INT64_MIN / INT64_MAX: unbounded */
    bool blocked;
    char when[32]; /* name of a window of the plan; "" always */
    uint8_t n_steps;
    const struct tg_deck_step *steps; /* ascending; copied by tg_deck_builder_add, then of the deck; NULL when none */
};

struct tg_deck;
struct tg_deck_builder;
struct tg_deck_builder *tg_deck_builder_new(void);
/* The row is copied. INPUT names the field that is wrong. */
int tg_deck_builder_add(struct tg_deck_builder *b, const struct tg_deck_row *row, struct tg_err *err_r) TG_MUST_CHECK;
/* Two rows of one prefix and window with the same `from` are refused (INPUT names them). Takes b, also on failure. */
int tg_deck_build(struct tg_deck_builder **b, struct tg_deck **deck_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_deck_builder_free(struct tg_deck_builder **b);

struct tg_deck *tg_deck_ref(struct tg_deck *deck); /* any thread */
void tg_deck_unref(struct tg_deck **deck);
size_t tg_deck_n_rows(const struct tg_deck *deck);
/* Where the row stands among those added, from 0: tells rows of one deck apart. */
size_t tg_deck_row_number(const struct tg_deck *deck, const struct tg_deck_row *row);

/* Which windows are open now: called for each distinct `when` met. priority_r orders; *until_us_r is lowered to the
 * instant at which the answer may change. */
typedef bool tg_deck_window_fn(const char *when, int64_t at_us, int *priority_r, int64_t *until_us_r, void *arg);
/* The winning row (borrowed, of the deck) or NULL. *until_us_r: the choice is the same for every instant before it
 * (INT64_MAX: for ever). window NULL: rows with a window are never open. window may leave by longjmp. */
const struct tg_deck_row *tg_deck_find(const struct tg_deck *deck, const char *digits, size_t len, int64_t at_us,
                                       tg_deck_window_fn *window, void *arg, int64_t *until_us_r);

#endif

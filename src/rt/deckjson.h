/* deckjson - a rate deck from JSON: what golden cases, dry runs and rating cases give in place of an imported one.
 *
 * A list of rows {prefix, per_minute, connect_fee?, initial_s?, increment_s?, min_s?, from?, to?, when?, blocked?,
 * steps?: [{after_s, per_minute}]}. Amounts are texts; times RFC 3339 or µs; seconds that are absent are 1, 1 and 0.
 */
#ifndef TG_RT_DECKJSON_H
#define TG_RT_DECKJSON_H

#include <jansson.h>

#include "base/err.h"
#include "rt/deck.h"

#define TG_DECKJSON_ROWS_MAX 10000

/* INPUT: "deck[3].initial_s: whole seconds expected". An empty list or object is a deck without rows. */
int tg_deck_from_json(const json_t *rows, struct tg_deck **deck_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* deckstore - the rate decks of this process: (deck, version) → an immutable trie, loaded from the database once.
 *
 * A version never changes once it is ready, so what is loaded stays right for ever; the least recently used go when
 * there are too many rows. The engine and lookups load on their own threads, with a blocking connection; two that
 * want the same version at once may both load it, and one of the two tries is kept.
 */
#ifndef TG_CHARGE_DECKSTORE_H
#define TG_CHARGE_DECKSTORE_H

#include <stdint.h>

#include "base/id.h"
#include "io/sqlconn.h"
#include "rt/deck.h"

#define TG_DECKSTORE_ROWS_MAX 2000000 /* of all decks kept; at least one is kept whatever its size */

struct tg_deckstore;
struct tg_deckstore *tg_deckstore_new(void);
void tg_deckstore_free(struct tg_deckstore **store);
/* Any thread. A reference for the caller, or NULL when it is not loaded. */
struct tg_deck *tg_deckstore_get(struct tg_deckstore *store, struct tg_id deck, uint32_t version);
/* A reference for the caller: found, or loaded through conn (outside or inside a transaction). NOT_FOUND: there is no
 * such version, or it is not ready. */
int tg_deckstore_load(struct tg_deckstore *store, struct tg_sqlconn *conn, struct tg_id deck, uint32_t version,
                      struct tg_deck **deck_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

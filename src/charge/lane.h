/* lane - a thread of the ledger engine: takes what is queued, runs it in transactions, answers.
 *
 * The fast lanes never wait for a wallet: what one finds locked it tries again for some milliseconds, then hands it to the
 * slow lane. That takes one company at a time and waits for its wallets, where the database lets those who wait go in
 * their order, so that neither another node nor a row of transactions on the same wallet can keep it out; and never long
 * for one, because others wait behind it. Between two such waits it tries all that it has. Uploads of much usage are its
 * business from the start: rating and writing them takes as long as hundreds of calls, and nobody listens to a phone ring
 * for them.
 */
#ifndef TG_CHARGE_LANE_H
#define TG_CHARGE_LANE_H

#include "charge/engine.h"
#include "charge/queue.h"

struct tg_lane;
struct tg_lane_settings { /* borrowed */
    const struct tg_dburl *url;
    struct tg_rulebook *book;
    struct tg_deckstore *decks;
    size_t batch_rows_max;
    struct tg_lane *slow; /* NULL: this is the slow one */
    const char *seat; /* of its rules */
};
struct tg_lane *tg_lane_new(const struct tg_lane_settings *set);
/* Answers what is queued, then joins. The slow one last. */
void tg_lane_free(struct tg_lane **lane);
/* Any thread. False: it ends. */
bool tg_lane_push(struct tg_lane *lane, struct tg_queued *q) TG_MUST_CHECK;
struct tg_engine_stats tg_lane_stats(struct tg_lane *lane);
size_t tg_lane_queued_rows(const struct tg_lane *lane);

#endif

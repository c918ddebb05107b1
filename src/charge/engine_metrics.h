/* engine_metrics - what the ledger engine does, for /metrics.
 *
 * The engine's own thread publishes, after each batch and before it waits.
 */
#ifndef TG_CHARGE_ENGINE_METRICS_H
#define TG_CHARGE_ENGINE_METRICS_H

#include <stdbool.h>

#include "charge/engine.h"

/* Any thread; again is harmless. */
void tg_engine_metrics_register(void);
/* Counts what came on since *published, which becomes `now`. is_away: the database did not answer last time. */
void tg_engine_metrics_publish(const struct tg_engine_stats *now, bool is_away, struct tg_engine_stats *published);
/* An operation was answered usecs after it was submitted. On the engine's thread. */
void tg_engine_metrics_answered(enum tg_opkind kind, uint64_t usecs);

#endif

/* metrics - the server's own numbers, beside what Lua and the log count (rt/metrics.h): /metrics shows both.
 *
 * Each thread counts for itself, without locked instructions; whoever asks adds them up.
 */
#ifndef TG_WEB_METRICS_H
#define TG_WEB_METRICS_H

#include <stdint.h>

#include "base/strbuf.h"

struct tg_shared;
struct tg_web_stats;

/* A request took so long. */
void tg_web_metrics_observe(struct tg_web_stats *stats, uint64_t usecs);
/* Appends all as OpenMetrics text. Any thread. */
void tg_web_metrics_write(const struct tg_shared *shared, struct tg_strbuf *out);

#endif

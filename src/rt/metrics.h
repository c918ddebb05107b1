/* metrics - counters, gauges and histograms, rendered as OpenMetrics 1.0 text.
 *
 * A metric is registered once by name; the same definition again gives the same metric (each generation and thread
 * registers its own). A *series* is a metric with label values, of one thread: only that thread writes it, so counting
 * takes no lock and no locked instruction. Rendering sums the threads' series; for a gauge too, so a gauge is either
 * per thread (connections) or set from one thread only. A series outlives its thread.
 *
 *     static struct tg_metric *requests;  // at start
 *     requests = tg_metric_register(TG_METRIC_COUNTER, "http_requests", "Requests answered.", (const char *[]){"status"}, 1, &err)
 *     tg_metric_add(requests, (const char *[]){"200"}, 1);
 *
 * Each metric has at most TG_METRIC_SERIES_MAX series a thread; what is beyond is counted with label values "overflow".
 */
#ifndef TG_RT_METRICS_H
#define TG_RT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"

#define TG_METRIC_LABELS_MAX 4
#define TG_METRIC_SERIES_MAX 500

enum tg_metrickind { TG_METRIC_COUNTER, TG_METRIC_GAUGE, TG_METRIC_HISTOGRAM };

struct tg_metric;
/* Any thread. name: [a-z_][a-z0-9_]*, for a counter without "_total" (it is cut off). INPUT: another definition has the name.
 * The texts are copied. A histogram is of seconds: its buckets go from 100 µs to 30 s. */
struct tg_metric *tg_metric_register(enum tg_metrickind kind, const char *name, const char *help,
                                     const char *const *labels, size_t n_labels, struct tg_err *err_r);
size_t tg_metric_n_labels(const struct tg_metric *metric);
enum tg_metrickind tg_metric_kind(const struct tg_metric *metric);

/* Of the calling thread. values: as many as the metric has labels (NULL when none). */
void tg_metric_add(struct tg_metric *metric, const char *const *values, double n); /* counter (n >= 0), gauge */
void tg_metric_set(struct tg_metric *metric, const char *const *values, double n); /* gauge */
void tg_metric_observe(struct tg_metric *metric, const char *const *values, double n); /* histogram */
void tg_metric_observe_us(struct tg_metric *metric, const char *const *values,
                          uint64_t usecs); /* the same, of a time */

/* Appends everything, "# EOF" at the end. Any thread. */
void tg_metrics_render(struct tg_strbuf *out);

/* A listener for base/log: counts tollgate_log_events{level,name}. */
void tg_metrics_on_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg);

#endif

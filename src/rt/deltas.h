/* deltas - how often each difference in money was seen: what shadow and backtest tell the median of.
 *
 * At most TG_DELTAS_EXACT_MAX different amounts are kept as they are; one that is new after that is cut to the two
 * digits that count, towards zero, so that the list stays bounded (90 numbers of two digits for each power of ten).
 * Nothing is no difference and is not kept.
 */
#ifndef TG_RT_DELTAS_H
#define TG_RT_DELTAS_H

#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/jsonw.h"

#define TG_DELTAS_EXACT_MAX 2000

struct tg_delta {
    struct tg_decimal amount;
    uint64_t n;
};
struct tg_deltas { /* zeroed: none */
    struct tg_delta *list; /* ascending */
    size_t n, capacity;
};

void tg_deltas_add(struct tg_deltas *deltas, struct tg_decimal amount);
/* {"-0.0012":3,"0.01":1} */
void tg_deltas_write(const struct tg_deltas *deltas, struct tg_jsonw *w);
void tg_deltas_deinit(struct tg_deltas *deltas);

#endif

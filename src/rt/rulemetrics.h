/* rulemetrics - what rules do, for /metrics.
 *
 * tollgate_rules_calls_total{hook,outcome}, tollgate_rules_call_seconds_total{hook}, tollgate_rules_revision,
 * tollgate_rules_revision_behind, tollgate_rules_nodes_behind; tollgate_rules_swap_seconds is the seats' own. The
 * threads only count (rt/ruleseat.h); one thread, the keeper's, brings what they have counted here.
 */
#ifndef TG_RT_RULEMETRICS_H
#define TG_RT_RULEMETRICS_H

#include "rt/ruleseat.h"

void tg_rulemetrics_register(void);
/* Adds what a hook's totals have grown by, and remembers them. */
void tg_rulemetrics_count(const struct tg_rulecount *now, struct tg_rulecount *published);
void tg_rulemetrics_set(uint64_t revision, uint64_t revisions_behind, uint64_t nodes_behind);

#endif

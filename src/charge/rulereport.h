/* rulereport - what this process says of its rules: its row among the nodes, its calls, the metrics.
 *
 * Used by the keeper's thread.
 */
#ifndef TG_CHARGE_RULEREPORT_H
#define TG_CHARGE_RULEREPORT_H

#include "charge/rulestore.h"
#include "rt/rulebook.h"

struct tg_rulereport;
struct tg_rulereport *tg_rulereport_new(struct tg_rulebook *book);
void tg_rulereport_free(struct tg_rulereport **report);
/* Writes the node's row, and the calls of the active revision where they have changed. error: why it stays behind, or
 * NULL. */
int tg_rulereport_beat(struct tg_rulereport *report, struct tg_sqlconn *conn, const char *error,
                       struct tg_err *err_r) TG_MUST_CHECK;
/* Writes what candidates would have answered; a beat does it, too. */
int tg_rulereport_shadow(struct tg_rulereport *report, struct tg_sqlconn *conn, struct tg_err *err_r) TG_MUST_CHECK;
/* Tells the log what the rules, of a bundle that was published with an older release, do not answer of what is asked. */
void tg_rulereport_unanswered(const struct tg_rules *rules);
/* Into the metrics. revision: of the active slot. */
void tg_rulereport_publish(struct tg_rulereport *report, uint64_t revision, size_t n_nodes_behind);

#endif

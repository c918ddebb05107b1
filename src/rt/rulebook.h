/* rulebook - which rules decide in this process, and giving them to every thread that asks.
 *
 * tg_rulebook_set() builds a set of rule VMs for each seat (rt/ruleseat.h), on a thread that may block and a few that
 * help it, and hands each over as soon as it is built; what fails is told and the old rules go on. Where the rules come
 * from, the database, the disk or the release, is the business of the keeper (charge/rulekeeper.h), which this layer
 * asks by callback.
 *
 * Every function on any thread.
 */
#ifndef TG_RT_RULEBOOK_H
#define TG_RT_RULEBOOK_H

#include "rt/ruleseat.h"
#include "rt/shadow.h"

struct tg_rulebook *tg_rulebook_new(void); /* one a process */
/* No seats are left. */
void tg_rulebook_free(struct tg_rulebook **book);

/* Blocks while it builds, one swap at a time. -1: no seat has got anything, unless the error came after the first. */
int tg_rulebook_set(struct tg_rulebook *book, const struct tg_rulestate *state, struct tg_err *err_r) TG_MUST_CHECK;
/* What was set last: a reference for the caller, NULL before. */
struct tg_rulestate *tg_rulebook_state(struct tg_rulebook *book);
/* Whether every seat has taken that; waits for it at most timeout_ms. */
bool tg_rulebook_is_applied(struct tg_rulebook *book, uint32_t timeout_ms);
typedef void tg_rulebook_view_fn(const struct tg_ruleseat_view *view, void *arg);
void tg_rulebook_each(struct tg_rulebook *book, tg_rulebook_view_fn *fn, void *arg);

struct tg_rulebook_keeper {
    void (*wake)(void *arg); /* look at once: something may have changed */
    /* The bundle of this id, from wherever it is kept; blocks. NOT_FOUND: nowhere. */
    int (*load)(const char *bundle_id, struct tg_bundle **bundle_r, void *arg, struct tg_err *err_r);
    void *arg;
};
/* Once, before any thread asks. */
void tg_rulebook_set_keeper(struct tg_rulebook *book, const struct tg_rulebook_keeper *keeper);
void tg_rulebook_wake(struct tg_rulebook *book); /* without a keeper: nothing */
/* What candidates would have answered; lives as long as the book. */
struct tg_shadow *tg_rulebook_shadow(struct tg_rulebook *book);
int tg_rulebook_load(struct tg_rulebook *book, const char *bundle_id, struct tg_bundle **bundle_r,
                     struct tg_err *err_r) TG_MUST_CHECK;

/* --- For seats ------------------------------------------------------------------------------------------------------- */

void tg_rulebook_join(struct tg_rulebook *book, struct tg_ruleseat *seat);
void tg_rulebook_leave(struct tg_rulebook *book, struct tg_ruleseat *seat);
void tg_rulebook_on_taken(struct tg_rulebook *book);

#endif

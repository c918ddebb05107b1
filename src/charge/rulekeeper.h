/* rulekeeper - keeps the rules of this process what the database says they are.
 *
 * A thread of its own reads the slots every 2 s, and at once when it is woken (a hint through Redis, a reconnect of
 * it, tg.rules.wake()); the revision is the truth, hints may be lost. A new revision: its bundle is loaded, its hash
 * and its golden cases are checked, every seat gets VMs of it (rt/rulebook.h). What cannot be built leaves the old
 * rules as they are; the row of this node says so, as it says what each thread has applied. A copy of what was applied
 * stays on the disk, for a start without database; then nothing is charged before the database has been asked
 * (charge/engine.h).
 *
 * The rules also go back by themselves: an activation whose hooks fail too often (charge/rulestore.h) is undone by
 * whichever node sees it first.
 */
#ifndef TG_CHARGE_RULEKEEPER_H
#define TG_CHARGE_RULEKEEPER_H

#include "io/db.h"
#include "rt/rulebook.h"

#define TG_RULES_CHANNEL "tollgate:rules" /* of Redis: any message is a hint */

struct tg_rulekeeper;
/* Becomes the keeper of book. url is copied; cache_dir (NULL: none) holds the copy and is made when it is not there. */
struct tg_rulekeeper *tg_rulekeeper_new(const struct tg_dburl *url, struct tg_rulebook *book, const char *cache_dir);
/* A release: its rules are checked, and what is active is built on it, before this returns; -1 leaves everything as it
 * was. The first starts the thread. */
int tg_rulekeeper_set_host(struct tg_rulekeeper *keeper, struct tg_luasource *host, struct tg_err *err_r) TG_MUST_CHECK;
/* Any thread. */
void tg_rulekeeper_wake(struct tg_rulekeeper *keeper);
/* Joins the thread; loading still works. */
void tg_rulekeeper_stop(struct tg_rulekeeper *keeper);
void tg_rulekeeper_free(struct tg_rulekeeper **keeper);

#endif

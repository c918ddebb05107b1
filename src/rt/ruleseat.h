/* ruleseat - the rules as one thread has them: a seat, and sets of rule VMs that come and go on it.
 *
 * A *set* is what one revision of the rules is to one thread: a VM that decides, and one for the candidate when there
 * is one. It is built anywhere (rt/rulebook.h), then belongs to the seat's thread. Taking a new set is a pointer store
 * between two calls; the old one lives as long as somebody refers to it: a coroutine that has asked a rule keeps its set
 * until it ends, so that one request or job decides with one bundle.
 *
 * At most TG_RULESETS_MAX sets live on a seat. Who waits so long that as many newer ones have come loses the VMs of
 * his: his later calls answer BUSY, and name why.
 *
 * A VM that met a limit is spoilt: its successor is built on a worker, and calls answer BUSY meanwhile (on_worker), or
 * in place where waiting is right (the ledger engine).
 *
 * Threads: everything of a set after it was handed over, and of a seat, is its thread's, but for what says otherwise.
 */
#ifndef TG_RT_RULESEAT_H
#define TG_RT_RULESEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "io/work.h"
#include "rt/bundle.h"
#include "rt/rules.h"

#define TG_RULESETS_MAX 16
#define TG_RULESEAT_NAME_SIZE 32
#define TG_RULESEAT_HOOKS_MAX 64

/* --- What is to decide: immutable, any thread ------------------------------------------------------------------------ */

struct tg_rulestate {
    atomic_uint refs; /* of what tg_rulestate_new() made */
    struct tg_luasource *host; /* the release */
    struct tg_bundle *bundle;
    uint64_t revision;
    int64_t set_at_us; /* when it was activated; 0: unknown */
    bool is_confirmed; /* read from the database; else from the disk or the release, because there was none */
    struct tg_bundle *candidate; /* NULL: none */
    uint64_t candidate_revision;
    uint32_t share_ppm; /* of the calls go to the candidate, too */
};
/* A copy that refers to host, bundle and candidate. */
struct tg_rulestate *tg_rulestate_new(const struct tg_rulestate *values);
struct tg_rulestate *tg_rulestate_ref(struct tg_rulestate *state);
void tg_rulestate_unref(struct tg_rulestate **state);

/* --- Sets ------------------------------------------------------------------------------------------------------------ */

struct tg_ruleset;
/* Builds the VMs, of no seat yet: milliseconds, any thread. A candidate that does not build is left out (logged). */
int tg_ruleset_new(struct tg_rulestate *state, struct tg_ruleset **set_r, struct tg_err *err_r) TG_MUST_CHECK;
struct tg_ruleset *tg_ruleset_ref(struct tg_ruleset *set);
void tg_ruleset_unref(struct tg_ruleset **set);
const struct tg_rulestate *tg_ruleset_state(const struct tg_ruleset *set);
const char *tg_ruleset_bundle(const struct tg_ruleset *set); /* its id, hex */
/* As tg_rules_call(), and counted for the seat. BUSY also: the VM is being built anew, or was lost. */
int tg_ruleset_call(struct tg_ruleset *set, const char *hook, const struct tg_rules_snapshot *snap,
                    tg_rules_push_fn *push, void *push_arg, tg_rules_read_fn *read, void *read_arg,
                    struct tg_rules_report *report_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Counts a call that the caller does not make, because the rule has just met limits: it has failed all the same. */
void tg_ruleset_count_refused(struct tg_ruleset *set, const char *hook);
/* Where the rules' log lines go instead of into the log; for a set of no seat. */
void tg_ruleset_set_log(struct tg_ruleset *set, struct tg_strbuf *log);
/* Whether calls can only answer BUSY. */
bool tg_ruleset_is_spoilt(const struct tg_ruleset *set);
/* Builds the VM anew, here. */
int tg_ruleset_mend(struct tg_ruleset *set, struct tg_err *err_r) TG_MUST_CHECK;
/* The same on a worker (work NULL: here), unless that is under way. */
void tg_ruleset_mend_on_worker(struct tg_ruleset *set, struct tg_work *work, struct tg_loop *loop);

/* --- Seats ----------------------------------------------------------------------------------------------------------- */

struct tg_rulebook; /* rt/rulebook.h */
struct tg_ruleseat;
/* On the seat's thread. It sits in the book until it is freed. With a loop new sets are taken by a message; without,
 * wake(arg) says (on any thread) that there is something for tg_ruleseat_take(). */
struct tg_ruleseat *tg_ruleseat_new(struct tg_rulebook *book, const char *name, struct tg_loop *loop, tg_loop_fn *wake,
                                    void *arg);
/* Messages on their way still come: the loop runs once more before it is freed. */
void tg_ruleseat_free(struct tg_ruleseat **seat);
/* Takes what was handed over; false: nothing was. */
bool tg_ruleseat_take(struct tg_ruleseat *seat);
/* The set to decide with; NULL before the first. Borrowed: refer to it before anything else can run. */
struct tg_ruleset *tg_ruleseat_current(struct tg_ruleseat *seat);
struct tg_rulebook *tg_ruleseat_book(struct tg_ruleseat *seat);
/* Sets of other bundles, kept for explanations: by id (the current one, too), or NULL; borrowed. */
struct tg_ruleset *tg_ruleseat_find(struct tg_ruleseat *seat, const char *bundle_id);
void tg_ruleseat_keep(struct tg_ruleseat *seat, struct tg_ruleset *set);

/* --- For the book: any thread ---------------------------------------------------------------------------------------- */

struct tg_rulecount { /* of one hook */
    char hook[64];
    uint64_t calls, failures; /* with the revision, since the seat took it */
    uint64_t total, total_failed, total_limits, total_usecs; /* since the start; failed: limits not among them */
};
struct tg_ruleseat_view {
    char name[TG_RULESEAT_NAME_SIZE];
    uint64_t revision, candidate_revision;
    bool has_rules;
    size_t n_hooks;
    struct tg_rulecount hooks[TG_RULESEAT_HOOKS_MAX];
};
/* Whether this very state has been taken. */
bool tg_ruleseat_has(struct tg_ruleseat *seat, const struct tg_rulestate *state);
void tg_ruleseat_look(struct tg_ruleseat *seat, struct tg_ruleseat_view *view_r);
struct tg_ruleseat *tg_ruleseat_ref(struct tg_ruleseat *seat);
void tg_ruleseat_unref(struct tg_ruleseat **seat);
/* Hands set over (takes it); one that was not taken yet is forgotten. began_us: when the swap began, monotonic. */
void tg_ruleseat_offer(struct tg_ruleseat *seat, struct tg_ruleset *set, uint64_t began_us);

#endif

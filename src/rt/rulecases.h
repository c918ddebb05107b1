/* rulecases - golden cases: what a rule must answer, written beside it.
 *
 *     cases = { { name = "61 s at 60/60", input = {…}, deck = {rows}, want = {…} }, … }
 *
 * input, and the snapshot it is decided with: deck (rt/deckjson.h), fx (rt/fxtable.h), flags. want names what the result
 * must have: a table by its members, and when it is a list by its length too; a decimal by its text. Or error: a text
 * that the failure's message must contain. lua/core/rulebox.lua is the same for busted.
 *
 * The VM is one that was built with TG_RULES_KEEP_CASES, and is used as in a call: on one thread at a time.
 */
#ifndef TG_RT_RULECASES_H
#define TG_RT_RULECASES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "rt/rules.h"

struct tg_rulecase {
    const char *hook, *path; /* borrowed from the VM */
    char name[128]; /* "case 3" when it has none */
    char why[400]; /* "": it holds */
    bool is_limit; /* it met one: the VM is spoilt, and the cases behind cannot be tried in it */
    json_t *outcome; /* the result, or its error as a text: to compare with another VM's; the caller's */
};

/* How many cases all rules of the VM have together. */
size_t tg_rulecases_n(const struct tg_rules *rules);
/* Tries the i-th. Whatever is wrong with the case itself is a `why` too. */
void tg_rulecases_try(struct tg_rules *rules, size_t i, struct tg_rulecase *case_r);

/* Where `got` lacks what `want` says: true, and why as a sentence. */
bool tg_rulecases_differ(const json_t *want, const json_t *got, char *why, size_t size);

/* The snapshot of a case or a dry run, from its members deck, fx and flags: each may be absent. The json outlives it. */
struct tg_rulesnap {
    struct tg_deck *deck;
    struct tg_fx *fx;
    struct tg_rules_snapshot snap;
};
int tg_rulesnap_init(struct tg_rulesnap *s, const json_t *json, struct tg_err *err_r) TG_MUST_CHECK;
void tg_rulesnap_deinit(struct tg_rulesnap *s);

#endif

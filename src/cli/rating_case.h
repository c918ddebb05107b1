/* rating_case - runs one case of a file of rating cases through the rule VM, and compares what it says with what is
 * expected.
 *
 * A case is {id, title, op, input, expected}. Operations: rate, rate_many, normalize, import_deck, components, trueup,
 * max_usage, fx, session, stream; the others come with their features. The conventions of the file: money as decimal
 * strings, times RFC 3339, durations in milliseconds.
 */
#ifndef TG_CLI_RATING_CASE_H
#define TG_CLI_RATING_CASE_H

#include <jansson.h>

#include "base/err.h"
#include "rt/ruleseat.h"

struct tg_rating_runner {
    struct tg_ruleset *rules;
    const char *const *folders; /* where decks and eurofxref-hist.csv are looked for; NULL terminated */
};
/* The rules of the release, for a runner. */
int tg_rating_load_rules(struct tg_luasource *host, struct tg_ruleset **rules_r, struct tg_err *err_r) TG_MUST_CHECK;
/* 1: ran, *actual_r is the caller's; 0: the operation is not known here; -1: the case cannot be read. A rule that
 * fails is an actual {"error": text}. */
int tg_rating_case_run(const struct tg_rating_runner *runner, const json_t *test, json_t **actual_r,
                       struct tg_err *err_r) TG_MUST_CHECK;
/* Whether actual has all that expected says: more fields are allowed, not more entries of a list. Prices per minute
 * compare as numbers ("0.0120" is "0.012"), everything else as it is written. The place of the first difference, like
 * "/lines/0/amount", goes to place. */
bool tg_rating_case_matches(const json_t *expected, const json_t *actual, char *place, size_t place_size);

#endif

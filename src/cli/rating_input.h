/* rating_input - the input of a rating case as the rules take it: times in µs.
 *
 * What a case leaves out has its usual value; what it has wrong is an INPUT error that names the field.
 */
#ifndef TG_CLI_RATING_INPUT_H
#define TG_CLI_RATING_INPUT_H

#include <jansson.h>

#include "base/err.h"

/* A member like "2026-07-15T10:00:00Z": 1, 0 when there is none. */
int tg_rating_read_time(const json_t *json, const char *name, int64_t *us_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Copies of the caller's, NULL on failure: a call's event, and the state of a plan (NULL: an empty one). */
json_t *tg_rating_read_event(const json_t *event, struct tg_err *err_r) TG_MUST_CHECK;
json_t *tg_rating_read_state(const json_t *state, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* roster - a file of companies or of people, compared with what the server has: first a report, then, with --accept,
 * the same again and done.
 *
 * A row is a JSON object {line, cells, what, why?, id?, body?}; `what` is "make", "change", "same" or "refuse". Rows are
 * found again by a name of their own (external_ref, email), so whatever was cut off is simply run again.
 */
#ifndef TG_CLI_ROSTER_H
#define TG_CLI_ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cli/api.h"
#include "cli/cli.h"

struct tg_roster {
    const struct tg_args *args;
    struct tg_api *api;
    json_t *rows; /* in the order in which they are applied */
    json_t *scratch; /* what the kind remembers from plan to apply: an object */
};

struct tg_roster_kind {
    const char *what; /* literal: "companies" */
    const char *const *columns; /* ends with NULL; the first n_needed may not be empty */
    size_t n_needed;
    /* Says of each row what becomes of it. */
    int (*plan)(struct tg_roster *roster, struct tg_err *err_r);
    /* Does it: of a row that is made or changed. */
    int (*apply)(struct tg_roster *roster, json_t *row, struct tg_err *err_r);
};

/* The command; its exit code. */
int tg_roster_run(const struct tg_args *args, const struct tg_roster_kind *kind);

/* --- For plan and apply */
const char *tg_roster_cell(const json_t *row, const char *column); /* NULL: empty */
bool tg_roster_is(const json_t *row, const char *what);
void tg_roster_say(json_t *row, const char *what); /* make, change, same */
void tg_roster_refuse(json_t *row, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All pages of a list. */
int tg_roster_fetch(struct tg_api *api, const char *path, json_t **list_r, struct tg_err *err_r) TG_MUST_CHECK;
/* value of the field → the object; null where two have the same. New. With is_folded the values are lower case. */
json_t *tg_roster_index(const json_t *list, const char *field, bool is_folded);
/* Sends the body (stolen). What the server refuses (4xx) is said of the row, and no failure. Keeps the answer's id. */
int tg_roster_send(struct tg_roster *roster, json_t *row, const char *method, const char *path, json_t *body,
                   struct tg_err *err_r) TG_MUST_CHECK;

#endif

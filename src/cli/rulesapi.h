/* rulesapi - what the commands about rules have in common: a folder's rule files, and what the server says of them. */
#ifndef TG_CLI_RULESAPI_H
#define TG_CLI_RULESAPI_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/api.h"
#include "cli/cli.h"

/* 64 hex digits, or a name that stands for a bundle; anything else is a folder. */
bool tg_rulesapi_is_bundle(const char *text);
/* [{"path", "source"}] of the rule files below dir; what else is there is left alone. Not one: INPUT. */
int tg_rulesapi_files(const char *dir, json_t **files_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Sends a request whose body (stolen; NULL: none) is JSON, under an Idempotency-Key when it is once. Below 300 the answer
 * is the caller's; otherwise everything that the problem names is on stderr, "path:line: message", and NULL comes. */
json_t *tg_rulesapi_send(const struct tg_args *args, struct tg_api *api, const char *method, const char *path,
                         json_t *body, bool once);
/* Publishes the folder over --base with --note (both may be NULL); the server's answer. */
json_t *tg_rulesapi_publish(const struct tg_args *args, struct tg_api *api, const char *dir, const char *base,
                            const char *note);
/* On stderr, each fault, reason or field of a problem document a line; false: it names none. */
bool tg_rulesapi_print_problem(const json_t *problem);

#endif

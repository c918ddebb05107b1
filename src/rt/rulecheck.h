/* rulecheck - whether a bundle may decide: everything that is wrong with it, before it does.
 *
 * Each file compiles, keeps nothing between calls (rt/purity.h) and declares rules that can be built; every hook of the
 * host has exactly one rule and there is no other; the golden cases hold. They are run in order and backwards, each
 * twice, every time in a fresh VM: a rule whose answer differs has a state that survived some call, and is refused.
 *
 * tg_rulecheck() runs the bundle in this process, inside the VM's limits. What somebody sent is checked by
 * tg_rulecheck_spawn(): in a child that may crash, with limits on its time and memory, no environment and no file
 * of ours.
 */
#ifndef TG_RT_RULECHECK_H
#define TG_RT_RULECHECK_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "rt/bundle.h"
#include "rt/faults.h"

struct tg_luasource; /* rt/vm.h */

#define TG_RULECHECK_HOOKS_MAX 64
#define TG_RULECHECK_TIMEOUT_MS 10000 /* what a child may take; validating takes about a tenth of a second */

struct tg_rulecheck_hook {
    char hook[64], path[128];
    size_t n_cases;
};
struct tg_rulecheck {
    char id[TG_BUNDLE_ID_SIZE];
    struct tg_faults faults;
    struct tg_rulecheck_hook hooks[TG_RULECHECK_HOOKS_MAX]; /* what the rules decide, when they can be built */
    size_t n_hooks;
};

/* 0: nothing is wrong. -1: report_r->faults says what is. The caller deinits it either way. Any thread, takes 0.1 s. */
int tg_rulecheck(struct tg_luasource *host, const struct tg_bundle *bundle,
                 struct tg_rulecheck *report_r) TG_MUST_CHECK;
void tg_rulecheck_deinit(struct tg_rulecheck *report);
/* {"id", "ok", "hooks": [{"hook", "path", "cases"}], "faults": [{"path", "line", "what", "message"}], "more": faults
 * that are not in the list}; path and line are null where there is none. */
json_t *tg_rulecheck_to_json(const struct tg_rulecheck *report);

/* Runs `program rules check --stdin` (program NULL: this one) and waits; *report_r as above. For worker threads. BUSY: it
 * ran out of its time; UPSTREAM: it cannot be started, or crashed. */
int tg_rulecheck_spawn(const char *program, struct tg_luasource *host, const struct tg_bundle_file *files, size_t n,
                       uint32_t timeout_ms, json_t **report_r, struct tg_err *err_r) TG_MUST_CHECK;
/* The child's part: {"host": {"core/allow.lua": …}, "files": […]} from standard input, the report to standard output.
 * Sets its limits. Exit code: 0 with or without faults, 1 when the input is none. */
int tg_rulecheck_serve_stdin(void);

#endif

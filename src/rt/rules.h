/* rules - the VM in which rules decide: pure functions, no I/O, hard limits.
 *
 * A rule VM is built from a bundle of rule files (rt/bundle.h) on a host: the release's Lua tree, whose core/allow.lua
 * names the environment. It is built off the loop; one a thread. Calls run to completion. Input is pushed and the
 * result read inside one protected call, by the caller's two functions: nothing else touches the state. Limits:
 * TG_RULES_DEADLINE_US, TG_RULES_MEMORY over the baseline, count hook each 100 instructions, re-armed at 1 after the
 * first kill. One call at a time, on any one thread. A VM that met a limit reports tg_rules_is_spoilt() and is replaced
 * by its owner.
 *
 * Nothing survives a call: input and result are its own, and what a file keeps in tables is frozen when it has loaded
 * (rt/freeze.h). Only a variable outside of the function that it assigns would; who publishes a bundle refuses that.
 */
#ifndef TG_RT_RULES_H
#define TG_RT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <lua.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "rt/deck.h"
#include "rt/fxtable.h"
#include "rt/hooks.h"

#define TG_RULES_DEADLINE_US 20000
#define TG_RULES_MEMORY (2u << 20)

struct tg_luasource; /* rt/vm.h */
struct tg_bundle; /* rt/bundle.h */
struct tg_rules;

#define TG_RULES_KEEP_CASES 1u /* keep the golden cases: tg_rules_at() */

/* Loads every rules.lua of the bundle (text only) and the libs they need; keeps neither argument. The error (INPUT)
 * names file:line. Without core/allow.lua in the host all names are there. */
int tg_rules_new(struct tg_luasource *host, const struct tg_bundle *bundle, unsigned flags, struct tg_rules **rules_r,
                 struct tg_err *err_r) TG_MUST_CHECK;
/* With the rules that the release itself brings. */
int tg_rules_new_of_release(struct tg_luasource *src, struct tg_rules **rules_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_rules_free(struct tg_rules **rules);
bool tg_rules_is_spoilt(const struct tg_rules *rules);
/* The bundle's id (hex): it stands beside every decision. */
const char *tg_rules_bundle(const struct tg_rules *rules);
bool tg_rules_has(const struct tg_rules *rules, const char *hook); /* whether a rule decides it */

struct tg_rules_entry { /* borrowed from the VM */
    const char *hook, *path; /* "pricing.rate_usage", "pricing/rules.lua" */
    const json_t *cases; /* the list of golden cases; NULL: none, or not kept */
};
size_t tg_rules_n(const struct tg_rules *rules);
struct tg_rules_entry tg_rules_at(const struct tg_rules *rules, size_t i);

/* What the host declares (rt/hooks.h); without core/hooks.lua nothing. */
const struct tg_hooks *tg_rules_hooks(const struct tg_rules *rules);
/* The field of the hook's result that is a sum of money; "": none, or no such hook. */
const char *tg_rules_money(const struct tg_rules *rules, const char *hook);

/* Where the log lines of calls go from here on, "warn the text\n" each, instead of into the log; NULL: there again. */
void tg_rules_set_log(struct tg_rules *rules, struct tg_strbuf *log);

struct tg_rules_snapshot { /* what one call may see; borrowed; zeroed: nothing */
    const struct tg_deck *deck; /* cap.deck; NULL: any lookup finds nothing */
    const struct tg_fx *fx; /* cap.fx; NULL: no rate is known */
    const json_t *flags; /* cap.flags, an object; NULL: all are off */
    const char *company, *currency; /* whose money, for reports; no rule sees them; may be NULL */
    bool is_trial; /* a dry run or a case: its input is checked too, and hooks that nobody asks yet answer */
};
struct tg_rules_report {
    uint32_t usecs;
    size_t memory_peak;
    char rule[64]; /* name of the rule that decided, "pricing.rate_usage" */
    char trace[1024]; /* when it failed: lines of "pricing/rules.lua:41 in rate", innermost first; else "" */
};
typedef void tg_rules_push_fn(lua_State *L, void *arg); /* pushes exactly one value: the input */
typedef int tg_rules_read_fn(lua_State *L, int index, void *arg,
                             struct tg_err *err_r); /* reads the result there; -1 refuses it */
/* What the host declares of the hook (core/hooks.lua) is held: the result is of its type before read sees it, and plain
 * tables throughout. Errors: BUG the rule failed (text: file:line: message), BUSY a limit was met, NOT_FOUND no rule
 * for the hook, or one that no feature asks yet; read's own when it refuses. snap and report_r may be NULL. */
int tg_rules_call(struct tg_rules *rules, const char *hook, const struct tg_rules_snapshot *snap,
                  tg_rules_push_fn *push, void *push_arg, tg_rules_read_fn *read, void *read_arg,
                  struct tg_rules_report *report_r, struct tg_err *err_r) TG_MUST_CHECK;

/* For push: JSON as plain tables, null as nothing at all (a list ends there). Raises on a number with a fraction: money
 * is in strings. The json stays the caller's and is made before the call, since a limit may leave push by longjmp. */
void tg_rules_push_json(lua_State *L, const json_t *json);
/* For read: the value at idx as JSON of the caller's, decimals as their shortest text, an empty table as []; NULL
 * (BUG) when it holds what has no JSON: a float, a function, mixed keys, depth over 16, more than 200,000 values or 4 MiB of
 * text. Never raises. */
json_t *tg_rules_read_json(lua_State *L, int idx, struct tg_err *err_r);

#endif

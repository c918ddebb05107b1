/* hooks - what lua/core/hooks.lua declares, compiled: which questions there are, and the types of what goes in and out.
 *
 * Compiled once when a rule VM is built; a check then runs inside each live call, so it allocates nothing and compares
 * names by the address of their interned strings: a struct tg_hooks belongs to its one state.
 *
 * A type is "integer" | "decimal" | "string" | "boolean" | "time" | "any", with "?" when it may be absent, or a table:
 * { type, min, max } | { enum } | { list = T, max } | { map = T } | { record = { name = T }, open }, each with
 * optional = true and doc. A string's min and max count bytes. A result's decimal is a decimal; an input's may also be
 * its text or an integer.
 */
#ifndef TG_RT_HOOKS_H
#define TG_RT_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>

#include "base/err.h"

#define TG_HOOKS_MAX 64

enum tg_hook_failure { /* what becomes of the operation when the rule fails */
                       TG_HOOK_PARKS,
                       TG_HOOK_DENIES,
                       TG_HOOK_DEFAULTS,
                       TG_HOOK_REFUSES
};
struct tg_hook {
    char name[64]; /* "pricing.rate_usage" */
    enum tg_hook_failure on_failure;
    uint32_t budget_us; /* what a call should take; the limit is TG_RULES_DEADLINE_US */
    char money[32]; /* the field of the result that is a sum of money; "": none */
    char awaits[32]; /* the feature that will ask; "": it is asked */
    uint32_t input, output; /* types */
};
struct tg_hooks { /* zeroed: none is declared */
    struct tg_hook list[TG_HOOKS_MAX];
    size_t n;
    struct tg_hooks_node *nodes;
    struct tg_hooks_field *fields;
    uint32_t n_nodes, n_fields;
    const void *decimal; /* the metatable of the state's decimals */
};

/* Compiles the table at idx into hooks, which are zeroed. Raises on what is no declaration; the caller deinits either
 * way. What the fields are called stays anchored in the state's registry. */
void tg_hooks_load(lua_State *L, int idx, struct tg_hooks *hooks);
void tg_hooks_deinit(struct tg_hooks *hooks);
const struct tg_hook *tg_hooks_find(const struct tg_hooks *hooks, const char *name); /* or NULL */

enum tg_hooks_side { TG_HOOKS_INPUT, TG_HOOKS_RESULT };
/* Whether the value at idx, of the hooks' state, is of the type. Else BUG says where and what: "result.total must be a
 * decimal, it is a float". Anything is data: no float, no function, 16 deep. Frozen tables are right too; with one in
 * it the value is replaced by a plain copy. Raises when memory ends, so it runs protected. */
int tg_hooks_check(const struct tg_hooks *hooks, uint32_t type, lua_State *L, int idx, enum tg_hooks_side side,
                   struct tg_err *err_r) TG_MUST_CHECK;

#endif

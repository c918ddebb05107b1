/* rules_private - the rule VM's inside, for rules*.c: rules.c calls, rules_build.c makes it. */
#ifndef TG_RT_RULES_PRIVATE_H
#define TG_RT_RULES_PRIVATE_H

#include "base/slab.h"
#include "rt/bundle.h"
#include "rt/caps.h"
#include "rt/hooks.h"
#include "rt/rules.h"

#define TG_RULES_HOOKS_MAX 64

struct tg_rule {
    char hook[64];
    char path[TG_BUNDLE_PATH_LEN_MAX + 1];
    int decide, cap; /* in the registry */
    const struct tg_hook *declared; /* of the VM's hooks; NULL: the host knows no such hook, nothing is checked */
    json_t *cases; /* a list; NULL: not kept */
};

struct tg_rules {
    lua_State *L;
    struct tg_caps caps;
    struct tg_hooks hooks;
    struct tg_rule rules[TG_RULES_HOOKS_MAX];
    size_t n_rules;
    unsigned flags;
    char bundle[TG_BUNDLE_ID_SIZE];
    bool spoilt;
    uint64_t began_us; /* monotonic */
    uint64_t deadline_us; /* monotonic: when on_count looks closer */
    uint64_t cpu_deadline_us; /* of the thread; 0: not looked yet */
    uint64_t looked_us; /* monotonic: when on_count looked last */
    int hook_count; /* instructions until it looks again */
    uint32_t budget_us;
    size_t memory, memory_max, memory_peak;
    char trace[1024]; /* of the running call's failure */
    struct tg_slab slab;
};

/* rules_build.c: what the VM is made of, in a protected call on its empty stack: a light userdata of this. */
struct tg_rules_build {
    struct tg_rules *rules;
    const struct tg_luasource *host;
    const struct tg_bundle *bundle;
    int env; /* in the registry */
};
int tg_rules_build(lua_State *L);

const struct tg_rule *tg_rules_find(const struct tg_rules *rules, const char *hook); /* or NULL */

#endif

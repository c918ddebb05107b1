/* rulepins - the rules that a call began with, when others decide today. */
#include "charge/rulepins.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rt/rulebook.h"

#define RETRY_US UINT64_C(30000000)
#define REFUSED_MAX 8

struct refused { /* a bundle that cannot be had */
    char bundle[TG_BUNDLE_ID_SIZE];
    uint64_t until_us; /* not looked for again before */
    struct tg_err err;
};
struct tg_rulepins {
    struct tg_ruleseat *seat;
    struct refused refused[REFUSED_MAX];
    size_t next_refused;
};

struct tg_rulepins *tg_rulepins_new(struct tg_ruleseat *seat)
{
    struct tg_rulepins *pins = TG_NEW(struct tg_rulepins);
    pins->seat = seat;
    return pins;
}

void tg_rulepins_free(struct tg_rulepins **pins)
{
    free(*pins);
    *pins = NULL;
}

static int build(struct tg_rulepins *pins, const char *bundle, struct tg_ruleset **set_r, struct tg_err *err_r)
{
    struct tg_ruleset *current = tg_ruleseat_current(pins->seat);
    struct tg_rulestate values = {0};
    const uint64_t began_us = tg_clock_mono_us();
    if (current == NULL)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "no rules have been loaded yet");
    if (tg_rulebook_load(tg_ruleseat_book(pins->seat), bundle, &values.bundle, err_r) != 0)
        return -1;
    values.host = tg_ruleset_state(current)->host;
    struct tg_rulestate *state = tg_rulestate_new(&values);
    const int status = tg_ruleset_new(state, set_r, err_r);
    tg_rulestate_unref(&state);
    tg_bundle_unref(&values.bundle);
    if (status == 0)
        TG_LOG_INFO("charge_rules_pinned", TG_LOG_STR("bundle", bundle),
                    TG_LOG_INT("usecs", (int64_t)(tg_clock_mono_us() - began_us)));
    return status;
}

/* Asking again brings nothing. */
static bool is_permanent(const struct tg_err *err)
{
    return err->code == TG_ERR_NOT_FOUND || err->code == TG_ERR_INPUT || err->code == TG_ERR_BUG;
}

static int refuse(const struct refused *refused, struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_NOT_FOUND, "the rules that the call began with cannot be loaded: %s",
                      refused->err.text);
}

/* A set of no revision, which the seat keeps. */
static int get_other(struct tg_rulepins *pins, const char *bundle, struct tg_ruleset **set_r, struct tg_err *err_r)
{
    struct tg_ruleset *set;
    const uint64_t now_us = tg_clock_mono_us();
    for (size_t i = 0; i < REFUSED_MAX; i++) {
        if (strcmp(pins->refused[i].bundle, bundle) == 0 && now_us < pins->refused[i].until_us)
            return refuse(&pins->refused[i], err_r);
    }
    if (build(pins, bundle, &set, err_r) == 0) {
        tg_ruleseat_keep(pins->seat, set);
        *set_r = set;
        tg_ruleset_unref(&set); /* the seat has its own reference */
        return 0;
    }
    if (!is_permanent(err_r))
        return -1;
    TG_LOG_ERROR("charge_rules_pinned", TG_LOG_STR("bundle", bundle), TG_LOG_ERR(err_r));
    struct refused *refused = &pins->refused[pins->next_refused++ % REFUSED_MAX];
    *refused = (struct refused){.until_us = now_us + RETRY_US, .err = *err_r};
    memcpy(refused->bundle, bundle, sizeof(refused->bundle));
    return refuse(refused, err_r);
}

int tg_rulepins_get(struct tg_rulepins *pins, const uint8_t bundle[static TG_SHA256_LEN], struct tg_ruleset **set_r,
                    struct tg_err *err_r)
{
    char id[TG_BUNDLE_ID_SIZE];
    tg_hex(bundle, TG_SHA256_LEN, id);
    struct tg_ruleset *set = tg_ruleseat_find(pins->seat, id);
    if (set == NULL && get_other(pins, id, &set, err_r) != 0)
        return -1;
    struct tg_err err;
    if (tg_ruleset_is_spoilt(set) && tg_ruleset_mend(set, &err) != 0) {
        TG_LOG_ERROR("charge_rules_built", TG_LOG_STR("bundle", id), TG_LOG_ERR(&err)); /* they were built before */
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "the rules that the call began with cannot be built: %s", err.text);
    }
    *set_r = set;
    return 0;
}

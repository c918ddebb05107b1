/* shadow - a candidate sees the calls that the live rules decide, and what it would have answered is counted.
 *
 * After a live decision the candidate's VM gets the same input, pushed by the same function. Its result is compared
 * with the live one as JSON, decimals by value; it goes nowhere else, nor do its log lines. What is kept, of one
 * revision of the candidate slot: for each hook, and where the hook has money (core/hooks.lua) for each company and
 * currency, how often the two agreed, differed, or the candidate failed; both sums of money and how often each
 * difference was seen (rt/deltas.h); and up to 100 samples.
 *
 *   live and candidate agree        same        also when both fail
 *   they differ                     different   also when only the live one failed
 *   the candidate fails             error       its money is in neither sum; nor is that of a live one that failed
 *
 * Bounded: a share of the calls by chance, and 2 % of a thread's time, in bursts of 50 ms. A candidate that meets a
 * limit of the VM (20 ms) is not asked again by that thread. Not looked at: trials, and calls of a hook with money that
 * name no company, which are previews and nobody's money.
 *
 * A tg_shadow is of one process, any thread; a tg_shadowing of one thread.
 */
#ifndef TG_RT_SHADOW_H
#define TG_RT_SHADOW_H

#include <stdint.h>

#include "rt/rules.h"

#define TG_SHADOW_TOTALS_MAX 20000 /* what more companies bring is counted under "" */
#define TG_SHADOW_SAMPLES_MAX 100

struct tg_shadow;
struct tg_shadow *tg_shadow_new(void);
void tg_shadow_free(struct tg_shadow **shadow);

/* --- Asking ---------------------------------------------------------------------------------------------------------- */

struct tg_shadowing { /* zeroed at first */
    uint64_t dice;
    uint64_t filled_us; /* monotonic: when left_us was right */
    int64_t left_us; /* to spend */
};
struct tg_shadow_pair { /* borrowed */
    struct tg_rules *live, *candidate; /* candidate NULL: there is none */
    uint64_t revision; /* of the candidate slot */
    uint32_t share_ppm;
};
/* tg_rules_call(pair->live, …), and now and then a look at what the candidate says. */
int tg_shadow_call(struct tg_shadow *shadow, struct tg_shadowing *shadowing, const struct tg_shadow_pair *pair,
                   const char *hook, const struct tg_rules_snapshot *snap, tg_rules_push_fn *push, void *push_arg,
                   tg_rules_read_fn *read, void *read_arg, struct tg_rules_report *report_r,
                   struct tg_err *err_r) TG_MUST_CHECK;

/* --- Telling --------------------------------------------------------------------------------------------------------- */

struct tg_shadow_total { /* since the candidate's revision began here */
    const char *hook, *company, *currency; /* "": none */
    uint64_t same, different, errors;
    struct tg_decimal live, candidate;
    char *deltas; /* JSON, {"0.0012":3} */
};
struct tg_shadow_sample { /* JSON texts */
    uint32_t number; /* from 0 */
    const char *hook, *company;
    const char *input, *live; /* live: {"error": …} where it failed */
    const char *candidate, *error; /* one of them is NULL */
    int64_t seen_at_us;
};
struct tg_shadow_report {
    uint64_t revision;
    size_t n_totals, n_samples;
    struct tg_shadow_total *totals;
    const struct tg_shadow_sample *samples;
};
/* What has changed since the last report that was kept, at most 500 totals of it; NULL: nothing. */
struct tg_shadow_report *tg_shadow_report_new(struct tg_shadow *shadow);
/* Frees it. Not kept: the same comes again. */
void tg_shadow_report_free(struct tg_shadow *shadow, struct tg_shadow_report **report, bool is_kept);

#endif

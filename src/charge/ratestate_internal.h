/* ratestate_internal - what the files of ratestate share: the tables of one attempt. */
#ifndef TG_CHARGE_RATESTATE_INTERNAL_H
#define TG_CHARGE_RATESTATE_INTERNAL_H

#include "base/strbuf.h"
#include "charge/keymap.h"
#include "charge/ratestate.h"

#define TG_RATESTATE_NEVER INT64_MAX
#define TG_ALLOWANCE_PREFIX "alw"

struct tg_rateperiod { /* of a company */
    struct tg_id company;
    int32_t month; /* since year 0 */
    int64_t counter_s;
    json_t *meters; /* NULL: none */
    bool has_changed;
};
struct tg_allowance {
    struct tg_id company, id;
    int64_t granted_s, remaining_s, priority, starts_us, expires_us; /* expires_us TG_RATESTATE_NEVER: it does not */
    json_t *prefixes; /* NULL: any destination */
    bool has_changed;
    uint32_t next; /* of the company; TG_KEYMAP_ABSENT: the last */
};

struct tg_ratestates {
    struct tg_keymap period_map; /* (company, month) → index of periods */
    struct tg_keymap allowance_map; /* (company, id) → index of allowances */
    struct tg_keymap company_map; /* (company, 0) → index of firsts: those whose allowances are loaded */
    struct tg_keymap returned_map; /* (company, id): allowances that get something back */
    struct tg_rateperiod *periods;
    size_t n_periods, periods_capacity;
    struct tg_allowance *allowances;
    size_t n_allowances, allowances_capacity;
    uint32_t *firsts; /* allowance of each company */
    size_t n_firsts, firsts_capacity;
    size_t n_returned;
    int64_t oldest_us; /* answer of what is rated */
    struct tg_strbuf periods_list, companies_list, returned_list; /* JSON, for the statements */
    struct tg_dbval *values;
    size_t values_capacity;
};

/* NULL: not wanted. */
struct tg_rateperiod *tg_rateperiod_find(const struct tg_ratestates *states, struct tg_id company, int32_t month);
/* Keeps one of the rows that were read; the prefixes are then its own. */
void tg_ratestates_add(struct tg_ratestates *states, const struct tg_allowance *allowance);

#endif

/* rating_world - what the steps of a rating case share: a plan with its deck, and what prices depend on, in memory. */
#ifndef TG_CLI_RATING_WORLD_H
#define TG_CLI_RATING_WORLD_H

#include <jansson.h>

#include "base/decimal.h"
#include "base/strbuf.h"
#include "charge/rate.h"
#include "charge/ratestate.h"
#include "charge/usage.h"
#include "cli/rating_case.h"

struct tg_rating_world {
    struct tg_rate_plan plan;
    int places; /* of amounts */
    struct tg_ratestates *states;
    struct tg_ratestate state;
    json_t *names; /* what the case calls its allowances, by the ids they have here */
    struct tg_usage_batch *arena;
    struct tg_strbuf out;
};
/* input = {plan, state?}; at_us: when the case begins. */
int tg_rating_world_open(const json_t *input, int64_t at_us, struct tg_rating_world *world,
                         struct tg_err *err_r) TG_MUST_CHECK;
void tg_rating_world_close(struct tg_rating_world *world);

/* {counter_s, bundles = {name: seconds}} as it is now; adds them to what a case answers. */
void tg_rating_world_show(struct tg_rating_world *world, int64_t at_us, json_t *into);
json_t *tg_rating_amount(const struct tg_rating_world *world, struct tg_decimal amount);
/* A member that is a decimal's text; absent: 0. */
int tg_rating_read_amount(const json_t *json, const char *name, struct tg_decimal *amount_r,
                          struct tg_err *err_r) TG_MUST_CHECK;

/* The operations: as those of rating_case.c. */
int tg_rating_run_session(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                          struct tg_err *err_r);
int tg_rating_run_max_usage(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                            struct tg_err *err_r);
int tg_rating_run_stream(const struct tg_rating_runner *runner, const json_t *input, json_t **actual_r,
                         struct tg_err *err_r);

#endif

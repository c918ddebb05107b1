/* verify_internal - a check of verify that is more than a statement. */
#ifndef TG_CHARGE_VERIFY_INTERNAL_H
#define TG_CHARGE_VERIFY_INTERNAL_H

#include "charge/verify.h"

/* Differences are counted in *n_r, and up to 1000 told. */
int tg_verify_allowances(struct tg_sqlconn *conn, tg_verify_fn *fn, void *arg, uint64_t *n_r,
                         struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* fault - named points where a test makes the world fail.
 *
 *   if (TG_FAULT("db_query_lost_reply")) …   drop the answer
 *   TG_FAULT_POINT("charge_before_commit")   may kill or delay the process there
 *
 * Compiled out of release builds (TG_FAULTS). Armed by tg_fault_arm() or by the
 * environment: TOLLGATE_FAULTS="charge_after_commit=kill:3,db_query_lost_reply=hit:1x2"
 * — action[:nth][xtimes]: acts on the nth visit (1) and the times-1 after it (without x: on all after it); actions: hit (TG_FAULT is true), kill (SIGKILL to
 * ourselves), sleep-<ms>. A name that no code has is found by scripts/tidy.lua.
 */
#ifndef TG_BASE_FAULT_H
#define TG_BASE_FAULT_H

#include <stdbool.h>

#include "base/err.h"

#ifdef TG_FAULTS
bool tg_fault_hit(const char *name);
int tg_fault_arm(const char *spec, struct tg_err *err_r) TG_MUST_CHECK; /* adds to what is armed */
void tg_fault_disarm_all(void);
int tg_fault_arm_from_environment(struct tg_err *err_r) TG_MUST_CHECK;
#define TG_FAULT(name) (tg_fault_hit(name))
#else
#define TG_FAULT(name) (false)
#endif
#define TG_FAULT_POINT(name) ((void)TG_FAULT(name))

#endif

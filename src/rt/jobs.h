/* jobs - runs the application's jobs on one loop thread.
 *
 * What a job is, who may take it and what becomes of it is Lua (lua/jobs) on rows of the database; here is only the
 * tick: now and then a coroutine that runs `jobs.service.run_once`, another at once while there is work (at most
 * `concurrency_max`), and `run_schedules`. Ticks are a second apart with jitter, and further when the database fails.
 */
#ifndef TG_RT_JOBS_H
#define TG_RT_JOBS_H

#include "io/loop.h"
#include "rt/vm.h"

#define TG_JOBS_STEP_MS 14000 /* the deadline of one run: ten seconds for the handler, the rest for the books */

struct tg_jobs;
/* Runs nothing until it has a VM. */
struct tg_jobs *tg_jobs_new(struct tg_loop *loop, unsigned concurrency_max, uint32_t interval_ms);
/* The VM of the generation to run from now on; NULL: none. What runs goes on where it began. Without a module
 * jobs.service in it nothing runs. */
void tg_jobs_set_vm(struct tg_jobs *jobs, struct tg_vm *vm);
/* Starts nothing more; done(arg) runs on a later turn when what runs has ended. */
void tg_jobs_close(struct tg_jobs **jobs, tg_loop_fn *done, void *arg);

#endif

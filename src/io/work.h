/* work - a few threads for what burns or blocks: password hashing, parsing
 * bulk bodies, resolving names, compiling a new generation. The queue is
 * bounded: full is BUSY.
 */
#ifndef TG_IO_WORK_H
#define TG_IO_WORK_H

#include <stddef.h>

#include "base/err.h"
#include "io/loop.h"

struct tg_work; /* one a process */

struct tg_work *tg_work_new(unsigned n_threads, size_t queue_len_max);
/* Lets what runs finish, drops nothing that is queued, joins. Sets *work to NULL. */
void tg_work_free(struct tg_work **work);
/* Runs run(arg) on a worker thread, then done(arg) on `loop`. -1 (BUSY): the queue is full, neither runs. */
int tg_work_submit(struct tg_work *work, struct tg_loop *loop, tg_loop_fn *run, tg_loop_fn *done, void *arg,
                   struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* accesslog - one JSON line a request.
 *
 * {"time","method","path","status","bytes","usecs","protocol","remote","request_id","route","company","actor",…}
 * The path comes without its query (it may hold secrets). Threads collect lines in a buffer of their own and write it
 * whole (O_APPEND) when it is full or a turn of the loop has ended, so a slow disk costs one write a turn, and lines
 * never mix. Whoever rotates the file moves it and sends SIGHUP: the file is opened again under the same descriptor.
 */
#ifndef TG_WEB_ACCESSLOG_H
#define TG_WEB_ACCESSLOG_H

#include <h2o.h>

#include "base/err.h"

struct tg_access_log; /* one a process */
struct tg_web_thread;
/* path "-": stdout. Opens nothing yet. */
struct tg_access_log *tg_access_log_new(const char *path);
void tg_access_log_free(struct tg_access_log **log);
/* Registers the logger on every path. */
void tg_access_log_register(struct tg_access_log *log, h2o_globalconf_t *global);
/* Opens the file, or opens it again. Any thread; writers need not stop. */
int tg_access_log_open(struct tg_access_log *log, struct tg_err *err_r) TG_MUST_CHECK;
/* Writes what a thread still has. A turn of its loop must have passed since its last request ended. */
void tg_access_log_deinit(struct tg_web_thread *thread);

#endif

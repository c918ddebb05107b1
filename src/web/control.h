/* control - the unix socket by which `tollgate reload` and `tollgate status` reach the running server.
 *
 * One line there, one line back, one client at a time, mode 0600; the control thread serves it between signals.
 */
#ifndef TG_WEB_CONTROL_H
#define TG_WEB_CONTROL_H

#include "base/err.h"
#include "base/strbuf.h"

/* The listening descriptor. An old socket that nobody serves is removed. */
int tg_control_open(const char *path, int *fd_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Appends the answer, a line, to out. */
typedef void tg_control_fn(const char *command, struct tg_strbuf *out, void *arg);
/* Accepts one client, waits at most a second for its line, answers, closes. */
void tg_control_serve(int fd, tg_control_fn *fn, void *arg);
void tg_control_close(int fd, const char *path);

#endif

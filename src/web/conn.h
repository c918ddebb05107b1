/* conn - accepting connections, counting them, and closing those that do nothing.
 *
 * libh2o closes what is idle, but not a client that drips a body, pings or never reads its answer: every sweep closes
 * what has completed no request for tollgate.idle-timeout and moves less than TG_CONN_BYTES_PER_S meanwhile. A
 * handler at work gets the request's own time on top.
 *
 * Every thread accepts from a dup of each listening socket.
 */
#ifndef TG_WEB_CONN_H
#define TG_WEB_CONN_H

#include "web/thread.h"

#define TG_CONN_BYTES_PER_S 8000
#define TG_CONN_SWEEP_MS 1000

/* Registers what notices that a request has ended, on every path: once, when the configuration is read. */
void tg_conn_register(h2o_globalconf_t *global);

/* Opens this thread's acceptors; accepting starts with tg_conn_accept(). */
void tg_conn_init(struct tg_web_thread *thread);
/* Starts, or goes on after max-connections were reached. Nothing while the thread is not RUNNING. */
void tg_conn_accept(struct tg_web_thread *thread);
/* New certificates for one listener: a reference is taken; connections keep theirs. */
void tg_conn_set_tls(struct tg_web_thread *thread, size_t listener, SSL_CTX *tls);
/* No more are accepted. */
void tg_conn_stop_accepting(struct tg_web_thread *thread);
/* Closes what waits between two requests; all: whatever it does. */
void tg_conn_close_idle(struct tg_web_thread *thread, bool all);
void tg_conn_deinit(struct tg_web_thread *thread);

/* A request of this connection is being worked on from now (+1), or no longer (-1). The connection of a client that
 * left is gone: call it only while the h2o request lives. */
void tg_conn_count(h2o_req_t *req, int change);

#endif

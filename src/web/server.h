/* server - the process that serves: its threads, generations, signals, and the way it ends.
 *
 *   tg_conf_load() → tg_server_open() (listeners, logs, pid file, user) → start what is yours → tg_server_run()
 *
 * The calling thread becomes the control thread: signals (SIGHUP: reload; SIGTERM, SIGINT: shut down, a second one:
 * at once) and the control socket, where `reload\n` is answered by `ok N\n` (the number of the new generation) or
 * `error file:line: …\n`, `status\n` by one line of JSON. A reload swaps the Lua application, the rules
 * (on_generation), the certificates, and opens the logs again; h2o.conf itself takes a new process.
 *
 * A shutdown: /readyz says no → no more are accepted → requests in work finish, bodies under way are received, each
 * for at most tollgate.drain-timeout → HTTP/2 gets its GOAWAY, idle connections are closed → the rest is closed.
 */
#ifndef TG_WEB_SERVER_H
#define TG_WEB_SERVER_H

#include "base/err.h"
#include "rt/vm.h"
#include "web/conf.h"

struct tg_server_hooks { /* each may be NULL */
    /* A new generation's source, before any thread gets it: -1 refuses the generation. On the control thread. */
    int (*on_generation)(struct tg_luasource *src, void *arg, struct tg_err *err_r);
    /* Connections are accepted from now on. On the control thread. */
    void (*on_ready)(void *arg);
    void *arg;
    struct tg_rulebook
        *rulebook; /* each thread gets a seat in it, "loop-0", "loop-1", …; hints of Redis wake its keeper */
};

/* Binds, opens the logs, writes the pid file, becomes the user. Blocks the signals that tg_server_run() takes, so it
 * comes before any other thread. */
int tg_server_open(struct tg_conf *conf, struct tg_err *err_r) TG_MUST_CHECK;
/* Serves until a signal ends it. 0: everything was answered in time; 1: some was cut off; -1: it could not begin
 * (err_r). conf stays the caller's. libs as in rt/vm.h. */
int tg_server_run(struct tg_conf *conf, const struct tg_vm_lib *libs, const struct tg_server_hooks *hooks,
                  struct tg_err *err_r) TG_MUST_CHECK;

#endif

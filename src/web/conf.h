/* conf - h2o.conf, read and checked: what a server process runs with.
 *
 * The file is in H2O's own format and most of it goes to H2O's own configurators; `listen` and what begins with
 * `tollgate.` are ours (web/directives.c has the table). Loading opens no socket and changes nothing of the world, so
 * `config check` is a load. It happens in one thread, before others start: libh2o reports faults on stderr, which is
 * caught meanwhile.
 *
 * Order: command line > environment (TOLLGATE_DATABASE_URL, TOLLGATE_REDIS_URL) > h2o.conf. Secrets come from the
 * environment or from files that only their owner can read, never from h2o.conf itself.
 */
#ifndef TG_WEB_CONF_H
#define TG_WEB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>

#include "base/err.h"
#include "web/listen.h"

#define TG_LISTENERS_MAX 32
#define TG_CORS_ORIGINS_MAX 64

enum tg_conf_audience { TG_AUDIENCE_NOBODY, TG_AUDIENCE_LOOPBACK, TG_AUDIENCE_ALL };

struct tg_conf {
    h2o_globalconf_t global;
    char *path;
    struct tg_listener *listeners[TG_LISTENERS_MAX];
    size_t n_listeners;

    /* strings are owned; NULL: not given */
    char *pid_file, *error_log, *user, *log_level;
    char *lua_dir, *migrations_dir, *control_socket, *rules_cache;
    char *database_url, *redis_url, *mail_url; /* secret: not for logs */
    char *mail_from, *master_key_file, *public_url;
    char *ca_file;
    char *cors_origins[TG_CORS_ORIGINS_MAX];
    size_t n_cors_origins;

    uint64_t num_threads, worker_threads, database_connections;
    uint64_t max_connections, max_connections_per_address;
    uint64_t max_requests, max_requests_per_key; /* at one time; per thread */
    size_t body_max; /* bytes of one request, where its route does not say otherwise */
    uint64_t max_body_memory; /* bytes of all bodies in work */
    uint64_t rate_per_key, burst_per_key, rate_per_address, burst_per_address; /* requests a second; 0: no limit */
    uint64_t request_timeout_ms, bulk_timeout_ms, drain_timeout_ms, idle_timeout_ms;
    bool allow_private_addresses, core_dumps, hsts_subdomains;
    enum tg_conf_audience metrics_audience;

    struct tg_access_log *access_log; /* web/accesslog.h; NULL: none */
    bool has_app; /* some path says `tollgate.app: ON` */
};

/* The error reads "file:line:column: sentence". */
int tg_conf_load(const char *path, struct tg_conf **conf_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Closes the listeners, too. Sets *conf to NULL. */
void tg_conf_free(struct tg_conf **conf);

#endif

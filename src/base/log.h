/* log - one JSON event a line, on stderr.
 *
 * {"time":…,"level":"info","name":"db_pool_connected","request_id":…,…}
 * Names are <module>_<thing>_<finished|connected|retried|swapped|…>; `_finished`
 * on success and on failure, the latter with "error". A line is written by one
 * write(2), from any thread. Fields come as a list that ends with TG_LOG_END:
 *
 *   TG_LOG_INFO("db_pool_connected", TG_LOG_STR("host", host), TG_LOG_INT("usecs", t));
 *
 * A listener sees every event (metrics count from there; tests fail on an
 * unexpected error). Secrets are never passed: TG_LOG_SECRET prints 8 hex
 * digits of a SHA-256.
 */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum tg_loglevel { TG_LOG_LEVEL_DEBUG, TG_LOG_LEVEL_INFO, TG_LOG_LEVEL_WARN, TG_LOG_LEVEL_ERROR };
enum tg_logkind { TG_LOGKIND_END, TG_LOGKIND_STR, TG_LOGKIND_INT, TG_LOGKIND_BOOL, TG_LOGKIND_SECRET };

struct tg_logfield {
    const char *key; /* literal */
    enum tg_logkind kind;
    const char *str; /* NULL prints null */
    size_t len; /* SIZE_MAX: up to the NUL */
    int64_t num;
};

#define TG_LOG_STR(k, v) ((struct tg_logfield){(k), TG_LOGKIND_STR, (v), SIZE_MAX, 0})
#define TG_LOG_STRN(k, v, n) ((struct tg_logfield){(k), TG_LOGKIND_STR, (v), (n), 0})
#define TG_LOG_INT(k, v) ((struct tg_logfield){(k), TG_LOGKIND_INT, NULL, 0, (v)})
#define TG_LOG_BOOL(k, v) ((struct tg_logfield){(k), TG_LOGKIND_BOOL, NULL, 0, (v)})
#define TG_LOG_SECRET(k, v, n) ((struct tg_logfield){(k), TG_LOGKIND_SECRET, (v), (n), 0})
#define TG_LOG_ERR(e) TG_LOG_STR("error", (e)->text)
#define TG_LOG_END ((struct tg_logfield){NULL, TG_LOGKIND_END, NULL, 0, 0})

#define TG_LOG(level, name, ...)                                                                                       \
    tg_log_event((level), (name), (const struct tg_logfield[]){__VA_ARGS__ __VA_OPT__(, ) TG_LOG_END})
#define TG_LOG_DEBUG(name, ...) TG_LOG(TG_LOG_LEVEL_DEBUG, name, __VA_ARGS__)
#define TG_LOG_INFO(name, ...) TG_LOG(TG_LOG_LEVEL_INFO, name, __VA_ARGS__)
#define TG_LOG_WARN(name, ...) TG_LOG(TG_LOG_LEVEL_WARN, name, __VA_ARGS__)
#define TG_LOG_ERROR(name, ...) TG_LOG(TG_LOG_LEVEL_ERROR, name, __VA_ARGS__)

void tg_log_event(enum tg_loglevel level, const char *name, const struct tg_logfield *fields);
/* Lines below `level` are dropped (default info). "debug", "info", … → 0, else -1. */
int tg_log_set_level(const char *level);
/* Where lines go (default fd 2). */
void tg_log_set_fd(int fd);
typedef void tg_log_listener_fn(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg);
/* One listener a process, set before threads start; called on the logging thread, must not log. */
void tg_log_set_listener(tg_log_listener_fn *fn, void *arg);

#endif

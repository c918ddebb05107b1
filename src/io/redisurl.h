/* redisurl - unix:///path[?db=N] or redis://[[user]:password@]host[:port][/N], taken apart. */
#ifndef TG_IO_REDISURL_H
#define TG_IO_REDISURL_H

#include <stdint.h>

#include "base/err.h"

struct tg_redisurl {
    char *path; /* of the unix socket, or NULL */
    char *host, *user, *password;
    uint16_t port;
    int db;
};
/* Errors never repeat the url: it may hold a password. */
int tg_redisurl_parse(const char *text, struct tg_redisurl *url_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_redisurl_deinit(struct tg_redisurl *url);

#endif

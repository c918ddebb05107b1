/* grants - gives the server's database user exactly the rights that
 * migrations/grants.txt names: a table and its privileges a line, '#' comments.
 * Rights it had and that are no longer named are taken back.
 */
#ifndef TG_IO_GRANTS_H
#define TG_IO_GRANTS_H

#include "io/sqlconn.h"

/* owner may grant; server is asked for its CURRENT_USER. Nothing is done when both are the same account. */
int tg_grants_apply(const struct tg_dburl *owner, const struct tg_dburl *server, const char *path,
                    struct tg_err *err_r) TG_MUST_CHECK;

#endif

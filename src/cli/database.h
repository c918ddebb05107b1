/* database - how commands that talk to MariaDB find it. */
#ifndef TG_CLI_DATABASE_H
#define TG_CLI_DATABASE_H

#include "cli/cli.h"
#include "io/sqlconn.h"

#define TG_DATABASE_OPTIONS                                                                                            \
    {                                                                                                                  \
        "database", "URL", "mysql://user@host/database?socket=PATH ($TOLLGATE_DATABASE_URL; a password only there)"    \
    }

/* By --database, else owner's TOLLGATE_OWNER_URL (for migrations), else TOLLGATE_DATABASE_URL. -1 after a
 * message on stderr. */
int tg_database_url(const struct tg_args *args, bool as_owner, struct tg_dburl *url_r);

#endif

/* database - see database.h. */
#include "cli/database.h"

#include <stdlib.h>

int tg_database_url(const struct tg_args *args, bool as_owner, struct tg_dburl *url_r)
{
    struct tg_err err;
    const char *url = tg_args_get(args, "database");
    if (url == NULL && as_owner)
        url = getenv("TOLLGATE_OWNER_URL");
    if (url == NULL)
        url = getenv("TOLLGATE_DATABASE_URL");
    if (url == NULL) {
        tg_cli_fail(args, "no database: set TOLLGATE_DATABASE_URL or give --database");
        return -1;
    }
    if (tg_dburl_parse(url, url_r, &err) != 0) {
        tg_cli_fail(args, "the database's URL: %s", err.text);
        return -1;
    }
    return 0;
}

/* cmd_migrate - `tollgate migrate up` and `tollgate migrate status`. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/database.h"
#include "io/grants.h"
#include "io/migrate.h"

static const char *const state_names[] = {"pending", "applied", "CHANGED since it was applied", "FAILED half-way"};

/* One line that moves on a terminal, a line each elsewhere. */
static void on_applied(const char *name, enum tg_migration_state state, size_t nth, size_t of, void *arg)
{
    (void)arg;
    if (isatty(2) == 1)
        fprintf(stderr, "\r  [%zu/%zu] %s %s\033[K%s", nth, of, name, state_names[state], nth == of ? "\n" : "");
    else
        fprintf(stderr, "[%zu/%zu] %s %s\n", nth, of, name, state_names[state]);
}

static void on_listed(const char *name, enum tg_migration_state state, size_t nth, size_t of, void *arg)
{
    (void)nth, (void)of, (void)arg;
    printf("%-40s %s\n", name, state_names[state]);
}

static const char *directory(const struct tg_args *args)
{
    const char *dir = tg_args_get(args, "dir");
    return dir != NULL ? dir : "migrations";
}

/* The server's own user gets its rights anew each time: a new table came with a new line of grants.txt. */
static int grant(const struct tg_args *args, const struct tg_dburl *owner, struct tg_err *err_r)
{
    struct tg_dburl server;
    char path[512];
    if (getenv("TOLLGATE_DATABASE_URL") == NULL)
        return 0;
    if (tg_dburl_parse(getenv("TOLLGATE_DATABASE_URL"), &server, err_r) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/grants.txt", directory(args));
    int rc = tg_grants_apply(owner, &server, path, err_r);
    tg_dburl_deinit(&server);
    return rc;
}

static int run_up(const struct tg_args *args)
{
    struct tg_dburl url;
    struct tg_err err;
    size_t n = 0;
    if (tg_database_url(args, true, &url) != 0)
        return TG_EXIT_FAILED;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int rc = tg_migrate_up(conn, directory(args), on_applied, NULL, &n, &err);
    tg_sqlconn_free(&conn);
    if (rc == 0)
        rc = grant(args, &url, &err);
    tg_dburl_deinit(&url);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    fprintf(stderr, n == 0 ? "The database is up to date.\n" : "%zu migrations applied.\n", n);
    return TG_EXIT_OK;
}

static int run_status(const struct tg_args *args)
{
    struct tg_dburl url;
    struct tg_err err;
    size_t pending = 0;
    if (tg_database_url(args, true, &url) != 0)
        return TG_EXIT_FAILED;
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    int rc = tg_migrate_status(conn, directory(args), on_listed, NULL, &pending, &err);
    tg_sqlconn_free(&conn);
    tg_dburl_deinit(&url);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    return pending == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static const struct tg_option options[] = {
    TG_DATABASE_OPTIONS,
    {"dir", "DIR", "where the migrations are (migrations)"},
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_migrate_up = {
    "migrate up",
    "",
    0,
    0,
    "Brings the database to this release's schema",
    "Each migration runs once; a second runner waits for the first. A migration that was changed after it had been "
    "applied is refused. $TOLLGATE_OWNER_URL, when set, names the user that may change tables; the user of "
    "$TOLLGATE_DATABASE_URL then gets the rights of grants.txt, and no others.",
    options,
    run_up};
const struct tg_command tg_cmd_migrate_status = {"migrate status",
                                                 "",
                                                 0,
                                                 0,
                                                 "Lists the migrations and what is pending",
                                                 "Changes nothing. Exit code 3 when something is pending.",
                                                 options,
                                                 run_status};

/* migrate_test - a database brought to the schema of this release, and all that can be wrong with it. */
#include "../../../src/io/migrate.c"
#include "tap.h"

#include <pthread.h>

#include "services.h"

static char folder[80];

static struct tg_sqlconn *fresh_database(void)
{
    static int n;
    char sql[100], name[32];
    struct tg_err err = {0};
    struct tg_dburl url = services_dburl();
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    snprintf(name, sizeof(name), "tollgate_migrate_%d", ++n);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    ok(tg_sqlconn_script(conn, sql, strlen(sql), &err) == 0, "%s", err.text);
    tg_sqlconn_free(&conn);
    free(url.database);
    url.database = strdup(name);
    conn = tg_sqlconn_new(&url);
    tg_dburl_deinit(&url);
    snprintf(folder, sizeof(folder), "%s/migrations-%d", services.dir, n);
    is_int(mkdir(folder, 0700), 0);
    return conn;
}

static void write_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!ok(file != NULL, "%s", path))
        return;
    fputs(text, file);
    fclose(file);
}

struct seen {
    char text[400];
};

static void on_progress(const char *name, enum tg_migration_state state, size_t nth, size_t of, void *arg)
{
    struct seen *seen = arg;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%d %zu/%zu;", name, (int)state, nth, of);
}

static int up(struct tg_sqlconn *conn, size_t *n, struct tg_err *err)
{
    *err = (struct tg_err){0};
    return tg_migrate_up(conn, folder, NULL, NULL, n, err);
}

TEST(pending_migrations_run_once_in_order_and_are_reported)
{
    struct tg_sqlconn *conn = fresh_database();
    struct tg_err err = {0};
    struct seen seen = {""};
    size_t n = 99;
    write_file("0002_two.sql", "ALTER TABLE one ADD b INT;\nINSERT INTO one VALUES (1, 2);");
    write_file("0001_one.sql", "-- a comment; with a semicolon\nCREATE TABLE one (a INT);");
    write_file("README", "not a migration");
    is_int(tg_migrate_status(conn, folder, on_progress, &seen, &n, &err), 0);
    is_uint(n, 2);
    is_str(seen.text, "0001_one=0 1/2;0002_two=0 2/2;");
    seen.text[0] = '\0';
    ok(tg_migrate_up(conn, folder, on_progress, &seen, &n, &err) == 0, "%s", err.text);
    is_uint(n, 2);
    is_str(seen.text, "0001_one=1 1/2;0002_two=1 2/2;");
    seen.text[0] = '\0';
    ok(tg_migrate_up(conn, folder, on_progress, &seen, &n, &err) == 0, "%s", err.text);
    is_uint(n, 0);
    is_str(seen.text, "");
    write_file("0003_three.sql", "INSERT INTO one VALUES (3, 4)");
    is_int(up(conn, &n, &err), 0);
    is_uint(n, 1);
    struct tg_dbresult *res = NULL;
    is_int(tg_sqlconn_query(conn, "SELECT COUNT(*) FROM one WHERE b IS NOT NULL", NULL, 0, &res, &err), 0);
    is_int(tg_dbresult_cell(res, 0, 0)->num, 2);
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
}

TEST(a_changed_file_is_refused_by_name_and_nothing_runs)
{
    struct tg_sqlconn *conn = fresh_database();
    struct tg_err err = {0};
    size_t n = 7;
    write_file("0001_one.sql", "CREATE TABLE one (a INT)");
    is_int(up(conn, &n, &err), 0);
    write_file("0001_one.sql", "CREATE TABLE one (a INT, b INT)");
    write_file("0002_two.sql", "CREATE TABLE two (a INT)");
    is_int(up(conn, &n, &err), -1);
    is_int(err.code, TG_ERR_CONFLICT);
    contains(err.text, "0001_one was changed");
    struct seen seen = {""};
    is_int(tg_migrate_status(conn, folder, on_progress, &seen, &n, &err), 0);
    is_str(seen.text, "0001_one=2 1/2;0002_two=0 2/2;");
    tg_sqlconn_free(&conn);
}

TEST(a_gap_a_bad_name_a_missing_file_and_no_folder_are_refused)
{
    struct tg_sqlconn *conn = fresh_database();
    struct tg_err err = {0};
    char path[200];
    size_t n;
    is_int(up(conn, &n, &err), -1);
    contains(err.text, "no migrations");
    write_file("0001_one.sql", "CREATE TABLE one (a INT)");
    write_file("0003_three.sql", "CREATE TABLE three (a INT)");
    is_int(up(conn, &n, &err), -1);
    contains(err.text, "0003_three.sql: expected 0002_");
    snprintf(path, sizeof(path), "%s/0003_three.sql", folder);
    unlink(path);
    write_file("0002_Two.sql", "SELECT 1");
    is_int(up(conn, &n, &err), -1);
    contains(err.text, "0002_Two.sql");
    snprintf(path, sizeof(path), "%s/0002_Two.sql", folder);
    unlink(path);
    is_int(up(conn, &n, &err), 0);
    snprintf(path, sizeof(path), "%s/0001_one.sql", folder);
    unlink(path);
    write_file("0001_other.sql", "CREATE TABLE other (a INT)");
    is_int(up(conn, &n, &err), -1);
    is_int(err.code, TG_ERR_CONFLICT);
    contains(err.text, "0001_one");
    is_int(tg_migrate_up(conn, "/nonexistent", NULL, NULL, &n, &err), -1);
    is_int(err.code, TG_ERR_INPUT);
    tg_sqlconn_free(&conn);
}

TEST(a_migration_that_fails_half_way_is_named_and_blocks_until_somebody_repairs_it)
{
    struct tg_sqlconn *conn = fresh_database();
    struct tg_err err = {0};
    size_t n = 0;
    write_file("0001_one.sql", "CREATE TABLE one (a INT); CREATE TABLE one (a INT)");
    write_file("0002_two.sql", "CREATE TABLE two (a INT)");
    is_int(up(conn, &n, &err), -1);
    contains(err.text, "migration 0001_one: ");
    is_int(up(conn, &n, &err), -1);
    is_int(err.code, TG_ERR_CONFLICT);
    contains(err.text, "0001_one failed half-way");
    struct seen seen = {""};
    is_int(tg_migrate_status(conn, folder, on_progress, &seen, &n, &err), 0);
    is_str(seen.text, "0001_one=3 1/2;0002_two=0 2/2;");
    is_int(tg_sqlconn_query(conn, "DROP TABLE one", NULL, 0, NULL, &err), 0);
    is_int(tg_sqlconn_query(conn, "DELETE FROM schema_migrations", NULL, 0, NULL, &err), 0);
    write_file("0001_one.sql", "CREATE TABLE one (a INT)");
    is_int(up(conn, &n, &err), 0);
    is_uint(n, 2);
    tg_sqlconn_free(&conn);
}

struct runner {
    struct tg_sqlconn *conn;
    size_t n;
    int status;
};

static void *run_up(void *arg)
{
    struct runner *r = arg;
    struct tg_err err = {0};
    r->status = tg_migrate_up(r->conn, folder, NULL, NULL, &r->n, &err);
    return NULL;
}

TEST(two_runners_at_once_apply_everything_once)
{
    struct tg_sqlconn *first = fresh_database();
    struct tg_err err = {0};
    struct tg_dbresult *res = NULL;
    struct tg_dburl url = services_dburl();
    is_int(tg_sqlconn_query(first, "SELECT DATABASE()", NULL, 0, &res, &err), 0);
    free(url.database);
    url.database = strdup(tg_dbresult_cell(res, 0, 0)->bytes);
    tg_dbresult_free(&res);
    struct runner a = {first, 0, -2}, b = {tg_sqlconn_new(&url), 0, -2};
    pthread_t threads[2];
    write_file("0001_one.sql", "CREATE TABLE one (a INT); DO SLEEP(0.3)");
    write_file("0002_two.sql", "CREATE TABLE two (a INT)");
    pthread_create(&threads[0], NULL, run_up, &a);
    pthread_create(&threads[1], NULL, run_up, &b);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    is_int(a.status, 0);
    is_int(b.status, 0);
    is_uint(a.n + b.n, 2);
    tg_dburl_deinit(&url);
    tg_sqlconn_free(&a.conn);
    tg_sqlconn_free(&b.conn);
}

TEST(the_migrations_of_this_release_apply_to_an_empty_database)
{
    struct tg_sqlconn *conn = fresh_database();
    struct tg_err err = {0};
    size_t n = 0, n_pending = 9;
    ok(tg_migrate_up(conn, "migrations", NULL, NULL, &n, &err) == 0, "%s", err.text);
    ok(n >= 6, "%zu migrations", n);
    is_int(tg_migrate_status(conn, "migrations", NULL, NULL, &n_pending, &err), 0);
    is_uint(n_pending, 0);
    tg_sqlconn_free(&conn);
}

TAP_MAIN()

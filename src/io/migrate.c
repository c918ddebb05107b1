/* migrate - applies migrations/NNNN_name.sql in order and remembers each with its SHA-256.
 *
 * The plan (files on disk beside rows of schema_migrations) is made and checked
 * whole before anything runs. A file's row is written as 'failed' first and
 * becomes 'applied' at its end, so that a crash half-way is seen as well.
 */
#include "io/migrate.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define MIGRATIONS_MAX 9999
#define FILE_SIZE_MAX (4 * 1024 * 1024)
#define LOCK_WAIT_S 60

struct migration {
    char *name; /* "0001_companies" */
    char *sql;
    size_t sql_len;
    uint8_t hash[TG_SHA256_LEN];
    enum tg_migration_state state;
};

struct plan {
    struct migration *list;
    size_t n;
};

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    " name VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
    " hash BINARY(32) NOT NULL, state ENUM('failed','applied') NOT NULL, applied_at DATETIME(6) NOT NULL"
    ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
static const char table_exists[] = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND "
                                   "table_name = 'schema_migrations'";

static void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        free(plan->list[i].name);
        free(plan->list[i].sql);
    }
    free(plan->list);
    *plan = (struct plan){0};
}

static bool is_migration_name(const char *name)
{
    return strspn(name, "0123456789") == 4 && name[4] == '_' && strlen(name) > strlen("0000_.sql") &&
           strlen(name) < 100 && strcmp(name + strlen(name) - 4, ".sql") == 0 &&
           strspn(name + 5, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) - 9;
}

static int is_sql(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_file(const char *dir, struct migration *m, struct tg_err *err_r)
{
    char path[4096];
    struct stat st;
    if (snprintf(path, sizeof(path), "%s/%s.sql", dir, m->name) >= (int)sizeof(path))
        return tg_err_set(err_r, TG_ERR_INPUT, "the path of the migrations is too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) != 0 || st.st_size > FILE_SIZE_MAX) {
        int saved = errno;
        if (fd != -1)
            close(fd);
        return tg_err_set(err_r, TG_ERR_INPUT, "migration %s cannot be read: %s", m->name,
                          fd == -1 ? strerror(saved) : "it is larger than 4 MiB");
    }
    m->sql = tg_malloc((size_t)st.st_size + 1);
    ssize_t got;
    while (m->sql_len < (size_t)st.st_size &&
           (got = read(fd, m->sql + m->sql_len, (size_t)st.st_size - m->sql_len)) > 0)
        m->sql_len += (size_t)got;
    close(fd);
    m->sql[m->sql_len] = '\0';
    tg_sha256(m->sql, m->sql_len, m->hash);
    return 0;
}

/* The files of the directory, in order, without a gap. */
static int plan_read_dir(struct plan *plan, const char *dir, struct tg_err *err_r)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_sql, by_name), status = 0;
    if (n < 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the migrations cannot be read from %s: %s", dir, strerror(errno));
    plan->list = tg_calloc((size_t)n + 1, sizeof(*plan->list));
    for (int i = 0; i < n; i++) {
        const char *file = entries[i]->d_name;
        if (status == 0 && (!is_migration_name(file) || strtol(file, NULL, 10) != i + 1))
            status =
                tg_err_set(err_r, TG_ERR_INPUT, "migration %s: expected %04d_<name>.sql, without a gap", file, i + 1);
        if (status == 0) {
            struct migration *m = &plan->list[plan->n++];
            m->name = tg_memdup(file, strlen(file) - 4);
            status = read_file(dir, m, err_r);
        }
        free(entries[i]);
    }
    free(entries);
    if (status == 0 && n == 0)
        status = tg_err_set(err_r, TG_ERR_INPUT, "there are no migrations in %s", dir);
    return status;
}

/* One row of schema_migrations: sets the state of its migration. */
static int plan_note_row(struct plan *plan, const struct tg_dbresult *rows, size_t row, struct tg_err *err_r)
{
    const char *name = tg_dbresult_cell(rows, row, 0)->bytes;
    const struct tg_dbval *hash = tg_dbresult_cell(rows, row, 1);
    if (row >= plan->n || strcmp(plan->list[row].name, name) != 0)
        return tg_err_set(err_r, TG_ERR_CONFLICT,
                          "the database has migration %s, which this release does not have in that place: "
                          "is the release older than the database?",
                          name);
    struct migration *m = &plan->list[row];
    if (strcmp(tg_dbresult_cell(rows, row, 2)->bytes, "failed") == 0)
        m->state = TG_MIGRATION_FAILED;
    else if (hash->len != TG_SHA256_LEN || memcmp(hash->bytes, m->hash, TG_SHA256_LEN) != 0)
        m->state = TG_MIGRATION_CHANGED;
    else
        m->state = TG_MIGRATION_APPLIED;
    return 0;
}

static int plan_read_database(struct plan *plan, struct tg_sqlconn *conn, struct tg_err *err_r)
{
    struct tg_dbresult *res;
    int status = 0;
    if (tg_sqlconn_query(conn, table_exists, NULL, 0, &res, err_r) != 0)
        return -1;
    bool exists = tg_dbresult_cell(res, 0, 0)->num > 0;
    tg_dbresult_free(&res);
    if (!exists)
        return 0;
    if (tg_sqlconn_query(conn, "SELECT name, hash, state FROM schema_migrations ORDER BY name", NULL, 0, &res, err_r) !=
        0)
        return -1;
    for (size_t row = 0; row < tg_dbresult_n_rows(res) && status == 0; row++)
        status = plan_note_row(plan, res, row, err_r);
    tg_dbresult_free(&res);
    return status;
}

static int plan_make(struct plan *plan, struct tg_sqlconn *conn, const char *dir, struct tg_err *err_r)
{
    if (plan_read_dir(plan, dir, err_r) != 0)
        return -1;
    return plan_read_database(plan, conn, err_r);
}

/* Refuses what only a person can put right. */
static int plan_check(const struct plan *plan, struct tg_err *err_r)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct migration *m = &plan->list[i];
        if (m->state == TG_MIGRATION_CHANGED)
            return tg_err_set(err_r, TG_ERR_CONFLICT,
                              "migration %s was changed after it had been applied: put the old text back and write a "
                              "new migration",
                              m->name);
        if (m->state == TG_MIGRATION_FAILED)
            return tg_err_set(err_r, TG_ERR_CONFLICT,
                              "migration %s failed half-way: repair the schema by hand, then delete its row from "
                              "schema_migrations to run it again",
                              m->name);
    }
    return 0;
}

static int take_lock(struct tg_sqlconn *conn, struct tg_err *err_r)
{
    struct tg_dbresult *res;
    const struct tg_dbval wait = TG_DBVAL_INT(LOCK_WAIT_S);
    if (tg_sqlconn_query(conn, "SELECT GET_LOCK(CONCAT('tollgate_migrate.', LEFT(DATABASE(), 40)), ?)", &wait, 1, &res,
                         err_r) != 0)
        return -1;
    const struct tg_dbval *cell = tg_dbresult_cell(res, 0, 0);
    bool got = cell->type == TG_DB_INT && cell->num == 1;
    tg_dbresult_free(&res);
    if (!got)
        return tg_err_set(err_r, TG_ERR_BUSY, "another `tollgate migrate` has been running for %d s", LOCK_WAIT_S);
    return 0;
}

static void release_lock(struct tg_sqlconn *conn)
{
    struct tg_err err;
    /* Failing is nothing: the lock goes with the connection. */
    if (tg_sqlconn_query(conn, "SELECT RELEASE_LOCK(CONCAT('tollgate_migrate.', LEFT(DATABASE(), 40)))", NULL, 0, NULL,
                         &err) != 0)
        TG_LOG_WARN("migrate_unlock_finished", TG_LOG_ERR(&err));
}

static int apply(struct tg_sqlconn *conn, const struct migration *m, struct tg_err *err_r)
{
    const struct tg_dbval row[] = {TG_DBVAL_STR(m->name), TG_DBVAL_BYTES((const char *)m->hash, TG_SHA256_LEN),
                                   TG_DBVAL_TIME(tg_clock_now_us())};
    struct tg_err err;
    if (tg_sqlconn_query(conn,
                         "INSERT INTO schema_migrations (name, hash, state, applied_at) VALUES (?, ?, 'failed', ?)",
                         row, 3, NULL, err_r) != 0)
        return -1;
    if (tg_sqlconn_script(conn, m->sql, m->sql_len, &err) != 0) {
        TG_LOG_ERROR("migrate_migration_finished", TG_LOG_STR("migration", m->name), TG_LOG_ERR(&err));
        return tg_err_set(err_r, err.code, "migration %s: %s", m->name, err.text);
    }
    return tg_sqlconn_query(conn, "UPDATE schema_migrations SET state = 'applied' WHERE name = ?", row, 1, NULL, err_r);
}

static int apply_all(struct tg_sqlconn *conn, struct plan *plan, tg_migrate_progress_fn *fn, void *arg,
                     size_t *n_applied, struct tg_err *err_r)
{
    if (tg_sqlconn_query(conn, create_table, NULL, 0, NULL, err_r) != 0)
        return -1;
    for (size_t i = 0; i < plan->n; i++) {
        struct migration *m = &plan->list[i];
        if (m->state == TG_MIGRATION_APPLIED)
            continue;
        int status = apply(conn, m, err_r);
        m->state = status == 0 ? TG_MIGRATION_APPLIED : TG_MIGRATION_FAILED;
        *n_applied += status == 0;
        if (fn != NULL)
            fn(m->name, m->state, i + 1, plan->n, arg);
        if (m->state == TG_MIGRATION_FAILED)
            return -1;
    }
    return 0;
}

int tg_migrate_up(struct tg_sqlconn *conn, const char *dir, tg_migrate_progress_fn *fn, void *arg, size_t *n_applied_r,
                  struct tg_err *err_r)
{
    struct plan plan = {0};
    size_t n_applied = 0;
    if (take_lock(conn, err_r) != 0)
        return -1;
    int status = plan_make(&plan, conn, dir, err_r);
    if (status == 0)
        status = plan_check(&plan, err_r);
    if (status == 0)
        status = apply_all(conn, &plan, fn, arg, &n_applied, err_r);
    release_lock(conn);
    plan_free(&plan);
    if (status == 0 && n_applied_r != NULL)
        *n_applied_r = n_applied;
    return status;
}

int tg_migrate_status(struct tg_sqlconn *conn, const char *dir, tg_migrate_progress_fn *fn, void *arg,
                      size_t *n_pending_r, struct tg_err *err_r)
{
    struct plan plan = {0};
    size_t n_pending = 0;
    int status = plan_make(&plan, conn, dir, err_r);
    for (size_t i = 0; i < plan.n && status == 0; i++) {
        n_pending += plan.list[i].state == TG_MIGRATION_PENDING;
        if (fn != NULL)
            fn(plan.list[i].name, plan.list[i].state, i + 1, plan.n, arg);
    }
    plan_free(&plan);
    if (status == 0 && n_pending_r != NULL)
        *n_pending_r = n_pending;
    return status;
}

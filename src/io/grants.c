/* grants - see grants.h. GRANT takes no bound values: every word that goes into one is checked letter by letter. */
#include "io/grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define SQL_LEN_MAX 65536

static bool is_made_of(const char *word, const char *letters)
{
    return *word != '\0' && word[strspn(word, letters)] == '\0';
}

/* "user@host", as MariaDB sees the connection. The database is left out: the user may have no right to it yet. */
static int current_user(const struct tg_dburl *url, char *user, size_t size, struct tg_err *err_r)
{
    struct tg_dburl bare = *url;
    struct tg_dbresult *res = NULL;
    bare.database = "";
    struct tg_sqlconn *conn = tg_sqlconn_new(&bare);
    int rc = tg_sqlconn_query(conn, "SELECT CURRENT_USER()", NULL, 0, &res, err_r);
    if (rc == 0) {
        const struct tg_dbval *cell = tg_dbresult_cell(res, 0, 0);
        snprintf(user, size, "%.*s", (int)cell->len, cell->bytes);
        tg_dbresult_free(&res);
        if (!is_made_of(user, NAME_LETTERS "@.%:-"))
            rc = tg_err_set(err_r, TG_ERR_INPUT, "the server's database user '%s' has letters we do not quote", user);
    }
    tg_sqlconn_free(&conn);
    return rc;
}

static void append_account(struct tg_strbuf *sql, const char *user)
{
    const char *at = strrchr(user, '@');
    tg_strbuf_printf(sql, "'%.*s'@'%s'", (int)(at - user), user, at + 1);
}

/* One line of the file into one GRANT. */
static int append_grant(struct tg_strbuf *sql, char *line, unsigned number, const char *database, const char *user,
                        struct tg_err *err_r)
{
    line[strcspn(line, "#\r\n")] = '\0';
    char *table = line + strspn(line, " \t");
    if (*table == '\0')
        return 0;
    size_t len = strcspn(table, " \t");
    char *privileges = table + len + strspn(table + len, " \t");
    table[len] = '\0';
    for (size_t end = strlen(privileges); end > 0 && strchr(" \t", privileges[end - 1]) != NULL; --end)
        privileges[end - 1] = '\0';
    if (!is_made_of(table, NAME_LETTERS) || !is_made_of(privileges, "ABCDEFGHIJKLMNOPQRSTUVWXYZ, "))
        return tg_err_set(err_r, TG_ERR_INPUT, "line %u: a table and its privileges are needed", number);
    tg_strbuf_printf(sql, "GRANT %s ON `%s`.`%s` TO ", privileges, database, table);
    append_account(sql, user);
    tg_strbuf_append_str(sql, ";\n");
    return 0;
}

static int read_grants(const char *path, const char *database, const char *user, struct tg_strbuf *sql,
                       struct tg_err *err_r)
{
    char line[256];
    unsigned number = 0;
    int rc = 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    while (rc == 0 && fgets(line, sizeof(line), f) != NULL)
        rc = append_grant(sql, line, ++number, database, user, err_r);
    fclose(f);
    return rc;
}

/* Whether sql grants this privilege on this table: what has just been granted must not be taken back, not even for
 * the moment between two statements. */
static bool is_granted_by(const char *sql, const struct tg_dbval *table, const struct tg_dbval *privilege)
{
    char on[160], *line, *rest = strdup(sql);
    bool found = false;
    snprintf(on, sizeof(on), ".`%.*s` TO ", (int)table->len, table->bytes);
    for (char *at = rest; !found && (line = strsep(&at, "\n")) != NULL;) {
        char *privileges = strncmp(line, "GRANT ", 6) == 0 && strstr(line, on) != NULL ? line + 6 : NULL;
        if (privileges == NULL)
            continue;
        *strstr(privileges, " ON ") = '\0';
        char *left;
        for (char *word = strtok_r(privileges, ", ", &left); word != NULL && !found; word = strtok_r(NULL, ", ", &left))
            found = strlen(word) == privilege->len && memcmp(word, privilege->bytes, privilege->len) == 0;
    }
    free(rest);
    return found;
}

/* Takes back what the user has and the file no longer names. */
static int append_revokes(struct tg_sqlconn *conn, struct tg_strbuf *sql, const char *database, const char *user,
                          struct tg_err *err_r)
{
    struct tg_strbuf grantee;
    struct tg_dbresult *res = NULL;
    tg_strbuf_init(&grantee, 512);
    append_account(&grantee, user);
    struct tg_dbval values[] = {TG_DBVAL_BYTES(grantee.bytes, grantee.len), TG_DBVAL_STR(database)};
    int rc = tg_sqlconn_query(conn,
                              "SELECT table_name, privilege_type FROM information_schema.table_privileges"
                              " WHERE grantee = ? AND table_schema = ?",
                              values, 2, &res, err_r);
    for (size_t i = 0; rc == 0 && i != tg_dbresult_n_rows(res); ++i) {
        const struct tg_dbval *table = tg_dbresult_cell(res, i, 0), *privilege = tg_dbresult_cell(res, i, 1);
        if (is_granted_by(sql->bytes, table, privilege))
            continue;
        tg_strbuf_printf(sql, "REVOKE %.*s ON `%s`.`%.*s` FROM ", (int)privilege->len, privilege->bytes, database,
                         (int)table->len, table->bytes);
        tg_strbuf_append(sql, grantee.bytes, grantee.len);
        tg_strbuf_append_str(sql, ";\n");
    }
    if (rc == 0)
        tg_dbresult_free(&res);
    tg_strbuf_deinit(&grantee);
    return rc;
}

int tg_grants_apply(const struct tg_dburl *owner, const struct tg_dburl *server, const char *path, struct tg_err *err_r)
{
    char user[300];
    struct tg_strbuf sql;
    if (strcmp(owner->user, server->user) == 0)
        return 0;
    if (!is_made_of(owner->database, NAME_LETTERS "-"))
        return tg_err_set(err_r, TG_ERR_INPUT, "the database's name '%s' has letters we do not quote", owner->database);
    if (current_user(server, user, sizeof(user), err_r) != 0)
        return -1;
    struct tg_sqlconn *conn = tg_sqlconn_new(owner);
    tg_strbuf_init(&sql, SQL_LEN_MAX);
    int rc = read_grants(path, owner->database, user, &sql, err_r);
    if (rc == 0)
        rc = append_revokes(conn, &sql, owner->database, user, err_r);
    if (rc == 0 && tg_strbuf_overflowed(&sql))
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s is too long", path);
    if (rc == 0)
        rc = tg_sqlconn_script(conn, sql.bytes, sql.len, err_r);
    tg_strbuf_deinit(&sql);
    tg_sqlconn_free(&conn);
    return rc;
}

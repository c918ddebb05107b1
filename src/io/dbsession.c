/* dbsession - options, session variables and error numbers of MariaDB. */
#include "io/dbsession.h"

#include <assert.h>
#include <ctype.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#ifndef ER_CONNECTION_KILLED
#define ER_CONNECTION_KILLED 1927
#endif
#define ERR_SNAPSHOT_CONFLICT 1020 /* ER_CHECKREAD: innodb_snapshot_isolation */
#define ERR_STATEMENT_TIMEOUT 1969
#define ERR_CONSTRAINT_FAILED 4025
#define ERR_PACKET_TOO_LARGE 2020

static void init_library(void)
{
    int failed = mysql_library_init(0, NULL, NULL);
    assert(!failed);
}

void tg_dbsession_init_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
}

void tg_dbsession_set_options(MYSQL *my, const struct tg_dburl *url, unsigned connect_timeout_s,
                              unsigned read_timeout_s)
{
    static const my_bool no = 0, yes = 1;
    static const unsigned tcp = MYSQL_PROTOCOL_TCP, unix_socket = MYSQL_PROTOCOL_SOCKET;
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(my, MYSQL_OPT_RECONNECT, &no);
    mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &no);
    mysql_options(my, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    mysql_options(my, MYSQL_OPT_PROTOCOL, url->socket != NULL ? &unix_socket : &tcp);
    if (connect_timeout_s > 0)
        mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout_s);
    if (read_timeout_s > 0) {
        mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &read_timeout_s);
        mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &read_timeout_s);
    }
    if (url->tls_verify) {
        mysql_options(my, MYSQL_OPT_SSL_ENFORCE, &yes);
        mysql_options(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    }
}

const char *tg_dbsession_host(const struct tg_dburl *url)
{
    return url->socket != NULL ? NULL : url->host;
}

/* It came with these maintenance releases; elsewhere the variable is unknown and REPEATABLE READ loses updates. */
static bool has_snapshot_isolation(unsigned long version)
{
    static const struct {
        unsigned long first, last;
    } ranges[] = {{100618, 100699}, {101108, 101199}, {110006, 110099},
                  {110105, 110199}, {110204, 110299}, {110402, 999999}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (version >= ranges[i].first && version <= ranges[i].last)
            return true;
    }
    return false;
}

size_t tg_dbsession_setup_sql(MYSQL *my, bool read_committed, unsigned max_statement_time_s,
                              char out[static TG_DBSESSION_SQL_SIZE])
{
    int len = snprintf(out, TG_DBSESSION_SQL_SIZE,
                       "SET time_zone='+00:00', innodb_lock_wait_timeout=2, max_statement_time=%u, "
                       "sql_mode='STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
                       "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'%s%s",
                       max_statement_time_s, read_committed ? ", tx_isolation='READ-COMMITTED'" : "",
                       has_snapshot_isolation(mysql_get_server_version(my)) ? ", innodb_snapshot_isolation=ON" : "");
    assert(len > 0 && len < TG_DBSESSION_SQL_SIZE);
    return (size_t)len;
}

/* "Duplicate entry '…' for key 'name'": the value is somebody's data and stays out of the text. */
static int set_duplicate(const char *text, struct tg_err *err_r)
{
    static const char before[] = "for key '";
    const char *key = NULL;
    for (const char *p = text; (p = strstr(p, before)) != NULL; p++)
        key = p + strlen(before);
    int len = key == NULL ? 0 : (int)strcspn(key, "'");
    return tg_err_set(err_r, TG_ERR_CONFLICT, "a row with this key exists already: %.*s", len, key == NULL ? "" : key);
}

static bool is_lost(unsigned native)
{
    return native == CR_SERVER_GONE_ERROR || native == CR_SERVER_LOST || native == CR_SERVER_LOST_EXTENDED ||
           native == CR_MALFORMED_PACKET || native == ER_CONNECTION_KILLED || native == ER_SERVER_SHUTDOWN;
}

static enum tg_errcode code_when_lost(enum tg_dbphase phase)
{
    return phase == TG_DBPHASE_WRITE || phase == TG_DBPHASE_COMMIT ? TG_ERR_UNCERTAIN : TG_ERR_UPSTREAM;
}

static enum tg_errcode code_of(enum tg_dbphase phase, unsigned native)
{
    if (is_lost(native))
        return code_when_lost(phase);
    switch (native) {
    case ERR_SNAPSHOT_CONFLICT:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_DUP_ENTRY:
    case ER_ROW_IS_REFERENCED_2:
    case ER_NO_REFERENCED_ROW_2: return TG_ERR_CONFLICT;
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED: return TG_ERR_BUSY;
    case ERR_STATEMENT_TIMEOUT:
    case ER_QUERY_INTERRUPTED: return TG_ERR_UPSTREAM; /* the server undid the statement */
    case ER_BAD_NULL_ERROR:
    case ER_DATA_TOO_LONG:
    case ER_WARN_DATA_OUT_OF_RANGE:
    case WARN_DATA_TRUNCATED:
    case ER_TRUNCATED_WRONG_VALUE:
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
    case ER_INVALID_CHARACTER_STRING:
    case ERR_PACKET_TOO_LARGE:
    case ER_NET_PACKET_TOO_LARGE:
    case ERR_CONSTRAINT_FAILED: return TG_ERR_INPUT;
    case ER_PARSE_ERROR:
    case ER_BAD_FIELD_ERROR:
    case ER_NO_SUCH_TABLE:
    case ER_WRONG_VALUE_COUNT_ON_ROW:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case CR_COMMANDS_OUT_OF_SYNC: return TG_ERR_BUG;
    default: return TG_ERR_UPSTREAM;
    }
}

int tg_dbsession_error(enum tg_dbphase phase, unsigned native, const char *text, struct tg_err *err_r)
{
    assert(native != 0);
    if (native == ER_DUP_ENTRY) {
        set_duplicate(text, err_r);
    } else {
        enum tg_errcode code = code_of(phase, native);
        const char *what = phase == TG_DBPHASE_CONNECT                              ? "cannot connect to the database"
                           : phase == TG_DBPHASE_COMMIT && code == TG_ERR_UNCERTAIN ? "the answer to COMMIT was lost"
                                                                                    : "database";
        tg_err_set(err_r, code, "%s: %s (%u)", what, text, native);
    }
    if (err_r != NULL)
        err_r->native = (int)native;
    return -1;
}

bool tg_dbsession_error_is_fatal(unsigned native)
{
    return is_lost(native) || native == CR_COMMANDS_OUT_OF_SYNC || native == CR_UNKNOWN_ERROR ||
           native == ER_NET_READ_ERROR || native == ER_NET_PACKET_TOO_LARGE || native == ERR_PACKET_TOO_LARGE ||
           native == CR_OUT_OF_MEMORY ||
           native ==
               CR_NEW_STMT_METADATA; /* an ALTER changed a cached statement's columns: rows nobody can read wait */
}

static bool starts_with_word(const char *str, const char *word)
{
    size_t len = strlen(word);
    return strncasecmp(str, word, len) == 0 && !isalnum((unsigned char)str[len]) && str[len] != '_';
}

static const char *skip_blank(const char *str)
{
    for (;;) {
        while (isspace((unsigned char)*str) || *str == '(')
            str++;
        const char *end = NULL;
        if (strncmp(str, "/*", 2) == 0)
            end = strstr(str + 2, "*/");
        if (end == NULL)
            return str;
        str = end + 2;
    }
}

bool tg_dbsession_is_read(const char *sql)
{
    static const char *const words[] = {"SELECT", "SHOW", "WITH", "EXPLAIN", "DESCRIBE", "VALUES", "DO"};
    sql = skip_blank(sql);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (starts_with_word(sql, words[i]))
            return true;
    }
    /* SET a=1 changes the session; SET STATEMENT … FOR INSERT … changes rows. */
    return starts_with_word(sql, "SET") && !starts_with_word(skip_blank(sql + 3), "STATEMENT");
}

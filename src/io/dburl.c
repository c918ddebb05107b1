/* dburl - takes mysql://user:password@host[:port]/database?… apart.
 *
 * Errors never repeat the url: it holds a password.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/db.h"
#include "io/dbsession.h"

#define SCHEME "mysql://"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into a new string; NULL when an escape is broken or makes a NUL. */
static char *decode(const char *str, size_t len)
{
    char *out = tg_malloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = str[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(str[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(str[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                free(out);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return out;
}

static int take(const char *str, size_t len, const char *what, char **out, struct tg_err *err_r)
{
    free(*out);
    *out = decode(str, len);
    if (*out == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: a %%-escape in the %s is broken", what);
    return 0;
}

static int parse_port(const char *str, size_t len, uint16_t *port_r, struct tg_err *err_r)
{
    unsigned port = 0;
    for (size_t i = 0; i < len && port <= UINT16_MAX; i++)
        port = str[i] >= '0' && str[i] <= '9' ? port * 10 + (unsigned)(str[i] - '0') : UINT16_MAX + 1u;
    if (len == 0 || port == 0 || port > UINT16_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: the port must be a number from 1 to 65535");
    *port_r = (uint16_t)port;
    return 0;
}

static int parse_user(const char *str, size_t len, struct tg_dburl *url, struct tg_err *err_r)
{
    const char *colon = memchr(str, ':', len);
    size_t user_len = colon == NULL ? len : (size_t)(colon - str);
    if (user_len == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: a user is missing (mysql://user:password@host/database)");
    if (take(str, user_len, "user", &url->user, err_r) != 0)
        return -1;
    if (colon == NULL)
        return 0;
    return take(colon + 1, len - user_len - 1, "password", &url->password, err_r);
}

static int parse_host(const char *str, size_t len, struct tg_dburl *url, struct tg_err *err_r)
{
    const char *end = str + len, *host = str, *host_end;
    if (len > 0 && *str == '[') { /* [::1]:3306 */
        host = str + 1;
        host_end = memchr(host, ']', len - 1);
        if (host_end == NULL)
            return tg_err_set(err_r, TG_ERR_INPUT, "database url: '[' of the host without ']'");
        str = host_end + 1;
    } else {
        host_end = memchr(str, ':', len);
        if (host_end == NULL)
            host_end = end;
        str = host_end;
    }
    if (host_end == host)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: a host is missing");
    if (take(host, (size_t)(host_end - host), "host", &url->host, err_r) != 0)
        return -1;
    if (str == end)
        return 0;
    if (*str != ':')
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: ':' and a port must follow the host");
    return parse_port(str + 1, (size_t)(end - str - 1), &url->port, err_r);
}

static int parse_option(const char *str, size_t len, struct tg_dburl *url, struct tg_err *err_r)
{
    if (len > 7 && memcmp(str, "socket=", 7) == 0)
        return take(str + 7, len - 7, "socket", &url->socket, err_r);
    if (len == 10 && memcmp(str, "tls=verify", 10) == 0) {
        url->tls_verify = true;
        return 0;
    }
    const char *equals = memchr(str, '=', len);
    int name_len = (int)(equals == NULL ? len : (size_t)(equals - str));
    return tg_err_set(err_r, TG_ERR_INPUT, "database url: option '%.*s' is not socket=/path or tls=verify",
                      name_len > 32 ? 32 : name_len, str);
}

static int parse_options(const char *str, struct tg_dburl *url, struct tg_err *err_r)
{
    while (*str != '\0') {
        size_t len = strcspn(str, "&");
        if (parse_option(str, len, url, err_r) != 0)
            return -1;
        str += len;
        str += *str == '&';
    }
    return 0;
}

static int parse(const char *text, struct tg_dburl *url, struct tg_err *err_r)
{
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: it must begin with " SCHEME);
    text += strlen(SCHEME);
    size_t authority_len = strcspn(text, "/?");
    const char *at = NULL;
    for (size_t i = 0; i < authority_len; i++)
        at = text[i] == '@' ? text + i : at;
    if (at == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: a user is missing (mysql://user:password@host/database)");
    size_t user_len = (size_t)(at - text);
    if (parse_user(text, user_len, url, err_r) != 0 ||
        parse_host(at + 1, authority_len - user_len - 1, url, err_r) != 0)
        return -1;
    text += authority_len;
    size_t database_len = *text == '/' ? strcspn(text + 1, "?") : 0;
    if (database_len == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "database url: '/database' must follow the host");
    if (take(text + 1, database_len, "database", &url->database, err_r) != 0)
        return -1;
    text += 1 + database_len;
    return *text == '?' ? parse_options(text + 1, url, err_r) : 0;
}

int tg_dburl_parse(const char *text, struct tg_dburl *url_r, struct tg_err *err_r)
{
    struct tg_dburl url = {.port = 3306};
    if (parse(text, &url, err_r) != 0) {
        tg_dburl_deinit(&url);
        return -1;
    }
    if (url.password == NULL)
        url.password = tg_strdup("");
    *url_r = url;
    return 0;
}

void tg_dburl_copy(const struct tg_dburl *url, struct tg_dburl *copy_r)
{
    *copy_r = *url;
    copy_r->user = tg_strdup(url->user);
    copy_r->password = tg_strdup(url->password);
    copy_r->host = tg_strdup(url->host);
    copy_r->database = tg_strdup(url->database);
    copy_r->socket = url->socket == NULL ? NULL : tg_strdup(url->socket);
}

void tg_dburl_deinit(struct tg_dburl *url)
{
    if (url->password != NULL)
        explicit_bzero(url->password, strlen(url->password));
    free(url->user);
    free(url->password);
    free(url->host);
    free(url->database);
    free(url->socket);
    *url = (struct tg_dburl){0};
}

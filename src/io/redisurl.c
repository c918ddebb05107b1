/* redisurl - where Redis is. */
#include "io/redisurl.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The whole of str is a number from 0 to max. */
static bool parse_number(const char *str, unsigned max, unsigned *n_r)
{
    unsigned n = 0;
    size_t len = strlen(str);
    if (len == 0 || len > 5)
        return false;
    for (; *str != '\0'; str++) {
        if (*str < '0' || *str > '9')
            return false;
        n = n * 10 + (unsigned)(*str - '0');
    }
    *n_r = n;
    return n <= max;
}

static int parse_db(const char *str, struct tg_redisurl *url, struct tg_err *err_r)
{
    unsigned db;
    if (!parse_number(str, 9999, &db))
        return tg_err_set(err_r, TG_ERR_INPUT, "redis url: the database must be a number");
    url->db = (int)db;
    return 0;
}

static int parse_unix(const char *text, struct tg_redisurl *url, struct tg_err *err_r)
{
    size_t path_len = strcspn(text, "?");
    if (*text != '/' || path_len < 2)
        return tg_err_set(err_r, TG_ERR_INPUT, "redis url: unix:///path/of/the.sock[?db=N]");
    url->path = tg_memdup(text, path_len);
    if (text[path_len] == '\0')
        return 0;
    if (strncmp(text + path_len, "?db=", 4) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "redis url: the only option is ?db=N");
    return parse_db(text + path_len + 4, url, err_r);
}

static int parse_host(char *text, struct tg_redisurl *url, struct tg_err *err_r)
{
    char *host = text, *port = NULL, *end;
    if (*text == '[') {
        host = text + 1;
        end = strchr(host, ']');
        if (end == NULL)
            return tg_err_set(err_r, TG_ERR_INPUT, "redis url: '[' of the host without ']'");
        *end = '\0';
        if (end[1] != '\0' && end[1] != ':')
            return tg_err_set(err_r, TG_ERR_INPUT, "redis url: ':' and a port must follow the host");
        port = end[1] == ':' ? end + 2 : NULL;
    } else if ((end = strchr(text, ':')) != NULL) {
        *end = '\0';
        port = end + 1;
    }
    if (*host == '\0')
        return tg_err_set(err_r, TG_ERR_INPUT, "redis url: a host is missing");
    unsigned number = 6379;
    if (port != NULL && (!parse_number(port, UINT16_MAX, &number) || number == 0))
        return tg_err_set(err_r, TG_ERR_INPUT, "redis url: the port must be a number from 1 to 65535");
    url->host = tg_strdup(host);
    url->port = (uint16_t)number;
    return 0;
}

static int parse_tcp(const char *text, struct tg_redisurl *url, struct tg_err *err_r)
{
    char *copy = tg_strdup(text), *host = copy;
    int status = 0;
    char *at = strrchr(copy, '@'), *slash = strchr(at == NULL ? copy : at, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (slash[1] != '\0')
            status = parse_db(slash + 1, url, err_r);
    }
    if (at != NULL) {
        *at = '\0';
        host = at + 1;
        char *colon = strchr(copy, ':');
        if (colon == NULL)
            status = tg_err_set(err_r, TG_ERR_INPUT, "redis url: before '@' comes user:password or :password");
        else
            url->password = tg_strdup(colon + 1);
        if (colon != NULL && colon > copy)
            url->user = tg_memdup(copy, (size_t)(colon - copy));
    }
    if (status == 0)
        status = parse_host(host, url, err_r);
    explicit_bzero(copy, strlen(text));
    free(copy);
    return status;
}

int tg_redisurl_parse(const char *text, struct tg_redisurl *url_r, struct tg_err *err_r)
{
    struct tg_redisurl url = {0};
    int status;
    if (strncmp(text, "unix://", 7) == 0)
        status = parse_unix(text + 7, &url, err_r);
    else if (strncmp(text, "redis://", 8) == 0)
        status = parse_tcp(text + 8, &url, err_r);
    else
        status = tg_err_set(err_r, TG_ERR_INPUT, "redis url: it must begin with unix:// or redis://");
    if (status != 0)
        tg_redisurl_deinit(&url);
    else
        *url_r = url;
    return status;
}

void tg_redisurl_deinit(struct tg_redisurl *url)
{
    if (url->password != NULL)
        explicit_bzero(url->password, strlen(url->password));
    free(url->path);
    free(url->host);
    free(url->user);
    free(url->password);
    *url = (struct tg_redisurl){0};
}

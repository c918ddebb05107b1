/* listen - the sockets that accept: the directive, and opening them. */
#include "web/listen.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <h2o/configurator.h>

#include "base/mem.h"
#include "web/directives.h"

/* The directive's value, taken apart; nodes are NULL where not given. */
struct listen_args {
    const char *host, *port;
    bool is_unix, http2, proxy_protocol;
    unsigned permission;
    int backlog;
    yoml_t *ssl;
};

#define complain h2o_configurator_errprintf

/* --- Reading -------------------------------------------------------------------------------------------------------- */

static int read_switch(h2o_configurator_command_t *cmd, yoml_t *node, bool *on_r)
{
    ssize_t on = h2o_configurator_get_one_of(cmd, node, "OFF,ON");
    if (on == -1)
        return -1;
    *on_r = on == 1;
    return 0;
}

static int read_http2(h2o_configurator_command_t *cmd, yoml_t *node, bool *on_r)
{
    if (read_switch(cmd, node, on_r) != 0)
        return -1;
    if (*on_r && !TG_H2O_HARDENED) {
        complain(cmd, node, "`http2: ON` needs the hardened libh2o, which this program was built without");
        return -1;
    }
    return 0;
}

static int read_property(h2o_configurator_command_t *cmd, yoml_t *key, yoml_t *value, struct listen_args *args)
{
    const char *name = key->data.scalar;
    char end;
    if (strcmp(name, "ssl") == 0) {
        args->ssl = value;
        return 0;
    }
    if (value->type != YOML_TYPE_SCALAR) {
        complain(cmd, value, "`%s` must be a single value", name);
        return -1;
    }
    const char *text = value->data.scalar;
    if (strcmp(name, "host") == 0)
        args->host = text;
    else if (strcmp(name, "port") == 0)
        args->port = text;
    else if (strcmp(name, "http2") == 0)
        return read_http2(cmd, value, &args->http2);
    else if (strcmp(name, "proxy-protocol") == 0)
        return read_switch(cmd, value, &args->proxy_protocol);
    else if (strcmp(name, "type") == 0 && (strcmp(text, "tcp") == 0 || strcmp(text, "unix") == 0))
        args->is_unix = strcmp(text, "unix") == 0;
    else if (strcmp(name, "type") == 0) {
        complain(cmd, value, "`type` must be tcp or unix");
        return -1;
    } else if (strcmp(name, "permission") == 0) {
        if (sscanf(text, "%o%c", &args->permission, &end) != 1 || args->permission > 0777) {
            complain(cmd, value, "`permission` must be an octal number such as 660");
            return -1;
        }
    } else if (strcmp(name, "backlog") == 0) {
        if (sscanf(text, "%d%c", &args->backlog, &end) != 1 || args->backlog < 1) {
            complain(cmd, value, "`backlog` must be a positive number");
            return -1;
        }
    } else {
        complain(cmd, key, "unknown property of listen: %s", name);
        return -1;
    }
    return 0;
}

static int read_args(h2o_configurator_command_t *cmd, yoml_t *node, struct listen_args *args)
{
    *args = (struct listen_args){.http2 = TG_H2O_HARDENED, .backlog = H2O_SOMAXCONN};
    if (node->type == YOML_TYPE_SCALAR) {
        args->port = node->data.scalar;
        return 0;
    }
    if (node->type != YOML_TYPE_MAPPING) {
        complain(cmd, node, "must be a port, or a mapping with `port` and optionally host, type, ssl, …");
        return -1;
    }
    for (size_t i = 0; i < node->data.mapping.size; i++) {
        yoml_t *key = node->data.mapping.elements[i].key;
        if (key->type != YOML_TYPE_SCALAR) {
            complain(cmd, key, "must be a string");
            return -1;
        }
        if (read_property(cmd, key, node->data.mapping.elements[i].value, args) != 0)
            return -1;
    }
    if (args->port == NULL) {
        complain(cmd, node, "`port` is missing");
        return -1;
    }
    return 0;
}

/* Port 0 is another free port each time. */
static bool is_ephemeral(const struct sockaddr *addr)
{
    return (addr->sa_family == AF_INET && ((const struct sockaddr_in *)(const void *)addr)->sin_port == 0) ||
           (addr->sa_family == AF_INET6 && ((const struct sockaddr_in6 *)(const void *)addr)->sin6_port == 0);
}

static struct tg_listener *find_listener(struct tg_conf *conf, const struct sockaddr *addr, socklen_t len)
{
    for (size_t i = 0; i < conf->n_listeners && !is_ephemeral(addr); i++)
        if (conf->listeners[i]->addr_len == len && memcmp(&conf->listeners[i]->addr, addr, len) == 0)
            return conf->listeners[i];
    return NULL;
}

static void set_name(struct tg_listener *listener)
{
    const struct sockaddr *sa = (const void *)&listener->addr;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (sa->sa_family == AF_UNIX)
        snprintf(listener->name, sizeof(listener->name), "%s",
                 ((const struct sockaddr_un *)(const void *)sa)->sun_path);
    else if (getnameinfo(sa, listener->addr_len, host, sizeof(host), port, sizeof(port),
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(listener->name, sizeof(listener->name), sa->sa_family == AF_INET6 ? "[%.90s]:%.10s" : "%.90s:%.10s",
                 host, port);
}

static int add_host(struct tg_listener *listener, h2o_hostconf_t *host)
{
    if (listener->hosts == NULL)
        listener->hosts = tg_calloc(1, sizeof(*listener->hosts));
    h2o_append_to_null_terminated_list((void *)&listener->hosts, host);
    return 0;
}

/* The listener of this address, made when it is new; then its certificate. */
static int add_listener(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node,
                        const struct listen_args *args, const struct sockaddr *addr, socklen_t len)
{
    struct tg_conf *conf = tg_directives_conf(cmd);
    struct tg_listener *listener = find_listener(conf, addr, len);
    bool is_new = listener == NULL;
    if (is_new) {
        if (conf->n_listeners == TG_LISTENERS_MAX) {
            complain(cmd, node, "more than %d listeners", TG_LISTENERS_MAX);
            return -1;
        }
        listener = conf->listeners[conf->n_listeners++] = TG_NEW(struct tg_listener);
        memcpy(&listener->addr, addr, len);
        listener->addr_len = len;
        listener->fd = -1;
        listener->http2 = args->http2;
        listener->proxy_protocol = args->proxy_protocol;
        listener->permission = args->permission;
        listener->backlog = args->backlog;
        listener->is_global = ctx->hostconf == NULL;
        set_name(listener);
    } else if ((listener->n_certificates != 0) != (args->ssl != NULL) ||
               listener->proxy_protocol != args->proxy_protocol || listener->http2 != args->http2 ||
               listener->is_global != (ctx->hostconf == NULL)) {
        complain(cmd, node, "%s is defined already, with another ssl, http2, proxy-protocol or level", listener->name);
        return -1;
    }
    if (ctx->hostconf != NULL && add_host(listener, ctx->hostconf) != 0)
        return -1;
    if (args->ssl == NULL)
        return 0;
    return tg_tls_on_property(cmd, args->ssl, listener,
                              ctx->hostconf == NULL ? NULL : ctx->hostconf->authority.host.base);
}

static int add_unix(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node,
                    const struct listen_args *args)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(args->port) >= sizeof(sa.sun_path)) {
        complain(cmd, node, "the path %s is too long for a unix socket", args->port);
        return -1;
    }
    memcpy(sa.sun_path, args->port, strlen(args->port) + 1);
    return add_listener(cmd, ctx, node, args, (const void *)&sa, sizeof(sa));
}

/* getaddrinfo() would take 99999 for 34463. */
static bool is_port(const char *text)
{
    return *text != '\0' && strlen(text) <= 5 && text[strspn(text, "0123456789")] == '\0' &&
           strtol(text, NULL, 10) <= 65535;
}

static int add_tcp(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node,
                   const struct listen_args *args)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_protocol = IPPROTO_TCP,
                             .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV | AI_PASSIVE},
                    *all;
    if (!is_port(args->port)) {
        complain(cmd, node, "`port` is a whole number from 0 to 65535, not %s", args->port);
        return -1;
    }
    int error = getaddrinfo(args->host, args->port, &hints, &all), ret = 0;
    if (error != 0) {
        complain(cmd, node, "%s:%s cannot be resolved: %s", args->host == NULL ? "*" : args->host, args->port,
                 gai_strerror(error));
        return -1;
    }
    for (struct addrinfo *ai = all; ai != NULL && ret == 0; ai = ai->ai_next)
        ret = add_listener(cmd, ctx, node, args, ai->ai_addr, ai->ai_addrlen);
    freeaddrinfo(all);
    return ret;
}

int tg_listen_on_directive(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    struct listen_args args;
    if (node->type == YOML_TYPE_SEQUENCE) {
        for (size_t i = 0; i < node->data.sequence.size; i++)
            if (tg_listen_on_directive(cmd, ctx, node->data.sequence.elements[i]) != 0)
                return -1;
        return 0;
    }
    if (read_args(cmd, node, &args) != 0)
        return -1;
    return args.is_unix ? add_unix(cmd, ctx, node, &args) : add_tcp(cmd, ctx, node, &args);
}

/* --- Opening -------------------------------------------------------------------------------------------------------- */

static int set_flag(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on));
}

/* A socket file that nobody serves any more is in the way of bind(). */
static int remove_stale_socket(const struct tg_listener *listener)
{
    struct stat st;
    const char *path = ((const struct sockaddr_un *)(const void *)&listener->addr)->sun_path;
    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int is_served = connect(fd, (const void *)&listener->addr, listener->addr_len) == 0;
    close(fd);
    if (is_served) {
        errno = EADDRINUSE;
        return -1;
    }
    return unlink(path);
}

int tg_listener_open(struct tg_listener *listener, struct tg_err *err_r)
{
    const int family = listener->addr.ss_family;
    assert(listener->fd == -1);
    if (family == AF_UNIX && remove_stale_socket(listener) != 0)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "cannot listen on %s: %s", listener->name, strerror(errno));
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1)
        goto Fail;
    if (family != AF_UNIX && set_flag(fd, SOL_SOCKET, SO_REUSEADDR) != 0)
        goto Fail;
    if (family == AF_INET6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0)
        goto Fail;
    if (bind(fd, (const void *)&listener->addr, listener->addr_len) != 0)
        goto Fail;
    if (family == AF_UNIX && listener->permission != 0 && chmod(listener->name, listener->permission) != 0)
        goto Fail;
    if (listen(fd, listener->backlog) != 0)
        goto Fail;
    /* port 0 became a real one */
    listener->addr_len = sizeof(listener->addr);
    if (getsockname(fd, (void *)&listener->addr, &listener->addr_len) != 0)
        goto Fail;
    set_name(listener);
    listener->fd = fd;
    return 0;
Fail:
    tg_err_set(err_r, TG_ERR_UPSTREAM, "cannot listen on %s: %s", listener->name, strerror(errno));
    if (fd != -1)
        close(fd);
    return -1;
}

void tg_listener_close(struct tg_listener *listener)
{
    if (listener->fd == -1)
        return;
    close(listener->fd);
    if (listener->addr.ss_family == AF_UNIX)
        unlink(listener->name);
    listener->fd = -1;
}

void tg_listener_free(struct tg_listener **listener_p)
{
    struct tg_listener *listener = *listener_p;
    *listener_p = NULL;
    if (listener == NULL)
        return;
    tg_listener_close(listener);
    for (size_t i = 0; i < listener->n_certificates; i++)
        tg_certificate_deinit(&listener->certificates[i]);
    SSL_CTX_free(listener->tls);
    if (!listener->is_global)
        free(listener->hosts);
    free(listener);
}

/* server - a tiny libh2o server for the hostile scripts.
 *
 *     hostile-server CERT KEY
 *
 * Listens with TLS on a free loopback port and prints it as `port N`. One thread, no Lua, no database: what
 * the scripts of this directory show is then about the library as we build it, and nothing else. The same scripts run
 * against the real server.
 *
 *   GET  /healthz   answers at once
 *   GET  /later     answers after 20 ms, so that work is under way when the client resets
 *   POST /length    answers with the length of the body; at most 64 KiB (other paths: 1 KiB)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <openssl/ssl.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_ctx;
static h2o_timeout_t later_timeout;

struct later {
    h2o_timeout_entry_t entry;
    h2o_req_t *req; /* NULL when the request is gone; it is freed by the timer then */
};

/* Lives in the request's pool: its end tells that the request has gone. */
struct later_guard {
    struct later *later;
};

static void answer(h2o_req_t *req, int status, const char *text)
{
    req->res.status = status;
    req->res.reason = status == 200 ? "OK" : "Request Entity Too Large";
    req->res.content_length = strlen(text);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("text/plain"));
    h2o_send_inline(req, text, strlen(text));
}

static void on_guard_dispose(void *data)
{
    struct later_guard *guard = data;
    if (guard->later != NULL)
        guard->later->req = NULL;
}

static void on_later(h2o_timeout_entry_t *entry)
{
    struct later *later = H2O_STRUCT_FROM_MEMBER(struct later, entry, entry);
    h2o_req_t *req = later->req;
    if (req != NULL)
        answer(req, 200, "later\n");
    free(later);
}

static void answer_later(h2o_req_t *req)
{
    struct later *later = h2o_mem_alloc(sizeof(*later));
    struct later_guard *guard = h2o_mem_alloc_shared(&req->pool, sizeof(*guard), on_guard_dispose);
    *later = (struct later){.req = req, .entry = {.cb = on_later}};
    guard->later = later;
    h2o_timeout_link(context.loop, &later_timeout, &later->entry);
}

static int is_path(const h2o_req_t *req, const char *path)
{
    return h2o_memis(req->path_normalized.base, req->path_normalized.len, path, strlen(path));
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    if (is_path(req, "/later")) {
        answer_later(req);
    } else if (is_path(req, "/length")) {
        char *text = h2o_mem_alloc_pool(&req->pool, 32);
        snprintf(text, 32, "%zu\n", req->entity.len);
        answer(req, 200, text);
    } else {
        answer(req, 200, "hello\n");
    }
    return 0;
}

static size_t on_limit(h2o_req_t *req)
{
    return h2o_memis(req->input.path.base, req->input.path.len, H2O_STRLIT("/length")) ? 65536 : 1024;
}

static void on_too_large(h2o_req_t *req)
{
    answer(req, 413, "too large\n");
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *sock;
    if (err == NULL && (sock = h2o_evloop_socket_accept(listener)) != NULL)
        h2o_accept(&accept_ctx, sock);
}

static SSL_CTX *tls_context(const char *cert, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "hostile-server: no certificate in %s and %s\n", cert, key);
        exit(1);
    }
    h2o_ssl_register_alpn_protocols(tls, h2o_http2_alpn_protocols);
    return tls;
}

static int listen_on_free_port(int *port_r)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t addr_len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &addr_len) != 0) {
        perror("hostile-server");
        exit(1);
    }
    *port_r = ntohs(addr.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    int port;
    if (argc != 3) {
        fprintf(stderr, "usage: hostile-server CERT KEY\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_handler_t *handler = h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(*handler));
    handler->on_req = on_req;
#if TG_H2O_HARDENED
    config.request_entity_limit_cb = on_limit;
    config.request_entity_too_large_cb = on_too_large;
#endif
    h2o_context_init(&context, h2o_evloop_create(), &config);
    h2o_timeout_init(context.loop, &later_timeout, 20);
    accept_ctx = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts, .ssl_ctx = tls_context(argv[1], argv[2])};
    int fd = listen_on_free_port(&port);
    h2o_socket_t *listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    printf("port %d\n", port);
    fflush(stdout);
    for (;;) {
        if (h2o_evloop_run(context.loop, INT32_MAX) != 0 && errno != EINTR)
            return 1;
    }
}

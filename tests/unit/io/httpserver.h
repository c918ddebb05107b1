/* httpserver - a small HTTP/1.1 server of threads for the client's tests; the path says how it misbehaves. */
#ifndef TG_TESTS_IO_HTTPSERVER_H
#define TG_TESTS_IO_HTTPSERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

struct httpserver {
    int fd;
    int port;
    SSL_CTX *tls; /* NULL: plain */
    pthread_t thread;
    atomic_int n_requests, n_connections;
    atomic_int n_open;
    atomic_bool stops;
};

struct httpserver_conn {
    struct httpserver *server;
    int fd;
    SSL *ssl;
    int nth_request;
    char head[8192];
    char *body;
    size_t body_len;
};

static inline ssize_t httpserver_read(struct httpserver_conn *c, void *bytes, size_t len)
{
    return c->ssl != NULL ? SSL_read(c->ssl, bytes, (int)len) : read(c->fd, bytes, len);
}

static inline void httpserver_write(struct httpserver_conn *c, const void *bytes, size_t len)
{
    if (c->ssl != NULL) {
        if (SSL_write(c->ssl, bytes, (int)len) <= 0)
            return;
    } else if (send(c->fd, bytes, len, MSG_NOSIGNAL) < 0) {
        return;
    }
}

static inline void httpserver_put(struct httpserver_conn *c, const char *text)
{
    httpserver_write(c, text, strlen(text));
}

static inline bool httpserver_read_request(struct httpserver_conn *c)
{
    size_t n = 0;
    while (n < sizeof(c->head) - 1) {
        if (httpserver_read(c, c->head + n, 1) != 1)
            return false;
        c->head[++n] = '\0';
        if (n >= 4 && memcmp(c->head + n - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->body_len = length == NULL ? 0 : (size_t)atol(length + 17);
    free(c->body);
    c->body = calloc(1, c->body_len + 1);
    for (size_t got = 0; got < c->body_len;) {
        ssize_t part = httpserver_read(c, c->body + got, c->body_len - got);
        if (part <= 0)
            return false;
        got += (size_t)part;
    }
    c->nth_request++;
    c->server->n_requests++;
    return true;
}

static inline void httpserver_answer(struct httpserver_conn *c, const char *status, const char *more, const char *body,
                                     size_t len)
{
    char head[512];
    int n =
        snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\nX-Test: One\r\n%s\r\n", status, len, more);
    httpserver_write(c, head, (size_t)n);
    if (strncmp(c->head, "HEAD ", 5) != 0)
        httpserver_write(c, body, len);
}

static inline bool httpserver_path_is(const struct httpserver_conn *c, const char *path)
{
    const char *at = strchr(c->head, ' ');
    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0;
}

static inline void httpserver_wait_for_close(struct httpserver_conn *c)
{
    char byte;
    while (!c->server->stops && httpserver_read(c, &byte, 1) > 0)
        ;
}

/* False: the connection ends. */
static inline bool httpserver_serve(struct httpserver_conn *c)
{
    if (httpserver_path_is(c, "/echo")) {
        httpserver_answer(c, "200 OK", "", c->body, c->body_len);
    } else if (httpserver_path_is(c, "/head")) {
        httpserver_answer(c, "200 OK", "", c->head, strlen(c->head));
    } else if (httpserver_path_is(c, "/redirect")) {
        httpserver_answer(c, "302 Found", "Location: /echo\r\n", "", 0);
    } else if (httpserver_path_is(c, "/503")) {
        httpserver_answer(c, "503 Service Unavailable", "", "busy", 4);
    } else if (httpserver_path_is(c, "/early")) {
        httpserver_put(c, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n");
        httpserver_answer(c, "200 OK", "", "after", 5);
    } else if (httpserver_path_is(c, "/half")) {
        httpserver_put(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
    } else if (httpserver_path_is(c, "/silent")) {
        httpserver_wait_for_close(c);
        return false;
    } else if (httpserver_path_is(c, "/close")) {
        return false;
    } else if (httpserver_path_is(c, "/second-dies") && c->nth_request > 1) {
        return false;
    } else if (httpserver_path_is(c, "/fails-twice") && c->server->n_requests <= 2) {
        return false;
    } else if (httpserver_path_is(c, "/garbage")) {
        httpserver_put(c, "hello, this is no HTTP\r\n\r\n");
        return false;
    } else if (httpserver_path_is(c, "/large")) {
        size_t len = 3 * 1024 * 1024;
        char *body = calloc(1, len);
        httpserver_answer(c, "200 OK", "", body, len);
        free(body);
    } else {
        httpserver_answer(c, "200 OK", "", "hello", 5);
    }
    return true;
}

static inline void *httpserver_run_conn(void *arg)
{
    struct httpserver_conn *c = arg;
    bool fine = true;
    if (c->server->tls != NULL) {
        c->ssl = SSL_new(c->server->tls);
        SSL_set_fd(c->ssl, c->fd);
        fine = SSL_accept(c->ssl) == 1;
    }
    while (fine && httpserver_read_request(c) && httpserver_serve(c))
        ;
    if (c->ssl != NULL) {
        if (fine)
            SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    close(c->fd);
    free(c->body);
    c->server->n_open--;
    free(c);
    return NULL;
}

static inline void *httpserver_accept(void *arg)
{
    struct httpserver *s = arg;
    int fd;
    while ((fd = accept(s->fd, NULL, NULL)) != -1) {
        const struct timeval patience = {20, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        struct httpserver_conn *c = calloc(1, sizeof(*c));
        pthread_t thread;
        c->server = s;
        c->fd = fd;
        s->n_connections++;
        s->n_open++;
        if (pthread_create(&thread, NULL, httpserver_run_conn, c) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static inline bool httpserver_start(struct httpserver *s, SSL_CTX *tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    *s = (struct httpserver){.tls = tls};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(s->fd, 50) != 0)
        return false;
    getsockname(s->fd, (struct sockaddr *)&address, &len);
    s->port = ntohs(address.sin_port);
    return pthread_create(&s->thread, NULL, httpserver_accept, s) == 0;
}

/* After the client has closed its connections. */
static inline void httpserver_stop(struct httpserver *s)
{
    s->stops = true;
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < 500 && s->n_open > 0; i++)
        usleep(10000);
    if (s->tls != NULL)
        SSL_CTX_free(s->tls);
}

#endif

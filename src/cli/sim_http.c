/* sim_http - see sim_http.h. On libh2o's sockets, which speak TLS, too. */
#include "cli/sim_http.h"

#include <assert.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define TIMEOUT_MS 15000
#define REQUEST_LEN_MAX (1u << 20)
#define ANSWER_LEN_MAX (8u << 20)

struct request {
    h2o_linklist_t link; /* in a server's queue; unlinked while a connection has it */
    char *bytes;
    size_t len;
    int drop_after_ms;
    tg_simhttp_fn *fn;
    void *arg;
};

struct server {
    struct tg_simhttp *http;
    char host[256], host_header[300];
    struct sockaddr_storage address;
    socklen_t address_len;
    bool is_tls;
    h2o_linklist_t idle, waiting;
    unsigned n_connections;
};

struct connection {
    h2o_linklist_t link; /* in idle, else unlinked */
    struct server *server;
    h2o_socket_t *sock;
    struct request *request; /* NULL: idle */
    struct tg_timer timer;
};

struct tg_simhttp {
    struct tg_loop *loop;
    char *authorization;
    SSL_CTX *tls;
    unsigned connections_max, n_servers;
    size_t n_requests;
    struct server servers[TG_SIMHTTP_SERVERS_MAX];
};

static void use_connection(struct connection *c, struct request *r);
static void open_connection(struct server *s, struct request *r);

static void request_end(struct tg_simhttp *http, struct request *r, int status, const char *body, size_t len)
{
    http->n_requests--;
    r->fn(status, body, len, r->arg);
    free(r->bytes);
    free(r);
}

static struct request *take_waiting(struct server *s)
{
    if (h2o_linklist_is_empty(&s->waiting))
        return NULL;
    struct request *r = H2O_STRUCT_FROM_MEMBER(struct request, link, s->waiting.next);
    h2o_linklist_unlink(&r->link);
    return r;
}

static void close_connection(struct connection *c)
{
    struct server *s = c->server;
    tg_timer_stop(s->http->loop, &c->timer);
    if (h2o_linklist_is_linked(&c->link))
        h2o_linklist_unlink(&c->link);
    h2o_socket_close(c->sock);
    free(c);
    s->n_connections--;
}

/* The connection is gone, and its request with it. */
static void lose(struct connection *c)
{
    struct server *s = c->server;
    struct request *r = c->request;
    close_connection(c);
    if (r != NULL)
        request_end(s->http, r, 0, NULL, 0);
    struct request *next = take_waiting(s);
    if (next != NULL)
        open_connection(s, next);
}

static void on_timeout(void *arg)
{
    lose(arg);
}

/* 1: whole; 0: more is to come; -1: not an answer of ours. The body is made a text in place. */
static int parse_answer(const h2o_buffer_t *in, int *status_r, size_t *head_len_r, size_t *body_len_r, bool *keep_r)
{
    const char *end = memmem(in->bytes, in->size, "\r\n\r\n", 4);
    if (end == NULL)
        return in->size > 65536 ? -1 : 0;
    if (in->size < 12 || strncmp(in->bytes, "HTTP/1.", 7) != 0)
        return -1;
    *status_r = (int)strtol(in->bytes + 9, NULL, 10);
    *head_len_r = (size_t)(end + 4 - in->bytes);
    *body_len_r = 0;
    *keep_r = true;
    bool has_length = *status_r == 204 || *status_r == 304;
    for (const char *line = in->bytes; line < end;
         line = (const char *)memchr(line, '\n', (size_t)(end + 2 - line)) + 1) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            *body_len_r = strtoul(line + 15, NULL, 10);
            has_length = true;
        } else if (strncasecmp(line, "connection: close", 17) == 0)
            *keep_r = false;
    }
    if (!has_length || *body_len_r > ANSWER_LEN_MAX)
        return -1;
    return in->size >= *head_len_r + *body_len_r;
}

static void on_answer(h2o_socket_t *sock, const char *err)
{
    struct connection *c = sock->data;
    struct server *s = c->server;
    int status = 0;
    size_t head_len = 0, body_len = 0;
    bool keep = true;
    if (err == NULL && h2o_socket_is_writing(sock))
        return; /* answered before libh2o has told us that the request is out: on_written() comes back here */
    int rc = err != NULL || c->request == NULL ? -1 : parse_answer(sock->input, &status, &head_len, &body_len, &keep);
    if (rc == 0)
        return;
    if (rc < 0) {
        lose(c);
        return;
    }
    if (c->request->drop_after_ms >= 0)
        return; /* nobody reads it */
    struct request *r = c->request;
    char *body = tg_memdup(sock->input->bytes + head_len, body_len);
    tg_timer_stop(s->http->loop, &c->timer);
    h2o_buffer_consume(&sock->input, head_len + body_len);
    c->request = NULL;
    if (!keep) {
        close_connection(c);
    } else {
        struct request *next = take_waiting(s);
        if (next != NULL)
            use_connection(c, next);
        else
            h2o_linklist_insert(s->idle.next, &c->link); /* the one used last is used first */
    }
    request_end(s->http, r, status, body, body_len);
    free(body);
    struct request *next = keep ? NULL : take_waiting(s);
    if (next != NULL)
        open_connection(s, next);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct connection *c = sock->data;
    if (err != NULL)
        lose(c);
    else if (c->request->drop_after_ms >= 0)
        tg_timer_start(c->server->http->loop, &c->timer, (uint64_t)c->request->drop_after_ms, on_timeout, c);
    else if (sock->input->size > 0)
        on_answer(sock, NULL);
}

static void write_request(struct connection *c)
{
    h2o_iovec_t bytes = {c->request->bytes, c->request->len};
    h2o_socket_write(c->sock, &bytes, 1, on_written);
}

static void use_connection(struct connection *c, struct request *r)
{
    if (h2o_linklist_is_linked(&c->link))
        h2o_linklist_unlink(&c->link);
    c->request = r;
    tg_timer_start(c->server->http->loop, &c->timer, TIMEOUT_MS, on_timeout, c);
    write_request(c);
}

static void on_secured(h2o_socket_t *sock, const char *err)
{
    struct connection *c = sock->data;
    if (err != NULL) {
        lose(c);
        return;
    }
    write_request(c);
    h2o_socket_read_start(sock, on_answer);
}

static void on_connected(h2o_socket_t *sock, const char *err)
{
    struct connection *c = sock->data;
    if (err != NULL || !c->server->is_tls)
        on_secured(sock, err);
    else
        h2o_socket_ssl_handshake(sock, c->server->http->tls, c->server->host, on_secured);
}

struct failure {
    struct tg_simhttp *http;
    struct request *request;
};

static void on_failure(void *arg)
{
    struct failure f = *(struct failure *)arg;
    free(arg);
    request_end(f.http, f.request, 0, NULL, 0);
}

static void open_connection(struct server *s, struct request *r)
{
    struct tg_simhttp *http = s->http;
    h2o_socket_t *sock =
        h2o_socket_connect(tg_loop_h2o(http->loop), (struct sockaddr *)&s->address, s->address_len, on_connected);
    if (sock == NULL) {
        struct failure *f = TG_NEW(struct failure);
        *f = (struct failure){http, r};
        tg_loop_defer(http->loop, on_failure, f);
        return;
    }
    int on = 1;
    setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct connection *c = TG_NEW(struct connection);
    c->server = s;
    c->sock = sock;
    c->request = r;
    sock->data = c;
    s->n_connections++;
    tg_timer_start(http->loop, &c->timer, TIMEOUT_MS, on_timeout, c);
}

static struct request *make_request(const struct server *s, const struct tg_simhttp_request *req)
{
    struct request *r = TG_NEW(struct request);
    struct tg_strbuf out;
    tg_strbuf_init(&out, REQUEST_LEN_MAX);
    tg_strbuf_printf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", req->method, req->path, s->host_header,
                     s->http->authorization);
    if (req->content_type != NULL)
        tg_strbuf_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", req->content_type, req->body_len);
    tg_strbuf_append_str(&out, "\r\n");
    if (req->content_type != NULL)
        tg_strbuf_append(&out, req->body, req->body_len);
    assert(!tg_strbuf_overflowed(&out));
    r->bytes = tg_strbuf_take(&out, &r->len);
    tg_strbuf_deinit(&out);
    r->drop_after_ms = req->drop_after_ms;
    return r;
}

void tg_simhttp_send(struct tg_simhttp *http, const struct tg_simhttp_request *req, tg_simhttp_fn *fn, void *arg)
{
    assert(req->server < http->n_servers);
    struct server *s = &http->servers[req->server];
    struct request *r = make_request(s, req);
    r->fn = fn;
    r->arg = arg;
    http->n_requests++;
    if (!h2o_linklist_is_empty(&s->idle))
        use_connection(H2O_STRUCT_FROM_MEMBER(struct connection, link, s->idle.next), r);
    else if (s->n_connections < http->connections_max)
        open_connection(s, r);
    else
        h2o_linklist_insert(&s->waiting, &r->link);
}

/* "https://name:8443" */
static int read_url(struct server *s, const char *url, size_t len, struct tg_err *err_r)
{
    char host[256], port[8] = "";
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    s->is_tls = strncmp(url, "https://", 8) == 0;
    if (!s->is_tls && strncmp(url, "http://", 7) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%.*s: a URL begins with http:// or https://", (int)len, url);
    size_t scheme_len = s->is_tls ? 8 : 7;
    snprintf(host, sizeof(host), "%.*s", (int)(len - scheme_len), url + scheme_len);
    host[strcspn(host, "/")] = '\0';
    snprintf(s->host_header, sizeof(s->host_header), "%s", host);
    char *colon = strrchr(host, ':');
    if (colon != NULL && strchr(colon, ']') == NULL) {
        snprintf(port, sizeof(port), "%s", colon + 1);
        *colon = '\0';
    }
    bool is_bracketed = host[0] == '[' && host[strlen(host) - 1] == ']';
    if (is_bracketed)
        host[strlen(host) - 1] = '\0';
    snprintf(s->host, sizeof(s->host), "%s", host + is_bracketed);
    int rc = getaddrinfo(s->host, *port != '\0' ? port : s->is_tls ? "443" : "80", &hints, &found);
    if (rc != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", s->host, gai_strerror(rc));
    memcpy(&s->address, found->ai_addr, found->ai_addrlen);
    s->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int make_tls(struct tg_simhttp *http, const char *ca_file, struct tg_err *err_r)
{
    http->tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(http->tls, SSL_VERIFY_PEER, NULL);
    int ok = ca_file != NULL ? SSL_CTX_load_verify_locations(http->tls, ca_file, NULL)
                             : SSL_CTX_set_default_verify_paths(http->tls);
    return ok == 1 ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "%s: no certificates", ca_file != NULL ? ca_file : "system");
}

int tg_simhttp_new(struct tg_loop *loop, const struct tg_simhttp_settings *set, struct tg_simhttp **http_r,
                   struct tg_err *err_r)
{
    struct tg_simhttp *http = TG_NEW(struct tg_simhttp);
    struct tg_strbuf line;
    http->loop = loop;
    http->connections_max = set->connections_max;
    tg_strbuf_init(&line, 1024);
    tg_strbuf_printf(&line, "Authorization: Bearer %s\r\n", set->key);
    http->authorization = tg_strbuf_take(&line, &(size_t){0});
    tg_strbuf_deinit(&line);
    int rc = make_tls(http, set->ca_file, err_r);
    for (const char *url = set->urls; rc == 0 && *url != '\0';) {
        size_t len = strcspn(url, ",");
        struct server *s = &http->servers[http->n_servers];
        if (http->n_servers == TG_SIMHTTP_SERVERS_MAX) {
            rc = tg_err_set(err_r, TG_ERR_INPUT, "at most %d servers", TG_SIMHTTP_SERVERS_MAX);
            break;
        }
        s->http = http;
        h2o_linklist_init_anchor(&s->idle);
        h2o_linklist_init_anchor(&s->waiting);
        rc = read_url(s, url, len, err_r);
        http->n_servers++;
        url += len + (url[len] == ',');
    }
    if (rc != 0)
        tg_simhttp_free(&http);
    else
        *http_r = http;
    return rc;
}

void tg_simhttp_free(struct tg_simhttp **http_p)
{
    struct tg_simhttp *http = *http_p;
    *http_p = NULL;
    if (http == NULL)
        return;
    assert(http->n_requests == 0);
    for (unsigned i = 0; i != http->n_servers; ++i) {
        struct server *s = &http->servers[i];
        while (!h2o_linklist_is_empty(&s->idle))
            close_connection(H2O_STRUCT_FROM_MEMBER(struct connection, link, s->idle.next));
    }
    SSL_CTX_free(http->tls);
    explicit_bzero(http->authorization, strlen(http->authorization));
    free(http->authorization);
    free(http);
}

unsigned tg_simhttp_n_servers(const struct tg_simhttp *http)
{
    return http->n_servers;
}

/* conn - accepting connections, counting them, and closing those that do nothing. */
#include "web/conn.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"

#define ACCEPTS_PER_TURN 64

struct tg_conn { /* freed by the socket's on_close */
    h2o_linklist_t link; /* of thread->connections */
    struct tg_web_thread *thread;
    h2o_socket_t *sock;
    SSL_CTX *tls; /* a reference: libh2o keeps a bare pointer from the accept to the first bytes of the handshake */
    uint64_t address; /* 0: not counted */
    uint64_t since_ms; /* accepted, or the last request completed */
    size_t bytes; /* moved until then */
    unsigned n_working;
    bool is_shut;
};

struct tg_acceptor {
    struct tg_web_thread *thread;
    h2o_socket_t *sock; /* NULL: closed */
    h2o_accept_ctx_t ctx;
};

/* --- What a connection does ----------------------------------------------------------------------------------------- */

static void on_socket_close(void *data)
{
    struct tg_conn *conn = data;
    struct tg_web_thread *thread = conn->thread;
    h2o_linklist_unlink(&conn->link);
    assert(thread->n_connections != 0);
    thread->n_connections--;
    atomic_fetch_sub_explicit(&thread->shared->n_connections, 1, memory_order_relaxed);
    tg_limits_disconnect(thread->shared->limits, conn->address);
    SSL_CTX_free(conn->tls);
    free(conn);
    tg_conn_accept(thread);
}

/* NULL: the request comes over something that is no socket of ours (a test's loopback). */
static struct tg_conn *conn_of(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket == NULL ? NULL : req->conn->callbacks->get_socket(req->conn);
    return sock == NULL || sock->on_close.cb != on_socket_close ? NULL : sock->on_close.data;
}

static size_t bytes_of(const struct tg_conn *conn)
{
    return conn->sock->bytes_read + conn->sock->bytes_written;
}

/* Every request of any path ends in its loggers. */
static void on_request_end(h2o_logger_t *self, h2o_req_t *req)
{
    struct tg_conn *conn = conn_of(req);
    (void)self;
    if (conn == NULL)
        return;
    conn->since_ms = tg_loop_now_ms(conn->thread->loop);
    conn->bytes = bytes_of(conn);
}

void tg_conn_count(h2o_req_t *req, int change)
{
    struct tg_conn *conn = conn_of(req);
    if (conn == NULL)
        return;
    assert(change > 0 || conn->n_working != 0);
    conn->n_working += (unsigned)change;
}

static void register_at(h2o_pathconf_t *path)
{
    h2o_create_logger(path, sizeof(h2o_logger_t))->log_access = on_request_end;
}

void tg_conn_register(h2o_globalconf_t *global)
{
    for (h2o_hostconf_t **host = global->hosts; *host != NULL; host++) {
        for (size_t i = 0; i < (*host)->paths.size; i++)
            register_at(&(*host)->paths.entries[i]);
        register_at(&(*host)->fallback_path);
    }
}

static void shut(struct tg_conn *conn)
{
    /* libh2o sees the end of the stream and closes; it cannot be told to from outside */
    conn->is_shut = true;
    shutdown(h2o_socket_get_fd(conn->sock), SHUT_RDWR);
}

/* Longer ago than what it moved since then explains. */
static bool is_stuck(const struct tg_conn *conn, uint64_t now_ms)
{
    const struct tg_conf *conf = conn->thread->shared->conf;
    uint64_t allowed_ms = conf->idle_timeout_ms + (bytes_of(conn) - conn->bytes) * 1000 / TG_CONN_BYTES_PER_S;
    if (conn->n_working != 0)
        allowed_ms += conf->bulk_timeout_ms;
    return now_ms - conn->since_ms > allowed_ms;
}

static void on_sweep(void *arg)
{
    struct tg_web_thread *thread = arg;
    uint64_t now_ms = tg_loop_now_ms(thread->loop);
    for (h2o_linklist_t *node = thread->connections.next; node != &thread->connections; node = node->next) {
        struct tg_conn *conn = H2O_STRUCT_FROM_MEMBER(struct tg_conn, link, node);
        if (!conn->is_shut && is_stuck(conn, now_ms)) {
            tg_web_count(&thread->stats.swept);
            shut(conn);
        }
    }
    tg_conn_accept(thread); /* another thread's connection may have made room */
    tg_timer_start(thread->loop, &thread->sweep, TG_CONN_SWEEP_MS, on_sweep, thread);
}

void tg_conn_close_idle(struct tg_web_thread *thread, bool all)
{
    for (h2o_linklist_t *node = thread->connections.next; node != &thread->connections; node = node->next) {
        struct tg_conn *conn = H2O_STRUCT_FROM_MEMBER(struct tg_conn, link, node);
        if (!conn->is_shut && (all || (conn->n_working == 0 && bytes_of(conn) == conn->bytes)))
            shut(conn);
    }
}

/* --- Accepting ------------------------------------------------------------------------------------------------------ */

static bool is_full(const struct tg_web_thread *thread)
{
    return atomic_load_explicit(&thread->shared->n_connections, memory_order_relaxed) >=
           thread->shared->conf->max_connections;
}

/* false: the address has too many; the socket is closed. */
static bool admit(struct tg_acceptor *acceptor, h2o_socket_t *sock)
{
    struct tg_web_thread *thread = acceptor->thread;
    const unsigned max = (unsigned)thread->shared->conf->max_connections_per_address;
    struct sockaddr_storage ss;
    uint64_t address = 0;
    if (max != 0 && h2o_socket_getpeername(sock, (void *)&ss) != 0)
        address = tg_limits_address(thread->shared->limits, (void *)&ss);
    if (!tg_limits_connect(thread->shared->limits, address, max)) {
        h2o_socket_close(sock);
        return false;
    }
    struct tg_conn *conn = TG_NEW(struct tg_conn);
    conn->thread = thread;
    conn->sock = sock;
    conn->tls = acceptor->ctx.ssl_ctx;
    if (conn->tls != NULL)
        SSL_CTX_up_ref(conn->tls);
    conn->address = address;
    conn->since_ms = tg_loop_now_ms(thread->loop);
    h2o_linklist_insert(&thread->connections, &conn->link);
    thread->n_connections++;
    atomic_fetch_add_explicit(&thread->shared->n_connections, 1, memory_order_relaxed);
    sock->on_close.cb = on_socket_close;
    sock->on_close.data = conn;
    tg_web_count(&thread->stats.accepted);
    return true;
}

static void on_acceptable(h2o_socket_t *listener, const char *err)
{
    struct tg_acceptor *acceptor = listener->data;
    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (is_full(acceptor->thread)) {
            h2o_socket_read_stop(listener); /* the next that closes goes on */
            TG_LOG_WARN("web_connections_full",
                        TG_LOG_INT("max", (int64_t)acceptor->thread->shared->conf->max_connections));
            return;
        }
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock == NULL)
            return;
        if (admit(acceptor, sock))
            h2o_accept(&acceptor->ctx, sock);
    }
}

void tg_conn_init(struct tg_web_thread *thread)
{
    const struct tg_conf *conf = thread->shared->conf;
    h2o_linklist_init_anchor(&thread->connections);
    thread->n_acceptors = conf->n_listeners;
    thread->acceptors = tg_calloc(conf->n_listeners, sizeof(*thread->acceptors));
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct tg_listener *listener = conf->listeners[i];
        struct tg_acceptor *acceptor = &thread->acceptors[i];
        int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
        if (fd == -1)
            abort();
        acceptor->thread = thread;
        acceptor->ctx = (h2o_accept_ctx_t){.ctx = &thread->ctx,
                                           .hosts = listener->hosts,
                                           .expect_proxy_line = listener->proxy_protocol};
        tg_conn_set_tls(thread, i, listener->tls);
        acceptor->sock = h2o_evloop_socket_create(thread->ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
        acceptor->sock->data = acceptor;
    }
    tg_timer_start(thread->loop, &thread->sweep, TG_CONN_SWEEP_MS, on_sweep, thread);
}

void tg_conn_accept(struct tg_web_thread *thread)
{
    if (thread->state != TG_THREAD_RUNNING || is_full(thread))
        return;
    for (size_t i = 0; i < thread->n_acceptors; i++)
        if (thread->acceptors[i].sock != NULL && !h2o_socket_is_reading(thread->acceptors[i].sock))
            h2o_socket_read_start(thread->acceptors[i].sock, on_acceptable);
}

void tg_conn_set_tls(struct tg_web_thread *thread, size_t i, SSL_CTX *tls)
{
    assert(i < thread->n_acceptors);
    if (tls != NULL)
        SSL_CTX_up_ref(tls);
    SSL_CTX_free(thread->acceptors[i].ctx.ssl_ctx);
    thread->acceptors[i].ctx.ssl_ctx = tls;
}

void tg_conn_stop_accepting(struct tg_web_thread *thread)
{
    for (size_t i = 0; i < thread->n_acceptors; i++) {
        if (thread->acceptors[i].sock == NULL)
            continue;
        if (thread->app != NULL) /* the first generation may have been refused */
            on_acceptable(thread->acceptors[i].sock, NULL); /* who was let in by the kernel is served */
        h2o_socket_close(thread->acceptors[i].sock);
        thread->acceptors[i].sock = NULL;
    }
}

void tg_conn_deinit(struct tg_web_thread *thread)
{
    assert(thread->n_connections == 0);
    tg_timer_stop(thread->loop, &thread->sweep);
    tg_conn_stop_accepting(thread);
    for (size_t i = 0; i < thread->n_acceptors; i++)
        SSL_CTX_free(thread->acceptors[i].ctx.ssl_ctx);
    free(thread->acceptors);
    thread->acceptors = NULL;
    thread->n_acceptors = 0;
}

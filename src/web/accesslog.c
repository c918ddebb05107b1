/* accesslog - one JSON line a request. */
#include "web/accesslog.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "web/request.h"
#include "web/thread.h"

#define BUFFER_FULL (48u << 10)
#define BUFFER_MAX (64u << 10)
#define PATH_SHOWN_MAX 1024

struct tg_access_log {
    char *path;
    _Atomic int fd; /* -1: not open; the same number for ever after the first time */
};

struct tg_access_lines { /* of one thread */
    struct tg_access_log *log;
    struct tg_loop *loop;
    struct tg_strbuf buf;
    bool is_flush_due;
};

struct logger {
    h2o_logger_t super;
    struct tg_access_log *log;
};

struct tg_access_log *tg_access_log_new(const char *path)
{
    struct tg_access_log *log = TG_NEW(struct tg_access_log);
    log->path = tg_strdup(path);
    atomic_store(&log->fd, -1);
    return log;
}

void tg_access_log_free(struct tg_access_log **log_p)
{
    struct tg_access_log *log = *log_p;
    *log_p = NULL;
    if (log == NULL)
        return;
    if (atomic_load(&log->fd) > STDERR_FILENO)
        close(atomic_load(&log->fd));
    free(log->path);
    free(log);
}

int tg_access_log_open(struct tg_access_log *log, struct tg_err *err_r)
{
    int old = atomic_load(&log->fd);
    if (strcmp(log->path, "-") == 0) {
        atomic_store(&log->fd, STDOUT_FILENO);
        return 0;
    }
    int fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "the access log %s cannot be opened: %s", log->path, strerror(errno));
    if (old == -1) {
        atomic_store(&log->fd, fd);
        return 0;
    }
    int ret = dup3(fd, old, O_CLOEXEC);
    close(fd);
    return ret == -1 ? tg_err_set(err_r, TG_ERR_UPSTREAM, "dup3: %s", strerror(errno)) : 0;
}

/* --- Lines ---------------------------------------------------------------------------------------------------------- */

static void flush(void *arg)
{
    struct tg_access_lines *lines = arg;
    const char *p = lines->buf.bytes;
    size_t len = lines->buf.len;
    int fd = atomic_load_explicit(&lines->log->fd, memory_order_relaxed);
    lines->is_flush_due = false;
    while (len != 0 && fd != -1) {
        ssize_t n = write(fd, p, len);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* a full disk costs lines, not requests */
        p += n;
        len -= (size_t)n;
    }
    tg_strbuf_reset(&lines->buf);
}

static struct tg_access_lines *lines_of(struct tg_access_log *log, struct tg_web_thread *thread)
{
    if (thread->access_lines == NULL) {
        struct tg_access_lines *lines = thread->access_lines = TG_NEW(struct tg_access_lines);
        lines->log = log;
        lines->loop = thread->loop;
        tg_strbuf_init(&lines->buf, BUFFER_MAX);
    }
    return thread->access_lines;
}

void tg_access_log_deinit(struct tg_web_thread *thread)
{
    if (thread->access_lines == NULL)
        return;
    flush(thread->access_lines);
    tg_strbuf_deinit(&thread->access_lines->buf);
    free(thread->access_lines);
    thread->access_lines = NULL;
}

static void str(struct tg_jsonw *w, const char *key, const char *text, size_t len)
{
    tg_jsonw_key(w, key);
    tg_jsonw_str_n(w, text, len);
}

static void write_request(struct tg_jsonw *w, const struct tg_request *r)
{
    char id[TG_ID_TEXT_SIZE];
    str(w, "request_id", r->id, strlen(r->id));
    if (r->traceparent[0] != '\0')
        str(w, "trace_id", r->traceparent + 3, 32);
    if (r->match.route != NULL)
        str(w, "route", r->match.route->pattern, strlen(r->match.route->pattern));
    if (r->principal != NULL) {
        str(w, "company", id, tg_id_format(r->principal->company, "co", id));
        str(w, "actor", id, tg_id_format(r->principal->actor, r->principal->actor_prefix, id));
    }
    if (!r->is_answered)
        str(w, "error", H2O_STRLIT("the client left before the answer"));
}

static void write_line(struct tg_jsonw *w, h2o_req_t *req)
{
    char host[NI_MAXHOST], version[sizeof("HTTP/1.1")];
    struct sockaddr_storage ss;
    socklen_t len = req->conn->callbacks->get_peername(req->conn, (void *)&ss);
    size_t host_len =
        len == 0 || ss.ss_family == AF_UNIX ? SIZE_MAX : h2o_socket_getnumerichost((void *)&ss, len, host);
    size_t path_len = req->input.query_at == SIZE_MAX ? req->input.path.len : req->input.query_at;
    const struct tg_request *r = tg_request_of(req);
    int64_t usecs = 0;
    h2o_time_compute_duration(req, &usecs);
    tg_jsonw_object(w);
    tg_jsonw_key(w, "time");
    tg_jsonw_time(w, tg_clock_now_us());
    str(w, "method", req->input.method.base, req->input.method.len < 32 ? req->input.method.len : 32);
    str(w, "path", req->input.path.base, path_len < PATH_SHOWN_MAX ? path_len : PATH_SHOWN_MAX);
    tg_jsonw_key(w, "status");
    tg_jsonw_int(w, req->res.status);
    tg_jsonw_key(w, "bytes");
    tg_jsonw_int(w, (int64_t)req->bytes_sent);
    tg_jsonw_key(w, "usecs");
    tg_jsonw_int(w, r != NULL ? (int64_t)(tg_clock_mono_us() - r->started_us) : usecs);
    str(w, "protocol", version, h2o_stringify_protocol_version(version, req->version));
    str(w, "remote", host_len == SIZE_MAX ? "unix" : host, host_len == SIZE_MAX ? 4 : host_len);
    if (r != NULL)
        write_request(w, r);
    tg_jsonw_object_end(w);
}

static void log_access(h2o_logger_t *self_, h2o_req_t *req)
{
    struct logger *self = (void *)self_;
    struct tg_access_lines *lines = lines_of(self->log, tg_web_thread_of(req->conn->ctx));
    struct tg_jsonw w;
    tg_jsonw_init(&w, &lines->buf);
    write_line(&w, req);
    tg_strbuf_append_char(&lines->buf, '\n');
    if (lines->buf.len > BUFFER_FULL) {
        flush(lines);
    } else if (!lines->is_flush_due) {
        lines->is_flush_due = true;
        tg_loop_defer(lines->loop, flush, lines);
    }
}

/* --- Registering ---------------------------------------------------------------------------------------------------- */

static void register_at(struct tg_access_log *log, h2o_pathconf_t *path)
{
    struct logger *logger = (void *)h2o_create_logger(path, sizeof(*logger));
    logger->super.log_access = log_access;
    logger->log = log;
}

void tg_access_log_register(struct tg_access_log *log, h2o_globalconf_t *global)
{
    for (h2o_hostconf_t **host = global->hosts; *host != NULL; host++) {
        for (size_t i = 0; i < (*host)->paths.size; i++)
            register_at(log, &(*host)->paths.entries[i]);
        register_at(log, &(*host)->fallback_path);
    }
}

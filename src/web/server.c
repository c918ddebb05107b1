/* server - the process that serves: its threads, generations, signals, and the way it ends. */
#include "web/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/db.h"
#include "rt/gen.h"
#include "web/accesslog.h"
#include "web/app.h"
#include "web/conn.h"
#include "web/control.h"
#include "web/thread.h"

#define WORK_QUEUE_MAX 10000

/* The control thread's; one server a process, as tg_gen_check_fn has no argument. */
static struct server {
    struct tg_shared shared;
    const struct tg_server_hooks *hooks;
    struct tg_gen_thread *gen_threads;
    size_t n_checked; /* VMs of the generation that is being built */
    int signal_fd, control_fd;
    bool is_draining;
} server = {.signal_fd = -1, .control_fd = -1};

/* --- Opening -------------------------------------------------------------------------------------------------------- */

static sigset_t our_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static int open_error_log(const struct tg_conf *conf, struct tg_err *err_r)
{
    if (conf->error_log == NULL)
        return 0;
    int fd = open(conf->error_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd == -1 || dup2(fd, STDERR_FILENO) == -1)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "the error log %s cannot be opened: %s", conf->error_log,
                          strerror(errno));
    close(fd);
    return 0;
}

static int open_logs(const struct tg_conf *conf, struct tg_err *err_r)
{
    if (conf->access_log != NULL && tg_access_log_open(conf->access_log, err_r) != 0)
        return -1;
    return open_error_log(conf, err_r);
}

static int write_pid_file(const struct tg_conf *conf, struct tg_err *err_r)
{
    FILE *fp = conf->pid_file == NULL ? NULL : fopen(conf->pid_file, "we");
    if (conf->pid_file == NULL)
        return 0;
    if (fp == NULL || fprintf(fp, "%d\n", (int)getpid()) < 0 || fclose(fp) != 0)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "the pid file %s cannot be written: %s", conf->pid_file,
                          strerror(errno));
    return 0;
}

static int become_user(const struct tg_conf *conf, struct tg_err *err_r)
{
    if (conf->user == NULL || geteuid() != 0)
        return 0;
    const struct passwd *pw = getpwnam(conf->user);
    if (pw == NULL || initgroups(pw->pw_name, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "cannot become the user %s: %s", conf->user, strerror(errno));
    return 0;
}

static void raise_file_limit(const struct tg_conf *conf)
{
    struct rlimit limit;
    const rlim_t wanted = conf->max_connections + 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < wanted)
        TG_LOG_WARN("server_files_limited", TG_LOG_INT("max", (int64_t)limit.rlim_cur),
                    TG_LOG_INT("wanted", (int64_t)wanted));
}

int tg_server_open(struct tg_conf *conf, struct tg_err *err_r)
{
    sigset_t set = our_signals();
    struct tg_dburl url;
    if (!conf->has_app)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: no path says `tollgate.app: ON`", conf->path);
    if (conf->database_url != NULL) {
        if (tg_dburl_parse(conf->database_url, &url, err_r) != 0)
            return -1;
        tg_dburl_deinit(&url);
    }
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    raise_file_limit(conf);
    for (size_t i = 0; i < conf->n_listeners; i++)
        if (tg_listener_open(conf->listeners[i], err_r) != 0)
            return -1;
    if (open_logs(conf, err_r) != 0)
        return -1;
    if (conf->control_socket != NULL && tg_control_open(conf->control_socket, &server.control_fd, err_r) != 0)
        return -1;
    if (write_pid_file(conf, err_r) != 0)
        return -1;
    return become_user(conf, err_r);
}

/* --- Generations ---------------------------------------------------------------------------------------------------- */

static int offer_rules(struct tg_err *err_r)
{
    struct tg_luasource *src;
    if (server.hooks == NULL || server.hooks->on_generation == NULL)
        return 0;
    if (tg_luasource_read(server.shared.conf->lua_dir, &src, err_r) != 0)
        return -1;
    int ret = server.hooks->on_generation(src, server.hooks->arg, err_r);
    tg_luasource_unref(&src);
    return ret;
}

/* The rules change hands once every VM of the generation has passed: nothing of it can fail then. */
static int on_check(struct tg_vm *vm, struct tg_err *err_r)
{
    if (tg_app_check(vm, err_r) != 0)
        return -1;
    return ++server.n_checked == server.shared.n_threads ? offer_rules(err_r) : 0;
}

static int build_generation(uint64_t *number_r, struct tg_err *err_r)
{
    server.n_checked = 0;
    uint64_t started_us = tg_clock_mono_us();
    if (tg_gen_build(server.shared.gen, on_check, number_r, err_r) != 0) {
        TG_LOG_ERROR("server_generation_refused", TG_LOG_ERR(err_r));
        return -1;
    }
    for (size_t i = 0; i < server.shared.n_threads; i++)
        while (sem_wait(&server.shared.swapped) != 0)
            continue;
    atomic_store(&server.shared.generation, *number_r);
    TG_LOG_INFO("server_generation_swapped", TG_LOG_INT("generation", (int64_t)*number_r),
                TG_LOG_INT("usecs", (int64_t)(tg_clock_mono_us() - started_us)));
    return 0;
}

struct tls_swap { /* for one thread and listener; carries a reference */
    struct tg_web_thread *thread;
    size_t listener;
    SSL_CTX *tls;
};

static void on_tls_swap(void *arg)
{
    struct tls_swap *swap = arg;
    if (swap->thread->state <= TG_THREAD_RUNNING)
        tg_conn_set_tls(swap->thread, swap->listener, swap->tls);
    SSL_CTX_free(swap->tls);
    free(swap);
}

static void free_contexts(SSL_CTX **contexts)
{
    for (size_t i = 0; i < TG_LISTENERS_MAX; i++)
        SSL_CTX_free(contexts[i]);
}

static int load_certificates(SSL_CTX **contexts, struct tg_err *err_r)
{
    struct tg_conf *conf = server.shared.conf;
    for (size_t i = 0; i < conf->n_listeners; i++)
        if (conf->listeners[i]->n_certificates != 0 &&
            tg_listener_tls_load(conf->listeners[i], &contexts[i], err_r) != 0)
            return -1;
    return 0;
}

static void swap_certificates(SSL_CTX **contexts)
{
    struct tg_conf *conf = server.shared.conf;
    for (size_t i = 0; i < conf->n_listeners; i++) {
        for (size_t t = 0; contexts[i] != NULL && t < server.shared.n_threads; t++) {
            struct tls_swap *swap = tg_malloc(sizeof(*swap));
            *swap = (struct tls_swap){&server.shared.threads[t], i, contexts[i]};
            SSL_CTX_up_ref(contexts[i]);
            tg_loop_post(server.shared.threads[t].loop, on_tls_swap, swap);
        }
    }
}

/* Everything is made aside first; what fails leaves the server as it was. */
static int reload(uint64_t *number_r, struct tg_err *err_r)
{
    SSL_CTX *contexts[TG_LISTENERS_MAX] = {NULL};
    struct tg_err err;
    int ret = load_certificates(contexts, err_r);
    if (ret == 0)
        ret = build_generation(number_r, err_r);
    if (ret == 0)
        swap_certificates(contexts);
    free_contexts(contexts);
    if (open_logs(server.shared.conf, &err) != 0)
        TG_LOG_ERROR("server_logs_failed", TG_LOG_ERR(&err));
    return ret;
}

/* --- The control thread --------------------------------------------------------------------------------------------- */

/* Ours must be closed too, or the kernel would go on taking connections that nobody accepts. */
static void close_listeners(void)
{
    for (size_t i = 0; i < server.shared.conf->n_listeners; i++)
        tg_listener_close(server.shared.conf->listeners[i]);
}

/* The second time: at once. The threads look at the flag, as some may have ended. */
static void begin_drain(bool at_once)
{
    TG_LOG_INFO("server_drain_started", TG_LOG_BOOL("at_once", at_once));
    atomic_store(&server.shared.is_draining, true);
    if (at_once)
        atomic_store(&server.shared.is_impatient, true);
    for (size_t i = 0; i < server.shared.n_threads && !server.is_draining; i++)
        tg_web_thread_drain(&server.shared.threads[i]);
    if (!server.is_draining)
        close_listeners();
    server.is_draining = true;
}

static void on_signal(void)
{
    struct signalfd_siginfo info;
    struct tg_err err;
    uint64_t number;
    if (read(server.signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo != SIGHUP)
        begin_drain(server.is_draining);
    else if (!server.is_draining)
        (void)!reload(&number, &err); /* it has logged */
}

static void write_status(struct tg_strbuf *out)
{
    struct tg_jsonw w;
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "version");
    tg_jsonw_str(&w, TG_VERSION);
    tg_jsonw_key(&w, "generation");
    tg_jsonw_int(&w, (int64_t)atomic_load(&server.shared.generation));
    tg_jsonw_key(&w, "threads");
    tg_jsonw_int(&w, (int64_t)server.shared.n_threads);
    tg_jsonw_key(&w, "connections");
    tg_jsonw_int(&w, (int64_t)atomic_load(&server.shared.n_connections));
    tg_jsonw_key(&w, "listeners");
    tg_jsonw_array(&w);
    for (size_t i = 0; i < server.shared.conf->n_listeners; i++)
        tg_jsonw_str(&w, server.shared.conf->listeners[i]->name);
    tg_jsonw_array_end(&w);
    tg_jsonw_object_end(&w);
    tg_strbuf_append_char(out, '\n');
}

static void on_command(const char *command, struct tg_strbuf *out, void *arg)
{
    struct tg_err err;
    uint64_t number;
    (void)arg;
    if (strcmp(command, "status") == 0)
        write_status(out);
    else if (strcmp(command, "reload") != 0)
        tg_strbuf_printf(out, "error the commands are reload and status\n");
    else if (reload(&number, &err) == 0)
        tg_strbuf_printf(out, "ok %llu\n", (unsigned long long)number);
    else
        tg_strbuf_printf(out, "error %s\n", err.text);
}

static void control(void)
{
    struct pollfd fds[2] = {{.fd = server.signal_fd, .events = POLLIN}, {.fd = server.control_fd, .events = POLLIN}};
    while (!server.is_draining) {
        if (poll(fds, 2, -1) < 0)
            continue; /* EINTR */
        if ((fds[0].revents & POLLIN) != 0)
            on_signal();
        if ((fds[1].revents & POLLIN) != 0 && !server.is_draining)
            tg_control_serve(server.control_fd, on_command, NULL);
    }
}

/* A second signal while the threads drain: a small thread of its own waits for it, until drained_fd can be read. */
static void *watch_for_impatience(void *arg)
{
    const int *drained_fd = arg;
    struct pollfd fds[2] = {{.fd = server.signal_fd, .events = POLLIN}, {.fd = *drained_fd, .events = POLLIN}};
    while (fds[1].revents == 0 && !atomic_load(&server.shared.is_impatient)) {
        if (poll(fds, 2, -1) > 0 && (fds[0].revents & POLLIN) != 0)
            on_signal();
    }
    return NULL;
}

/* --- Running -------------------------------------------------------------------------------------------------------- */

static void start_threads(struct tg_conf *conf, const struct tg_vm_lib *libs)
{
    struct tg_shared *shared = &server.shared;
    shared->n_threads = conf->num_threads;
    shared->threads = tg_calloc(shared->n_threads, sizeof(*shared->threads));
    server.gen_threads = tg_calloc(shared->n_threads, sizeof(*server.gen_threads));
    sem_init(&shared->swapped, 0, 0);
    for (unsigned i = 0; i < shared->n_threads; i++) {
        tg_web_thread_start(&shared->threads[i], shared, i);
        server.gen_threads[i] =
            (struct tg_gen_thread){&shared->threads[i].services, tg_web_thread_swap, &shared->threads[i]};
    }
    shared->gen = tg_gen_new(conf->lua_dir, "app", libs, server.gen_threads, (unsigned)shared->n_threads);
}

/* True: all was answered in time. */
static bool join_threads(void)
{
    bool was_clean = true;
    pthread_t impatience;
    int drained_fd = eventfd(0, EFD_CLOEXEC);
    bool is_watching = drained_fd != -1 && pthread_create(&impatience, NULL, watch_for_impatience, &drained_fd) == 0;
    for (size_t i = 0; i < server.shared.n_threads; i++)
        was_clean = tg_web_thread_join(&server.shared.threads[i]) && was_clean;
    if (is_watching) {
        eventfd_write(drained_fd, 1);
        pthread_join(impatience, NULL);
    }
    if (drained_fd != -1)
        close(drained_fd);
    return was_clean;
}

static void stop(bool was_clean)
{
    struct tg_conf *conf = server.shared.conf;
    tg_control_close(server.control_fd, conf->control_socket);
    if (server.signal_fd != -1)
        close(server.signal_fd);
    if (conf->pid_file != NULL)
        unlink(conf->pid_file);
    server.control_fd = server.signal_fd = -1;
    if (!was_clean)
        return; /* somebody may still hold what would be freed: the process ends now */
    tg_gen_free(&server.shared.gen);
    tg_work_free(&server.shared.work);
    tg_limits_free(&server.shared.limits);
    free(server.shared.threads);
    free(server.gen_threads);
    sem_destroy(&server.shared.swapped);
}

int tg_server_run(struct tg_conf *conf, const struct tg_vm_lib *libs, const struct tg_server_hooks *hooks,
                  struct tg_err *err_r)
{
    sigset_t set = our_signals();
    uint64_t number;
    server.shared = (struct tg_shared){.conf = conf, .limits = tg_limits_new(), .started_mono_us = tg_clock_mono_us()};
    server.shared.rulebook = hooks == NULL ? NULL : hooks->rulebook;
    server.shared.work = tg_work_new((unsigned)conf->worker_threads, WORK_QUEUE_MAX);
    server.hooks = hooks;
    server.is_draining = false;
    server.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (server.signal_fd == -1)
        return tg_err_set(err_r, TG_ERR_UPSTREAM, "signalfd: %s", strerror(errno));
    start_threads(conf, libs);
    int built = build_generation(&number, err_r);
    if (!TG_H2O_HARDENED)
        TG_LOG_WARN("server_http2_off", TG_LOG_STR("reason", "built with libh2o as packaged, not the hardened one"));
    if (built == 0) {
        if (hooks != NULL && hooks->on_ready != NULL)
            hooks->on_ready(hooks->arg);
        for (size_t i = 0; i < conf->n_listeners; i++)
            TG_LOG_INFO("server_listening", TG_LOG_STR("address", conf->listeners[i]->name),
                        TG_LOG_BOOL("tls", conf->listeners[i]->n_certificates != 0),
                        TG_LOG_BOOL("http2", TG_H2O_HARDENED && conf->listeners[i]->http2));
        control();
    } else {
        begin_drain(true);
    }
    bool was_clean = join_threads();
    TG_LOG_INFO("server_drain_finished", TG_LOG_BOOL("clean", was_clean));
    stop(was_clean);
    return built != 0 ? -1 : was_clean ? 0 : 1;
}

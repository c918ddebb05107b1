/* spawn - runs another program to its end: bytes in, bytes out, a deadline. */
#include "io/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"

enum { CHILD, OUT, ERR, N_WATCHED }; /* a process descriptor, and where its output is read */

struct run {
    const struct tg_spawn *spawn;
    int input, out_write, err_write; /* the child's ends */
    int fds[N_WATCHED];
    pid_t pid;
    struct tg_strbuf out, err;
};

static int fail(struct tg_err *err_r, const struct run *run, const char *what, int error)
{
    (void)tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %s: %s", run->spawn->argv[0], what, strerrordesc_np(error));
    if (err_r != NULL)
        err_r->native = error;
    return -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* --- starting ------------------------------------------------------------------------------------------------------ */

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : -1;
}

/* A pipe whose reading end does not block. */
static int open_pipe(int *read_r, int *write_r)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    *read_r = fds[0];
    *write_r = fds[1];
    return fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static int open_files(struct run *run, struct tg_err *err_r)
{
    const struct tg_spawn *spawn = run->spawn;
    run->input = memfd_create("input", MFD_CLOEXEC);
    if (run->input < 0 || write_all(run->input, spawn->input, spawn->input_len) != 0)
        return fail(err_r, run, "its input", errno);
    if (open_pipe(&run->fds[OUT], &run->out_write) != 0 || open_pipe(&run->fds[ERR], &run->err_write) != 0)
        return fail(err_r, run, "a pipe", errno);
    /* Below are the places they are copied to; a process without its standard files would overwrite them. */
    if (run->input < 3 || run->out_write < 3 || run->err_write < 3)
        return fail(err_r, run, "the standard files are closed", EBADF);
    return 0;
}

static int start(struct run *run, struct tg_err *err_r)
{
    static const char *const nothing[] = {NULL};
    const struct tg_spawn *spawn = run->spawn;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_init(&files);
    assert(error == 0);
    error = posix_spawnattr_init(&attr);
    assert(error == 0);
    posix_spawn_file_actions_adddup2(&files, run->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, run->out_write, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, run->err_write, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setpgroup(&attr, 0); /* so that its children can be killed with it */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    error = posix_spawn(&run->pid, spawn->argv[0], &files, &attr, (char *const *)spawn->argv,
                        (char *const *)(spawn->environment == NULL ? nothing : spawn->environment));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (error != 0) {
        run->pid = -1;
        return fail(err_r, run, "cannot be started", error);
    }
    run->fds[CHILD] = pidfd_open(run->pid, 0);
    return run->fds[CHILD] < 0 ? fail(err_r, run, "cannot be watched", errno) : 0;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

/* Takes what a pipe can hold, so that one that is always full again takes no time from the deadline. What is over the
 * buffer's maximum marks it, or is cut off. */
static void take(int *fd, struct tg_strbuf *into, bool cut)
{
    char bytes[64 * 1024];
    if (*fd < 0)
        return;
    const ssize_t n = read(*fd, bytes, sizeof(bytes));
    const size_t room = into->max - into->len;
    if (n > 0)
        tg_strbuf_append(into, bytes, cut && (size_t)n > room ? room : (size_t)n);
    else if (n == 0)
        close_fd(fd);
}

static int watch(struct run *run, struct tg_err *err_r)
{
    const uint64_t deadline_us = tg_clock_mono_us() + (uint64_t)run->spawn->timeout_ms * 1000;
    for (bool ended = false; !ended;) {
        struct pollfd polls[N_WATCHED];
        const uint64_t now_us = tg_clock_mono_us();
        if (now_us >= deadline_us)
            return tg_err_set(err_r, TG_ERR_BUSY, "%s: ran longer than %u ms", run->spawn->argv[0],
                              (unsigned)run->spawn->timeout_ms);
        for (int i = 0; i < N_WATCHED; i++)
            polls[i] = (struct pollfd){run->fds[i], POLLIN, 0}; /* one that is closed is passed over */
        if (poll(polls, N_WATCHED, (int)((deadline_us - now_us + 999) / 1000)) < 0 && errno != EINTR)
            return fail(err_r, run, "poll", errno);
        ended = polls[CHILD].revents != 0; /* seen before the last of its output is taken */
        take(&run->fds[OUT], &run->out, false);
        take(&run->fds[ERR], &run->err, true);
        if (tg_strbuf_overflowed(&run->out))
            return tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: wrote more than %zu bytes", run->spawn->argv[0],
                              run->spawn->output_max);
    }
    return 0;
}

/* Whatever is left of it ends here. */
static int reap(struct run *run)
{
    int status = 0;
    (void)kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0)
        assert(errno == EINTR);
    return status;
}

static void describe(struct run *run, int status, struct tg_spawn_result *result_r)
{
    result_r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result_r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result_r->output = tg_strbuf_take(&run->out, &result_r->output_len);
    memcpy(result_r->errors, run->err.bytes, run->err.len + 1);
}

int tg_spawn_run(const struct tg_spawn *spawn, struct tg_spawn_result *result_r, struct tg_err *err_r)
{
    struct run run = {spawn, -1, -1, -1, {-1, -1, -1}, -1, {0}, {0}};
    assert(spawn->argv[0] != NULL && spawn->argv[0][0] != '\0');
    tg_strbuf_init(&run.out, spawn->output_max);
    tg_strbuf_init(&run.err, sizeof(result_r->errors) - 1);
    int rc = open_files(&run, err_r);
    if (rc == 0)
        rc = start(&run, err_r);
    close_fd(&run.input);
    close_fd(&run.out_write);
    close_fd(&run.err_write);
    if (rc == 0)
        rc = watch(&run, err_r);
    int status = run.pid > 0 ? reap(&run) : 0;
    if (rc == 0)
        describe(&run, status, result_r);
    for (int i = 0; i < N_WATCHED; i++)
        close_fd(&run.fds[i]);
    tg_strbuf_deinit(&run.out);
    tg_strbuf_deinit(&run.err);
    return rc;
}

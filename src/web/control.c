/* control - the unix socket by which `tollgate reload` reaches the running server. */
#include "web/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256
#define ANSWER_BYTES_MAX 8192

static int fail(const char *path, struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_UPSTREAM, "the control socket %s: %s", path, strerror(errno));
}

int tg_control_open(const char *path, int *fd_r, struct tg_err *err_r)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(sa.sun_path)) {
        errno = ENAMETOOLONG;
        return fail(path, err_r);
    }
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return fail(path, err_r);
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (connect(fd, (const void *)&sa, sizeof(sa)) == 0) {
            errno = EADDRINUSE;
            goto Fail;
        }
        unlink(path);
    }
    mode_t old = umask(0177);
    int bound = bind(fd, (const void *)&sa, sizeof(sa));
    umask(old);
    if (bound != 0 || listen(fd, 8) != 0)
        goto Fail;
    *fd_r = fd;
    return 0;
Fail:
    fail(path, err_r);
    close(fd);
    return -1;
}

static int read_line(int fd, char *line, size_t size)
{
    size_t len = 0;
    while (len < size - 1) {
        ssize_t n = read(fd, line + len, size - 1 - len);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        len += (size_t)n;
        line[len] = '\0';
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
            return 0;
        }
    }
    return -1;
}

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

void tg_control_serve(int listening, tg_control_fn *fn, void *arg)
{
    const struct timeval second = {.tv_sec = 1};
    char line[LINE_MAX_BYTES];
    struct tg_strbuf out;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd == -1)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    if (read_line(fd, line, sizeof(line)) == 0) {
        tg_strbuf_init(&out, ANSWER_BYTES_MAX);
        fn(line, &out, arg);
        write_all(fd, out.bytes, out.len);
        tg_strbuf_deinit(&out);
    }
    close(fd);
}

void tg_control_close(int fd, const char *path)
{
    if (fd == -1)
        return;
    close(fd);
    unlink(path);
}

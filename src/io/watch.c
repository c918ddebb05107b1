/* watch - a descriptor of another library (libmariadb, hiredis, curl) on the loop.
 *
 * See the head of loop.c for why it is an h2o socket on a dup.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop_private.h"

struct tg_watch {
    struct tg_loop *loop;
    h2o_socket_t *sock;
    tg_watch_fn *fn;
    void *arg;
    int events; /* what is wanted */
    bool write_pending; /* h2o will call on_write() once, wanted or not */
};

static void on_read(h2o_socket_t *sock, const char *err)
{
    struct tg_watch *w = sock->data;
    (void)err; /* whoever owns the descriptor meets the error when it reads */
    if ((w->events & TG_WATCH_READ) != 0)
        w->fn(TG_WATCH_READ, w->arg); /* may free w */
}

static void on_write(h2o_socket_t *sock, const char *err)
{
    struct tg_watch *w = sock->data;
    (void)err;
    w->write_pending = false;
    if ((w->events & TG_WATCH_WRITE) == 0)
        return;
    w->write_pending = true; /* level triggered: arm again before fn, which may change its mind or free w */
    h2o_socket_notify_write(sock, on_write);
    w->fn(TG_WATCH_WRITE, w->arg);
}

struct tg_watch *tg_watch_new(struct tg_loop *loop, int fd, tg_watch_fn *fn, void *arg)
{
    TG_LOOP_ASSERT_OWN_THREAD(loop);
    assert(fn != NULL);
    int dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (dup_fd == -1) {
        fprintf(stderr, "tg_watch_new: dup of descriptor %d: %s\n", fd, strerror(errno));
        abort(); /* out of descriptors, or a bug: as with memory there is no way on */
    }
    struct tg_watch *w = TG_NEW(struct tg_watch);
    w->loop = loop;
    w->fn = fn;
    w->arg = arg;
    w->sock = h2o_evloop_socket_create(loop->h2o, dup_fd, H2O_SOCKET_FLAG_DONT_READ);
    w->sock->data = w;
    loop->n_watches++;
    return w;
}

void tg_watch_set(struct tg_watch *w, int events)
{
    assert((events & ~(TG_WATCH_READ | TG_WATCH_WRITE)) == 0);
    int added = events & ~w->events, dropped = w->events & ~events;
    w->events = events;
    if ((added & TG_WATCH_READ) != 0)
        h2o_socket_read_start(w->sock, on_read);
    if ((dropped & TG_WATCH_READ) != 0)
        h2o_socket_read_stop(w->sock);
    if ((added & TG_WATCH_WRITE) != 0 && !w->write_pending) {
        w->write_pending = true;
        h2o_socket_notify_write(w->sock, on_write);
    }
}

void tg_watch_free(struct tg_watch **w_p)
{
    struct tg_watch *w = *w_p;
    if (w == NULL)
        return;
    *w_p = NULL;
    w->loop->n_watches--;
    h2o_socket_close(w->sock); /* closes the dup; no callback follows */
    free(w);
}

/* names - a small table of hosts: empty, waiting for a turn, being looked up, or known for a while. */
#include "io/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum name_state { NAME_EMPTY, NAME_WAITING, NAME_RUNNING, NAME_KNOWN };

struct waiter {
    struct waiter *next;
    struct tg_names *names;
    uint16_t port;
    tg_resolve_fn *fn;
    void *arg;
    struct tg_err err; /* of a refusal */
    struct tg_addresses addresses; /* of an answer that was known already */
};

struct name {
    enum name_state state;
    char *host;
    struct tg_names *names;
    struct tg_addresses addresses; /* KNOWN, until … */
    uint64_t until_ms;
    struct waiter *first, **last; /* WAITING, RUNNING */
};

struct tg_names {
    struct tg_loop *loop;
    struct tg_work *work;
    size_t n_running, n_waiters;
    struct name table[TG_NAMES_MAX];
};

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg);

struct tg_names *tg_names_new(struct tg_loop *loop, struct tg_work *work)
{
    struct tg_names *names = TG_NEW(struct tg_names);
    names->loop = loop;
    names->work = work;
    return names;
}

void tg_names_free(struct tg_names **names)
{
    if (*names == NULL)
        return;
    assert((*names)->n_running == 0 && (*names)->n_waiters == 0);
    for (size_t i = 0; i < TG_NAMES_MAX; i++)
        free((*names)->table[i].host);
    free(*names);
    *names = NULL;
}

static void start_next(struct tg_names *names)
{
    for (size_t i = 0; i < TG_NAMES_MAX && names->n_running < TG_NAMES_RUNNING_MAX; i++) {
        struct name *name = &names->table[i];
        if (name->state != NAME_WAITING)
            continue;
        name->state = NAME_RUNNING;
        names->n_running++;
        tg_resolve(names->loop, names->work, name->host, 0, on_resolved, name);
    }
}

static void set_ports(struct tg_addresses *addresses, uint16_t port)
{
    for (size_t i = 0; i < addresses->n; i++) {
        struct sockaddr_storage *address = &addresses->list[i];
        if (address->ss_family == AF_INET)
            ((struct sockaddr_in *)address)->sin_port = htons(port);
        else
            ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

/* The last callback may free names: nothing is touched after it. */
static void answer_all(struct waiter *list, const struct tg_addresses *addresses, const struct tg_err *err)
{
    struct tg_addresses copy = {0};
    struct tg_err err_copy = {0};
    if (addresses != NULL)
        copy = *addresses;
    if (err != NULL)
        err_copy = *err;
    while (list != NULL) {
        struct waiter *w = list;
        list = w->next;
        set_ports(&copy, w->port);
        w->names->n_waiters--;
        w->fn(addresses != NULL ? &copy : NULL, err != NULL ? &err_copy : NULL, w->arg);
        free(w);
    }
}

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct name *name = arg;
    struct tg_names *names = name->names;
    struct waiter *list = name->first;
    assert(name->state == NAME_RUNNING && list != NULL);
    name->first = NULL;
    name->state = addresses != NULL ? NAME_KNOWN : NAME_EMPTY; /* a failure is not remembered */
    if (addresses != NULL) {
        name->addresses = *addresses;
        name->until_ms = tg_loop_now_ms(names->loop) + TG_NAMES_KEPT_MS;
    }
    names->n_running--;
    start_next(names);
    answer_all(list, addresses, err);
}

static void on_answer_known(void *arg)
{
    struct waiter *w = arg;
    w->next = NULL;
    if (w->err.code != TG_ERR_NONE)
        answer_all(w, NULL, &w->err);
    else
        answer_all(w, &w->addresses, NULL);
}

/* The host's entry; else one that is free or known for the shortest time; NULL when all are busy. */
static struct name *find_name(struct tg_names *names, const char *host)
{
    struct name *best = NULL;
    for (size_t i = 0; i < TG_NAMES_MAX; i++) {
        struct name *name = &names->table[i];
        if (name->state != NAME_EMPTY && strcasecmp(name->host, host) == 0)
            return name;
        if (name->state == NAME_EMPTY && (best == NULL || best->state != NAME_EMPTY))
            best = name;
        else if (name->state == NAME_KNOWN &&
                 (best == NULL || (best->state == NAME_KNOWN && name->until_ms < best->until_ms)))
            best = name;
    }
    return best;
}

static bool knows(const struct tg_names *names, const struct name *name, const char *host)
{
    return name->state == NAME_KNOWN && name->until_ms > tg_loop_now_ms(names->loop) &&
           strcasecmp(name->host, host) == 0;
}

static void begin_name(struct tg_names *names, struct name *name, const char *host)
{
    free(name->host);
    *name = (struct name){.state = NAME_WAITING, .host = tg_strdup(host), .names = names};
    name->last = &name->first;
}

void tg_names_lookup(struct tg_names *names, const char *host, uint16_t port, tg_resolve_fn *fn, void *arg)
{
    struct waiter *w = TG_NEW(struct waiter);
    struct name *name = find_name(names, host);
    *w = (struct waiter){.names = names, .port = port, .fn = fn, .arg = arg};
    names->n_waiters++;
    if (name == NULL) {
        tg_err_set(&w->err, TG_ERR_BUSY, "%d names are being looked up already", TG_NAMES_MAX);
        tg_loop_defer(names->loop, on_answer_known, w);
        return;
    }
    if (knows(names, name, host)) {
        w->addresses = name->addresses;
        tg_loop_defer(names->loop, on_answer_known, w);
        return;
    }
    if (name->state == NAME_EMPTY || name->state == NAME_KNOWN)
        begin_name(names, name, host);
    *name->last = w;
    name->last = &w->next;
    start_next(names);
}

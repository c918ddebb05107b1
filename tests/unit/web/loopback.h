/* loopback - the real handler chain with no socket: a configuration from text, a Lua application from text, and
 * requests that are put into libh2o by hand. The loop runs only when a test says so, so a client can leave anywhere.
 */
#ifndef TG_TESTS_LOOPBACK_H
#define TG_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/work.h"
#include "rt/vm.h"
#include "tap.h"
#include "web/accesslog.h"
#include "web/app.h"
#include "web/auth.h"
#include "web/conf.h"
#include "web/ratelink.h"
#include "web/request.h"
#include "web/thread.h"

struct loopback {
    char dir[64];
    struct tg_shared shared;
    struct tg_web_thread thread;
    bool is_vm_closed;
};

struct client { /* one request */
    h2o_conn_t super;
    h2o_ostream_t final;
    bool is_complete, is_broken; /* broken: the answer has no end */
    bool is_slow; /* takes the next piece when the test says h2o_proceed_response() */
    struct tg_strbuf body;
    int status;
    h2o_req_t req; /* last: it is large */
};

static inline void loopback_write(const struct loopback *lb, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", lb->dir, name);
    FILE *fp = fopen(path, "w");
    if (fp == NULL || fputs(text, fp) < 0 || fclose(fp) != 0)
        abort();
}

static inline void loopback_fail(const struct tg_err *err)
{
    printf("Bail out! %s\n", err->text);
    exit(1);
}

/* A VM of this app.lua, attached. */
static inline struct tg_vm *loopback_vm(struct loopback *lb, const char *app)
{
    struct tg_luasource *src;
    struct tg_vm *vm;
    struct tg_err err;
    char dir[80];
    snprintf(dir, sizeof(dir), "%s/lua", lb->dir);
    mkdir(dir, 0700);
    loopback_write(lb, "lua/app.lua", app);
    if (tg_luasource_read(dir, &src, &err) != 0 || tg_vm_new(src, "app", NULL, &vm, &err) != 0 ||
        tg_app_check(vm, &err) != 0)
        loopback_fail(&err);
    tg_luasource_unref(&src);
    tg_vm_attach(vm, &lb->thread.services);
    return vm;
}

static inline void loopback_on_vm_closed(void *arg)
{
    ((struct loopback *)arg)->is_vm_closed = true;
}

static inline void loopback_turn(struct loopback *lb)
{
    tg_loop_run_once(lb->thread.loop, 10);
}

static inline void loopback_retire(struct loopback *lb, uint32_t drain_ms)
{
    struct tg_app *old = lb->thread.app;
    lb->thread.app = NULL;
    lb->is_vm_closed = false;
    tg_vm_retire(&old->vm, drain_ms, loopback_on_vm_closed, lb);
    tg_app_unref(&old);
}

/* The next generation, as a reload does it. */
static inline void loopback_swap(struct loopback *lb, const char *app)
{
    struct tg_vm *vm = loopback_vm(lb, app);
    tg_auth_forget(lb->thread.auth);
    loopback_retire(lb, 60000);
    lb->thread.app = tg_app_of(vm);
}

/* directives: lines of h2o.conf beside the listener and the one host. */
static inline struct loopback *loopback_new(const char *directives, const char *app)
{
    struct loopback *lb = TG_NEW(struct loopback);
    struct tg_web_thread *thread = &lb->thread;
    struct tg_err err;
    char conf[2048], path[80];
    strcpy(lb->dir, "/tmp/tollgate-web-XXXXXX");
    if (mkdtemp(lb->dir) == NULL)
        abort();
    snprintf(conf, sizeof(conf),
             "listen: {host: 127.0.0.1, port: 0}\n%s\nhosts:\n  default:\n    paths:\n      /:\n"
             "        - tollgate.status: ON\n        - tollgate.app: ON\n",
             directives);
    loopback_write(lb, "h2o.conf", conf);
    snprintf(path, sizeof(path), "%s/h2o.conf", lb->dir);
    if (tg_conf_load(path, &lb->shared.conf, &err) != 0)
        loopback_fail(&err);
    lb->shared.limits = tg_limits_new();
    lb->shared.started_mono_us = tg_clock_mono_us();
    lb->shared.threads = thread;
    lb->shared.n_threads = 1;
    lb->shared.work = tg_work_new(1, 100);
    thread->shared = &lb->shared;
    thread->state = TG_THREAD_RUNNING;
    thread->loop = tg_loop_new();
    thread->services = (struct tg_services){.loop = thread->loop, .work = lb->shared.work};
    h2o_context_init(&thread->ctx, tg_loop_h2o(thread->loop), &lb->shared.conf->global);
    h2o_timeout_init(thread->ctx.loop, &thread->request_timeout, lb->shared.conf->request_timeout_ms);
    h2o_timeout_init(thread->ctx.loop, &thread->bulk_timeout, lb->shared.conf->bulk_timeout_ms);
    tg_strbuf_init(&thread->scratch, 1u << 20);
    h2o_linklist_init_anchor(&thread->connections);
    thread->auth = tg_auth_new();
    thread->ratelink = tg_ratelink_new(thread->loop, NULL, lb->shared.limits);
    thread->app = tg_app_of(loopback_vm(lb, app));
    return lb;
}

static inline void loopback_free(struct loopback *lb)
{
    struct tg_web_thread *thread = &lb->thread;
    char command[128];
    loopback_retire(lb, 0);
    for (int i = 0; i < 1000 && !lb->is_vm_closed; i++)
        loopback_turn(lb);
    is_true(lb->is_vm_closed);
    is_uint(thread->n_requests, 0);
    is_uint(atomic_load(&lb->shared.body_memory), 0);
    loopback_turn(lb);
    tg_access_log_deinit(thread);
    h2o_timeout_dispose(thread->ctx.loop, &thread->request_timeout);
    h2o_timeout_dispose(thread->ctx.loop, &thread->bulk_timeout);
    h2o_multithread_queue_t *queue = thread->ctx.queue;
    h2o_context_dispose(&thread->ctx);
    free(queue); /* h2o 2.2 forgets to */
    tg_auth_free(&thread->auth);
    tg_ratelink_free(&thread->ratelink);
    tg_request_free_spares(thread);
    tg_strbuf_deinit(&thread->scratch);
    tg_work_free(&lb->shared.work);
    tg_loop_free(&thread->loop);
    tg_limits_free(&lb->shared.limits);
    tg_conf_free(&lb->shared.conf);
    snprintf(command, sizeof(command), "rm -rf %s", lb->dir);
    if (system(command) != 0)
        tap_note("%s is left", lb->dir);
    free(lb);
}

/* --- A client ------------------------------------------------------------------------------------------------------- */

static inline void client_on_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t n,
                                  h2o_send_state_t state)
{
    struct client *client = H2O_STRUCT_FROM_MEMBER(struct client, final, self);
    for (size_t i = 0; i < n; i++)
        tg_strbuf_append(&client->body, bufs[i].base, bufs[i].len);
    client->status = req->res.status;
    client->is_broken = state == H2O_SEND_STATE_ERROR;
    if (!h2o_send_state_is_in_progress(state))
        client->is_complete = true;
    else if (!client->is_slow)
        h2o_proceed_response(req);
}

static inline socklen_t client_address(h2o_conn_t *conn, struct sockaddr *sa)
{
    struct sockaddr_in *sin = (void *)sa;
    (void)conn;
    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(55555), .sin_addr = {htonl(0x7f000001)}};
    return sizeof(*sin);
}

/* headers: "name: value\n…", lower case; body NULL: none. */
static inline struct client *client_new(struct loopback *lb, const char *method, const char *path, const char *headers,
                                        const char *body)
{
    static const h2o_conn_callbacks_t callbacks = {.get_sockname = client_address, .get_peername = client_address};
    struct client *client =
        (void *)h2o_create_connection(sizeof(*client), &lb->thread.ctx, lb->shared.conf->global.hosts,
                                      (struct timeval){0}, &callbacks);
    h2o_init_request(&client->req, &client->super, NULL);
    tg_strbuf_init(&client->body, 1u << 20);
    client->is_complete = client->is_broken = client->is_slow = false;
    client->status = 0;
    client->final = (h2o_ostream_t){.do_send = client_on_send};
    h2o_req_t *req = &client->req;
    req->_ostr_top = &client->final;
    req->version = 0x101;
    req->input.scheme = &H2O_URL_SCHEME_HTTP;
    req->input.method = h2o_strdup(&req->pool, method, SIZE_MAX);
    req->input.path = h2o_strdup(&req->pool, path, SIZE_MAX);
    req->input.authority = h2o_strdup(&req->pool, "api.example", SIZE_MAX);
    for (const char *line = headers, *end; line != NULL && *line != '\0'; line = end + 1) {
        const char *colon = strchr(line, ':');
        end = strchr(line, '\n');
        h2o_iovec_t name = h2o_strdup(&req->pool, line, (size_t)(colon - line));
        h2o_iovec_t value = h2o_strdup(&req->pool, colon + 2, (size_t)(end - colon - 2));
        h2o_add_header_by_str(&req->pool, &req->headers, name.base, name.len, 1, NULL, value.base, value.len);
    }
    if (body != NULL)
        req->entity = h2o_strdup(&req->pool, body, SIZE_MAX);
    return client;
}

static inline void client_free(struct client *client)
{
    tg_strbuf_deinit(&client->body);
    h2o_dispose_request(&client->req);
    free(client);
}

static inline void client_start(struct client *client)
{
    h2o_process_request(&client->req);
}

/* Until the answer is there; at most ten seconds. */
static inline bool client_wait(struct loopback *lb, struct client *client)
{
    for (int i = 0; i < 1000 && !client->is_complete; i++)
        loopback_turn(lb);
    return ok(client->is_complete, "the request is answered");
}

static inline const char *client_header(struct client *client, const char *name)
{
    const h2o_headers_t *headers = &client->req.res.headers;
    for (size_t i = 0; i < headers->size; i++)
        if (h2o_memis(headers->entries[i].name->base, headers->entries[i].name->len, name, strlen(name)))
            return h2o_strdup(&client->req.pool, headers->entries[i].value.base, headers->entries[i].value.len).base;
    return NULL;
}

/* One whole request. */
static inline struct client *client_ask(struct loopback *lb, const char *method, const char *path, const char *headers,
                                        const char *body)
{
    struct client *client = client_new(lb, method, path, headers, body);
    client_start(client);
    client_wait(lb, client);
    return client;
}

#endif

/* redis - hiredis' asynchronous contexts on our loop.
 *
 * Two links, each with its own connection, backoff and state: one for commands,
 * one for subscriptions (made at the first of them), because a connection that
 * has subscribed takes no other commands. A link is DOWN (a timer leads to the
 * next attempt), CONNECTING (also while AUTH and SELECT are under way) or UP.
 *
 * hiredis frees its context by itself after an error and calls the pending
 * callbacks with no reply; link->ac is NULL from the moment we know. A command
 * whose deadline passes is answered UNCERTAIN and stays with hiredis, abandoned;
 * when the server has said nothing at all since it was sent, the connection is
 * taken for dead and made anew.
 */
#include "io/redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/redisurl.h"
#include "io/resolve.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
#define CONNECT_TIMEOUT_MS 3000
#define SUBSCRIPTION_BUCKETS 1024

enum link_state { LINK_DOWN, LINK_RESOLVING, LINK_CONNECTING, LINK_UP };

struct link {
    struct tg_redis *redis;
    const char *name; /* "commands", "subscriptions" */
    enum link_state state;
    redisAsyncContext *ac;
    struct tg_watch *watch;
    int events;
    struct tg_timer timer; /* DOWN: the next attempt; CONNECTING: its end */
    uint32_t backoff_ms;
    unsigned n_attempts;
    uint64_t heard_ms; /* when the server last said something */
    bool is_wanted;
};

struct subscription {
    struct subscription *next; /* in its bucket */
    char *channel;
    tg_redis_message_fn *fn;
    tg_loop_fn *on_gap;
    void *arg;
};

struct tg_redis {
    struct tg_loop *loop;
    struct tg_redisurl url;
    size_t n_pending, pending_max;
    size_t n_alive; /* commands and lookups whose callback is still to come */
    unsigned seed;
    struct link commands, subscriptions;
    struct subscription *buckets[SUBSCRIPTION_BUCKETS];
    bool is_closing;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

struct command {
    struct tg_redis *redis;
    tg_redis_reply_fn *fn; /* NULL: abandoned, the deadline has passed */
    void *arg;
    uint64_t sent_ms;
    struct tg_timer deadline;
    struct tg_err err; /* of a failure that is deferred */
};

static void link_connect(struct link *link);

/* --- closing ---------------------------------------------------------------------------------------------------------- */

static void check_closed(struct tg_redis *redis)
{
    if (!redis->is_closing || redis->n_alive > 0)
        return;
    tg_loop_fn *done = redis->on_closed;
    void *arg = redis->on_closed_arg;
    assert(redis->commands.ac == NULL && redis->subscriptions.ac == NULL);
    for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++) {
        while (redis->buckets[i] != NULL) {
            struct subscription *next = redis->buckets[i]->next;
            free(redis->buckets[i]->channel);
            free(redis->buckets[i]);
            redis->buckets[i] = next;
        }
    }
    tg_redisurl_deinit(&redis->url);
    free(redis);
    if (done != NULL)
        done(arg);
}

/* --- the loop's side of a context --------------------------------------------------------------------------------------- */

static void on_ready(int events, void *arg)
{
    struct link *link = arg;
    if ((events & TG_WATCH_READ) != 0)
        redisAsyncHandleRead(link->ac);
    else
        redisAsyncHandleWrite(link->ac);
}

static void set_events(struct link *link, int on, int off)
{
    link->events = (link->events | on) & ~off;
    if (link->watch != NULL)
        tg_watch_set(link->watch, link->events);
}

static void ev_add_read(void *arg)
{
    set_events(arg, TG_WATCH_READ, 0);
}

static void ev_del_read(void *arg)
{
    set_events(arg, 0, TG_WATCH_READ);
}

static void ev_add_write(void *arg)
{
    set_events(arg, TG_WATCH_WRITE, 0);
}

static void ev_del_write(void *arg)
{
    set_events(arg, 0, TG_WATCH_WRITE);
}

static void ev_cleanup(void *arg)
{
    struct link *link = arg;
    link->events = 0;
    tg_watch_free(&link->watch);
}

/* --- a link's states ------------------------------------------------------------------------------------------------------ */

static void on_backoff_over(void *arg)
{
    link_connect(arg);
}

static void link_down(struct link *link, const char *why)
{
    struct tg_redis *redis = link->redis;
    bool was_up = link->state == LINK_UP;
    assert(link->ac == NULL);
    link->state = LINK_DOWN;
    tg_timer_stop(redis->loop, &link->timer);
    if (redis->is_closing)
        return;
    TG_LOG_WARN(was_up ? "redis_connection_lost" : "redis_connect_finished", TG_LOG_STR("link", link->name),
                TG_LOG_STR("error", why));
    link->backoff_ms = link->backoff_ms == 0 ? BACKOFF_FIRST_MS : link->backoff_ms * 2;
    if (link->backoff_ms > BACKOFF_MAX_MS)
        link->backoff_ms = BACKOFF_MAX_MS;
    uint32_t jitter_ms = (uint32_t)rand_r(&redis->seed) % (link->backoff_ms / 2 + 1);
    tg_timer_start(redis->loop, &link->timer, link->backoff_ms - jitter_ms, on_backoff_over, link);
}

/* Ends the connection ourselves. Its pending commands are answered inside. */
static void link_drop(struct link *link, const char *why)
{
    redisAsyncContext *ac = link->ac;
    link->ac = NULL;
    if (ac != NULL)
        redisAsyncFree(ac);
    link_down(link, why);
}

static void on_connect_timeout(void *arg)
{
    link_drop(arg, "no answer in time");
}

static void on_disconnected(const redisAsyncContext *ac, int status)
{
    struct link *link = ac->data;
    (void)status;
    if (link->ac != ac)
        return; /* dropped by us */
    link->ac = NULL;
    link_down(link, ac->c.errstr[0] != '\0' ? ac->c.errstr : "closed by the server");
}

static void on_subscription(redisAsyncContext *ac, void *reply, void *arg);

static void subscribe_now(struct link *link, const char *channel)
{
    redisAsyncCommand(link->ac, on_subscription, NULL, "SUBSCRIBE %s", channel);
}

static void link_up(struct link *link)
{
    struct tg_redis *redis = link->redis;
    link->state = LINK_UP;
    link->backoff_ms = 0;
    link->heard_ms = tg_loop_now_ms(redis->loop);
    tg_timer_stop(redis->loop, &link->timer);
    TG_LOG_INFO("redis_connection_connected", TG_LOG_STR("link", link->name));
    if (link != &redis->subscriptions)
        return;
    for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++) {
        for (const struct subscription *s = redis->buckets[i]; s != NULL; s = s->next)
            subscribe_now(link, s->channel);
    }
}

static bool greeting_failed(struct link *link, const redisReply *reply)
{
    if (reply == NULL)
        return true; /* on_disconnected() follows or has been */
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    char why[128];
    snprintf(why, sizeof(why), "%.100s", reply->str);
    link_drop(link, why);
    return true;
}

static void on_selected(redisAsyncContext *ac, void *reply, void *arg)
{
    struct link *link = ac->data;
    (void)arg;
    if (!greeting_failed(link, reply))
        link_up(link);
}

static void on_authenticated(redisAsyncContext *ac, void *reply, void *arg)
{
    (void)arg;
    greeting_failed(ac->data, reply);
}

static void on_connected(const redisAsyncContext *ac, int status)
{
    struct link *link = ac->data;
    const struct tg_redisurl *url = &link->redis->url;
    if (link->ac != ac)
        return;
    if (status != REDIS_OK) {
        link->ac = NULL; /* hiredis frees it */
        link_down(link, ac->c.errstr);
        return;
    }
    /* The answers come in this order; the last one makes the link useful. */
    if (url->password != NULL && url->user != NULL)
        redisAsyncCommand(link->ac, on_authenticated, NULL, "AUTH %s %s", url->user, url->password);
    else if (url->password != NULL)
        redisAsyncCommand(link->ac, on_authenticated, NULL, "AUTH %s", url->password);
    redisAsyncCommand(link->ac, on_selected, NULL, "SELECT %d", url->db);
}

static void connect_to(struct link *link, const char *address)
{
    struct tg_redis *redis = link->redis;
    const struct tg_redisurl *url = &redis->url;
    link->state = LINK_CONNECTING;
    redisAsyncContext *ac =
        url->path != NULL ? redisAsyncConnectUnix(url->path) : redisAsyncConnect(address, url->port);
    assert(ac != NULL);
    if (ac->err != 0) {
        char why[128];
        snprintf(why, sizeof(why), "%.100s", ac->c.errstr);
        redisAsyncFree(ac);
        link_down(link, why);
        return;
    }
    link->ac = ac;
    ac->data = link;
    ac->ev.data = link;
    ac->ev.addRead = ev_add_read;
    ac->ev.delRead = ev_del_read;
    ac->ev.addWrite = ev_add_write;
    ac->ev.delWrite = ev_del_write;
    ac->ev.cleanup = ev_cleanup;
    link->watch = tg_watch_new(redis->loop, ac->c.fd, on_ready, link);
    redisAsyncSetConnectCallback(ac, on_connected); /* asks for writability */
    redisAsyncSetDisconnectCallback(ac, on_disconnected);
    if (url->path == NULL)
        redisEnableKeepAlive(&ac->c);
    tg_timer_start(redis->loop, &link->timer, CONNECT_TIMEOUT_MS, on_connect_timeout, link);
}

static void on_resolved(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct link *link = arg;
    struct tg_redis *redis = link->redis;
    char address[TG_ADDRESS_TEXT_SIZE];
    redis->n_alive--;
    if (redis->is_closing) {
        check_closed(redis);
    } else if (err != NULL) {
        link_down(link, err->text);
    } else {
        /* A name may have an address where nobody listens (localhost is ::1, too): each attempt takes the next. */
        tg_address_format(&addresses->list[link->n_attempts++ % addresses->n], address);
        connect_to(link, address);
    }
}

static void link_connect(struct link *link)
{
    struct tg_redis *redis = link->redis;
    assert(link->state == LINK_DOWN && link->ac == NULL);
    link->is_wanted = true;
    if (redis->url.path != NULL) {
        connect_to(link, NULL);
        return;
    }
    link->state = LINK_RESOLVING;
    redis->n_alive++;
    tg_resolve(redis->loop, NULL, redis->url.host, redis->url.port, on_resolved, link);
}

/* --- commands ------------------------------------------------------------------------------------------------------------- */

static void command_end(struct command *cmd, const redisReply *reply, const struct tg_err *err)
{
    struct tg_redis *redis = cmd->redis;
    tg_redis_reply_fn *fn = cmd->fn;
    tg_timer_stop(redis->loop, &cmd->deadline);
    if (fn != NULL)
        fn(reply, err, cmd->arg);
    free(cmd);
    redis->n_alive--;
    check_closed(redis);
}

static void on_command_failed(void *arg)
{
    struct command *cmd = arg;
    command_end(cmd, NULL, &cmd->err);
}

static void on_reply(redisAsyncContext *ac, void *reply_arg, void *arg)
{
    struct command *cmd = arg;
    struct tg_redis *redis = cmd->redis;
    const redisReply *reply = reply_arg;
    struct tg_err err = {0};
    redis->n_pending--;
    bool lost_by_fault = reply != NULL && TG_FAULT("redis_lost_reply");
    if (reply == NULL || lost_by_fault)
        tg_err_set(&err, TG_ERR_UNCERTAIN, "the answer of redis was lost: %s",
                   lost_by_fault             ? "fault point"
                   : ac->c.errstr[0] != '\0' ? ac->c.errstr
                                             : "connection closed");
    else if (reply->type == REDIS_REPLY_ERROR)
        tg_err_set(&err, TG_ERR_UPSTREAM, "redis: %s", reply->str);
    if (reply != NULL)
        redis->commands.heard_ms = tg_loop_now_ms(redis->loop);
    bool failed = err.code != TG_ERR_NONE;
    command_end(cmd, failed ? NULL : reply, failed ? &err : NULL);
    /* command_end() cannot have freed redis: closing waits for the contexts first. */
    if (lost_by_fault && redis->commands.ac == ac)
        link_drop(&redis->commands, "fault point");
}

static void on_command_deadline(void *arg)
{
    struct command *cmd = arg;
    struct tg_redis *redis = cmd->redis;
    struct tg_err err;
    tg_redis_reply_fn *fn = cmd->fn;
    bool is_silent = redis->commands.heard_ms < cmd->sent_ms;
    cmd->fn = NULL; /* freed when its reply comes or its connection goes */
    tg_err_set(&err, TG_ERR_UNCERTAIN, "no answer of redis before the deadline");
    fn(NULL, &err, cmd->arg);
    if (is_silent && redis->commands.state == LINK_UP)
        link_drop(&redis->commands, "no answer before a deadline");
}

static void command_fail_later(struct command *cmd, enum tg_errcode code, const char *text)
{
    tg_err_set(&cmd->err, code, "%s", text);
    tg_loop_defer(cmd->redis->loop, on_command_failed, cmd);
}

void tg_redis_command(struct tg_redis *redis, int argc, const char *const *argv, const size_t *argv_len,
                      uint64_t deadline_ms, tg_redis_reply_fn *fn, void *arg)
{
    struct command *cmd = TG_NEW(struct command);
    uint64_t now_ms = tg_loop_now_ms(redis->loop);
    assert(argc > 0 && fn != NULL);
    *cmd = (struct command){.redis = redis, .fn = fn, .arg = arg, .sent_ms = now_ms};
    redis->n_alive++;
    if (redis->commands.state != LINK_UP || redis->is_closing) {
        command_fail_later(cmd, TG_ERR_UPSTREAM, "redis is not connected");
        return;
    }
    if (redis->n_pending >= redis->pending_max) {
        command_fail_later(cmd, TG_ERR_BUSY, "too many commands wait for redis");
        return;
    }
    if (deadline_ms <= now_ms) {
        command_fail_later(cmd, TG_ERR_BUSY, "the deadline had passed before the command was sent");
        return;
    }
    /* hiredis wants char ** and changes nothing. */
    if (redisAsyncCommandArgv(redis->commands.ac, on_reply, cmd, argc, (const char **)(uintptr_t)argv, argv_len) !=
        REDIS_OK) {
        command_fail_later(cmd, TG_ERR_UPSTREAM, "redis is not connected");
        return;
    }
    redis->n_pending++;
    tg_timer_start(redis->loop, &cmd->deadline, deadline_ms - now_ms, on_command_deadline, cmd);
}

/* --- subscriptions ---------------------------------------------------------------------------------------------------------- */

/* Where the channel's subscription is, or would be. */
static struct subscription **find_subscription(struct tg_redis *redis, const char *channel, size_t len)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)channel[i]) * 16777619u;
    struct subscription **slot = &redis->buckets[hash % SUBSCRIPTION_BUCKETS];
    while (*slot != NULL && (strlen((*slot)->channel) != len || memcmp((*slot)->channel, channel, len) != 0))
        slot = &(*slot)->next;
    return slot;
}

static void on_subscription(redisAsyncContext *ac, void *reply_arg, void *arg)
{
    const redisReply *reply = reply_arg;
    struct link *link = ac->data;
    (void)arg;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return;
    link->heard_ms = tg_loop_now_ms(link->redis->loop);
    const redisReply *kind = reply->element[0], *channel = reply->element[1], *payload = reply->element[2];
    const struct subscription *s = *find_subscription(link->redis, channel->str, (size_t)channel->len);
    if (s == NULL)
        return; /* unsubscribed meanwhile */
    if (strcmp(kind->str, "message") == 0)
        s->fn(s->channel, payload->str, (size_t)payload->len, s->arg);
    else if (strcmp(kind->str, "subscribe") == 0 && s->on_gap != NULL)
        s->on_gap(s->arg); /* from now on nothing is missed */
}

void tg_redis_subscribe(struct tg_redis *redis, const char *channel, tg_redis_message_fn *fn, tg_loop_fn *on_gap,
                        void *arg)
{
    struct subscription **slot = find_subscription(redis, channel, strlen(channel));
    assert(*slot == NULL && fn != NULL && !redis->is_closing);
    struct subscription *s = TG_NEW(struct subscription);
    *s = (struct subscription){.channel = tg_strdup(channel), .fn = fn, .on_gap = on_gap, .arg = arg};
    *slot = s;
    if (redis->subscriptions.state == LINK_UP)
        subscribe_now(&redis->subscriptions, channel);
    else if (!redis->subscriptions.is_wanted)
        link_connect(&redis->subscriptions);
}

void tg_redis_unsubscribe(struct tg_redis *redis, const char *channel)
{
    struct subscription **slot = find_subscription(redis, channel, strlen(channel)), *s = *slot;
    if (s == NULL)
        return;
    *slot = s->next;
    if (redis->subscriptions.state == LINK_UP)
        redisAsyncCommand(redis->subscriptions.ac, NULL, NULL, "UNSUBSCRIBE %s", channel);
    free(s->channel);
    free(s);
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------- */

struct tg_redis *tg_redis_new(struct tg_loop *loop, const char *url, size_t pending_max, struct tg_err *err_r)
{
    struct tg_redisurl parsed;
    if (tg_redisurl_parse(url, &parsed, err_r) != 0)
        return NULL;
    struct tg_redis *redis = TG_NEW(struct tg_redis);
    redis->loop = loop;
    redis->url = parsed;
    redis->pending_max = pending_max;
    redis->commands = (struct link){.redis = redis, .name = "commands"};
    redis->subscriptions = (struct link){.redis = redis, .name = "subscriptions"};
    tg_random(&redis->seed, sizeof(redis->seed));
    link_connect(&redis->commands);
    return redis;
}

static void on_close(void *arg)
{
    struct tg_redis *redis = arg;
    struct link *links[] = {&redis->commands, &redis->subscriptions};
    for (int i = 0; i < 2; i++) {
        tg_timer_stop(redis->loop, &links[i]->timer);
        if (links[i]->ac != NULL)
            link_drop(links[i], "closing");
    }
    redis->n_alive--;
    check_closed(redis);
}

void tg_redis_close(struct tg_redis **redis_p, tg_loop_fn *done, void *arg)
{
    struct tg_redis *redis = *redis_p;
    *redis_p = NULL;
    assert(!redis->is_closing);
    redis->is_closing = true;
    redis->on_closed = done;
    redis->on_closed_arg = arg;
    redis->n_alive++; /* until on_close() has run */
    tg_loop_defer(redis->loop, on_close, redis);
}

bool tg_redis_is_connected(const struct tg_redis *redis)
{
    return redis->commands.state == LINK_UP;
}

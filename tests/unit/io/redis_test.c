/* redis_test - commands and subscriptions against a real Redis that is stopped, killed and restarted. */
#include "../../../src/io/redis.c"
#include "tap.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "services.h"

static struct tg_loop *loop;

struct answer {
    int n;
    int type;
    long long num;
    char text[64];
    size_t len;
    struct tg_err err;
};

static void on_answer(const struct redisReply *reply, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    is_true((reply == NULL) == (err != NULL));
    if (err != NULL) {
        a->err = *err;
        return;
    }
    a->type = reply->type;
    a->num = reply->integer;
    if (reply->str != NULL && reply->len < sizeof(a->text)) {
        a->len = reply->len;
        memcpy(a->text, reply->str, a->len);
    }
}

static void run_for_ms(uint64_t ms)
{
    uint64_t end_us = tg_clock_mono_us() + ms * 1000;
    while (tg_clock_mono_us() < end_us)
        tg_loop_run_once(loop, 5);
}

static void wait_for(const int *n, int wanted)
{
    uint64_t give_up_us = tg_clock_mono_us() + 20 * 1000000ull;
    while (*n < wanted && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_int(*n, wanted);
}

static void wait_connected(const struct tg_redis *redis)
{
    uint64_t give_up_us = tg_clock_mono_us() + 20 * 1000000ull;
    while (!tg_redis_is_connected(redis) && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 20);
    is_true(tg_redis_is_connected(redis));
}

static struct tg_redis *connect_url(const char *url, size_t pending_max)
{
    struct tg_err err = {0};
    struct tg_redis *redis = tg_redis_new(loop, url, pending_max, &err);
    ok(redis != NULL, "%s", err.text);
    return redis;
}

static struct tg_redis *fresh_redis(size_t pending_max)
{
    if (!services_start())
        exit(1);
    loop = tg_loop_new();
    struct tg_redis *redis = connect_url(services.redis_url, pending_max);
    wait_connected(redis);
    return redis;
}

static void note_closed(void *arg)
{
    (*(int *)arg)++;
}

static void close_redis(struct tg_redis *redis)
{
    int closed = 0;
    tg_redis_close(&redis, note_closed, &closed);
    is_null(redis);
    is_int(closed, 0);
    wait_for(&closed, 1);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

static void send_args(struct tg_redis *redis, struct answer *a, uint64_t timeout_ms, const char *const *argv)
{
    int argc = 0;
    size_t lens[8];
    for (; argv[argc] != NULL; argc++)
        lens[argc] = strlen(argv[argc]);
    *a = (struct answer){0};
    tg_redis_command(redis, argc, argv, lens, tg_loop_now_ms(loop) + timeout_ms, on_answer, a);
    is_int(a->n, 0);
}
#define send(redis, a, ...) send_args(redis, a, 10000, (const char *const[]){__VA_ARGS__, NULL})

static struct answer ask_args(struct tg_redis *redis, const char *const *argv)
{
    struct answer a;
    send_args(redis, &a, 10000, argv);
    wait_for(&a.n, 1);
    return a;
}
#define ask(redis, ...) ask_args(redis, (const char *const[]){__VA_ARGS__, NULL})

TEST(values_go_in_and_come_out_with_every_byte)
{
    struct tg_redis *redis = fresh_redis(10);
    const char *argv[] = {"SET", "key", "a\0b\r\n\xff"};
    const size_t lens[] = {3, 3, 6};
    struct answer a = {0};
    tg_redis_command(redis, 3, argv, lens, tg_loop_now_ms(loop) + 5000, on_answer, &a);
    wait_for(&a.n, 1);
    is_str(a.text, "OK");
    a = ask(redis, "GET", "key");
    is_int(a.type, REDIS_REPLY_STRING);
    is_mem(a.text, a.len, "a\0b\r\n\xff", 6);
    is_int(ask(redis, "GET", "none").type, REDIS_REPLY_NIL);
    is_int(ask(redis, "INCRBY", "n", "7").num, 7);
    close_redis(redis);
}

TEST(an_error_reply_is_upstream_with_its_text_and_the_connection_goes_on)
{
    struct tg_redis *redis = fresh_redis(10);
    ask(redis, "SET", "text", "x");
    struct answer a = ask(redis, "INCR", "text");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    contains(a.err.text, "not an integer");
    a = ask(redis, "NO_SUCH_COMMAND");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    is_str(ask(redis, "PING").text, "PONG");
    close_redis(redis);
}

TEST(commands_are_pipelined_in_order_and_too_many_are_busy)
{
    struct tg_redis *redis = fresh_redis(100);
    static struct answer answers[120];
    ask(redis, "DEL", "counter");
    for (int i = 0; i < 120; i++)
        send(redis, &answers[i], "INCR", "counter");
    for (int i = 0; i < 120; i++) {
        wait_for(&answers[i].n, 1);
        tap_case("%d", i);
        is_int(answers[i].err.code, i < 100 ? TG_ERR_NONE : TG_ERR_BUSY);
        is_int(answers[i].num, i < 100 ? i + 1 : 0);
    }
    close_redis(redis);
}

TEST(without_redis_commands_fail_at_once_and_it_is_found_when_it_comes)
{
    services_start();
    services_kill_redis();
    loop = tg_loop_new();
    struct tg_redis *redis = connect_url(services.redis_url, 10);
    run_for_ms(200);
    is_false(tg_redis_is_connected(redis));
    uint64_t begin_us = tg_clock_mono_us();
    struct answer a = ask(redis, "PING");
    is_int(a.err.code, TG_ERR_UPSTREAM);
    ok(tg_clock_mono_us() - begin_us < 1000000, "at once");
    services_start();
    wait_connected(redis);
    is_str(ask(redis, "PING").text, "PONG");
    close_redis(redis);
}

TEST(a_redis_killed_under_commands_makes_them_uncertain)
{
    struct tg_redis *redis = fresh_redis(10);
    struct answer a, b;
    services_kill("redis.pid", SIGSTOP);
    send(redis, &a, "SET", "x", "1");
    send(redis, &b, "SET", "y", "1");
    run_for_ms(20);
    services_kill_redis();
    wait_for(&a.n, 1);
    wait_for(&b.n, 1);
    is_int(a.err.code, TG_ERR_UNCERTAIN);
    is_int(b.err.code, TG_ERR_UNCERTAIN);
    is_false(tg_redis_is_connected(redis));
    services_start();
    wait_connected(redis);
    is_str(ask(redis, "PING").text, "PONG");
    close_redis(redis);
}

TEST(a_silent_redis_is_uncertain_at_the_deadline_and_the_connection_made_anew)
{
    struct tg_redis *redis = fresh_redis(10);
    struct answer a;
    services_kill("redis.pid", SIGSTOP);
    run_for_ms(20);
    send_args(redis, &a, 100, (const char *const[]){"PING", NULL});
    wait_for(&a.n, 1);
    is_int(a.err.code, TG_ERR_UNCERTAIN);
    is_false(tg_redis_is_connected(redis));
    services_kill("redis.pid", SIGCONT);
    wait_connected(redis);
    is_str(ask(redis, "PING").text, "PONG");
    is_int(a.n, 1);
    send_args(redis, &a, 0, (const char *const[]){"PING", NULL});
    wait_for(&a.n, 1);
    is_int(a.err.code, TG_ERR_BUSY);
    close_redis(redis);
}

TEST(a_lost_reply_is_uncertain)
{
    struct tg_redis *redis = fresh_redis(10);
    struct tg_err err = {0};
    ask(redis, "SET", "lost", "0");
    is_int(tg_fault_arm("redis_lost_reply=hit:1x1", &err), 0);
    is_int(ask(redis, "INCR", "lost").err.code, TG_ERR_UNCERTAIN);
    tg_fault_disarm_all();
    wait_connected(redis);
    is_str(ask(redis, "GET", "lost").text, "1"); /* it had happened */
    close_redis(redis);
}

struct listener {
    int n_messages, n_gaps;
    char last[64];
    struct tg_redis *redis;
    bool unsubscribes;
};

static void on_message(const char *channel, const char *payload, size_t len, void *arg)
{
    struct listener *l = arg;
    l->n_messages++;
    snprintf(l->last, sizeof(l->last), "%s=%.*s", channel, (int)len, payload);
    if (l->unsubscribes)
        tg_redis_unsubscribe(l->redis, channel);
}

static void on_gap(void *arg)
{
    ((struct listener *)arg)->n_gaps++;
}

TEST(messages_arrive_and_after_a_gap_everybody_is_told_to_look)
{
    struct tg_redis *redis = fresh_redis(10);
    struct listener one = {0}, two = {0};
    tg_redis_subscribe(redis, "channel one", on_message, on_gap, &one);
    wait_for(&one.n_gaps, 1);
    tg_redis_subscribe(redis, "two", on_message, on_gap, &two);
    wait_for(&two.n_gaps, 1);
    is_int(ask(redis, "PUBLISH", "channel one", "hello").num, 1);
    is_int(ask(redis, "PUBLISH", "two", "").num, 1);
    wait_for(&one.n_messages, 1);
    wait_for(&two.n_messages, 1);
    is_str(one.last, "channel one=hello");
    is_str(two.last, "two=");
    services_kill_redis();
    run_for_ms(50);
    services_start();
    wait_for(&one.n_gaps, 2);
    wait_for(&two.n_gaps, 2);
    wait_connected(redis);
    is_int(ask(redis, "PUBLISH", "two", "again").num, 1);
    wait_for(&two.n_messages, 2);
    is_int(one.n_messages, 1);
    close_redis(redis);
}

TEST(unsubscribing_also_from_within_a_message_ends_it_and_can_be_undone)
{
    struct tg_redis *redis = fresh_redis(10);
    struct listener l = {.redis = redis, .unsubscribes = true};
    tg_redis_subscribe(redis, "c", on_message, on_gap, &l);
    wait_for(&l.n_gaps, 1);
    ask(redis, "PUBLISH", "c", "1");
    wait_for(&l.n_messages, 1);
    run_for_ms(20);
    is_int(ask(redis, "PUBLISH", "c", "2").num, 0);
    is_int(l.n_messages, 1);
    tg_redis_unsubscribe(redis, "c");
    l.unsubscribes = false;
    tg_redis_subscribe(redis, "c", on_message, on_gap, &l);
    wait_for(&l.n_gaps, 2);
    ask(redis, "PUBLISH", "c", "3");
    wait_for(&l.n_messages, 2);
    is_str(l.last, "c=3");
    close_redis(redis);
}

TEST(a_password_a_database_number_and_tcp)
{
    struct tg_redis *admin = fresh_redis(10);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    is_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    close(fd);
    char port[8], url[80];
    snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    ask(admin, "CONFIG", "SET", "bind", "127.0.0.1");
    is_str(ask(admin, "CONFIG", "SET", "port", port).text, "OK");
    is_str(ask(admin, "CONFIG", "SET", "requirepass", "pass word").text, "OK");
    snprintf(url, sizeof(url), "redis://:pass word@localhost:%s/3", port);
    struct tg_redis *redis = connect_url(url, 10);
    wait_connected(redis);
    is_str(ask(redis, "SET", "there", "yes").text, "OK");
    is_int(ask(admin, "SELECT", "3").err.code, TG_ERR_NONE);
    is_str(ask(admin, "GET", "there").text, "yes");
    int closed = 0;
    tg_redis_close(&redis, note_closed, &closed);
    wait_for(&closed, 1);
    snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%s", port);
    redis = connect_url(url, 10);
    run_for_ms(200);
    is_false(tg_redis_is_connected(redis));
    tg_redis_close(&redis, note_closed, &closed);
    wait_for(&closed, 2);
    is_str(ask(admin, "CONFIG", "SET", "requirepass", "").text, "OK");
    close_redis(admin);
}

TEST(closing_answers_what_is_under_way)
{
    struct tg_redis *redis = fresh_redis(10);
    struct answer a, b;
    send(redis, &a, "PING");
    send(redis, &b, "PING");
    close_redis(redis);
    is_int(a.n, 1);
    is_int(b.n, 1);
    loop = tg_loop_new();
    redis = connect_url("redis://localhost:1", 10); /* closes while it resolves */
    close_redis(redis);
}

TEST(urls_are_understood_or_refused_without_showing_the_password)
{
    static const char *const bad[] = {"http://x",          "unix://relative", "unix:///",           "unix:///s?x=1",
                                      "redis://",          "redis://h:0",     "redis://h:99999",    "redis://h/x",
                                      "redis://hunter2@h", "redis://[::1",    "redis://:hunter2@/", "unix:///s?db=-1"};
    struct tg_redisurl url;
    struct tg_err err = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tap_case("%s", bad[i]);
        is_int(tg_redisurl_parse(bad[i], &url, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        is_null(strstr(err.text, "hunter2"));
    }
    is_int(tg_redisurl_parse("redis://user:p:w@[::1]:7000/12", &url, &err), 0);
    is_str(url.user, "user");
    is_str(url.password, "p:w");
    is_str(url.host, "::1");
    is_int(url.port, 7000);
    is_int(url.db, 12);
    tg_redisurl_deinit(&url);
    is_int(tg_redisurl_parse("unix:///run/r.sock?db=2", &url, &err), 0);
    is_str(url.path, "/run/r.sock");
    is_int(url.db, 2);
    tg_redisurl_deinit(&url);
}

TAP_MAIN()

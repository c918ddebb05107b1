/* limit_test - request rates and connections per address. TG_TSAN */
#include "../../../src/web/limit.c"

#include <pthread.h>

#include "tap.h"

#define S UINT64_C(1000000)

TEST(a_burst_passes_then_the_rate)
{
    struct tg_limits *limits = tg_limits_new();
    const struct tg_rate rate = {10, 5};
    uint64_t now = 1000 * S;
    for (int i = 0; i < 5; i++) {
        struct tg_rate_answer a = tg_limits_take(limits, 1, rate, now);
        is_true(a.allowed);
        is_uint(a.remaining, 4 - i);
    }
    struct tg_rate_answer a = tg_limits_take(limits, 1, rate, now);
    is_false(a.allowed);
    is_uint(a.retry_after_s, 1);
    is_uint(a.reset_s, 1);
    is_true(tg_limits_take(limits, 1, rate, now + S / 10).allowed);
    is_false(tg_limits_take(limits, 1, rate, now + S / 10).allowed);
    a = tg_limits_take(limits, 1, rate, now + 100 * S);
    is_true(a.allowed);
    is_uint(a.remaining, 4);
    is_true(tg_limits_take(limits, 2, rate, now).allowed);
    tg_limits_free(&limits);
}

TEST(what_others_took_is_taken_and_only_raises)
{
    struct tg_limits *limits = tg_limits_new();
    const struct tg_rate rate = {10, 10};
    const uint64_t now = 1000 * S;
    is_true(tg_limits_take(limits, 1, rate, now).allowed);
    tg_limits_raise(limits, 1, now + S / 2);
    is_uint(tg_limits_peek(limits, 1, rate, now).remaining, 5);
    tg_limits_raise(limits, 1, now + S / 10);
    is_uint(tg_limits_peek(limits, 1, rate, now).remaining, 5);
    tg_limits_raise(limits, 1, now + 3 * S); /* overdrawn by two nodes: waited for */
    struct tg_rate_answer a = tg_limits_take(limits, 1, rate, now);
    is_false(a.allowed);
    is_uint(a.retry_after_s, 3);
    is_true(tg_limits_take(limits, 1, rate, now + 21 * S / 10).allowed);
    tg_limits_raise(limits, 2, now + S);
    is_false(tg_limits_take(limits, 2, rate, now).allowed);
    tg_limits_free(&limits);
}

TEST(a_refusal_takes_nothing_so_waiting_helps)
{
    struct tg_limits *limits = tg_limits_new();
    const struct tg_rate rate = {1, 1};
    is_true(tg_limits_take(limits, 1, rate, 10 * S).allowed);
    for (int i = 0; i < 100; i++)
        is_false(tg_limits_take(limits, 1, rate, 10 * S + 5).allowed);
    is_true(tg_limits_take(limits, 1, rate, 11 * S).allowed);
    tg_limits_free(&limits);
}

TEST(looking_is_free)
{
    struct tg_limits *limits = tg_limits_new();
    const struct tg_rate rate = {1, 1};
    for (int i = 0; i < 10; i++)
        is_true(tg_limits_peek(limits, 1, rate, S).allowed);
    is_true(tg_limits_take(limits, 1, rate, S).allowed);
    is_false(tg_limits_peek(limits, 1, rate, S).allowed);
    tg_limits_free(&limits);
}

TEST(no_rate_is_no_limit)
{
    struct tg_limits *limits = tg_limits_new();
    for (int i = 0; i < 1000; i++)
        is_true(tg_limits_take(limits, 1, (struct tg_rate){0, 0}, S).allowed);
    tg_limits_free(&limits);
}

TEST(addresses_are_told_apart_and_an_ipv6_network_is_one)
{
    struct tg_limits *limits = tg_limits_new();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {1}}, b = {.sin_family = AF_INET, .sin_addr = {2}};
    struct sockaddr_in6 c = {.sin6_family = AF_INET6}, d = c;
    struct sockaddr u = {.sa_family = AF_UNIX};
    c.sin6_addr.s6_addr[15] = 1;
    d.sin6_addr.s6_addr[15] = 2;
    ok(tg_limits_address(limits, (void *)&a) != tg_limits_address(limits, (void *)&b), "two addresses");
    ok(tg_limits_address(limits, (void *)&c) == tg_limits_address(limits, (void *)&d), "one /64");
    d.sin6_addr.s6_addr[7] = 1;
    ok(tg_limits_address(limits, (void *)&c) != tg_limits_address(limits, (void *)&d), "two networks");
    is_uint(tg_limits_address(limits, &u), 0);
    tg_limits_free(&limits);
}

TEST(connections_of_an_address_are_counted)
{
    struct tg_limits *limits = tg_limits_new();
    is_true(tg_limits_connect(limits, 9, 2));
    is_true(tg_limits_connect(limits, 9, 2));
    is_false(tg_limits_connect(limits, 9, 2));
    is_true(tg_limits_connect(limits, 10, 2));
    tg_limits_disconnect(limits, 9);
    is_true(tg_limits_connect(limits, 9, 2));
    for (int i = 0; i < 10; i++)
        is_true(tg_limits_connect(limits, 0, 2)); /* a unix socket */
    tg_limits_disconnect(limits, 0);
    tg_limits_free(&limits);
}

static _Atomic int passed;

static void *take_many(void *arg)
{
    for (int i = 0; i < 2000; i++)
        if (tg_limits_take(arg, 77, (struct tg_rate){1, 1000}, 5 * S).allowed)
            atomic_fetch_add(&passed, 1);
    return NULL;
}

TEST(threads_share_one_bucket)
{
    struct tg_limits *limits = tg_limits_new();
    pthread_t threads[4];
    (void)tg_limits_peek(limits, 77, (struct tg_rate){1, 1000}, 5 * S);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_many, limits);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    is_int(atomic_load(&passed), 1000);
    tg_limits_free(&limits);
}

TAP_MAIN()

/* names_test - lookups that are shared, remembered and limited. */
#include "../../../src/io/names.c"
#include "tap.h"

#include "base/clock.h"

static struct tg_loop *loop;
static struct tg_work *work;

struct answer {
    int n;
    uint16_t port;
    struct tg_err err;
};

static void on_answer(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    if (err != NULL)
        a->err = *err;
    else if (addresses->list[0].ss_family == AF_INET)
        a->port = ntohs(((const struct sockaddr_in *)&addresses->list[0])->sin_port);
    else
        a->port = ntohs(((const struct sockaddr_in6 *)&addresses->list[0])->sin6_port);
}

static void wait_for(const struct answer *a)
{
    uint64_t give_up_us = tg_clock_mono_us() + 30 * 1000000ull;
    while (a->n == 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_int(a->n, 1);
}

static struct tg_names *fresh(void)
{
    loop = tg_loop_new();
    work = tg_work_new(1, TG_NAMES_RUNNING_MAX);
    return tg_names_new(loop, work);
}

static void close_all(struct tg_names *names)
{
    tg_names_free(&names);
    is_null(names);
    tg_work_free(&work);
    tg_loop_run_once(loop, 0);
    tg_loop_free(&loop);
}

TEST(twenty_requests_for_a_host_are_one_lookup_each_with_its_port)
{
    struct tg_names *names = fresh();
    struct answer answers[20] = {0};
    for (int i = 0; i < 20; i++)
        tg_names_lookup(names, i % 2 == 0 ? "localhost" : "LOCALHOST", (uint16_t)(100 + i), on_answer, &answers[i]);
    is_uint(names->n_running, 1);
    is_int(answers[0].n, 0);
    for (int i = 0; i < 20; i++) {
        wait_for(&answers[i]);
        is_int(answers[i].port, 100 + i);
    }
    struct answer again = {0};
    tg_names_lookup(names, "localhost", 7, on_answer, &again);
    is_uint(names->n_running, 0); /* remembered */
    is_int(again.n, 0);
    wait_for(&again);
    is_int(again.port, 7);
    close_all(names);
}

TEST(what_is_remembered_is_forgotten_in_time_and_failures_at_once)
{
    struct tg_names *names = fresh();
    struct answer a = {0}, b = {0}, c = {0};
    tg_names_lookup(names, "localhost", 1, on_answer, &a);
    wait_for(&a);
    names->table[0].until_ms = tg_loop_now_ms(loop);
    tg_names_lookup(names, "localhost", 1, on_answer, &b);
    is_uint(names->n_running, 1);
    wait_for(&b);
    tg_names_lookup(names, "no-such-host.invalid", 1, on_answer, &c);
    wait_for(&c);
    is_int(c.err.code, TG_ERR_UPSTREAM);
    c = (struct answer){0};
    tg_names_lookup(names, "no-such-host.invalid", 1, on_answer, &c);
    is_uint(names->n_running, 1);
    wait_for(&c);
    close_all(names);
}

TEST(few_run_at_a_time_the_others_wait_and_too_many_are_busy)
{
    struct tg_names *names = fresh();
    static struct answer answers[TG_NAMES_MAX + 1];
    char host[20];
    for (int i = 0; i <= TG_NAMES_MAX; i++) {
        snprintf(host, sizeof(host), "127.1.2.%d", i);
        tg_names_lookup(names, host, 1, on_answer, &answers[i]);
    }
    is_uint(names->n_running, TG_NAMES_RUNNING_MAX);
    for (int i = 0; i <= TG_NAMES_MAX; i++) {
        wait_for(&answers[i]);
        is_int(answers[i].err.code, i < TG_NAMES_MAX ? TG_ERR_NONE : TG_ERR_BUSY);
    }
    struct answer a = {0}; /* one that is known gives way */
    tg_names_lookup(names, "127.9.9.9", 1, on_answer, &a);
    wait_for(&a);
    is_int(a.err.code, TG_ERR_NONE);
    close_all(names);
}

TAP_MAIN()

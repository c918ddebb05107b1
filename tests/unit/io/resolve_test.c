/* resolve_test - TG_TSAN - names and addresses, on workers and on a thread of their own. */
#include "../../../src/io/resolve.c"
#include "tap.h"

#include "base/clock.h"

struct answer {
    int n;
    bool found;
    char first[TG_ADDRESS_TEXT_SIZE];
    uint16_t port;
    struct tg_err err;
};

static void on_answer(const struct tg_addresses *addresses, const struct tg_err *err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    a->found = addresses != NULL;
    if (err != NULL) {
        a->err = *err;
        return;
    }
    tg_address_format(&addresses->list[0], a->first);
    a->port =
        ntohs(addresses->list[0].ss_family == AF_INET ? ((const struct sockaddr_in *)&addresses->list[0])->sin_port
                                                      : ((const struct sockaddr_in6 *)&addresses->list[0])->sin6_port);
}

static struct answer ask(struct tg_work *work, const char *host)
{
    struct tg_loop *loop = tg_loop_new();
    struct answer a = {0};
    tg_resolve(loop, work, host, 8080, on_answer, &a);
    is_int(a.n, 0);
    uint64_t give_up_us = tg_clock_mono_us() + 30 * 1000000ull;
    while (a.n == 0 && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
    is_int(a.n, 1);
    tg_loop_free(&loop);
    return a;
}

TEST(numbers_need_no_name_server)
{
    struct answer a = ask(NULL, "192.0.2.7");
    is_str(a.first, "192.0.2.7");
    is_int(a.port, 8080);
    a = ask(NULL, "2001:db8::7");
    is_str(a.first, "2001:db8::7");
    is_int(a.port, 8080);
}

TEST(a_name_is_found_on_a_worker_and_on_a_thread_of_its_own)
{
    struct tg_work *work = tg_work_new(1, 4);
    struct answer a = ask(work, "localhost");
    ok(strcmp(a.first, "127.0.0.1") == 0 || strcmp(a.first, "::1") == 0, "%s", a.first);
    is_int(a.port, 8080);
    a = ask(NULL, "localhost");
    is_true(a.found);
    tg_work_free(&work);
}

TEST(an_unknown_name_is_upstream_and_named)
{
    struct answer a = ask(NULL, "no-such-host.invalid");
    is_false(a.found);
    is_int(a.err.code, TG_ERR_UPSTREAM);
    contains(a.err.text, "no-such-host.invalid");
}

static void hold(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
}

static void count(void *arg)
{
    (void)arg;
}

TEST(when_the_workers_are_full_it_is_busy)
{
    struct tg_work *work = tg_work_new(1, 1);
    struct tg_loop *loop = tg_loop_new();
    struct tg_err err = {0};
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&gate);
    int accepted = 0;
    uint64_t give_up_us = tg_clock_mono_us() + 10 * 1000000ull;
    while (accepted < 2 && tg_clock_mono_us() < give_up_us) /* one runs, one waits */
        accepted += tg_work_submit(work, loop, hold, count, &gate, &err) == 0;
    struct answer a = ask(work, "localhost");
    is_int(a.err.code, TG_ERR_BUSY);
    pthread_mutex_unlock(&gate);
    tg_work_free(&work);
    tg_loop_run_once(loop, 100);
    tg_loop_free(&loop);
    pthread_mutex_destroy(&gate);
}

TAP_MAIN()

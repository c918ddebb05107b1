/* gen_test - generations: swapped under load, refused when broken, bounded in number.
 * TG_TSAN: it crosses threads. */
#include "../../../src/rt/gen.c"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/co.h"
#include "tap.h"
#include <lauxlib.h>

#define THREADS 2

/* A loop thread that answers requests with whatever generation it has. */
struct server {
    pthread_t thread;
    struct tg_services services;
    struct tg_vm *vm;
    struct tg_gen *gen;
    atomic_ullong number;
    atomic_ulong n_answers, n_wrong;
    atomic_uint n_closed;
    atomic_bool stop, is_up, hold;
    unsigned n_open;
};

static struct server servers[THREADS];
static char dir[] = "/tmp/tg-gen-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        abort();
    fputs(text, f);
    fclose(f);
}

static void write_release(unsigned n)
{
    char text[300];
    snprintf(text, sizeof(text),
             "local other = require('other')\n"
             "return function() local a = %u tg.time.sleep(1) return a, other end",
             n);
    write_file("app.lua", text);
    snprintf(text, sizeof(text), "return %u", n);
    write_file("other.lua", text);
}

static int push_main(lua_State *L, void *arg)
{
    tg_vm_push_main(arg, L);
    return 0;
}

static void request(struct server *s);

static void on_answer(lua_State *L, int n_results, const struct tg_err *err, void *arg)
{
    struct server *s = arg;
    atomic_fetch_add(&s->n_answers, 1);
    if (err != NULL || n_results != 2 || lua_tointeger(L, -1) != lua_tointeger(L, -2))
        atomic_fetch_add(&s->n_wrong, 1);
    s->n_open--;
    if (!s->stop)
        request(s);
}

static void request(struct server *s)
{
    const struct tg_co_context ctx = {0};
    s->n_open++;
    tg_co_start(s->vm, &ctx, push_main, s->vm, on_answer, s);
}

static void on_vm_closed(void *arg)
{
    struct server *s = arg;
    tg_gen_closed(s->gen);
    atomic_fetch_add(&s->n_closed, 1);
}

static void on_swap(struct tg_vm *vm, uint64_t number, void *arg)
{
    struct server *s = arg;
    struct tg_vm *old = s->vm;
    s->vm = vm;
    if (old != NULL)
        tg_vm_retire(&old, TG_GENERATION_DRAIN_MS, on_vm_closed, s);
    for (unsigned i = 0; old == NULL && number == 1 && i < 16; i++)
        request(s);
    s->number = number;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    s->services.loop = tg_loop_new();
    s->is_up = true;
    while (!s->stop || s->n_open > 0)
        tg_loop_run_once(s->services.loop, 5);
    if (s->vm != NULL)
        tg_vm_retire(&s->vm, 0, on_vm_closed, s);
    for (int i = 0; i < 5; i++)
        tg_loop_run_once(s->services.loop, 1);
    tg_loop_free(&s->services.loop);
    return NULL;
}

static struct tg_gen *set_up(void)
{
    struct tg_gen_thread threads[THREADS];
    if (access(dir, F_OK) != 0 && mkdtemp(dir) == NULL)
        abort();
    memset(servers, 0, sizeof(servers));
    for (int i = 0; i < THREADS; i++) {
        struct server *s = &servers[i];
        pthread_create(&s->thread, NULL, serve, s);
        while (!s->is_up)
            usleep(100);
        threads[i] = (struct tg_gen_thread){&s->services, on_swap, s};
    }
    struct tg_gen *gen = tg_gen_new(dir, "app", NULL, threads, THREADS);
    for (int i = 0; i < THREADS; i++)
        servers[i].gen = gen;
    return gen;
}

static void wait_for_number(uint64_t number)
{
    for (int i = 0; i < THREADS; i++) {
        while (servers[i].number < number)
            usleep(200);
    }
}

static void tear_down(struct tg_gen **gen)
{
    for (int i = 0; i < THREADS; i++)
        servers[i].stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(servers[i].thread, NULL);
    tg_gen_free(gen);
}

static int refuse_seven(struct tg_vm *vm, struct tg_err *err_r)
{
    lua_State *L = tg_vm_state(vm);
    tg_vm_push_main(vm, L);
    bool good = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return good ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "lua/app.lua: returns no function");
}

TEST(a_hundred_swaps_under_load_lose_no_request_and_mix_no_release)
{
    struct tg_gen *gen = set_up();
    struct tg_err err;
    uint64_t number = 0;
    unsigned long n_answers = 0, n_wrong = 0, n_closed = 0;
    for (unsigned n = 1; n <= 100; n++) {
        write_release(n);
        int status = tg_gen_build(gen, refuse_seven, &number, &err);
        for (int tries = 0; status != 0 && err.code == TG_ERR_BUSY && tries < 2000; tries++) {
            usleep(1000);
            status = tg_gen_build(gen, refuse_seven, &number, &err);
        }
        if (!is_int(status, 0))
            break;
        wait_for_number(number);
    }
    tear_down(&gen);
    for (int i = 0; i < THREADS; i++) {
        n_answers += servers[i].n_answers;
        n_wrong += servers[i].n_wrong;
        n_closed += servers[i].n_closed;
    }
    is_int(number, 100);
    ok(n_answers > 200, "%lu answers", n_answers);
    is_int(n_wrong, 0);
    is_int(n_closed, 100 * THREADS);
}

TEST(a_broken_release_is_refused_by_file_and_line_and_the_old_one_goes_on)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"return function( end", "lua/app.lua:1: <name> or '...' expected near 'end'"},
        {"\n\nerror('no')", "lua/app.lua:3: no"},
        {"\nlocal x = require('missing.thing')", "lua/app.lua:2: module 'missing.thing' is not in lua/"},
        {"return 7", "lua/app.lua: returns no function"},
        {"undefined_function()", "lua/app.lua:1: there is no global 'undefined_function'"},
        {"x = 1 return x", "lua/app.lua:1: globals are closed: 'x' must be local"},
    };
    struct tg_gen *gen = set_up();
    struct tg_err err;
    uint64_t number = 0;
    write_release(1);
    is_int(tg_gen_build(gen, refuse_seven, &number, &err), 0);
    wait_for_number(1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_file("app.lua", cases[i].text);
        is_int(tg_gen_build(gen, refuse_seven, &number, &err), -1);
        is_str(err.text, cases[i].expected);
    }
    is_int(number, 1);
    unsigned long before = servers[0].n_answers;
    while (servers[0].n_answers < before + 10)
        usleep(1000);
    is_int(servers[0].n_wrong, 0);
    tear_down(&gen);
}

TEST(more_generations_than_may_live_are_refused_until_one_has_closed)
{
    struct tg_gen *gen = set_up();
    struct tg_err err;
    uint64_t number = 0;
    write_release(1);
    pthread_mutex_lock(&gen->lock);
    gen->n_vms = TG_GENERATIONS_MAX * THREADS; /* as if none had closed */
    pthread_mutex_unlock(&gen->lock);
    is_int(tg_gen_build(gen, NULL, &number, &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    for (int i = 0; i < THREADS; i++)
        tg_gen_closed(gen);
    is_int(tg_gen_build(gen, NULL, &number, &err), 0);
    wait_for_number(1);
    tear_down(&gen);
}

int main(int argc, char **argv)
{
    int status = tap_run(argc, argv);
    char command[200];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? status : 1;
}

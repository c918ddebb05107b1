/* gen - generations of the application; see gen.h.
 *
 * A generation is counted by its VMs, one a thread: so many were made, so many have been reported closed. Building is
 * serial (a second reload meanwhile is refused), and each thread's message is sent while the lock is held, so that
 * every thread sees the generations in the order of their numbers.
 */
#include "rt/gen.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct tg_gen {
    pthread_mutex_t building; /* held while a generation is built */
    pthread_mutex_t lock; /* guards n_vms */
    unsigned n_vms; /* given to threads and not yet closed */
    uint64_t number; /* of the last generation; under `building` */
    char *lua_dir, *main_module;
    const struct tg_vm_lib *libs;
    unsigned n_threads;
    struct tg_gen_thread threads[];
};

struct handover { /* a VM on its way to its thread */
    const struct tg_gen_thread *thread;
    struct tg_vm *vm;
    uint64_t number;
};

struct tg_gen *tg_gen_new(const char *lua_dir, const char *main_module, const struct tg_vm_lib *libs,
                          const struct tg_gen_thread *threads, unsigned n_threads)
{
    assert(n_threads > 0);
    struct tg_gen *gen = tg_calloc(1, sizeof(*gen) + n_threads * sizeof(*threads));
    pthread_mutex_init(&gen->building, NULL);
    pthread_mutex_init(&gen->lock, NULL);
    gen->lua_dir = tg_strdup(lua_dir);
    gen->main_module = tg_strdup(main_module);
    gen->libs = libs;
    gen->n_threads = n_threads;
    memcpy(gen->threads, threads, n_threads * sizeof(*threads));
    return gen;
}

void tg_gen_free(struct tg_gen **gen_p)
{
    struct tg_gen *gen = *gen_p;
    *gen_p = NULL;
    if (gen == NULL)
        return;
    pthread_mutex_destroy(&gen->building);
    pthread_mutex_destroy(&gen->lock);
    free(gen->lua_dir);
    free(gen->main_module);
    free(gen);
}

void tg_gen_closed(struct tg_gen *gen)
{
    pthread_mutex_lock(&gen->lock);
    assert(gen->n_vms > 0);
    gen->n_vms--;
    pthread_mutex_unlock(&gen->lock);
}

/* Room for one more generation is taken at once, so that nothing is built in vain. */
static int reserve(struct tg_gen *gen, struct tg_err *err_r)
{
    pthread_mutex_lock(&gen->lock);
    bool has_room = gen->n_vms + gen->n_threads <= TG_GENERATIONS_MAX * gen->n_threads;
    if (has_room)
        gen->n_vms += gen->n_threads;
    pthread_mutex_unlock(&gen->lock);
    return has_room ? 0
                    : tg_err_set(err_r, TG_ERR_BUSY, "%d generations are still draining, try again in a minute",
                                 TG_GENERATIONS_MAX);
}

static void unreserve(struct tg_gen *gen)
{
    pthread_mutex_lock(&gen->lock);
    gen->n_vms -= gen->n_threads;
    pthread_mutex_unlock(&gen->lock);
}

static void on_handover(void *arg) /* on the thread */
{
    struct handover *h = arg;
    tg_vm_attach(h->vm, h->thread->services);
    h->thread->on_swap(h->vm, h->number, h->thread->arg);
    free(h);
}

/* Makes and checks one VM a thread; on failure none is left. */
static int make_vms(struct tg_gen *gen, struct tg_luasource *src, tg_gen_check_fn *check, struct tg_vm **vms,
                    struct tg_err *err_r)
{
    int status = 0;
    unsigned n = 0;
    while (status == 0 && n < gen->n_threads) {
        status = tg_vm_new(src, gen->main_module, gen->libs, &vms[n], err_r);
        if (status == 0 && check != NULL)
            status = check(vms[n], err_r);
        if (status == 0 || vms[n] != NULL)
            n++;
    }
    for (unsigned i = 0; status != 0 && i < n; i++)
        tg_vm_free(&vms[i]);
    return status;
}

static void hand_over(struct tg_gen *gen, struct tg_vm *const *vms)
{
    for (unsigned i = 0; i < gen->n_threads; i++) {
        struct handover *h = TG_NEW(struct handover);
        *h = (struct handover){&gen->threads[i], vms[i], gen->number};
        tg_loop_post(gen->threads[i].services->loop, on_handover, h);
    }
}

static int build(struct tg_gen *gen, tg_gen_check_fn *check, struct tg_err *err_r)
{
    struct tg_luasource *src = NULL;
    struct tg_vm **vms = tg_calloc(gen->n_threads, sizeof(struct tg_vm *));
    uint64_t start_us = tg_clock_mono_us();
    int status = tg_luasource_read(gen->lua_dir, &src, err_r);
    if (status == 0)
        status = make_vms(gen, src, check, vms, err_r);
    if (status == 0) {
        gen->number++;
        TG_LOG_INFO("rt_generation_swapped", TG_LOG_INT("generation", (int64_t)gen->number),
                    TG_LOG_STR("digest", tg_luasource_digest(src)),
                    TG_LOG_INT("usecs", (int64_t)(tg_clock_mono_us() - start_us)));
        hand_over(gen, vms);
    }
    tg_luasource_unref(&src);
    free(vms);
    return status;
}

int tg_gen_build(struct tg_gen *gen, tg_gen_check_fn *check, uint64_t *number_r, struct tg_err *err_r)
{
    if (pthread_mutex_trylock(&gen->building) != 0)
        return tg_err_set(err_r, TG_ERR_BUSY, "another reload is under way");
    int status = reserve(gen, err_r);
    if (status == 0 && (status = build(gen, check, err_r)) != 0)
        unreserve(gen);
    if (status == 0)
        *number_r = gen->number;
    pthread_mutex_unlock(&gen->building);
    return status;
}

/* gen - generations of the application: building the next one aside and giving
 * it to every thread without losing a request.
 *
 * tg_gen_build() (any thread that may block) reads lua/, builds one VM a thread, runs the checks that its owner
 * registered (the route table compiles) and hands each VM to its thread by message; the thread's on_swap gets
 * it. Requests that run finish on the VM they began on. At most TG_GENERATIONS_MAX live: a further reload is
 * refused (BUSY) until the oldest has drained (60 s, then it is closed).
 */
#ifndef TG_RT_GEN_H
#define TG_RT_GEN_H

#include "rt/vm.h"

#define TG_GENERATIONS_MAX 3
#define TG_GENERATION_DRAIN_MS 60000

struct tg_gen_thread { /* one a loop thread */
    const struct tg_services *services;
    /* On the thread: takes vm (attached already), retires the old. `number` counts from 1. */
    void (*on_swap)(struct tg_vm *vm, uint64_t number, void *arg);
    void *arg;
};

struct tg_gen; /* one a process */
struct tg_gen *tg_gen_new(const char *lua_dir, const char *main_module, const struct tg_vm_lib *libs,
                          const struct tg_gen_thread *threads, unsigned n_threads);
/* check runs on each new VM before any thread gets one (any thread); -1 refuses the generation. May be NULL. */
typedef int tg_gen_check_fn(struct tg_vm *vm, struct tg_err *err_r);
/* Blocks while it builds; on failure the old generation goes on and err_r has file:line. */
int tg_gen_build(struct tg_gen *gen, tg_gen_check_fn *check, uint64_t *number_r, struct tg_err *err_r) TG_MUST_CHECK;
/* A thread reports that a retired VM is closed (the done of tg_vm_retire). Any thread. */
void tg_gen_closed(struct tg_gen *gen);
void tg_gen_free(struct tg_gen **gen);

#endif

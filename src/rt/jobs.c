/* jobs - the tick of the application's jobs; see jobs.h. */
#include "rt/jobs.h"

#include <assert.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "base/id.h"
#include "base/mem.h"
#include "rt/co.h"

#define INTERVAL_MAX_MS 30000

struct tg_jobs {
    struct tg_loop *loop;
    struct tg_vm *vm;
    unsigned concurrency_max, n_running;
    bool scheduling; /* run_schedules is under way */
    uint32_t interval_ms, pause_ms; /* pause_ms: the present one, longer after failures */
    struct tg_timer timer;
    bool closing;
    tg_loop_fn *on_closed;
    void *on_closed_arg;
};

static void tick(void *arg);

static void arm(struct tg_jobs *jobs)
{
    uint32_t random;
    tg_random(&random, sizeof(random));
    uint32_t half = jobs->pause_ms / 2;
    if (!jobs->closing && jobs->vm != NULL)
        tg_timer_start(jobs->loop, &jobs->timer, half + random % (jobs->pause_ms + 1), tick, jobs);
}

static void close_now(void *arg)
{
    struct tg_jobs *jobs = arg;
    tg_loop_fn *done = jobs->on_closed;
    void *done_arg = jobs->on_closed_arg;
    free(jobs);
    if (done != NULL)
        done(done_arg);
}

static void close_when_idle(struct tg_jobs *jobs)
{
    if (jobs->closing && jobs->n_running == 0 && !jobs->scheduling)
        tg_loop_defer(jobs->loop, close_now, jobs);
}

static int push_call(lua_State *L, void *arg)
{
    if (!tg_vm_push_module(tg_vm_of(L), L, "jobs.service"))
        return luaL_error(L, "there is no module jobs.service");
    lua_getfield(L, -1, arg);
    lua_remove(L, -2);
    return 0;
}

static void start_run(struct tg_jobs *jobs, const char *function, tg_co_done_fn *done)
{
    const struct tg_co_context ctx = {.deadline_ms = tg_loop_now_ms(jobs->loop) + TG_JOBS_STEP_MS};
    tg_co_start(jobs->vm, &ctx, push_call, (void *)function, done, jobs);
}

static void note(struct tg_jobs *jobs, bool failed)
{
    jobs->pause_ms = !failed                                ? jobs->interval_ms
                     : jobs->pause_ms * 2 < INTERVAL_MAX_MS ? jobs->pause_ms * 2
                                                            : INTERVAL_MAX_MS;
}

/* run_once ended: true there was a job, false there was none, nil it failed. */
static void on_run(lua_State *L, int n_results, const struct tg_err *err, void *arg)
{
    struct tg_jobs *jobs = arg;
    bool failed = err != NULL || n_results < 1 || lua_isnil(L, -n_results);
    bool found = !failed && lua_toboolean(L, -n_results);
    jobs->n_running--;
    note(jobs, failed);
    if (found && !jobs->closing && jobs->vm != NULL) {
        jobs->n_running++;
        start_run(jobs, "run_once", on_run);
    }
    close_when_idle(jobs);
}

static void on_schedules(lua_State *L, int n_results, const struct tg_err *err, void *arg)
{
    struct tg_jobs *jobs = arg;
    (void)L;
    (void)n_results;
    (void)err;
    jobs->scheduling = false;
    close_when_idle(jobs);
}

static void tick(void *arg)
{
    struct tg_jobs *jobs = arg;
    if (!jobs->scheduling) {
        jobs->scheduling = true;
        start_run(jobs, "run_schedules", on_schedules);
    }
    if (jobs->n_running < jobs->concurrency_max) {
        jobs->n_running++;
        start_run(jobs, "run_once", on_run);
    }
    arm(jobs);
}

struct tg_jobs *tg_jobs_new(struct tg_loop *loop, unsigned concurrency_max, uint32_t interval_ms)
{
    assert(concurrency_max > 0 && interval_ms > 0);
    struct tg_jobs *jobs = TG_NEW(struct tg_jobs);
    jobs->loop = loop;
    jobs->concurrency_max = concurrency_max;
    jobs->interval_ms = jobs->pause_ms = interval_ms;
    return jobs;
}

void tg_jobs_set_vm(struct tg_jobs *jobs, struct tg_vm *vm)
{
    jobs->vm = NULL;
    if (vm != NULL && tg_vm_push_module(vm, tg_vm_state(vm), "jobs.service")) {
        lua_pop(tg_vm_state(vm), 1);
        jobs->vm = vm;
    }
    tg_timer_stop(jobs->loop, &jobs->timer);
    arm(jobs);
}

void tg_jobs_close(struct tg_jobs **jobs_p, tg_loop_fn *done, void *arg)
{
    struct tg_jobs *jobs = *jobs_p;
    *jobs_p = NULL;
    jobs->closing = true;
    jobs->vm = NULL;
    jobs->on_closed = done;
    jobs->on_closed_arg = arg;
    tg_timer_stop(jobs->loop, &jobs->timer);
    close_when_idle(jobs);
}

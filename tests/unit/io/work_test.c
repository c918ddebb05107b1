/* work_test - TG_TSAN - jobs on worker threads and their ends back on the loop. */
#include "../../../src/io/work.c"
#include "tap.h"

#include "base/clock.h"

struct task {
    pthread_t ran_on, done_on;
    int n_run, n_done;
    int *n_done_all;
    pthread_mutex_t *gate; /* the job waits until it can lock it */
};

static void run_task(void *arg)
{
    struct task *t = arg;
    t->ran_on = pthread_self();
    if (t->gate != NULL) {
        pthread_mutex_lock(t->gate);
        pthread_mutex_unlock(t->gate);
    }
    t->n_run++;
}

static void on_done(void *arg)
{
    struct task *t = arg;
    t->done_on = pthread_self();
    t->n_done++;
    (*t->n_done_all)++;
}

static void run_until(struct tg_loop *loop, const int *n, int wanted)
{
    uint64_t give_up_us = tg_clock_mono_us() + 20 * 1000000ull;
    while (*n < wanted && tg_clock_mono_us() < give_up_us)
        tg_loop_run_once(loop, 100);
}

TEST(a_job_runs_elsewhere_and_ends_on_the_loop_that_asked)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_work *work = tg_work_new(2, 10);
    struct tg_err err = {0};
    int n_done = 0;
    struct task t = {.n_done_all = &n_done};
    is_int(tg_work_submit(work, loop, run_task, on_done, &t, &err), 0);
    is_int(t.n_done, 0);
    run_until(loop, &n_done, 1);
    is_int(t.n_run, 1);
    is_int(t.n_done, 1);
    is_false(pthread_equal(t.ran_on, pthread_self()));
    is_true(pthread_equal(t.done_on, pthread_self()));
    tg_work_free(&work);
    tg_loop_free(&loop);
}

TEST(a_full_queue_is_busy_and_runs_neither_half_of_the_job)
{
    struct tg_loop *loop = tg_loop_new();
    struct tg_work *work = tg_work_new(1, 2);
    struct tg_err err = {0};
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int n_done = 0, n_accepted = 0;
    struct task tasks[6] = {0};
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 6; i++) {
        tasks[i] = (struct task){.n_done_all = &n_done, .gate = &gate};
        n_accepted += tg_work_submit(work, loop, run_task, on_done, &tasks[i], &err) == 0;
    }
    ok(n_accepted == 2 || n_accepted == 3, "two wait, and one may have been begun: %d", n_accepted);
    is_int(err.code, TG_ERR_BUSY);
    pthread_mutex_unlock(&gate);
    run_until(loop, &n_done, n_accepted);
    is_int(n_done, n_accepted);
    is_int(tasks[5].n_run + tasks[5].n_done, 0);
    tg_work_free(&work);
    tg_loop_free(&loop);
    pthread_mutex_destroy(&gate);
}

TEST(freeing_drops_nothing_that_is_queued)
{
    enum { N = 500 };
    struct tg_loop *loop = tg_loop_new();
    struct tg_work *work = tg_work_new(3, N);
    struct tg_err err = {0};
    static struct task tasks[N];
    int n_done = 0, n_run = 0;
    for (int i = 0; i < N; i++) {
        tasks[i] = (struct task){.n_done_all = &n_done};
        is_int(tg_work_submit(work, loop, run_task, on_done, &tasks[i], &err), 0);
    }
    tg_work_free(&work);
    is_null(work);
    for (int i = 0; i < N; i++)
        n_run += tasks[i].n_run;
    is_int(n_run, N);
    run_until(loop, &n_done, N);
    is_int(n_done, N);
    tg_loop_free(&loop);
}

TEST(two_loops_share_the_workers_and_each_gets_its_own_ends)
{
    struct tg_work *work = tg_work_new(2, 100);
    struct tg_loop *one = tg_loop_new(), *two = tg_loop_new();
    struct tg_err err = {0};
    int n_one = 0, n_two = 0;
    static struct task tasks[40];
    for (int i = 0; i < 40; i++) {
        tasks[i] = (struct task){.n_done_all = i % 2 == 0 ? &n_one : &n_two};
        is_int(tg_work_submit(work, i % 2 == 0 ? one : two, run_task, on_done, &tasks[i], &err), 0);
    }
    run_until(one, &n_one, 20);
    is_int(n_one, 20);
    is_int(n_two, 0);
    run_until(two, &n_two, 20);
    is_int(n_two, 20);
    tg_work_free(&work);
    tg_loop_free(&one);
    tg_loop_free(&two);
}

TAP_MAIN()

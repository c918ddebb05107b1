/* work - worker threads behind one bounded ring of jobs.
 *
 * A job is copied into the ring and its end is posted to the loop that asked,
 * so submitting allocates nothing. Jobs start in the order of submission.
 */
#include "io/work.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

struct job {
    struct tg_loop *loop;
    tg_loop_fn *run, *done;
    void *arg;
};

struct tg_work {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    struct job *ring;
    size_t head, n, n_max; /* under the lock, as is `closing` */
    bool closing;
    unsigned n_threads;
    pthread_t threads[];
};

/* 1 and the oldest job, or 0 when there is none and none will come. */
static int take_job(struct tg_work *work, struct job *job_r)
{
    pthread_mutex_lock(&work->lock);
    while (work->n == 0 && !work->closing)
        pthread_cond_wait(&work->not_empty, &work->lock);
    int found = work->n > 0;
    if (found) {
        *job_r = work->ring[work->head];
        work->head = (work->head + 1) % work->n_max;
        work->n--;
    }
    pthread_mutex_unlock(&work->lock);
    return found;
}

static void *run_worker(void *arg)
{
    struct tg_work *work = arg;
    struct job job;
    while (take_job(work, &job)) {
        job.run(job.arg);
        tg_loop_post(job.loop, job.done, job.arg);
    }
    return NULL;
}

struct tg_work *tg_work_new(unsigned n_threads, size_t queue_len_max)
{
    assert(n_threads > 0 && queue_len_max > 0);
    struct tg_work *work = tg_calloc(1, sizeof(*work) + n_threads * sizeof(pthread_t));
    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->not_empty, NULL);
    work->ring = tg_calloc(queue_len_max, sizeof(*work->ring));
    work->n_max = queue_len_max;
    work->n_threads = n_threads;
    /* Signals are the main thread's business: workers are born with all of them blocked. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < n_threads; i++) {
        int failed = pthread_create(&work->threads[i], NULL, run_worker, work);
        assert(!failed);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return work;
}

void tg_work_free(struct tg_work **work_p)
{
    struct tg_work *work = *work_p;
    if (work == NULL)
        return;
    pthread_mutex_lock(&work->lock);
    work->closing = true;
    pthread_cond_broadcast(&work->not_empty);
    pthread_mutex_unlock(&work->lock);
    for (unsigned i = 0; i < work->n_threads; i++)
        pthread_join(work->threads[i], NULL);
    assert(work->n == 0);
    pthread_cond_destroy(&work->not_empty);
    pthread_mutex_destroy(&work->lock);
    free(work->ring);
    free(work);
    *work_p = NULL;
}

int tg_work_submit(struct tg_work *work, struct tg_loop *loop, tg_loop_fn *run, tg_loop_fn *done, void *arg,
                   struct tg_err *err_r)
{
    assert(run != NULL && done != NULL);
    pthread_mutex_lock(&work->lock);
    assert(!work->closing);
    bool fits = work->n < work->n_max;
    if (fits) {
        work->ring[(work->head + work->n) % work->n_max] = (struct job){loop, run, done, arg};
        work->n++;
        pthread_cond_signal(&work->not_empty);
    }
    pthread_mutex_unlock(&work->lock);
    if (!fits)
        return tg_err_set(err_r, TG_ERR_BUSY, "the worker threads have %zu jobs waiting", work->n_max);
    return 0;
}

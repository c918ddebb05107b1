/* rulebook - which rules decide in this process, and giving them to every thread that asks. */
#include "rt/rulebook.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

#define SEATS_MAX 512
#define HELPERS_MAX 3 /* threads that build sets, beside the one that asked */

struct tg_rulebook {
    pthread_mutex_t building; /* held during a swap */
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t taken;
    struct tg_ruleseat *seats[SEATS_MAX];
    size_t n_seats;
    struct tg_rulestate *state;
    struct tg_rulebook_keeper keeper;
    struct tg_shadow *shadow;
};

struct tg_rulebook *tg_rulebook_new(void)
{
    struct tg_rulebook *book = TG_NEW(struct tg_rulebook);
    pthread_condattr_t attr;
    pthread_mutex_init(&book->building, NULL);
    pthread_mutex_init(&book->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&book->taken, &attr);
    pthread_condattr_destroy(&attr);
    book->shadow = tg_shadow_new();
    return book;
}

void tg_rulebook_free(struct tg_rulebook **book_p)
{
    struct tg_rulebook *book = *book_p;
    *book_p = NULL;
    if (book == NULL)
        return;
    assert(book->n_seats == 0);
    tg_rulestate_unref(&book->state);
    tg_shadow_free(&book->shadow);
    pthread_cond_destroy(&book->taken);
    pthread_mutex_destroy(&book->lock);
    pthread_mutex_destroy(&book->building);
    free(book);
}

struct tg_shadow *tg_rulebook_shadow(struct tg_rulebook *book)
{
    return book->shadow;
}

/* --- seats -------------------------------------------------------------------------------------------------------- */

void tg_rulebook_join(struct tg_rulebook *book, struct tg_ruleseat *seat)
{
    pthread_mutex_lock(&book->lock);
    assert(book->n_seats < SEATS_MAX);
    book->seats[book->n_seats++] = tg_ruleseat_ref(seat);
    pthread_mutex_unlock(&book->lock);
}

void tg_rulebook_leave(struct tg_rulebook *book, struct tg_ruleseat *seat)
{
    pthread_mutex_lock(&book->lock);
    size_t i = 0;
    while (i < book->n_seats && book->seats[i] != seat)
        i++;
    assert(i < book->n_seats);
    memmove(&book->seats[i], &book->seats[i + 1], (book->n_seats - i - 1) * sizeof(book->seats[0]));
    book->n_seats--;
    pthread_cond_broadcast(&book->taken);
    pthread_mutex_unlock(&book->lock);
    tg_ruleseat_unref(&seat);
}

void tg_rulebook_on_taken(struct tg_rulebook *book)
{
    pthread_mutex_lock(&book->lock);
    pthread_cond_broadcast(&book->taken);
    pthread_mutex_unlock(&book->lock);
}

/* References to the seats of this moment. */
static size_t list_seats(struct tg_rulebook *book, struct tg_ruleseat **seats)
{
    pthread_mutex_lock(&book->lock);
    const size_t n = book->n_seats;
    for (size_t i = 0; i < n; i++)
        seats[i] = tg_ruleseat_ref(book->seats[i]);
    pthread_mutex_unlock(&book->lock);
    return n;
}

void tg_rulebook_each(struct tg_rulebook *book, tg_rulebook_view_fn *fn, void *arg)
{
    struct tg_ruleseat *seats[SEATS_MAX];
    struct tg_ruleseat_view view;
    const size_t n = list_seats(book, seats);
    for (size_t i = 0; i < n; i++) {
        tg_ruleseat_look(seats[i], &view);
        fn(&view, arg);
        tg_ruleseat_unref(&seats[i]);
    }
}

/* --- the swap ----------------------------------------------------------------------------------------------------- */

struct building { /* of one state for many seats; by a few threads */
    struct tg_rulestate *state;
    struct tg_ruleseat **seats;
    size_t n;
    uint64_t began_us;
    atomic_size_t next;
    atomic_bool has_failed;
    struct tg_err err; /* of the one that failed first */
};

static void *build_sets(void *arg)
{
    struct building *b = arg;
    struct tg_err err;
    size_t i;
    while (!atomic_load(&b->has_failed) && (i = atomic_fetch_add(&b->next, 1)) < b->n) {
        struct tg_ruleset *set;
        if (tg_ruleset_new(b->state, &set, &err) == 0)
            tg_ruleseat_offer(b->seats[i], set, b->began_us);
        else if (!atomic_exchange(&b->has_failed, true))
            b->err = err;
    }
    return NULL;
}

/* The first set is built alone: what does not load fails there, before any seat has got something, and it leaves the
 * files compiled for the others. */
static int build(struct building *b, struct tg_err *err_r)
{
    pthread_t helpers[HELPERS_MAX];
    size_t n_helpers = 0;
    struct tg_ruleset *set;
    if (b->n == 0)
        return 0;
    if (tg_ruleset_new(b->state, &set, err_r) != 0)
        return -1;
    tg_ruleseat_offer(b->seats[0], set, b->began_us);
    atomic_store(&b->next, 1);
    while (n_helpers < HELPERS_MAX && n_helpers + 2 < b->n &&
           pthread_create(&helpers[n_helpers], NULL, build_sets, b) == 0)
        n_helpers++;
    build_sets(b);
    for (size_t i = 0; i < n_helpers; i++)
        pthread_join(helpers[i], NULL);
    if (!atomic_load(&b->has_failed))
        return 0;
    if (err_r != NULL)
        *err_r = b->err;
    return -1;
}

static void remember(struct tg_rulebook *book, struct tg_rulestate *state)
{
    pthread_mutex_lock(&book->lock);
    struct tg_rulestate *old = book->state;
    book->state = tg_rulestate_ref(state);
    pthread_mutex_unlock(&book->lock);
    tg_rulestate_unref(&old);
}

int tg_rulebook_set(struct tg_rulebook *book, const struct tg_rulestate *values, struct tg_err *err_r)
{
    struct tg_ruleseat *seats[SEATS_MAX];
    struct tg_rulestate *state = tg_rulestate_new(values);
    pthread_mutex_lock(&book->building);
    const size_t n = list_seats(book, seats);
    struct building b = {.state = state, .seats = seats, .n = n, .began_us = tg_clock_mono_us()};
    const int status = build(&b, err_r);
    if (status == 0)
        remember(book, state);
    pthread_mutex_unlock(&book->building);
    for (size_t i = 0; i < n; i++)
        tg_ruleseat_unref(&seats[i]);
    tg_rulestate_unref(&state);
    return status;
}

struct tg_rulestate *tg_rulebook_state(struct tg_rulebook *book)
{
    pthread_mutex_lock(&book->lock);
    struct tg_rulestate *state = book->state == NULL ? NULL : tg_rulestate_ref(book->state);
    pthread_mutex_unlock(&book->lock);
    return state;
}

/* Under the lock. */
static bool is_applied(const struct tg_rulebook *book)
{
    for (size_t i = 0; i < book->n_seats; i++) {
        if (!tg_ruleseat_has(book->seats[i], book->state))
            return false;
    }
    return true;
}

bool tg_rulebook_is_applied(struct tg_rulebook *book, uint32_t timeout_ms)
{
    const uint64_t until_us = tg_clock_mono_us() + timeout_ms * UINT64_C(1000);
    const struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    pthread_mutex_lock(&book->lock);
    bool applied = is_applied(book);
    while (!applied && tg_clock_mono_us() < until_us) {
        pthread_cond_timedwait(&book->taken, &book->lock, &until);
        applied = is_applied(book);
    }
    pthread_mutex_unlock(&book->lock);
    return applied;
}

/* --- the keeper --------------------------------------------------------------------------------------------------- */

void tg_rulebook_set_keeper(struct tg_rulebook *book, const struct tg_rulebook_keeper *keeper)
{
    book->keeper = *keeper;
}

void tg_rulebook_wake(struct tg_rulebook *book)
{
    if (book->keeper.wake != NULL)
        book->keeper.wake(book->keeper.arg);
}

int tg_rulebook_load(struct tg_rulebook *book, const char *bundle_id, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    if (book->keeper.load == NULL)
        return tg_err_set(err_r, TG_ERR_NOT_FOUND, "no bundle but the one that decides is kept here");
    return book->keeper.load(bundle_id, bundle_r, book->keeper.arg, err_r);
}

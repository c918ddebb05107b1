/* fault - named points where a test makes the world fail.
 *
 * A build with faults passes a point with one atomic load while nothing is armed; armed points are a short list
 * under a lock. A release build has none of this.
 */
#include "base/fault.h"

#ifdef TG_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARMED_MAX 32
#define NAME_MAX_LEN 63

enum action { ACTION_HIT, ACTION_KILL, ACTION_SLEEP };

struct fault {
    char name[NAME_MAX_LEN + 1];
    enum action action;
    long sleep_ms;
    uint64_t first, times; /* acts on the visits first … first + times - 1, counted from 1 */
    uint64_t visits;
};

static struct fault armed[ARMED_MAX];
static atomic_int n_armed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct fault *find(const char *name)
{
    for (int i = 0; i < n_armed; i++)
        if (strcmp(armed[i].name, name) == 0)
            return &armed[i];
    return NULL;
}

/* Counts the visit; true when the fault acts now, copied to *fault_r. */
static bool visit(const char *name, struct fault *fault_r)
{
    pthread_mutex_lock(&lock);
    struct fault *fault = find(name);
    bool acts = false;
    if (fault != NULL) {
        fault->visits++;
        acts = fault->visits >= fault->first && fault->visits - fault->first < fault->times;
        *fault_r = *fault;
    }
    pthread_mutex_unlock(&lock);
    return acts;
}

bool tg_fault_hit(const char *name)
{
    struct fault fault;
    if (atomic_load_explicit(&n_armed, memory_order_relaxed) == 0 || !visit(name, &fault))
        return false;
    switch (fault.action) {
    case ACTION_HIT: return true;
    case ACTION_KILL:
        kill(getpid(), SIGKILL);
        pause();
        return false;
    case ACTION_SLEEP: {
        struct timespec left = {fault.sleep_ms / 1000, fault.sleep_ms % 1000 * 1000000};
        while (nanosleep(&left, &left) != 0)
            ;
        return false;
    }
    }
    return false;
}

/* Takes a number of 1 … max off *at. */
static bool take_number(const char **at, uint64_t max, uint64_t *n_r)
{
    uint64_t n = 0;
    const char *from = *at;
    while (**at >= '0' && **at <= '9' && n <= max)
        n = n * 10 + (uint64_t)(*(*at)++ - '0');
    *n_r = n;
    return *at != from && n >= 1 && n <= max;
}

static bool take_word(const char **at, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*at, word, len) != 0)
        return false;
    *at += len;
    return true;
}

/* One "name=action[:nth][xtimes]" off *at. */
static bool take_fault(const char **at, struct fault *fault)
{
    size_t len = strcspn(*at, "=,");
    uint64_t ms = 0;
    *fault = (struct fault){.first = 1, .times = UINT64_MAX};
    if (len == 0 || len > NAME_MAX_LEN || (*at)[len] != '=')
        return false;
    memcpy(fault->name, *at, len);
    *at += len + 1;
    if (take_word(at, "hit"))
        fault->action = ACTION_HIT;
    else if (take_word(at, "kill"))
        fault->action = ACTION_KILL;
    else if (take_word(at, "sleep-") && take_number(at, 600000, &ms))
        fault->action = ACTION_SLEEP;
    else
        return false;
    fault->sleep_ms = (long)ms;
    if (take_word(at, ":") && !take_number(at, UINT32_MAX, &fault->first))
        return false;
    if (take_word(at, "x") && !take_number(at, UINT32_MAX, &fault->times))
        return false;
    return **at == '\0' || take_word(at, ",");
}

static int arm(const struct fault *fault, struct tg_err *err_r)
{
    int status = 0;
    pthread_mutex_lock(&lock);
    struct fault *slot = find(fault->name);
    if (slot != NULL)
        *slot = *fault;
    else if (n_armed < ARMED_MAX)
        armed[n_armed++] = *fault;
    else
        status = tg_err_set(err_r, TG_ERR_INPUT, "more than %d faults", ARMED_MAX);
    pthread_mutex_unlock(&lock);
    return status;
}

int tg_fault_arm(const char *spec, struct tg_err *err_r)
{
    const char *at = spec;
    while (*at != '\0') {
        const char *from = at;
        struct fault fault;
        if (!take_fault(&at, &fault))
            return tg_err_set(err_r, TG_ERR_INPUT, "'%.80s': a fault is name=hit|kill|sleep-<ms>[:nth][xtimes]", from);
        if (arm(&fault, err_r) != 0)
            return -1;
    }
    return 0;
}

void tg_fault_disarm_all(void)
{
    pthread_mutex_lock(&lock);
    n_armed = 0;
    pthread_mutex_unlock(&lock);
}

int tg_fault_arm_from_environment(struct tg_err *err_r)
{
    const char *spec = getenv("TOLLGATE_FAULTS");
    return spec == NULL ? 0 : tg_fault_arm(spec, err_r);
}

#endif

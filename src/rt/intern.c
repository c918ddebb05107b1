/* intern - texts that live as long as the process: SQL, which the connections' statement caches refer to while the
 * generation that declared it may be gone. Bounded by the number of distinct statements ever released. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rt/stmt.h"

static struct {
    pthread_mutex_t lock;
    char **slots; /* open addressing, a power of two, at most half full */
    size_t n, capacity;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t hash_of(const char *text, size_t len)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash;
}

/* The slot that holds the text, or the free one for it. */
static char **find_slot(char **slots, size_t capacity, const char *text, size_t len)
{
    size_t i = (size_t)hash_of(text, len) & (capacity - 1);
    while (slots[i] != NULL && (strlen(slots[i]) != len || memcmp(slots[i], text, len) != 0))
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static void grow(void)
{
    size_t capacity = table.capacity == 0 ? 256 : 2 * table.capacity;
    char **slots = tg_calloc(capacity, sizeof(*slots));
    for (size_t i = 0; i < table.capacity; i++) {
        if (table.slots[i] != NULL)
            *find_slot(slots, capacity, table.slots[i], strlen(table.slots[i])) = table.slots[i];
    }
    free(table.slots);
    table.slots = slots;
    table.capacity = capacity;
}

const char *tg_intern(const char *text, size_t len)
{
    pthread_mutex_lock(&table.lock);
    if (2 * table.n >= table.capacity)
        grow();
    char **slot = find_slot(table.slots, table.capacity, text, len);
    if (*slot == NULL) {
        *slot = tg_memdup(text, len);
        table.n++;
    }
    const char *interned = *slot;
    pthread_mutex_unlock(&table.lock);
    return interned;
}

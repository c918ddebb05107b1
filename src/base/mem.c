/* mem - allocation that ends the process instead of failing. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *bytes, size_t size)
{
    if (bytes == NULL) {
        fprintf(stderr, "out of memory (%zu bytes)\n", size);
        abort();
    }
    return bytes;
}

/* malloc(0) may be NULL, and NULL means failure here: ask for a byte. */
void *tg_malloc(size_t size)
{
    return checked(malloc(size != 0 ? size : 1), size);
}

void *tg_calloc(size_t n, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(n, size, &whole))
        return checked(NULL, size);
    return checked(calloc(1, whole != 0 ? whole : 1), whole);
}

void *tg_realloc(void *old, size_t size)
{
    return checked(realloc(old, size != 0 ? size : 1), size);
}

char *tg_strdup(const char *str)
{
    return tg_memdup(str, strlen(str));
}

void *tg_memdup(const void *bytes, size_t len)
{
    char *copy = tg_malloc(len + 1);
    if (len != 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

/* slab - small blocks for one owner, many and short-lived: the values of a Lua state.
 *
 * Sizes go in classes of 16 bytes up to TG_SLAB_BLOCK_MAX; a freed block waits in the list of its class for the next
 * of that class. Larger blocks are malloc's. Small memory goes back to the system only as a whole, at deinit, so the
 * owner is one whose small blocks are bounded or live as long as itself. In builds with a sanitizer every block is
 * malloc's, so that it is watched.
 *
 * One thread at a time. The caller says the size of what it gives back, as Lua does.
 */
#ifndef TG_BASE_SLAB_H
#define TG_BASE_SLAB_H

#include <stddef.h>

#define TG_SLAB_BLOCK_MAX 256
#define TG_SLAB_ALIGN 16

struct tg_slab { /* zeroed: empty */
    void *free[TG_SLAB_BLOCK_MAX / TG_SLAB_ALIGN + 1];
    char *at, *end; /* what is left of the newest page */
    struct tg_slab_page *pages;
};

/* NULL when there is no memory. size > 0. */
void *tg_slab_alloc(struct tg_slab *slab, size_t size);
void tg_slab_free(struct tg_slab *slab, void *block, size_t size);
/* As realloc with both sizes; on failure NULL, and the old block stays. */
void *tg_slab_realloc(struct tg_slab *slab, void *block, size_t old_size, size_t size);
/* Frees the pages: no small block is in use after that. */
void tg_slab_deinit(struct tg_slab *slab);

#endif

/* slab - small blocks for one owner; see slab.h. */
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE (16u << 10)

struct tg_slab_page {
    struct tg_slab_page *next;
    char pad[TG_SLAB_ALIGN - sizeof(void *)];
    char bytes[];
};
struct block {
    struct block *next;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_WATCHED 1
#else
#define IS_WATCHED 0
#endif

static size_t class_of(size_t size)
{
    return (size + TG_SLAB_ALIGN - 1) / TG_SLAB_ALIGN;
}

static int is_small(size_t size)
{
    return !IS_WATCHED && size <= TG_SLAB_BLOCK_MAX;
}

/* What is left of the old page is lost: at most one block in sixty-four. */
static void *carve(struct tg_slab *slab, size_t size)
{
    if ((size_t)(slab->end - slab->at) < size) {
        struct tg_slab_page *page = malloc(PAGE_SIZE);
        if (page == NULL)
            return NULL;
        page->next = slab->pages;
        slab->pages = page;
        slab->at = page->bytes;
        slab->end = (char *)page + PAGE_SIZE;
    }
    void *block = slab->at;
    slab->at += size;
    return block;
}

void *tg_slab_alloc(struct tg_slab *slab, size_t size)
{
    if (!is_small(size))
        return malloc(size);
    const size_t class = class_of(size);
    struct block *block = slab->free[class];
    if (block == NULL)
        return carve(slab, class * TG_SLAB_ALIGN);
    slab->free[class] = block->next;
    return block;
}

void tg_slab_free(struct tg_slab *slab, void *block, size_t size)
{
    if (!is_small(size) || block == NULL) {
        free(block);
        return;
    }
    struct block *freed = block;
    freed->next = slab->free[class_of(size)];
    slab->free[class_of(size)] = freed;
}

void *tg_slab_realloc(struct tg_slab *slab, void *block, size_t old_size, size_t size)
{
    if (block == NULL)
        return tg_slab_alloc(slab, size);
    if (!is_small(old_size) && !is_small(size))
        return realloc(block, size);
    if (is_small(old_size) && class_of(old_size) == class_of(size))
        return block;
    void *moved = tg_slab_alloc(slab, size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    tg_slab_free(slab, block, old_size);
    return moved;
}

void tg_slab_deinit(struct tg_slab *slab)
{
    while (slab->pages != NULL) {
        struct tg_slab_page *page = slab->pages;
        slab->pages = page->next;
        free(page);
    }
    *slab = (struct tg_slab){0};
}

/* slab_test - small blocks keep what is in them, come back, and change class by moving. */
#include "../../../src/base/slab.c"

#include <stdint.h>

#include "tap.h"

TEST(blocks_are_aligned_and_do_not_overlap)
{
    struct tg_slab slab = {0};
    static unsigned char *blocks[2000];
    for (size_t i = 0; i < 2000; i++) {
        const size_t size = i % 400 + 1;
        blocks[i] = tg_slab_alloc(&slab, size);
        if ((uintptr_t)blocks[i] % TG_SLAB_ALIGN != 0)
            ok(false, "block %zu is not aligned", i);
        memset(blocks[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < 2000; i++) {
        const size_t size = i % 400 + 1;
        if (blocks[i][0] != (i & 0xff) || blocks[i][size - 1] != (i & 0xff))
            ok(false, "block %zu was written over", i);
        tg_slab_free(&slab, blocks[i], size);
    }
    tg_slab_deinit(&slab);
    ok(slab.pages == NULL, "empty");
}

TEST(a_freed_block_is_the_next_of_its_class)
{
    struct tg_slab slab = {0};
    void *block = tg_slab_alloc(&slab, 20);
    tg_slab_free(&slab, block, 20);
    void *next = tg_slab_alloc(&slab, 32);
    ok(IS_WATCHED || next == block, "the same block");
    tg_slab_free(&slab, next, 32);
    tg_slab_free(&slab, NULL, 0);
    tg_slab_deinit(&slab);
}

TEST(a_block_that_grows_or_shrinks_keeps_its_bytes)
{
    static const size_t sizes[] = {1, 16, 17, 250, 256, 257, 5000, 6000, 256, 30, 29, 300, 1};
    struct tg_slab slab = {0};
    size_t old = 0;
    char *block = NULL;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        block = tg_slab_realloc(&slab, block, old, sizes[i]);
        if (i > 0)
            is_int(block[0], 'x');
        memset(block, 'x', sizes[i]);
        old = sizes[i];
    }
    tg_slab_free(&slab, block, old);
    tg_slab_deinit(&slab);
}

TAP_MAIN()

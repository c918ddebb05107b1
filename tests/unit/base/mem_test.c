/* mem_test - allocation that ends the process instead of failing. */
#include "../../../src/base/mem.c"
#include "tap.h"

TEST(nothing_asked_for_is_still_a_pointer)
{
    char *a = tg_malloc(0), *b = tg_calloc(0, 8), *c = tg_realloc(NULL, 0);
    ok(a != NULL && b != NULL && c != NULL, "three pointers");
    free(a);
    free(b);
    free(c);
}

TEST(calloc_zeroes_and_realloc_keeps)
{
    int *numbers = tg_calloc(4, sizeof(*numbers));
    is_int(numbers[0] | numbers[3], 0);
    numbers[3] = 7;
    numbers = tg_realloc(numbers, 100 * sizeof(*numbers));
    is_int(numbers[3], 7);
    free(numbers);
}

TEST(copies_end_in_a_nul)
{
    char *text = tg_strdup("h\303\251"), *bytes = tg_memdup("a\0b", 3), *nothing = tg_memdup(NULL, 0);
    is_str(text, "h\303\251");
    is_mem(bytes, 4, "a\0b", 4);
    is_str(nothing, "");
    free(text);
    free(bytes);
    free(nothing);
}

TEST(a_size_that_overflows_ends_the_process)
{
    volatile size_t huge = SIZE_MAX / 2 + 2; /* twice it is 2 */
    dies(free(tg_calloc(huge, 2)));
}

TAP_MAIN()

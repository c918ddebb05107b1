/* mem - allocation that ends the process instead of failing (as libh2o does).
 * Everything is released with free(). */
#ifndef TG_BASE_MEM_H
#define TG_BASE_MEM_H

#include <stddef.h>

void *tg_malloc(size_t size); /* not zeroed */
void *tg_calloc(size_t n, size_t size); /* zeroed, overflow checked */
void *tg_realloc(void *old, size_t size);
char *tg_strdup(const char *str);
void *tg_memdup(const void *bytes, size_t len); /* NUL added behind, not counted */

#define TG_NEW(type) ((type *)tg_calloc(1, sizeof(type)))

#endif

/* cookie_fuzz - a cookie is found as a slow reading of the same header finds it, and never outside of it. */
#include "fuzz.h"
#include "web/cookie.h"

/* By cutting a copy to pieces; how often the name is there. */
static int count_slowly(const char *text, size_t len, const char *name)
{
    int n = 0;
    char *copy = malloc(len + 1), *p = copy;
    memcpy(copy, text, len);
    copy[len] = ';';
    for (size_t i = 0; i <= len; i++)
        if (copy[i] == ';') {
            char *eq = memchr(p, '=', (size_t)(copy + i - p));
            char *end = eq;
            while (eq != NULL && p < end && (*p == ' ' || *p == '\t'))
                p++;
            while (eq != NULL && end > p && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
            n += eq != NULL && (size_t)(end - p) == strlen(name) && memcmp(p, name, strlen(name)) == 0;
            p = copy + i + 1;
        }
    free(copy);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    h2o_iovec_t value = {NULL, 0};
    int found = tg_cookie_find(text, len, "tollgate", &value), n = count_slowly(text, len, "tollgate");
    assert(found == (n > 1 ? -1 : n));
    if (found == 1)
        assert(value.base >= text && value.base + value.len <= text + len &&
               memchr(value.base, ';', value.len) == NULL);
    return 0;
}

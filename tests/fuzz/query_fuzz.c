/* query_fuzz - a query is split inside its bounds; what is decoded is UTF-8 without NUL and no longer than it was. */
#include "base/utf8.h"
#include "fuzz.h"
#include "web/api_req.h"

static void decode(h2o_iovec_t in, bool is_form)
{
    char *out = malloc(in.len); /* exactly, so that a byte too many is seen */
    size_t n = tg_query_decode(in, is_form, out);
    if (n != SIZE_MAX) {
        assert(n <= in.len && tg_utf8_valid_len(out, n) == n);
        assert(n == 0 || in.len != n || is_form || memcmp(in.base, out, n) == 0);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_query_pair pairs[TG_QUERY_PAIRS_MAX];
    char *copy = malloc(len); /* the heap's end is guarded, the stack's is not */
    if (len > 0)
        memcpy(copy, bytes, len);
    const h2o_iovec_t query = {copy, len};
    size_t n = tg_query_split(query, pairs);
    for (size_t i = 0; n != SIZE_MAX && i < n; i++) {
        assert(pairs[i].name.base >= copy && pairs[i].name.base + pairs[i].name.len <= copy + len);
        assert(pairs[i].value.base >= copy && pairs[i].value.base + pairs[i].value.len <= copy + len);
        decode(pairs[i].name, true);
        decode(pairs[i].value, true);
    }
    decode(query, false);
    free(copy);
    return 0;
}

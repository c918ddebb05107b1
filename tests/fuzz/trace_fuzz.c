/* trace_fuzz - what a client sends as request id or traceparent goes out valid or not at all. */
#include "fuzz.h"
#include "web/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char id[TG_REQUEST_ID_SIZE], parent[TG_TRACEPARENT_SIZE];
    size_t id_len = tg_trace_request_id((const char *)bytes, len, id);
    assert(id_len == strlen(id) && id_len >= 8 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789._-") == id_len);
    if (tg_trace_parent((const char *)bytes, len, parent) == 0)
        assert(parent[0] == '\0');
    else
        assert(strlen(parent) == 55 && memcmp(parent, "00-", 3) == 0 && memcmp(parent + 3, bytes + 3, 32) == 0 &&
               strspn(parent, "0123456789abcdef-") == 55);
    return 0;
}

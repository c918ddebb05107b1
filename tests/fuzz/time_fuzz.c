/* time_fuzz - an instant that was read is written, and read again the same. */
#include "base/clock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int64_t us, back;
    char text[TG_RFC3339_SIZE];
    if (tg_time_parse((const char *)bytes, len, &us, NULL) != 0)
        return 0;
    assert(us >= TG_TIME_MIN_US && us <= TG_TIME_MAX_US);
    size_t text_len = tg_time_format(us, text);
    assert(tg_time_parse(text, text_len, &back, NULL) == 0 && back == us);
    return 0;
}

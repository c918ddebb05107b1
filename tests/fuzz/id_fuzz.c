/* id_fuzz - an id has one text: what parses is what would be written. */
#include "base/id.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const prefixes[] = {"", "co", "wal", "pre_fix"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct tg_id id;
        char text[TG_ID_TEXT_SIZE];
        if (tg_id_parse((const char *)bytes, len, prefixes[i], &id, NULL) != 0)
            continue;
        assert(tg_id_format(id, prefixes[i], text) == len && memcmp(text, bytes, len) == 0);
    }
    return 0;
}

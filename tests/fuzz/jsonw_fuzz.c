/* jsonw_fuzz - any bytes, as a key and as a string, make JSON that another parser takes. */
#include <jansson.h>

#include "base/jsonw.h"
#include "base/utf8.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_strbuf out;
    struct tg_jsonw w;
    const char *str = (const char *)bytes;
    tg_strbuf_init(&out, 16 * len + 64);
    tg_jsonw_init(&w, &out);
    tg_jsonw_object(&w);
    tg_jsonw_key_n(&w, str, memchr(str, 0, len) == NULL ? len : 0); /* jansson refuses a NUL in a key */
    tg_jsonw_str_n(&w, str, len);
    tg_jsonw_object_end(&w);
    assert(!tg_strbuf_overflowed(&out) && tg_utf8_valid_len(out.bytes, out.len) == out.len);
    json_t *root = json_loadb(out.bytes, out.len, JSON_ALLOW_NUL, NULL);
    assert(root != NULL);
    json_t *value = json_object_iter_value(json_object_iter(root));
    if (tg_utf8_valid_len(str, len) == len)
        assert(json_string_length(value) == len && memcmp(json_string_value(value), str, len) == 0);
    json_decref(root);
    tg_strbuf_deinit(&out);
    return 0;
}

/* bundle_fuzz - whatever JSON says it is a bundle becomes one, or has faults; what became one says the same of itself. */
#include <jansson.h>

#include "fuzz.h"
#include "rt/bundle.h"

static void check(const struct tg_bundle *bundle)
{
    struct tg_faults faults = {0};
    struct tg_bundle *again = NULL;
    json_t *json = tg_bundle_to_json(bundle);
    assert(strlen(tg_bundle_id(bundle)) == TG_BUNDLE_ID_SIZE - 1);
    assert(tg_bundle_n(bundle) >= 1 && tg_bundle_n(bundle) <= TG_BUNDLE_FILES_MAX);
    for (size_t i = 0; i < tg_bundle_n(bundle); i++) {
        const struct tg_bundle_file *file = tg_bundle_file(bundle, i);
        assert(tg_bundle_has_path(file->path) && strstr(file->path, "..") == NULL && file->path[0] != '/');
        assert(file->len <= TG_BUNDLE_FILE_BYTES_MAX && strlen(file->text) == file->len);
        assert(tg_bundle_find(bundle, file->path) == file);
    }
    assert(tg_bundle_from_json(json, &faults, &again) == 0 && faults.n == 0);
    assert(strcmp(tg_bundle_id(bundle), tg_bundle_id(again)) == 0);
    tg_bundle_unref(&again);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    json_t *json = json_loadb((const char *)bytes, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (json == NULL)
        return 0;
    if (tg_bundle_from_json(json, &faults, &bundle) == 0) {
        assert(faults.n == 0);
        check(bundle);
    } else {
        assert(faults.n > 0 && bundle == NULL);
    }
    tg_bundle_unref(&bundle);
    tg_faults_deinit(&faults);
    json_decref(json);
    return 0;
}

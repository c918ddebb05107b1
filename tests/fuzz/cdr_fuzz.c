/* cdr_fuzz - a file of call records: each row is an event or a sentence. */
#include "cli/cdr.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_csv csv;
    struct tg_cdr_columns columns;
    struct tg_err err = {0};
    int status;
    tg_csv_init(&csv, (const char *)bytes, len);
    if (tg_csv_next(&csv, &err) == 1 && tg_cdr_columns_find(&csv, &columns, &err) == 0)
        while ((status = tg_csv_next(&csv, &err)) != 0) {
            json_t *event = NULL, *company = json_string("co_00000000000000000000000000");
            if (status == 1 && tg_cdr_event(&csv, &columns, "cdr", company, &event, &err) == 0) {
                char *text = json_dumps(event, JSON_COMPACT);
                assert(text != NULL && json_is_string(json_object_get(event, "quantity")));
                free(text);
                json_decref(event);
            }
            json_decref(company);
        }
    tg_csv_deinit(&csv);
    return 0;
}

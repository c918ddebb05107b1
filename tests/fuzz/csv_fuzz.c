/* csv_fuzz - reading CSV ends, goes forward, and its fields lie where they may. */
#include "base/csv.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_csv csv;
    struct tg_err err;
    int status;
    tg_csv_init(&csv, (const char *)bytes, len);
    size_t offset = tg_csv_offset(&csv), sum = 0;
    while ((status = tg_csv_next(&csv, &err)) != 0) {
        assert(tg_csv_offset(&csv) > offset && tg_csv_offset(&csv) <= len);
        offset = tg_csv_offset(&csv);
        if (status < 0)
            continue;
        assert(csv.n_fields >= 1 && csv.n_fields <= TG_CSV_FIELDS_MAX);
        for (size_t i = 0; i < csv.n_fields; i++)
            for (size_t k = 0; k < csv.fields[i].len; k++)
                sum += (unsigned char)csv.fields[i].str[k]; /* the sanitizer watches */
        assert(tg_csv_column(&csv, "prefix") < (int)csv.n_fields);
    }
    assert(sum <= 255 * len);
    tg_csv_deinit(&csv);
    return 0;
}

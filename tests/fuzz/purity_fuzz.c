/* purity_fuzz - reading a dump of Lua ends, whatever its bytes; so does compiling a text, and its faults have lines. */
#include "fuzz.h"
#include "rt/purity.h"

static size_t sum;

static void on_found(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < name_len; i++)
        sum += (unsigned char)name[i]; /* the sanitizer watches */
    sum += (size_t)line + kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_faults faults = {0};
    const int rc = tg_purity_walk(bytes, len, on_found, NULL);
    assert(rc == 0 || rc == -1);
    tg_purity_check("a/rules.lua", (const char *)bytes, len, &faults);
    assert(faults.n <= TG_FAULTS_MAX);
    for (size_t i = 0; i < faults.n; i++)
        assert(faults.list[i].line >= 0 && faults.list[i].message[0] != '\0');
    tg_faults_deinit(&faults);
    return 0;
}

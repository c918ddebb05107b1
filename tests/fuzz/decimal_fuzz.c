/* decimal_fuzz - what parses as a decimal is written and read back the same, and computes without a fault. */
#include "base/decimal.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_decimal d, back, result;
    char text[TG_DECIMAL_TEXT_SIZE];
    if (tg_decimal_parse((const char *)bytes, len, &d, NULL) != 0)
        return 0;
    assert(tg_decimal_parse(text, tg_decimal_format(d, text), &back, NULL) == 0 && tg_decimal_cmp(d, back) == 0);
    assert(strlen(text) <= len); /* shortest */
    for (int places = 0; places <= TG_DECIMAL_PLACES; places++) {
        enum tg_rounding mode = (enum tg_rounding)(len % 4);
        if (tg_decimal_mul(d, d, places, mode, &result, NULL) == 0)
            assert(!tg_decimal_is_negative(result));
        if (tg_decimal_div(d, d, places, mode, &result, NULL) == 0)
            assert(tg_decimal_cmp(result, tg_decimal_from_int(1)) == 0);
        if (tg_decimal_mul_div(d, 61, 60, places, TG_ROUND_DOWN, &result, NULL) == 0 &&
            tg_decimal_round(result, places, TG_ROUND_UP, &back, NULL) == 0)
            assert(tg_decimal_cmp(result, back) == 0);
    }
    return 0;
}

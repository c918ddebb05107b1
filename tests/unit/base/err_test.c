/* err_test - the one way to fail. */
#include "../../../src/base/err.c"
#include "tap.h"

TEST(sets_code_and_text_and_returns_minus_one)
{
    struct tg_err err = {.code = TG_ERR_BUG, .native = 1213};
    is_int(tg_err_set(&err, TG_ERR_INPUT, "row %d: %s", 7, "no prefix"), -1);
    is_int(err.code, TG_ERR_INPUT);
    is_int(err.native, 0);
    is_str(err.text, "row 7: no prefix");
}

TEST(cuts_a_text_that_is_too_long)
{
    struct tg_err err;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    is_int(tg_err_set(&err, TG_ERR_UPSTREAM, "%s", text), -1);
    is_int(strlen(err.text), sizeof(err.text) - 1);
}

TEST(a_text_is_UTF_8_whatever_went_into_it_and_where_it_is_cut)
{
    struct tg_err err;
    tg_err_set(&err, TG_ERR_INPUT, "the name '%s' is none", "\xff");
    is_str(err.text, "the name '?' is none");
    char text[1000] = "";
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = "\xe2\x82\xac"[i % 3];
    text[sizeof(text) - 1] = '\0';
    tg_err_set(&err, TG_ERR_INPUT, "%s", text);
    is_uint(strlen(err.text), (sizeof(err.text) - 1) / 3 * 3);
}

TEST(takes_no_error_where_nobody_wants_it)
{
    is_int(tg_err_set(NULL, TG_ERR_BUSY, "queue is full"), -1);
}

TEST(each_code_has_its_own_stable_name)
{
    static const char *const names[] = {"none", "input",    "not_found", "denied", "conflict",
                                        "busy", "upstream", "uncertain", "bug"};
    for (int code = TG_ERR_NONE; code <= TG_ERR_BUG; code++)
        is_str(tg_errcode_name((enum tg_errcode)code), names[code]);
    is_str(tg_errcode_name((enum tg_errcode)99), "bug");
}

TAP_MAIN()

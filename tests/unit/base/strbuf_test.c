/* strbuf_test - a growing buffer with a limit. */
#include "../../../src/base/strbuf.c"
#include "tap.h"

TEST(grows_and_stays_terminated)
{
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 100000);
    is_str(buf.bytes, "");
    for (int i = 0; i < 10000; i++)
        tg_strbuf_append_char(&buf, (char)('a' + i % 26));
    is_int(buf.len, 10000);
    is_int(strlen(buf.bytes), 10000);
    tg_strbuf_reset(&buf);
    tg_strbuf_append_str(&buf, "n = ");
    tg_strbuf_printf(&buf, "%d %s", 42, "ok");
    tg_strbuf_append(&buf, NULL, 0);
    is_str(buf.bytes, "n = 42 ok");
    is_false(tg_strbuf_overflowed(&buf));
    tg_strbuf_deinit(&buf);
}

TEST(prints_whether_there_is_room_already_or_not)
{
    for (int len = 100; len < 300; len++) {
        struct tg_strbuf buf;
        tg_strbuf_init(&buf, 250);
        tg_strbuf_append_str(&buf, "<");
        tg_strbuf_printf(&buf, "%0*d", len, 7);
        is_int(buf.len, len <= 249 ? len + 1 : 1);
        is_int(strlen(buf.bytes), buf.len);
        is_int(tg_strbuf_overflowed(&buf), len > 249);
        tg_strbuf_deinit(&buf);
    }
}

TEST(holds_exactly_its_limit)
{
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 5);
    tg_strbuf_append_str(&buf, "12345");
    is_false(tg_strbuf_overflowed(&buf));
    tg_strbuf_append_char(&buf, '6');
    is_true(tg_strbuf_overflowed(&buf));
    is_str(buf.bytes, "12345");
    tg_strbuf_deinit(&buf);
}

TEST(past_the_limit_drops_the_whole_piece_and_all_that_follows)
{
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 1000);
    for (int i = 0; i < 99; i++)
        tg_strbuf_append(&buf, "0123456789", 10);
    tg_strbuf_append_str(&buf, "too long by one");
    is_int(buf.len, 990);
    tg_strbuf_append_char(&buf, 'x'); /* would fit, and would hide the hole */
    tg_strbuf_printf(&buf, "%d", 1);
    is_int(buf.len, 990);
    is_true(tg_strbuf_overflowed(&buf));
    tg_strbuf_reset(&buf);
    is_false(tg_strbuf_overflowed(&buf));
    tg_strbuf_append_str(&buf, "again");
    is_str(buf.bytes, "again");
    tg_strbuf_deinit(&buf);
}

TEST(room_for_the_caller_is_terminated_and_has_the_same_limit)
{
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 300);
    tg_strbuf_append_str(&buf, "ab");
    char *room = tg_strbuf_extend(&buf, 200);
    memset(room, 'x', 200);
    is_int(buf.len, 202);
    is_int(buf.bytes[202], '\0');
    is_int(strspn(buf.bytes + 2, "x"), 200);
    ok(tg_strbuf_extend(&buf, 99) == NULL, "one more than there is");
    is_true(tg_strbuf_overflowed(&buf));
    is_int(buf.len, 202);
    tg_strbuf_deinit(&buf);
}

TEST(a_limit_of_nothing_is_a_limit)
{
    struct tg_strbuf buf;
    tg_strbuf_init(&buf, 0);
    tg_strbuf_append_str(&buf, "");
    is_false(tg_strbuf_overflowed(&buf));
    tg_strbuf_append_char(&buf, 'x');
    is_true(tg_strbuf_overflowed(&buf));
    is_str(buf.bytes, "");
    tg_strbuf_deinit(&buf);
}

TEST(the_taken_bytes_belong_to_the_taker)
{
    struct tg_strbuf buf;
    size_t len = 0;
    tg_strbuf_init(&buf, 100);
    tg_strbuf_append(&buf, "a\0b", 3);
    char *taken = tg_strbuf_take(&buf, &len);
    tg_strbuf_append_str(&buf, "next");
    is_mem(taken, len, "a\0b", 3);
    is_str(buf.bytes, "next");
    free(taken);
    free(tg_strbuf_take(&buf, NULL));
    tg_strbuf_deinit(&buf);
}

TAP_MAIN()

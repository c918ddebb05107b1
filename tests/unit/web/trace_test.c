/* trace_test - request ids and W3C trace context. */
#include "../../../src/web/trace.c"

#include "tap.h"

TEST(a_sane_id_is_taken_and_any_other_is_replaced)
{
    static const struct {
        const char *given;
        bool taken;
    } cases[] = {{"abcdefgh", true},   {"A-b_c.9012345678901234567890123456789", true},
                 {"abcdefg", false},   {"0123456789012345678901234567890123456789", false},
                 {"abc defgh", false}, {"abcdefgh\"", false},
                 {"", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[TG_REQUEST_ID_SIZE];
        tap_case("%s", cases[i].given);
        size_t len = tg_trace_request_id(cases[i].given, strlen(cases[i].given), id);
        is_uint(len, strlen(id));
        ok((strcmp(id, cases[i].given) == 0) == cases[i].taken, "%s", id);
        if (!cases[i].taken)
            is_mem(id, 4, "req_", 4);
    }
}

TEST(no_two_made_ids_are_the_same)
{
    char a[TG_REQUEST_ID_SIZE], b[TG_REQUEST_ID_SIZE];
    tg_trace_request_id(NULL, 0, a);
    tg_trace_request_id(NULL, 0, b);
    ok(strcmp(a, b) != 0, "%s and %s", a, b);
}

TEST(a_valid_parent_keeps_its_trace_and_gets_a_new_span)
{
    static const char parent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    char out[TG_TRACEPARENT_SIZE];
    is_int(tg_trace_parent(parent, sizeof(parent) - 1, out), 1);
    is_uint(strlen(out), 55);
    is_mem(out, 36, parent, 36);
    ok(memcmp(out + 36, parent + 36, 16) != 0, "another span");
    is_mem(out + 52, 3, "-01", 3);
}

TEST(a_parent_of_a_later_version_is_read_as_far_as_we_know_it)
{
    static const char parent[] = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
    char out[TG_TRACEPARENT_SIZE];
    is_int(tg_trace_parent(parent, sizeof(parent) - 1, out), 1);
    is_mem(out, 3, "00-", 3);
}

TEST(a_parent_that_is_not_valid_is_dropped)
{
    static const char *const bad[] = {"",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                                      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
                                      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char out[TG_TRACEPARENT_SIZE];
        tap_case("%s", bad[i]);
        is_int(tg_trace_parent(bad[i], strlen(bad[i]), out), 0);
        is_str(out, "");
    }
}

TAP_MAIN()

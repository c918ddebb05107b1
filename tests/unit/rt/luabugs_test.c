/* luabugs_test - each known bug is tried or known by the version, and trying crashes nothing of ours. */
#include "../../../src/rt/luabugs.c"

#include "tap.h"

static const struct tg_luabug *find(const struct tg_luabug *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

TEST(what_Debian_12_has_is_found)
{
    struct tg_luabug list[TG_LUABUGS_MAX];
    const size_t n = tg_luabugs_try(list);
    if (strcmp(tg_lua_version(), "Lua 5.4.4") != 0)
        TAP_SKIP("another Lua is linked");
    static const char *const present[] = {"concat_stack",        "coroutine_close",   "rep_of_nothing",
                                          "index_by_comparison", "bits_of_constants", "error_of_a_chain",
                                          "line_of_division",    "break_and_close",   "weak_newindex"};
    for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
        const struct tg_luabug *bug = find(list, n, present[i]);
        tap_case("%s", present[i]);
        ok(bug != NULL && bug->state == TG_LUABUG_PRESENT, "is found");
    }
    tap_case("env_constant");
    is_int(find(list, n, "env_constant")->state, TG_LUABUG_ABSENT); /* patched */
    tap_case("%s", "");
}

TEST(each_has_a_name_and_a_defence)
{
    for (size_t i = 0; i < N_ALL; i++) {
        tap_case("%zu", i);
        is_true(all[i].name[0] != '\0' && all[i].defence[0] != '\0');
        is_true((all[i].code == NULL) == (all[i].repaired_in > 0));
    }
}

TEST(a_probe_that_crashes_hangs_or_does_not_compile_is_the_bug)
{
    struct known bug = {"x", "y", "while true do end", true, false, 0};
    const uint64_t began_us = tg_clock_mono_us();
    bug.code = "syntax error";
    is_false(is_right_in_child(&bug));
    is_false(is_right(&bug));
    bug.code = "error('no')";
    is_false(is_right_in_child(&bug));
    bug.code = "return true";
    is_true(is_right_in_child(&bug));
    is_true(tg_clock_mono_us() - began_us < 5000000);
}

TAP_MAIN()

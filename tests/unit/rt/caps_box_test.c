/* caps_box_test - the environment of rules: what is in it, in which order and up to which size. */
#include "../../../src/rt/caps_box.c"

#include "base/log.h"
#include "rt/rules_fixture.h"

TEST(the_list_of_allowed_names_cannot_add_one)
{
    static const char *const lists[] = {"return {base = {'load'}, string = {}}",
                                        "return {base = {}, string = {}, os = {'time'}}", "return 7",
                                        "return {string = {'rep'}}", "return {base = {}, string = {'gsub'}}"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct tg_err err;
        struct tg_rules *rules;
        struct folder folder = make_folder();
        tap_case("%s", lists[i]);
        write_file(&folder, "core/allow.lua", lists[i]);
        is_int(load(&folder, &rules, &err), -1);
        tap_contains(__FILE__, __LINE__, err.text, "allow");
        remove_folder(&folder);
    }
}

TEST(the_shipped_list_allows_everything_there_is)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    is_int(luaL_dofile(L, "lua/core/allow.lua"), LUA_OK);
    tg_caps_push_allow_all(L);
    lua_setglobal(L, "all");
    lua_setglobal(L, "shipped");
    is_int(luaL_dostring(L, "local n = 0 for lib, names in pairs(all) do table.sort(names) table.sort(shipped[lib])\n"
                            "assert(table.concat(names, ' ') == table.concat(shipped[lib], ' '), lib) n = n + 1 end\n"
                            "for _ in pairs(shipped) do n = n - 1 end return n"),
           LUA_OK);
    is_int(lua_tointeger(L, -1), 0);
    lua_close(L);
}

TEST(pairs_goes_in_the_same_order_everywhere)
{
    is_str(answer("",
                  "local t = {} for k in pairs({z = 1, a = 1, [3] = 1, [-1] = 1, ab = 1, ['a\\0'] = 1, [10] = 1}) do\n"
                  "t[#t + 1] = type(k) == 'string' and #k .. k:sub(1, 1) or k end return t",
                  "{}"),
           "[-1,3,10,\"1a\",\"2a\",\"2a\",\"1z\"]");
    is_str(answer("",
                  "local n, t = 0, {a = 1, b = 2, c = 3} for k in pairs(t) do t.b = nil n = n + 1 end return {n = n}",
                  "{}"),
           "{\"n\":2}");
    is_str(answer("", "for k in pairs({}) do error('x') end return {}", "{}"), "[]");
}

TEST(next_goes_in_the_order_of_pairs)
{
    is_str(answer("",
                  "local t, s = {z = 1, a = 1, [3] = 1, [-1] = 1, ['a\\0'] = 1}, {} for k in next, t do\n"
                  "s[#s + 1] = type(k) == 'string' and #k .. k:sub(1, 1) or k end return s",
                  "{}"),
           "[-1,3,\"1a\",\"2a\",\"1z\"]");
    is_str(answer("", "return {next({}) == nil, (next({x = 1})), (next({1}, 0)), next({5}, 1) == nil}", "{}"),
           "[true,\"x\",1,true]");
    tap_contains(__FILE__, __LINE__, answer("", "next({[{}] = 1})", "{}"), "keys must be strings or whole numbers");
    tap_contains(__FILE__, __LINE__, answer("", "next({}, {})", "{}"), "keys must be strings or whole numbers");
    tap_contains(__FILE__, __LINE__, answer("", "local t = {} for i = 1, 10001 do t[i] = i end return next(t)", "{}"),
                 "at most 10000");
}

TEST(the_bounded_functions_work_as_lua_s_own_inside_their_bounds)
{
    static const struct {
        const char *expression, *value;
    } cases[] = {
        {"string.rep('ab', 3, '-')", "[\"ab-ab-ab\"]"},
        {"('x'):rep(0)", "[\"\"]"},
        {"('x'):rep(-5)", "[\"\"]"},
        {"string.find('hello', 'l')", "[3,3]"},
        {"('a.b'):find('.', 1, true)", "[2,2]"},
        {"('hello'):find('l', -2)", "[4,4]"},
        {"('hello'):find('h', 9) == nil", "[true]"},
        {"('hello'):find('')", "[1,0]"},
        {"('hello'):find('l', -99)", "[3,3]"},
        {"('hello'):find('l', 0)", "[3,3]"},
        {"('hello'):find('z') == nil", "[true]"},
        {"string.format('%s %d %5.2f%% %q', 'a', 7, 1.5, 'x') and 1", "bug: "},
        {"string.format('%s %d %5.1f%% %s', 'a', 7, 1.5, true)", "[\"a 7   1.5% true\"]"},
        {"string.format('%s', cap.decimal.new('1.50'))", "[\"1.5\"]"},
        {"tostring(cap.decimal.new('0.10'))", "[\"0.1\"]"},
        {"tostring(nil) .. tostring(7)", "[\"nil7\"]"},
        {"table.concat({1, 2, 3}, ',', 2, 3)", "[\"2,3\"]"},
        {"table.unpack({4, 5, 6}, 2)", "[5,6]"},
        {"#table.move({1, 2, 3}, 1, 3, 4)", "[6]"},
        {"(function() local t = {3, 1, 2} table.sort(t) return table.concat(t) end)()", "[\"123\"]"},
        {"(function() local t = {} table.insert(t, 99999999) table.insert(t, 1, 5) return table.remove(t), #t end)()",
         "[99999999,1]"},
        {"select('#', 1, 2)", "[2]"},
        {"pcall(error, 'x')", "[false,\"x\"]"},
        {"pcall(type, 1)", "[true,\"number\"]"},
        {"math.maxinteger", "[9223372036854775807]"},
        {"math.tointeger(3.0)", "[3]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        tap_case("%s", cases[i].expression);
        snprintf(body, sizeof(body), "return {%s}", cases[i].expression);
        const char *got = answer("'decimal'", body, "{}");
        ok(strncmp(got, cases[i].value, cases[i].value[0] == 'b' ? 5 : SIZE_MAX) == 0, "got %s", got);
    }
}

TEST(the_deck_of_the_snapshot_is_found_and_gone_afterwards)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[512];
    struct tg_deck *deck;
    struct tg_deck_builder *builder = tg_deck_builder_new();
    struct tg_deck_step step = {60, tg_decimal_from_int(2)};
    struct tg_deck_row row = {.prefix = "1",
                              .initial_s = 60,
                              .increment_s = 6,
                              .min_s = 5,
                              .from_us = INT64_MIN,
                              .to_us = 1000,
                              .n_steps = 1,
                              .steps = &step,
                              .connect_fee = tg_decimal_from_int(1)};
    row.per_minute = tg_decimal_from_int(3);
    is_int(tg_deck_builder_add(builder, &row, &err), 0);
    is_int(tg_deck_build(&builder, &deck, &err), 0);
    is_int(load_body("'deck'", "local row, to = cap.deck.find('1212', 0) return {row = row, to = to}", &rules, &err),
           0);
    is_int(call(rules, "{}", deck, out, sizeof(out), &err), 0);
    is_str(out,
           "{\"row\":{\"connect_fee\":\"1\",\"increment_s\":6,\"initial_s\":60,\"min_s\":5,\"number\":0,"
           "\"per_minute\":\"3\",\"prefix\":\"1\",\"steps\":[{\"after_s\":60,\"per_minute\":\"2\"}]},\"to\":1000}");
    is_int(call(rules, "{}", NULL, out, sizeof(out), &err), 0);
    is_str(out, "[]");
    tg_rules_free(&rules);
    tg_deck_unref(&deck);
}

TEST(windows_that_a_file_keeps_are_windows_too)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[64];
    is_int(load_text("local peak = {days = {3}, holidays = {'2026-12-25'}} local windows = {peak = peak}\n"
                     "return {hook = 'a.b', api = 1, needs = {'calendar'}, decide = function(input, cap)\n"
                     "  local w = cap.calendar.windows(windows, 'UTC')\n"
                     "  return {(cap.calendar.is_open(w, 'peak', 1784109600000000)),\n"
                     "          (cap.calendar.is_open(w, 'peak', 1784109600000000 + 86400000000))} end}",
                     &rules, &err),
           0);
    ok(call(rules, "{}", NULL, out, sizeof(out), &err) == 0, "%s", err.text);
    is_str(out, "[true,false]");
    tg_rules_free(&rules);
}

TEST(text_has_no_patterns_and_no_locale)
{
    is_str(answer("'text'",
                  "local t = cap.text return {t.without('+1 (212)', ' ()'), t.trim('  x y\\n'), t.lower('ÄBC'),\n"
                  "t.split('a,,b', ','), t.starts_with('+44', '+'), t.starts_with('', 'x'), t.is_digits('0123'),\n"
                  "t.is_digits(''), t.is_digits('1a'), t.without('ab', 'x')}",
                  "{}"),
           "[\"+1212\",\"x y\",\"Äbc\",[\"a\",\"\",\"b\"],true,false,true,false,false,\"ab\"]");
    tap_contains(__FILE__, __LINE__, answer("'text'", "return cap.text.split('a', '')", "{}"), "must not be empty");
}

TEST(log_lines_are_few_and_say_which_rule)
{
    int ends[2];
    char text[8192];
    is_int(pipe(ends), 0);
    tg_log_set_fd(ends[1]);
    is_str(answer("'log'",
                  "for i = 1, 100 do cap.log.warn('line ' .. i) end cap.log.info('x') cap.log.debug('y') return {}",
                  "{}"),
           "[]");
    tg_log_set_fd(2);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    close(ends[0]);
    int n = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        n++;
    is_int(n, TG_CAPS_LOGGED_MAX);
    tap_contains(__FILE__, __LINE__, text, "\"rule\":\"a.b\"");
    tap_contains(__FILE__, __LINE__, text, "line 10");
}

TEST(log_lines_of_a_call_can_be_collected)
{
    struct tg_err err;
    struct tg_rules *rules;
    struct tg_strbuf log;
    char out[64];
    tg_strbuf_init(&log, 1000);
    is_int(load_body("'log'",
                     "cap.log.warn('one\\ntwo') cap.log.info('x') cap.log.debug('y')\n"
                     "for i = 1, 20 do cap.log.info(i) end return {}",
                     &rules, &err),
           0);
    tg_rules_set_log(rules, &log);
    is_int(call(rules, "{}", NULL, out, sizeof(out), &err), 0);
    is_str(log.bytes, "warn one two\ninfo x\ndebug y\ninfo 1\ninfo 2\ninfo 3\ninfo 4\ninfo 5\ninfo 6\ninfo 7\n");
    tg_rules_set_log(rules, NULL);
    tg_rules_free(&rules);
    tg_strbuf_deinit(&log);
}

TAP_MAIN()

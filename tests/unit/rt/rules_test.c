/* rules_test - rules decide inside their limits, and what tries to leave them ends as an error. */
#include "../../../src/rt/rules.c"

#include "rt/rules_fixture.h"

/* --- loading ---------------------------------------------------------------------------------------------------------- */

TEST(a_rule_decides)
{
    is_str(answer("", "return {sum = input.a + input.b, list = {1, 2}, name = input.name}",
                  "{\"a\":1,\"b\":2,\"name\":\"x\"}"),
           "{\"list\":[1,2],\"name\":\"x\",\"sum\":3}");
}

TEST(a_file_may_hold_several_rules_and_needs_its_libs_by_name)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[256];
    struct folder folder = make_folder();
    write_file(&folder, "core/allow.lua", "return {base = {'type'}, string = {}}");
    write_file(&folder, "a/lib/twice.lua", "local m = {} function m.of(n) return 2 * n end return m");
    write_file(
        &folder, "a/rules.lua",
        "return {{hook='a.c', api=1, decide=function() return {} end},"
        " {hook='a.b', api=1, needs={'lib.twice'}, decide=function(i, cap) return {n = cap.lib.twice.of(i.n)} end}}");
    write_file(&folder, "a/service.lua", "this is no Lua and nobody reads it");
    write_file(&folder, "types/rules.lua", "nor is this");
    ok(load(&folder, &rules, &err) == 0, "%s", err.text);
    is_int(call(rules, "{\"n\":21}", NULL, out, sizeof(out), &err), 0);
    is_str(out, "{\"n\":42}");
    is_int(strlen(tg_rules_bundle(rules)), 64);
    char bundle[65];
    strcpy(bundle, tg_rules_bundle(rules));
    tg_rules_free(&rules);
    write_file(&folder, "a/service.lua", "still nobody reads it");
    is_int(load(&folder, &rules, &err), 0);
    is_str(tg_rules_bundle(rules), bundle);
    tg_rules_free(&rules);
    write_file(&folder, "a/lib/twice.lua", "local m = {} function m.of(n) return n + n end return m");
    is_int(load(&folder, &rules, &err), 0);
    is_true(strcmp(tg_rules_bundle(rules), bundle) != 0);
    tg_rules_free(&rules);
    remove_folder(&folder);
}

TEST(a_broken_file_is_refused_with_its_name_and_line)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"return {\n  hook = \n}", "a/rules.lua:3:"},
        {"\n\nerror('no')", "a/rules.lua:3: no"},
        {"return 1", "must return a rule"},
        {"return {{}}", "api must be 1"},
        {"return {7}", "entry 1 of the list is not a rule"},
        {"return {hook='a.b', api=2, decide=type}", "api must be 1"},
        {"return {hook='a.b', api=1}", "has no function decide"},
        {"return {hook='', api=1, decide=type}", "hook must be a name"},
        {"return {hook='a.b', api=1, needs={'network'}, decide=type}", "no capability 'network'"},
        {"return {hook='a.b', api=1, needs={'lib.x'}, decide=type}", "no file a/lib/x.lua"},
        {"return {hook='a.b', api=1, needs=7, decide=type}", "needs must be a list"},
        {"local r = {hook='a.b', api=1, decide=type} return {r, r}", "the hook a.b has a rule already, in a/rules.lua"},
        {"x = 1", "a/rules.lua:1: the environment of rules is read-only"},
        {"return os.time()", "a/rules.lua:1: the environment of rules has no 'os'"},
        {"\x1bLua", "a/rules.lua:1: compiled Lua is refused"},
        {"while true do end", "a/rules.lua:1: the rule ran longer than 2000 ms"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {.code = TG_ERR_NONE};
        struct tg_rules *rules = NULL;
        tap_case("%s", cases[i].text);
        is_int(load_text(cases[i].text, &rules, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        tap_contains(__FILE__, __LINE__, err.text, cases[i].why);
    }
}

TEST(a_lib_of_another_feature_is_needed_by_its_whole_name)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[256];
    struct folder folder = make_folder();
    write_file(&folder, "b/lib/twice.lua", "return {of = function(n) return 2 * n end}");
    write_file(&folder, "b/lib/one.lua", "return {of = function() return 1 end}");
    write_file(&folder, "a/lib/twice.lua", "return {of = function(n) return 20 * n end}");
    write_file(&folder, "a/rules.lua",
               "return {hook='a.b', api=1, needs={'lib.twice', 'lib.b.twice', 'lib.b.one'}, decide=function(i, cap)\n"
               " local lib = cap.lib return {lib.twice.of(i.n), lib.b.twice.of(i.n), lib.b.one.of()} end}");
    ok(load(&folder, &rules, &err) == 0, "%s", err.text);
    is_int(call(rules, "{\"n\":1}", NULL, out, sizeof(out), &err), 0);
    is_str(out, "[20,2,1]");
    tg_rules_free(&rules);
    write_file(&folder, "a/rules.lua", "return {hook='a.b', api=1, needs={'lib.c.twice'}, decide=type}");
    is_int(load(&folder, &rules, &err), -1);
    is_str(err.text, "a/rules.lua: it needs lib.c.twice, and there is no file c/lib/twice.lua");
    remove_folder(&folder);
}

TEST(golden_cases_are_kept_for_who_asks_for_them)
{
    static const struct tg_bundle_file file = {"a/rules.lua", NULL, 0};
    static const struct {
        const char *cases, *kept;
    } rules_of[] = {{"nil", NULL},
                    {"{{name = 'x', input = {n = 1, list = {1, 2}}, want = {y = true}}}",
                     "[{\"input\":{\"list\":[1,2],\"n\":1},\"name\":\"x\",\"want\":{\"y\":true}}]"},
                    {"7", "a/rules.lua: the cases of a.b must be a list"},
                    {"{x = 1}", "a/rules.lua: the cases of a.b must be a list"},
                    {"{{input = {x = 0.5}}}", "a/rules.lua: the cases of a.b: the result has a float"}};
    struct folder folder = make_folder();
    struct tg_luasource *host;
    struct tg_err err;
    is_int(tg_luasource_read(folder.path, &host, &err), 0);
    for (size_t i = 0; i < sizeof(rules_of) / sizeof(rules_of[0]); i++) {
        char text[512];
        struct tg_bundle_file a = file;
        struct tg_faults faults = {0};
        struct tg_bundle *bundle;
        struct tg_rules *rules;
        tap_case("%s", rules_of[i].cases);
        a.len = (size_t)snprintf(text, sizeof(text), "return {hook='a.b', api=1, decide=type, cases=%s}",
                                 rules_of[i].cases);
        a.text = text;
        is_int(tg_bundle_new(&a, 1, &faults, &bundle), 0);
        if (tg_rules_new(host, bundle, TG_RULES_KEEP_CASES, &rules, &err) != 0) {
            tap_contains(__FILE__, __LINE__, err.text, rules_of[i].kept);
        } else {
            is_int(tg_rules_n(rules), 1);
            const struct tg_rules_entry entry = tg_rules_at(rules, 0);
            char *kept = entry.cases == NULL ? NULL : json_dumps(entry.cases, JSON_COMPACT | JSON_SORT_KEYS);
            is_str(entry.hook, "a.b");
            is_str(entry.path, "a/rules.lua");
            ok(rules_of[i].kept == NULL ? kept == NULL : kept != NULL && strcmp(kept, rules_of[i].kept) == 0, "%s",
               kept == NULL ? "none" : kept);
            free(kept);
            tg_rules_free(&rules);
        }
        is_int(tg_rules_new(host, bundle, 0, &rules, &err), 0);
        ok(tg_rules_at(rules, 0).cases == NULL, "not kept");
        is_true(tg_rules_has(rules, "a.b"));
        is_false(tg_rules_has(rules, "a.c"));
        tg_rules_free(&rules);
        tg_bundle_unref(&bundle);
    }
    tg_luasource_unref(&host);
    remove_folder(&folder);
}

/* --- errors ----------------------------------------------------------------------------------------------------------- */

TEST(a_rule_that_fails_is_a_bug_with_file_and_line_and_the_next_call_is_fine)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[64];
    is_int(load_body("", "if input.bad then error('no price') end return {ok = true}", &rules, &err), 0);
    is_int(call(rules, "{\"bad\":true}", NULL, out, sizeof(out), &err), -1);
    is_int(err.code, TG_ERR_BUG);
    is_str(err.text, "a/rules.lua:2: no price");
    is_false(tg_rules_is_spoilt(rules));
    is_int(call(rules, "{}", NULL, out, sizeof(out), &err), 0);
    is_str(out, "{\"ok\":true}");
    tg_rules_free(&rules);
}

TEST(an_error_that_is_no_text_is_not_looked_into)
{
    is_str(answer("", "error({secret = 1})", "{}"), "bug: the error is not a text");
}

TEST(a_hook_without_a_rule_is_not_found)
{
    struct tg_err err;
    struct tg_rules *rules;
    json_t *result = NULL;
    is_int(load_text("return {}", &rules, &err), 0);
    is_int(tg_rules_call(rules, "a.b", NULL, push_json, NULL, read_json, &result, NULL, &err), -1);
    is_int(err.code, TG_ERR_NOT_FOUND);
    tg_rules_free(&rules);
}

TEST(no_float_leaves_a_rule)
{
    is_str(answer("", "return {price = 7 / 2}", "{}"), "bug: the result has a float, which is no data");
    is_str(answer("", "return {f = type}", "{}"), "bug: the result has a function, which is no data");
    is_str(answer("", "return {[1] = 1, x = 2}", "{}"), "bug: the result has a table with mixed keys");
    is_str(answer("", "return {x = {[7] = 2}}", "{}"), "bug: the result has a table with mixed keys");
    is_str(answer("", "local t = {} t.t = t return t", "{}"), "bug: the result is deeper than 16");
    tap_contains(__FILE__, __LINE__,
                 answer("", "local t = {} for i = 1, 9 do t = {t, t, t, t, t, t, t, t} end return t", "{}"),
                 "not enough memory"); /* eight tables that stand for a hundred million */
    is_str(answer("", "return {n = 0 / 0}", "{}"), "bug: the result has a float, which is no data");
    is_str(answer("", "return {n = 1 / 0}", "{}"), "bug: the result has a float, which is no data");
    is_str(answer("", "return {total = 1, ['\\xff'] = 2}", "{}"), "bug: the result has a key that is not UTF-8");
    is_str(answer("", "return {['a\\0b'] = 1, a = 2}", "{}"), "{\"a\":2,\"a\\u0000b\":1}");
}

TEST(values_go_in_and_come_out_as_they_are)
{
    is_str(answer("", "return input",
                  "{\"a\":[1,[],{}],\"b\":true,\"c\":false,\"d\":\"\\u0000é\",\"e\":9223372036854775807,\"f\":null}"),
           "{\"a\":[1,[],[]],\"b\":true,\"c\":false,\"d\":\"\\u0000é\",\"e\":9223372036854775807}");
    tap_contains(__FILE__, __LINE__, answer("", "return input", "{\"a\":1.5}"), "amounts are strings");
    is_str(answer("'decimal'", "return {a = cap.decimal.new('1.50') + cap.decimal.new(2)}", "{}"), "{\"a\":\"3.5\"}");
}

TEST(the_report_says_time_memory_and_rule)
{
    struct tg_err err;
    struct tg_rules *rules;
    struct tg_rules_report report;
    json_t *input = json_object(), *result = NULL;
    is_int(load_body("", "local t = {} for i = 1, 1000 do t[i] = i end return {}", &rules, &err), 0);
    is_int(tg_rules_call(rules, "a.b", NULL, push_json, input, read_json, &result, &report, &err), 0);
    is_str(report.rule, "a.b");
    ok(report.memory_peak >= 16000 && report.memory_peak < 200000, "%zu bytes", report.memory_peak);
    ok(report.usecs < 1000000, "%u us", report.usecs);
    json_decref(input);
    json_decref(result);
    tg_rules_free(&rules);
}

TEST(a_thousand_calls_leave_no_memory_behind)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[64];
    is_int(load_body("'decimal'", "local t = {} for i = 1, 100 do t[i] = cap.decimal.new(i) end return {n = #t}",
                     &rules, &err),
           0);
    lua_gc(rules->L, LUA_GCCOLLECT, 0);
    size_t before = rules->memory;
    for (int i = 0; i < 1000; i++)
        is_int(call(rules, "{}", NULL, out, sizeof(out), &err), 0);
    lua_gc(rules->L, LUA_GCCOLLECT, 0);
    ok(rules->memory <= before + 4096, "%zu then %zu", before, rules->memory);
    tg_rules_free(&rules);
}

/* --- what the host declares ------------------------------------------------------------------------------------------- */

#define HOOKS                                                                                                          \
    "return {['a.b'] = {on_failure = 'park', asked_by = 'x', money = 'total',\n"                                       \
    " input = {record = {n = 'integer', wrong = 'string?'}},\n"                                                        \
    " output = {record = {total = 'decimal', lines = {list = {record = {n = 'integer'}}, optional = true}}}},\n"       \
    "['a.later'] = {on_failure = 'deny', awaits = 'calls', input = 'any', output = 'integer'}}"

static int load_declared(const char *decide, struct tg_rules **rules_r, struct tg_err *err_r)
{
    char text[2048];
    struct folder folder = make_folder();
    snprintf(text, sizeof(text),
             "local LINES = {{n = 1}, {n = 2}}\n"
             "local function decide(input, cap) %s end\n"
             "return {{hook = 'a.b', api = 1, needs = {'decimal'}, decide = decide},\n"
             " {hook = 'a.later', api = 1, decide = function() return 7 end},\n"
             " {hook = 'a.unknown', api = 1, decide = function() return 0.5 end}}",
             decide);
    write_file(&folder, "core/hooks.lua", HOOKS);
    write_file(&folder, "a/rules.lua", text);
    int status = load(&folder, rules_r, err_r);
    remove_folder(&folder);
    return status;
}

static int call_hook(struct tg_rules *rules, const char *hook, const char *input, bool is_trial, json_t **result_r,
                     struct tg_rules_report *report_r, struct tg_err *err_r)
{
    json_t *json = json_loads(input, JSON_DECODE_ANY, NULL);
    const struct tg_rules_snapshot snap = {.is_trial = is_trial};
    *result_r = NULL;
    int status = tg_rules_call(rules, hook, &snap, push_json, json, read_json, result_r, report_r, err_r);
    json_decref(json);
    return status;
}

TEST(a_result_is_of_the_type_that_the_host_declares)
{
    static const struct {
        const char *decide, *why;
    } cases[] = {
        {"return {total = cap.decimal.new('1.5')}", ""},
        {"return {total = cap.decimal.new(1), lines = LINES}", ""},
        {"return {total = 1.5}", "a.b: result.total must be a decimal, it is a float"},
        {"return {total = '1.5'}", "a.b: result.total must be a decimal, it is a string"},
        {"return {}", "a.b: result.total is missing"},
        {"return {total = cap.decimal.new(1), totl = 1}", "a.b: result.totl is not declared"},
        {"return {total = cap.decimal.new(1), lines = {{n = 1}, {}}}", "a.b: result.lines[2].n is missing"},
        {"return", "a.b: result must be a table with names, it is absent"},
        {"local t = {n = {}} for i = 1, 9 do t = {n = {t, t, t, t, t, t, t, t}} end\n"
         "return {total = cap.decimal.new(1), lines = {{n = 1, more = t}}}",
         "a.b: result.lines[1].more is not declared"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err = {.text = ""};
        struct tg_rules *rules;
        json_t *result;
        tap_case("%s", cases[i].decide);
        if (!ok(load_declared(cases[i].decide, &rules, &err) == 0, "%s", err.text))
            continue;
        is_int(call_hook(rules, "a.b", "{}", false, &result, NULL, &err), cases[i].why[0] == '\0' ? 0 : -1);
        is_str(err.text, cases[i].why);
        if (err.text[0] != '\0')
            is_int(err.code, TG_ERR_BUG);
        if (result != NULL && strstr(cases[i].decide, "LINES") != NULL)
            is_int(json_array_size(json_object_get(result, "lines")), 2); /* frozen, and read all the same */
        is_false(tg_rules_is_spoilt(rules));
        is_str(tg_rules_money(rules, "a.b"), "total");
        is_str(tg_rules_money(rules, "a.later"), "");
        is_str(tg_rules_money(rules, "a.unknown"), "");
        is_int(tg_rules_hooks(rules)->n, 2);
        json_decref(result);
        tg_rules_free(&rules);
    }
}

TEST(a_trial_checks_its_input_and_reaches_what_nobody_asks_yet)
{
    struct tg_err err;
    struct tg_rules *rules;
    json_t *result;
    is_int(load_declared("return {total = cap.decimal.new(1)}", &rules, &err), 0);
    is_int(call_hook(rules, "a.b", "{}", true, &result, NULL, &err), -1);
    is_str(err.text, "a.b: input.n is missing");
    is_int(call_hook(rules, "a.b", "{\"n\":1,\"wrong\":7}", true, &result, NULL, &err), -1);
    is_str(err.text, "a.b: input.wrong must be a string, it is an integer");
    is_int(call_hook(rules, "a.b", "{\"wrong\":7}", false, &result, NULL, &err), 0); /* live: the server made it */
    json_decref(result);
    is_int(call_hook(rules, "a.later", "{}", false, &result, NULL, &err), -1);
    is_int(err.code, TG_ERR_NOT_FOUND);
    is_str(err.text, "no feature asks the hook a.later yet: it waits for calls");
    is_int(call_hook(rules, "a.later", "{}", true, &result, NULL, &err), 0);
    is_int(json_integer_value(result), 7);
    json_decref(result);
    tg_rules_free(&rules);
}

TEST(declarations_that_make_no_sense_refuse_the_host)
{
    struct tg_err err;
    struct tg_rules *rules;
    struct folder folder = make_folder();
    write_file(&folder, "core/hooks.lua", "return {['a.b'] = {on_failure = 'deny', asked_by = 'x', input = 'float'}}");
    is_int(load(&folder, &rules, &err), -1);
    is_str(err.text, "core/hooks.lua: a.b: there is no type 'float'");
    write_file(&folder, "core/hooks.lua", "return {\n\n}}");
    is_int(load(&folder, &rules, &err), -1);
    tap_contains(__FILE__, __LINE__, err.text, "core/hooks.lua:3:");
    remove_folder(&folder);
}

/* --- failures --------------------------------------------------------------------------------------------------------- */

TEST(a_failure_says_where_it_came_from)
{
    struct tg_err err;
    struct tg_rules *rules;
    struct tg_rules_report report;
    json_t *result;
    struct folder folder = make_folder();
    write_file(&folder, "a/lib/deep.lua", "local m = {}\nfunction m.fail(n)\n  return #n\nend\nreturn m");
    write_file(&folder, "a/rules.lua",
               "local function outer(cap, n)\n  local x = cap.lib.deep.fail(n)\n  return x\nend\n"
               "return {hook = 'a.b', api = 1, needs = {'lib.deep'}, decide = function(input, cap)\n"
               "  if input.loop then while true do end end\n"
               "  local r = outer(cap, input.n)\n  return {r} end}");
    is_int(load(&folder, &rules, &err), 0);
    is_int(call_hook(rules, "a.b", "{\"n\":7}", false, &result, &report, &err), -1);
    tap_contains(__FILE__, __LINE__, err.text, "a/lib/deep.lua:3: attempt to get length");
    is_str(report.trace, "a/lib/deep.lua:3 in fail\na/rules.lua:2 in outer\na/rules.lua:7");
    is_int(call_hook(rules, "a.b", "{\"n\":[1]}", false, &result, &report, &err), 0);
    is_str(report.trace, "");
    json_decref(result);
    is_int(call_hook(rules, "a.b", "{\"loop\":true}", false, &result, &report, &err), -1);
    is_str(report.trace, "a/rules.lua:6");
    is_int(call_hook(rules, "a.b", "{}", false, &result, &report, &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    is_str(report.trace, "");
    tg_rules_free(&rules);
    remove_folder(&folder);
}

TEST(the_trace_of_a_deep_failure_is_cut)
{
    struct tg_err err;
    struct tg_rules *rules;
    struct tg_rules_report report;
    json_t *result;
    is_int(load_body("", "local function f(n) if n == 0 then error('x') end local r = f(n - 1) return r end f(100)",
                     &rules, &err),
           0);
    is_int(call_hook(rules, "a.b", "{}", false, &result, &report, &err), -1);
    int n = 0;
    for (const char *at = report.trace; *at != '\0'; at++)
        n += *at == '\n';
    is_int(n, TRACE_LINES_MAX - 1);
    tg_rules_free(&rules);
}

TEST(nothing_survives_a_call_in_tables)
{
    static const char *const bodies[] = {
        "kept.n = kept.n + 1",
        "kept.list[#kept.list + 1] = 1",
        "cap.lib.x.t.n = 1",
        "cap.lib.x.f()",
        "cap.lib.x.n = 1",
        "cap.lib.y = 1",
        "helper()",
    };
    static const char *const files[] = {"return %s", "return {%s}"}; /* a rule, a list of them */
    struct folder folder = make_folder();
    write_file(&folder, "a/lib/x.lua", "local m = {t = {}} local hidden = {} function m.f() hidden.n = 1 end return m");
    for (size_t i = 0; i < 2 * sizeof(bodies) / sizeof(bodies[0]); i++) {
        char rule[512], text[1024], out[64];
        struct tg_err err;
        struct tg_rules *rules;
        tap_case("%s", bodies[i / 2]);
        snprintf(rule, sizeof(rule),
                 "{hook = 'a.b', api = 1, needs = {'lib.x'}, decide = function(input, cap) %s return {} end}",
                 bodies[i / 2]);
        size_t len = (size_t)snprintf(text, sizeof(text),
                                      "local kept = {n = 0, list = {}} local function helper() kept.n = 1 end\n");
        snprintf(text + len, sizeof(text) - len, files[i % 2], rule);
        write_file(&folder, "a/rules.lua", text);
        if (!ok(load(&folder, &rules, &err) == 0, "%s", err.text))
            continue;
        is_int(call(rules, "{}", NULL, out, sizeof(out), &err), -1);
        tap_contains(__FILE__, __LINE__, err.text, "is read-only");
        tg_rules_free(&rules);
    }
    remove_folder(&folder);
}

/* --- limits: each attack ends soon, as an error of the rule, and spoils the VM only when a limit was met ------------------ */

struct attack {
    const char *body, *why;
    bool spoils;
};

/* Many small tables take as long as a machine's allocator does: which limit they meet first is the machine's business. */
#define EITHER_LIMIT NULL

static const struct attack attacks[] = {
    {"while true do end", "ran longer than 20 ms", true},
    {"local function f() while true do end end while true do pcall(f) end", "ran longer", true},
    {"local function f() return f() end f()", "ran longer", true},
    {"local function f() return 1 + f() end f()", "not enough memory", true},
    {"local s = 'x' while true do s = s .. s end", "not enough memory", true},
    {"local t = {} while true do t[#t + 1] = {} end", EITHER_LIMIT, true},
    {"while true do pcall(function() local t = {} while true do t[#t + 1] = {{}} end end) end", EITHER_LIMIT, true},
    /* In one C function, where no hook looks: 10,000 equal texts of a megabyte, compared; as many characters each. */
    {"local t, s = {}, string.rep('x', 65536) s = s .. s .. s .. s for i = 1, 10000 do t[i] = s end table.sort(t)",
     "texts have at most 256 bytes", false},
    {"local s = string.rep('x', 65536) s = s .. s .. s .. s\n"
     "local n = #cap.text.without(s .. 'y', string.rep('z', 65536) .. 'y') error('left ' .. n)",
     "left 262144", false},
    {"local t = {} for i = 1, 10000 do t[i] = 'x' .. i % 7 end table.sort(t) error(t[1] .. t[10000])", "x0x6", false},
    {"return string.rep('x', 1 << 40)", "longer than 65536 bytes", false},
    {"return string.rep('', 1 << 40)", "longer than 65536 bytes", false},
    {"return ('x'):rep(1 << 40)", "longer than 65536 bytes", false},
    {"return table.move({}, 1, math.maxinteger - 1, 2, {})", "at most 10000 entries", false},
    {"return table.concat({}, 'x', 1, 1 << 40)", "at most 10000 entries", false},
    {"return table.unpack({}, 1, 1 << 30)", "at most 10000 entries", false},
    {"return string.find(('a'):rep(28), ('a?'):rep(28) .. ('a'):rep(28), 1, false)", "no patterns", false},
    {"return ('x'):gsub('x', 'y')", "string has no 'gsub'", false},
    {"return ('x'):match('x')", "string has no 'match'", false},
    {"return string.format('%p', {})", "conversion '%p' is not available", false},
    {"return string.format('%s', {})", "a table has no text", false},
    {"return tostring({})", "a table has no text", false},
    {"return tostring(type)", "a function has no text", false},
    {"return setmetatable({}, {})", "has no 'setmetatable'", false},
    {"return getmetatable('')", "has no 'getmetatable'", false},
    {"return rawset", "has no 'rawset'", false},
    {"return load('return 1')", "has no 'load'", false},
    {"return coroutine.wrap(type)", "has no 'coroutine'", false},
    {"return xpcall(type, type)", "has no 'xpcall'", false},
    {"return collectgarbage('stop')", "has no 'collectgarbage'", false},
    {"return debug.sethook()", "has no 'debug'", false},
    {"return require('os')", "has no 'require'", false},
    {"return math.random()", "math has no 'random'", false},
    {"string.upper = nil", "string is read-only", false},
    {"pairs = nil", "the environment of rules is read-only", false},
    {"_ENV.x = 1", "the environment of rules is read-only", false},
    {"cap.decimal.new = nil", "cap.decimal is read-only", false},
    {"cap.x = 1", "cap is read-only", false},
    {"return cap.network", "cap has no 'network'", false},
    {"return undefined_name", "has no 'undefined_name'", false},
    {"return '10' + 1", "arithmetic", false},
    {"return #cap.decimal.new(1)", "length", false},
    {"return cap.decimal.new(1) .. 'x'", "concatenate", false},
    {"for k in pairs({[{}] = 1}) do end", "keys must be strings or whole numbers", false},
    {"local x <close> = {}", "variable 'x' got a non-closable value", false},
    {"error(nil)", "the error is not a text", false},
};

TEST(attacks_end_as_errors_in_time)
{
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct tg_err err = {.code = TG_ERR_NONE};
        struct tg_rules *rules;
        char out[64];
        tap_case("%s", attacks[i].body);
        if (!ok(load_body("'decimal', 'text'", attacks[i].body, &rules, &err) == 0, "%s", err.text))
            continue;
        uint64_t began_us = tg_clock_thread_cpu_us();
        is_int(call(rules, "{}", NULL, out, sizeof(out), &err), -1);
        uint64_t took_us = tg_clock_thread_cpu_us() - began_us;
        if (attacks[i].why != EITHER_LIMIT)
            tap_contains(__FILE__, __LINE__, err.text, attacks[i].why);
        is_int(err.code, attacks[i].spoils ? TG_ERR_BUSY : TG_ERR_BUG);
        is_int(tg_rules_is_spoilt(rules), attacks[i].spoils);
        ok(took_us < 1000000, "%d ms", (int)(took_us / 1000));
        if (attacks[i].spoils)
            is_int(call(rules, "{}", NULL, out, sizeof(out), &err), -1);
        tg_rules_free(&rules);
    }
}

TEST(an_input_too_big_for_the_limit_is_an_error_and_not_the_end_of_the_process)
{
    struct tg_err err;
    struct tg_rules *rules;
    char out[64];
    char *input = tg_malloc(4 << 20);
    memset(input, 'x', 4 << 20);
    input[0] = input[(4 << 20) - 2] = '"';
    input[(4 << 20) - 1] = '\0';
    is_int(load_body("", "return {}", &rules, &err), 0);
    is_int(call(rules, input, NULL, out, sizeof(out), &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    is_true(tg_rules_is_spoilt(rules));
    tg_rules_free(&rules);
    free(input);
}

TEST(the_second_vm_of_a_bundle_fails_at_the_same_line_with_the_same_words)
{
    static const char text[] = "return { hook = 'a.b', api = 1, decide = function(input)\n"
                               "  local n = input.n\n"
                               "  return { n = n + nothing }\n"
                               "end }";
    const struct tg_bundle_file file = {"a/rules.lua", text, sizeof(text) - 1};
    struct tg_faults faults = {0};
    struct tg_bundle *bundle;
    struct tg_err err[2];
    char out[64];
    struct tg_luasource *host = tg_luasource_of(NULL, NULL, 0);
    is_int(tg_bundle_new(&file, 1, &faults, &bundle), 0);
    for (int i = 0; i < 2; i++) {
        struct tg_rules *rules;
        ok((tg_bundle_code(bundle, tg_bundle_file(bundle, 0)) != NULL) == (i == 1), "compiled by the first");
        is_int(tg_rules_new(host, bundle, 0, &rules, &err[i]), 0);
        is_int(call(rules, "{}", NULL, out, sizeof(out), &err[i]), -1);
        tg_rules_free(&rules);
    }
    tap_contains(__FILE__, __LINE__, err[0].text, "a/rules.lua:3:");
    is_str(err[1].text, err[0].text);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&host);
}

TAP_MAIN()

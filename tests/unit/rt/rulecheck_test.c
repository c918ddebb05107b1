/* rulecheck_test - what is wrong with a bundle is told whole, by place; in this process and from a child. */
#include "../../../src/rt/rulecases.c"
#include "../../../src/rt/rulecheck.c"
#include "../../../src/rt/rulecheck_child.c"

#include <libgen.h>
#include <unistd.h>

#include "tap.h"

#define HOOKS                                                                                                          \
    "return {['a.b'] = {summary='b?', input={record={n='integer'}}, output={record={n='integer', d='decimal?'}},"      \
    "  on_failure='deny', says='no', budget_us=1000, asked_by='x'},"                                                   \
    " ['a.c'] = {summary='c?', input='any', output='any', on_failure='deny', says='no', budget_us=1000, awaits='z'}}"

#define RULE(body, cases)                                                                                              \
    "return {{hook='a.b', api=1, needs={'decimal', 'deck'}, decide=function(i, cap)\n" body "\nend, cases={\n" cases   \
    "\n}}, {hook='a.c', api=1, decide=function() return {} end}}"

static struct tg_luasource *host(void)
{
    const char *const path = "core/hooks.lua", *const text = HOOKS;
    return tg_luasource_of(&path, &text, 1);
}

/* The faults of a/rules.lua with this text: "line what message" each. */
static const char *faults_of(const char *text)
{
    static char out[8000];
    size_t len = 0;
    struct tg_faults none = {0};
    struct tg_bundle *bundle = NULL;
    struct tg_rulecheck report;
    struct tg_luasource *src = host();
    const struct tg_bundle_file file = {"a/rules.lua", text, strlen(text)};
    out[0] = '\0';
    if (!ok(tg_bundle_new(&file, 1, &none, &bundle) == 0, "a bundle"))
        return out;
    const int rc = tg_rulecheck(src, bundle, &report);
    is_int(rc, report.faults.n == 0 ? 0 : -1);
    for (size_t i = 0; i < report.faults.n && len < sizeof(out); i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%d %s %s\n", report.faults.list[i].line,
                                report.faults.list[i].what, report.faults.list[i].message);
    tg_rulecheck_deinit(&report);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&src);
    return out;
}

TEST(a_bundle_that_is_right_has_no_fault)
{
    is_str(faults_of(RULE("return {n = i.n + 1, d = cap.decimal.new('1.50')}",
                          "{name='one', input={n=1}, want={n=2, d='1.5'}}, {name='two', input={n=2}, want={}}")),
           "");
}

TEST(golden_cases_are_told_by_name_line_and_place)
{
    const char *faults = faults_of(RULE("return {n = i.n}", "{name='one', input={n=1}, want={n=2}},\n"
                                                            "{name='two', input={n='x'}, want={}},\n"
                                                            "{name='three', input={n=3}, want={n=3, x=1}},\n"
                                                            "{name='four', input={n=4}, error='never'},\n"
                                                            "{name='five', input={n=4}},\n"
                                                            "{input={n=4}, deck={{prefix='x'}}, want={}}"));
    contains(faults, "4 case a.b, one: result.n is 1, not 2\n");
    contains(faults, "5 case a.b, two: a.b: input.n must be an integer, it is a string\n");
    contains(faults, "6 case a.b, three: result.x is nothing, not 1\n");
    contains(faults, "7 case a.b, four: it decided, instead of failing with 'never'\n");
    contains(faults, "8 case a.b, five: the case says neither want nor error\n");
    contains(faults, "0 case a.b, case 6: the case's deck[1].");
}

TEST(a_case_may_want_a_failure_and_carries_what_the_call_may_see)
{
    is_str(faults_of(RULE("if i.n == 0 then error('nothing to do') end\n"
                          "return {n = cap.deck.find('44', 0).initial_s}",
                          "{name='fails', input={n=0}, error='nothing to do'},\n"
                          "{name='deck', input={n=1}, deck={{prefix='4', per_minute='1', initial_s=7}}, want={n=7}}")),
           "");
}

TEST(bytes_that_are_no_text_are_told_as_text)
{
    contains(faults_of(RULE("error('bytes \\xff')", "{name='one', input={n=1}, want={}}")),
             "4 case a.b, one: a/rules.lua:2: bytes ?");
}

TEST(a_state_that_survives_a_call_is_found_by_another_order)
{
    const char *faults =
        faults_of("local seen = 0\n" RULE("seen = seen + i.n return {n = seen}", "{name='one', input={n=1}, want={}},"
                                                                                 "{name='two', input={n=2}, want={}}"));
    contains(faults, "3 purity assigns 'seen'");
    contains(faults, "state a.b, two: another answer in another order of the cases");
}

TEST(a_case_that_meets_a_limit_does_not_hide_the_others)
{
    const char *faults =
        faults_of(RULE("while i.n == 0 do end return {n = i.n}", "{name='ends', input={n=1}, want={n=1}},\n"
                                                                 "{name='loops', input={n=0}, want={n=0}},\n"
                                                                 "{name='wrong', input={n=2}, want={n=0}}"));
    contains(faults, "5 limit a.b, loops: ");
    contains(faults, "6 case a.b, wrong: result.n is 2, not 0");
    is_null(strstr(faults, "ends"));
}

TEST(every_hook_has_a_rule_and_every_rule_a_hook)
{
    is_str(faults_of("return {hook='a.b', api=1, decide=function(i) return i end}"),
           "0 hook no rule decides a.c: a bundle answers every hook\n");
    contains(
        faults_of(
            "local function d() return {} end return {{hook='a.b', api=1, decide=d}, {hook='a.c', api=1, decide=d},"
            "{hook='a.d', api=1, decide=d}}"),
        "0 hook nobody asks the hook a.d");
}

TEST(each_file_that_cannot_be_built_says_so)
{
    struct tg_faults none = {0};
    struct tg_bundle *bundle = NULL;
    struct tg_rulecheck report;
    struct tg_luasource *src = host();
    static const char *const texts[] = {"return {hook='a.b', api=2}",
                                        "return {hook='a.c', api=1, needs={'net'}, decide=1}", "return {\n",
                                        "local x = 1 x = x + "};
    const struct tg_bundle_file files[] = {{"a/rules.lua", texts[0], strlen(texts[0])},
                                           {"b/rules.lua", texts[1], strlen(texts[1])},
                                           {"c/rules.lua", texts[2], strlen(texts[2])},
                                           {"c/lib/d.lua", texts[3], strlen(texts[3])}};
    is_int(tg_bundle_new(files, 4, &none, &bundle), 0);
    is_int(tg_rulecheck(src, bundle, &report), -1);
    if (is_uint(report.faults.n, 2)) {
        is_str(report.faults.list[0].path, "c/lib/d.lua");
        is_str(report.faults.list[1].path, "c/rules.lua");
        is_int(report.faults.list[1].line, 2);
    }
    tg_rulecheck_deinit(&report);
    tg_bundle_unref(&bundle);
    is_int(tg_bundle_new(files, 2, &none, &bundle), 0);
    is_int(tg_rulecheck(src, bundle, &report), -1);
    if (is_uint(report.faults.n, 2)) {
        contains(report.faults.list[0].message, "api must be 1");
        is_str(report.faults.list[0].path, "a/rules.lua");
        contains(report.faults.list[1].message, "no capability 'net'");
        is_str(report.faults.list[1].path, "b/rules.lua");
    }
    tg_rulecheck_deinit(&report);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&src);
}

/* --- the child ------------------------------------------------------------------------------------------------------ */

/* The program beside the tests; false: it is not built. */
static bool find_program(char *path, size_t size)
{
    char self[400];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len < 0 ? 0 : len] = '\0';
    (void)snprintf(path, size, "%s/../tollgate", dirname(self));
    return access(path, X_OK) == 0;
}

static json_t *spawn(const char *program, const char *text, uint32_t timeout_ms, struct tg_err *err_r)
{
    json_t *report = NULL;
    struct tg_luasource *src = host();
    const struct tg_bundle_file files[] = {{"a/rules.lua", text, strlen(text)}, {"a/x.lua", "", 0}};
    if (tg_rulecheck_spawn(program, src, files, strchr(text, '@') == NULL ? 1 : 2, timeout_ms, &report, err_r) != 0)
        report = NULL;
    tg_luasource_unref(&src);
    return report;
}

static void is_json(json_t *report, const char *expected)
{
    char *text = json_dumps(report, JSON_COMPACT | JSON_ENCODE_ANY);
    is_str(text, expected);
    free(text);
    json_decref(report);
}

TEST(a_child_reports_the_same)
{
    char program[500];
    struct tg_err err;
    if (!find_program(program, sizeof(program)))
        TAP_SKIP("there is no ../tollgate");
    json_t *report = spawn(program, RULE("return {n = i.n}", "{name='one', input={n=1}, want={n=1}}"), 60000, &err);
    if (ok(report != NULL, "%s", err.text)) {
        json_object_del(report, "id");
        is_json(report, "{\"ok\":true,\"hooks\":[{\"hook\":\"a.b\",\"path\":\"a/rules.lua\",\"cases\":1},"
                        "{\"hook\":\"a.c\",\"path\":\"a/rules.lua\",\"cases\":0}],\"faults\":[],\"more\":0}");
    }
    report = spawn(program, "-- @\nreturn {", 60000, &err);
    if (ok(report != NULL, "%s", err.text))
        is_json(report,
                "{\"id\":null,\"ok\":false,\"hooks\":[],\"faults\":[{\"path\":\"a/x.lua\",\"line\":null,\"what\":"
                "\"path\",\"message\":\"a path is like pricing/rules.lua or pricing/lib/tiers.lua\"}],\"more\":0}");
}

TEST(a_child_that_does_not_end_or_is_none_is_an_error)
{
    char program[500];
    struct tg_err err = {.code = TG_ERR_NONE};
    if (!find_program(program, sizeof(program)))
        TAP_SKIP("there is no ../tollgate");
    is_null(spawn(program, "while true do end", 100, &err));
    is_int(err.code, TG_ERR_BUSY);
    is_null(spawn("/nowhere/tollgate", "", 1000, &err));
    is_int(err.code, TG_ERR_UPSTREAM);
    is_null(spawn("/bin/false", "", 1000, &err));
    is_int(err.code, TG_ERR_UPSTREAM);
    is_null(spawn("/bin/true", "", 1000, &err));
    is_int(err.code, TG_ERR_UPSTREAM);
    is_null(spawn(program, "return '\xff'", 1000, &err));
    is_int(err.code, TG_ERR_INPUT);
}

/* --- comparing ------------------------------------------------------------------------------------------------------ */

TEST(want_is_what_the_result_must_have)
{
    static const struct {
        const char *want, *got, *why;
    } cases[] = {
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", ""},
        {"{}", "{\"b\":2}", ""},
        {"[]", "{\"b\":2}", ""},
        {"{}", "7", "result is 7, not a table"},
        {"{\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,3]}}", "result.a.b[2] is 3, not 2"},
        {"{\"a\":[1]}", "{\"a\":[1,2]}", "result.a has 2 entries, not 1"},
        {"{\"a\":[1]}", "{\"a\":{\"x\":1}}", "result.a has 0 entries, not 1"},
        {"{\"a\":\"1\"}", "{\"a\":1}", "result.a is 1, not \"1\""},
        {"{\"a\":false}", "{}", "result.a is nothing, not false"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[200] = "";
        json_t *want = json_loads(cases[i].want, JSON_DECODE_ANY, NULL),
               *got = json_loads(cases[i].got, JSON_DECODE_ANY, NULL);
        tap_case("%s in %s", cases[i].want, cases[i].got);
        is_int(tg_rulecases_differ(want, got, why, sizeof(why)), cases[i].why[0] != '\0');
        is_str(why, cases[i].why);
        json_decref(want);
        json_decref(got);
    }
}

TAP_MAIN()

/* rating_case_test - files of rating cases run through the shipped rules, and a wrong expectation is caught. */
#include "../../../src/cli/rating_case.c"

#include "rt/vm.h"
#include "tap.h"

static struct tg_ruleset *rules;

static bool load_rules(void)
{
    struct tg_err err;
    struct tg_luasource *src;
    if (rules != NULL)
        return true;
    if (!ok(tg_luasource_read("lua", &src, &err) == 0 && tg_rating_load_rules(src, &rules, &err) == 0, "%s", err.text))
        return false;
    tg_luasource_unref(&src);
    return true;
}

/* Runs the cases of a file; returns how many were run, each of them a check. */
static size_t run_file(const char *path, const char *decks, const char *fx)
{
    const char *const folders[] = {decks, fx, NULL};
    struct tg_rating_runner runner = {rules, folders};
    json_t *file = json_load_file(path, 0, NULL), *cases = json_object_get(file, "cases");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        struct tg_err err;
        char place[256] = "";
        json_t *actual = NULL, *test = json_array_get(cases, i);
        tap_case("%s", json_string_value(json_object_get(test, "id")));
        int status = tg_rating_case_run(&runner, test, &actual, &err);
        if (status == 0)
            continue;
        n++;
        if (ok(status == 1, "%s", err.text))
            ok(tg_rating_case_matches(json_object_get(test, "expected"), actual, place, sizeof(place)), "differs at %s",
               place);
        json_decref(actual);
    }
    json_decref(file);
    return n;
}

TEST(our_own_cases_pass)
{
    if (load_rules())
        is_uint(run_file("tests/fixtures/rating/cases.json", "tests/fixtures/rating", "tests/fixtures/rating/fx"), 80);
}

TEST(the_cases_of_the_design_pass)
{
    char path[512], decks[512], fx[512];
    const char *shared = getenv("TOLLGATE_SHARED");
    snprintf(path, sizeof(path), "%s/data/rating-cases.json", shared ? shared : "../shared");
    snprintf(decks, sizeof(decks), "%s/data/decks", shared ? shared : "../shared");
    snprintf(fx, sizeof(fx), "%s/data/fx", shared ? shared : "../shared");
    FILE *file = fopen(path, "r");
    if (file == NULL)
        TAP_SKIP("the shared data is not there");
    fclose(file);
    if (load_rules())
        ok(run_file(path, decks, fx) >= 31, "cases were run");
}

static bool same(const char *expected, const char *actual, const char *where)
{
    char place[64];
    json_t *a = json_loads(expected, JSON_DECODE_ANY, NULL), *b = json_loads(actual, JSON_DECODE_ANY, NULL);
    bool result = tg_rating_case_matches(a, b, place, sizeof(place));
    is_str(place, where);
    json_decref(a);
    json_decref(b);
    return result;
}

TEST(what_is_expected_must_be_there_as_it_is_written)
{
    is_true(same("{\"a\":1}", "{\"a\":1,\"b\":2}", ""));
    is_false(same("{\"a\":1,\"b\":2}", "{\"a\":1}", "/b"));
    is_false(same("{\"total\":\"0.0120\"}", "{\"total\":\"0.012\"}", "/total"));
    is_true(same("{\"per_minute\":\"0.0120\"}", "{\"per_minute\":\"0.012\"}", ""));
    is_false(same("{\"per_minute\":\"0.0120\"}", "{\"per_minute\":\"0.0121\"}", "/per_minute"));
    is_false(same("{\"lines\":[{\"amount\":\"1\"}]}", "{\"lines\":[{\"amount\":\"2\"}]}", "/lines/0/amount"));
    is_false(same("{\"lines\":[1]}", "{\"lines\":[1,2]}", "/lines"));
    is_false(same("{\"lines\":[1,2]}", "{\"lines\":[1]}", "/lines/1"));
    is_true(same("{\"lines\":[]}", "{\"lines\":[]}", ""));
    is_true(same("{\"bundles\":{}}", "{\"bundles\":[]}", ""));
    is_false(same("{\"billed_s\":60}", "{\"billed_s\":\"60\"}", "/billed_s"));
}

TEST(a_case_that_cannot_be_read_says_which_field)
{
    static const struct {
        const char *test, *why;
    } cases[] = {
        {"{}", "op and input"},
        {"{\"op\":\"rate\",\"input\":{}}", "input.plan"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{\"deck\":[{\"prefix\":\"1\",\"per_minute\":0.1}]}}}", "per_minute"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{\"deck\":[{\"prefix\":\"x\"}]}}}", "prefix"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{\"deck\":[{\"prefix\":\"1\",\"from\":\"today\"}]}}}", "from"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{\"deck\":[{\"prefix\":\"1\",\"initial_s\":-1}]}}}", "initial_s"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{\"charge_decimals\":99}}}", "charge_decimals"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{},\"event\":{\"answered_at\":7}}}", "answered_at"},
        {"{\"op\":\"rate\",\"input\":{\"plan\":{},\"state\":{\"bundles\":[{\"expires\":\"x\"}]}}}", "expires"},
        {"{\"op\":\"import_deck\",\"input\":{}}", "input.file"},
        {"{\"op\":\"max_usage\",\"input\":{\"call\":{\"answered_at\":\"now\"}}}", "answered_at"},
        {"{\"op\":\"max_usage\",\"input\":{\"call\":{}}}", "input.plan"},
        {"{\"op\":\"components\",\"input\":{\"plan\":{\"charge_decimals\":-1}}}", "charge_decimals"},
        {"{\"op\":\"fx\",\"input\":{\"date\":\"2026-02-30\"}}", "date"},
        {"{\"op\":\"fx\",\"input\":{\"date\":\"2026-02-28\"}}", "eurofxref-hist.csv"},
        {"{\"op\":\"import_deck\",\"input\":{\"file\":\"not-there.csv\"}}", "not-there.csv"},
    };
    const char *const folders[] = {".", NULL};
    struct tg_rating_runner runner = {rules, folders};
    for (size_t i = 0; load_rules() && i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_err err;
        json_t *actual = NULL, *test = json_loads(cases[i].test, 0, NULL);
        runner.rules = rules;
        tap_case("%s", cases[i].test);
        is_int(tg_rating_case_run(&runner, test, &actual, &err), -1);
        tap_contains(__FILE__, __LINE__, err.text, cases[i].why);
        json_decref(test);
    }
}

TEST(an_operation_of_a_later_feature_is_not_run)
{
    struct tg_err err;
    json_t *actual = NULL, *test = json_loads("{\"op\":\"invoice\",\"input\":{}}", 0, NULL);
    struct tg_rating_runner runner = {NULL, NULL};
    is_int(tg_rating_case_run(&runner, test, &actual, &err), 0);
    json_decref(test);
    tg_ruleset_unref(&rules);
}

TAP_MAIN()

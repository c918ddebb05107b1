/* shadow_test - TG_TSAN: a candidate is compared with what decides, is bounded, and changes nothing. */
#include "../../../src/rt/shadow.c"

#include <fcntl.h>

#include "base/log.h"
#include "rt/bundle.h"
#include "rt/vm.h"
#include "tap.h"

#define COMPANY "co_01h455vb4pex5vsknk084sn02q"

static const char hooks[] =
    "return {"
    " ['a.price'] = { summary = 's', input = 'any', output = { record = { total = 'decimal?', n = 'integer?' } },"
    "   on_failure = 'park', says = 's', budget_us = 1000, money = 'total', asked_by = 'x' },"
    " ['a.allow'] = { summary = 's', input = 'any', output = 'any', on_failure = 'deny', says = 's', budget_us = 1000,"
    "   asked_by = 'x' },"
    "}";

/* Rules of the two hooks with these bodies. */
static struct tg_rules *make(const char *price, const char *allow)
{
    char text[4096];
    snprintf(text, sizeof(text),
             "return { {hook = 'a.price', api = 1, needs = {'decimal', 'log'}, decide = function(input, cap) %s end},"
             " {hook = 'a.allow', api = 1, decide = function(input) %s end} }",
             price, allow);
    struct tg_err err = {.text = ""};
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    struct tg_rules *rules = NULL;
    const struct tg_bundle_file file = {"a/rules.lua", text, strlen(text)};
    struct tg_luasource *host =
        tg_luasource_of((const char *const[]){"core/hooks.lua"}, (const char *const[]){hooks}, 1);
    ok(tg_bundle_new(&file, 1, &faults, &bundle) == 0, "a bundle");
    ok(tg_rules_new(host, bundle, 0, &rules, &err) == 0, "%s", err.text);
    tg_bundle_unref(&bundle);
    tg_luasource_unref(&host);
    return rules;
}

static void push_json(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static int read_json(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **json = arg;
    json_decref(*json);
    *json = tg_rules_read_json(L, index, err_r);
    return *json == NULL ? -1 : 0;
}

static int raise_at(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    (void)index, (void)arg, (void)err_r;
    return luaL_error(L, "not with me");
}

struct setup {
    struct tg_shadow *shadow;
    struct tg_shadowing shadowing;
    struct tg_shadow_pair pair;
    struct tg_rules_snapshot snap;
    char answer[256]; /* of the last call, or its error */
};

static struct setup begin(const char *price, const char *other_price, const char *allow, const char *other_allow)
{
    return (struct setup){.shadow = tg_shadow_new(),
                          .pair = {make(price, allow), make(other_price, other_allow), 3, 1000000},
                          .snap = {.company = COMPANY, .currency = "USD"}};
}

static void end(struct setup *s)
{
    tg_shadow_free(&s->shadow);
    tg_rules_free(&s->pair.live);
    tg_rules_free(&s->pair.candidate);
}

static int ask(struct setup *s, const char *hook, const char *input)
{
    struct tg_err err = {.text = ""};
    json_t *in = json_loads(input, 0, NULL), *out = NULL;
    s->shadowing.left_us = 50000; /* time is another test's */
    const int status =
        tg_shadow_call(s->shadow, &s->shadowing, &s->pair, hook, &s->snap, push_json, in, read_json, &out, NULL, &err);
    char *text = status == 0 ? json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : tg_strdup(err.text);
    snprintf(s->answer, sizeof(s->answer), "%s", text);
    free(text);
    json_decref(in);
    json_decref(out);
    return status;
}

static void text_of_report(const struct tg_shadow_report *r, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; r != NULL && i < r->n_totals; i++) {
        const struct tg_shadow_total *t = &r->totals[i];
        char live[TG_DECIMAL_TEXT_SIZE], candidate[TG_DECIMAL_TEXT_SIZE];
        tg_decimal_format(t->live, live);
        tg_decimal_format(t->candidate, candidate);
        len += (size_t)snprintf(out + len, size - len, "%s %s %s %d/%d/%d %s %s %s\n", t->hook,
                                t->company[0] == '\0' ? "-" : "co", t->currency, (int)t->same, (int)t->different,
                                (int)t->errors, live, candidate, t->deltas);
    }
}

static void is_report(struct setup *s, bool is_kept, size_t n_samples, const char *expected)
{
    char text[4096];
    struct tg_shadow_report *r = tg_shadow_report_new(s->shadow);
    text_of_report(r, text, sizeof(text));
    is_str(text, expected);
    is_int(r == NULL ? 0 : r->n_samples, n_samples);
    if (r != NULL)
        tg_shadow_report_free(s->shadow, &r, is_kept);
}

#define MINUTE "return {total = cap.decimal.new(input.price)}"

TEST(the_live_answer_stands_and_the_difference_in_money_is_counted)
{
    struct setup s =
        begin(MINUTE, "return {total = cap.decimal.mul(input.price, '1.1', 4, 'half_up')}", "return {}", "return {}");
    is_int(ask(&s, "a.price", "{\"price\":\"2\"}"), 0);
    is_str(s.answer, "{\"total\":\"2\"}");
    is_int(ask(&s, "a.price", "{\"price\":\"2.00\"}"), 0);
    is_int(ask(&s, "a.price", "{\"price\":\"-3\"}"), 0);
    is_int(ask(&s, "a.price", "{\"price\":\"0\"}"), 0);
    is_int(ask(&s, "a.allow", "{}"), 0);
    is_report(&s, true, 3, "a.price co USD 1/3/0 1 1.1 {\"-0.3\":1,\"0.2\":2}\na.allow -  1/0/0 0 0 {}\n");
    is_report(&s, true, 0, "");
    end(&s);
}

TEST(results_are_compared_by_value_and_not_by_spelling)
{
    struct setup s = begin("return {n = 1, total = cap.decimal.new('1.50')}",
                           "return {total = cap.decimal.new('1.5'), n = 1}", "return {a = {1, 2}, b = input.x}",
                           "if input.x == 7 then return {a = {2, 1}, b = 7} end return {b = input.x, a = {1, 2}}");
    is_int(ask(&s, "a.price", "{}"), 0);
    is_int(ask(&s, "a.allow", "{\"x\":\"y\"}"), 0);
    is_int(ask(&s, "a.allow", "{\"x\":7}"), 0);
    is_report(&s, true, 1, "a.price co USD 1/0/0 1.5 1.5 {}\na.allow -  1/1/0 0 0 {}\n");
    end(&s);
}

TEST(failures_are_told_apart_and_sampled)
{
    struct setup s = begin("if input.x ~= 'live' then return {n = 1} end error('here')",
                           "if input.x ~= 'both' and input.x ~= 'live' then error('caf\\xe9') end return {n = 1}",
                           "error('always')", "error('always, too')");
    is_int(ask(&s, "a.price", "{\"x\":\"both\"}"), 0);
    is_int(ask(&s, "a.price", "{\"x\":\"candidate\"}"), 0);
    is_int(ask(&s, "a.price", "{\"x\":\"live\"}"), -1);
    ok(strstr(s.answer, "here") != NULL, "%s", s.answer);
    is_int(ask(&s, "a.allow", "{}"), -1);
    struct tg_shadow_report *r = tg_shadow_report_new(s.shadow);
    char text[1024];
    text_of_report(r, text, sizeof(text));
    is_str(text, "a.price co USD 1/1/1 0 0 {}\na.allow -  1/0/0 0 0 {}\n");
    if (is_int(r->n_samples, 2)) {
        is_str(r->samples[0].input, "{\"x\":\"candidate\"}");
        is_str(r->samples[0].live, "{\"n\":1}");
        ok(r->samples[0].candidate == NULL && strcmp(r->samples[0].error, "a/rules.lua:1: caf") == 0, "%s",
           r->samples[0].error);
        is_str(r->samples[1].candidate, "{\"n\":1}");
        ok(strstr(r->samples[1].live, "{\"error\":\"a/rules.lua:1: here\"}") != NULL, "%s", r->samples[1].live);
        is_int(r->samples[1].number, 1);
        is_str(r->samples[1].company, COMPANY);
    }
    tg_shadow_report_free(s.shadow, &r, true);
    end(&s);
}

TEST(what_is_nobodys_call_is_not_looked_at)
{
    struct setup s = begin(MINUTE, "error('asked')", "return 1", "return 2");
    s.snap.company = NULL;
    is_int(ask(&s, "a.price", "{\"price\":\"2\"}"), 0);
    s.snap.company = COMPANY;
    s.snap.is_trial = true;
    is_int(ask(&s, "a.allow", "{}"), 0);
    s.snap.is_trial = false;
    s.pair.share_ppm = 0;
    is_int(ask(&s, "a.allow", "{}"), 0);
    s.pair.share_ppm = 1000000;
    is_int(ask(&s, "a.nothing", "{}"), -1);
    is_report(&s, true, 0, "");
    end(&s);
}

TEST(an_answer_that_its_reader_refuses_is_a_failure_and_leaks_nothing)
{
    struct setup s = begin(MINUTE, MINUTE, "return {1}", "return {1}");
    struct tg_err err = {.text = ""};
    json_t *in = json_pack("{}");
    is_int(tg_shadow_call(s.shadow, &s.shadowing, &s.pair, "a.allow", &s.snap, push_json, in, raise_at, NULL, NULL,
                          &err),
           -1);
    is_str(err.text, "not with me");
    json_decref(in);
    is_report(&s, true, 1, "a.allow -  0/1/0 0 0 {}\n");
    end(&s);
}

static int n_lines;

static void on_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    (void)level, (void)fields, (void)arg;
    n_lines += strcmp(name, "rules_message_logged") == 0;
}

TEST(the_candidate_is_not_heard)
{
    tg_log_set_fd(open("/dev/null", O_WRONLY));
    tg_log_set_listener(on_log, NULL);
    struct setup s = begin("cap.log.info('live') return {n = 1}", "cap.log.warn('candidate') return {n = 1}",
                           "return {}", "return {}");
    is_int(ask(&s, "a.price", "{}"), 0);
    is_int(n_lines, 1);
    tg_log_set_listener(NULL, NULL);
    end(&s);
}

TEST(a_candidate_that_meets_a_limit_is_not_asked_again)
{
    struct setup s = begin("return {n = 1}", "while true do end", "return {}", "return {}");
    is_int(ask(&s, "a.price", "{}"), 0);
    is_int(ask(&s, "a.price", "{}"), 0);
    is_int(ask(&s, "a.allow", "{}"), 0);
    is_report(&s, true, 1, "a.price co USD 0/0/1 0 0 {}\n");
    ok(!tg_rules_is_spoilt(s.pair.live), "the live rules are well");
    end(&s);
}

TEST(a_share_of_the_calls_is_looked_at)
{
    struct setup s = begin("return {n = 1}", "return {n = 1}", "return {}", "return {}");
    s.pair.share_ppm = 250000;
    for (int i = 0; i < 4000; i++)
        is_int(ask(&s, "a.allow", "{}"), 0);
    struct tg_shadow_report *r = tg_shadow_report_new(s.shadow);
    ok(r != NULL && r->totals[0].same > 850 && r->totals[0].same < 1150, "about a thousand");
    tg_shadow_report_free(s.shadow, &r, true);
    end(&s);
}

TEST(time_is_given_by_the_clock_and_saved_for_a_burst_only)
{
    struct tg_shadowing s = {0};
    ok(has_time(&s), "at first");
    is_int(s.left_us, BURST_US);
    s.left_us = -5000;
    ok(!has_time(&s), "it is in debt");
    s.left_us = 0;
    for (uint64_t until_us = tg_clock_mono_us() + 20000; tg_clock_mono_us() < until_us;)
        (void)has_time(&s); /* asked often, it gains all the same */
    (void)has_time(&s);
    ok(s.left_us >= 399 && s.left_us < 5000, "%d us of 20 ms", (int)s.left_us);
    s.filled_us -= 3600 * UINT64_C(1000000);
    ok(has_time(&s) && s.left_us == BURST_US, "an hour is worth a burst");
}

TEST(a_report_that_was_not_kept_comes_again_and_another_revision_begins_anew)
{
    struct setup s = begin("return {n = 1}", "return {n = 2}", "return {}", "return {}");
    is_int(ask(&s, "a.price", "{}"), 0);
    is_report(&s, false, 1, "a.price co USD 0/1/0 0 0 {}\n");
    is_report(&s, true, 1, "a.price co USD 0/1/0 0 0 {}\n");
    is_int(ask(&s, "a.price", "{}"), 0);
    struct tg_shadow_report *r = tg_shadow_report_new(s.shadow);
    s.pair.revision = 4;
    is_int(ask(&s, "a.price", "{}"), 0);
    tg_shadow_report_free(s.shadow, &r, true); /* of 3 */
    s.pair.revision = 3;
    is_int(ask(&s, "a.price", "{}"), 0); /* too late */
    is_report(&s, true, 1, "a.price co USD 0/1/0 0 0 {}\n");
    end(&s);
}

TEST(there_are_a_hundred_samples_and_no_more)
{
    struct setup s = begin("return {n = 1}", "return {n = 2}", "return {}", "return {}");
    for (int i = 0; i < 150; i++)
        is_int(ask(&s, "a.price", "{}"), 0);
    is_report(&s, true, 100, "a.price co USD 0/150/0 0 0 {}\n");
    end(&s);
}

static void *ask_many(void *arg)
{
    struct tg_shadow *shadow = arg;
    struct setup s =
        begin("return {total = cap.decimal.new(1)}", "return {total = cap.decimal.new(3)}", "return {}", "return {}");
    tg_shadow_free(&s.shadow);
    s.shadow = shadow;
    for (int i = 0; i < 500; i++)
        (void)ask(&s, "a.price", "{}");
    s.shadow = NULL;
    end(&s);
    return NULL;
}

TEST(threads_add_up_while_a_report_is_written)
{
    pthread_t threads[2];
    struct tg_shadow *shadow = tg_shadow_new();
    for (int i = 0; i < 2; i++)
        is_int(pthread_create(&threads[i], NULL, ask_many, shadow), 0);
    for (int i = 0; i < 50; i++) {
        struct tg_shadow_report *r = tg_shadow_report_new(shadow);
        if (r != NULL)
            tg_shadow_report_free(shadow, &r, false);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct setup s = {.shadow = shadow};
    is_report(&s, true, 100, "a.price co USD 0/1000/0 1000 3000 {\"2\":1000}\n");
    tg_shadow_free(&shadow);
}

TAP_MAIN()

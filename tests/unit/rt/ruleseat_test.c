/* ruleseat_test - rules change hands while threads ask them: never mixed, never missing, never more than a few. TG_TSAN */
#include "../../../src/rt/ruleseat.c"

#include <malloc.h>

#include "rt/ruleset_fixture.h"
#include "rt/vm_fixture.h"

#define ASKERS 3

static struct tg_rulebook *book;

/* What decides says `text`, and so does a library, which a mixture would show. */
static struct tg_rulestate state_of(const char *text, uint64_t revision)
{
    char rules[400], lib[100];
    struct tg_err err;
    snprintf(rules, sizeof(rules),
             "return {{hook='a.say', api=1, needs={'lib.word'}, decide=function(input, cap)\n"
             " return '%s' .. cap.lib.word.word end},\n"
             "{hook='a.loop', api=1, decide=function() while true do end end},\n"
             "{hook='a.fail', api=1, decide=function() error('no') end}}",
             text);
    snprintf(lib, sizeof(lib), "return {word = '%s'}", text);
    struct tg_rulestate state = {.host = fixture_source("a/rules.lua", rules, "a/lib/word.lua", lib, NULL),
                                 .revision = revision,
                                 .set_at_us = tg_clock_now_us()};
    if (tg_bundle_of_source(state.host, &state.bundle, &err) != 0)
        ok(false, "%s", err.text);
    return state;
}

static void drop(struct tg_rulestate *state)
{
    tg_bundle_unref(&state->bundle);
    tg_luasource_unref(&state->host);
}

static int set_rules(const char *text, uint64_t revision, struct tg_err *err_r)
{
    struct tg_rulestate state = state_of(text, revision);
    const int status = tg_rulebook_set(book, &state, err_r);
    drop(&state);
    return status;
}

static struct tg_rulecount count_of(const char *hook)
{
    struct tg_ruleseat_view view;
    tg_ruleseat_look(fixture.services.rules, &view);
    for (size_t i = 0; i < view.n_hooks; i++) {
        if (strcmp(view.hooks[i].hook, hook) == 0)
            return view.hooks[i];
    }
    return (struct tg_rulecount){0};
}

static void begin(void)
{
    struct tg_err err = {0};
    book = tg_rulebook_new();
    fixture.services.rules = tg_ruleseat_new(book, "loop-0", fixture.loop, NULL, NULL);
    ok(tg_ruleseat_current(fixture.services.rules) == NULL, "nothing decides before the first swap");
    ok(set_rules("one", 1, &err) == 0, "%s", err.text);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
}

static void end(void)
{
    tg_ruleseat_free(&fixture.services.rules);
    tg_loop_run_once(fixture.loop, 0);
    tg_rulebook_free(&book);
}

static void swap(const char *text, uint64_t revision)
{
    struct tg_err err = {0};
    ok(set_rules(text, revision, &err) == 0, "%s", err.text);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
}

TEST(a_set_that_somebody_refers_to_outlives_the_swap_and_counts_for_nobody)
{
    begin();
    struct tg_ruleset *mine = tg_ruleset_ref(tg_ruleseat_current(fixture.services.rules));
    is_str(hook_says(mine, "a.say"), "oneone");
    swap("two", 2);
    is_str(hook_says(mine, "a.say"), "oneone");
    is_str(hook_says(tg_ruleseat_current(fixture.services.rules), "a.say"), "twotwo");
    is_str(hook_says(tg_ruleseat_current(fixture.services.rules), "a.fail"), "bug: a/rules.lua:4: no");
    is_int(count_of("a.say").calls, 1); /* with revision 2 */
    is_int(count_of("a.say").total, 3);
    is_int(count_of("a.fail").failures, 1);
    tg_ruleset_unref(&mine);
    end();
}

TEST(rules_that_do_not_load_leave_every_seat_as_it_is)
{
    begin();
    struct tg_err err = {0};
    struct tg_rulestate broken = state_of("x'", 2);
    is_int(tg_rulebook_set(book, &broken, &err), -1);
    contains(err.text, "a/rules.lua:2:");
    drop(&broken);
    tg_loop_run_once(fixture.loop, 0);
    is_str(hook_says(tg_ruleseat_current(fixture.services.rules), "a.say"), "oneone");
    ok(tg_rulebook_is_applied(book, 0), "what was set last is what every seat has");
    end();
}

TEST(a_candidate_that_does_not_load_keeps_nobody_from_deciding)
{
    begin();
    struct tg_err err = {0};
    struct tg_rulestate state = state_of("two", 2), broken = state_of("x'", 2);
    state.candidate = broken.bundle;
    state.candidate_revision = 7;
    is_int(tg_rulebook_set(book, &state, &err), 0);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
    is_str(hook_says(tg_ruleseat_current(fixture.services.rules), "a.say"), "twotwo");
    struct tg_ruleseat_view view;
    tg_ruleseat_look(fixture.services.rules, &view);
    is_int(view.candidate_revision, 7);
    drop(&state);
    drop(&broken);
    end();
}

TEST(a_vm_that_met_a_limit_is_mended_in_place_or_on_a_worker)
{
    begin();
    struct tg_err err = {0};
    struct tg_ruleset *set = tg_ruleseat_current(fixture.services.rules);
    contains(hook_says(set, "a.loop"), "busy: ");
    ok(tg_ruleset_is_spoilt(set), "spoilt");
    is_int(count_of("a.loop").total_limits, 1);
    is_int(count_of("a.loop").failures, 1);
    is_str(hook_says(set, "a.say"), "busy: the rules are being loaded again");
    is_int(count_of("a.say").calls, 1); /* refused, and failed all the same */
    is_int(count_of("a.say").failures, 1);
    ok(tg_ruleset_mend(set, &err) == 0, "%s", err.text);
    is_str(hook_says(set, "a.say"), "oneone");
    contains(hook_says(set, "a.loop"), "busy: ");
    struct tg_work *work = tg_work_new(1, 10);
    tg_ruleset_mend_on_worker(set, work, fixture.loop);
    tg_ruleset_mend_on_worker(set, work, fixture.loop); /* once is enough */
    is_str(hook_says(set, "a.say"), "busy: the rules are being loaded again");
    while (tg_ruleset_is_spoilt(set))
        tg_loop_run_once(fixture.loop, 10);
    is_str(hook_says(set, "a.say"), "oneone");
    tg_work_free(&work);
    end();
}

TEST(many_swaps_leave_no_memory_behind)
{
    begin();
    swap("two", 2);
    const size_t before = mallinfo2().uordblks;
    for (uint64_t i = 0; i < (getenv("TOLLGATE_TEST_FULL") != NULL && *getenv("TOLLGATE_TEST_FULL") ? 1000 : 100); i++)
        swap(i % 2 == 0 ? "one" : "two", i + 3);
    const size_t after = mallinfo2().uordblks;
    ok(after < before + (64u << 10), "%zu bytes before, %zu after", before, after);
    end();
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

struct asker {
    pthread_t thread;
    char name[16];
    bool has_loop; /* else it takes what it was offered between two calls, like the engine */
    atomic_bool *is_over;
    atomic_int offers;
    uint64_t n_calls, n_mixed, n_failed;
    uint64_t last_revision;
    bool went_back;
};

static void on_offered(void *arg)
{
    atomic_fetch_add(&((struct asker *)arg)->offers, 1);
}

static void ask_once(struct asker *a, struct tg_ruleseat *seat)
{
    struct tg_ruleset *set = tg_ruleseat_current(seat);
    if (set == NULL)
        return;
    const char *text = hook_says(set, "a.say");
    const size_t half = strlen(text) / 2;
    a->n_calls++;
    a->n_failed += strchr(text, ':') != NULL;
    a->n_mixed += memcmp(text, text + half, half) != 0;
    a->went_back |= tg_ruleset_state(set)->revision < a->last_revision;
    a->last_revision = tg_ruleset_state(set)->revision;
}

static void *asker_main(void *arg)
{
    struct asker *a = arg;
    struct tg_loop *loop = a->has_loop ? tg_loop_new() : NULL;
    struct tg_ruleseat *seat = tg_ruleseat_new(book, a->name, loop, on_offered, a);
    while (!atomic_load(a->is_over)) {
        if (loop != NULL)
            tg_loop_run_once(loop, 0);
        else if (atomic_exchange(&a->offers, 0) > 0)
            (void)tg_ruleseat_take(seat);
        ask_once(a, seat);
    }
    tg_ruleseat_free(&seat);
    if (loop != NULL) {
        tg_loop_run_once(loop, 0);
        tg_loop_free(&loop);
    }
    return NULL;
}

static void sum_totals(const struct tg_ruleseat_view *view, void *arg)
{
    for (size_t i = 0; i < view->n_hooks; i++)
        *(uint64_t *)arg += view->hooks[i].total;
}

TEST(threads_ask_while_rules_are_swapped_and_seats_come_and_go)
{
    static atomic_bool is_over;
    struct asker askers[ASKERS] = {{.name = "loop-1", .has_loop = true},
                                   {.name = "loop-2", .has_loop = true},
                                   {.name = "plain"}};
    struct tg_err err = {0};
    uint64_t seen = 0;
    book = tg_rulebook_new();
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i].is_over = &is_over;
        pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]);
    }
    for (uint64_t i = 1; i <= 100; i++) {
        char text[16];
        snprintf(text, sizeof(text), "r%llu", (unsigned long long)i);
        if (set_rules(text, i, &err) != 0)
            ok(false, "%s", err.text);
        seen = 0;
        tg_rulebook_each(book, sum_totals, &seen);
    }
    ok(tg_rulebook_is_applied(book, 5000), "every seat has the last");
    ok(seen > 0, "what they did was seen meanwhile");
    atomic_store(&is_over, true);
    (void)set_rules("late", 101, &err); /* while seats leave */
    for (size_t i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        tap_case("%s", askers[i].name);
        ok(askers[i].n_calls > 0, "it asked %llu times", (unsigned long long)askers[i].n_calls);
        is_int(askers[i].n_mixed, 0);
        is_int(askers[i].n_failed, 0);
        ok(!askers[i].went_back, "never an older one after a newer");
        ok(askers[i].last_revision >= 100, "the last decides");
    }
    tg_rulebook_free(&book);
}

TAP_MAIN()

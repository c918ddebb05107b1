/* api_rulecheck_test - TG_TSAN - tg.rules.check and tg.rules.dry_run from a coroutine: answers and refusals. */
#include "../../../src/rt/api_rulecheck.c"

#include <libgen.h>
#include <pthread.h>

#include "rt/rulebook.h"
#include "rt/vm_fixture.h"

#define HOOKS                                                                                                          \
    "return {['a.b'] = {summary='b?', input={record={n='integer'}}, output={record={n='integer', d='decimal?'}},"      \
    "  on_failure='deny', says='no', budget_us=1000, awaits='x'}}"
#define RULES                                                                                                          \
    "return {hook='a.b', api=1, needs={'deck','log','flags'}, decide=function(i, cap)\n"                               \
    " if i.n == 0 then error('no') end while i.n == 7 do end\n"                                                        \
    " cap.log.warn('asked') local row = cap.deck.find('44', 0)\n"                                                      \
    " return {n = i.n + (row and row.initial_s or 0) + (cap.flags.is_on('twice') and i.n or 0)} end}"

static struct tg_vm *vm;
static struct tg_work *work;
static struct tg_rulebook *book;

static void set_up(void)
{
    struct tg_err err;
    if (vm != NULL)
        return;
    struct tg_luasource *src = fixture_source("core/hooks.lua", HOOKS, "a/rules.lua", RULES, NULL);
    struct tg_rulestate state = {.host = src, .revision = 1};
    work = fixture.services.work = tg_work_new(1, 10);
    book = tg_rulebook_new();
    fixture.services.rules = tg_ruleseat_new(book, "loop-0", fixture.loop, NULL, NULL);
    if (tg_bundle_of_source(src, &state.bundle, &err) != 0 || tg_rulebook_set(book, &state, &err) != 0)
        ok(false, "%s", err.text);
    while (!tg_rulebook_is_applied(book, 0))
        tg_loop_run_once(fixture.loop, 10);
    tg_bundle_unref(&state.bundle);
    vm = fixture_vm_of(src, NULL, NULL);
}

static const char *gives(const char *code)
{
    static struct outcome o;
    char text[3000];
    set_up();
    snprintf(text, sizeof(text),
             "local function show(r, e) if r == nil then return e.code, e.detail end\n"
             " r.usecs, r.memory, r.bundle = nil, nil, nil return tg.json.encode(r) end\n%s",
             code);
    run_lua(vm, text, &o);
    return o.text;
}

TEST(a_dry_run_of_what_decides)
{
    is_str(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 2}})"),
           "{\"log\":[\"warn asked\"],\"output\":{\"n\":2}}");
    is_str(gives("local r = tg.rules.dry_run{hook = 'a.b', input = {n = 2}}\n"
                 "return #r.bundle, r.usecs >= 0, r.memory > 0, math.type(r.usecs)"),
           "64 true true integer");
}

TEST(it_sees_a_deck_and_flags)
{
    is_str(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 2}, flags = {twice = true},\n"
                 " deck = {{prefix = '4', per_minute = tg.decimal.new('0.1'), initial_s = 30}}})"),
           "{\"log\":[\"warn asked\"],\"output\":{\"n\":34}}");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 2}, deck = {{prefix = 'x'}}})"),
             "input deck[1].");
}

TEST(a_failure_is_an_answer_with_its_trace)
{
    const char *failed = gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 0}})");
    contains(failed, "\"error\":{\"limit\":false,\"message\":\"a/rules.lua:2: no\"");
    contains(failed, "\"trace\":\"a/rules.lua:2");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 7}})"), "{\"limit\":true,\"message\":");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 'x'}})"),
             "input.n must be an integer, it is a string");
}

TEST(it_runs_files_that_were_never_published)
{
    is_str(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 2}, bundle = {{path = 'a/rules.lua',\n"
                 " source = [[return {hook='a.b', api=1, decide=function(i) return {n = 40 + i.n} end}]]}}})"),
           "{\"log\":[],\"output\":{\"n\":42}}");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.c', input = {}, bundle = {{path = 'a/rules.lua',\n"
                   " source = [[return {hook='a.b', api=1, decide=function(i) return {n = 40 + i.n} end}]]}}})"),
             "not_found no rule for the hook a.c");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {}, bundle = {{path = 'a/rules.lua',\n"
                   " source = 'return {'}}})"),
             "input a/rules.lua:1: ");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {}, bundle = {{path = 'a/rules.lua',\n"
                   " source = 'return function(t) return t' .. ('.a'):rep(1000) .. ' end'}}})"),
             "input a/rules.lua:1: more than 32 steps");
}

TEST(bytes_that_are_no_text_are_told_as_text)
{
    is_str(gives("local r = tg.rules.dry_run{hook = 'a.b', input = {n = 2}, bundle = {{path = 'a/rules.lua', source =\n"
                 " [[return {hook='a.b', api=1, needs={'log'}, decide=function(i, cap)\n"
                 "  cap.log.warn('a\\0b\\xff') error('no \\xff \\0') end}]]}}} return r.error.message, r.log[1]"),
           "a/rules.lua:2: no ?  warn a b?");
}

TEST(wrong_arguments_raise)
{
    contains(gives("return pcall(tg.rules.dry_run, {input = {}})"), "hook: a name expected");
    contains(gives("return pcall(tg.rules.dry_run, {hook = 'a.b'})"), "input expected");
    contains(gives("return pcall(tg.rules.dry_run, {hook = 'a.b', input = {}, bundle = {{}}})"),
             "a file without a path");
    contains(gives("return pcall(tg.rules.check, {{path = 'x', source = 7}})"), "a file without a source");
    contains(gives("return show(tg.rules.dry_run{hook = 'a.b', input = {n = 0.5}})"),
             "a float (use an integer or a decimal) at /n");
    contains(gives("return pcall(table.sort, {1, 2}, function() tg.rules.check({}) end)"), "false");
}

/* The child is this very program, which is no tollgate: what it answers is an error, and not a crash. */
TEST(a_check_that_cannot_be_made_is_an_error)
{
    contains(gives("return show(tg.rules.check({{path = 'a/rules.lua', source = 'return {}'}}))"),
             "upstream checking the rules ended with 1");
}

static void wait_for_gate(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
}

static void on_gate_passed(void *arg)
{
    (void)arg;
}

/* The worker is held, so that the run is under way for sure when its coroutine ends. */
TEST(what_was_started_may_outlive_its_coroutine)
{
    struct outcome o;
    struct tg_err err;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    set_up();
    pthread_mutex_lock(&gate);
    is_int(tg_work_submit(work, fixture.loop, wait_for_gate, on_gate_passed, &gate, &err), 0);
    start(vm, "return tg.rules.dry_run{hook = 'a.b', input = {n = 2}}", &o);
    tg_loop_run_once(fixture.loop, 0);
    bool closed = false;
    fixture.expect_errors = true;
    tg_vm_retire(&vm, 0, on_closed, &closed);
    turn_until(&closed);
    turn_until(&o.ended);
    contains(o.text, "generation closed");
    pthread_mutex_unlock(&gate);
    tg_work_free(&work);
    tg_ruleseat_free(&fixture.services.rules);
    tg_loop_run_once(fixture.loop, 0);
    tg_rulebook_free(&book);
}

TAP_MAIN()

/* jobs_test - the runner and lua/jobs together, on a real MariaDB: each job once, leases, retries, schedules. */
#include "../../../src/rt/jobs.c"

#include "io/services.h"
#include "io/sqlconn.h"
#include "rt/vm_fixture.h"
#include "rt/vm_private.h"

static struct tg_dbpool *pool;
static struct tg_vm *vm;

/* The application: handlers that write down that they ran. */
static const char test_jobs[] =
    "local sql = tg.db.declare {\n"
    "  note = {unscoped = 'test', sql = 'INSERT INTO ran (what, n, company) VALUES ({what}, {n}, {company})'},\n"
    "  ran = {unscoped = 'test', sql = 'SELECT COUNT(*) AS n, COUNT(DISTINCT n) AS different FROM ran WHERE what = "
    "{what}'},\n"
    "  job = {unscoped = 'test', sql = 'SELECT state, attempts, last_error, unique_key, run_at FROM jobs WHERE id = "
    "{id:id}'},\n"
    "  states = {unscoped = 'test', sql = 'SELECT COUNT(*) AS n FROM jobs WHERE state = {state} AND handler = "
    "{handler}'},\n"
    "  rush = {unscoped = 'test', sql = 'UPDATE jobs SET run_at = {at:time} WHERE id = {id:id}'},\n"
    "  cron = {unscoped = 'test', sql = 'SELECT next_run_at AS next, last_run_at AS last FROM cron WHERE name = "
    "{name}'},\n"
    "  rush_cron = {unscoped = 'test', sql = 'UPDATE cron SET next_run_at = {at:time} WHERE name = {name}'},\n"
    "}\n"
    "local service = require('jobs.service')\n"
    "local t = {sql = sql, service = service}\n"
    "service.every({name = 'test.every', handler = 'test.jobs:slot', every_s = 3600})\n"
    "function t.note(args, job) assert(tg.db.execute(sql.note, {what = 'note', n = args.n, company = "
    "tg.context().company}))"
    " tg.time.sleep(5) end\n"
    "function t.slot(args) return tg.db.execute(sql.note, {what = 'slot', n = args.slot}) end\n"
    "function t.fail() return nil, {code = 'upstream', detail = 'away'} end\n"
    "function t.never() return nil, {code = 'input', detail = 'will not get better', retry = false} end\n"
    "function t.raise() error('broken') end\n"
    "function t.overtaken(args, job) if job.attempts == 1 then tg.time.sleep(400) else return nil, {detail = 'second'} "
    "end end\n"
    "function t.slow(args) assert(tg.db.execute(sql.note, {what = 'slow', n = args.n})) tg.time.sleep(400) end\n"
    "function t.ran(what) return tg.db.one(sql.ran, {what = what}) end\n"
    "function t.job(id) return tg.db.one(sql.job, {id = id}) end\n"
    "return t\n";
#define T "local t = require('test.jobs') local s, sql = t.service, t.sql "

static char *text_of(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = tg_calloc(1, 65536);
    if (f == NULL || fread(text, 1, 65535, f) == 0)
        abort();
    fclose(f);
    return text;
}

static struct tg_vm *make_vm(void)
{
    static const char *const names[] = {"timing", "schema", "store", "service", "jobs"};
    char *texts[5], path[64];
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "lua/jobs/%s.lua", names[i]);
        texts[i] = text_of(path);
    }
    struct tg_luasource *src =
        fixture_source("app.lua", "return require('jobs.service')", "test/jobs.lua", test_jobs, "jobs/timing.lua",
                       texts[0], "jobs/schema.lua", texts[1], "jobs/store.lua", texts[2], "jobs/service.lua", texts[3],
                       "jobs/jobs.lua", texts[4], NULL);
    for (int i = 0; i < 5; i++)
        free(texts[i]);
    return fixture_vm_of(src, "app", NULL);
}

static void set_up(void)
{
    if (pool != NULL)
        return;
    struct tg_err err;
    struct tg_dburl url = services_dburl();
    const struct tg_dbpool_settings set = {.connections_max = 8, .queue_len_max = 100, .connect_timeout_ms = 5000};
    struct tg_sqlconn *conn = tg_sqlconn_new(&url);
    char *script = text_of("migrations/0006_jobs.sql");
    is_int(tg_sqlconn_script(conn, script, strlen(script), &err), 0);
    is_int(tg_sqlconn_query(conn, "CREATE TABLE ran (what VARCHAR(20), n BIGINT, company VARCHAR(50))", NULL, 0, NULL,
                            &err),
           0);
    free(script);
    tg_sqlconn_free(&conn);
    pool = fixture.services.db = tg_dbpool_new(fixture.loop, &url, &set);
    tg_dburl_deinit(&url);
    tg_loop_run_once(fixture.loop, 0); /* its clock has not seen how long the servers took to start */
    vm = make_vm();
}

static void gives(const char *code, const char *expected)
{
    struct outcome o;
    set_up();
    run_lua(vm, code, &o);
    tap_case("%.150s", code);
    contains(o.text, expected);
    tap_case("%s", "");
}

/* Runs the code until it gives the text, at most ten seconds. */
static void gives_soon(const char *code, const char *expected)
{
    struct outcome o;
    uint64_t start_us = tg_clock_mono_us();
    do
        run_lua(vm, code, &o);
    while (strcmp(o.text, expected) != 0 && tg_clock_mono_us() - start_us < 10000000);
    tap_case("%.150s", code);
    is_str(o.text, expected);
    tap_case("%s", "");
}

static void close_runner(struct tg_jobs **jobs)
{
    bool closed = false;
    tg_jobs_close(jobs, on_closed, &closed);
    turn_until(&closed);
    ok(closed, "closed");
}

TEST(two_runners_run_each_job_once)
{
    set_up();
    struct tg_jobs *a = tg_jobs_new(fixture.loop, 4, 20), *b = tg_jobs_new(fixture.loop, 4, 20);
    gives(T "for n = 1, 200 do assert(s.enqueue(nil, {handler = 'test.jobs:note', arguments = {n = n}})) end return "
            "'queued'",
          "queued");
    tg_jobs_set_vm(a, vm);
    tg_jobs_set_vm(b, vm);
    gives_soon(T "tg.time.sleep(20) return tg.db.one(sql.states, {state = 'done', handler = 'test.jobs:note'}).n",
               "200");
    gives(T "local r = t.ran('note') return r.n, r.different", "200 200");
    close_runner(&a);
    close_runner(&b);
}

TEST(a_job_works_for_its_company)
{
    gives(T "local co = tg.id.new('co')\n"
            "assert(s.enqueue(nil, {handler = 'test.jobs:note', arguments = {n = 1000}, company = co}))\n"
            "return s.run_once()",
          "true");
    gives("return pcall(tg.assume, 'co_x')", "false");
    gives("local co = tg.id.new('co') tg.assume(co) return tg.context().company == co, pcall(tg.assume, co)",
          "true false");
}

TEST(a_job_of_a_transaction_that_rolls_back_never_was)
{
    gives(T "local id tg.db.transaction(function(tx) id = s.enqueue(tx, {handler = 'test.jobs:note'}) return nil, "
            "{code = 'denied'} end)\n"
            "return id ~= nil, t.job(id)",
          "true nil");
    gives(T "local id = tg.db.transaction(function(tx) return s.enqueue(tx, {handler = 'test.jobs:note', run_at = "
            "tg.time.now() + 3600000000}) end)\n"
            "return t.job(id).state, s.run_once()",
          "ready false");
}

TEST(a_unique_key_admits_one_live_job)
{
    gives(T "local job = {handler = 'test.jobs:note', unique_key = 'k', arguments = {n = 2000}}\n"
            "local first, second = s.enqueue(nil, job), s.enqueue(nil, job)\n"
            "local in_tx = tg.db.transaction(function(tx) return {s.enqueue(tx, job)} end)[1]\n"
            "s.run_once()\n"
            "return first ~= false, second, in_tx, t.job(first).state, s.enqueue(nil, job) ~= false, s.run_once()",
          "true false false done true true");
}

TEST(a_failure_is_retried_later_and_given_up_in_the_end)
{
    gives(T "local id = s.enqueue(nil, {handler = 'test.jobs:fail', attempts_max = 2, unique_key = 'f'})\n"
            "local before = tg.time.now()\n"
            "s.run_once()\n"
            "local job = t.job(id)\n"
            "local wait_s = (job.run_at - before) // 1000000\n"
            "assert(job.state == 'ready' and job.attempts == 1 and job.last_error == 'away' and wait_s >= 2 and wait_s "
            "<= 6)\n"
            "assert(s.run_once() == false)\n"
            "tg.db.execute(sql.rush, {id = id, at = before})\n"
            "s.run_once()\n"
            "job = t.job(id)\n"
            "return job.state, job.attempts, job.unique_key, job.last_error",
          "dead 2 nil away");
    gives(T "local id = s.enqueue(nil, {handler = 'test.jobs:never'}) s.run_once() local j = t.job(id) return j.state, "
            "j.last_error",
          "dead will not get better");
    gives(T "local id = s.enqueue(nil, {handler = 'test.jobs:raise'}) s.run_once() local j = t.job(id) return j.state, "
            "j.last_error",
          "ready lua/test/jobs.lua:17: broken");
    gives(T "local id = s.enqueue(nil, {handler = 'gone.jobs:x'}) s.run_once() local j = t.job(id) return j.state, "
            "j.last_error",
          "ready there is no handler gone.jobs:x");
}

TEST(a_worker_that_dies_leaves_its_job_to_the_next_when_the_lease_is_over)
{
    struct outcome o;
    bool closed = false;
    gives(T "return s.enqueue(nil, {handler = 'test.jobs:slow', arguments = {n = 1}}) ~= nil", "true");
    fixture.expect_errors = true;
    start(vm, T "return s.run_once()", &o);
    for (uint64_t end_us = tg_clock_mono_us() + 150000; tg_clock_mono_us() < end_us;)
        tg_loop_run_once(fixture.loop, 10);
    tg_vm_retire(&vm, 1, on_closed, &closed); /* the worker's end, in the middle of the handler */
    turn_until(&closed);
    fixture.expect_errors = false;
    vm = make_vm();
    gives(T "return t.ran('slow').n, s.run_once()", "1 false");
    tg_clock_set_us(tg_clock_now_us() + 31000000);
    gives(T "while s.run_once() do end return t.ran('slow').n", "2");
    tg_clock_unset();
}

TEST(the_answer_of_a_worker_whose_lease_is_over_is_refused)
{
    struct outcome late;
    gives(T "tg.cache.put('t', 'id', assert(s.enqueue(nil, {handler = 'test.jobs:overtaken'})), 60000) return 'queued'",
          "queued");
    start(vm, T "return s.run_once(), 'late'", &late);
    for (uint64_t end_us = tg_clock_mono_us() + 150000; tg_clock_mono_us() < end_us;)
        tg_loop_run_once(fixture.loop, 10);
    tg_clock_set_us(tg_clock_now_us() + 31000000);
    gives(T "while s.run_once() do end return 'taken over'", "taken over");
    turn_until(&late.ended);
    is_str(late.text, "true late");
    gives(T "local j = t.job(tg.cache.get('t', 'id')) return j.state, j.attempts, j.last_error", "ready 2 second");
    tg_clock_unset();
}

TEST(a_schedule_gives_one_job_a_slot_whoever_asks)
{
    struct outcome a, b;
    gives(T "tg.db.execute(sql.rush_cron, {name = 'jobs.purge', at = tg.time.now() + 3600000000})\n"
            "return s.run_schedules() ~= nil",
          "true");
    gives(T "local at = tg.time.now() - 7200000000 - 5000000\n"
            "tg.db.execute(sql.rush_cron, {name = 'test.every', at = at}) return 'due'",
          "due");
    start(vm, T "return s.run_schedules()", &a);
    start(vm, T "return s.run_schedules()", &b);
    turn_until(&a.ended);
    turn_until(&b.ended);
    ok(atoi(a.text) + atoi(b.text) == 1, "one of them: '%s' and '%s'", a.text, b.text);
    gives(T "local before = t.ran('slot').n while s.run_once() do end\n"
            "local c = tg.db.one(sql.cron, {name = 'test.every'})\n"
            "return t.ran('slot').n - before, (c.next - c.last) // 1000000, c.next > tg.time.now(), s.run_schedules()",
          "1 10800 true 0");
}

TEST(a_database_that_is_away_makes_the_pauses_longer_not_the_runner_fail)
{
    struct tg_jobs *jobs = tg_jobs_new(fixture.loop, 1, 10);
    struct tg_vm *other = make_vm();
    const struct tg_services without = {.loop = fixture.loop};
    other->services = without;
    tg_jobs_set_vm(jobs, other);
    for (uint64_t end_us = tg_clock_mono_us() + 200000; tg_clock_mono_us() < end_us;)
        tg_loop_run_once(fixture.loop, 5);
    ok(jobs->pause_ms >= 40, "the pause is %u ms", jobs->pause_ms);
    close_runner(&jobs);
    tg_vm_free(&other);
}

TEST(a_closed_runner_waits_for_what_runs)
{
    bool closed = false;
    struct tg_jobs *jobs = tg_jobs_new(fixture.loop, 1, 10);
    gives(T "return s.enqueue(nil, {handler = 'test.jobs:slow', arguments = {n = 9}}) ~= nil", "true");
    tg_jobs_set_vm(jobs, vm);
    for (uint64_t end_us = tg_clock_mono_us() + 150000; tg_clock_mono_us() < end_us;)
        tg_loop_run_once(fixture.loop, 5);
    tg_jobs_close(&jobs, on_closed, &closed);
    tg_loop_run_once(fixture.loop, 1);
    ok(!closed, "its handler still runs");
    turn_until(&closed);
    gives(T "return tg.db.one(sql.states, {state = 'running', handler = 'test.jobs:slow'}).n", "0");
}

TEST(the_pool_closes_behind_them)
{
    bool closed = false;
    tg_vm_free(&vm);
    tg_dbpool_close(&pool, on_closed, &closed);
    turn_until(&closed);
    ok(closed, "closed");
}

TAP_MAIN()

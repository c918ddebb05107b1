/* api_test - the parts of tg.* that need no other server, as Lua sees them. */
#include "../../../src/rt/api_password.c"

#include <stdatomic.h>

#include "rt/metrics.h"
#include "rt/vm_fixture.h"

struct expectation {
    const char *code, *expected;
};

static void check(const struct expectation *cases, size_t n)
{
    struct outcome o;
    struct tg_vm *vm = fixture_vm_of(fixture_source("app.lua",
                                                    "tg.metrics.counter('t_topups', 'Top-ups.', {'currency'})\n"
                                                    "tg.metrics.gauge('t_open', 'Open.')\n"
                                                    "tg.metrics.histogram('t_took', 'Took.')\n"
                                                    "return 1",
                                                    NULL),
                                     "app", NULL);
    for (size_t i = 0; i < n; i++) {
        tap_case("%.150s", cases[i].code);
        run_lua(vm, cases[i].code, &o);
        contains(o.text, cases[i].expected);
    }
    fixture_free(&vm);
}
#define CHECK(cases) check((cases), sizeof(cases) / sizeof(*(cases)))

TEST(ids_are_made_read_and_told_apart)
{
    static const struct expectation cases[] = {
        {"local id = tg.id.new('co') return #id, id:sub(1, 3), tg.id.is(id, 'co'), tg.id.is(id, 'wal')",
         "29 co_ true false"},
        {"local id = tg.id.new('co') return tg.id.format(tg.id.parse(id, 'co'), 'co') == id", "true"},
        {"return tg.id.is(nil, 'co'), tg.id.is({}, 'co'), tg.id.is('co_', 'co')", "false false false"},
        {"local v, err = tg.id.parse('co_x', 'co') return v, err.code", "nil input"},
        {"local v, err = tg.id.parse(nil, 'co') return v, err.code, err.detail", "nil input an id is a string, co_"},
        {"return pcall(tg.id.new, 'CO')", "a prefix is 1 to 16 lower-case letters"},
        {"return pcall(tg.id.format, 'short', 'co')", "16 bytes expected"},
    };
    CHECK(cases);
}

TEST(money_knows_the_currencies_and_their_minor_units)
{
    static const struct expectation cases[] = {
        {"local c = tg.money.currency('JPY') return c.code, c.places, c.numeric, c.name", "JPY 0 392 Yen"},
        {"return tg.money.currency('usd'), tg.money.currency('XXX'), tg.money.currency(7)", "nil nil nil"},
        {"return tg.money.to_minor(tg.decimal.new('12.345'), 'USD', 'half_up')", "1235"},
        {"return tg.money.to_minor('12.345', 'KWD', 'half_up')", "12345"},
        {"return tg.money.from_minor(1235, 'USD'), tg.money.from_minor(-5, 'KWD')", "12.35 -0.005"},
        {"local v, err = tg.money.to_minor('99999999999999999999999999', 'USD', 'up') return v, err.code", "nil input"},
        {"return pcall(tg.money.to_minor, 1, 'ABC', 'up')", "'ABC' is no currency"},
        {"return pcall(tg.money.to_minor, 1, 'USD', 'nearest')", "the rounding must be"},
        {"return #tg.money.currencies() > 100, tg.json.is_array(tg.money.currencies())", "true true"},
    };
    CHECK(cases);
}

TEST(the_calendar_of_rules_is_the_application_s_too)
{
    static const struct expectation cases[] = {
        {"return tg.calendar.date(tg.time.parse('2026-11-01T03:59:59Z'), 'America/New_York')", "2026-10-31"},
        {"return tg.time.format(tg.calendar.start_of_day('2026-11-01', 'America/New_York'))", "2026-11-01T04:00:00Z"},
        {"return tg.time.format(tg.calendar.start_of_day('2026-12-01', 'America/New_York'))", "2026-12-01T05:00:00Z"},
    };
    CHECK(cases);
}

TEST(digests_and_encodings_give_the_published_values)
{
    static const struct expectation cases[] = {
        {"return tg.crypto.hex(tg.crypto.sha256('abc'))",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"return tg.crypto.hex(tg.crypto.hmac_sha256('Jefe', 'what do ya want for nothing?'))",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"return tg.crypto.base64url(''), tg.crypto.base64url('f'), tg.crypto.base64url('fo'), "
         "tg.crypto.base64url('foo'), "
         "tg.crypto.base64url('foob')",
         " Zg Zm8 Zm9v Zm9vYg"},
        {"return tg.crypto.base64url('\\xfb\\xff'), tg.crypto.unbase64url('-_8') == '\\xfb\\xff'", "-_8 true"},
        {"return tg.crypto.unbase64url('Zg=='), tg.crypto.unbase64url('Z'), tg.crypto.unbase64url('Zh'), "
         "tg.crypto.unbase64url('a+/b')",
         "nil nil nil nil"},
        {"for n = 0, 40 do local s = string.rep('\\x9c', n) assert(tg.crypto.unbase64url(tg.crypto.base64url(s)) == s) "
         "end "
         "return 'all'",
         "all"},
        {"return tg.crypto.equal('a', 'a'), tg.crypto.equal('a', 'b'), tg.crypto.equal('a', 'ab')", "true false false"},
        {"return #tg.crypto.random(32), tg.crypto.random(32) == tg.crypto.random(32)", "32 false"},
        {"return pcall(tg.crypto.random, 0)", "1 to 4096 bytes"},
    };
    CHECK(cases);
}

TEST(what_is_sealed_opens_with_the_same_key_and_purpose_only)
{
#define SEAL "local k = string.rep('k', 32) local s = tg.crypto.seal(k, 'secret', 'purpose') "
    static const struct expectation cases[] = {
        {SEAL "return #s, tg.crypto.open(k, s, 'purpose')", "34 secret"},
        {SEAL "return tg.crypto.seal(k, 'secret', 'purpose') == s", "false"},
        {SEAL "local v, err = tg.crypto.open(k, s, 'other') return v, err.code", "nil input"},
        {SEAL "local v, err = tg.crypto.open(string.rep('x', 32), s, 'purpose') return v, err.code", "nil input"},
        {SEAL "for i = 1, #s do local c = s:sub(1, i - 1) .. string.char(s:byte(i) ~ 1) .. s:sub(i + 1) "
              "assert(tg.crypto.open(k, c, 'purpose') == nil) end return 'none'",
         "none"},
        {SEAL "return (tg.crypto.open(k, s:sub(1, 27), 'purpose'))", "nil"},
        {SEAL "return tg.crypto.open(k, tg.crypto.seal(k, ''))", ""},
        {"return pcall(tg.crypto.seal, 'short', 'x')", "a key of 32 bytes expected"},
    };
    CHECK(cases);
}

TEST(passwords_are_hashed_on_a_worker_and_verified)
{
    static const struct expectation cases[] = {
        {"local h = tg.crypto.argon2id('pass word') return h:match('^%$argon2id%$v=19%$m=19456,t=2,p=1%$') ~= nil, "
         "tg.crypto.argon2id_verify('pass word', h), tg.crypto.argon2id_verify('pass worD', h)",
         "true true false"},
        {"return tg.crypto.argon2id_verify('x', 'no hash'), tg.crypto.argon2id_verify('x', string.rep('a', 300))",
         "false false"},
        {"local v, err = tg.crypto.argon2id(string.rep('x', 2000)) return v, err.code", "nil input"},
    };
    struct tg_work *work = fixture.services.work = tg_work_new(2, 10);
    CHECK(cases);
    fixture.services.work = NULL;
    tg_work_free(&work);
    static const struct expectation without[] = {
        {"local v, err = tg.crypto.argon2id('x') return v, err.code, err.detail",
         "nil upstream a worker thread is not configured"}};
    CHECK(without);
}

static void block(void *arg)
{
    while (!*(atomic_bool *)arg)
        usleep(1000);
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST(a_full_worker_queue_is_busy)
{
    static const struct expectation cases[] = {
        {"local v, err = tg.crypto.argon2id('x') return v, err.code", "nil busy"}};
    atomic_bool go = false;
    struct tg_err err;
    struct tg_work *work = fixture.services.work = tg_work_new(1, 1);
    int n_taken = 0;
    for (int i = 0; i < 3; i++) {
        n_taken += tg_work_submit(work, fixture.loop, block, nothing, &go, &err) == 0;
        usleep(20000);
    }
    ok(n_taken < 3, "the queue is full");
    CHECK(cases);
    go = true;
    fixture.services.work = NULL;
    tg_work_free(&work);
    for (int i = 0; i < 5; i++)
        tg_loop_run_once(fixture.loop, 5);
}

TEST(time_is_an_integer_and_its_text_RFC_3339)
{
    static const struct expectation cases[] = {
        {"return tg.time.format(0), tg.time.format(1784109600123456)",
         "1970-01-01T00:00:00Z 2026-07-15T10:00:00.123456Z"},
        {"return tg.time.parse('2026-07-15T12:00:00+02:00')", "1784109600000000"},
        {"local v, err = tg.time.parse('yesterday') return v, err.code", "nil input"},
        {"return pcall(tg.time.format, math.maxinteger)", "an instant of the years 1 to 9999"},
        {"local a = tg.time.monotonic() tg.time.sleep(20) return tg.time.monotonic() - a >= 19000, "
         "math.type(tg.time.now())",
         "true integer"},
        {"local a = tg.time.monotonic() tg.within(20, tg.time.sleep, 5000) return tg.time.monotonic() - a < 2000000",
         "true"},
        {"return pcall(tg.within, 20, function() while true do tg.time.sleep(5) end end)", "the deadline has passed"},
        {"return pcall(tg.time.sleep, -1)", "0 to 60000 milliseconds"},
    };
    CHECK(cases);
}

static char log_line[4000];

static void read_log(int fd)
{
    ssize_t n = read(fd, log_line, sizeof(log_line) - 1);
    log_line[n < 0 ? 0 : n] = '\0';
}

TEST(log_lines_carry_their_fields_sorted_and_the_request)
{
    int fds[2];
    struct outcome o;
    struct tg_vm *vm = fixture_vm(NULL);
    struct tg_co_context ctx = {.request_id = "req-7"};
    ok(pipe(fds) == 0, "a pipe");
    tg_log_set_fd(fds[1]);
    start_with(vm, &ctx,
               "tg.log.info('wallet_topup_finished', {b = 'x\"', a = tg.decimal.new('1.50'), n = 7, f = 1.5, t = {}, "
               "yes = true})",
               &o);
    turn_until(&o.ended);
    tg_log_set_fd(2);
    read_log(fds[0]);
    contains(log_line,
             "\"level\":\"info\",\"name\":\"wallet_topup_finished\",\"a\":\"1.5\",\"b\":\"x\\\"\",\"f\":\"1.5\","
             "\"n\":7,\"t\":\"table\",\"yes\":true,\"request_id\":\"req-7\"}");
    close(fds[0]);
    close(fds[1]);
    fixture_free(&vm);
}

TEST(metrics_are_registered_at_load_and_counted_by_name)
{
    static const struct expectation cases[] = {
        {"tg.metrics.inc('t_topups', {'USD'}) tg.metrics.inc('t_topups', {currency = 'USD'}, 2) return 'ok'", "ok"},
        {"tg.metrics.set('t_open', nil, 4) tg.metrics.observe('t_took', nil, 0.02) return 'ok'", "ok"},
        {"return pcall(tg.metrics.inc, 't_topups', {'USD'}, -1)", "a counter counts up"},
        {"return pcall(tg.metrics.inc, 't_topups', {})", "a value for each label is needed"},
        {"return pcall(tg.metrics.inc, 't_none')", "was not registered"},
        {"return pcall(tg.metrics.set, 't_took', nil, 1)", "is no gauge"},
        {"return pcall(tg.metrics.observe, 't_open', nil, 1)", "is no histogram"},
        {"return pcall(tg.metrics.counter, 't_late', 'x')", "metrics are registered while modules load"},
    };
    struct tg_strbuf out;
    CHECK(cases);
    tg_strbuf_init(&out, 1 << 20);
    tg_metrics_render(&out);
    contains(out.bytes, "t_topups_total{currency=\"USD\"} 3\n");
    contains(out.bytes, "t_open 4\n");
    contains(out.bytes, "t_took_count 1\n");
    tg_strbuf_deinit(&out);
}

TEST(the_cache_keeps_texts_by_namespace_for_a_while)
{
    static const struct expectation cases[] = {
        {"tg.cache.put('a', 'k', 'v', 1000) return tg.cache.get('a', 'k'), tg.cache.get('b', 'k'), "
         "tg.cache.stats().hits",
         "v nil 1"},
        {"tg.cache.drop('a', 'k') return tg.cache.get('a', 'k')", "nil"},
        {"tg.cache.put('a', 'k', 'v', 1) tg.time.sleep(5) return tg.cache.get('a', 'k')", "nil"},
        {"return pcall(tg.cache.put, 'a', 'k', 'v', 0)", "1 ms to one day"},
    };
    CHECK(cases);
}

TEST(what_is_not_configured_says_so)
{
    static const struct expectation cases[] = {
        {"local v, err = tg.db.transaction(error) return v, err.code, err.detail",
         "nil upstream a database is not configured"},
    };
    CHECK(cases);
}

TAP_MAIN()

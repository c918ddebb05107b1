/* api_net_test - tg.redis and tg.http as Lua sees them: a real Redis, also killed, and a small HTTP server. */
#include "../../../src/rt/api_http.c"

#include "io/httpserver.h"
#include "io/services.h"
#include "rt/vm_fixture.h"

static struct tg_vm *vm;
static struct tg_redis *redis;
static struct tg_dbpool *pool;
static struct tg_httpc *http;
static struct tg_work *work;
static struct httpserver server;
static char address[64];

static void set_up(void)
{
    if (vm != NULL)
        return;
    struct tg_err err;
    struct tg_dburl url = services_dburl();
    const struct tg_dbpool_settings db = {.connections_max = 2, .queue_len_max = 10, .connect_timeout_ms = 5000};
    const struct tg_httpc_settings settings = {.allow_private_addresses = true, .response_bytes_max = 1 << 20};
    ok(httpserver_start(&server, NULL), "a server");
    snprintf(address, sizeof(address), "http://127.0.0.1:%d", server.port);
    work = fixture.services.work = tg_work_new(1, 10);
    pool = fixture.services.db = tg_dbpool_new(fixture.loop, &url, &db);
    tg_dburl_deinit(&url);
    redis = fixture.services.redis = tg_redis_new(fixture.loop, services.redis_url, 100, &err);
    http = fixture.services.http = tg_httpc_new(fixture.loop, work, &settings);
    tg_loop_run_once(fixture.loop, 0); /* its clock has not seen how long the servers took to start */
    while (!tg_redis_is_connected(redis))
        tg_loop_run_once(fixture.loop, 10);
    vm = fixture_vm(NULL);
}

/* Runs the code, in which URL is the server's address. */
static void gives_with(const struct tg_co_context *ctx, const char *code, const char *expected)
{
    struct outcome o;
    char text[2000];
    set_up();
    snprintf(text, sizeof(text), "local URL = '%s' %s", address, code);
    start_with(vm, ctx, text, &o);
    turn_until(&o.ended);
    tap_case("%.150s", code);
    contains(o.text, expected);
    tap_case("%s", "");
}

static void gives(const char *code, const char *expected)
{
    const struct tg_co_context ctx = {0};
    gives_with(&ctx, code, expected);
}

TEST(replies_of_Redis_are_Lua_values)
{
    gives("return tg.redis.call('SET', 'k', 'v\\0w'), #tg.redis.call('GET', 'k'), tg.redis.call('GET', 'none')",
          "OK 3 nil");
    gives("return tg.redis.call('INCRBY', 'n', 41), math.type(tg.redis.call('INCRBY', 'n', 1))", "41 integer");
    gives("tg.redis.call('SET', 'd', tg.decimal.new('1.50')) return tg.redis.call('GET', 'd')", "1.5");
    gives("local l = tg.redis.call('MGET', 'n', 'none', 'd') return #l, l[1], l[2], l[3], tg.json.is_array(l)",
          "3 42 false 1.5 true");
    gives("return #tg.redis.call('EVAL', 'return {1,{2,{3}}}', 0)", "2");
}

TEST(an_error_of_Redis_and_wrong_words)
{
    gives("local v, err = tg.redis.call('LPUSH', 'k', 1) return v, err.code, err.detail", "nil upstream ");
    gives("return pcall(tg.redis.call)", "1 to 64 words");
    gives("return pcall(tg.redis.call, 'SET', 'k', 1.5)", "a string, an integer or a decimal expected");
    gives("return pcall(tg.redis.call, 'SET', 'k', {})", "a string, an integer or a decimal expected");
}

TEST(an_answer_of_http_is_a_table_whatever_its_status)
{
    gives("local r = tg.http.request({url = URL .. '/'}) return r.status, r.body, r.headers['content-length']",
          "200 hello 5");
    gives("local r = tg.http.request({method = 'POST', url = URL .. '/echo', body = 'a\\0b'}) return #r.body", "3");
    gives("local r = tg.http.request({url = URL .. '/503'}) return r.status, r.body", "503 busy");
    gives("local r = tg.http.request({url = URL .. '/redirect'}) return r.status, r.headers.location", "302 /echo");
}

TEST(headers_and_the_trace_go_along)
{
    const struct tg_co_context ctx = {.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
    gives_with(
        &ctx,
        "local r = tg.http.request({url = URL .. '/head', headers = {['X-One'] = 'a', ['X-Two'] = 2, X3 = 'c'}})\n"
        "return r.body:find('X-One: a\\r\\n', 1, true) ~= nil, r.body:find('X-Two: 2\\r\\n', 1, true) ~= nil,"
        " r.body:find('X3: c\\r\\n', 1, true) ~= nil,"
        " r.body:find('traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\\r\\n', 1, true) ~= nil",
        "true true true true");
    gives("return pcall(tg.http.request, {url = URL, headers = {a = 'b\\r\\nc: d'}})", "a line break in a header");
    gives("return pcall(tg.http.request, {url = URL, headers = {'b'}})", "headers are {name = value}");
    gives("return pcall(tg.http.request, {url = URL, headers = 'b'})", "'headers' must be a table");
}

TEST(failures_say_whether_it_may_have_happened)
{
    gives("local v, err = tg.http.request({method = 'POST', url = URL .. '/close', body = 'x'}) return v, err.code",
          "nil uncertain");
    gives("local v, err = tg.http.request({url = URL .. '/silent', timeout_ms = 100}) return v, err.code",
          "nil uncertain");
    gives("local v, err = tg.http.request({url = 'http://127.0.0.1:1/'}) return v, err.code", "nil upstream");
    gives("local v, err = tg.http.request({url = URL .. '/fails-twice', idempotent = true, retries = 5}) return v ~= "
          "nil or err.code",
          "true");
    gives("return pcall(tg.http.request, {})", "'url' must be a string");
    gives("return pcall(tg.http.request, {url = URL, timeout_ms = 'x'})", "'timeout_ms' must be an integer");
}

TEST(the_deadline_of_the_request_bounds_the_call)
{
    uint64_t start_us = tg_clock_mono_us();
    set_up();
    const struct tg_co_context ctx = {.deadline_ms = tg_loop_now_ms(fixture.loop) + 200};
    gives_with(&ctx, "local v, err = tg.http.request({url = URL .. '/silent', timeout_ms = 60000}) return v, err.code",
               "nil uncertain");
    gives("local v, err = tg.within(100, tg.http.request, {url = URL .. '/silent'}) return v, err.code",
          "nil uncertain");
    gives("return pcall(tg.within, 100, error, 'out')", "false out");
    ok(tg_clock_mono_us() - start_us < 5000000, "soon");
}

TEST(headers_that_repeat_are_joined)
{
    static const char block[] = "a: 1\r\nb:x\r\na:  2\r\nno colon\r\n\r\n";
    lua_State *L = luaL_newstate();
    push_headers(L, block, sizeof(block) - 1);
    lua_getfield(L, 1, "a");
    is_str(lua_tostring(L, -1), "1, 2");
    lua_getfield(L, 1, "b");
    is_str(lua_tostring(L, -1), "x");
    lua_close(L);
}

TEST(inside_a_transaction_neither_may_be_called)
{
    gives("return tg.db.transaction(function() return select(2, pcall(tg.redis.call, 'PING')) end)",
          "tg.redis inside a transaction");
    gives("return tg.db.transaction(function() return select(2, pcall(tg.http.request, {url = URL})) end)",
          "tg.http inside a transaction");
}

TEST(without_Redis_a_call_fails_at_once)
{
    set_up();
    services_kill_redis();
    for (int i = 0; i < 20; i++)
        tg_loop_run_once(fixture.loop, 10);
    gives("local v, err = tg.redis.call('GET', 'k') return v, err.code", "nil upstream");
}

TEST(what_is_not_configured_says_so)
{
    struct outcome o;
    const struct tg_services before = fixture.services;
    fixture.services = (struct tg_services){.loop = fixture.loop};
    struct tg_vm *bare = fixture_vm(NULL);
    run_lua(bare, "local v, err = tg.redis.call('GET', 'x') return v, err.code, err.detail", &o);
    is_str(o.text, "nil upstream Redis is not configured");
    run_lua(bare, "local v, err = tg.http.request({url = 'http://x/'}) return v, err.code, err.detail", &o);
    is_str(o.text, "nil upstream an HTTP client is not configured");
    tg_vm_free(&bare);
    fixture.services = before;
}

TEST(everything_closes_behind_them)
{
    bool closed[3] = {false, false, false};
    tg_vm_free(&vm);
    tg_httpc_close(&http, on_closed, &closed[0]);
    tg_redis_close(&redis, on_closed, &closed[1]);
    tg_dbpool_close(&pool, on_closed, &closed[2]);
    for (int i = 0; i < 3; i++) {
        turn_until(&closed[i]);
        ok(closed[i], "closed");
    }
    httpserver_stop(&server);
    tg_work_free(&work);
}

TAP_MAIN()

/* dispatch_test - from a request to a Lua handler and back, through the real handler chain with no socket. */
#include "../../../src/web/dispatch.c"

#include "loopback.h"

#define APP                                                                                                            \
    "local calls = 0\n"                                                                                                \
    "local function hello() return 200, {message = 'hello'} end\n"                                                     \
    "return {\n"                                                                                                       \
    "  authenticate = function(token, req)\n"                                                                          \
    "    calls = calls + 1\n"                                                                                          \
    "    tg.time.sleep(5)\n"                                                                                           \
    "    if token == 'away' then return nil, {code = 'upstream', detail = 'the database is a secret'} end\n"           \
    "    if token == 'lost' then return nil, {code = 'denied', detail = 'suspended'} end\n"                            \
    "    if token == 'person' then return {company = req:header('tollgate-company') or tg.id.new('co'),\n"             \
    "      actor = tg.id.new('usr'), session = tg.id.new('ses'), permissions = {'usage:*'}, policy = '{}',\n"          \
    "      origins = '\\nhttps://c.example\\n'} end\n"                                                                 \
    "    if token ~= 'good' and token ~= 'poor' then return nil, {code = 'denied', status = 401, detail = 'no'} end\n" \
    "    return {company = tg.id.new('co'), actor = tg.id.new('key'),\n"                                               \
    "            permissions = token == 'good' and {'usage:*', 'calls:read'} or {}}\n"                                 \
    "  end,\n"                                                                                                         \
    "  origins = function() return {'https://c.example', 'https://b.example'} end,\n"                                  \
    "  routes = {\n"                                                                                                   \
    "    {method = 'GET', path = '/v1/hello', public = 'test', handler = hello},\n"                                    \
    "    {method = 'GET', path = '/v1/calls', public = 'test', handler = function() return 200, {n = calls} end},\n"   \
    "    {method = 'GET', path = '/v1/secret', permission = 'usage:read', handler = hello},\n"                         \
    "    {method = 'GET', path = '/v1/other', permission = 'other:read', handler = hello},\n"                          \
    "    {method = 'POST', path = '/v1/echo/{id}', permission = 'usage:write', body_max = 100,\n"                      \
    "     handler = function(req)\n"                                                                                   \
    "       local body, err = req:json()\n"                                                                            \
    "       if err then return nil, err end\n"                                                                         \
    "       return 201, {body = body, id = req.params.id, q = req.query.q, agent = req:header('User-Agent'),\n"        \
    "                    none = req:header('x-none'), method = req.method, path = req.path, remote = req.remote,\n"    \
    "                    company = req.principal.company, rid = req.id, len = #req.body,\n"                            \
    "                    context = tg.context().company == req.principal.company, csrf = req.csrf,\n"                  \
    "                    session = req.principal.session and tg.context().session == req.principal.session,\n"         \
    "                    cookie = req.cookie_name, policy = req.policy},\n"                                            \
    "              {location = '/v1/echo/1'}\n"                                                                        \
    "     end},\n"                                                                                                     \
    "    {method = 'DELETE', path = '/v1/echo/{id}', public = 'test', handler = function() return 204 end},\n"         \
    "    {method = 'GET', path = '/v1/nap', public = 'test', handler = function(req)\n"                                \
    "       tg.time.sleep(60)\n"                                                                                       \
    "       seen = req.path .. ' ' .. req.method .. ' ' .. req:header('x-mark') .. ' ' .. req.query.q .. req.remote\n" \
    "       return 200, seen end},\n"                                                                                  \
    "    {method = 'GET', path = '/v1/late', public = 'test', handler = function() tg.time.sleep(1500) return 200 "    \
    "end},\n"                                                                                                          \
    "    {method = 'POST', path = '/v1/late', public = 'test', handler = function() tg.time.sleep(1500) return 200 "   \
    "end},\n"                                                                                                          \
    "    {method = 'GET', path = '/v1/bug', public = 'test', handler = function() error('the password is x') end},\n"  \
    "    {method = 'GET', path = '/v1/err/{code}', public = 'test', handler = function(req)\n"                         \
    "       return nil, {code = req.params.code, detail = 'the detail', errors = {{pointer = '/a/0', detail = "        \
    "'no'}}} end},\n"                                                                                                  \
    "    {method = 'GET', path = '/v1/odd/{n}', public = 'test', handler = function(req)\n"                            \
    "       local n = req.params.n\n"                                                                                  \
    "       if n == 'status' then return 99 elseif n == 'body' then return 200, 7 elseif n == 'nothing' then return\n" \
    "       elseif n == 'header' then return 200, 'x', {['x-a'] = 'b\\r\\nset-cookie: c'}\n"                           \
    "       elseif n == 'name' then return 200, 'x', {['X Y'] = 'b'} elseif n == 'float' then return 200, {x = 1.5} "  \
    "end\n"                                                                                                            \
    "       return 200, 'plain', {['content-type'] = 'text/csv', ['x-a'] = 'b'} end},\n"                               \
    "  },\n"                                                                                                           \
    "}\n"

static struct loopback *new_loopback(const char *directives)
{
    tg_log_set_level("error");
    char app[8192];
    snprintf(app, sizeof(app), "local seen\n%s", APP);
    struct loopback *lb = loopback_new(directives, app);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    tg_log_set_fd(null); /* handlers here fail on purpose */
    return lb;
}

/* One request that must be answered with this status; its body is looked at when part is given. */
static void expect(struct loopback *lb, const char *method, const char *path, const char *headers, const char *body,
                   int status, const char *part)
{
    tap_case("%s %s %s", method, path, headers == NULL ? "" : headers);
    struct client *client = client_ask(lb, method, path, headers, body);
    is_int(client->status, status);
    if (part != NULL)
        contains(client->body.bytes, part);
    if (client->status >= 400 && strcmp(method, "HEAD") != 0) {
        is_str(client_header(client, "content-type"), "application/problem+json");
        contains(client->body.bytes, "\"request_id\":\"");
        ok(strstr(client->body.bytes, "secret") == NULL && strstr(client->body.bytes, "password") == NULL,
           "no text of a bug");
    }
    ok(client_header(client, "x-request-id") != NULL, "every answer has its request id");
    client_free(client);
    tap_case("%s", "");
}

TEST(a_public_route_answers)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/v1/hello", NULL, NULL, 200, "{\"message\":\"hello\"}");
    loopback_free(lb);
}

TEST(what_has_no_route_is_a_problem_of_its_own_kind)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/v1/none", NULL, NULL, 404, "problems/not_found");
    expect(lb, "GET", "/v1/hello/", NULL, NULL, 404, NULL);
    expect(lb, "GET", "//v1/hello", NULL, NULL, 404, NULL);
    expect(lb, "GET", "/v1/../v1/hello", NULL, NULL, 404, NULL);
    expect(lb, "PUT", "/v1/hello", NULL, NULL, 405, "problems/method_not_allowed");
    expect(lb, "TRACE", "/v1/hello", NULL, NULL, 501, NULL);
    expect(lb, "get", "/v1/hello", NULL, NULL, 501, NULL);
    expect(lb, "GET", "http://x/", NULL, NULL, 400, NULL);
    expect(lb, "OPTIONS", "*", NULL, NULL, 400, NULL);
    loopback_free(lb);
}

TEST(a_refused_method_says_which_there_are)
{
    struct loopback *lb = new_loopback("");
    struct client *client = client_ask(lb, "PUT", "/v1/late", NULL, NULL);
    is_str(client_header(client, "allow"), "OPTIONS, GET, POST, HEAD");
    client_free(client);
    client = client_ask(lb, "OPTIONS", "/v1/late", NULL, NULL);
    is_int(client->status, 204);
    is_str(client_header(client, "allow"), "OPTIONS, GET, POST, HEAD");
    client_free(client);
    loopback_free(lb);
}

TEST(head_is_get_without_the_body)
{
    struct loopback *lb = new_loopback("");
    struct client *client = client_ask(lb, "HEAD", "/v1/hello", NULL, NULL);
    is_int(client->status, 200);
    is_uint(client->body.len, 0);
    is_uint(client->req.res.content_length, 19);
    client_free(client);
    loopback_free(lb);
}

TEST(an_answer_without_content_has_no_length)
{
    struct loopback *lb = new_loopback("");
    struct client *client = client_ask(lb, "DELETE", "/v1/echo/1", NULL, NULL);
    is_int(client->status, 204);
    ok(client->req.res.content_length == SIZE_MAX, "no content-length");
    client_free(client);
    loopback_free(lb);
}

TEST(the_handler_sees_the_whole_request)
{
    struct loopback *lb = new_loopback("");
    struct client *client =
        client_ask(lb, "POST", "/v1/echo/a%20b%2fc?q=1+2%2B&w=",
                   "authorization: Bearer good\nuser-agent: me\nx-request-id: my-request-1\n", "{\"x\":[1,{}]}");
    is_int(client->status, 201);
    contains(client->body.bytes, "\"body\":{\"x\":[1,{}]}");
    contains(client->body.bytes, "\"id\":\"a b/c\"");
    contains(client->body.bytes, "\"q\":\"1 2+\"");
    contains(client->body.bytes, "\"agent\":\"me\"");
    contains(client->body.bytes, "\"path\":\"/v1/echo/a%20b%2fc\"");
    contains(client->body.bytes, "\"remote\":\"127.0.0.1\"");
    contains(client->body.bytes, "\"company\":\"co_");
    contains(client->body.bytes, "\"context\":true");
    contains(client->body.bytes, "\"rid\":\"my-request-1\"");
    contains(client->body.bytes, "\"len\":12");
    ok(strstr(client->body.bytes, "none") == NULL, "a header that was not sent is nil");
    is_str(client_header(client, "location"), "/v1/echo/1");
    is_str(client_header(client, "x-request-id"), "my-request-1");
    client_free(client);
    loopback_free(lb);
}

TEST(a_token_is_needed_valid_and_may_do_it)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/v1/secret", NULL, NULL, 401, "problems/unauthorized");
    expect(lb, "GET", "/v1/secret", "authorization: Basic abc\n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer \n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer bad\n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer lost\n", NULL, 403, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer away\n", NULL, 503, "problems/unavailable");
    expect(lb, "GET", "/v1/secret", "authorization: Bearer poor\n", NULL, 403, "problems/denied");
    expect(lb, "GET", "/v1/secret", "authorization: bearer good\n", NULL, 200, NULL);
    expect(lb, "GET", "/v1/other", "authorization: Bearer good\n", NULL, 403, NULL);
    struct client *client = client_ask(lb, "GET", "/v1/secret", "authorization: Bearer bad\n", NULL);
    is_str(client_header(client, "www-authenticate"), "Bearer");
    client_free(client);
    loopback_free(lb);
}

TEST(a_token_is_asked_about_once_however_many_requests_bring_it)
{
    struct loopback *lb = new_loopback("");
    struct client *clients[20];
    for (int i = 0; i < 20; i++) {
        clients[i] = client_new(lb, "GET", "/v1/secret",
                                i % 2 == 0 ? "authorization: Bearer good\n" : "authorization: Bearer bad\n", NULL);
        client_start(clients[i]);
    }
    for (int i = 0; i < 20; i++) {
        client_wait(lb, clients[i]);
        is_int(clients[i]->status, i % 2 == 0 ? 200 : 401);
        client_free(clients[i]);
    }
    expect(lb, "GET", "/v1/secret", "authorization: Bearer good\n", NULL, 200, NULL);
    expect(lb, "GET", "/v1/calls", NULL, NULL, 200, "{\"n\":2}");
    loopback_free(lb);
}

TEST(a_failure_of_the_world_is_not_remembered)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/v1/secret", "authorization: Bearer away\n", NULL, 503, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer away\n", NULL, 503, NULL);
    expect(lb, "GET", "/v1/calls", NULL, NULL, 200, "{\"n\":2}");
    loopback_free(lb);
}

TEST(a_client_leaves_first_and_the_handler_still_reads_its_request)
{
    struct loopback *lb = new_loopback("");
    struct client *client = client_new(lb, "GET", "/v1/nap?q=7", "x-mark: here\n", NULL);
    client_start(client);
    loopback_turn(lb);
    loopback_turn(lb);
    is_uint(lb->thread.n_requests, 1);
    is_false(client->is_complete);
    client_free(client);
    for (int i = 0; i < 100 && lb->thread.n_requests != 0; i++)
        loopback_turn(lb);
    is_uint(lb->thread.n_requests, 0);
    is_uint(atomic_load(&lb->thread.stats.unanswered), 1);
    client = client_ask(lb, "GET", "/v1/nap?q=8", "x-mark: there\n", NULL);
    is_str(client->body.bytes, "/v1/nap GET there 8127.0.0.1");
    client_free(client);
    loopback_free(lb);
}

TEST(a_cookie_is_a_session_and_what_changes_something_proves_whose_page_it_was)
{
    struct loopback *lb = new_loopback("");
    char csrf[TG_CSRF_SIZE], headers[256];
    tg_csrf_of("person", 6, csrf);
    is_uint(strlen(csrf), 32);
    expect(lb, "GET", "/v1/secret", "cookie: a=b; tollgate=person\n", NULL, 200, NULL);
    expect(lb, "GET", "/v1/secret", "cookie: a=b\ncookie: tollgate=person\n", NULL, 200, NULL);
    expect(lb, "POST", "/v1/echo/1", "cookie: tollgate=person\n", "{}", 403, "problems/csrf");
    expect(lb, "POST", "/v1/echo/1", "cookie: tollgate=person\nx-csrf-token: 0123456789abcdef0123456789abcdef\n", "{}",
           403, "problems/csrf");
    snprintf(headers, sizeof(headers), "cookie: tollgate=person\nx-csrf-token: %s\n", csrf);
    expect(lb, "POST", "/v1/echo/1", headers, "{}", 201, csrf);
    expect(lb, "POST", "/v1/echo/1", headers, "{}", 201, "\"session\":true");
    expect(lb, "POST", "/v1/echo/1", headers, "{}", 201, "\"cookie\":\"tollgate\"");
    expect(lb, "POST", "/v1/echo/1", "authorization: Bearer person\n", "{}", 201, "\"session\":true");
    expect(lb, "POST", "/v1/echo/1", "authorization: Bearer person\n", "{}", 201, "\"policy\":\"{}\"");
    expect(lb, "GET", "/v1/secret", "cookie: tollgate=bad\n", NULL, 401, "in the cookie");
    loopback_free(lb);
}

TEST(a_cookie_that_is_not_surely_ours_says_nothing)
{
    static const char *const nobody[] = {
        "cookie: tollgate=person; tollgate=person\n",
        "cookie: tollgate=person\ncookie: tollgate=person\n",
        "cookie: __Host-tollgate=person\n",
        "cookie: xtollgate=person; tollgatex=person; tollgate\n",
        "cookie: tollgate=\n",
        "cookie: tollgate=person\nauthorization: Basic x\n",
    };
    struct loopback *lb = new_loopback("");
    for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++)
        expect(lb, "GET", "/v1/secret", nobody[i], NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "cookie: tollgate=person\nauthorization: Bearer bad\n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "cookie: tollgate=bad\nauthorization: Bearer good\n", NULL, 200, NULL);
    loopback_free(lb);
}

TEST(what_is_known_of_a_token_is_known_for_one_company)
{
    struct loopback *lb = new_loopback("");
    static const char north[] = "co_01h2xcejqtf2nbrexx3vqjhp41", south[] = "co_01h2xcejqtf2nbrexx3vqjhp42";
    char headers[256];
    for (int i = 0; i < 4; i++) {
        const char *company = i % 2 == 0 ? north : south;
        snprintf(headers, sizeof(headers), "authorization: Bearer person\ntollgate-company: %s\n", company);
        expect(lb, "POST", "/v1/echo/1", headers, "{}", 201, company);
    }
    loopback_free(lb);
}

TEST(a_client_leaves_while_its_token_is_looked_up)
{
    struct loopback *lb = new_loopback("");
    struct client *client = client_new(lb, "POST", "/v1/echo/1", "authorization: Bearer good\n", "{}");
    struct client *other = client_new(lb, "GET", "/v1/secret", "authorization: Bearer good\n", NULL);
    client_start(client);
    client_start(other);
    client_free(client);
    client_wait(lb, other);
    is_int(other->status, 200);
    client_free(other);
    is_uint(lb->thread.n_requests, 0);
    loopback_free(lb);
}

TEST(a_handler_that_is_too_late_is_answered_for)
{
    struct loopback *lb = new_loopback("tollgate.request-timeout: 1");
    expect(lb, "GET", "/v1/late", NULL, NULL, 503, "problems/timeout");
    expect(lb, "POST", "/v1/late", NULL, "{}", 504, "problems/uncertain");
    /* the handlers' own waits end with the deadline, too; their answers are dropped */
    for (int i = 0; i < 300 && lb->thread.n_requests != 0; i++)
        loopback_turn(lb);
    is_uint(lb->thread.n_requests, 0);
    loopback_free(lb);
}

TEST(a_bug_is_500_with_nothing_of_its_text)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/v1/bug", NULL, NULL, 500, "problems/internal");
    expect(lb, "GET", "/v1/odd/status", NULL, NULL, 500, NULL);
    expect(lb, "GET", "/v1/odd/body", NULL, NULL, 500, NULL);
    expect(lb, "GET", "/v1/odd/nothing", NULL, NULL, 500, NULL);
    expect(lb, "GET", "/v1/odd/header", NULL, NULL, 500, NULL);
    expect(lb, "GET", "/v1/odd/name", NULL, NULL, 500, NULL);
    expect(lb, "GET", "/v1/odd/float", NULL, NULL, 500, NULL);
    struct client *client = client_ask(lb, "GET", "/v1/odd/fine", NULL, NULL);
    is_int(client->status, 200);
    is_str(client_header(client, "content-type"), "text/csv");
    is_str(client_header(client, "x-a"), "b");
    client_free(client);
    loopback_free(lb);
}

TEST(each_way_to_fail_has_its_status)
{
    static const struct {
        const char *code, *part;
        int status;
    } cases[] = {{"input", "\"errors\":[{\"pointer\":\"/a/0\",\"detail\":\"no\"}]", 422},
                 {"not_found", "the detail", 404},
                 {"denied", "the detail", 403},
                 {"conflict", "the detail", 409},
                 {"busy", "the detail", 503},
                 {"upstream", "nothing was done", 503},
                 {"uncertain", "It may have happened", 504},
                 {"bug", "on our side", 500},
                 {"nonsense", NULL, 500}};
    struct loopback *lb = new_loopback("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "/v1/err/%s", cases[i].code);
        expect(lb, "GET", path, NULL, NULL, cases[i].status, cases[i].part);
    }
    struct client *client = client_ask(lb, "GET", "/v1/err/busy", NULL, NULL);
    is_str(client_header(client, "retry-after"), "1");
    client_free(client);
    loopback_free(lb);
}

TEST(bad_input_is_refused_before_a_handler_runs)
{
    struct loopback *lb = new_loopback("");
    char many[1024] = "/v1/hello?";
    expect(lb, "GET", "/v1/hello?a=1&a=2", NULL, NULL, 400, "twice");
    expect(lb, "GET", "/v1/hello?a=%ff", NULL, NULL, 400, "UTF-8");
    expect(lb, "GET", "/v1/hello?a=%2", NULL, NULL, 400, NULL);
    expect(lb, "GET", "/v1/hello?a=%00", NULL, NULL, 400, NULL);
    expect(lb, "GET", "/v1/hello?%61=1&a=2", NULL, NULL, 400, "plain");
    for (int i = 0; i < 65; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "p%d=1&", i);
    expect(lb, "GET", many, NULL, NULL, 400, "64");
    expect(lb, "GET", "/v1/hello?&&a", NULL, NULL, 200, NULL);
    loopback_free(lb);
}

TEST(bad_json_says_where)
{
    static const char key[] = "authorization: Bearer good\n";
    struct loopback *lb = new_loopback("");
    expect(lb, "POST", "/v1/echo/1", key, "{\"a\":", 400, "problems/malformed_json");
    expect(lb, "POST", "/v1/echo/1", key, "{\"a\":1,\"a\":2}", 400, NULL);
    expect(lb, "POST", "/v1/echo/1", key, "{\"a\":NaN}", 400, NULL);
    expect(lb, "POST", "/v1/echo/1", key, "{\"a\":\"\xff\"}", 400, NULL);
    expect(lb, "POST", "/v1/echo/1", key, NULL, 400, "no body");
    expect(lb, "POST", "/v1/echo/1", "authorization: Bearer good\ncontent-type: text/plain\n", "{}", 415, NULL);
    expect(lb, "POST", "/v1/echo/1",
           "authorization: Bearer good\ncontent-type: application/cloudevents+json; charset=utf-8\n", "{}", 201, NULL);
    loopback_free(lb);
}

TEST(a_key_that_asks_too_often_waits)
{
    static const char key[] = "authorization: Bearer good\n";
    struct loopback *lb = new_loopback("tollgate.rate-per-key: 1\ntollgate.burst-per-key: 3");
    for (int i = 0; i < 3; i++)
        expect(lb, "GET", "/v1/secret", key, NULL, 200, NULL);
    struct client *client = client_ask(lb, "GET", "/v1/secret", key, NULL);
    is_int(client->status, 429);
    is_str(client_header(client, "retry-after"), "1");
    is_str(client_header(client, "ratelimit-limit"), "3");
    is_str(client_header(client, "ratelimit-remaining"), "0");
    client_free(client);
    expect(lb, "GET", "/v1/hello", NULL, NULL, 200, NULL); /* an address without a key is another matter */
    loopback_free(lb);
}

TEST(an_address_pays_for_tokens_that_are_refused)
{
    struct loopback *lb = new_loopback("tollgate.rate-per-address: 1\ntollgate.burst-per-address: 2");
    expect(lb, "GET", "/v1/secret", "authorization: Bearer bad\n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer bad2\n", NULL, 401, NULL);
    expect(lb, "GET", "/v1/secret", "authorization: Bearer bad3\n", NULL, 429, NULL);
    expect(lb, "GET", "/v1/hello", NULL, NULL, 429, NULL);
    loopback_free(lb);
}

TEST(too_many_at_one_time_are_told_so)
{
    struct loopback *lb = new_loopback("tollgate.max-requests: 2\ntollgate.max-requests-per-key: 1");
    struct client *clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_new(lb, "GET", "/v1/nap?q=1", "x-mark: m\n", NULL);
        client_start(clients[i]);
    }
    for (int i = 0; i < 3; i++) {
        client_wait(lb, clients[i]);
        is_int(clients[i]->status, i < 2 ? 200 : 503);
        client_free(clients[i]);
    }
    loopback_free(lb);
}

TEST(pages_of_allowed_origins_may_call)
{
    struct loopback *lb = new_loopback("tollgate.cors-origins: [\"https://a.example\"]");
    struct client *client = client_ask(lb, "GET", "/v1/hello", "origin: https://a.example\n", NULL);
    is_str(client_header(client, "access-control-allow-origin"), "https://a.example");
    is_str(client_header(client, "vary"), "origin");
    client_free(client);
    client = client_ask(lb, "GET", "/v1/hello", "origin: https://b.example\n", NULL);
    is_null(client_header(client, "access-control-allow-origin"));
    client_free(client);
    client =
        client_ask(lb, "OPTIONS", "/v1/hello", "origin: https://a.example\naccess-control-request-method: GET\n", NULL);
    is_int(client->status, 204);
    is_str(client_header(client, "access-control-allow-methods"), "OPTIONS, GET, HEAD");
    client_free(client);
    loopback_free(lb);
}

/* The Access-Control-Allow-Origin of an answer; "" for none. */
static const char *allowed(struct loopback *lb, const char *method, const char *path, const char *headers)
{
    static char text[64];
    struct client *client = client_ask(lb, method, path, headers, NULL);
    const char *value = client_header(client, "access-control-allow-origin");
    snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    is_null(client_header(client, "access-control-allow-credentials"));
    is_str(client_header(client, "vary"), "origin");
    client_free(client);
    return text;
}

TEST(a_company_names_the_pages_that_may_ask_for_it)
{
    static const char *const person = "authorization: Bearer person\norigin: https://c.example\n",
                             *const other = "authorization: Bearer person\norigin: https://b.example\n",
                             *const unlisted = "authorization: Bearer good\norigin: https://c.example\n",
                             *const unknown = "authorization: Bearer bad\norigin: https://b.example\n",
                             *const preflight = "origin: https://b.example\naccess-control-request-method: GET\n",
                             *const stranger = "origin: https://d.example\naccess-control-request-method: GET\n";
    struct loopback *lb = new_loopback("");
    lb->thread.state = TG_THREAD_RUNNING;
    is_str(allowed(lb, "OPTIONS", "/v1/secret", preflight), "");
    tg_origins_reload(&lb->thread);
    while (lb->thread.origins.n != 2)
        loopback_turn(lb);
    is_str(allowed(lb, "GET", "/v1/secret", person), "https://c.example");
    is_str(allowed(lb, "GET", "/v1/secret", other), ""); /* some company's, not theirs */
    is_str(allowed(lb, "GET", "/v1/secret", unlisted), "");
    is_str(allowed(lb, "GET", "/v1/secret", unknown), "https://b.example"); /* a page may see that a session is over */
    is_str(allowed(lb, "OPTIONS", "/v1/secret", preflight), "https://b.example");
    is_str(allowed(lb, "OPTIONS", "/v1/secret", stranger), "");
    struct client *client = client_ask(lb, "GET", "/v1/secret", person, NULL);
    is_str(client_header(client, "cache-control"), "no-store"); /* what needs a key is kept nowhere */
    client_free(client);
    client = client_ask(lb, "GET", "/v1/hello", NULL, NULL);
    is_null(client_header(client, "cache-control"));
    client_free(client);
    tg_origins_stop(&lb->thread);
    tg_origins_deinit(&lb->thread.origins);
    loopback_free(lb);
}

TEST(requests_begun_before_a_swap_end_on_their_generation)
{
    struct loopback *lb = new_loopback("");
    struct client *napping = client_new(lb, "GET", "/v1/nap?q=1", "x-mark: old\n", NULL);
    struct client *asking = client_new(lb, "GET", "/v1/secret", "authorization: Bearer good\n", NULL);
    client_start(napping);
    client_start(asking);
    is_false(asking->is_complete);
    loopback_swap(lb, "return {authenticate = function() return {company = tg.id.new('co'), actor = tg.id.new('key'), "
                      "permissions = {'usage:read'}} end, routes = {\n"
                      "{method = 'GET', path = '/v1/first', permission = 'first:read', handler = function() end},\n"
                      "{method = 'GET', path = '/v1/secret', permission = 'usage:read', handler = function() return "
                      "200, 'new' end}}}");
    client_wait(lb, asking); /* its principal belonged to the old one: it asks the new one */
    is_str(asking->body.bytes, "new");
    client_wait(lb, napping);
    is_str(napping->body.bytes, "/v1/nap GET old 1127.0.0.1");
    for (int i = 0; i < 100 && !lb->is_vm_closed; i++)
        loopback_turn(lb);
    is_true(lb->is_vm_closed);
    client_free(asking);
    client_free(napping);
    loopback_free(lb);
}

TEST(the_limit_of_a_body_is_its_routes)
{
    struct loopback *lb = new_loopback("limit-request-body: 5000");
    struct client *client = client_new(lb, "POST", "/v1/echo/1?x=1", NULL, NULL);
    is_uint(tg_dispatch_body_limit(&client->req), 100);
    client_free(client);
    client = client_new(lb, "POST", "/v1/none", NULL, NULL);
    is_uint(tg_dispatch_body_limit(&client->req), 5000);
    client_free(client);
    loopback_free(lb);
}

TEST(health_answers_beside_the_application)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "GET", "/healthz", NULL, NULL, 200, "ok");
    expect(lb, "GET", "/readyz", NULL, NULL, 200, "\"status\":\"ready\"");
    expect(lb, "GET", "/metrics", NULL, NULL, 200, "# EOF");
    atomic_store(&lb->shared.is_draining, true);
    struct client *client = client_ask(lb, "GET", "/readyz", NULL, NULL);
    is_int(client->status, 503);
    client_free(client);
    loopback_free(lb);
}

TEST(the_application_can_say_that_it_is_not_ready)
{
    struct loopback *lb = loopback_new(
        "", "return {ready = function() tg.time.sleep(1) return nil, 'the database is away' end, routes = {}}");
    struct client *client = client_ask(lb, "GET", "/readyz", NULL, NULL);
    is_int(client->status, 503);
    contains(client->body.bytes, "not ready");
    client_free(client);
    loopback_swap(lb, "return {ready = function() tg.time.sleep(1) return true end, routes = {}}");
    client = client_ask(lb, "GET", "/readyz", NULL, NULL);
    is_int(client->status, 200);
    client_free(client);
    client = client_new(lb, "GET", "/readyz", NULL, NULL);
    client_start(client);
    client_free(client); /* it leaves before the answer */
    loopback_free(lb);
}

TEST(a_body_that_is_coded_is_refused)
{
    struct loopback *lb = new_loopback("");
    expect(lb, "POST", "/v1/echo/1", "authorization: Bearer good\ncontent-encoding: gzip\n", "{}", 415, NULL);
    expect(lb, "POST", "/v1/echo/1", "authorization: Bearer good\ncontent-encoding: identity\n", "{}", 201, NULL);
    loopback_free(lb);
}

TAP_MAIN()

/* refused_test - what is refused reaches the application, a little of it, and never in the way. */
#include "../../../src/web/refused.c"

#include "loopback.h"

#define APP                                                                                                            \
    "local told = {}\n"                                                                                                \
    "local function told_so_far() return 200, table.concat(told, '|') end\n"                                           \
    "return {\n"                                                                                                       \
    "  authenticate = function(token)\n"                                                                               \
    "    if token == 'away' then return nil, {code = 'upstream', detail = 'x'} end\n"                                  \
    "    if token ~= 'good' then return nil, {code = 'denied', status = 401, detail = 'no'} end\n"                     \
    "    return {company = tg.id.new('co'), actor = tg.id.new('key'), permissions = {'a:read'}}\n"                     \
    "  end,\n"                                                                                                         \
    "  refused = function(a, err)\n"                                                                                   \
    "    told[#told + 1] = table.concat({a.method, a.path, a.status, a.address, a.more, err and err.type or '-',\n"    \
    "      tg.context().company and 'known' or 'unknown'}, ' ')\n"                                                     \
    "  end,\n"                                                                                                         \
    "  routes = {\n"                                                                                                   \
    "    {method = 'GET', path = '/told', public = 'test', handler = told_so_far},\n"                                  \
    "    {method = 'GET', path = '/a/{id}', permission = 'a:read', handler = function(req)\n"                          \
    "      if req.params.id == '1' then return nil, {code = 'denied', type = 'own_only', detail = 'no'} end\n"         \
    "      return nil, {code = 'not_found', detail = 'no'} end},\n"                                                    \
    "    {method = 'GET', path = '/b', permission = 'b:read', handler = function() return 200 end},\n"                 \
    "    {method = 'POST', path = '/login', public = 'test', handler = function()\n"                                   \
    "      return nil, {code = 'denied', status = 401, type = 'wrong', detail = 'no'} end},\n"                         \
    "  }}\n"

static void ask(struct loopback *lb, const char *method, const char *path, const char *headers, int status)
{
    struct client *client = client_ask(lb, method, path, headers, NULL);
    is_int(client->status, status);
    client_free(client);
}

static void expect_told(struct loopback *lb, const char *what)
{
    struct client *client = client_ask(lb, "GET", "/told", NULL, NULL);
    is_str(client->body.bytes, what);
    client_free(client);
}

static struct loopback *new_loopback(void)
{
    tg_log_set_level("error");
    return loopback_new("", APP);
}

TEST(the_handlers_and_our_own_refusals_are_told_with_who_and_what)
{
    struct loopback *lb = new_loopback();
    ask(lb, "GET", "/a/1", "authorization: Bearer good\n", 403);
    ask(lb, "GET", "/b", "authorization: Bearer good\n", 403);
    ask(lb, "GET", "/b", "authorization: Bearer bad\n", 401);
    ask(lb, "GET", "/b", NULL, 401);
    ask(lb, "POST", "/login", NULL, 401);
    expect_told(lb, "GET /a/{id} 403 127.0.0.1 0 own_only known|GET /b 403 127.0.0.1 0 - known|"
                    "GET /b 401 127.0.0.1 0 - unknown|GET /b 401 127.0.0.1 0 - unknown|"
                    "POST /login 401 127.0.0.1 0 wrong unknown");
    loopback_free(lb);
}

TEST(other_failures_are_nobodys_attempt)
{
    struct loopback *lb = new_loopback();
    ask(lb, "GET", "/a/2", "authorization: Bearer good\n", 404);
    ask(lb, "GET", "/a/1", "authorization: Bearer away\n", 503);
    ask(lb, "GET", "/none", NULL, 404);
    expect_told(lb, "");
    loopback_free(lb);
}

TEST(of_a_flood_the_first_are_told_and_the_rest_are_counted)
{
    struct loopback *lb = new_loopback();
    struct tg_refused *refused = &lb->thread.refused;
    struct client *client;
    refused->n_more = 12;
    refused->second = 0;
    ask(lb, "GET", "/b", NULL, 401);
    client = client_ask(lb, "GET", "/told", NULL, NULL);
    contains(client->body.bytes, "GET /b 401 127.0.0.1 12 - unknown");
    client_free(client);
    is_int(refused->n_more, 0);
    loopback_free(lb);
}

TEST(turns_are_bounded_a_second_and_at_one_time)
{
    struct tg_refused refused = {0};
    unsigned n = 0;
    while (takes_turn(&refused, false, 7))
        n++, refused.n_running--;
    is_uint(n, TG_REFUSED_UNKNOWN_PER_S);
    is_true(takes_turn(&refused, true, 7)); /* strangers do not hide whom we know */
    refused.n_running = 0;
    is_true(takes_turn(&refused, false, 8));
    refused.n_running = TG_REFUSED_AT_ONCE;
    is_false(takes_turn(&refused, true, 8));
    is_int(refused.n_more, 2);
}

TAP_MAIN()

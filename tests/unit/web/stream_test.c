/* stream_test - answers that are written piece by piece, through the real handler chain with no socket. */
#include "../../../src/web/stream.c"

#include "loopback.h"

#define APP                                                                                                            \
    "local seen = {}\n"                                                                                                \
    "local headers = {['content-type'] = 'text/csv', ['x-a'] = 'b'}\n"                                                 \
    "local function pieces(req)\n"                                                                                     \
    "  for i = 1, 3 do\n"                                                                                              \
    "    local done, err = req:write('piece ' .. i .. '\\n', headers)\n"                                               \
    "    seen[#seen + 1] = done and tostring(i) or err.detail\n"                                                       \
    "    if not done then return nil, err end\n"                                                                       \
    "  end\n"                                                                                                          \
    "  return 200, nil, headers\n"                                                                                     \
    "end\n"                                                                                                            \
    "local function get(path, handler)\n"                                                                              \
    "  return {method = 'GET', path = path, public = 'test', handler = handler}\n"                                     \
    "end\n"                                                                                                            \
    "return {routes = {\n"                                                                                             \
    "  get('/pieces', pieces),\n"                                                                                      \
    "  get('/seen', function() return 200, table.concat(seen, ' ') end),\n"                                            \
    "  get('/nothing', function(req) req:write('', headers) return 200, nil, headers end),\n"                          \
    "  get('/refused', function() return nil, {code = 'not_found', detail = 'no'} end),\n"                             \
    "  get('/broken', function(req) req:write('a') return nil, {code = 'upstream', detail = 'away'} end),\n"           \
    "  get('/bug', function(req) req:write('a') error('a bug') end),\n"                                                \
    "  get('/bad', function(req) req:write('a', {['X Y'] = 'b'}) end),\n"                                              \
    "  get('/late', function(req) tg.time.sleep(30) return pieces(req) end),\n"                                        \
    "  get('/naps', function(req) pieces(req) tg.time.sleep(30) return pieces(req) end),\n"                            \
    "}}\n"

static struct loopback *new_loopback(void)
{
    tg_log_set_level("error");
    struct loopback *lb = loopback_new("", APP);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    tg_log_set_fd(null); /* handlers here fail on purpose */
    return lb;
}

/* HTTP/2, so that libh2o puts no chunks around the pieces. */
static struct client *start(struct loopback *lb, const char *method, const char *path, bool is_slow)
{
    struct client *client = client_new(lb, method, path, NULL, NULL);
    client->req.version = 0x200;
    client->is_slow = is_slow;
    client_start(client);
    return client;
}

static struct client *ask(struct loopback *lb, const char *method, const char *path)
{
    struct client *client = start(lb, method, path, false);
    client_wait(lb, client);
    return client;
}

/* One whole request. */
static void expect(struct loopback *lb, const char *path, int status, const char *body)
{
    struct client *client = ask(lb, "GET", path);
    is_int(client->status, status);
    if (body != NULL)
        is_str(client->body.bytes, body);
    is_true(!client->is_broken);
    client_free(client);
}

static struct client *slow_client(struct loopback *lb, const char *path)
{
    return start(lb, "GET", path, true);
}

TEST(pieces_come_one_after_the_other)
{
    struct loopback *lb = new_loopback();
    struct client *client = ask(lb, "GET", "/pieces");
    is_int(client->status, 200);
    is_str(client->body.bytes, "piece 1\npiece 2\npiece 3\n");
    is_str(client_header(client, "content-type"), "text/csv");
    is_str(client_header(client, "x-a"), "b");
    ok(client_header(client, "x-request-id") != NULL, "with the headers of any answer");
    client_free(client);
    expect(lb, "/naps", 200, "piece 1\npiece 2\npiece 3\npiece 1\npiece 2\npiece 3\n");
    loopback_free(lb);
}

TEST(who_is_slow_slows_the_handler_down)
{
    struct loopback *lb = new_loopback();
    struct client *client = slow_client(lb, "/pieces");
    for (int i = 0; i < 5; i++)
        loopback_turn(lb);
    is_str(client->body.bytes, "piece 1\n");
    expect(lb, "/seen", 200, "");
    h2o_proceed_response(&client->req);
    is_str(client->body.bytes, "piece 1\npiece 2\n");
    expect(lb, "/seen", 200, "1");
    h2o_proceed_response(&client->req);
    is_true(!client->is_complete);
    h2o_proceed_response(&client->req);
    is_true(client->is_complete && !client->is_broken);
    expect(lb, "/seen", 200, "1 2 3");
    client_free(client);
    loopback_free(lb);
}

TEST(a_handler_hears_that_its_client_has_left)
{
    struct loopback *lb = new_loopback();
    struct client *client = slow_client(lb, "/pieces");
    client_free(client);
    loopback_turn(lb);
    expect(lb, "/seen", 200, "the client has left");
    client = slow_client(lb, "/late");
    client_free(client);
    while (lb->thread.n_requests != 0)
        loopback_turn(lb);
    expect(lb, "/seen", 200, "the client has left the client has left");
    loopback_free(lb);
}

TEST(before_the_first_piece_anything_may_be_answered)
{
    struct loopback *lb = new_loopback();
    expect(lb, "/refused", 404, NULL);
    expect(lb, "/bad", 500, NULL);
    expect(lb, "/nothing", 200, "");
    struct client *client = ask(lb, "HEAD", "/pieces");
    is_int(client->status, 200);
    is_str(client->body.bytes, "");
    is_str(client_header(client, "content-type"), "text/csv");
    client_free(client);
    loopback_free(lb);
}

TEST(after_it_a_failure_breaks_the_answer_off)
{
    struct loopback *lb = new_loopback();
    static const char *const paths[] = {"/broken", "/bug"};
    for (int i = 0; i < 2; i++) {
        struct client *client = ask(lb, "GET", paths[i]);
        is_int(client->status, 200);
        is_str(client->body.bytes, "a");
        is_true(client->is_broken);
        client_free(client);
    }
    loopback_free(lb);
}

TEST(a_generation_that_ends_breaks_it_off_too)
{
    struct loopback *lb = new_loopback();
    struct client *taking = slow_client(lb, "/pieces"), *leaving = slow_client(lb, "/pieces"),
                  *left = slow_client(lb, "/pieces");
    client_free(left); /* and the handler has not heard of it */
    loopback_retire(lb, 0);
    for (int i = 0; i < 1000 && !lb->is_vm_closed; i++)
        loopback_turn(lb);
    is_uint(lb->thread.n_requests, 2);
    h2o_proceed_response(&taking->req);
    is_true(taking->is_complete && taking->is_broken);
    client_free(taking);
    client_free(leaving);
    loopback_turn(lb);
    is_uint(lb->thread.n_requests, 0);
    lb->thread.app = tg_app_of(loopback_vm(lb, APP));
    loopback_free(lb);
}

TAP_MAIN()

/* rights_bench - what it costs to know who asks and whether they may: the static matrix in C, and a request of a session
 * that is known already.
 *
 *     ninja rights_bench && build/bench/rights_bench
 */
#include "web/loopback.h"

#define ROUNDS 2000000
#define APP                                                                                                            \
    "return {authenticate = function(token)\n"                                                                         \
    "  return {company = tg.id.new('co'), actor = tg.id.new('usr'), session = tg.id.new('ses'),\n"                     \
    "          permissions = {'a:read', 'b:*'}}\n"                                                                     \
    "end, routes = {\n"                                                                                                \
    "  {method = 'GET', path = '/a', permission = 'a:read', handler = function() return 200 end},\n"                   \
    "  {method = 'GET', path = '/b', permission = 'b:write', handler = function() return 200 end},\n"                  \
    "  {method = 'GET', path = '/c', permission = 'c:write', handler = function() return 200 end}}}\n"

static bool is_known;

static void on_decided(struct tg_request *r)
{
    is_known = r->principal != NULL;
}

static void say(const char *what, uint64_t began_ns, unsigned n)
{
    printf("%-78s %8.1f ns\n", what, (double)(tg_clock_mono_us() * 1000 - began_ns) / n);
}

/* A question of the matrix, for a different permission each time; the sum keeps the compiler from answering itself. */
static void measure_matrix(const struct tg_principal *principal)
{
    unsigned n_allowed = 0;
    uint64_t began_ns = tg_clock_mono_us() * 1000;
    for (unsigned i = 0; i < ROUNDS * 10; i++)
        n_allowed += tg_principal_may(principal, (i * 7 + n_allowed) % TG_PERMISSIONS_MAX);
    say("may this principal do that (tg_principal_may, 256 permissions)", began_ns, ROUNDS * 10);
    printf("%-78s %8u\n", "  of these allowed", n_allowed);
}

/* As dispatch does it for each request: token to principal, the question, the end. */
static void measure_request(struct tg_request *r)
{
    uint64_t began_ns = tg_clock_mono_us() * 1000;
    for (unsigned i = 0; i < ROUNDS; i++) {
        tg_auth_start(r, on_decided);
        if (!tg_principal_may(r->principal, 0))
            abort();
        tg_auth_leave(r);
        tg_principal_unref(&r->principal);
    }
    say("token of a known session to its principal, and the question", began_ns, ROUNDS);
}

int main(void)
{
    tg_log_set_level("error");
    struct loopback *lb = loopback_new("", APP);
    struct client *client = client_new(lb, "GET", "/a",
                                       "authorization: Bearer tgs_01h2xcejqtf2nbrexx3vqjhp41_"
                                       "0123456789012345678901234567890123456789012\n",
                                       NULL);
    struct tg_request *r = tg_request_new(&lb->thread, &client->req);
    r->app = tg_app_ref(lb->thread.app);
    tg_auth_start(r, on_decided); /* the first is decided by the application */
    while (!is_known)
        loopback_turn(lb);
    measure_matrix(r->principal);
    tg_auth_leave(r);
    tg_principal_unref(&r->principal);
    measure_request(r);
    tg_request_unref(&r);
    client_free(client);
    loopback_free(lb);
    return 0;
}

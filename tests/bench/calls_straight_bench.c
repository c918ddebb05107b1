/* calls_straight_bench - the straightforward way: the same decisions and the same SQL as the ledger engine's, one
 * transaction an operation, as many connections as asked for. No HTTP: it is given the better end.
 *
 *     calls_straight_bench SECONDS CONNECTIONS COMPANIES     on TOLLGATE_DATABASE_URL, after `tollgate sim calls`
 *
 * Authorizes and settles calls of the companies sim-1 … sim-COMPANIES; ends with one line of JSON.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "charge/engine.h"
#include "cli/sim_stats.h"
#include "io/sqlconn.h"
#include "rt/bundle.h"
#include "rt/rulebook.h"
#include "rt/vm.h"

#define CONNECTIONS_MAX 64
#define COMPANIES_MAX 100000

static struct tg_loop *loop;
static struct tg_engine *engines[CONNECTIONS_MAX];
static unsigned n_engines;
static struct tg_id *companies, platform;
static size_t n_companies;
static uint64_t until_us, n_calls, n_pairs;
static size_t n_under_way;
static struct tg_histogram authorize_us, settle_us;

struct asked { /* a call: authorized, then settled, then the next */
    struct tg_op op;
    unsigned engine;
    uint64_t sent_us;
    char call_id[32], request[300];
};

static void die(const char *what, const struct tg_err *err)
{
    fprintf(stderr, "calls_straight_bench: %s: %s\n", what, err->text);
    exit(1);
}

static void authorize(struct asked *a);

static void settle(struct asked *a);

static void on_settled(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct asked *a = arg;
    (void)op;
    (void)answer;
    if (err != NULL)
        die("settle", err);
    tg_histogram_add(&settle_us, tg_clock_mono_us() - a->sent_us);
    --n_under_way;
    ++n_pairs;
    if (tg_clock_mono_us() < until_us)
        authorize(a);
}

static void on_authorized(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct asked *a = arg;
    (void)op;
    if (err != NULL)
        die("authorize", err);
    if (memmem(answer->json, answer->len, "\"allow\"", 7) == NULL) {
        fprintf(stderr, "calls_straight_bench: %.*s\n", (int)answer->len, answer->json);
        exit(1);
    }
    tg_histogram_add(&authorize_us, tg_clock_mono_us() - a->sent_us);
    --n_under_way;
    settle(a);
}

static void submit(struct asked *a, tg_op_done_fn *done)
{
    struct tg_err err;
    uint8_t digest[TG_SHA256_LEN];
    a->op.caller_company = platform;
    a->op.deadline_mono_us = tg_clock_mono_us() + 60000000;
    a->op.call.call_id = a->call_id;
    tg_sha256(a->call_id, strlen(a->call_id), digest);
    memcpy(a->op.call.key, digest, sizeof(a->op.call.key));
    a->sent_us = tg_clock_mono_us();
    ++n_under_way;
    if (tg_engine_submit(engines[a->engine], loop, &a->op, done, a, &err) != 0)
        die("submit", &err);
}

static void authorize(struct asked *a)
{
    memset(&a->op, 0, sizeof(a->op));
    snprintf(a->call_id, sizeof(a->call_id), "s%x-%" PRIu64, (unsigned)(until_us & 0xffffff), ++n_calls);
    snprintf(
        a->request, sizeof(a->request),
        "{\"agent_id\":\"agent-1\",\"direction\":\"outbound\",\"from\":\"+12125550100\",\"meters\":[\"call.seconds\"],"
        "\"to\":\"+12120000000\"}");
    a->op.kind = TG_OP_AUTHORIZE;
    a->op.call.company = companies[n_calls % n_companies];
    a->op.call.authorize.request = (struct tg_text){a->request, strlen(a->request)};
    a->op.call.authorize.to = "+12120000000";
    a->op.call.authorize.agent_id = "agent-1";
    a->op.call.authorize.request_s = 60;
    memcpy(a->op.call.authorize.hash, a->request, 16);
    submit(a, on_authorized);
}

static void settle(struct asked *a)
{
    struct tg_id company = a->op.call.company;
    memset(&a->op, 0, sizeof(a->op));
    a->op.kind = TG_OP_SETTLE;
    a->op.call.company = company;
    a->op.call.end = (struct tg_call_end){.has_answered_at = true,
                                          .answered_at_us = tg_clock_now_us(),
                                          .duration_ms = 1500,
                                          .status = "answered"};
    submit(a, on_settled);
}

/* --- setting up ---------------------------------------------------------------------------------------------------- */

static void read_ids(const struct tg_dburl *url, const char *sql, struct tg_id *list, size_t max, size_t *n_r)
{
    struct tg_sqlconn *conn = tg_sqlconn_new(url);
    struct tg_dbresult *res;
    struct tg_err err;
    if (tg_sqlconn_query(conn, sql, NULL, 0, &res, &err) != 0)
        die("companies", &err);
    *n_r = tg_dbresult_n_rows(res) < max ? tg_dbresult_n_rows(res) : max;
    for (size_t i = 0; i != *n_r; ++i)
        memcpy(list[i].bytes, tg_dbresult_cell(res, i, 0)->bytes, sizeof(list[i].bytes));
    tg_dbresult_free(&res);
    tg_sqlconn_free(&conn);
}

/* For the engines that are there. */
static void give_rules(struct tg_rulebook *book)
{
    struct tg_luasource *source;
    struct tg_err err;
    struct tg_rulestate state = {.is_confirmed = true};
    if (tg_luasource_read("lua", &source, &err) != 0 || tg_bundle_of_source(source, &state.bundle, &err) != 0)
        die("rules", &err);
    state.host = source;
    if (tg_rulebook_set(book, &state, &err) != 0 || !tg_rulebook_is_applied(book, 20000))
        die("rules", &err);
    tg_bundle_unref(&state.bundle);
    tg_luasource_unref(&source);
}

static void print(uint64_t begun_us)
{
    double seconds = (double)(tg_clock_mono_us() - begun_us) / 1e6;
    printf("{\"pairs\":%" PRIu64 ",\"seconds\":%.3f,\"per_second\":%.1f,\"authorize\":{\"p50_us\":%" PRIu64
           ",\"p99_us\":%" PRIu64 ",\"p999_us\":%" PRIu64 "},\"settle\":{\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64
           ",\"p999_us\":%" PRIu64 "}}\n",
           n_pairs, seconds, (double)n_pairs / seconds, tg_histogram_us(&authorize_us, 500),
           tg_histogram_us(&authorize_us, 990), tg_histogram_us(&authorize_us, 999), tg_histogram_us(&settle_us, 500),
           tg_histogram_us(&settle_us, 990), tg_histogram_us(&settle_us, 999));
}

int main(int argc, char **argv)
{
    struct tg_dburl url;
    struct tg_err err;
    if (argc != 4 || getenv("TOLLGATE_DATABASE_URL") == NULL ||
        tg_dburl_parse(getenv("TOLLGATE_DATABASE_URL"), &url, &err) != 0)
        return 2;
    unsigned seconds = (unsigned)strtoul(argv[1], NULL, 10);
    n_engines = (unsigned)strtoul(argv[2], NULL, 10);
    size_t wanted = strtoul(argv[3], NULL, 10), n_roots;
    if (n_engines < 1 || n_engines > CONNECTIONS_MAX || wanted < 1 || wanted > COMPANIES_MAX)
        return 2;
    companies = tg_calloc(wanted, sizeof(*companies));
    read_ids(&url, "SELECT id FROM companies WHERE parent_id IS NULL", &platform, 1, &n_roots);
    read_ids(&url, "SELECT id FROM companies WHERE external_ref LIKE 'sim-%' ORDER BY id", companies, wanted,
             &n_companies);
    struct tg_rulebook *book = tg_rulebook_new();
    const struct tg_engine_settings one = {.batch_rows_max = 1};
    loop = tg_loop_new();
    for (unsigned i = 0; i != n_engines; ++i)
        engines[i] = tg_engine_new(&url, book, &one);
    if (n_companies == 0 || n_roots == 0)
        return 1;
    give_rules(book);
    uint64_t begun_us = tg_clock_mono_us();
    until_us = begun_us + seconds * UINT64_C(1000000);
    struct asked *calls = tg_calloc(n_engines, sizeof(*calls));
    for (unsigned i = 0; i != n_engines; ++i) {
        calls[i].engine = i;
        authorize(&calls[i]);
    }
    while (n_under_way > 0)
        tg_loop_run_once(loop, 100);
    print(begun_us);
    for (unsigned i = 0; i != n_engines; ++i)
        tg_engine_free(&engines[i]);
    free(calls);
    free(companies);
    return 0;
}

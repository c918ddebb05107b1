/* engine_bench - authorize and settle through the ledger engine alone: no HTTP, a private MariaDB, full durability.
 *
 *     engine_bench [companies [calls-at-a-time [seconds [renewals [events]]]]]
 *
 * From the root of the tree. Each of the calls at a time is authorized, renewed, settled and followed by another; beside
 * them the platform uploads usage, so many events at a time, of its own or (up to 500) of the companies that call. Prints
 * one line: pairs a second, what a pair costs, and how long an operation of each kind took (ms).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "charge/calls_fixture.h"

#define SAMPLES_MAX 4000000

struct one { /* a call, again and again */
    struct asked asked;
    uint64_t began_us;
    unsigned n, n_renewed;
    struct tg_id company;
    int index;
};
static struct {
    int n_companies, n_calls, seconds;
    unsigned renewals;
    struct tg_id *companies;
    uint64_t until_us;
    uint32_t *samples[TG_OPKINDS];
    size_t n_samples[TG_OPKINDS], n_denied;
    int n_live;
} bench;

static void submit(struct one *one, enum tg_opkind kind);

static void on_bench(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct one *one = arg;
    const uint64_t now_us = tg_clock_mono_us();
    if (err != NULL) {
        printf("Bail out! %s\n", err->text);
        exit(1);
    }
    if (bench.n_samples[op->kind] < SAMPLES_MAX)
        bench.samples[op->kind][bench.n_samples[op->kind]++] = (uint32_t)(now_us - one->began_us);
    bench.n_denied += op->kind == TG_OP_AUTHORIZE && answer->json[13] == 'd';
    if (op->kind != TG_OP_SETTLE)
        submit(one, one->n_renewed < bench.renewals ? TG_OP_RENEW : TG_OP_SETTLE);
    else if (now_us < bench.until_us)
        submit(one, TG_OP_AUTHORIZE);
    else
        bench.n_live--;
}

static void submit(struct one *one, enum tg_opkind kind)
{
    struct asked *a = &one->asked;
    struct tg_err err;
    if (kind == TG_OP_AUTHORIZE) {
        char call_id[32];
        one->n++;
        one->n_renewed = 0;
        one->company = bench.companies[((unsigned)one->index * 7919u + one->n * 104729u) % (unsigned)bench.n_companies];
        snprintf(call_id, sizeof(call_id), "b-%d-%u", one->index, one->n);
        asked_begin(a, kind, one->company, call_id);
        snprintf(a->to, sizeof(a->to), "+442079460000");
        snprintf(a->request, sizeof(a->request), "{\"from\":\"+12125550100\",\"to\":\"%s\"}", a->to);
        a->op.call.authorize.request = (struct tg_text){a->request, strlen(a->request)};
        a->op.call.authorize.to = a->to;
    } else if (kind == TG_OP_RENEW) {
        one->n_renewed++;
        a->op.kind = kind;
        a->op.call.renewal = (struct tg_call_renewal){.seq = one->n_renewed, .elapsed_s = one->n_renewed * 20};
    } else {
        a->op.kind = kind;
        a->op.call.end = (struct tg_call_end){.duration_ms = 58000, .status = "answered"};
    }
    a->op.deadline_mono_us = tg_clock_mono_us() + 20000000;
    one->began_us = tg_clock_mono_us();
    if (tg_engine_submit(engine, loop, &a->op, on_bench, one, &err) != 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

/* Processor time so far, in µs: of this process, and of the database. */
static double own_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double database_cpu_us(void)
{
    char path[128], text[1000] = "";
    long pid = 0;
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof(path), "%s/mysql/mysql.pid", services.dir);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%ld", &pid) != 1)
        exit(1);
    fclose(file);
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof(text), file) == NULL)
        exit(1);
    fclose(file);
    const char *rest = strrchr(text, ')');
    if (rest == NULL || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        exit(1);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* --- uploads beside the calls ------------------------------------------------------------------------------------- */

static struct {
    struct tg_op op;
    struct tg_id company;
    int n_events;
    uint64_t n;
} upload;

static void on_uploaded(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg);

static void submit_upload(void)
{
    struct tg_err err;
    struct tg_strbuf body;
    tg_strbuf_init(&body, TG_USAGE_BODY_MAX);
    for (int i = 0; i < upload.n_events; i++) {
        char id[40];
        snprintf(id, sizeof(id), "up-%llu-%d", (unsigned long long)upload.n, i);
        const struct tg_id *company = &bench.companies[(upload.n * 31 + (uint64_t)i) % (uint64_t)bench.n_companies];
        tg_strbuf_append_str(&body, call_event(id, upload.n_events > 500 ? NULL : company, "+12125550100", "61"));
        tg_strbuf_append_char(&body, '\n');
    }
    upload.n++;
    upload.op = (struct tg_op){.kind = TG_OP_USAGE,
                               .caller_company = upload.company,
                               .deadline_mono_us = tg_clock_mono_us() + 60000000};
    if (tg_usage_parse(body.bytes, body.len, &upload.op.usage.batch, &err) != 0 ||
        tg_engine_submit(engine, loop, &upload.op, on_uploaded, NULL, &err) != 0)
        exit(1);
    tg_strbuf_deinit(&body);
    bench.n_live++;
}

static void on_uploaded(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    (void)answer;
    (void)arg;
    if (err != NULL)
        exit(1);
    tg_usage_batch_free(&op->usage.batch);
    bench.n_live--;
    if (tg_clock_mono_us() < bench.until_us)
        submit_upload();
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_kind(enum tg_opkind kind, const char *name)
{
    const size_t n = bench.n_samples[kind];
    if (n == 0)
        return;
    qsort(bench.samples[kind], n, sizeof(uint32_t), compare);
    printf(" %s p50 %.2f p99 %.2f p99.9 %.2f", name, bench.samples[kind][n / 2] / 1e3,
           bench.samples[kind][n * 99 / 100] / 1e3, bench.samples[kind][n * 999 / 1000] / 1e3);
}

static void add_companies(void)
{
    struct tg_err err;
    bench.companies = calloc((size_t)bench.n_companies, sizeof(*bench.companies));
    if (tg_sqlconn_begin(world.conn, &err) != 0)
        exit(1);
    for (int i = 0; i < bench.n_companies; i++) {
        char name[32];
        snprintf(name, sizeof(name), "bench %d", i);
        bench.companies[i] = add_company(name, world.platform, true);
        fund(bench.companies[i], "1000000");
    }
    if (tg_sqlconn_commit(world.conn, &err) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    bench.n_companies = argc > 1 ? atoi(argv[1]) : 1000;
    bench.n_calls = argc > 2 ? atoi(argv[2]) : 200;
    bench.seconds = argc > 3 ? atoi(argv[3]) : 5;
    bench.renewals = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
    begin();
    fprintf(stderr, "services in %s\n", services.dir);
    add_companies();
    for (int kind = 0; kind < TG_OPKINDS; kind++)
        bench.samples[kind] = malloc(SAMPLES_MAX * sizeof(uint32_t));
    struct one *ones = calloc((size_t)bench.n_calls, sizeof(*ones));
    const uint64_t began_us = tg_clock_mono_us();
    const double own_us = own_cpu_us(), database_us = database_cpu_us();
    bench.until_us = began_us + (uint64_t)bench.seconds * 1000000;
    bench.n_live = bench.n_calls;
    for (int i = 0; i < bench.n_calls; i++) {
        ones[i].index = i;
        submit(&ones[i], TG_OP_AUTHORIZE);
    }
    upload.n_events = argc > 5 ? atoi(argv[5]) : 0;
    upload.company = world.platform;
    if (upload.n_events > 0)
        submit_upload();
    while (bench.n_live > 0)
        tg_loop_run_once(loop, 100);
    const double seconds = (double)(tg_clock_mono_us() - began_us) / 1e6;
    const struct tg_engine_stats stats = tg_engine_stats_get(engine);
    const double pairs = (double)bench.n_samples[TG_OP_SETTLE];
    printf("%d companies, %d at a time: %.0f pairs/s, %.0f transactions/s, %.0f operations each, %zu denied, us of "
           "processor a pair: here %.0f, database %.0f, ms:",
           bench.n_companies, bench.n_calls, pairs / seconds, (double)stats.transactions / seconds,
           (double)stats.operations / (double)stats.transactions, bench.n_denied, (own_cpu_us() - own_us) / pairs,
           (database_cpu_us() - database_us) / pairs);
    print_kind(TG_OP_AUTHORIZE, "authorize");
    print_kind(TG_OP_RENEW, "renew");
    print_kind(TG_OP_SETTLE, "settle");
    if (upload.n_events > 0)
        printf(" beside %.0f events/s", (double)upload.n * upload.n_events / seconds);
    printf("\n");
    end();
    return 0;
}

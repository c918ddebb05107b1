/* cmd_sim - `tollgate sim calls`: thousands of live calls against a server, and its books compared with ours (sim.h). */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/id.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/sim.h"

#define TURN_MS 5
#define HANG_UP_WITHIN_MS 5000

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    ++interrupts;
}

/* --- what happens beside the calls --------------------------------------------------------------------------------- */

static double seconds_since(uint64_t begun_us)
{
    return (double)(tg_clock_mono_us() - begun_us) / 1e6;
}

/* Calls a second of ours, now; negative: nobody comes any more. */
static double arrival_rate(const struct tg_sim *sim)
{
    const struct tg_sim_settings *set = sim->set;
    double rate = set->rate;
    if (set->shape.n != 0)
        rate = tg_simshape_rate(&set->shape, seconds_since(sim->stats.begun_us) * set->speed);
    return rate * set->speed;
}

static void arrive(struct tg_sim *sim)
{
    while (!sim->is_over && tg_clock_mono_us() >= sim->next_arrival_us) {
        double rate = arrival_rate(sim);
        if (rate < 0) {
            sim->is_over = true;
            return;
        }
        if (rate == 0) {
            sim->next_arrival_us = tg_clock_mono_us() + 100000;
            return;
        }
        tg_sim_arrive(sim);
        sim->next_arrival_us += (uint64_t)(-log(tg_sim_uniform(sim)) / rate * 1e6);
    }
}

struct look {
    struct tg_sim *sim;
    enum tg_simroute route;
    uint64_t sent_us;
};

static void on_looked(int status, const char *body, size_t len, void *arg)
{
    struct look *look = arg;
    struct tg_simstats_route *route = &look->sim->stats.routes[look->route];
    (void)len;
    if (status == 200) {
        tg_histogram_add(&route->answers, tg_clock_mono_us() - look->sent_us);
    } else if (status == 0) {
        ++route->lost;
    } else if (status == 503 || status == 504 || status == 429) {
        ++route->refused;
    } else if (status != 404) { /* of a call that is not there yet */
        ++route->errors;
        tg_sim_complain(look->sim, "a wallboard is answered %d: %.300s", status, body);
    }
    --look->sim->n_board;
    free(look);
}

/* What a wallboard asks for: one of its four pictures. */
static void look(struct tg_sim *sim)
{
    char path[160];
    const char *company = sim->companies[tg_sim_dice(sim, sim->set->companies)].id;
    enum tg_simroute route = TG_SIM_CALL + (int)tg_sim_dice(sim, 4);
    if (sim->n_board >= 8 || sim->n_calls == 0)
        return;
    const struct tg_simcall *call = sim->calls[sim->n_calls - 1 - tg_sim_dice(sim, (sim->n_calls + 1) / 2)];
    if (route == TG_SIM_CALL)
        snprintf(path, sizeof(path), "/v1/calls/%s-%" PRIu64 "?company=%s", sim->run, call->number,
                 sim->companies[call->company].id);
    else if (route == TG_SIM_CALLS)
        snprintf(path, sizeof(path), "/v1/calls?state=open&limit=50&company=%s", company);
    else if (route == TG_SIM_WALLETS)
        snprintf(path, sizeof(path), "/v1/wallets?company=%s", company);
    else
        snprintf(path, sizeof(path), "/v1/usage/summary?group_by=meter&company=%s", company);
    struct look *l = TG_NEW(struct look);
    *l = (struct look){sim, route, tg_clock_mono_us()};
    struct tg_simhttp_request req = {
        (unsigned)tg_sim_dice(sim, tg_simhttp_n_servers(sim->http)), "GET", path, NULL, NULL, 0, -1};
    ++sim->n_board;
    tg_simhttp_send(sim->http, &req, on_looked, l);
}

static void run_restart(struct tg_sim *sim)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)sim->set->restart, NULL};
    pid_t pid;
    int rc = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ);
    if (rc != 0)
        tg_sim_complain(sim, "%s: %s", sim->set->restart, strerror(rc));
}

/* One of the files names who is killed. */
static void kill_one(struct tg_sim *sim)
{
    char path[1024], text[32] = "";
    const char *at = sim->set->kill_files;
    unsigned n = 1;
    for (const char *p = at; *p != '\0'; ++p)
        n += *p == ',';
    for (uint64_t skip = tg_sim_dice(sim, n); skip > 0; --skip)
        at = strchr(at, ',') + 1;
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, ","), at);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return; /* it has not come back yet */
    long pid = fgets(text, sizeof(text), f) != NULL ? strtol(text, NULL, 10) : 0;
    fclose(f);
    if (pid <= 1 || kill((pid_t)pid, SIGKILL) != 0)
        return;
    ++sim->stats.kills;
    if (sim->set->restart != NULL)
        run_restart(sim);
}

static void do_what_is_due(struct tg_sim *sim)
{
    uint64_t now = tg_clock_mono_us();
    const struct tg_sim_settings *set = sim->set;
    if (set->at_once == 0)
        arrive(sim);
    if (set->kill_files != NULL && now >= sim->next_kill_us) {
        kill_one(sim);
        sim->next_kill_us = now + set->kill_every_s * UINT64_C(1000000);
    }
    if (set->board != 0 && now >= sim->next_board_us) {
        look(sim);
        sim->next_board_us = now + 1000000 / set->board;
    }
    if (set->seconds != 0 && seconds_since(sim->stats.begun_us) >= set->seconds)
        sim->is_over = true;
    if (interrupts > 0)
        sim->is_over = true;
}

static void simulate(struct tg_sim *sim)
{
    tg_simstats_begin(&sim->stats);
    sim->began_at_us = tg_clock_now_us();
    sim->next_arrival_us = sim->stats.begun_us;
    sim->next_kill_us = sim->stats.begun_us + sim->set->kill_every_s * UINT64_C(1000000);
    for (unsigned i = 0; i != sim->set->at_once; ++i)
        tg_sim_arrive(sim);
    while (!sim->is_over) {
        do_what_is_due(sim);
        tg_loop_run_once(sim->loop, TURN_MS);
        tg_simstats_show(&sim->stats, "calls arrive");
    }
    sim->stats.ended_us = tg_clock_mono_us();
    if (sim->set->speed != 0)
        tg_sim_hang_up(sim, HANG_UP_WITHIN_MS);
    while ((sim->n_busy > 0 || sim->n_board > 0) && interrupts < 2) {
        tg_loop_run_once(sim->loop, TURN_MS);
        tg_simstats_show(&sim->stats, "calls end");
    }
    tg_simstats_clear(&sim->stats);
}

/* --- the command --------------------------------------------------------------------------------------------------- */

static int number(const struct tg_args *args, const char *name, double min, double max, double fallback, double *n_r)
{
    const char *text = tg_args_get(args, name);
    char *end;
    *n_r = fallback;
    if (text == NULL)
        return 0;
    *n_r = strtod(text, &end);
    if (*text != '\0' && *end == '\0' && *n_r >= min && *n_r <= max)
        return 0;
    tg_cli_fail(args, "--%s is a number from %g to %g", name, min, max);
    return -1;
}

static int whole(const struct tg_args *args, const char *name, long min, long max, long fallback, unsigned *n_r)
{
    long n = 0;
    if (tg_args_int(args, name, min, max, fallback, &n) != 0)
        return -1;
    *n_r = (unsigned)n;
    return 0;
}

static int read_settings(const struct tg_args *args, struct tg_sim_settings *set)
{
    unsigned calls, seed;
    double slowest = tg_args_has(args, "at-once") ? 0 : 1;
    struct tg_decimal money;
    struct tg_err err;
    if (number(args, "rate", 0.001, 100000, 0, &set->rate) != 0 ||
        number(args, "speed", slowest, 10000, slowest, &set->speed) != 0 ||
        whole(args, "at-once", 1, 100000, 0, &set->at_once) != 0 ||
        whole(args, "calls", 1, 100000000, 0, &calls) != 0 || whole(args, "for", 1, 864000, 0, &set->seconds) != 0 ||
        whole(args, "seed", 0, INT32_MAX, 0, &seed) != 0 ||
        whole(args, "companies", 1, 100000, 20, &set->companies) != 0 ||
        whole(args, "talk", 1, 86400, 188, &set->talk_s) != 0 ||
        whole(args, "slice", 1, 86400, 60, &set->slice_s) != 0 ||
        whole(args, "connections", 1, 10000, 64, &set->connections) != 0 ||
        whole(args, "repeat", 0, 100, 0, &set->repeat) != 0 || whole(args, "drop", 0, 100, 0, &set->drop) != 0 ||
        whole(args, "reorder", 0, 100, 0, &set->reorder) != 0 ||
        whole(args, "abandon", 0, 100, 0, &set->abandon) != 0 ||
        whole(args, "overrun", 0, 100, 50, &set->overrun) != 0 || whole(args, "board", 0, 1000, 0, &set->board) != 0 ||
        whole(args, "kill-every", 1, 86400, 10, &set->kill_every_s) != 0 ||
        whole(args, "retry-seconds", 0, 86400, 60, &set->retry_s) != 0)
        return TG_EXIT_USAGE;
    set->calls_max = calls;
    set->seed = seed;
    set->wait_s = 15;
    set->money = tg_args_get(args, "money") != NULL ? tg_args_get(args, "money") : "100";
    set->kill_files = tg_args_get(args, "kill");
    set->restart = tg_args_get(args, "restart");
    if (tg_decimal_parse(set->money, strlen(set->money), &money, &err) != 0 || tg_decimal_is_negative(money))
        return tg_cli_fail(args, "--money is an amount, not '%s'", set->money), TG_EXIT_USAGE;
    if ((set->rate != 0) + (set->at_once != 0) + tg_args_has(args, "shape") != 1)
        return tg_cli_fail(args, "one of --shape, --rate and --at-once says how calls arrive"), TG_EXIT_USAGE;
    if (calls == 0 && set->seconds == 0 && !tg_args_has(args, "shape"))
        return tg_cli_fail(args, "--calls or --for says when it ends"), TG_EXIT_USAGE;
    if (tg_args_has(args, "shape") && tg_simshape_read(tg_args_get(args, "shape"), &set->shape, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    return TG_EXIT_OK;
}

static int open_sim(const struct tg_args *args, struct tg_sim *sim, struct tg_err *err_r)
{
    const char *urls = tg_args_get(args, "url");
    const struct tg_sim_settings *set = sim->set;
    char first[1024], key[256] = "";
    urls = urls != NULL ? urls : "http://127.0.0.1:8080";
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(urls, ","), urls);
    if (tg_api_open(first, tg_args_get(args, "key-file"), tg_args_get(args, "ca-file"), set->retry_s, &sim->api,
                    err_r) != 0 ||
        tg_api_read_key(tg_args_get(args, "key-file"), key, sizeof(key), err_r) != 0)
        return -1;
    struct tg_simhttp_settings http = {urls, key, tg_args_get(args, "ca-file"), set->connections};
    int rc = tg_simhttp_new(sim->loop, &http, &sim->http, err_r);
    explicit_bzero(key, sizeof(key));
    return rc;
}

static void name_run(struct tg_sim *sim)
{
    char text[TG_ID_TEXT_SIZE];
    uint64_t seed = sim->set->seed;
    tg_id_format(tg_id_new(), "r", text);
    snprintf(sim->run, sizeof(sim->run), "sim%.10s", text + strlen(text) - 10);
    if (seed == 0) {
        tg_random(&seed, sizeof(seed));
        seed &= INT32_MAX;
    }
    sim->random = seed;
    fprintf(stderr, "run %s, --seed %" PRIu64 "\n", sim->run, seed);
}

static uint64_t errors_of(const struct tg_sim *sim)
{
    uint64_t n = 0;
    for (int i = 0; i != TG_SIMROUTES; ++i)
        n += sim->stats.routes[i].errors;
    return n;
}

static void print(const struct tg_args *args, const struct tg_sim *sim, uint64_t differences)
{
    if (!tg_args_has(args, "json")) {
        tg_simstats_print(&sim->stats, stdout);
        return;
    }
    json_t *out = tg_simstats_json(&sim->stats);
    json_object_set_new(out, "differences", json_integer((json_int_t)differences));
    char *text = json_dumps(out, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(out);
}

static int run_sim(const struct tg_args *args, struct tg_sim *sim)
{
    struct tg_err err;
    uint64_t differences = 0;
    if (open_sim(args, sim, &err) != 0 || tg_sim_prepare(sim, &err) != 0)
        return tg_cli_fail(args, "%s", err.text);
    name_run(sim);
    simulate(sim);
    if (sim->n_busy > 0)
        return tg_cli_fail(args, "interrupted with %zu calls under way; nothing was compared", sim->n_busy);
    int rc = tg_sim_check(sim, &differences, &err);
    print(args, sim, differences);
    if (rc != 0)
        return tg_cli_fail(args, "%s", err.text);
    return differences + errors_of(sim) == 0 ? TG_EXIT_OK : TG_EXIT_PARTLY;
}

static int run(const struct tg_args *args)
{
    struct tg_sim_settings set = {.rate = 0};
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = read_settings(args, &set);
    if (code != TG_EXIT_OK)
        return code;
    struct tg_sim sim = {.set = &set, .loop = tg_loop_new()};
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    code = run_sim(args, &sim);
    tg_api_close(&sim.api);
    tg_simshape_free(&set.shape);
    if (sim.n_busy == 0 && sim.n_board == 0) { /* else the process ends with requests under way */
        tg_simhttp_free(&sim.http);
        for (size_t i = 0; i != sim.n_calls; ++i)
            free(sim.calls[i]);
        for (int turn = 0; turn != 3; ++turn) /* sockets that were closed are freed by the loop */
            tg_loop_run_once(sim.loop, 0);
        tg_loop_free(&sim.loop);
    }
    free(sim.calls);
    free(sim.companies);
    return code;
}

static const struct tg_option options[] = {
    {"shape", "FILE[@LABEL]", "how many arrive in each five minutes: rows of label,count; begins at LABEL"},
    {"rate", "N", "calls that arrive in a second, at random (Poisson)"},
    {"at-once", "N", "calls at any time: one begins when one ends; their steps follow at once unless --speed says how"},
    {"speed", "N", "their time runs N times as fast as ours, arrivals included (1)"},
    {"calls", "N", "ends after so many"},
    {"for", "SECONDS", "ends after so long; who still talks hangs up within five seconds"},
    {"companies", "N", "that the calls are of, made when they are not there (20)"},
    {"money", "AMOUNT", "that each begins with, as credit; up to twice as much is left as it is (100)"},
    {"talk", "SECONDS", "that a call lasts on average, lognormal (188)"},
    {"slice", "SECONDS", "asked for at a time (60)"},
    {"seed", "N", "the same seed, the same calls"},
    {"connections", "N", "to each server (64)"},
    {"board", "N", "a wallboard asks so often in a second (0)"},
    {"repeat", "PERCENT", "of requests are sent twice, at once or after the call's end"},
    {"drop", "PERCENT", "of answers are not read: the connection is closed, and the request sent again"},
    {"reorder", "PERCENT", "of renewals are overtaken by the next"},
    {"abandon", "PERCENT", "of calls are never settled"},
    {"overrun", "PERCENT", "of companies use tokens and the grace beyond what was granted; others use seconds (50)"},
    {"kill", "FILE[,FILE]", "pid files: one of these processes is killed now and then"},
    {"kill-every", "SECONDS", "how often (10)"},
    {"restart", "COMMAND", "run after each kill, when nobody else starts it again"},
    {"json", NULL, "end with one line of JSON on stdout"},
    TG_API_OPTIONS,
    {NULL, NULL, NULL},
};
const struct tg_command tg_cmd_sim_calls = {
    "sim calls",
    "",
    0,
    0,
    "Runs thousands of live calls against a server and compares the books",
    "Calls arrive by --shape, --rate or --at-once; each is authorized, rings, talks, is renewed as it was told, and "
    "settled with tokens and characters. They are of companies of their own (external_ref sim-1, sim-2, …) below the "
    "key's, with the deck \"tollgate sim\"; the key must be allowed to make these, and only one simulation at a time. "
    "--url may name several servers on "
    "one "
    "database, with commas between: each request goes to any of them.\n\n"
    "A call's seconds are of its own time, --speed times as fast as ours, and are reported as they are; what the "
    "server "
    "waits for is our time. So no call that is renewed expires; those of --abandon do, two slices (of a minute) after "
    "they were last heard of, and the end waits for that.\n\n"
    "At the end every acknowledged call must be there with its charge, the price of the same seconds by the same deck; "
    "each wallet must have lost what its calls cost and hold nothing. Differences and unexpected answers are told, and "
    "the exit code is 3. Beside arrivals, latencies are from the moment a request was to be sent to its answer.",
    options,
    run};

/* engine_failure_test - the ledger engine when the world fails: killed, cut off, raced, poisoned. Each ends in a check
 * that every event counts once and that the ledger adds up. */
#include "../../../src/charge/batch.c"

#include <pthread.h>

#include "base/fault.h"
#include "charge/verify.h"
#include "fixture.h"

static void on_difference(const struct tg_verify_difference *d, void *arg)
{
    (void)arg;
    printf("# %s: %s\n", d->check, d->text);
}

static void check_ledger(void)
{
    struct tg_verify_counts counts = {0};
    struct tg_err err = {0};
    ok(tg_verify_ledger(world.conn, on_difference, NULL, &counts, &err) == 0, "%s", err.text);
    is_int(counts.differences, 0);
}

static void arm(const char *spec)
{
    struct tg_err err;
    ok(tg_fault_arm(spec, &err) == 0, "armed");
}

static int64_t stored(const char *event_id)
{
    const struct tg_dbval value = TG_DBVAL_STR(event_id);
    return db_int("SELECT COUNT(*) FROM usage_events WHERE event_id LIKE ?", &value, 1);
}

/* --- a poisoned row ----------------------------------------------------------------------------------------------- */

TEST(a_row_that_cannot_be_written_is_rejected_alone)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request r[3];
    char body[4000] = "[";
    for (int i = 0; i < 7; i++) {
        char id[20];
        snprintf(id, sizeof(id), i == 4 ? "poison-%d" : "row-%d", i);
        strcat(strcat(body, call_event(id, NULL, "+12125550100", "61")), ",");
    }
    strcat(strcat(body, call_event("poison-4", NULL, "+12125550100", "61")), "]");
    arm("charge_poisoned_row=hit");
    request_submit(&r[0], engine, loop, world.client, NULL, call_event("row-a", NULL, "+12125550100", "61"));
    request_submit(&r[1], engine, loop, world.client, "key-p", body);
    request_submit(&r[2], engine, loop, world.other, NULL, call_event("row-b", NULL, "+12125550100", "61"));
    for (int i = 0; i < 3; i++) {
        request_wait(&r[i], loop);
        is_str(r[i].err.text, "");
        contains(
            r[i].answer,
            i == 1 ? "{\"accepted\":6,\"duplicates\":0,\"rejected\":[{\"index\":4,\"event_id\":\"poison-4\",\"reason\":"
                     "\"unprocessable\""
                   : "{\"accepted\":1,");
    }
    contains(r[1].answer, "{\"index\":7,\"event_id\":\"poison-4\",\"reason\":\"unprocessable\"");
    tg_fault_disarm_all();
    is_int(stored("poison%"), 0);
    is_int(stored("row-%"), 8);
    is_str(balance_of(world.client), "-0.168");
    check_ledger();
    for (int i = 0; i < 3; i++)
        request_end(&r[i]);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* --- a COMMIT whose answer is lost -------------------------------------------------------------------------------- */

TEST(a_lost_answer_to_commit_changes_no_answer)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    char body[2000];
    snprintf(body, sizeof(body), "[%s,%s,%s]", call_event("lost-1", NULL, "+12125550100", "61"),
             call_event("lost-2", NULL, "+3312345678", "61"), call_event("lost-1", NULL, "+12125550100", "61"));
    arm("charge_lost_commit_reply=hit:1x1");
    const char *answer = ask(engine, loop, world.client, body);
    contains(
        answer,
        "{\"accepted\":2,\"duplicates\":1,\"rejected\":[],\"outcomes\":{\"rated\":1,\"not_billable\":0,\"no_rate\":1,");
    tg_fault_disarm_all();
    arm("charge_lost_commit_reply=hit:1x2");
    struct request r;
    request_submit(&r, engine, loop, world.client, "key-lost", call_event("lost-3", NULL, "+12125550100", "61"));
    request_wait(&r, loop);
    contains(r.answer, "{\"accepted\":1,\"duplicates\":0,");
    ok(!r.is_replay, "it is the first answer, not a repeat");
    request_end(&r);
    tg_fault_disarm_all();
    is_int(stored("lost-%"), 3);
    check_ledger();
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* --- kill -9 ------------------------------------------------------------------------------------------------------ */

/* An engine of its own in a child process, which the fault kills. */
static void in_child(const char *fault, const char *key, const char *body)
{
    world_begin();
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        struct tg_err err;
        world.conn = tg_sqlconn_new(&world.url); /* the parent's connection is the parent's */
        struct tg_engine *engine = engine_begin();
        struct tg_loop *loop = tg_loop_new();
        if (tg_fault_arm(fault, &err) == 0)
            ask_keyed(engine, loop, world.platform, key, body);
        _exit(0);
    }
    ok(tap_died(child), "killed at %s", fault);
}

TEST(after_kill_9_a_repeat_with_the_key_gives_the_answer_the_first_would_have_given)
{
    static const char *const faults[] = {"charge_before_commit=kill", "charge_after_commit=kill"};
    for (int i = 0; i < 4; i++) {
        const bool has_key = i < 2, was_committed = i % 2 == 1;
        char key[20], first[20], second[20], body[2000];
        snprintf(key, sizeof(key), "key-kill-%d", i);
        snprintf(first, sizeof(first), "kill-%d-a", i);
        snprintf(second, sizeof(second), "kill-%d-b", i);
        snprintf(body, sizeof(body), "[%s,%s,%s,{}]", call_event(first, &world.client, "+12125550100", "61"),
                 call_event(second, &world.other, "+12125550100", "61"),
                 call_event(first, &world.client, "+12125550100", "61"));
        in_child(faults[i % 2], has_key ? key : NULL, body);
        is_int(db_int("SELECT COUNT(*) FROM usage_events WHERE event_id IN (?, ?)",
                      (struct tg_dbval[]){TG_DBVAL_STR(first), TG_DBVAL_STR(second)}, 2),
               was_committed ? 2 : 0);
        struct tg_engine *engine = engine_begin();
        struct tg_loop *loop = tg_loop_new();
        for (int repeat = 0; repeat < 2; repeat++) {
            const bool counts_again = has_key || (!was_committed && repeat == 0);
            const char *answer = ask_keyed(engine, loop, world.platform, has_key ? key : NULL, body);
            contains(answer, counts_again ? "{\"accepted\":2,\"duplicates\":1,\"rejected\":[{\"index\":3,"
                                          : "{\"accepted\":0,\"duplicates\":3,\"rejected\":[{\"index\":3,");
        }
        tg_engine_free(&engine);
        tg_loop_free(&loop);
    }
    is_int(stored("kill-%"), 8);
    check_ledger();
}

/* --- the database is away ----------------------------------------------------------------------------------------- */

TEST(a_database_that_is_away_costs_time_and_no_event)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request patient, hasty = {0};
    services_kill_db();
    tg_sqlconn_free(&world.conn);
    request_submit(&patient, engine, loop, world.client, "key-away", call_event("away-1", NULL, "+12125550100", "61"));
    hasty.op.deadline_mono_us = tg_clock_mono_us() + 300000;
    request_submit_until(&hasty, engine, loop, world.client, NULL, call_event("away-2", NULL, "+12125550100", "61"));
    request_wait(&hasty, loop);
    is_int(hasty.err.code, TG_ERR_UPSTREAM);
    contains(hasty.err.text, "nothing was stored");
    ok(!patient.is_done, "the other waits");
    ok(services_start(), "the database is back");
    world.conn = tg_sqlconn_new(&world.url);
    request_wait(&patient, loop);
    contains(patient.answer, "{\"accepted\":1");
    is_int(stored("away-%"), 1);
    contains(ask(engine, loop, world.client, call_event("away-2", NULL, "+12125550100", "61")), "{\"accepted\":1");
    check_ledger();
    request_end(&patient);
    request_end(&hasty);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

static int64_t seconds_since(uint64_t started_us)
{
    return (int64_t)((tg_clock_mono_us() - started_us) / 1000000);
}

/* Stopped, it takes connections and says nothing: the worst kind of away. */
TEST(a_database_that_falls_silent_is_said_to_be_away_within_seconds_and_nothing_counts_twice)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request first, later;
    contains(ask(engine, loop, world.client, call_event("hush-0", NULL, "+12125550100", "61")), "{\"accepted\":1");
    services_kill("mysql/mysql.pid", SIGSTOP);
    const uint64_t started_us = tg_clock_mono_us();
    request_submit(&first, engine, loop, world.client, NULL, call_event("hush-1", NULL, "+12125550100", "61"));
    request_wait(&first, loop);
    is_int(first.err.code, TG_ERR_UPSTREAM); /* COMMIT was never sent */
    request_submit(&later, engine, loop, world.client, "key-hush", call_event("hush-2", NULL, "+12125550100", "61"));
    request_wait(&later, loop);
    is_int(later.err.code, TG_ERR_UPSTREAM);
    ok(seconds_since(started_us) < 18, "both answered after %d s", (int)seconds_since(started_us));
    request_end(&later);
    request_submit(&later, engine, loop, world.client, "key-hush", call_event("hush-2", NULL, "+12125550100", "61"));
    services_kill("mysql/mysql.pid", SIGCONT);
    request_wait(&later, loop);
    contains(later.answer, "{\"accepted\":1,\"duplicates\":0,");
    contains(ask(engine, loop, world.client, call_event("hush-1", NULL, "+12125550100", "61")), "{\"accepted\":1");
    is_int(stored("hush-%"), 3);
    check_ledger();
    request_end(&first);
    request_end(&later);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* Stops the database while the engine stands before COMMIT. */
static void *stop_before_commit(void *arg)
{
    (void)arg;
    services_sleep_ms(300);
    services_kill("mysql/mysql.pid", SIGSTOP);
    return NULL;
}

TEST(a_commit_without_an_answer_is_uncertain_until_the_database_is_back_and_then_the_ids_decide)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    pthread_t stopper;
    for (int turn = 0; turn < 2; turn++) { /* the second time the caller does not wait for so long */
        struct request r = {0};
        const char *event = call_event(turn == 0 ? "mute-0" : "mute-1", NULL, "+12125550100", "61");
        arm("charge_before_commit=sleep-800:1x1");
        if (turn == 1)
            r.op.deadline_mono_us = tg_clock_mono_us() + 2000000;
        ok(pthread_create(&stopper, NULL, stop_before_commit, NULL) == 0, "a thread");
        request_submit_until(&r, engine, loop, world.client, "key-mute", event);
        pthread_join(stopper, NULL);
        for (const uint64_t until_us = tg_clock_mono_us() + 7000000; tg_clock_mono_us() < until_us && !r.is_done;)
            tg_loop_run_once(loop, 100);
        if (turn == 0) {
            ok(!r.is_done, "nobody is told anything yet");
            services_kill("mysql/mysql.pid", SIGCONT);
            request_wait(&r, loop);
            contains(r.answer, "{\"accepted\":1,\"duplicates\":0,");
            ok(!r.is_replay, "it is the first answer");
        } else {
            request_wait(&r, loop);
            is_int(r.err.code, TG_ERR_UNCERTAIN);
            services_kill("mysql/mysql.pid", SIGCONT);
        }
        tg_fault_disarm_all();
        request_end(&r);
        if (turn == 0)
            DB_INT("DELETE FROM operations WHERE idempotency_key = 'key-mute'");
    }
    contains(ask_keyed(engine, loop, world.client, "key-mute", call_event("mute-1", NULL, "+12125550100", "61")),
             "{\"accepted\":1,\"duplicates\":0,");
    is_int(stored("mute-%"), 2);
    check_ledger();
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

TEST(an_engine_that_ends_while_the_database_is_away_answers_and_does_not_hang)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request r;
    services_kill_db();
    tg_sqlconn_free(&world.conn);
    request_submit(&r, engine, loop, world.client, NULL, call_event("end-1", NULL, "+12125550100", "61"));
    tg_engine_free(&engine);
    request_wait(&r, loop);
    is_int(r.err.code, TG_ERR_UPSTREAM);
    request_end(&r);
    tg_loop_free(&loop);
    ok(services_start(), "the database is back");
    world.conn = tg_sqlconn_new(&world.url);
}

TEST(a_killed_connection_inside_the_transaction_is_retried_whole)
{
    struct tg_engine *engine = engine_begin();
    struct tg_loop *loop = tg_loop_new();
    struct request r;
    arm("charge_before_commit=sleep-300:1x1");
    request_submit(&r, engine, loop, world.client, NULL, call_event("cut-1", NULL, "+12125550100", "61"));
    for (int i = 0; i < 10; i++)
        tg_loop_run_once(loop, 10);
    const int64_t thread =
        DB_INT("SELECT p.id FROM information_schema.processlist p JOIN information_schema.innodb_trx t"
               " ON t.trx_mysql_thread_id = p.id WHERE p.id <> CONNECTION_ID() LIMIT 1");
    char kill_sql[60];
    snprintf(kill_sql, sizeof(kill_sql), "KILL CONNECTION %" PRId64, thread);
    ok(thread != 0, "the transaction is open");
    DB_INT(kill_sql);
    request_wait(&r, loop);
    contains(r.answer, "{\"accepted\":1,\"duplicates\":0,");
    tg_fault_disarm_all();
    is_int(stored("cut-1"), 1);
    check_ledger();
    request_end(&r);
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

/* --- two engines, one database ------------------------------------------------------------------------------------ */

#define RACE_REQUESTS 60
#define RACE_EVENTS 20

static void race_body(char *body, size_t size, int request)
{
    size_t n = 0;
    for (int k = 0; k < RACE_EVENTS; k++) {
        static const int primes[] = {7, 11, 13};
        const int event = (request * primes[k % 3] + k * 5) % 400; /* many meet */
        const struct tg_id *company = event % 3 == 0 ? &world.client : event % 3 == 1 ? &world.other : &world.agency;
        char id[20];
        snprintf(id, sizeof(id), "race-%d", event);
        n += (size_t)snprintf(body + n, size - n, "%s\n", call_event(id, company, "+12125550100", "61"));
    }
}

static int64_t number_in(const char *answer, const char *name)
{
    const char *at = strstr(answer, name);
    return at == NULL ? -1000000 : atoll(at + strlen(name));
}

TEST(two_engines_on_one_database_count_each_event_once)
{
    struct tg_engine *engines[2] = {engine_begin(), engine_begin()};
    struct tg_loop *loop = tg_loop_new();
    static struct request r[2][RACE_REQUESTS];
    static char bodies[RACE_REQUESTS][RACE_EVENTS * 400];
    char before[60];
    snprintf(before, sizeof(before), "%s", balance_of(world.client));
    for (int i = 0; i < RACE_REQUESTS; i++) {
        race_body(bodies[i], sizeof(bodies[i]), i);
        for (int e = 0; e < 2; e++)
            ok(request_submit(&r[e][i], engines[e], loop, world.platform, NULL, bodies[i]), "taken");
    }
    int64_t accepted = 0, duplicates = 0;
    for (int i = 0; i < RACE_REQUESTS; i++) {
        for (int e = 0; e < 2; e++) {
            request_wait(&r[e][i], loop);
            is_str(r[e][i].err.text, "");
            accepted += number_in(r[e][i].answer, "\"accepted\":");
            duplicates += number_in(r[e][i].answer, "\"duplicates\":");
            request_end(&r[e][i]);
        }
    }
    is_int(accepted + duplicates, 2 * RACE_REQUESTS * RACE_EVENTS);
    is_int(accepted, stored("race-%"));
    ok(accepted <= 400 && accepted > 100, "%" PRId64 " distinct", accepted);
    check_ledger();
    const struct tg_engine_stats a = tg_engine_stats_get(engines[0]), b = tg_engine_stats_get(engines[1]);
    printf("# transactions %" PRIu64 " + %" PRIu64 ", deferred %" PRIu64 ", retried %" PRIu64 "\n", a.transactions,
           b.transactions, a.deferred + b.deferred, a.retries + b.retries);
    tg_engine_free(&engines[0]);
    tg_engine_free(&engines[1]);
    tg_loop_free(&loop);
}

TEST(the_same_key_at_two_engines_at_once_is_one_operation)
{
    struct tg_engine *engines[2] = {engine_begin(), engine_begin()};
    struct tg_loop *loop = tg_loop_new();
    for (int turn = 0; turn < 20; turn++) {
        struct request r[2];
        char key[20], id[20];
        snprintf(key, sizeof(key), "key-two-%d", turn);
        snprintf(id, sizeof(id), "two-%d", turn);
        const char *body = call_event(id, NULL, "+12125550100", "61");
        for (int e = 0; e < 2; e++)
            request_submit(&r[e], engines[e], loop, world.client, key, body);
        for (int e = 0; e < 2; e++) {
            request_wait(&r[e], loop);
            contains(r[e].answer, "{\"accepted\":1,\"duplicates\":0,");
        }
        is_int(r[0].is_replay + r[1].is_replay, 1);
        request_end(&r[0]);
        request_end(&r[1]);
    }
    is_int(stored("two-%"), 20);
    check_ledger();
    tg_engine_free(&engines[0]);
    tg_engine_free(&engines[1]);
    tg_loop_free(&loop);
}

TAP_MAIN()

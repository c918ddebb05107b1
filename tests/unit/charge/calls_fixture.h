/* calls_fixture - live calls for the engine's tests: operations made by hand, money in wallets. */
#ifndef TG_TESTS_CHARGE_CALLS_FIXTURE_H
#define TG_TESTS_CHARGE_CALLS_FIXTURE_H

#include "fixture.h"

static struct tg_engine *engine;
static struct tg_loop *loop;

/* An engine, and books with nothing in them. */
static inline void begin(void)
{
    engine = engine_begin();
    loop = tg_loop_new();
    static const char *const tables[] = {"calls",        "call_debits",     "call_counters",
                                         "usage_events", "ledger_postings", "ledger_entries",
                                         "operations",   "wallets",         "jobs"};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char sql[60];
        snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[i]);
        db_int(sql, NULL, 0);
    }
}

static inline void end(void)
{
    tg_engine_free(&engine);
    tg_loop_free(&loop);
}

static inline void fund(struct tg_id company, const char *amount)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(company), TG_DBVAL_ID(tg_id_new()), TG_DBVAL_STR(amount)};
    db_int("REPLACE INTO wallets (company_id, id, currency, balance, created_at) VALUES (?, ?, 'USD', ?, NOW())",
           values, 3);
}

static inline const char *purse_of(struct tg_id company)
{
    return db_text("SELECT CONCAT('balance ', TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM balance)), ' held ',"
                   " TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM held)), ' open ', open_calls)"
                   " FROM wallets WHERE company_id = ?",
                   &TG_DBVAL_ID(company), 1);
}

static struct tg_sqlconn *locker;

/* The engine cannot have this wallet, so that what is submitted meanwhile waits together. */
static inline void lock_wallet(struct tg_id company)
{
    struct tg_err err = {0};
    struct tg_dbresult *res;
    locker = tg_sqlconn_new(&world.url);
    ok(tg_sqlconn_begin(locker, &err) == 0, "%s", err.text);
    ok(tg_sqlconn_query(locker, "SELECT id FROM wallets WHERE company_id = ? FOR UPDATE", &TG_DBVAL_ID(company), 1,
                        &res, &err) == 0,
       "%s", err.text);
    tg_dbresult_free(&res);
}

static inline void unlock_wallet(void)
{
    tg_sqlconn_rollback(locker);
    tg_sqlconn_free(&locker);
}

/* --- operations --------------------------------------------------------------------------------------------------- */

struct asked {
    struct tg_op op;
    char call_id[32], to[32], request[200];
    bool is_done, is_replay;
    char answer[3000]; /* or the error */
};
static struct asked last;

static inline void on_asked(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct asked *a = arg;
    (void)op;
    a->is_done = true;
    if (err != NULL) {
        snprintf(a->answer, sizeof(a->answer), "%s: %s", tg_errcode_name(err->code), err->text);
    } else {
        snprintf(a->answer, sizeof(a->answer), "%.*s", (int)answer->len, answer->json);
        a->is_replay = answer->is_replay;
    }
}

static inline void asked_begin(struct asked *a, enum tg_opkind kind, struct tg_id caller, const char *call_id)
{
    memset(a, 0, sizeof(*a));
    snprintf(a->call_id, sizeof(a->call_id), "%s", call_id);
    a->op.kind = kind;
    a->op.caller_company = caller;
    a->op.deadline_mono_us = tg_clock_mono_us() + 20000000;
    a->op.call.call_id = a->call_id;
    tg_call_key(a->call_id, a->op.call.key);
}

static inline void asked_submit(struct asked *a)
{
    struct tg_err err;
    if (tg_engine_submit(engine, loop, &a->op, on_asked, a, &err) != 0)
        on_asked(&a->op, NULL, &err, a);
}

static inline void asked_wait(struct asked *a)
{
    while (!a->is_done)
        tg_loop_run_once(loop, 100);
}

static inline void submit_authorize(struct asked *a, struct tg_id caller, const struct tg_id *company,
                                    const char *call_id, const char *to)
{
    asked_begin(a, TG_OP_AUTHORIZE, caller, call_id);
    if (company != NULL)
        a->op.call.company = *company;
    snprintf(a->to, sizeof(a->to), "%s", to);
    snprintf(a->request, sizeof(a->request), "{\"from\":\"+12125550100\",\"to\":\"%s\"}", to);
    a->op.call.authorize.request = (struct tg_text){a->request, strlen(a->request)};
    a->op.call.authorize.to = a->to;
    memcpy(a->op.call.authorize.hash, a->to, 16);
    asked_submit(a);
}

static inline void submit_renew(struct asked *a, struct tg_id caller, const char *call_id, uint32_t seq,
                                uint32_t elapsed_s)
{
    asked_begin(a, TG_OP_RENEW, caller, call_id);
    a->op.call.renewal = (struct tg_call_renewal){.seq = seq, .elapsed_s = elapsed_s};
    asked_submit(a);
}

static inline void submit_settle(struct asked *a, struct tg_id caller, const char *call_id, int64_t duration_ms)
{
    asked_begin(a, TG_OP_SETTLE, caller, call_id);
    a->op.call.end = (struct tg_call_end){.duration_ms = duration_ms, .status = "answered"};
    asked_submit(a);
}

static inline const char *authorize_for(struct tg_id caller, const struct tg_id *company, const char *call_id,
                                        const char *to)
{
    submit_authorize(&last, caller, company, call_id, to);
    asked_wait(&last);
    return last.answer;
}

static inline const char *authorize(struct tg_id caller, const char *call_id, const char *to)
{
    return authorize_for(caller, NULL, call_id, to);
}

static inline const char *renew(struct tg_id caller, const char *call_id, uint32_t seq, uint32_t elapsed_s)
{
    submit_renew(&last, caller, call_id, seq, elapsed_s);
    asked_wait(&last);
    return last.answer;
}

static inline const char *settle(struct tg_id caller, const char *call_id, int64_t duration_ms)
{
    submit_settle(&last, caller, call_id, duration_ms);
    asked_wait(&last);
    return last.answer;
}

static inline const char *expire(struct tg_id company, const char *call_id)
{
    asked_begin(&last, TG_OP_EXPIRE, company, call_id);
    asked_submit(&last);
    asked_wait(&last);
    return last.answer;
}

/* An event of 60 seconds that names the call. */
static inline const char *call_event_of(const char *call_id, const char *event_id)
{
    static char out[500];
    snprintf(out, sizeof(out),
             "{\"event_id\":\"%s\",\"source\":\"gw\",\"meter\":\"call.seconds\",\"call_id\":\"%s\",\"event_time\":"
             "\"2026-07-15T10:00:00Z\",\"quantity\":\"60\",\"properties\":{\"to\":\"+442079460000\"}}",
             event_id, call_id);
    return out;
}

#endif

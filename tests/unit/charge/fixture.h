/* fixture - a migrated private database with a small tree of companies and a rate deck, for the engine's tests.
 *
 *   platform ── agency ── client
 *            └─ other               stranger (a tree of its own)
 *
 * All but `bare` use deck `deck`: prefix 1 at 0.0120/min 60/60, 44 at 0.03/min 1/1, 99 blocked. `bare`, below the
 * platform, has no deck.
 */
#ifndef TG_TESTS_CHARGE_FIXTURE_H
#define TG_TESTS_CHARGE_FIXTURE_H

#include "base/clock.h"
#include "base/hash.h"
#include "charge/engine.h"
#include "io/migrate.h"
#include "io/services.h"
#include "io/sqlconn.h"
#include "rt/rulebook.h"
#include "tap.h"

static struct {
    struct tg_dburl url;
    struct tg_sqlconn *conn;
    struct tg_rulebook *book;
    struct tg_id platform, agency, client, other, stranger, bare, deck;
} world;

/* One statement that must succeed; returns the first cell as an integer (0: none). */
static int64_t db_int(const char *sql, const struct tg_dbval *values, size_t n)
{
    struct tg_dbresult *res;
    struct tg_err err = {0};
    if (tg_sqlconn_query(world.conn, sql, values, n, &res, &err) != 0) {
        printf("Bail out! %s: %s\n", sql, err.text);
        exit(1);
    }
    int64_t value = 0;
    if (tg_dbresult_n_rows(res) > 0) {
        const struct tg_dbval *cell = tg_dbresult_cell(res, 0, 0);
        int64_t whole = 0;
        if (cell->type == TG_DB_DECIMAL && tg_decimal_to_int(cell->dec, &whole))
            value = whole;
        else if (cell->type == TG_DB_INT)
            value = cell->num;
    }
    tg_dbresult_free(&res);
    return value;
}

/* The first cell as text, in a static buffer. */
static const char *db_text(const char *sql, const struct tg_dbval *values, size_t n)
{
    static char text[4000];
    struct tg_dbresult *res;
    struct tg_err err = {0};
    if (tg_sqlconn_query(world.conn, sql, values, n, &res, &err) != 0) {
        printf("Bail out! %s: %s\n", sql, err.text);
        exit(1);
    }
    text[0] = '\0';
    if (tg_dbresult_n_rows(res) > 0) {
        const struct tg_dbval *cell = tg_dbresult_cell(res, 0, 0);
        if (cell->type == TG_DB_DECIMAL)
            tg_decimal_format(cell->dec, text);
        else if (cell->type == TG_DB_BYTES)
            snprintf(text, sizeof(text), "%.*s", (int)cell->len, cell->bytes);
        else
            snprintf(text, sizeof(text), "%s", cell->type == TG_DB_NULL ? "NULL" : "?");
    }
    tg_dbresult_free(&res);
    return text;
}

#define DB_INT(sql) db_int(sql, NULL, 0)
#define DB_TEXT(sql) db_text(sql, NULL, 0)

static inline const char *balance_of(struct tg_id company)
{
    return db_text("SELECT balance FROM wallets WHERE company_id = ?", &TG_DBVAL_ID(company), 1);
}

static struct tg_id add_company(const char *name, struct tg_id parent, bool has_deck)
{
    const struct tg_id id = tg_id_new();
    const bool is_root = tg_id_equal(parent, (struct tg_id){{0}});
    const struct tg_dbval values[] = {TG_DBVAL_ID(id), is_root ? TG_DBVAL_NULL : TG_DBVAL_ID(parent),
                                      TG_DBVAL_STR(name), has_deck ? TG_DBVAL_ID(world.deck) : TG_DBVAL_NULL,
                                      TG_DBVAL_TIME(tg_clock_now_us())};
    db_int("INSERT INTO companies (id, parent_id, name, currency, rate_deck_id, created_at, updated_at)"
           " SELECT ?, ?, ?, 'USD', ?, t.at, t.at FROM (SELECT ? AS at) t",
           values, 5);
    const struct tg_dbval own[] = {TG_DBVAL_ID(id), TG_DBVAL_ID(id)};
    db_int("INSERT INTO company_tree VALUES (?, ?, 0)", own, 2);
    const struct tg_dbval above[] = {TG_DBVAL_ID(id), TG_DBVAL_ID(parent)};
    db_int("INSERT INTO company_tree SELECT ancestor_id, ?, depth + 1 FROM company_tree WHERE descendant_id = ?", above,
           2);
    return id;
}

static void add_rate(int row_no, const char *prefix, const char *per_minute, int initial_s, int increment_s,
                     int blocked)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(world.deck),  TG_DBVAL_INT(row_no),    TG_DBVAL_STR(prefix),
                                      TG_DBVAL_STR(per_minute), TG_DBVAL_INT(initial_s), TG_DBVAL_INT(increment_s),
                                      TG_DBVAL_INT(blocked)};
    db_int("INSERT INTO rate_deck_rows (deck_id, version, row_no, prefix, per_minute, initial_s, increment_s, blocked)"
           " VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
           values, 7);
}

static void add_deck(struct tg_id owner)
{
    const int64_t now_us = tg_clock_now_us();
    const struct tg_dbval deck[] = {TG_DBVAL_ID(owner), TG_DBVAL_ID(world.deck), TG_DBVAL_TIME(now_us),
                                    TG_DBVAL_TIME(now_us)};
    db_int("INSERT INTO rate_decks VALUES (?, ?, 'deck', 'USD', 1, ?, ?)", deck, 4);
    const struct tg_dbval version[] = {TG_DBVAL_ID(world.deck), TG_DBVAL_STR("12345678901234567890123456789012"),
                                       TG_DBVAL_TIME(now_us)};
    db_int("INSERT INTO rate_deck_versions VALUES (?, 1, 'ready', ?, 3, '{}', ?)", version, 3);
    add_rate(1, "1", "0.0120", 60, 60, 0);
    add_rate(2, "44", "0.03", 1, 1, 0);
    add_rate(3, "99", "0", 1, 1, 1);
}

static inline void world_begin(void)
{
    if (world.conn != NULL)
        return;
    struct tg_err err = {0};
    size_t n_applied;
    world.url = services_dburl();
    world.conn = tg_sqlconn_new(&world.url);
    if (tg_migrate_up(world.conn, "migrations", NULL, NULL, &n_applied, &err) != 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    const struct tg_id none = {{0}};
    world.deck = tg_id_new();
    world.platform = add_company("platform", none, true);
    add_deck(world.platform);
    world.agency = add_company("agency", world.platform, true);
    world.client = add_company("client", world.agency, true);
    world.other = add_company("other", world.platform, true);
    world.bare = add_company("bare", world.platform, false);
    world.stranger = add_company("stranger", none, true);
}

/* --- an engine and requests to it --------------------------------------------------------------------------------- */

struct request {
    struct tg_op op;
    bool is_done;
    char answer[3000]; /* cut */
    bool is_replay;
    struct tg_err err;
};

/* The rules of src; waits until every seat has them. */
static inline int rules_set_as(struct tg_luasource *src, uint64_t revision, bool is_confirmed, struct tg_err *err_r)
{
    struct tg_rulestate state = {.host = src, .revision = revision, .is_confirmed = is_confirmed};
    if (tg_bundle_of_source(src, &state.bundle, err_r) != 0)
        return -1;
    const int status = tg_rulebook_set(world.book, &state, err_r);
    tg_bundle_unref(&state.bundle);
    return status == 0 && tg_rulebook_is_applied(world.book, 5000) ? 0 : -1;
}

/* As if the database had said so. */
static inline int rules_set(struct tg_luasource *src, uint64_t revision, struct tg_err *err_r)
{
    return rules_set_as(src, revision, true, err_r);
}

static inline struct tg_engine *engine_begin_with(const struct tg_engine_settings *set)
{
    struct tg_luasource *src;
    struct tg_err err = {0};
    world_begin();
    if (world.book == NULL)
        world.book = tg_rulebook_new();
    struct tg_engine *engine = tg_engine_new(&world.url, world.book, set);
    if (tg_luasource_read("lua", &src, &err) != 0 || rules_set(src, 0, &err) != 0) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
    tg_luasource_unref(&src);
    return engine;
}

static inline struct tg_engine *engine_begin(void)
{
    return engine_begin_with(&(struct tg_engine_settings){0});
}

static inline void on_done(struct tg_op *op, const struct tg_op_answer *answer, const struct tg_err *err, void *arg)
{
    struct request *r = arg;
    (void)op;
    r->is_done = true;
    if (err != NULL) {
        r->err = *err;
    } else {
        snprintf(r->answer, sizeof(r->answer), "%.*s", (int)answer->len, answer->json);
        r->is_replay = answer->is_replay;
    }
}

/* Parses body and submits it for caller, until r->op.deadline_mono_us (0: 20 s); false when the engine did not take it (r->err). */
static inline bool request_submit_until(struct request *r, struct tg_engine *engine, struct tg_loop *loop,
                                        struct tg_id caller, const char *key, const char *body)
{
    r->is_done = false;
    if (tg_usage_parse(body, strlen(body), &r->op.usage.batch, &r->err) != 0) {
        printf("Bail out! %s\n", r->err.text);
        exit(1);
    }
    r->op.caller_company = caller;
    r->op.usage.idempotency_key = key;
    tg_sha256(body, strlen(body), r->op.usage.request_hash);
    if (r->op.deadline_mono_us == 0)
        r->op.deadline_mono_us = tg_clock_mono_us() + 20000000;
    return tg_engine_submit(engine, loop, &r->op, on_done, r, &r->err) == 0;
}

static inline bool request_submit(struct request *r, struct tg_engine *engine, struct tg_loop *loop,
                                  struct tg_id caller, const char *key, const char *body)
{
    *r = (struct request){0};
    return request_submit_until(r, engine, loop, caller, key, body);
}

static inline void request_wait(struct request *r, struct tg_loop *loop)
{
    while (!r->is_done)
        tg_loop_run_once(loop, 100);
}

static inline void request_end(struct request *r)
{
    tg_usage_batch_free(&r->op.usage.batch);
}

/* Submits, waits and returns the answer (static) or the error's name. */
static inline const char *ask_keyed(struct tg_engine *engine, struct tg_loop *loop, struct tg_id caller,
                                    const char *key, const char *body)
{
    static char answer[3000];
    struct request r;
    if (request_submit(&r, engine, loop, caller, key, body))
        request_wait(&r, loop);
    if (r.err.code != TG_ERR_NONE)
        snprintf(answer, sizeof(answer), "%s: %s", tg_errcode_name(r.err.code), r.err.text);
    else
        memcpy(answer, r.answer, sizeof(answer));
    request_end(&r);
    return answer;
}

#define ask(engine, loop, caller, body) ask_keyed(engine, loop, caller, NULL, body)

/* A call event as JSON, in one of 8 static buffers. company NULL: the caller's. */
static inline const char *call_event(const char *id, const struct tg_id *company, const char *to, const char *seconds)
{
    static char buffers[8][500];
    static unsigned turn;
    char *out = buffers[turn++ % 8], text[TG_ID_TEXT_SIZE] = "", member[80] = "";
    if (company != NULL) {
        tg_id_format(*company, "co", text);
        snprintf(member, sizeof(member), "\"company\":\"%s\",", text);
    }
    snprintf(
        out, sizeof(buffers[0]),
        "{\"event_id\":\"%s\",\"source\":\"gw\",\"meter\":\"call.seconds\",%s\"event_time\":\"2026-07-15T10:00:00Z\","
        "\"quantity\":\"%s\",\"properties\":{\"to\":\"%s\",\"status\":\"answered\"}}",
        id, member, seconds, to);
    return out;
}

#endif

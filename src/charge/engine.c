/* engine - the ledger engine: its lanes, and the way into them. */
#include "charge/engine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "charge/engine_metrics.h"
#include "charge/lane.h"
#include "io/dbsession.h"

#define QUEUE_ROWS_MAX 100000
#define BATCH_ROWS_MAX 5000
#define FAST_ROWS_MAX 2000 /* of a batch in the fast lane: a call that comes meanwhile waits so long */
#define BULK_ROWS 500 /* an operation of more is the slow lane's */
#define CALL_ROWS 4 /* that an operation of a call writes, about; and one a meter */

#define FAST_LANES 2 /* while one waits for the database another decides */
#define LANES (FAST_LANES + 1)
#define SLOW FAST_LANES

struct tg_engine {
    struct tg_dburl url;
    struct tg_deckstore *decks;
    size_t queue_rows_max;
    struct tg_lane *lanes[LANES]; /* the last is the slow one */
};

struct tg_engine *tg_engine_new(const struct tg_dburl *url, struct tg_rulebook *book,
                                const struct tg_engine_settings *set)
{
    struct tg_engine *engine = TG_NEW(struct tg_engine);
    tg_dburl_copy(url, &engine->url);
    engine->decks = tg_deckstore_new();
    engine->queue_rows_max = set->queue_rows_max == 0 ? QUEUE_ROWS_MAX : set->queue_rows_max;
    tg_engine_metrics_register();
    static const char *const seats[LANES] = {"engine", "engine-2", "engine-slow"};
    const size_t rows_max = set->batch_rows_max == 0 ? BATCH_ROWS_MAX : set->batch_rows_max;
    for (int i = LANES; i-- > 0;)
        engine->lanes[i] = tg_lane_new(&(
            struct tg_lane_settings){.url = &engine->url,
                                     .book = book,
                                     .decks = engine->decks,
                                     .batch_rows_max = i == SLOW || rows_max < FAST_ROWS_MAX ? rows_max : FAST_ROWS_MAX,
                                     .slow = i == SLOW ? NULL : engine->lanes[SLOW],
                                     .seat = seats[i]});
    return engine;
}

void tg_engine_free(struct tg_engine **engine_p)
{
    struct tg_engine *engine = *engine_p;
    if (engine == NULL)
        return;
    for (int i = 0; i < LANES; i++)
        tg_lane_free(&engine->lanes[i]);
    tg_deckstore_free(&engine->decks);
    tg_dburl_deinit(&engine->url);
    free(engine);
    *engine_p = NULL;
}

static size_t rows_of(const struct tg_op *op)
{
    const size_t n = tg_op_n_events(op);
    if (op->kind == TG_OP_SETTLE)
        return CALL_ROWS + op->call.end.n_usage;
    return op->kind != TG_OP_USAGE ? CALL_ROWS : n == 0 ? 1 : n;
}

/* Whose it is, or begins with. */
static struct tg_id company_of(const struct tg_op *op)
{
    static const struct tg_id none;
    struct tg_id named = op->kind == TG_OP_USAGE ? none : op->call.company;
    if (tg_op_n_events(op) > 0)
        named = tg_usage_batch_event(op->usage.batch, 0)->company;
    return tg_id_equal(named, none) ? op->caller_company : named;
}

/* Operations of one company go one way, so that they keep their order and do not meet each other's locks. */
static struct tg_lane *lane_of(struct tg_engine *engine, const struct tg_op *op, size_t n_rows)
{
    return engine->lanes[n_rows > BULK_ROWS ? SLOW : company_of(op).bytes[15] % FAST_LANES];
}

static size_t queued_rows(const struct tg_engine *engine)
{
    size_t n = 0;
    for (int i = 0; i < LANES; i++)
        n += tg_lane_queued_rows(engine->lanes[i]);
    return n;
}

int tg_engine_submit(struct tg_engine *engine, struct tg_loop *loop, struct tg_op *op, tg_op_done_fn *done, void *arg,
                     struct tg_err *err_r)
{
    const size_t n_rows = rows_of(op), before = queued_rows(engine);
    /* somebody who fills the queue with usage leaves room for everybody's calls */
    const size_t max = engine->queue_rows_max + (op->kind == TG_OP_USAGE ? 0 : engine->queue_rows_max / 4);
    if (before == 0 || before + n_rows <= max) {
        struct tg_queued *q = TG_NEW(struct tg_queued);
        *q = (struct tg_queued){.item.op = op,
                                .loop = loop,
                                .done = done,
                                .arg = arg,
                                .n_rows = n_rows,
                                .submitted_us = tg_clock_mono_us()};
        if (tg_lane_push(lane_of(engine, op, n_rows), q))
            return 0;
        free(q);
    }
    return tg_err_set(err_r, TG_ERR_BUSY, "too much is waiting to be charged; send it again later");
}

struct tg_engine_stats tg_engine_stats_get(struct tg_engine *engine)
{
    struct tg_engine_stats sum = {0};
    for (int i = 0; i < LANES; i++) {
        const struct tg_engine_stats one = tg_lane_stats(engine->lanes[i]);
        sum.transactions += one.transactions;
        sum.operations += one.operations;
        sum.events += one.events;
        sum.retries += one.retries;
        sum.bisections += one.bisections;
        sum.deferred += one.deferred;
        sum.queued_rows += one.queued_rows;
    }
    return sum;
}

struct tg_deckstore *tg_engine_decks(struct tg_engine *engine)
{
    return engine->decks;
}

const struct tg_dburl *tg_engine_url(const struct tg_engine *engine)
{
    return &engine->url;
}

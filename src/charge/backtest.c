/* backtest - usage of the past rated once more with another bundle.
 *
 * Company after company, so that its plan is read once, and chunk after chunk, so that a page can end by the clock
 * between any two events; the cursor names the last that was looked at.
 */
#include "charge/backtest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "charge/rate.h"
#include "charge/usage_internal.h"
#include "rt/deltas.h"

#define PAGE_US 1500000
#define CHUNK_EVENTS 500
#define SAMPLES_MAX 100 /* of a page: as many as a report keeps, so that it does not matter where pages end */
#define LIMITS_MAX 20 /* of a page; each takes 20 ms and a new VM */
#define RATING_MAX (16u << 20)

struct group { /* of one company in one currency */
    struct tg_id company;
    char currency[4];
    uint64_t events, same, different, errors;
    struct tg_decimal stored, new;
    struct tg_deltas deltas;
};

struct place { /* the last event that was looked at */
    struct tg_id company; /* zeros: none */
    int64_t time_us;
    struct tg_id id;
};

struct run {
    const struct tg_backtest *backtest;
    struct tg_sqlconn *conn;
    struct tg_deckstore *decks;
    struct tg_ruleset *set;
    uint64_t until_us; /* monotonic */
    struct place at;
    uint32_t n_events;
    unsigned n_limits;
    bool is_full; /* the page ends here, the period does not */
    struct tg_rate_plan plan; /* of at.company */
    const char *plan_fault;
    struct tg_id deck_id;
    uint32_t deck_version; /* of plan.deck; 0: none */
    struct tg_strbuf rating; /* what the rule said of the event at hand */
    struct group *groups;
    size_t n_groups, groups_capacity;
    struct tg_strbuf samples; /* JSON */
    struct tg_jsonw samples_w;
    unsigned n_samples;
};

struct stored { /* what the event cost */
    enum tg_usage_status status;
    bool has_amount;
    struct tg_decimal amount;
};

/* --- cursor -------------------------------------------------------------------------------------------------------- */

/* "<company>.<time>.<id>", ids as 32 hexadecimal digits */
static int read_cursor(const char *text, struct place *place_r, struct tg_err *err_r)
{
    char *end;
    *place_r = (struct place){.time_us = INT64_MIN};
    if (text[0] == '\0')
        return 0;
    if (tg_unhex(text, place_r->company.bytes, sizeof(place_r->company.bytes)) && text[32] == '.') {
        place_r->time_us = strtoll(text + 33, &end, 10);
        if (*end == '.' && strlen(end + 1) == 32 && tg_unhex(end + 1, place_r->id.bytes, sizeof(place_r->id.bytes)))
            return 0;
    }
    return tg_err_set(err_r, TG_ERR_INPUT, "the cursor is not one of a backtest");
}

static void write_cursor(const struct place *place, char out[static TG_BACKTEST_CURSOR_SIZE])
{
    char company[33], id[33];
    tg_hex(place->company.bytes, sizeof(place->company.bytes), company);
    tg_hex(place->id.bytes, sizeof(place->id.bytes), id);
    snprintf(out, TG_BACKTEST_CURSOR_SIZE, "%s.%" PRId64 ".%s", company, place->time_us, id);
}

/* --- companies ----------------------------------------------------------------------------------------------------- */

static struct tg_id id_of(const struct tg_dbval *cell)
{
    struct tg_id id;
    assert(cell->type == TG_DB_BYTES && cell->len == sizeof(id.bytes));
    memcpy(id.bytes, cell->bytes, sizeof(id.bytes));
    return id;
}

/* 1: the company after at.company that has usage, from its first event; 0: there is none. */
static int next_company(struct run *run, struct tg_err *err_r)
{
    const struct tg_backtest *b = run->backtest;
    const struct tg_dbval values[] = {TG_DBVAL_ID(b->company), TG_DBVAL_ID(run->at.company), TG_DBVAL_TIME(b->from_us),
                                      TG_DBVAL_TIME(b->to_us)};
    struct tg_dbresult *res;
    if (tg_sqlconn_query(run->conn,
                         "SELECT t.descendant_id FROM company_tree t WHERE t.ancestor_id = ? AND t.descendant_id > ?"
                         " AND (SELECT 1 FROM usage_events u WHERE u.company_id = t.descendant_id"
                         "  AND u.event_time >= ? AND u.event_time < ? LIMIT 1) = 1"
                         " ORDER BY t.descendant_id LIMIT 1",
                         values, 4, &res, err_r) != 0)
        return -1;
    const int found = tg_dbresult_n_rows(res) == 1;
    if (found)
        run->at = (struct place){.company = id_of(tg_dbresult_cell(res, 0, 0)), .time_us = INT64_MIN};
    tg_dbresult_free(&res);
    return found;
}

static int load_plan(struct run *run, struct tg_err *err_r)
{
    const struct tg_dbval values[] = {TG_DBVAL_ID(run->backtest->company), TG_DBVAL_ID(run->at.company)};
    struct tg_dbresult *res;
    tg_rate_plan_deinit(&run->plan);
    run->deck_version = 0;
    if (tg_sqlconn_query(run->conn,
                         "SELECT c.currency, c.timezone, c.country, c.pricing, COALESCE(d.currency = c.currency, 1)"
                         " FROM company_tree t JOIN companies c ON c.id = t.descendant_id"
                         " LEFT JOIN rate_decks d ON d.id = c.rate_deck_id"
                         " WHERE t.ancestor_id = ? AND t.descendant_id = ?",
                         values, 2, &res, err_r) != 0)
        return -1;
    const bool found = tg_dbresult_n_rows(res) == 1;
    if (found) {
        tg_rate_plan_load(&run->plan, tg_dbresult_cell(res, 0, 0), tg_dbresult_cell(res, 0, 1),
                          tg_dbresult_cell(res, 0, 2), tg_dbresult_cell(res, 0, 3));
        if (tg_dbresult_cell(res, 0, 4)->num == 0)
            run->plan.fault = "the rate deck is in another currency than the company";
    }
    run->plan_fault = run->plan.fault;
    tg_dbresult_free(&res);
    return found ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "the cursor is of another company");
}

/* The version that is stored with an event, into the plan. */
static int load_deck(struct run *run, const struct tg_dbval *deck, const struct tg_dbval *version, struct tg_err *err_r)
{
    const bool has_deck = deck->type != TG_DB_NULL && version->type != TG_DB_NULL;
    const struct tg_id id = has_deck ? id_of(deck) : (struct tg_id){{0}};
    const uint32_t number = has_deck ? (uint32_t)version->num : 0;
    if (number == run->deck_version && (number == 0 || tg_id_equal(id, run->deck_id)))
        return 0;
    tg_deck_unref(&run->plan.deck);
    run->plan.fault = run->plan_fault;
    run->deck_id = id;
    run->deck_version = number;
    if (number == 0)
        return 0;
    struct tg_err err;
    if (tg_deckstore_load(run->decks, run->conn, id, number, &run->plan.deck, &err) == 0)
        return 0;
    if (err.code != TG_ERR_NOT_FOUND && err.code != TG_ERR_INPUT && err.code != TG_ERR_BUG) {
        *err_r = err;
        return -1;
    }
    run->plan.fault = "the rate deck cannot be loaded";
    return 0;
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

static struct group *group_of(struct run *run, const char *currency)
{
    for (size_t i = run->n_groups; i-- > 0;) { /* the last ones are of this company */
        struct group *g = &run->groups[i];
        if (!tg_id_equal(g->company, run->at.company))
            break;
        if (strcmp(g->currency, currency) == 0)
            return g;
    }
    if (run->n_groups == run->groups_capacity) {
        run->groups_capacity = run->groups_capacity == 0 ? 16 : 2 * run->groups_capacity;
        run->groups = tg_realloc(run->groups, run->groups_capacity * sizeof(*run->groups));
    }
    struct group *g = &run->groups[run->n_groups++];
    *g = (struct group){.company = run->at.company};
    memcpy(g->currency, currency, 3);
    return g;
}

static void write_side(struct tg_jsonw *w, const char *key, const struct stored *side)
{
    tg_jsonw_key(w, key);
    if (side->has_amount)
        tg_jsonw_decimal(w, side->amount);
    else
        tg_jsonw_str(w, tg_usage_status_name(side->status));
}

/* Why the rule failed: it is in what the event's rating would have been. */
static void write_reason(struct run *run)
{
    json_t *rating = json_loadb(run->rating.bytes, run->rating.len, 0, NULL);
    const char *reason = json_string_value(json_object_get(rating, "reason"));
    tg_jsonw_key(&run->samples_w, "error");
    tg_jsonw_str(&run->samples_w, reason == NULL ? "" : reason);
    json_decref(rating);
}

static void write_sample(struct run *run, const struct stored *stored, const struct stored *new)
{
    char text[TG_ID_TEXT_SIZE];
    struct tg_jsonw *w = &run->samples_w;
    if (run->n_samples++ >= SAMPLES_MAX)
        return;
    tg_jsonw_object(w);
    tg_jsonw_key(w, "usage");
    tg_id_format(run->at.id, "usg", text);
    tg_jsonw_str(w, text);
    tg_jsonw_key(w, "company");
    tg_id_format(run->at.company, "co", text);
    tg_jsonw_str(w, text);
    write_side(w, "stored", stored);
    write_side(w, "new", new);
    if (new->status == TG_USAGE_FAILED)
        write_reason(run);
    tg_jsonw_object_end(w);
}

static int compare(struct run *run, struct group *g, const struct stored *stored, const struct stored *new,
                   struct tg_err *err_r)
{
    const bool is_error = new->status == TG_USAGE_FAILED && stored->status != TG_USAGE_FAILED;
    const bool is_same = !is_error && new->status == stored->status &&new->has_amount ==
                                          stored->has_amount &&tg_decimal_cmp(new->amount, stored->amount) == 0;
    g->events++;
    g->errors += is_error;
    g->same += is_same;
    g->different += !is_error && !is_same;
    if (!is_same)
        write_sample(run, stored, new);
    if (is_error)
        return 0;
    struct tg_decimal delta;
    if (tg_decimal_add(g->stored, stored->amount, &g->stored, err_r) != 0 ||
        tg_decimal_add(g->new, new->amount, &g->new, err_r) != 0 ||
        tg_decimal_sub(new->amount, stored->amount, &delta, err_r) != 0)
        return -1;
    tg_deltas_add(&g->deltas, delta);
    return 0;
}

/* --- events -------------------------------------------------------------------------------------------------------- */

#define EVENT_COLUMNS                                                                                                  \
    "SELECT id, event_id, meter, event_time, quantity, cost_amount, cost_currency, properties, status, amount,"        \
    " currency, deck_id, deck_version, JSON_EXTRACT(rating, '$.state') FROM usage_events"
enum {
    ID,
    EVENT_ID,
    METER,
    EVENT_TIME,
    QUANTITY,
    COST,
    COST_CURRENCY,
    PROPERTIES,
    STATUS,
    AMOUNT,
    CURRENCY,
    DECK,
    VERSION,
    STATE
};

static const char *text_of(struct tg_usage_batch *arena, const struct tg_dbval *cell)
{
    return tg_usage_batch_dup(arena, cell->bytes, cell->len);
}

/* As it was when it came in, as far as rating looks at it. */
static struct tg_usage_event read_event(const struct tg_dbresult *res, size_t row, struct tg_usage_batch *arena)
{
    const struct tg_dbval *cost = tg_dbresult_cell(res, row, COST), *in = tg_dbresult_cell(res, row, COST_CURRENCY);
    const struct tg_dbval *properties = tg_dbresult_cell(res, row, PROPERTIES);
    struct tg_usage_event e = {
        .event_id = text_of(arena, tg_dbresult_cell(res, row, EVENT_ID)),
        .meter = text_of(arena, tg_dbresult_cell(res, row, METER)),
        .event_time_us = tg_dbresult_cell(res, row, EVENT_TIME)->num,
        .quantity = tg_dbresult_cell(res, row, QUANTITY)->dec,
        .properties = properties->bytes,
        .properties_len = properties->len,
    };
    if (cost->type != TG_DB_NULL && in->type != TG_DB_NULL && in->len == 3) {
        e.has_cost = true;
        e.cost_amount = cost->dec;
        memcpy(e.cost_currency, in->bytes, 3);
    }
    tg_usage_event_read_call(arena, &e);
    return e;
}

static struct stored read_stored(const struct tg_dbresult *res, size_t row)
{
    const struct tg_dbval *status = tg_dbresult_cell(res, row, STATUS), *amount = tg_dbresult_cell(res, row, AMOUNT);
    struct stored stored = {.has_amount = amount->type != TG_DB_NULL, .amount = tg_decimal_zero};
    if (tg_usage_status_parse(status->bytes, status->len, &stored.status) != 0)
        assert(!"a status of the column's own list");
    if (stored.has_amount)
        stored.amount = amount->dec;
    return stored;
}

/* With the reason of the event that was too much. */
static int fail_at_limit(const struct run *run, struct tg_err *err_r)
{
    json_t *rating = json_loadb(run->rating.bytes, run->rating.len, 0, NULL);
    const char *reason = json_string_value(json_object_get(rating, "reason"));
    (void)tg_err_set(err_r, TG_ERR_INPUT, "the bundle meets limits again and again: %s",
                     reason == NULL ? "it says no reason" : reason);
    json_decref(rating);
    return -1;
}

/* With what had been used when the event was rated, where that counted (charge/ratestate.h). */
static bool rate_as_then(struct run *run, struct tg_usage_event *event, const struct tg_dbval *state)
{
    json_t *before = state->type == TG_DB_NULL ? NULL : json_loadb(state->bytes, state->len, 0, NULL);
    struct tg_rate_state used = {.before = before};
    const bool is_within_limits = tg_rate_usage(run->set, &run->plan, event, &used, &run->rating);
    json_decref(used.after);
    json_decref(before);
    return is_within_limits;
}

static int rate(struct run *run, struct tg_usage_event *event, const struct tg_dbval *state, struct tg_err *err_r)
{
    tg_strbuf_reset(&run->rating);
    if (rate_as_then(run, event, state))
        return 0;
    if (++run->n_limits == LIMITS_MAX)
        return fail_at_limit(run, err_r);
    return tg_ruleset_mend(run->set, err_r);
}

static int look_at(struct run *run, const struct tg_dbresult *res, size_t row, struct tg_usage_batch *arena,
                   struct tg_err *err_r)
{
    const struct tg_dbval *currency = tg_dbresult_cell(res, row, CURRENCY);
    struct tg_usage_event event = read_event(res, row, arena);
    const struct stored stored = read_stored(res, row);
    char code[4] = "";
    memcpy(code, run->plan.currency, 3);
    if (currency->type != TG_DB_NULL && currency->len == 3)
        memcpy(code, currency->bytes, 3);
    run->at.id = id_of(tg_dbresult_cell(res, row, ID));
    run->at.time_us = event.event_time_us;
    if (load_deck(run, tg_dbresult_cell(res, row, DECK), tg_dbresult_cell(res, row, VERSION), err_r) != 0 ||
        rate(run, &event, tg_dbresult_cell(res, row, STATE), err_r) != 0)
        return -1;
    const struct stored new = {event.status, event.has_amount, event.has_amount ? event.amount : tg_decimal_zero};
    run->n_events++;
    return compare(run, group_of(run, code), &stored, &new, err_r);
}

/* What follows at, up to a chunk. */
static int read_chunk(struct run *run, struct tg_dbresult **res_r, struct tg_err *err_r)
{
    const struct tg_backtest *b = run->backtest;
    const uint32_t left = b->events_max - run->n_events;
    const int64_t from_us = run->at.time_us > b->from_us ? run->at.time_us : b->from_us;
    const struct tg_dbval values[] = {
        TG_DBVAL_ID(run->at.company), TG_DBVAL_TIME(from_us),  TG_DBVAL_TIME(b->to_us),
        TG_DBVAL_TIME(from_us),       TG_DBVAL_ID(run->at.id), TG_DBVAL_INT(left < CHUNK_EVENTS ? left : CHUNK_EVENTS)};
    return tg_sqlconn_query(run->conn,
                            EVENT_COLUMNS " FORCE INDEX (by_time) WHERE company_id = ? AND event_time >= ?"
                                          " AND event_time < ? AND (event_time > ? OR id > ?)"
                                          " ORDER BY event_time, id LIMIT ?",
                            values, 6, res_r, err_r);
}

/* 1: the company may have more; 0: it has not. */
static int rate_chunk(struct run *run, struct tg_err *err_r)
{
    struct tg_dbresult *res;
    if (read_chunk(run, &res, err_r) != 0)
        return -1;
    const size_t n = tg_dbresult_n_rows(res);
    struct tg_usage_batch *arena = TG_NEW(struct tg_usage_batch);
    int status = n > 0;
    for (size_t i = 0; i < n && status == 1 && !run->is_full; i++) {
        status = look_at(run, res, i, arena, err_r) == 0 ? 1 : -1;
        run->is_full = run->n_events == run->backtest->events_max || tg_clock_mono_us() > run->until_us;
    }
    tg_usage_batch_free(&arena);
    tg_dbresult_free(&res);
    return status;
}

static int run_page(struct run *run, struct tg_err *err_r)
{
    static const struct tg_id nobody;
    int more = tg_id_equal(run->at.company, nobody) ? next_company(run, err_r) : 1;
    while (more == 1) {
        if (load_plan(run, err_r) != 0)
            return -1;
        while (!run->is_full && more == 1)
            more = rate_chunk(run, err_r);
        if (run->is_full || more < 0)
            break;
        more = next_company(run, err_r);
    }
    return more < 0 ? -1 : 0;
}

/* --- the page ------------------------------------------------------------------------------------------------------ */

static void write_count(struct tg_jsonw *w, const char *key, uint64_t n)
{
    tg_jsonw_key(w, key);
    tg_jsonw_int(w, (int64_t)n);
}

static void write_group(struct tg_jsonw *w, const struct group *g)
{
    char company[TG_ID_TEXT_SIZE];
    tg_id_format(g->company, "co", company);
    tg_jsonw_object(w);
    tg_jsonw_key(w, "company");
    tg_jsonw_str(w, company);
    tg_jsonw_key(w, "currency");
    tg_jsonw_str(w, g->currency);
    write_count(w, "events", g->events);
    write_count(w, "same", g->same);
    write_count(w, "different", g->different);
    write_count(w, "errors", g->errors);
    tg_jsonw_key(w, "stored");
    tg_jsonw_decimal(w, g->stored);
    tg_jsonw_key(w, "new");
    tg_jsonw_decimal(w, g->new);
    tg_jsonw_key(w, "deltas");
    tg_deltas_write(&g->deltas, w);
    tg_jsonw_object_end(w);
}

static void write_page(struct run *run, struct tg_strbuf *out)
{
    char cursor[TG_BACKTEST_CURSOR_SIZE] = "";
    struct tg_jsonw w;
    if (run->is_full)
        write_cursor(&run->at, cursor);
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "cursor");
    tg_jsonw_str(&w, cursor);
    write_count(&w, "events", run->n_events);
    tg_jsonw_key(&w, "companies");
    tg_jsonw_array(&w);
    for (size_t i = 0; i < run->n_groups; i++)
        write_group(&w, &run->groups[i]);
    tg_jsonw_array_end(&w);
    tg_strbuf_append_str(out, ",\"samples\":");
    tg_strbuf_append(out, run->samples.bytes, run->samples.len);
    tg_jsonw_object_end(&w);
}

int tg_backtest_page(const struct tg_backtest *backtest, struct tg_sqlconn *conn, struct tg_deckstore *decks,
                     struct tg_ruleset *set, struct tg_strbuf *out, struct tg_err *err_r)
{
    struct run run = {
        .backtest = backtest, .conn = conn, .decks = decks, .set = set, .until_us = tg_clock_mono_us() + PAGE_US};
    assert(backtest->events_max >= 1 && backtest->events_max <= TG_BACKTEST_EVENTS_MAX);
    if (read_cursor(backtest->cursor, &run.at, err_r) != 0)
        return -1;
    tg_strbuf_init(&run.rating, RATING_MAX);
    tg_strbuf_init(&run.samples, RATING_MAX);
    tg_jsonw_init(&run.samples_w, &run.samples);
    tg_jsonw_array(&run.samples_w);
    struct tg_strbuf unheard;
    tg_strbuf_init(&unheard, 1);
    tg_ruleset_set_log(set, &unheard);
    const int status = run_page(&run, err_r);
    tg_ruleset_set_log(set, NULL);
    tg_strbuf_deinit(&unheard);
    tg_jsonw_array_end(&run.samples_w);
    if (status == 0)
        write_page(&run, out);
    for (size_t i = 0; i < run.n_groups; i++)
        tg_deltas_deinit(&run.groups[i].deltas);
    free(run.groups);
    tg_rate_plan_deinit(&run.plan);
    tg_strbuf_deinit(&run.rating);
    tg_strbuf_deinit(&run.samples);
    return status;
}

/* batch_call_counts - how many calls are open on a number or of an agent, how many began: for companies with such limits.
 *
 * call_counters has a row a counter and minute; minute 0 is "open now". Only what a limit of the company needs is
 * counted, and calls.counted says what a call has been counted in, so that its end takes back just that. The wallet's
 * lock orders all of it, as with calls.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "charge/batch_internal.h"

#define MINUTE_US INT64_C(60000000)
#define HOUR 60

enum { NUMBER = 1, AGENT = 2, BEGUN = 4, BEGUN_NUMBER = 8 }; /* the first two as in calls.counted */

static unsigned wanted(const struct tg_batch_company *company)
{
    const json_t *limits = company->limits;
    if (limits == NULL)
        return 0;
    return (json_object_get(limits, "calls_per_number") != NULL ? NUMBER : 0) |
           (json_object_get(limits, "calls_per_agent") != NULL ? AGENT : 0) |
           (json_object_get(limits, "calls_per_minute") != NULL || json_object_get(limits, "calls_per_hour") != NULL
                ? BEGUN
                : 0) |
           (json_object_get(limits, "same_number_per_hour") != NULL ? BEGUN_NUMBER : 0);
}

static void key_of(const char *kind, const char *what, uint8_t key[static 16])
{
    uint8_t full[TG_SHA256_LEN];
    const struct tg_iov pieces[] = {{kind, strlen(kind)}, {what, strlen(what)}};
    tg_sha256_v(pieces, 2, full);
    memcpy(key, full, 16);
}

static struct tg_batch_counter *counter_of(struct tg_batch *b, uint32_t company, const char *kind, const char *what)
{
    uint8_t key[16];
    key_of(kind, what, key);
    const uint32_t index = tg_keymap_put(&b->counter_map, b->companies[company].id.bytes, key, (uint32_t)b->n_counters);
    if (index < b->n_counters)
        return &b->counters[index];
    if (b->n_counters == b->counters_capacity) {
        b->counters_capacity = b->counters_capacity == 0 ? 64 : b->counters_capacity * 2;
        b->counters = tg_realloc(b->counters, b->counters_capacity * sizeof(*b->counters));
    }
    struct tg_batch_counter *counter = &b->counters[b->n_counters++];
    *counter = (struct tg_batch_counter){.company = company};
    memcpy(counter->key, key, sizeof(counter->key));
    return counter;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* What the decision about an authorization will ask for. */
static void want_counters(struct tg_batch *b, const struct tg_batch_call *call, const struct tg_call_op *op)
{
    const unsigned kinds = wanted(&b->companies[call->company]);
    if ((kinds & NUMBER) != 0 && call->has_digits)
        counter_of(b, call->company, "number:", call->digits);
    if ((kinds & AGENT) != 0 && op->authorize.agent_id != NULL)
        counter_of(b, call->company, "agent:", op->authorize.agent_id);
    if ((kinds & BEGUN) != 0)
        counter_of(b, call->company, "begun", "");
    if ((kinds & BEGUN_NUMBER) != 0 && call->has_digits)
        counter_of(b, call->company, "begun:number:", call->digits);
}

static int on_counter(const struct tg_dbval *c, size_t n_cells, void *arg)
{
    struct tg_batch *b = arg;
    assert(n_cells == 4);
    const uint32_t index = tg_keymap_get(&b->counter_map, (const uint8_t *)c[0].bytes, (const uint8_t *)c[1].bytes);
    assert(index < b->n_counters);
    struct tg_batch_counter *counter = &b->counters[index];
    const int64_t ago = b->now_us / MINUTE_US - c[2].num;
    if (c[2].num == 0)
        counter->open = c[3].num;
    else if (ago < HOUR)
        counter->hour += c[3].num;
    if (ago == 0)
        counter->minute = c[3].num;
    else if (ago == 1)
        counter->minute_before = c[3].num;
    return 0;
}

int tg_batch_read_counts(struct tg_batch *b, struct tg_err *err_r)
{
    for (size_t i = 0; i < b->n_items; i++) {
        const struct tg_op *op = b->items[i]->op;
        if (op->kind != TG_OP_AUTHORIZE || b->items[i]->state != TG_BATCH_WAITING)
            continue;
        const uint32_t company = tg_batch_company_index(b, op, op->call.company);
        if (company == TG_KEYMAP_ABSENT || wanted(&b->companies[company]) == 0)
            continue;
        struct tg_batch_call *call =
            &b->calls[tg_keymap_get(&b->call_map, b->companies[company].id.bytes, op->call.key)];
        tg_batch_read_digits(b, call, &b->companies[company].plan, op->call.authorize.to);
        want_counters(b, call, &op->call);
    }
    struct tg_dbval list[2];
    tg_batch_list_begin(b);
    for (size_t i = 0; i < b->n_counters; i++)
        tg_batch_list_add(b, b->companies[b->counters[i].company].id.bytes, b->counters[i].key);
    if (!tg_batch_list_end(b, &list[0]))
        return 0;
    list[1] = TG_DBVAL_INT(b->now_us / MINUTE_US - HOUR);
    return tg_sqlconn_each(b->conn,
                           "SELECT n.company_id, n.counter, n.minute, n.n"
                           " FROM JSON_TABLE(?, '$[*]' COLUMNS (k CHAR(64) CHARACTER SET ascii PATH '$')) j"
                           " STRAIGHT_JOIN call_counters n FORCE INDEX (PRIMARY)"
                           "  ON n.company_id = UNHEX(LEFT(j.k, 32)) AND n.counter = UNHEX(RIGHT(j.k, 32))"
                           " WHERE n.minute = 0 OR n.minute > ?",
                           list, 2, on_counter, b, err_r);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

/* In the sixty seconds before now, as if the last minute's calls had been spread evenly. */
static int64_t in_last_minute(const struct tg_batch *b, const struct tg_batch_counter *counter)
{
    return counter->minute + counter->minute_before * (MINUTE_US - b->now_us % MINUTE_US) / MINUTE_US;
}

struct tg_call_counts tg_batch_counts(struct tg_batch *b, const struct tg_batch_call *call, const struct tg_call_op *op)
{
    const unsigned kinds = wanted(&b->companies[call->company]);
    struct tg_call_counts counts = {.open = b->companies[call->company].purse.open_calls,
                                    .last_minute = -1,
                                    .last_hour = -1,
                                    .same_number_last_hour = -1,
                                    .number_open = -1,
                                    .agent_open = -1};
    if ((kinds & NUMBER) != 0 && call->has_digits)
        counts.number_open = counter_of(b, call->company, "number:", call->digits)->open;
    if ((kinds & AGENT) != 0 && op->authorize.agent_id != NULL)
        counts.agent_open = counter_of(b, call->company, "agent:", op->authorize.agent_id)->open;
    if ((kinds & BEGUN_NUMBER) != 0 && call->has_digits)
        counts.same_number_last_hour = counter_of(b, call->company, "begun:number:", call->digits)->hour;
    if ((kinds & BEGUN) != 0) {
        const struct tg_batch_counter *begun = counter_of(b, call->company, "begun", "");
        counts.last_minute = in_last_minute(b, begun);
        counts.last_hour = begun->hour;
    }
    return counts;
}

static void count_open(struct tg_batch_counter *counter, int64_t n)
{
    counter->open += n;
    counter->open_change += n;
}

static void count_begun(struct tg_batch_counter *counter)
{
    counter->minute++;
    counter->hour++;
    counter->begun++;
}

void tg_batch_count_begun(struct tg_batch *b, struct tg_batch_call *call, const struct tg_call_op *op)
{
    const unsigned kinds = wanted(&b->companies[call->company]);
    call->counted = 0;
    if ((kinds & NUMBER) != 0 && call->has_digits) {
        count_open(counter_of(b, call->company, "number:", call->digits), 1);
        call->counted |= NUMBER;
    }
    if ((kinds & AGENT) != 0 && op->authorize.agent_id != NULL) {
        count_open(counter_of(b, call->company, "agent:", op->authorize.agent_id), 1);
        call->counted |= AGENT;
    }
    if ((kinds & BEGUN) != 0)
        count_begun(counter_of(b, call->company, "begun", ""));
    if ((kinds & BEGUN_NUMBER) != 0 && call->has_digits)
        count_begun(counter_of(b, call->company, "begun:number:", call->digits));
}

void tg_batch_count_ended(struct tg_batch *b, struct tg_batch_call *call)
{
    if (call->counted == 0)
        return;
    json_t *request = json_loadb(call->call.request.bytes, call->call.request.len, 0, NULL);
    const char *to = json_string_value(json_object_get(request, "to"));
    const char *agent = json_string_value(json_object_get(request, "agent_id"));
    if ((call->counted & NUMBER) != 0 && to != NULL) {
        tg_batch_read_digits(b, call, &call->plan, to);
        if (call->has_digits)
            count_open(counter_of(b, call->company, "number:", call->digits), -1);
    }
    if ((call->counted & AGENT) != 0 && agent != NULL)
        count_open(counter_of(b, call->company, "agent:", agent), -1);
    call->counted = 0;
    json_decref(request);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static struct tg_dbval *bind_counter(struct tg_batch *b, const struct tg_batch_counter *counter, int64_t minute,
                                     int64_t n, struct tg_dbval *v)
{
    *v++ = TG_DBVAL_ID(b->companies[counter->company].id);
    *v++ = TG_DBVAL_BYTES((const char *)counter->key, sizeof(counter->key));
    *v++ = TG_DBVAL_INT(minute);
    *v++ = TG_DBVAL_INT(n);
    return v;
}

int tg_batch_write_counts(struct tg_batch *b, struct tg_err *err_r)
{
    struct tg_dbval *values = tg_batch_values(b, b->n_counters * 8), *v = values;
    for (size_t i = 0; i < b->n_counters; i++) {
        if (b->counters[i].open_change != 0)
            v = bind_counter(b, &b->counters[i], 0, b->counters[i].open_change, v);
        if (b->counters[i].begun != 0)
            v = bind_counter(b, &b->counters[i], b->now_us / MINUTE_US, b->counters[i].begun, v);
    }
    if (v == values)
        return 0;
    return tg_sqlconn_bulk(b->conn,
                           "INSERT INTO call_counters (company_id, counter, minute, n) VALUES (?, ?, ?, ?)"
                           " ON DUPLICATE KEY UPDATE n = n + VALUES(n)",
                           values, 4, (size_t)(v - values) / 4, NULL, err_r);
}

/* usage - usage events on their way into the ledger: the shape of one, and
 * parsing a bulk body into many.
 *
 * Parsing (jansson) is for worker threads: 10,000 events take tens of
 * milliseconds. JSON array, single object, NDJSON, and CloudEvents 1.0 JSON
 * (single or batch) are told apart by the content, not by the media type.
 */
#ifndef TG_CHARGE_USAGE_H
#define TG_CHARGE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/err.h"
#include "base/id.h"
#include "base/strbuf.h"

#define TG_USAGE_EVENTS_MAX 10000
#define TG_USAGE_BODY_MAX (8u << 20)
#define TG_USAGE_SOURCE_CALLS "tollgate" /* of rows that the end of a live call makes */

enum tg_usage_outcome { /* of one event */
                        TG_USAGE_PENDING,
                        TG_USAGE_ACCEPTED, /* durable, with .status */
                        TG_USAGE_DUPLICATE, /* same key, same body: counted once for ever */
                        TG_USAGE_REJECTED /* .reason and .detail */
};
enum tg_usage_status {
    TG_USAGE_RATED,
    TG_USAGE_NOT_BILLABLE,
    TG_USAGE_NO_RATE,
    TG_USAGE_BLOCKED,
    TG_USAGE_UNRATED,
    TG_USAGE_FAILED
};

struct tg_usage_event { /* strings live in the batch's arena */
    uint32_t index; /* place in the request */
    struct tg_id company; /* whose usage; zero until resolved: the caller's own */
    const char *source, *event_id, *meter, *call_id; /* call_id may be NULL */
    int64_t event_time_us;
    struct tg_decimal quantity;
    bool has_cost;
    struct tg_decimal cost_amount;
    char cost_currency[4];
    const char *properties; /* canonical JSON: sorted keys, no spaces */
    size_t properties_len;
    /* The properties that rating reads, parsed once; NULL / absent flags when missing. */
    const char *to, *from, *direction, *call_status;
    bool has_answered_at, has_duration_ms;
    int64_t answered_at_us, duration_ms;
    uint8_t dedupe[16], body_hash[16];
    /* the answer */
    enum tg_usage_outcome outcome;
    enum tg_usage_status status;
    const char *reason; /* literal: "invalid", "conflict", "unknown_company", "unprocessable" */
    const char *pointer; /* JSON pointer inside the event, "" none; arena */
    const char *detail; /* arena */
    /* what the engine decided; it may decide again when a transaction is repeated */
    struct tg_id id; /* given once, so that a repeated transaction recognises its own rows */
    bool has_id, has_amount;
    uint32_t billed_s;
    struct tg_decimal amount;
};

struct tg_usage_batch; /* a parsed request: events and the arena of their strings */
enum { /* err.native of a body that is refused whole */
       TG_USAGE_NOT_JSON = 1,
       TG_USAGE_TOO_MANY,
       TG_USAGE_TOO_LONG
};
/* Rejects events one by one (outcome REJECTED with pointer and detail); fails as a whole only when the body is not
 * JSON at all, is too large or holds too many events (INPUT: line, column, what; err.native says which). */
int tg_usage_parse(const char *body, size_t len, struct tg_usage_batch **batch_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Rejects one event; reason and pointer are literals, the detail is formatted and cut at 200 bytes. Returns -1. */
int tg_usage_reject(struct tg_usage_batch *batch, struct tg_usage_event *event, const char *reason, const char *pointer,
                    const char *fmt, ...) TG_PRINTF(5, 6);
/* Without events: memory for those that are made and not parsed. */
struct tg_usage_batch *tg_usage_batch_new(void);
size_t tg_usage_batch_n(const struct tg_usage_batch *batch);
struct tg_usage_event *tg_usage_batch_event(struct tg_usage_batch *batch, size_t i);
/* Memory that lives as long as the batch. */
void *tg_usage_batch_alloc(struct tg_usage_batch *batch, size_t size);
void tg_usage_batch_free(struct tg_usage_batch **batch);

/* Sets dedupe and body_hash from the rest. */
void tg_usage_event_hash(struct tg_usage_event *event);

#define TG_USAGE_STATUSES 6
/* "rated", "not_billable", "no_rate", "blocked", "unrated", "failed": the names of the database and of the answer. */
const char *tg_usage_status_name(enum tg_usage_status status);
/* 0 found, -1 no such name. */
int tg_usage_status_parse(const char *name, size_t len, enum tg_usage_status *status_r) TG_MUST_CHECK;
/* Appends the answer to the request as JSON:
 * {"accepted":1,"duplicates":0,"rejected":[{"index":,"event_id":,"reason":,"pointer":,"detail":}],"outcomes":{"rated":1,…}} */
void tg_usage_answer_write(const struct tg_usage_batch *batch, struct tg_strbuf *out);

#endif

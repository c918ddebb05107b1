/* usage - batches of usage events: their memory, their names, the answer to a request. */
#include "charge/usage.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/mem.h"
#include "charge/usage_internal.h"

/* Strings of a batch are many and die together: a bump arena. */
struct tg_usage_chunk {
    struct tg_usage_chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};
#define CHUNK_SIZE (64u << 10)

static const char *const status_names[TG_USAGE_STATUSES] = {"rated",   "not_billable", "no_rate",
                                                            "blocked", "unrated",      "failed"};

const char *tg_usage_status_name(enum tg_usage_status status)
{
    assert((unsigned)status < TG_USAGE_STATUSES);
    return status_names[status];
}

int tg_usage_status_parse(const char *name, size_t len, enum tg_usage_status *status_r)
{
    for (unsigned i = 0; i < TG_USAGE_STATUSES; i++) {
        if (strlen(status_names[i]) == len && memcmp(status_names[i], name, len) == 0) {
            *status_r = (enum tg_usage_status)i;
            return 0;
        }
    }
    return -1;
}

struct tg_usage_batch *tg_usage_batch_new(void)
{
    return TG_NEW(struct tg_usage_batch);
}

void *tg_usage_batch_alloc(struct tg_usage_batch *batch, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    struct tg_usage_chunk *chunk = batch->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        const size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = tg_malloc(sizeof(*chunk) + room);
        *chunk = (struct tg_usage_chunk){.next = batch->chunks, .size = room};
        batch->chunks = chunk;
    }
    void *p = chunk->bytes + chunk->used;
    chunk->used += size;
    return p;
}

char *tg_usage_batch_dup(struct tg_usage_batch *batch, const char *bytes, size_t len)
{
    char *copy = tg_usage_batch_alloc(batch, len + 1);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

int tg_usage_reject(struct tg_usage_batch *batch, struct tg_usage_event *event, const char *reason, const char *pointer,
                    const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    event->outcome = TG_USAGE_REJECTED;
    event->reason = reason;
    event->pointer = pointer;
    event->detail = tg_usage_batch_dup(batch, text, strlen(text));
    return -1;
}

size_t tg_usage_batch_n(const struct tg_usage_batch *batch)
{
    return batch->n;
}

struct tg_usage_event *tg_usage_batch_event(struct tg_usage_batch *batch, size_t i)
{
    assert(i < batch->n);
    return &batch->events[i];
}

void tg_usage_batch_free(struct tg_usage_batch **batch)
{
    if (*batch == NULL)
        return;
    for (struct tg_usage_chunk *chunk = (*batch)->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free((*batch)->events);
    free(*batch);
    *batch = NULL;
}

static void write_rejected(struct tg_jsonw *w, const struct tg_usage_event *event)
{
    tg_jsonw_object(w);
    tg_jsonw_key(w, "index");
    tg_jsonw_int(w, event->index);
    if (event->event_id != NULL) {
        tg_jsonw_key(w, "event_id");
        tg_jsonw_str(w, event->event_id);
    }
    tg_jsonw_key(w, "reason");
    tg_jsonw_str(w, event->reason);
    if (event->pointer != NULL && event->pointer[0] != '\0') {
        tg_jsonw_key(w, "pointer");
        tg_jsonw_str(w, event->pointer);
    }
    tg_jsonw_key(w, "detail");
    tg_jsonw_str(w, event->detail);
    tg_jsonw_object_end(w);
}

void tg_usage_answer_write(const struct tg_usage_batch *batch, struct tg_strbuf *out)
{
    int64_t accepted = 0, duplicates = 0, by_status[TG_USAGE_STATUSES] = {0};
    for (size_t i = 0; i < batch->n; i++) {
        const struct tg_usage_event *event = &batch->events[i];
        assert(event->outcome != TG_USAGE_PENDING);
        if (event->outcome == TG_USAGE_ACCEPTED) {
            accepted++;
            by_status[event->status]++;
        }
        duplicates += event->outcome == TG_USAGE_DUPLICATE;
    }
    struct tg_jsonw w;
    tg_jsonw_init(&w, out);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "accepted");
    tg_jsonw_int(&w, accepted);
    tg_jsonw_key(&w, "duplicates");
    tg_jsonw_int(&w, duplicates);
    tg_jsonw_key(&w, "rejected");
    tg_jsonw_array(&w);
    for (size_t i = 0; i < batch->n; i++) {
        if (batch->events[i].outcome == TG_USAGE_REJECTED)
            write_rejected(&w, &batch->events[i]);
    }
    tg_jsonw_array_end(&w);
    tg_jsonw_key(&w, "outcomes");
    tg_jsonw_object(&w);
    for (unsigned i = 0; i < TG_USAGE_STATUSES; i++) {
        tg_jsonw_key(&w, status_names[i]);
        tg_jsonw_int(&w, by_status[i]);
    }
    tg_jsonw_object_end(&w);
    tg_jsonw_object_end(&w);
}

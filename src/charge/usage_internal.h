/* usage_internal - what the files of usage share: the batch and its arena. */
#ifndef TG_CHARGE_USAGE_INTERNAL_H
#define TG_CHARGE_USAGE_INTERNAL_H

#include <jansson.h>

#include "charge/usage.h"

struct tg_usage_chunk;

struct tg_usage_batch {
    struct tg_usage_event *events;
    size_t n, capacity;
    struct tg_usage_chunk *chunks; /* the arena, newest first */
};

/* Fills event from one JSON object, or rejects it. Plain events and CloudEvents are told apart by "specversion". */
void tg_usage_event_read(struct tg_usage_batch *batch, struct tg_usage_event *event, json_t *object);
/* Fills what the properties of a call say (to, duration_ms, …) of an event that was stored: meter, quantity and
 * properties stand in it. */
void tg_usage_event_read_call(struct tg_usage_batch *batch, struct tg_usage_event *event);
/* A copy in the arena, with NUL. */
char *tg_usage_batch_dup(struct tg_usage_batch *batch, const char *bytes, size_t len);

#endif

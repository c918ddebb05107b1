/* usage_parse - a bulk body, cut into events.
 *
 * The body is first cut at its top level (an array's elements, the lines of NDJSON, or one object) by a scanner that
 * only counts brackets outside strings; then each piece is parsed by itself. So a repeated key or a broken character
 * costs its own event and not the batch, and only one event's tree is in memory at a time. What is no JSON at all
 * refuses the whole body: whoever wrote that knows less than it thinks.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "charge/usage.h"
#include "charge/usage_internal.h"

#define DEPTH_MAX 32

struct cursor {
    const char *start, *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && is_space(*c->at))
        c->at++;
}

/* Line and column (of bytes) of a place in the body, from 1. */
static void locate(const struct cursor *c, const char *place, size_t *line_r, size_t *column_r)
{
    size_t line = 1;
    const char *line_start = c->start;
    for (const char *p = c->start; p < place && (p = memchr(p, '\n', (size_t)(place - p))) != NULL; p++) {
        line++;
        line_start = p + 1;
    }
    *line_r = line;
    *column_r = (size_t)(place - line_start) + 1;
}

/* A fault of the body as a whole. */
TG_PRINTF(3, 4) static int fail(int native, struct tg_err *err_r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tg_err_vset(err_r, TG_ERR_INPUT, fmt, ap);
    va_end(ap);
    err_r->native = native;
    return -1;
}

static int refuse(const struct cursor *c, const char *place, const char *what, struct tg_err *err_r)
{
    size_t line, column;
    locate(c, place, &line, &column);
    return fail(TG_USAGE_NOT_JSON, err_r, "the body is not valid JSON: %s at line %zu, column %zu", what, line, column);
}

/* Passes a string whose opening quote is at c->at; false: it does not end. */
static bool pass_string(struct cursor *c)
{
    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at == '\\')
            c->at++;
        else if (*c->at == '"') {
            c->at++;
            return true;
        }
    }
    return false;
}

/* Passes one value: up to the bracket that closes it, or a scalar up to what cannot be in one. */
static int pass_value(struct cursor *c, struct tg_err *err_r)
{
    const char *start = c->at;
    unsigned depth = 0;
    while (c->at < c->end) {
        const char ch = *c->at;
        if (ch == '"') {
            if (!pass_string(c))
                return refuse(c, start, "a string does not end, in the value that begins", err_r);
            if (depth == 0)
                return 0;
            continue;
        }
        if (ch == '{' || ch == '[') {
            if (++depth > DEPTH_MAX)
                return refuse(c, c->at, "nested deeper than 32 levels", err_r);
        } else if (ch == '}' || ch == ']') {
            if (depth == 0)
                return 0; /* the end of what holds this scalar */
            if (--depth == 0) {
                c->at++;
                return 0;
            }
        } else if (depth == 0 && (ch == ',' || is_space(ch))) {
            return 0;
        }
        c->at++;
    }
    return depth == 0 ? 0 : refuse(c, start, "the text ends inside the value that begins", err_r);
}

static struct tg_usage_event *add_event(struct tg_usage_batch *batch)
{
    if (batch->n == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 64 : batch->capacity * 4;
        batch->events = tg_realloc(batch->events, batch->capacity * sizeof(*batch->events));
    }
    struct tg_usage_event *event = &batch->events[batch->n];
    memset(event, 0, sizeof(*event));
    event->index = (uint32_t)batch->n++;
    return event;
}

/* Faults that leave the bytes JSON in shape but not in meaning reject one event; NULL: it is a fault of the shape. */
static const char *event_fault(const json_error_t *fault)
{
    switch (json_error_code(fault)) {
    case json_error_invalid_syntax: /* jansson has no code of its own for it */
        return strncmp(fault->text, "invalid Unicode", 15) == 0 ? "an escape \\u is half a character" : NULL;
    case json_error_duplicate_key: return "a key stands twice in an object";
    case json_error_invalid_utf8: return "a character is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "a string holds the character U+0000";
    case json_error_numeric_overflow: return "a number is too large; write it as a string";
    case json_error_stack_overflow: return "it is nested too deeply";
    default: return NULL;
    }
}

static int read_piece(struct cursor *c, const char *piece, size_t len, struct tg_usage_batch *batch,
                      struct tg_err *err_r)
{
    if (batch->n == TG_USAGE_EVENTS_MAX)
        return fail(TG_USAGE_TOO_MANY, err_r, "more than %d events in one request; send them in several",
                    TG_USAGE_EVENTS_MAX);
    json_error_t fault;
    json_t *value = json_loadb(piece, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (value == NULL) {
        size_t line, column;
        locate(c, piece, &line, &column);
        column = fault.line > 1 ? (size_t)fault.column : column + (size_t)(fault.column > 0 ? fault.column - 1 : 0);
        line += (size_t)(fault.line > 0 ? fault.line - 1 : 0);
        const char *what = event_fault(&fault);
        if (what == NULL)
            return fail(TG_USAGE_NOT_JSON, err_r, "the body is not valid JSON: event %zu, line %zu, column %zu",
                        batch->n, line, column);
        tg_usage_reject(batch, add_event(batch), "invalid", "", "%s (line %zu, column %zu)", what, line, column);
        return 0;
    }
    struct tg_usage_event *event = add_event(batch);
    if (json_is_object(value))
        tg_usage_event_read(batch, event, value);
    else
        tg_usage_reject(batch, event, "invalid", "", "an event must be an object");
    json_decref(value);
    return 0;
}

static int read_array(struct cursor *c, struct tg_usage_batch *batch, struct tg_err *err_r)
{
    const char *open = c->at++;
    skip_space(c);
    bool closed = c->at < c->end && *c->at == ']';
    while (!closed) {
        skip_space(c);
        const char *piece = c->at;
        if (pass_value(c, err_r) != 0)
            return -1;
        if (c->at == piece)
            return refuse(c, piece, c->at == c->end ? "the text ends inside the array" : "expected an event", err_r);
        if (read_piece(c, piece, (size_t)(c->at - piece), batch, err_r) != 0)
            return -1;
        skip_space(c);
        if (c->at == c->end)
            return refuse(c, open, "no end of the array that begins", err_r);
        if (*c->at != ',' && *c->at != ']')
            return refuse(c, c->at, "expected ',' or ']'", err_r);
        closed = *c->at == ']';
        c->at += !closed;
    }
    c->at++;
    skip_space(c);
    return c->at == c->end ? 0 : refuse(c, c->at, "something follows the array", err_r);
}

static int read_objects(struct cursor *c, struct tg_usage_batch *batch, struct tg_err *err_r)
{
    while (c->at < c->end) {
        const char *piece = c->at;
        if (pass_value(c, err_r) != 0)
            return -1;
        if (c->at == piece || *piece != '{')
            return refuse(c, piece, "expected an object on each line", err_r);
        if (read_piece(c, piece, (size_t)(c->at - piece), batch, err_r) != 0)
            return -1;
        const char *gap = c->at;
        skip_space(c);
        if (c->at < c->end && memchr(gap, '\n', (size_t)(c->at - gap)) == NULL)
            return refuse(c, c->at, "expected the end of the line", err_r);
    }
    return 0;
}

int tg_usage_parse(const char *body, size_t len, struct tg_usage_batch **batch_r, struct tg_err *err_r)
{
    if (len > TG_USAGE_BODY_MAX)
        return fail(TG_USAGE_TOO_LONG, err_r, "the body has %zu bytes; at most %u are taken at once", len,
                    TG_USAGE_BODY_MAX);
    struct cursor c = {body, body, body + len};
    skip_space(&c);
    if (c.at == c.end)
        return fail(TG_USAGE_NOT_JSON, err_r,
                    "the body is empty; expected an event, an array or a line for each event");
    struct tg_usage_batch *batch = TG_NEW(struct tg_usage_batch);
    int status;
    if (*c.at == '[')
        status = read_array(&c, batch, err_r);
    else if (*c.at == '{')
        status = read_objects(&c, batch, err_r);
    else
        status = refuse(&c, c.at, "expected '{' or '['", err_r);
    if (status != 0) {
        tg_usage_batch_free(&batch);
        return -1;
    }
    *batch_r = batch;
    return 0;
}

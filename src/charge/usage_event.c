/* usage_event - one usage event: every field checked, unknown ones refused, and its two hashes.
 *
 * The identity of an event is (company, source, event_id); its body is everything else. The body's hash is taken over
 * values and not over text, so that "61", 61 and "61.000" are one quantity and the order of keys says nothing.
 *
 * Numbers beyond 2^53 written as JSON numbers are refused where they mean something: a sender that works with doubles
 * has already rounded them. Fractions are strings, as everywhere in Tollgate.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/money.h"
#include "base/utf8.h"
#include "charge/usage.h"
#include "charge/usage_internal.h"

#define SOURCE_MAX 100
#define EVENT_ID_MAX 200
#define CALL_ID_MAX 200
#define METER_MAX 64
#define PROPERTIES_MAX (16u << 10)
#define NUMBER_TEXT_MAX 40
#define JSON_NUMBER_MAX (INT64_C(1) << 53)
#define CALL_SECONDS_MAX (INT64_C(366) * 86400)
#define EVENT_TIME_MIN_US INT64_C(0) /* 1970 */
#define EVENT_TIME_MAX_US (INT64_C(7258118400) * 1000000) /* 2200 */

struct reader {
    struct tg_usage_batch *batch;
    struct tg_usage_event *event;
};
#define REJECT(r, pointer, ...) tg_usage_reject((r)->batch, (r)->event, "invalid", (pointer), __VA_ARGS__)

static const char *kind_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_NULL: return "null";
    default: return "a boolean";
    }
}

/* A text of 1 to max characters without control characters. */
static int read_text(struct reader *r, const json_t *v, const char *pointer, size_t characters_max, const char **out_r)
{
    if (!json_is_string(v))
        return REJECT(r, pointer, "expected a string, not %s", kind_of(v));
    const char *str = json_string_value(v);
    const size_t len = json_string_length(v);
    if (len == 0)
        return REJECT(r, pointer, "must not be empty");
    if (len > characters_max && tg_utf8_count(str, len) > characters_max)
        return REJECT(r, pointer, "longer than %zu characters", characters_max);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)str[i] < 0x20 || str[i] == 0x7f)
            return REJECT(r, pointer, "holds a control character");
    }
    *out_r = tg_usage_batch_dup(r->batch, str, len);
    return 0;
}

/* A decimal written as a string or as a whole JSON number that a double holds exactly. */
static int read_decimal(struct reader *r, const json_t *v, const char *pointer, struct tg_decimal *d_r)
{
    if (json_is_integer(v)) {
        const json_int_t n = json_integer_value(v);
        if (n > JSON_NUMBER_MAX || n < -JSON_NUMBER_MAX)
            return REJECT(r, pointer, "a number beyond 2^53 must be written as a string");
        *d_r = tg_decimal_from_int(n);
        return 0;
    }
    if (json_is_real(v))
        return REJECT(r, pointer, "a number with a fraction or exponent must be written as a string, such as \"61.5\"");
    if (!json_is_string(v))
        return REJECT(r, pointer, "expected a decimal in a string, not %s", kind_of(v));
    struct tg_err err;
    if (json_string_length(v) > NUMBER_TEXT_MAX ||
        tg_decimal_parse(json_string_value(v), json_string_length(v), d_r, &err) != 0)
        return REJECT(r, pointer, "not a decimal number with at most 26 digits and 12 decimals");
    return 0;
}

static int read_time(struct reader *r, const json_t *v, const char *pointer, int64_t *us_r)
{
    if (!json_is_string(v))
        return REJECT(r, pointer, "expected a time as RFC 3339 text, not %s", kind_of(v));
    struct tg_err err;
    if (tg_time_parse(json_string_value(v), json_string_length(v), us_r, &err) != 0)
        return REJECT(r, pointer, "not a time such as 2026-07-15T10:00:00.000Z");
    if (*us_r < EVENT_TIME_MIN_US || *us_r >= EVENT_TIME_MAX_US)
        return REJECT(r, pointer, "the year must be from 1970 to 2199");
    return 0;
}

/* --- the fields of an event ------------------------------------------------------------------------------------- */

static int read_event_id(struct reader *r, json_t *v)
{
    return read_text(r, v, "/event_id", EVENT_ID_MAX, &r->event->event_id);
}

static int read_source(struct reader *r, json_t *v)
{
    if (read_text(r, v, "/source", SOURCE_MAX, &r->event->source) != 0)
        return -1;
    if (strcmp(r->event->source, TG_USAGE_SOURCE_CALLS) == 0)
        return REJECT(r, "/source", "is what usage of settled calls is kept under; nobody else has this name");
    return 0;
}

static int read_meter(struct reader *r, json_t *v)
{
    if (read_text(r, v, "/meter", METER_MAX, &r->event->meter) != 0)
        return -1;
    const char *m = r->event->meter;
    if (m[strspn(m, "abcdefghijklmnopqrstuvwxyz0123456789._-")] != '\0' || m[0] < 'a')
        return REJECT(r, "/meter", "a meter is written with a-z, 0-9, '.', '_' and '-', such as call.seconds");
    return 0;
}

static int read_event_time(struct reader *r, json_t *v)
{
    return read_time(r, v, "/event_time", &r->event->event_time_us);
}

static int read_quantity(struct reader *r, json_t *v)
{
    if (read_decimal(r, v, "/quantity", &r->event->quantity) != 0)
        return -1;
    if (tg_decimal_is_negative(r->event->quantity))
        return REJECT(r, "/quantity", "must not be negative; usage is taken back by a correction");
    return 0;
}

static int read_company(struct reader *r, json_t *v)
{
    struct tg_err err;
    if (!json_is_string(v))
        return REJECT(r, "/company", "expected a company's id, not %s", kind_of(v));
    if (tg_id_parse(json_string_value(v), json_string_length(v), "co", &r->event->company, &err) != 0)
        return REJECT(r, "/company", "not a company's id such as co_01h455vb4pex5vsknk084sn02q");
    return 0;
}

static int read_call_id(struct reader *r, json_t *v)
{
    return read_text(r, v, "/call_id", CALL_ID_MAX, &r->event->call_id);
}

static int read_cost(struct reader *r, json_t *v)
{
    if (!json_is_object(v))
        return REJECT(r, "/provider_cost", "expected an object with amount and currency, not %s", kind_of(v));
    json_t *amount = json_object_get(v, "amount"), *currency = json_object_get(v, "currency");
    if (amount == NULL || currency == NULL || json_object_size(v) != 2)
        return REJECT(r, "/provider_cost", "must have amount and currency, and nothing else");
    if (read_decimal(r, amount, "/provider_cost/amount", &r->event->cost_amount) != 0)
        return -1;
    const char *code = json_string_value(currency);
    if (code == NULL || tg_currency_find(code, json_string_length(currency)) == NULL)
        return REJECT(r, "/provider_cost/currency", "not a currency of ISO 4217 such as USD");
    memcpy(r->event->cost_currency, code, 4);
    r->event->has_cost = true;
    return 0;
}

static int read_properties(struct reader *r, json_t *v)
{
    if (!json_is_object(v))
        return REJECT(r, "/properties", "expected an object, not %s", kind_of(v));
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15);
    char small[1024];
    size_t len = json_dumpb(v, small, sizeof(small), flags);
    if (len > PROPERTIES_MAX)
        return REJECT(r, "/properties", "longer than %u bytes", PROPERTIES_MAX);
    if (len <= sizeof(small)) {
        r->event->properties = tg_usage_batch_dup(r->batch, small, len);
    } else {
        char *text = tg_usage_batch_alloc(r->batch, len + 1);
        len = json_dumpb(v, text, len, flags);
        text[len] = '\0';
        r->event->properties = text;
    }
    r->event->properties_len = len;
    return 0;
}

struct field {
    const char *name;
    int (*read)(struct reader *r, json_t *v);
    bool required;
};
static const struct field fields[] = {
    {"event_id", read_event_id, true}, /* first: a rejected event is named when it can be */
    {"source", read_source, true},         {"meter", read_meter, true},
    {"event_time", read_event_time, true}, {"quantity", read_quantity, true},
    {"company", read_company, false},      {"call_id", read_call_id, false},
    {"provider_cost", read_cost, false},   {"properties", read_properties, false},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const char *pointer_to(struct reader *r, const char *prefix, const char *key)
{
    char text[80];
    size_t n = (size_t)snprintf(text, sizeof(text), "%s/", prefix);
    for (; *key != '\0' && n + 3 < sizeof(text); key++) { /* RFC 6901 */
        if (*key == '~' || *key == '/') {
            text[n++] = '~';
            text[n++] = *key == '~' ? '0' : '1';
        } else {
            text[n++] = *key;
        }
    }
    return tg_usage_batch_dup(r->batch, text, n);
}

static int read_plain(struct reader *r, json_t *object)
{
    size_t n_known = 0;
    for (size_t i = 0; i < N_FIELDS; i++) {
        json_t *v = json_object_get(object, fields[i].name);
        n_known += v != NULL;
        if (v == NULL && fields[i].required)
            return REJECT(r, pointer_to(r, "", fields[i].name), "is missing");
        if (v != NULL && (fields[i].required || !json_is_null(v)) && fields[i].read(r, v) != 0)
            return -1;
    }
    if (n_known == json_object_size(object))
        return 0;
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v)
    {
        size_t i = 0;
        while (i < N_FIELDS && strcmp(key, fields[i].name) != 0)
            i++;
        if (i == N_FIELDS)
            return REJECT(r, pointer_to(r, "", key), "is not a field of a usage event");
    }
    assert(!"an unknown field was counted and not found");
    return -1;
}

/* --- CloudEvents 1.0: id, source, type and time are ours; data holds the rest ------------------------------------- */

/* Moves a value to its name in the plain form. */
static void move_field(json_t *to, const char *to_name, json_t *from, const char *from_name)
{
    json_t *v = json_object_get(from, from_name);
    if (v != NULL)
        json_object_set(to, to_name, v);
}

static int read_cloudevent(struct reader *r, json_t *object)
{
    const char *version = json_string_value(json_object_get(object, "specversion"));
    if (version == NULL || strcmp(version, "1.0") != 0)
        return REJECT(r, "/specversion", "only CloudEvents 1.0 is understood");
    json_t *data = json_object_get(object, "data");
    if (!json_is_object(data))
        return REJECT(r, "/data",
                      "must be an object with quantity, and company, call_id, provider_cost, properties at will");
    static const char *const attributes[][2] = {{"event_id", "/data/event_id"},
                                                {"source", "/data/source"},
                                                {"meter", "/data/meter"},
                                                {"event_time", "/data/event_time"}};
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) { /* two identities are one too many */
        if (json_object_get(data, attributes[i][0]) != NULL)
            return REJECT(r, attributes[i][1], "is an attribute of the CloudEvent and cannot stand in its data");
    }
    json_t *plain = json_object();
    move_field(plain, "event_id", object, "id");
    move_field(plain, "source", object, "source");
    move_field(plain, "meter", object, "type");
    move_field(plain, "event_time", object, "time");
    /* Extension attributes are the transport's; `subject` names what the event is about: the call. */
    move_field(plain, "call_id", object, "subject");
    json_object_update(plain, data);
    const int status = read_plain(r, plain);
    json_decref(plain);
    return status;
}

/* --- calls: the properties that rating reads ---------------------------------------------------------------------- */

static int read_optional_text(struct reader *r, json_t *properties, const char *name, const char *pointer,
                              const char **out_r)
{
    json_t *v = json_object_get(properties, name);
    if (v == NULL || json_is_null(v))
        return 0;
    return read_text(r, v, pointer, 64, out_r);
}

static int read_duration(struct reader *r, json_t *properties)
{
    struct tg_usage_event *event = r->event;
    json_t *v = json_object_get(properties, "duration_ms");
    struct tg_decimal ms;
    struct tg_err err;
    const char *pointer = "/quantity";
    if (v != NULL && !json_is_null(v)) {
        pointer = "/properties/duration_ms";
        if (read_decimal(r, v, pointer, &ms) != 0)
            return -1;
    } else if (tg_decimal_mul_div(event->quantity, 1000, 1, 12, TG_ROUND_DOWN, &ms, &err) != 0) {
        return REJECT(r, pointer, "a call cannot be that long");
    }
    if (tg_decimal_is_negative(ms))
        return REJECT(r, pointer, "a duration must not be negative");
    if (!tg_decimal_to_int(ms, &event->duration_ms))
        return REJECT(r, pointer, "calls are counted in whole milliseconds");
    if (event->duration_ms > CALL_SECONDS_MAX * 1000)
        return REJECT(r, pointer, "a call cannot be longer than 366 days");
    event->has_duration_ms = true;
    return 0;
}

static int read_call(struct reader *r, json_t *properties)
{
    struct tg_usage_event *event = r->event;
    static const char *const times[][2] = {{"started_at", "/properties/started_at"},
                                           {"ended_at", "/properties/ended_at"}};
    for (size_t i = 0; i < 2; i++) {
        json_t *v = json_object_get(properties, times[i][0]);
        int64_t ignored;
        if (v != NULL && !json_is_null(v) && read_time(r, v, times[i][1], &ignored) != 0)
            return -1;
    }
    json_t *answered = json_object_get(properties, "answered_at");
    if (answered != NULL && !json_is_null(answered)) {
        if (read_time(r, answered, "/properties/answered_at", &event->answered_at_us) != 0)
            return -1;
        event->has_answered_at = true;
    }
    if (read_optional_text(r, properties, "to", "/properties/to", &event->to) != 0 ||
        read_optional_text(r, properties, "from", "/properties/from", &event->from) != 0 ||
        read_optional_text(r, properties, "direction", "/properties/direction", &event->direction) != 0 ||
        read_optional_text(r, properties, "status", "/properties/status", &event->call_status) != 0)
        return -1;
    return read_duration(r, properties);
}

static bool is_call(const struct tg_usage_event *event)
{
    return strcmp(event->meter, "call.seconds") == 0;
}

void tg_usage_event_read_call(struct tg_usage_batch *batch, struct tg_usage_event *event)
{
    struct reader r = {batch, event};
    if (!is_call(event))
        return;
    json_t *properties = json_loadb(event->properties, event->properties_len, 0, NULL);
    (void)read_call(&r, properties); /* it was read before: nothing is refused */
    json_decref(properties);
}

/* --- identity and body -------------------------------------------------------------------------------------------- */

void tg_usage_event_hash(struct tg_usage_event *e)
{
    uint8_t full[TG_SHA256_LEN];
    const struct tg_iov identity[] = {{e->source, strlen(e->source) + 1}, {e->event_id, strlen(e->event_id)}};
    tg_sha256_v(identity, 2, full);
    memcpy(e->dedupe, full, sizeof(e->dedupe));
    const char *call_id = e->call_id == NULL ? "" : e->call_id;
    const struct tg_iov body[] = {
        {e->meter, strlen(e->meter) + 1},
        {call_id, strlen(call_id) + 1},
        {&e->event_time_us, sizeof(e->event_time_us)},
        {&e->quantity.units, sizeof(e->quantity.units)},
        {&e->cost_amount.units, sizeof(e->cost_amount.units)},
        {e->cost_currency, sizeof(e->cost_currency)},
        {e->properties, e->properties_len},
    };
    tg_sha256_v(body, sizeof(body) / sizeof(body[0]), full);
    memcpy(e->body_hash, full, sizeof(e->body_hash));
}

void tg_usage_event_read(struct tg_usage_batch *batch, struct tg_usage_event *event, json_t *object)
{
    struct reader r = {batch, event};
    event->properties = "{}";
    event->properties_len = 2;
    const bool is_cloudevent = json_object_get(object, "specversion") != NULL;
    if ((is_cloudevent ? read_cloudevent(&r, object) : read_plain(&r, object)) != 0)
        return;
    if (is_call(event)) {
        json_t *holder = is_cloudevent ? json_object_get(object, "data") : object;
        if (read_call(&r, json_object_get(holder, "properties")) != 0)
            return;
    }
    tg_usage_event_hash(event);
}

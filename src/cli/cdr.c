/* cdr - see cdr.h. What the server checks is left to the server; here only what is needed to make the JSON. */
#include "cli/cdr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MS_MAX 1000000000000 /* 31 years; the server's own limit is lower */

int tg_cdr_columns_find(const struct tg_csv *csv, struct tg_cdr_columns *columns_r, struct tg_err *err_r)
{
    const struct {
        const char *name;
        int *place;
        int is_needed;
    } columns[] = {
        {"event_id", &columns_r->event_id, 1},
        {"tenant", &columns_r->tenant, 1},
        {"direction", &columns_r->direction, 0},
        {"from", &columns_r->from, 0},
        {"to", &columns_r->to, 1},
        {"started_at", &columns_r->started_at, 1},
        {"answered_at", &columns_r->answered_at, 1},
        {"ended_at", &columns_r->ended_at, 0},
        {"duration_ms", &columns_r->duration_ms, 1},
        {"status", &columns_r->status, 1},
    };
    for (size_t i = 0; i != sizeof(columns) / sizeof(columns[0]); ++i) {
        *columns[i].place = tg_csv_column(csv, columns[i].name);
        if (columns[i].is_needed && *columns[i].place == -1)
            return tg_err_set(err_r, TG_ERR_INPUT, "the header has no column '%s'", columns[i].name);
    }
    return 0;
}

static struct tg_csv_field field_at(const struct tg_csv *csv, int column)
{
    return column >= 0 && (size_t)column < csv->n_fields ? csv->fields[column] : (struct tg_csv_field){"", 0};
}

struct tg_csv_field tg_cdr_tenant(const struct tg_csv *csv, const struct tg_cdr_columns *columns)
{
    return field_at(csv, columns->tenant);
}

static int set_text(json_t *object, const char *key, struct tg_csv_field field, struct tg_err *err_r)
{
    if (field.len == 0)
        return 0;
    if (json_object_set_new(object, key, json_stringn(field.str, field.len)) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: not valid UTF-8", key);
    return 0;
}

static int parse_duration(struct tg_csv_field field, long long *ms_r, struct tg_err *err_r)
{
    char text[24], *end;
    if (field.len == 0 || field.len >= sizeof(text))
        return tg_err_set(err_r, TG_ERR_INPUT, "duration_ms: a whole number of milliseconds is needed");
    memcpy(text, field.str, field.len);
    text[field.len] = '\0';
    errno = 0;
    *ms_r = strtoll(text, &end, 10);
    if (errno != 0 || end != text + field.len || strspn(text, "-0123456789") != field.len || *ms_r > DURATION_MS_MAX ||
        *ms_r < -DURATION_MS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "duration_ms: '%s' is not a whole number of milliseconds", text);
    return 0;
}

/* Seconds with milliseconds, shortest: 19128 → "19.128", 60000 → "60". */
static void format_seconds(long long ms, char *out, size_t size)
{
    long long magnitude = ms < 0 ? -ms : ms;
    int n = snprintf(out, size, "%s%lld.%03lld", ms < 0 ? "-" : "", magnitude / 1000, magnitude % 1000);
    while (out[n - 1] == '0')
        out[--n] = '\0';
    if (out[n - 1] == '.')
        out[n - 1] = '\0';
}

int tg_cdr_event(const struct tg_csv *csv, const struct tg_cdr_columns *columns, const char *source, json_t *company,
                 json_t **event_r, struct tg_err *err_r)
{
    long long ms = 0;
    char seconds[32];
    struct tg_csv_field answered = field_at(csv, columns->answered_at);
    if (parse_duration(field_at(csv, columns->duration_ms), &ms, err_r) != 0)
        return -1;
    format_seconds(ms, seconds, sizeof(seconds));
    json_t *properties = json_pack("{s:I}", "duration_ms", (json_int_t)ms);
    json_t *event = json_pack("{s:s, s:s, s:s, s:O, s:o}", "source", source, "meter", "call.seconds", "quantity",
                              seconds, "company", company, "properties", properties);
    int rc = set_text(event, "event_id", field_at(csv, columns->event_id), err_r);
    rc |= set_text(event, "event_time", answered.len != 0 ? answered : field_at(csv, columns->started_at), err_r);
    rc |= set_text(properties, "to", field_at(csv, columns->to), err_r);
    rc |= set_text(properties, "from", field_at(csv, columns->from), err_r);
    rc |= set_text(properties, "direction", field_at(csv, columns->direction), err_r);
    rc |= set_text(properties, "status", field_at(csv, columns->status), err_r);
    rc |= set_text(properties, "started_at", field_at(csv, columns->started_at), err_r);
    rc |= set_text(properties, "answered_at", answered, err_r);
    rc |= set_text(properties, "ended_at", field_at(csv, columns->ended_at), err_r);
    if (rc != 0) {
        json_decref(event);
        return -1;
    }
    *event_r = event;
    return 0;
}

/* jsonw - writes JSON into a strbuf. */
#include "base/jsonw.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#define DEPTH_MAX 64

void tg_jsonw_init(struct tg_jsonw *w, struct tg_strbuf *out)
{
    *w = (struct tg_jsonw){.out = out};
}

static bool in_object(const struct tg_jsonw *w)
{
    return w->depth > 0 && (w->is_object >> (w->depth - 1) & 1) != 0;
}

/* Before each value: its comma, and whether it may stand here. */
static void begin_value(struct tg_jsonw *w)
{
    assert(in_object(w) == w->has_key); /* in an object a value follows its key */
    assert(w->depth > 0 || !w->needs_comma); /* at the top there is one value */
    if (w->needs_comma && !w->has_key)
        tg_strbuf_append_char(w->out, ',');
    w->has_key = false;
    w->needs_comma = true;
}

static void open_level(struct tg_jsonw *w, bool is_object)
{
    begin_value(w);
    assert(w->depth < DEPTH_MAX);
    uint64_t bit = UINT64_C(1) << w->depth++;
    w->is_object = is_object ? w->is_object | bit : w->is_object & ~bit;
    w->needs_comma = false;
    tg_strbuf_append_char(w->out, is_object ? '{' : '[');
}

static void close_level(struct tg_jsonw *w, bool is_object)
{
    assert(w->depth > 0 && in_object(w) == is_object && !w->has_key);
    w->depth--;
    w->needs_comma = true;
    tg_strbuf_append_char(w->out, is_object ? '}' : ']');
}

void tg_jsonw_object(struct tg_jsonw *w)
{
    open_level(w, true);
}

void tg_jsonw_object_end(struct tg_jsonw *w)
{
    close_level(w, true);
}

void tg_jsonw_array(struct tg_jsonw *w)
{
    open_level(w, false);
}

void tg_jsonw_array_end(struct tg_jsonw *w)
{
    close_level(w, false);
}

static void escape(struct tg_strbuf *out, unsigned char c)
{
    switch (c) {
    case '"': tg_strbuf_append(out, "\\\"", 2); return;
    case '\\': tg_strbuf_append(out, "\\\\", 2); return;
    case '\n': tg_strbuf_append(out, "\\n", 2); return;
    case '\r': tg_strbuf_append(out, "\\r", 2); return;
    case '\t': tg_strbuf_append(out, "\\t", 2); return;
    case '\b': tg_strbuf_append(out, "\\b", 2); return;
    case '\f': tg_strbuf_append(out, "\\f", 2); return;
    default: tg_strbuf_printf(out, "\\u%04x", c); return;
    }
}

/* Valid UTF-8, its plain stretches copied whole. */
static void put_valid(struct tg_strbuf *out, const char *str, size_t len)
{
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)str[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        tg_strbuf_append(out, str + from, i - from);
        escape(out, c);
        from = i + 1;
    }
    tg_strbuf_append(out, str + from, len - from);
}

/* Whether it stands in JSON as it is: ASCII with nothing to escape. */
static bool is_plain(const char *str, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)str[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void put_any(struct tg_strbuf *out, const char *str, size_t len)
{
    tg_strbuf_append_char(out, '"');
    for (;;) {
        size_t valid = tg_utf8_valid_len(str, len);
        put_valid(out, str, valid);
        if (valid == len)
            break;
        tg_strbuf_append(out, "\xef\xbf\xbd", 3); /* U+FFFD for each byte that is none */
        str += valid + 1;
        len -= valid + 1;
    }
    tg_strbuf_append_char(out, '"');
}

static void put_string(struct tg_strbuf *out, const char *str, size_t len)
{
    if (!is_plain(str, len)) {
        put_any(out, str, len);
        return;
    }
    char *to = tg_strbuf_extend(out, len + 2);
    if (to == NULL)
        return;
    to[0] = '"';
    memcpy(to + 1, str, len);
    to[len + 1] = '"';
}

void tg_jsonw_key_n(struct tg_jsonw *w, const char *key, size_t len)
{
    assert(in_object(w) && !w->has_key);
    if (w->needs_comma)
        tg_strbuf_append_char(w->out, ',');
    put_string(w->out, key, len);
    tg_strbuf_append_char(w->out, ':');
    w->has_key = true;
}

void tg_jsonw_key(struct tg_jsonw *w, const char *key)
{
    tg_jsonw_key_n(w, key, strlen(key));
}

void tg_jsonw_str_n(struct tg_jsonw *w, const char *str, size_t len)
{
    begin_value(w);
    put_string(w->out, str, len);
}

void tg_jsonw_str(struct tg_jsonw *w, const char *str)
{
    tg_jsonw_str_n(w, str, strlen(str));
}

void tg_jsonw_int(struct tg_jsonw *w, int64_t n)
{
    char text[20], *at = text + sizeof(text); /* printf would take three times as long */
    uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
    begin_value(w);
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (n < 0)
        *--at = '-';
    tg_strbuf_append(w->out, at, (size_t)(text + sizeof(text) - at));
}

void tg_jsonw_bool(struct tg_jsonw *w, bool b)
{
    begin_value(w);
    tg_strbuf_append_str(w->out, b ? "true" : "false");
}

void tg_jsonw_null(struct tg_jsonw *w)
{
    begin_value(w);
    tg_strbuf_append_str(w->out, "null");
}

void tg_jsonw_decimal(struct tg_jsonw *w, struct tg_decimal d)
{
    char text[TG_DECIMAL_TEXT_SIZE];
    size_t len = tg_decimal_format(d, text);
    tg_jsonw_str_n(w, text, len);
}

void tg_jsonw_time(struct tg_jsonw *w, int64_t us)
{
    char text[TG_RFC3339_SIZE];
    size_t len = tg_time_format(us, text);
    tg_jsonw_str_n(w, text, len);
}

void tg_jsonw_raw(struct tg_jsonw *w, const char *json, size_t len)
{
    begin_value(w);
    tg_strbuf_append(w->out, json, len);
}

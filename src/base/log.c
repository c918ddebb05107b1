/* log - one JSON event a line, on stderr.
 *
 * A line is built whole and given to one write(2): lines of threads (and of processes, up to PIPE_BUF on a pipe) do
 * not mix. No lock, no queue: who logs pays.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES (64u << 10)
#define STR_MAX_BYTES 4096u /* of a field; a longer one is cut and ends in an ellipsis */

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static atomic_int level_min = TG_LOG_LEVEL_INFO;
static atomic_int log_fd = STDERR_FILENO;
static tg_log_listener_fn *listener;
static void *listener_arg;

static size_t field_len(const struct tg_logfield *field)
{
    return field->len == SIZE_MAX ? strlen(field->str) : field->len;
}

static void put_cut_string(struct tg_jsonw *w, const struct tg_logfield *field)
{
    size_t len = field_len(field);
    if (len <= STR_MAX_BYTES) {
        tg_jsonw_str_n(w, field->str, len);
        return;
    }
    static const char ellipsis[] = "\xe2\x80\xa6";
    char cut[STR_MAX_BYTES + sizeof(ellipsis)];
    len = STR_MAX_BYTES;
    while (len > STR_MAX_BYTES - 3 && ((unsigned char)field->str[len] & 0xc0) == 0x80)
        len--; /* not inside a character */
    memcpy(cut, field->str, len);
    memcpy(cut + len, ellipsis, sizeof(ellipsis));
    tg_jsonw_str(w, cut);
}

static void put_secret(struct tg_jsonw *w, const struct tg_logfield *field)
{
    uint8_t digest[TG_SHA256_LEN];
    char hex[9];
    tg_sha256(field->str, field_len(field), digest);
    tg_hex(digest, 4, hex);
    tg_jsonw_str(w, hex);
}

static void put_field(struct tg_jsonw *w, const struct tg_logfield *field)
{
    tg_jsonw_key(w, field->key);
    switch (field->kind) {
    case TG_LOGKIND_INT: tg_jsonw_int(w, field->num); return;
    case TG_LOGKIND_BOOL: tg_jsonw_bool(w, field->num != 0); return;
    case TG_LOGKIND_STR:
    case TG_LOGKIND_SECRET:
        if (field->str == NULL)
            tg_jsonw_null(w);
        else if (field->kind == TG_LOGKIND_STR)
            put_cut_string(w, field);
        else
            put_secret(w, field);
        return;
    case TG_LOGKIND_END: return;
    }
}

static void put_line(struct tg_strbuf *line, enum tg_loglevel level, const char *name, const struct tg_logfield *fields)
{
    struct tg_jsonw w;
    tg_jsonw_init(&w, line);
    tg_jsonw_object(&w);
    tg_jsonw_key(&w, "time");
    tg_jsonw_time(&w, tg_clock_now_us());
    tg_jsonw_key(&w, "level");
    tg_jsonw_str(&w, level_names[level]);
    tg_jsonw_key(&w, "name");
    tg_jsonw_str(&w, name);
    for (; fields->kind != TG_LOGKIND_END; fields++)
        put_field(&w, fields);
    tg_jsonw_object_end(&w);
    tg_strbuf_append_char(line, '\n');
}

/* A log that cannot be written is no reason to stop, and there is nobody to tell. */
static void write_line(const struct tg_strbuf *line)
{
    const char *at = line->bytes;
    size_t left = line->len;
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    while (left != 0) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        left -= (size_t)n;
    }
}

void tg_log_event(enum tg_loglevel level, const char *name, const struct tg_logfield *fields)
{
    int saved_errno = errno;
    struct tg_strbuf line;
    if (listener != NULL)
        listener(level, name, fields, listener_arg);
    if ((int)level >= atomic_load_explicit(&level_min, memory_order_relaxed)) {
        tg_strbuf_init(&line, LINE_MAX_BYTES);
        put_line(&line, level, name, fields);
        if (tg_strbuf_overflowed(&line)) { /* an event is never lost for its fields */
            tg_strbuf_reset(&line);
            put_line(&line, level, name, (const struct tg_logfield[]){TG_LOG_BOOL("too_long", true), TG_LOG_END});
        }
        write_line(&line);
        tg_strbuf_deinit(&line);
    }
    errno = saved_errno;
}

int tg_log_set_level(const char *level)
{
    for (int i = TG_LOG_LEVEL_DEBUG; i <= TG_LOG_LEVEL_ERROR; i++)
        if (strcmp(level, level_names[i]) == 0) {
            atomic_store_explicit(&level_min, i, memory_order_relaxed);
            return 0;
        }
    return -1;
}

void tg_log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

void tg_log_set_listener(tg_log_listener_fn *fn, void *arg)
{
    listener_arg = arg;
    listener = fn;
}

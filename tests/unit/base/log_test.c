/* log_test - events as lines: caught in a pipe and read as JSON. TG_TSAN */
#include "../../../src/base/log.c"
#include "tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>

static int catcher[2];

static void catch_lines(void)
{
    if (catcher[0] == 0 && (pipe(catcher) != 0 || fcntl(catcher[0], F_SETFL, O_NONBLOCK) != 0)) {
        printf("Bail out! pipe\n");
        exit(1);
    }
    tg_log_set_fd(catcher[1]);
    tg_log_set_level("info");
    tg_log_set_listener(NULL, NULL);
}

/* What was written since the last call, NUL terminated. */
static const char *caught(void)
{
    static char text[1 << 17];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof(text) - 1 && (n = read(catcher[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

static json_t *caught_event(void)
{
    json_error_t error;
    const char *line = caught();
    json_t *event = json_loads(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    ok(event != NULL, "'%s': %s", line, error.text);
    ok(strchr(line, '\n') == line + strlen(line) - 1, "one line");
    return event;
}

static const char *str_of(const json_t *event, const char *key)
{
    return json_string_value(json_object_get(event, key));
}

TEST(an_event_is_a_line_of_json)
{
    catch_lines();
    tg_clock_set_us(1784109600000001);
    struct tg_err err = {.code = TG_ERR_UPSTREAM, .text = "gone \"away\""};
    TG_LOG_WARN("db_pool_retried", TG_LOG_STR("host", "a\nb"), TG_LOG_STRN("cut", "abcdef", 3),
                TG_LOG_INT("n", INT64_MIN), TG_LOG_BOOL("ok", false), TG_LOG_STR("none", NULL), TG_LOG_ERR(&err));
    tg_clock_unset();
    is_str(caught(), "{\"time\":\"2026-07-15T10:00:00.000001Z\",\"level\":\"warn\",\"name\":\"db_pool_retried\","
                     "\"host\":\"a\\nb\",\"cut\":\"abc\",\"n\":-9223372036854775808,\"ok\":false,\"none\":null,"
                     "\"error\":\"gone \\\"away\\\"\"}\n");
}

TEST(an_event_may_have_no_fields_and_any_bytes)
{
    catch_lines();
    TG_LOG_INFO("server_started");
    json_t *event = caught_event();
    is_str(str_of(event, "level"), "info");
    is_str(str_of(event, "name"), "server_started");
    is_int(json_object_size(event), 3);
    json_decref(event);
    TG_LOG_INFO("bytes_seen", TG_LOG_STRN("bytes", "\xff\0\"", 3));
    event = caught_event();
    json_decref(event);
}

TEST(a_secret_prints_as_a_hash)
{
    catch_lines();
    TG_LOG_INFO("key_used", TG_LOG_SECRET("key", "abc", 3), TG_LOG_SECRET("other", NULL, 0));
    const char *line = caught();
    contains(line, "\"key\":\"ba7816bf\"");
    contains(line, "\"other\":null");
    ok(strstr(line, "abc") == NULL, "the secret is not there");
}

TEST(lines_below_the_level_are_dropped)
{
    catch_lines();
    TG_LOG_DEBUG("quiet");
    is_str(caught(), "");
    is_int(tg_log_set_level("debug"), 0);
    TG_LOG_DEBUG("heard");
    contains(caught(), "\"heard\"");
    is_int(tg_log_set_level("error"), 0);
    TG_LOG_WARN("quiet");
    is_str(caught(), "");
    TG_LOG_ERROR("heard");
    contains(caught(), "\"level\":\"error\"");
    is_int(tg_log_set_level("loud"), -1);
    is_int(tg_log_set_level(""), -1);
    TG_LOG_ERROR("still");
    contains(caught(), "\"still\"");
}

TEST(a_long_string_is_cut_between_characters)
{
    catch_lines();
    char text[STR_MAX_BYTES + 100];
    memset(text, 'x', sizeof(text));
    memcpy(text + STR_MAX_BYTES - 1, "\303\251\303\251", 4); /* é lies on the cut */
    TG_LOG_INFO("long_seen", TG_LOG_STRN("text", text, sizeof(text)), TG_LOG_INT("after", 1));
    json_t *event = caught_event();
    const char *cut = str_of(event, "text");
    is_int(strlen(cut), STR_MAX_BYTES - 1 + 3);
    is_str(cut + STR_MAX_BYTES - 2, "x\342\200\246");
    is_int(json_integer_value(json_object_get(event, "after")), 1);
    json_decref(event);
}

TEST(fields_beyond_a_lines_length_cost_the_fields_and_not_the_event)
{
    catch_lines();
    char text[STR_MAX_BYTES];
    memset(text, '\x01', sizeof(text));
#define LONG TG_LOG_STRN("text", text, sizeof(text))
    TG_LOG_ERROR("much_seen", LONG, LONG, LONG);
    json_t *event = caught_event();
    is_str(str_of(event, "name"), "much_seen");
    is_true(json_is_true(json_object_get(event, "too_long")));
    json_decref(event);
}

static struct {
    int events;
    enum tg_loglevel level;
    char name[64];
    int64_t num;
} heard;

static void on_event(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    int *events = arg;
    ++*events;
    heard.level = level;
    snprintf(heard.name, sizeof(heard.name), "%s", name);
    heard.num = fields->num;
}

TEST(a_listener_hears_every_event_printed_or_not)
{
    catch_lines();
    tg_log_set_listener(on_event, &heard.events);
    TG_LOG_DEBUG("pool_grown", TG_LOG_INT("size", 4));
    is_int(heard.events, 1);
    is_str(heard.name, "pool_grown");
    is_int(heard.level, TG_LOG_LEVEL_DEBUG);
    is_int(heard.num, 4);
    is_str(caught(), "");
    TG_LOG_ERROR("pool_lost");
    is_int(heard.events, 2);
    contains(caught(), "pool_lost");
    tg_log_set_listener(NULL, NULL);
}

TEST(a_log_that_cannot_be_written_stops_nobody_and_keeps_errno)
{
    catch_lines();
    tg_log_set_fd(-1);
    errno = ENOENT;
    TG_LOG_ERROR("nobody_hears");
    is_int(errno, ENOENT);
    tg_log_set_fd(catcher[1]);
}

#define THREADS 4
#define LINES 50

static void *log_lines(void *arg)
{
    for (int i = 0; i < LINES; i++)
        TG_LOG_INFO("thread_spoke", TG_LOG_INT("thread", *(const int *)arg), TG_LOG_STR("text", "0123456789"));
    return NULL;
}

TEST(threads_do_not_mix_their_lines)
{
    static const int numbers[THREADS] = {0, 1, 2, 3};
    pthread_t threads[THREADS];
    catch_lines();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, log_lines, (void *)(uintptr_t)&numbers[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int lines = 0;
    const char *at = caught();
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        json_t *event = json_loadb(at, len, 0, NULL);
        if (!ok(event != NULL, "%.*s", (int)len, at))
            break;
        json_decref(event);
        lines++;
        at += len + 1;
    }
    is_int(lines, THREADS * LINES);
}

TAP_MAIN()

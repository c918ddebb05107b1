/* metrics_test - counting on many threads without a lock, and the OpenMetrics text of it.
 * TG_TSAN: it crosses threads. */
#include "../../../src/rt/metrics.c"

#include <stdio.h>

#include "tap.h"

static struct tg_metric *make(enum tg_metrickind kind, const char *name, const char *label)
{
    struct tg_err err;
    const char *labels[] = {label};
    struct tg_metric *m = tg_metric_register(kind, name, "Help\nof \"it\".", labels, label != NULL, &err);
    if (m == NULL) {
        printf("# %s\n", err.text);
        abort();
    }
    return m;
}

static char *rendered(void)
{
    struct tg_strbuf out;
    tg_strbuf_init(&out, 1 << 20);
    tg_metrics_render(&out);
    char *text = tg_strbuf_take(&out, NULL);
    tg_strbuf_deinit(&out);
    return text;
}

static void is_rendered(const char *part)
{
    char *text = rendered();
    contains(text, part);
    free(text);
}

TEST(text_is_OpenMetrics)
{
    struct tg_metric *c = make(TG_METRIC_COUNTER, "t_requests_total", "status");
    struct tg_metric *g = make(TG_METRIC_GAUGE, "t_connections", NULL);
    struct tg_metric *h = make(TG_METRIC_HISTOGRAM, "t_seconds", "route");
    tg_metric_add(c, (const char *[]){"200"}, 2);
    tg_metric_add(c, (const char *[]){"5\"\\\n"}, 1);
    tg_metric_set(g, NULL, 7);
    tg_metric_add(g, NULL, -1.5);
    tg_metric_observe(h, (const char *[]){"/v1"}, 0.0001);
    tg_metric_observe(h, (const char *[]){"/v1"}, 0.3);
    tg_metric_observe(h, (const char *[]){"/v1"}, 100);
    is_rendered(
        "# TYPE t_requests counter\n# HELP t_requests Help\\nof \\\"it\\\".\nt_requests_total{status=\"200\"} 2\n"
        "t_requests_total{status=\"5\\\"\\\\\\n\"} 1\n");
    is_rendered("# TYPE t_connections gauge\n# HELP t_connections Help\\nof \\\"it\\\".\nt_connections 5.5\n");
    is_rendered("t_seconds_bucket{route=\"/v1\",le=\"0.0001\"} 1\n");
    is_rendered("t_seconds_bucket{route=\"/v1\",le=\"0.25\"} 1\nt_seconds_bucket{route=\"/v1\",le=\"0.5\"} 2\n");
    is_rendered("t_seconds_bucket{route=\"/v1\",le=\"+Inf\"} 3\nt_seconds_count{route=\"/v1\"} 3\n"
                "t_seconds_sum{route=\"/v1\"} 100.3001");
    char *text = rendered();
    is_str(text + strlen(text) - 6, "# EOF\n");
    free(text);
}

TEST(the_same_definition_is_the_same_metric_another_is_refused)
{
    struct tg_err err;
    struct tg_metric *m = make(TG_METRIC_COUNTER, "t_same", "a");
    ok(make(TG_METRIC_COUNTER, "t_same_total", "a") == m, "with and without _total");
    ok(tg_metric_register(TG_METRIC_GAUGE, "t_same", "", (const char *[]){"a"}, 1, &err) == NULL, "another kind");
    contains(err.text, "registered already");
    ok(tg_metric_register(TG_METRIC_COUNTER, "t_same", "", (const char *[]){"b"}, 1, &err) == NULL, "another label");
    ok(tg_metric_register(TG_METRIC_COUNTER, "no-dash", "", NULL, 0, &err) == NULL, "a bad name");
    ok(tg_metric_register(TG_METRIC_COUNTER, "9x", "", NULL, 0, &err) == NULL, "a bad name");
}

TEST(too_many_label_values_overflow_into_one)
{
    struct tg_metric *m = make(TG_METRIC_COUNTER, "t_many", "id");
    for (int i = 0; i < TG_METRIC_SERIES_MAX + 100; i++) {
        char value[20];
        snprintf(value, sizeof(value), "%d", i);
        tg_metric_add(m, (const char *[]){value}, 1);
    }
    is_rendered("t_many_total{id=\"overflow\"} 100\n");
}

#define THREADS 4
#define ROUNDS 20000

static struct tg_metric *shared;

static void *count(void *arg)
{
    const char *names[] = {arg, "both"};
    for (int i = 0; i < ROUNDS; i++) {
        tg_metric_add(shared, &names[0], 1);
        tg_metric_add(shared, &names[1], 1);
    }
    return NULL;
}

TEST(threads_count_while_another_renders_and_nothing_is_lost)
{
    pthread_t threads[THREADS];
    static const char *const names[THREADS] = {"t0", "t1", "t2", "t3"};
    shared = make(TG_METRIC_COUNTER, "t_shared", "who");
    for (int round = 0; round < 2; round++) { /* the second round goes on with what ended threads left */
        for (int i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, count, (void *)names[i]);
        for (int i = 0; i < 20; i++)
            free(rendered());
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    char expected[100];
    snprintf(expected, sizeof(expected), "t_shared_total{who=\"both\"} %d\n", 2 * THREADS * ROUNDS);
    is_rendered(expected);
    snprintf(expected, sizeof(expected), "t_shared_total{who=\"t3\"} %d\n", 2 * ROUNDS);
    is_rendered(expected);
}

TEST(log_events_are_counted_by_level_and_name)
{
    tg_metrics_on_log(TG_LOG_LEVEL_WARN, "db_pool_retried", NULL, NULL);
    is_rendered("tollgate_log_events_total{level=\"warn\",name=\"db_pool_retried\"} 1\n");
}

TAP_MAIN()

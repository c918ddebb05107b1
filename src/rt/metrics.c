/* metrics - counters, gauges and histograms; see metrics.h.
 *
 * Who writes what: the registry (metrics, threads) is changed under one lock. A thread's series are in a hash table
 * that only it reads, and on a list that only grows at its head, so rendering walks it while the thread counts; the
 * numbers are atomics with one writer (a relaxed load and a relaxed store, no locked instruction). When a thread ends
 * its series stay and the next new thread goes on with them, so a counter never goes back.
 */
#include "rt/metrics.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define METRICS_MAX 500
#define VALUE_LEN_MAX 120 /* of one label's value */

static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   30};
#define N_BOUNDS (sizeof(bounds) / sizeof(*bounds))

struct tg_metric {
    enum tg_metrickind kind;
    unsigned number; /* its place in the registry */
    char *name, *help, *labels[TG_METRIC_LABELS_MAX];
    size_t n_labels;
};

struct series { /* of one metric, one set of label values and one thread */
    struct series *next; /* on the thread's list, older */
    struct series *chain; /* of its bucket */
    struct tg_metric *metric;
    uint64_t hash;
    char *text; /* {label="value",…}, escaped; "" without labels */
    _Atomic double value; /* a histogram's: the sum */
    _Atomic uint64_t *buckets; /* N_BOUNDS + 1, a histogram's, not cumulative */
};

struct thread {
    struct thread *next;
    bool in_use; /* under the registry's lock */
    _Atomic(struct series *) head;
    struct series **table; /* only its thread */
    size_t n, capacity;
    unsigned n_of_metric[METRICS_MAX];
};

static struct {
    pthread_mutex_t lock;
    struct tg_metric *metrics[METRICS_MAX];
    size_t n;
    struct thread *threads;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local struct thread *own;

/* --- registering -------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= 100 && name[len] == '\0' && (name[0] < '0' || name[0] > '9');
}

static bool is_same(const struct tg_metric *m, enum tg_metrickind kind, const char *const *labels, size_t n_labels)
{
    if (m->kind != kind || m->n_labels != n_labels)
        return false;
    for (size_t i = 0; i < n_labels; i++) {
        if (strcmp(m->labels[i], labels[i]) != 0)
            return false;
    }
    return true;
}

static struct tg_metric *find_metric(const char *name)
{
    for (size_t i = 0; i < registry.n; i++) {
        if (strcmp(registry.metrics[i]->name, name) == 0)
            return registry.metrics[i];
    }
    return NULL;
}

static struct tg_metric *add_metric(enum tg_metrickind kind, const char *name, const char *help,
                                    const char *const *labels, size_t n_labels)
{
    struct tg_metric *m = TG_NEW(struct tg_metric);
    m->kind = kind;
    m->name = tg_strdup(name);
    m->help = tg_strdup(help);
    m->n_labels = n_labels;
    for (size_t i = 0; i < n_labels; i++)
        m->labels[i] = tg_strdup(labels[i]);
    m->number = (unsigned)registry.n;
    registry.metrics[registry.n++] = m;
    return m;
}

static struct tg_metric *find_or_add(enum tg_metrickind kind, const char *name, const char *help,
                                     const char *const *labels, size_t n_labels, struct tg_err *err_r)
{
    struct tg_metric *m = find_metric(name);
    if (m != NULL && is_same(m, kind, labels, n_labels))
        return m;
    if (m != NULL || registry.n == METRICS_MAX) {
        tg_err_set(err_r, TG_ERR_INPUT, "metric '%s': %s", name,
                   m != NULL ? "registered already with another kind or other labels" : "too many metrics");
        return NULL;
    }
    return add_metric(kind, name, help, labels, n_labels);
}

struct tg_metric *tg_metric_register(enum tg_metrickind kind, const char *name, const char *help,
                                     const char *const *labels, size_t n_labels, struct tg_err *err_r)
{
    char base[104];
    bool good = is_name(name) && n_labels <= TG_METRIC_LABELS_MAX;
    for (size_t i = 0; good && i < n_labels; i++)
        good = is_name(labels[i]);
    if (!good) {
        tg_err_set(err_r, TG_ERR_INPUT, "metric '%s': names are [a-z0-9_], at most %d labels", name,
                   TG_METRIC_LABELS_MAX);
        return NULL;
    }
    size_t len = strlen(name);
    if (kind == TG_METRIC_COUNTER && len > 6 && strcmp(name + len - 6, "_total") == 0)
        len -= 6;
    memcpy(base, name, len);
    base[len] = '\0';
    pthread_mutex_lock(&registry.lock);
    struct tg_metric *m = find_or_add(kind, base, help, labels, n_labels, err_r);
    pthread_mutex_unlock(&registry.lock);
    return m;
}

size_t tg_metric_n_labels(const struct tg_metric *metric)
{
    return metric->n_labels;
}

enum tg_metrickind tg_metric_kind(const struct tg_metric *metric)
{
    return metric->kind;
}

/* --- a thread's series -------------------------------------------------------------------------------------------- */

static void on_thread_exit(void *arg)
{
    struct thread *t = arg;
    pthread_mutex_lock(&registry.lock);
    t->in_use = false;
    pthread_mutex_unlock(&registry.lock);
}

static void make_key(void)
{
    int status = pthread_key_create(&key, on_thread_exit);
    assert(status == 0);
}

/* This thread's part: one that an ended thread left, or a new one. */
static struct thread *own_thread(void)
{
    if (own != NULL)
        return own;
    pthread_once(&key_once, make_key);
    pthread_mutex_lock(&registry.lock);
    struct thread *t = registry.threads;
    while (t != NULL && t->in_use)
        t = t->next;
    if (t == NULL) {
        t = TG_NEW(struct thread);
        t->capacity = 64;
        t->table = tg_calloc(t->capacity, sizeof(*t->table));
        t->next = registry.threads;
        registry.threads = t;
    }
    t->in_use = true;
    pthread_mutex_unlock(&registry.lock);
    pthread_setspecific(key, t);
    own = t;
    return t;
}

static uint64_t hash_of(const struct tg_metric *m, const char *const *values)
{
    uint64_t hash = 1469598103934665603u ^ m->number;
    for (size_t i = 0; i < m->n_labels; i++) {
        for (const char *c = values[i]; *c != '\0'; c++)
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        hash = (hash ^ 0xff) * 1099511628211u;
    }
    return hash ^ hash >> 31;
}

static void append_escaped(struct tg_strbuf *out, const char *text, size_t len_max)
{
    for (const char *c = text; *c != '\0' && (size_t)(c - text) < len_max; c++) {
        if (*c == '\n')
            tg_strbuf_append_str(out, "\\n");
        else if (*c == '"' || *c == '\\')
            tg_strbuf_printf(out, "\\%c", *c);
        else
            tg_strbuf_append_char(out, *c);
    }
}

/* `label="value",…`, the buffer's to the caller. */
static char *label_text(const struct tg_metric *m, const char *const *values)
{
    struct tg_strbuf out;
    tg_strbuf_init(&out, 4096);
    for (size_t i = 0; i < m->n_labels; i++) {
        tg_strbuf_printf(&out, "%s%s=\"", i == 0 ? "" : ",", m->labels[i]);
        append_escaped(&out, values[i], VALUE_LEN_MAX);
        tg_strbuf_append_char(&out, '"');
    }
    char *text = tg_strbuf_take(&out, NULL);
    tg_strbuf_deinit(&out);
    return text;
}

static void grow(struct thread *t)
{
    size_t capacity = 2 * t->capacity;
    struct series **table = tg_calloc(capacity, sizeof(*table));
    for (struct series *s = atomic_load_explicit(&t->head, memory_order_relaxed); s != NULL; s = s->next) {
        s->chain = table[s->hash & (capacity - 1)];
        table[s->hash & (capacity - 1)] = s;
    }
    free(t->table);
    t->table = table;
    t->capacity = capacity;
}

static struct series *add_series(struct thread *t, struct tg_metric *m, const char *const *values, uint64_t hash)
{
    struct series *s = TG_NEW(struct series);
    s->metric = m;
    s->hash = hash;
    s->text = label_text(m, values);
    if (m->kind == TG_METRIC_HISTOGRAM)
        s->buckets = tg_calloc(N_BOUNDS + 1, sizeof(*s->buckets));
    if (t->n == t->capacity)
        grow(t);
    s->chain = t->table[hash & (t->capacity - 1)];
    t->table[hash & (t->capacity - 1)] = s;
    t->n++;
    t->n_of_metric[m->number]++;
    s->next = atomic_load_explicit(&t->head, memory_order_relaxed);
    atomic_store_explicit(&t->head, s, memory_order_release);
    return s;
}

static struct series *series_of(struct tg_metric *m, const char *const *values)
{
    static const char *const overflow[] = {"overflow", "overflow", "overflow", "overflow"};
    struct thread *t = own_thread();
    for (int attempt = 0;; attempt++) {
        uint64_t hash = hash_of(m, values);
        for (struct series *s = t->table[hash & (t->capacity - 1)]; s != NULL; s = s->chain) {
            if (s->metric == m && s->hash == hash) /* 64 bits: two sets of labels do not meet in 500 */
                return s;
        }
        if (attempt == 1 || t->n_of_metric[m->number] < TG_METRIC_SERIES_MAX)
            return add_series(t, m, values, hash);
        values = overflow;
    }
}

static void add_to(_Atomic double *cell, double n)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

void tg_metric_add(struct tg_metric *metric, const char *const *values, double n)
{
    assert(metric->kind == TG_METRIC_GAUGE || (metric->kind == TG_METRIC_COUNTER && n >= 0));
    add_to(&series_of(metric, values)->value, n);
}

void tg_metric_set(struct tg_metric *metric, const char *const *values, double n)
{
    assert(metric->kind == TG_METRIC_GAUGE);
    atomic_store_explicit(&series_of(metric, values)->value, n, memory_order_relaxed);
}

void tg_metric_observe(struct tg_metric *metric, const char *const *values, double n)
{
    assert(metric->kind == TG_METRIC_HISTOGRAM);
    struct series *s = series_of(metric, values);
    size_t i = 0;
    while (i < N_BOUNDS && n > bounds[i])
        i++;
    _Atomic uint64_t *bucket = &s->buckets[i];
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1, memory_order_relaxed);
    add_to(&s->value, n);
}

void tg_metric_observe_us(struct tg_metric *metric, const char *const *values, uint64_t usecs)
{
    tg_metric_observe(metric, values, (double)usecs / 1e6);
}

/* --- rendering ---------------------------------------------------------------------------------------------------- */

struct sample { /* a series summed over the threads */
    const struct tg_metric *metric;
    const char *text;
    double value;
    uint64_t buckets[N_BOUNDS + 1];
};

struct samples {
    struct sample *list;
    size_t n, capacity;
};

static void collect_one(struct samples *all, const struct series *s)
{
    if (all->n == all->capacity) {
        all->capacity = all->capacity == 0 ? 256 : 2 * all->capacity;
        all->list = tg_realloc(all->list, all->capacity * sizeof(*all->list));
    }
    struct sample *sample = &all->list[all->n++];
    *sample = (struct sample){.metric = s->metric, .text = s->text};
    sample->value = atomic_load_explicit(&s->value, memory_order_relaxed);
    for (size_t i = 0; s->buckets != NULL && i <= N_BOUNDS; i++)
        sample->buckets[i] = atomic_load_explicit(&s->buckets[i], memory_order_relaxed);
}

static int by_name_and_labels(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    int order = strcmp(x->metric->name, y->metric->name);
    return order != 0 ? order : strcmp(x->text, y->text);
}

/* Sums neighbours with the same labels; how many are left. */
static size_t merge(struct sample *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || by_name_and_labels(&list[kept - 1], &list[i]) != 0) {
            list[kept++] = list[i];
            continue;
        }
        list[kept - 1].value += list[i].value;
        for (size_t b = 0; b <= N_BOUNDS; b++)
            list[kept - 1].buckets[b] += list[i].buckets[b];
    }
    return kept;
}

static void append_number(struct tg_strbuf *out, double n)
{
    if (n == floor(n) && fabs(n) < 9007199254740992.0)
        tg_strbuf_printf(out, "%.0f\n", n);
    else
        tg_strbuf_printf(out, "%.17g\n", n);
}

static void append_name(struct tg_strbuf *out, const struct sample *s, const char *suffix)
{
    tg_strbuf_printf(out, "%s%s", s->metric->name, suffix);
    if (s->text[0] != '\0')
        tg_strbuf_printf(out, "{%s}", s->text);
    tg_strbuf_append_char(out, ' ');
}

static void append_histogram(struct tg_strbuf *out, const struct sample *s)
{
    const char *comma = s->text[0] == '\0' ? "" : ",";
    uint64_t count = 0;
    for (size_t i = 0; i <= N_BOUNDS; i++) {
        count += s->buckets[i];
        if (i < N_BOUNDS)
            tg_strbuf_printf(out, "%s_bucket{%s%sle=\"%g\"} %llu\n", s->metric->name, s->text, comma, bounds[i],
                             (unsigned long long)count);
        else
            tg_strbuf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", s->metric->name, s->text, comma,
                             (unsigned long long)count);
    }
    append_name(out, s, "_count");
    append_number(out, (double)count);
    append_name(out, s, "_sum");
    append_number(out, s->value);
}

static void append_head(struct tg_strbuf *out, const struct tg_metric *m)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    tg_strbuf_printf(out, "# TYPE %s %s\n# HELP %s ", m->name, types[m->kind], m->name);
    append_escaped(out, m->help, 300);
    tg_strbuf_append_char(out, '\n');
}

static void append_sample(struct tg_strbuf *out, const struct sample *s)
{
    if (s->metric->kind == TG_METRIC_HISTOGRAM) {
        append_histogram(out, s);
        return;
    }
    append_name(out, s, s->metric->kind == TG_METRIC_COUNTER ? "_total" : "");
    append_number(out, s->value);
}

void tg_metrics_render(struct tg_strbuf *out)
{
    struct samples all = {0};
    pthread_mutex_lock(&registry.lock);
    for (struct thread *t = registry.threads; t != NULL; t = t->next) {
        for (struct series *s = atomic_load_explicit(&t->head, memory_order_acquire); s != NULL; s = s->next)
            collect_one(&all, s);
    }
    pthread_mutex_unlock(&registry.lock);
    if (all.n > 0)
        qsort(all.list, all.n, sizeof(*all.list), by_name_and_labels);
    size_t n = merge(all.list, all.n);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all.list[i].metric != all.list[i - 1].metric)
            append_head(out, all.list[i].metric);
        append_sample(out, &all.list[i]);
    }
    tg_strbuf_append_str(out, "# EOF\n");
    free(all.list);
}

/* --- from the log ------------------------------------------------------------------------------------------------- */

static struct tg_metric *log_events;
static pthread_once_t log_once = PTHREAD_ONCE_INIT;

static void register_log_events(void)
{
    struct tg_err err;
    log_events = tg_metric_register(TG_METRIC_COUNTER, "tollgate_log_events", "Events logged.",
                                    (const char *const[]){"level", "name"}, 2, &err);
    assert(log_events != NULL);
}

void tg_metrics_on_log(enum tg_loglevel level, const char *name, const struct tg_logfield *fields, void *arg)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    (void)fields;
    (void)arg;
    pthread_once(&log_once, register_log_events);
    tg_metric_add(log_events, (const char *const[]){levels[level], name}, 1);
}

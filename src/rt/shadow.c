/* shadow - what a candidate would have answered.
 *
 * The lock is held for an addition, for a copy of what changed, and never while a rule runs or JSON is written. Totals
 * stay where they are until another revision begins, so a report may come back to them.
 */
#include "rt/shadow.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rt/deltas.h"

#define BUCKETS 4096
#define REPORT_TOTALS_MAX 500
#define BURST_US 50000
#define TIME_PART 50 /* one of so many microseconds */

struct total {
    struct total *next; /* of the bucket */
    char hook[64], company[TG_ID_TEXT_SIZE], currency[4];
    uint64_t same, different, errors;
    struct tg_decimal live, candidate;
    struct tg_deltas deltas;
    uint64_t n_kept; /* calls that a report which was kept has told */
};

struct tg_shadow {
    pthread_mutex_t lock;
    uint64_t revision;
    struct total *buckets[BUCKETS];
    struct total **totals; /* in the order of their coming */
    size_t n_totals, totals_capacity;
    struct tg_shadow_sample samples[TG_SHADOW_SAMPLES_MAX];
    size_t n_samples, n_samples_kept;
};

/* What a comparison found. */
struct finding {
    uint64_t revision;
    const char *hook, *company, *currency;
    bool is_error, is_same;
    struct tg_decimal live, candidate; /* 0 where a hook has no money or one of the two failed */
};

/* --- the figures --------------------------------------------------------------------------------------------------- */

struct tg_shadow *tg_shadow_new(void)
{
    struct tg_shadow *shadow = TG_NEW(struct tg_shadow);
    pthread_mutex_init(&shadow->lock, NULL);
    return shadow;
}

static char *text_or_null(const char *text)
{
    return text == NULL ? NULL : tg_strdup(text);
}

static struct tg_shadow_sample copy_sample(const struct tg_shadow_sample *s)
{
    return (struct tg_shadow_sample){s->number,
                                     text_or_null(s->hook),
                                     text_or_null(s->company),
                                     text_or_null(s->input),
                                     text_or_null(s->live),
                                     text_or_null(s->candidate),
                                     text_or_null(s->error),
                                     s->seen_at_us};
}

static void free_sample(struct tg_shadow_sample *sample)
{
    const char *const texts[] = {sample->hook, sample->company,   sample->input,
                                 sample->live, sample->candidate, sample->error};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((char *)texts[i]);
}

static void forget(struct tg_shadow *shadow)
{
    for (size_t i = 0; i < shadow->n_totals; i++) {
        tg_deltas_deinit(&shadow->totals[i]->deltas);
        free(shadow->totals[i]);
    }
    for (size_t i = 0; i < shadow->n_samples; i++)
        free_sample(&shadow->samples[i]);
    memset(shadow->buckets, 0, sizeof(shadow->buckets));
    shadow->n_totals = shadow->n_samples = shadow->n_samples_kept = 0;
}

void tg_shadow_free(struct tg_shadow **shadow)
{
    if (*shadow == NULL)
        return;
    forget(*shadow);
    free((*shadow)->totals);
    pthread_mutex_destroy(&(*shadow)->lock);
    free(*shadow);
    *shadow = NULL;
}

/* Under the lock: whether figures of this revision are wanted. An older one may still be asked by a coroutine that
 * began with it. */
static bool enter_revision(struct tg_shadow *shadow, uint64_t revision)
{
    if (revision > shadow->revision) {
        forget(shadow);
        shadow->revision = revision;
    }
    return revision == shadow->revision;
}

static struct total **bucket_of(struct tg_shadow *shadow, const char *hook, const char *company, const char *currency)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    const char *const parts[] = {hook, company, currency};
    for (size_t i = 0; i < 3; i++)
        for (const char *at = parts[i]; *at != '\0'; at++)
            hash = (hash ^ (unsigned char)*at) * 16777619u;
    return &shadow->buckets[hash % BUCKETS];
}

static struct total *total_of(struct tg_shadow *shadow, const char *hook, const char *company, const char *currency)
{
    struct total **bucket = bucket_of(shadow, hook, company, currency);
    for (struct total *t = *bucket; t != NULL; t = t->next)
        if (strcmp(t->hook, hook) == 0 && strcmp(t->company, company) == 0 && strcmp(t->currency, currency) == 0)
            return t;
    if (shadow->n_totals >= TG_SHADOW_TOTALS_MAX && company[0] != '\0')
        return total_of(shadow, hook, "", currency);
    if (shadow->n_totals == shadow->totals_capacity) {
        shadow->totals_capacity = shadow->totals_capacity == 0 ? 64 : 2 * shadow->totals_capacity;
        shadow->totals = tg_realloc(shadow->totals, shadow->totals_capacity * sizeof(*shadow->totals));
    }
    struct total *t = TG_NEW(struct total);
    (void)snprintf(t->hook, sizeof(t->hook), "%s", hook);
    (void)snprintf(t->company, sizeof(t->company), "%s", company);
    (void)snprintf(t->currency, sizeof(t->currency), "%s", currency);
    t->next = *bucket;
    *bucket = t;
    shadow->totals[shadow->n_totals++] = t;
    return t;
}

/* A sum that leaves the range stays as it was. */
static void add_money(struct total *t, const struct finding *f)
{
    struct tg_decimal live, candidate, delta;
    if (tg_decimal_add(t->live, f->live, &live, NULL) != 0 ||
        tg_decimal_add(t->candidate, f->candidate, &candidate, NULL) != 0 ||
        tg_decimal_sub(f->candidate, f->live, &delta, NULL) != 0)
        return;
    t->live = live;
    t->candidate = candidate;
    tg_deltas_add(&t->deltas, delta);
}

/* True: a sample of it is wanted. */
static bool count(struct tg_shadow *shadow, const struct finding *f)
{
    bool wants_sample = false;
    pthread_mutex_lock(&shadow->lock);
    if (enter_revision(shadow, f->revision)) {
        struct total *t = total_of(shadow, f->hook, f->company, f->currency);
        t->errors += f->is_error;
        t->same += !f->is_error && f->is_same;
        t->different += !f->is_error && !f->is_same;
        add_money(t, f);
        wants_sample = (f->is_error || !f->is_same) && shadow->n_samples < TG_SHADOW_SAMPLES_MAX;
    }
    pthread_mutex_unlock(&shadow->lock);
    return wants_sample;
}

/* Takes the texts. */
static void keep_sample(struct tg_shadow *shadow, uint64_t revision, struct tg_shadow_sample sample)
{
    pthread_mutex_lock(&shadow->lock);
    const bool fits = enter_revision(shadow, revision) && shadow->n_samples < TG_SHADOW_SAMPLES_MAX;
    if (fits) {
        sample.number = (uint32_t)shadow->n_samples;
        shadow->samples[shadow->n_samples++] = sample;
    }
    pthread_mutex_unlock(&shadow->lock);
    if (!fits)
        free_sample(&sample);
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

static bool is_lucky(struct tg_shadowing *s, uint32_t share_ppm)
{
    if (s->dice == 0)
        tg_random(&s->dice, sizeof(s->dice));
    s->dice ^= s->dice << 13; /* xorshift: never 0 */
    s->dice ^= s->dice >> 7;
    s->dice ^= s->dice << 17;
    return (s->dice >> 32) * 1000000 >> 32 < share_ppm;
}

static bool has_time(struct tg_shadowing *s)
{
    const uint64_t now_us = tg_clock_mono_us();
    if (s->filled_us == 0) {
        s->filled_us = now_us;
        s->left_us = BURST_US;
    }
    const uint64_t gained_us = (now_us - s->filled_us) / TIME_PART;
    s->filled_us += gained_us * TIME_PART;
    s->left_us += (int64_t)gained_us;
    if (s->left_us > BURST_US)
        s->left_us = BURST_US;
    return s->left_us > 0;
}

static bool wants(struct tg_shadowing *s, const struct tg_shadow_pair *pair, const char *hook,
                  const struct tg_rules_snapshot *snap)
{
    if (pair->candidate == NULL || tg_rules_is_spoilt(pair->candidate) || !is_lucky(s, pair->share_ppm))
        return false;
    if (snap != NULL && snap->is_trial)
        return false;
    if (tg_rules_money(pair->live, hook)[0] != '\0' && (snap == NULL || snap->company == NULL))
        return false;
    return has_time(s);
}

struct looking { /* at a result */
    tg_rules_read_fn *read; /* of the live call; NULL: the candidate's */
    void *arg;
    json_t *result;
};

static int look(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    struct looking *l = arg;
    struct tg_err err;
    l->result = tg_rules_read_json(L, index, &err); /* before read, which may leave by an error */
    if (l->read != NULL)
        return l->read(L, index, l->arg, err_r);
    if (l->result == NULL)
        *err_r = err;
    return l->result == NULL ? -1 : 0;
}

struct seeing { /* what goes in */
    tg_rules_push_fn *push;
    void *arg;
    json_t *input;
};

static void push_and_stop(lua_State *L, void *arg)
{
    struct seeing *s = arg;
    struct tg_err err;
    s->push(L, s->arg);
    s->input = tg_rules_read_json(L, -1, &err);
    luaL_error(L, "the input has been seen");
}

/* The input once more, as JSON: only for samples, since writing it down costs more than the call. */
static json_t *see_input(struct tg_rules *rules, const char *hook, const struct tg_rules_snapshot *snap,
                         tg_rules_push_fn *push, void *push_arg)
{
    struct seeing s = {push, push_arg, NULL};
    struct tg_err err;
    const int status = tg_rules_call(rules, hook, snap, push_and_stop, &s, look, NULL, NULL, &err);
    assert(status != 0);
    return s.input == NULL ? json_object() : s.input;
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

struct outcome { /* of one of the two */
    int status;
    json_t *result; /* NULL: failed */
    struct tg_err err;
};

/* The field of the result that is money; nothing where there is none. */
static struct tg_decimal money_of(const json_t *result, const char *field)
{
    struct tg_decimal d = tg_decimal_zero;
    const json_t *value = json_object_get(result, field);
    if (json_is_integer(value))
        d = tg_decimal_from_int(json_integer_value(value));
    else if (json_is_string(value))
        (void)!tg_decimal_parse(json_string_value(value), json_string_length(value), &d, NULL);
    return d;
}

static struct finding compare(const struct tg_shadow_pair *pair, const char *hook, const struct tg_rules_snapshot *snap,
                              const struct outcome *live, const struct outcome *candidate)
{
    const char *money = tg_rules_money(pair->live, hook);
    const bool both = live->status == 0 && candidate->status == 0;
    struct finding f = {.revision = pair->revision, .hook = hook, .company = "", .currency = ""};
    f.is_error = candidate->status != 0 && live->status == 0;
    f.is_same = both ? json_equal(live->result, candidate->result) : live->status == candidate->status;
    if (money[0] == '\0')
        return f;
    f.company = snap->company;
    f.currency = snap->currency == NULL ? "" : snap->currency;
    if (both) {
        f.live = money_of(live->result, money);
        f.candidate = money_of(candidate->result, money);
    }
    return f;
}

static char *text_of(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

/* An error's text may quote what is no UTF-8, or be cut in the middle of a character. */
static char *words_of(const struct tg_err *err)
{
    const size_t len = tg_utf8_valid_len(err->text, strlen(err->text));
    return tg_memdup(err->text, len);
}

static void sample(struct tg_shadow *shadow, const struct finding *f, json_t *input, const struct outcome *live,
                   const struct outcome *candidate)
{
    struct tg_shadow_sample s = {.hook = tg_strdup(f->hook),
                                 .company = tg_strdup(f->company),
                                 .input = text_of(input),
                                 .seen_at_us = tg_clock_now_us()};
    json_decref(input);
    if (live->status == 0) {
        s.live = text_of(live->result);
    } else {
        char *words = words_of(&live->err);
        json_t *failure = json_pack("{s:s}", "error", words);
        s.live = text_of(failure);
        json_decref(failure);
        free(words);
    }
    if (candidate->status == 0)
        s.candidate = text_of(candidate->result);
    else
        s.error = words_of(&candidate->err);
    keep_sample(shadow, f->revision, s);
}

static void ask_candidate(struct tg_shadow *shadow, const struct tg_shadow_pair *pair, const char *hook,
                          const struct tg_rules_snapshot *snap, tg_rules_push_fn *push, void *push_arg,
                          const struct outcome *live)
{
    struct looking looking = {0};
    struct outcome candidate = {0};
    struct tg_strbuf unheard; /* a log line of the candidate would be an effect */
    tg_strbuf_init(&unheard, 1);
    tg_rules_set_log(pair->candidate, &unheard);
    candidate.status = tg_rules_call(pair->candidate, hook, snap, push, push_arg, look, &looking, NULL, &candidate.err);
    tg_rules_set_log(pair->candidate, NULL);
    tg_strbuf_deinit(&unheard);
    candidate.result = looking.result;
    const struct finding f = compare(pair, hook, snap, live, &candidate);
    if (count(shadow, &f))
        sample(shadow, &f, see_input(pair->live, hook, snap, push, push_arg), live, &candidate);
    json_decref(candidate.result);
}

int tg_shadow_call(struct tg_shadow *shadow, struct tg_shadowing *shadowing, const struct tg_shadow_pair *pair,
                   const char *hook, const struct tg_rules_snapshot *snap, tg_rules_push_fn *push, void *push_arg,
                   tg_rules_read_fn *read, void *read_arg, struct tg_rules_report *report_r, struct tg_err *err_r)
{
    if (!wants(shadowing, pair, hook, snap))
        return tg_rules_call(pair->live, hook, snap, push, push_arg, read, read_arg, report_r, err_r);
    struct looking looking = {read, read_arg, NULL};
    struct outcome live = {0};
    live.status = tg_rules_call(pair->live, hook, snap, push, push_arg, look, &looking, report_r, &live.err);
    live.result = looking.result;
    /* What no rule decided says nothing about one: a limit, no rule for the hook, a result that is no data. */
    const bool is_decided = live.status == 0 ? live.result != NULL : live.err.code == TG_ERR_BUG;
    if (is_decided && !tg_rules_is_spoilt(pair->live)) {
        const uint64_t began_us = tg_clock_thread_cpu_us(); /* that others have the processor is not its fault */
        ask_candidate(shadow, pair, hook, snap, push, push_arg, &live);
        shadowing->left_us -= (int64_t)(tg_clock_thread_cpu_us() - began_us) + 1;
    }
    json_decref(live.result);
    if (live.status != 0 && err_r != NULL)
        *err_r = live.err;
    return live.status;
}

/* --- telling ------------------------------------------------------------------------------------------------------- */

struct copy { /* of a total, with room for its texts */
    struct total total;
    struct total *of; /* of the shadow, while the revision lasts */
    uint64_t n;
};
struct report {
    struct tg_shadow_report public; /* first */
    struct copy copies[REPORT_TOTALS_MAX];
    struct tg_shadow_total totals[REPORT_TOTALS_MAX];
    struct tg_shadow_sample samples[TG_SHADOW_SAMPLES_MAX];
};

static uint64_t n_of(const struct total *t)
{
    return t->same + t->different + t->errors;
}

/* Under the lock. */
static void copy_totals(struct tg_shadow *shadow, struct report *r)
{
    for (size_t i = 0; i < shadow->n_totals && r->public.n_totals < REPORT_TOTALS_MAX; i++) {
        struct total *t = shadow->totals[i];
        if (n_of(t) == t->n_kept)
            continue;
        struct copy *copy = &r->copies[r->public.n_totals++];
        *copy = (struct copy){.total = *t, .of = t, .n = n_of(t)};
        if (t->deltas.n > 0)
            copy->total.deltas.list = tg_memdup(t->deltas.list, t->deltas.n * sizeof(*t->deltas.list));
    }
}

static char *write_deltas(const struct tg_deltas *deltas)
{
    struct tg_strbuf out;
    struct tg_jsonw w;
    size_t len;
    tg_strbuf_init(&out, 1u << 20); /* a delta takes 70 bytes at most, and there are less than 10000 */
    tg_jsonw_init(&w, &out);
    tg_deltas_write(deltas, &w);
    assert(!tg_strbuf_overflowed(&out));
    char *text = tg_strbuf_take(&out, &len);
    tg_strbuf_deinit(&out);
    return text;
}

static void free_report(struct report *r)
{
    for (size_t i = 0; i < r->public.n_totals; i++) {
        tg_deltas_deinit(&r->copies[i].total.deltas);
        free(r->totals[i].deltas);
    }
    for (size_t i = 0; i < r->public.n_samples; i++)
        free_sample(&r->samples[i]);
    free(r);
}

struct tg_shadow_report *tg_shadow_report_new(struct tg_shadow *shadow)
{
    struct report *r = TG_NEW(struct report);
    pthread_mutex_lock(&shadow->lock);
    r->public.revision = shadow->revision;
    copy_totals(shadow, r);
    for (size_t i = shadow->n_samples_kept; i < shadow->n_samples; i++)
        r->samples[r->public.n_samples++] = copy_sample(&shadow->samples[i]);
    pthread_mutex_unlock(&shadow->lock);
    if (r->public.n_totals + r->public.n_samples == 0) {
        free_report(r);
        return NULL;
    }
    for (size_t i = 0; i < r->public.n_totals; i++) {
        const struct total *t = &r->copies[i].total;
        r->totals[i] = (struct tg_shadow_total){t->hook, t->company,   t->currency,
                                                t->same, t->different, t->errors,
                                                t->live, t->candidate, write_deltas(&t->deltas)};
    }
    r->public.totals = r->totals;
    r->public.samples = r->samples;
    return &r->public;
}

void tg_shadow_report_free(struct tg_shadow *shadow, struct tg_shadow_report **report, bool is_kept)
{
    struct report *r = (struct report *)*report;
    *report = NULL;
    pthread_mutex_lock(&shadow->lock);
    if (is_kept && r->public.revision == shadow->revision) {
        for (size_t i = 0; i < r->public.n_totals; i++)
            r->copies[i].of->n_kept = r->copies[i].n;
        shadow->n_samples_kept += r->public.n_samples;
    }
    pthread_mutex_unlock(&shadow->lock);
    free_report(r);
}

/* ratelink - the buckets of a key or an address, told to the other nodes through Redis. */
#include "web/ratelink.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define ANSWER_MS 1000
#define KEY_SIZE (2 * TG_RATELINK_NAME_MAX + 24)
#define SHA_SIZE 41
#define NUMBER_SIZE 24

/* The same arithmetic as limit.c, by the clock of Redis: the nodes' clocks need not agree. Answers how far from full. */
static const char script[] = "local t = redis.call('TIME')\n"
                             "local now = t[1] * 1000000 + t[2]\n"
                             "local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)\n"
                             "full = math.min(full + tonumber(ARGV[1]), now + tonumber(ARGV[2]))\n"
                             "redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX',\n"
                             "  math.ceil((full - now) / 1000) + 1)\n"
                             "return full - now\n";

struct bucket {
    uint64_t who; /* 0: free */
    struct tg_rate rate;
    uint64_t n_taken;
    char key[KEY_SIZE];
};

struct tg_ratelink {
    struct tg_loop *loop;
    struct tg_redis *redis; /* NULL: none, or stopped */
    struct tg_limits *limits;
    struct tg_timer flush;
    char sha[SHA_SIZE]; /* of the script, as Redis knows it; empty: it is asked to load it */
    bool is_loading;
    unsigned n_buckets;
    struct bucket buckets[TG_RATELINK_BUCKETS_MAX];
};

/* What the answer to one bucket needs. */
struct told {
    struct tg_ratelink *link;
    uint64_t who, sent_us;
};

struct tg_ratelink *tg_ratelink_new(struct tg_loop *loop, struct tg_redis *redis, struct tg_limits *limits)
{
    struct tg_ratelink *link = TG_NEW(struct tg_ratelink);
    link->loop = loop;
    link->redis = redis;
    link->limits = limits;
    return link;
}

void tg_ratelink_stop(struct tg_ratelink *link)
{
    link->redis = NULL;
    tg_timer_stop(link->loop, &link->flush);
}

void tg_ratelink_free(struct tg_ratelink **link)
{
    free(*link);
    *link = NULL;
}

/* --- Telling -------------------------------------------------------------------------------------------------------- */

static void on_flush(void *arg);

static void forget_all(struct tg_ratelink *link)
{
    for (size_t i = 0; i < TG_RATELINK_BUCKETS_MAX; i++)
        link->buckets[i].who = 0;
    link->n_buckets = 0;
}

/* What was gathered meanwhile has waited for this. */
static void on_loaded(const struct redisReply *reply, const struct tg_err *err, void *arg)
{
    struct tg_ratelink *link = arg;
    link->is_loading = false;
    if (err == NULL && reply->type == REDIS_REPLY_STRING && reply->len == SHA_SIZE - 1)
        memcpy(link->sha, reply->str, SHA_SIZE);
    if (link->sha[0] == '\0' || link->redis == NULL)
        forget_all(link);
    else
        on_flush(link);
}

/* A Redis that was started anew does not know the script. What it was told is lost: our own bucket has counted it. */
static void on_told(const struct redisReply *reply, const struct tg_err *err, void *arg)
{
    struct told *told = arg;
    if (err != NULL && strstr(err->text, "NOSCRIPT") != NULL)
        told->link->sha[0] = '\0';
    if (err == NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0)
        tg_limits_raise(told->link->limits, told->who, told->sent_us + (uint64_t)reply->integer);
    free(told);
}

static void command(struct tg_ratelink *link, int argc, const char *const *argv, tg_redis_reply_fn *fn, void *arg)
{
    size_t len[6];
    assert(argc <= 6);
    for (int i = 0; i < argc; i++)
        len[i] = strlen(argv[i]);
    tg_redis_command(link->redis, argc, argv, len, tg_loop_now_ms(link->loop) + ANSWER_MS, fn, arg);
}

static void tell(struct tg_ratelink *link, const struct bucket *bucket)
{
    char taken_us[NUMBER_SIZE], behind_max_us[NUMBER_SIZE];
    const uint64_t each_us = 1000000 / bucket->rate.per_s;
    struct told *told = TG_NEW(struct told);
    *told = (struct told){link, bucket->who, tg_clock_mono_us()};
    snprintf(taken_us, sizeof(taken_us), "%" PRIu64, bucket->n_taken * each_us);
    snprintf(behind_max_us, sizeof(behind_max_us), "%" PRIu64, 2 * bucket->rate.burst * each_us + 1000000);
    const char *const argv[] = {"EVALSHA", link->sha, "1", bucket->key, taken_us, behind_max_us};
    command(link, 6, argv, on_told, told);
}

static void on_flush(void *arg)
{
    struct tg_ratelink *link = arg;
    static const char *const load[] = {"SCRIPT", "LOAD", script};
    if (link->sha[0] == '\0') {
        if (!link->is_loading) {
            link->is_loading = true;
            command(link, 3, load, on_loaded, link);
        }
        return;
    }
    for (size_t i = 0; i < TG_RATELINK_BUCKETS_MAX; i++)
        if (link->buckets[i].who != 0)
            tell(link, &link->buckets[i]);
    forget_all(link);
}

/* --- Gathering ------------------------------------------------------------------------------------------------------ */

static struct bucket *find(struct tg_ratelink *link, uint64_t who)
{
    for (size_t i = 0; i < TG_RATELINK_BUCKETS_MAX; i++) {
        struct bucket *bucket = &link->buckets[(who + i) % TG_RATELINK_BUCKETS_MAX];
        if (bucket->who == who || bucket->who == 0)
            return bucket;
        if (i == 8 && link->n_buckets > TG_RATELINK_BUCKETS_MAX / 2)
            break; /* crowded: it counts here only */
    }
    return NULL;
}

void tg_ratelink_took(struct tg_ratelink *link, uint64_t who, char kind, const void *name, size_t len,
                      struct tg_rate rate)
{
    char hex[2 * TG_RATELINK_NAME_MAX + 1];
    assert(len <= TG_RATELINK_NAME_MAX && rate.per_s != 0);
    struct bucket *bucket = link->redis == NULL ? NULL : find(link, who);
    if (bucket == NULL)
        return;
    if (bucket->who == 0) {
        tg_hex(name, len, hex);
        *bucket = (struct bucket){.who = who, .rate = rate};
        snprintf(bucket->key, sizeof(bucket->key), "tollgate:rate:%c:%s", kind, hex);
        link->n_buckets++;
    }
    bucket->n_taken++;
    if (!tg_timer_is_armed(&link->flush))
        tg_timer_start(link->loop, &link->flush, TG_RATELINK_FLUSH_MS, on_flush, link);
}

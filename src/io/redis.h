/* redis - one hiredis connection a loop thread, pipelined. Redis may be lost at
 * any time: every caller has an answer without it.
 *
 * While it is away commands fail at once (UPSTREAM); it reconnects with backoff
 * 50 ms … 5 s and jitter. A command whose answer was lost is UNCERTAIN. RESP2.
 */
#ifndef TG_IO_REDIS_H
#define TG_IO_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/loop.h"

struct redisReply; /* hiredis.h */
struct tg_redis;

/* url: unix:///path[?db=0] or redis://[:password@]host[:port][/db]. Connects in the background. NULL on a bad url. */
struct tg_redis *tg_redis_new(struct tg_loop *loop, const char *url, size_t pending_max, struct tg_err *err_r);
void tg_redis_close(struct tg_redis **redis, tg_loop_fn *done, void *arg);
bool tg_redis_is_connected(const struct tg_redis *redis);

/* reply is borrowed for the call (NULL on failure); an error reply of Redis arrives as err UPSTREAM with its text. */
typedef void tg_redis_reply_fn(const struct redisReply *reply, const struct tg_err *err, void *arg);
/* argv is copied. */
void tg_redis_command(struct tg_redis *redis, int argc, const char *const *argv, const size_t *argv_len,
                      uint64_t deadline_ms, tg_redis_reply_fn *fn, void *arg);

/* Subscriptions live on a second connection of the same thread and are made again after each reconnect. */
typedef void tg_redis_message_fn(const char *channel, const char *payload, size_t len, void *arg);
/* on_gap runs after every (re)connect: what was published meanwhile is lost, look yourself. */
void tg_redis_subscribe(struct tg_redis *redis, const char *channel, tg_redis_message_fn *fn, tg_loop_fn *on_gap,
                        void *arg);
void tg_redis_unsubscribe(struct tg_redis *redis, const char *channel);

#endif

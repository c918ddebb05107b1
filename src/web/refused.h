/* refused - attempts that were refused, told to the application.
 *
 * A request that was answered with 401 or 403 is told to `refused(attempt, err)` of lua/app.lua, after its answer and in
 * a coroutine of its own, which works for the company of whoever asked, if that is known. attempt is {method, path (that
 * of the route), status, address, more}; err is what the handler gave, nil where no handler was asked.
 *
 * It never delays or fails a request, and nobody fills a disk with it: a thread tells TG_REFUSED_PER_S attempts a second
 * (TG_REFUSED_UNKNOWN_PER_S of callers without a valid key) and works on TG_REFUSED_AT_ONCE. The others are only
 * counted: `more` of the next that is told says how many they were.
 */
#ifndef TG_WEB_REFUSED_H
#define TG_WEB_REFUSED_H

#include <stdint.h>

#include <lua.h>

#define TG_REFUSED_PER_S 20
#define TG_REFUSED_UNKNOWN_PER_S 5
#define TG_REFUSED_AT_ONCE 8

struct tg_request;

struct tg_refused { /* of a thread; zeroed memory is its beginning */
    uint64_t second; /* that n_known and n_unknown count */
    unsigned n_known, n_unknown; /* told in this second */
    unsigned n_running;
    int64_t n_more; /* since the last that was told */
};

/* The handler has answered with the error at idx of L (absolute). Before the request is finished. */
void tg_refused_by_handler(struct tg_request *r, lua_State *L, int idx);
/* The web layer itself has answered. */
void tg_refused_before_handler(struct tg_request *r);

#endif

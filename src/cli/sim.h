/* sim - callers that do not exist, and their gateways: calls that arrive, ask whether they may begin and go on, end, and
 * now and then behave as badly as the real ones do.
 *
 * A call lives in its own time, `speed` times as fast as ours: what it reports (elapsed_seconds, duration_ms) is its own
 * time, what the server waits for (expires_at) is ours. So a call that is simulated faster than it is real renews long
 * before it is due, and only those that are abandoned on purpose, or whose server was away for long, expire. Slower than
 * real time is not offered for that reason.
 *
 * The books: what each acknowledged answer said, in exact decimals. At the end they are compared with the server's, and
 * with what this deck makes of the same seconds (sim_check.c).
 */
#ifndef TG_CLI_SIM_H
#define TG_CLI_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/id.h"
#include "cli/api.h"
#include "cli/sim_http.h"
#include "cli/sim_shape.h"
#include "cli/sim_stats.h"
#include "io/loop.h"

struct tg_sim_settings {
    struct tg_simshape shape;
    double rate; /* calls a second of their own time; 0: the shape's, or at_once */
    double speed; /* 0: a call's next step comes when the last is answered */
    unsigned at_once; /* that many calls at any time, instead of arrivals; 0: arrivals */
    uint64_t calls_max, seed;
    unsigned seconds, companies, talk_s, slice_s, connections, retry_s, wait_s;
    unsigned repeat, drop, reorder, abandon, overrun, board; /* percent; board: polls a second */
    const char *money, *kill_files, *restart;
    unsigned kill_every_s;
};

struct tg_sim_company {
    char id[TG_ID_TEXT_SIZE], wallet[TG_ID_TEXT_SIZE];
    struct tg_decimal available; /* when it begins */
    struct tg_decimal balance_before, balance_after, held_after, usage_before, usage_after, charged, overrun;
    bool is_obedient; /* its calls use nothing but what was granted */
};

enum tg_simstate {
    TG_SIMCALL_ASKING, /* authorize is under way */
    TG_SIMCALL_DENIED,
    TG_SIMCALL_OPEN,
    TG_SIMCALL_ENDING, /* settle is under way */
    TG_SIMCALL_SETTLED,
    TG_SIMCALL_ABANDONED, /* it will not be heard of again */
    TG_SIMCALL_FAILED /* an answer that no call should get; was complained of */
};

struct tg_sim;
struct tg_simcall {
    struct tg_sim *sim;
    struct tg_timer timer;
    uint64_t number; /* its call_id is "<run>-<number>" */
    enum tg_simstate state;
    uint32_t company;
    uint8_t destination;
    bool is_answered, is_stopped, is_late, is_uncertain, is_found; /* uncertain: denied, but an answer was lost */
    unsigned n_under_way, steps_left; /* steps_left: until it is abandoned; 0: never */
    uint64_t allowed_us; /* monotonic */
    int64_t answered_at_us; /* as told */
    uint32_t at_ms; /* its own time, when steps follow at once */
    uint32_t ring_ms, talk_ms, renew_at_ms, cut_ms; /* its own time since allowed; cut_ms: it must end there */
    uint32_t max_s, seq, told_s, tokens, characters;
    uint64_t authorize_hash, settle_hash;
    struct tg_decimal renewed, charge; /* acknowledged */
};

struct tg_sim {
    const struct tg_sim_settings *set;
    struct tg_loop *loop;
    struct tg_simhttp *http;
    struct tg_api *api;
    struct tg_simstats stats;
    char run[32];
    uint64_t random;
    int64_t began_at_us; /* wall clock */
    struct tg_sim_company *companies;
    struct tg_simcall **calls;
    size_t n_calls, calls_size, n_busy; /* busy: not at their end */
    bool is_over; /* nobody arrives any more */
    uint64_t next_arrival_us, next_kill_us, next_board_us;
    unsigned n_board, complaints;
};

/* sim_call.c */
void tg_sim_arrive(struct tg_sim *sim);
/* Every call that is open comes to its end within so many milliseconds. */
void tg_sim_hang_up(struct tg_sim *sim, uint32_t within_ms);
void tg_sim_complain(struct tg_sim *sim, const char *fmt, ...) TG_PRINTF(2, 3);
uint64_t tg_sim_dice(struct tg_sim *sim, uint64_t below);
double tg_sim_uniform(struct tg_sim *sim); /* (0, 1] */

/* sim_world.c: the deck, the companies and their money; made when they are not there. Blocks. */
int tg_sim_prepare(struct tg_sim *sim, struct tg_err *err_r) TG_MUST_CHECK;
#define TG_SIM_DESTINATIONS 5
#define TG_SIM_BLOCK_S 60 /* the longest increment of the deck */
extern const char *const tg_sim_destinations[TG_SIM_DESTINATIONS];
/* What the deck and the prices make of a call. */
struct tg_decimal tg_sim_price(unsigned destination, uint64_t duration_ms, uint32_t tokens, uint32_t characters);
/* Each row of a list, page by page, until one is not 0; path has a query already. */
typedef int tg_sim_row_fn(struct tg_sim *sim, const json_t *row, void *arg, struct tg_err *err_r);
int tg_sim_each_row(struct tg_sim *sim, const char *path, tg_sim_row_fn *fn, void *arg,
                    struct tg_err *err_r) TG_MUST_CHECK;
/* Balances, and what the usage of source "tollgate" amounts to, of all companies. */
int tg_sim_read_wallets(struct tg_sim *sim, bool is_after, struct tg_err *err_r) TG_MUST_CHECK;

/* sim_check.c: waits for what must expire, then compares; *differences_r were told on stderr. */
int tg_sim_check(struct tg_sim *sim, uint64_t *differences_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* sim_stats - what a simulation shows while it runs and says at its end: how often each route answered, how fast, and
 * what went wrong on purpose and otherwise.
 */
#ifndef TG_CLI_SIM_STATS_H
#define TG_CLI_SIM_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

enum tg_simroute {
    TG_SIM_AUTHORIZE,
    TG_SIM_RENEW,
    TG_SIM_SETTLE,
    TG_SIM_CALL, /* what a wallboard asks */
    TG_SIM_CALLS,
    TG_SIM_WALLETS,
    TG_SIM_SUMMARY
};
#define TG_SIMROUTES 7

/* Microseconds in classes of at most 1.6 % width. */
#define TG_HISTOGRAM_SUB 64
#define TG_HISTOGRAM_CLASSES (TG_HISTOGRAM_SUB * 24)
struct tg_histogram {
    uint64_t n, classes[TG_HISTOGRAM_CLASSES];
};
void tg_histogram_add(struct tg_histogram *h, uint64_t us);
/* The value that per_mille of all do not pass (the upper end of its class); 0 of nothing. */
uint64_t tg_histogram_us(const struct tg_histogram *h, unsigned per_mille);

struct tg_simstats_route {
    struct tg_histogram answers; /* 200, from the moment it was to be sent */
    uint64_t refused; /* 503, 429, 504: told to try again */
    uint64_t lost; /* no answer: the server was away */
    uint64_t dropped; /* nobody read it, on purpose */
    uint64_t repeated; /* sent once more than needed, on purpose */
    uint64_t errors; /* any other status */
    uint64_t shown_n; /* answers when the rate was last computed */
    double rate;
};
struct tg_simstats {
    uint64_t begun_us, ended_us; /* monotonic; ended: of the arrivals, 0 while they go on */
    uint64_t drawn_us;
    unsigned lines_drawn;
    bool is_tty;
    struct tg_simstats_route routes[TG_SIMROUTES];
    uint64_t arrived, allowed, denied, stopped, settled, abandoned, late;
    uint64_t open, open_max, kills;
};
void tg_simstats_begin(struct tg_simstats *stats);
/* Draws on stderr: four times a second on a terminal, else a line in ten seconds. `phase` is a word. */
void tg_simstats_show(struct tg_simstats *stats, const char *phase);
/* Takes the live figures away. */
void tg_simstats_clear(struct tg_simstats *stats);
void tg_simstats_print(const struct tg_simstats *stats, FILE *out);
/* {"seconds", "calls": {…}, "routes": {"authorize": {"n", "per_second", "p50_us", …}}}; new reference. */
json_t *tg_simstats_json(const struct tg_simstats *stats);

#endif

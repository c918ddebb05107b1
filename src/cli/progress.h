/* progress - a bar on the terminal; silence when stderr is none. */
#ifndef TG_CLI_PROGRESS_H
#define TG_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tg_progress {
    const char *what; /* literal: "calls" */
    uint64_t total;
    uint64_t begun_us, drawn_us;
    bool is_tty;
};
void tg_progress_begin(struct tg_progress *p, const char *what, uint64_t total);
/* Draws at most ten times a second. */
void tg_progress_show(struct tg_progress *p, uint64_t done);
/* Clears the line. */
void tg_progress_end(struct tg_progress *p);

#endif

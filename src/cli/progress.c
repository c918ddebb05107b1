/* progress - see progress.h. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define WIDTH 40
#define REDRAW_US 100000

void tg_progress_begin(struct tg_progress *p, const char *what, uint64_t total)
{
    *p = (struct tg_progress){what, total, tg_clock_mono_us(), 0, isatty(2) == 1};
}

void tg_progress_show(struct tg_progress *p, uint64_t done)
{
    uint64_t now = tg_clock_mono_us();
    if (!p->is_tty || p->total == 0 || (done < p->total && now - p->drawn_us < REDRAW_US))
        return;
    p->drawn_us = now;
    if (done > p->total)
        done = p->total;
    int filled = (int)(done * WIDTH / p->total);
    uint64_t elapsed_us = now - p->begun_us + 1;
    fprintf(stderr, "\r  [%.*s%*s] %3" PRIu64 " %%  %" PRIu64 " of %" PRIu64 " %s, %" PRIu64 "/s\033[K", filled,
            "########################################", WIDTH - filled, "", done * 100 / p->total, done, p->total,
            p->what, done * 1000000 / elapsed_us);
    fflush(stderr);
}

void tg_progress_end(struct tg_progress *p)
{
    if (p->is_tty)
        fputs("\r\033[K", stderr);
}

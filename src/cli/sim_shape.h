/* sim_shape - how many calls arrive when: counts of five minutes from a file, such as a call centre keeps. */
#ifndef TG_CLI_SIM_SHAPE_H
#define TG_CLI_SIM_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TG_SIMSHAPE_SLOT_S 300
struct tg_simshape {
    uint32_t *counts; /* NULL: none was read */
    size_t n;
};
/* arg: "FILE" or "FILE@2003-03-03T10:00", which begins there. The file has a header row and "label,count" in each other.
 */
int tg_simshape_read(const char *arg, struct tg_simshape *shape_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_simshape_free(struct tg_simshape *shape);
/* Calls a second so many seconds after its beginning; negative: it is over. */
double tg_simshape_rate(const struct tg_simshape *shape, double at_s);

#endif

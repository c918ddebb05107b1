/* mapfile - a whole file as read-only memory, and what names its contents. */
#ifndef TG_CLI_MAPFILE_H
#define TG_CLI_MAPFILE_H

#include <stddef.h>

#include "base/err.h"
#include "base/hash.h"

struct tg_mapfile {
    const char *bytes; /* never NULL */
    size_t len;
};
int tg_mapfile_open(const char *path, struct tg_mapfile *file_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_mapfile_close(struct tg_mapfile *file);

#endif

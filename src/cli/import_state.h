/* import_state - how far an import has come, in a file, so that a killed one
 * goes on where it was.
 *
 * One file for each (server, source, deck, contents, batch size) below
 * ${XDG_STATE_HOME:-~/.local/state}/tollgate/imports. It is written after
 * each batch's answer, with the counts; batch n of import I always carries the
 * key "I-n" and the same rows, so one that was answered and not yet written
 * down is sent again and gets the first answer.
 */
#ifndef TG_CLI_IMPORT_STATE_H
#define TG_CLI_IMPORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tg_import_counts {
    uint64_t rows, rated, not_billable, no_rate, duplicate, conflict, rejected, other;
};
struct tg_import_state {
    char path[512];
    char import_id[64];
    uint64_t batches_done;
    struct tg_import_counts counts;
};

/* identity: what the import is of, as text (hashed). *resumed_r: an unfinished import was found; else a new one begins. */
int tg_import_state_open(const char *identity, struct tg_import_state *state_r, bool *resumed_r,
                         struct tg_err *err_r) TG_MUST_CHECK;
/* Replaces the file (written aside, fsync, rename). */
int tg_import_state_save(const struct tg_import_state *state, struct tg_err *err_r) TG_MUST_CHECK;
/* Finished: the next import of the same thing is a new one. */
void tg_import_state_remove(struct tg_import_state *state);

#endif

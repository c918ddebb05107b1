/* purity - what a rule file would keep from one call to the next, told from its compiled form.
 *
 * A rule is a pure function. Two kinds of code make it another one and can be seen without running it: assigning a
 * variable that lives outside of the function (OP_SETUPVAL), and writing a global (OP_SETTABUP on _ENV). The first is
 * found wherever it stands. Writes into outer tables, and into _ENV by other instructions (its name is long, or it is
 * behind 255 other constants), raise when they run: these tables are read-only in the VM.
 *
 * Two things more can be seen there, and are refused: code that this Lua is known to compile wrongly, and chains of
 * fields so long that an error message about them takes a second, in one C call where no limit looks.
 *
 * The file is compiled and its dump read, whose form is that of Lua 5.4 (ldump.c). `luac5.4 -l` prints the same, but is a
 * package of its own which a server does not have, its text is made for eyes, and what decides would be another
 * library than the one that runs the rules. Whether the linked library still has that form is tried each time on a chunk
 * whose findings are known: if not, nothing passes.
 */
#ifndef TG_RT_PURITY_H
#define TG_RT_PURITY_H

#include <stdbool.h>
#include <stddef.h>

#include "rt/faults.h"

/* Adds what is wrong with the file: one "syntax" fault, or for each such instruction "purity", "lua" or "limit". In a
 * state of its own; nothing of the file runs. */
void tg_purity_check(const char *path, const char *text, size_t len, struct tg_faults *faults);

enum tg_purity_kind {
    TG_PURITY_OUTER, /* `name`, a variable outside of the function, is assigned */
    TG_PURITY_GLOBAL, /* the global `name` is written */
    TG_PURITY_INDEX, /* the index of an outer table is a comparison: compiled wrongly up to 5.4.7 */
    TG_PURITY_BITS, /* & | ~ among many constants: compiled wrongly up to 5.4.4 */
    TG_PURITY_CHAIN /* a long way of fields from one name: an error at its end takes Lua the square of its length */
};
#define TG_PURITY_CHAIN_MAX 32

/* name is not NUL terminated, and "" where the kind has none. */
typedef void tg_purity_found_fn(enum tg_purity_kind kind, int line, const char *name, size_t name_len, void *arg);
/* Reads a dump; -1 when it is none of a form that is known here (what was found before was told). Any bytes are safe. */
int tg_purity_walk(const void *dump, size_t len, tg_purity_found_fn *found, void *arg) TG_MUST_CHECK;

#endif

/* spawn - runs another program to its end: bytes in, bytes out, a deadline.
 *
 * For what must not happen in this process, because it may crash or never end. posix_spawn, not fork: a fork of a
 * process with threads inherits locks that nobody will release, and its secrets. The child gets no descriptor but its
 * three, no signal of ours blocked or ignored, and the environment that it is given.
 *
 * Blocks: for worker threads and commands, from any number of them at once, never on a loop. The input is a file in
 * memory, so the child may read it late, twice or not at all. When the child has ended nothing more is waited for: a
 * grandchild that keeps the output open costs nothing.
 */
#ifndef TG_IO_SPAWN_H
#define TG_IO_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tg_spawn { /* all borrowed */
    const char *const *argv; /* argv[0]: the path of the program; ends with NULL */
    const char *const *environment; /* "NAME=value", ends with NULL; NULL: empty */
    const void *input; /* its standard input; may be NULL when input_len is 0 */
    size_t input_len;
    size_t output_max; /* more than that on standard output is a failure */
    uint32_t timeout_ms;
};

struct tg_spawn_result {
    int exit_code; /* -1: a signal ended it */
    int signal; /* 0: it ended by itself */
    char *output; /* NUL terminated, the NUL not counted; the caller's to free() */
    size_t output_len;
    char errors[240]; /* how its standard error began, for logs */
};

/* 0: it ended, *result_r says how. -1: UPSTREAM it could not be started, or wrote too much; BUSY it was killed at the
 * deadline. Either way the child is gone and reaped. */
int tg_spawn_run(const struct tg_spawn *spawn, struct tg_spawn_result *result_r, struct tg_err *err_r) TG_MUST_CHECK;

#endif

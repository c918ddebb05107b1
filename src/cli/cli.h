/* cli - the command line: one table of commands, from which parsing, --help,
 * the shell completion and the manual page are made, so that they cannot differ.
 */
#ifndef TG_CLI_CLI_H
#define TG_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes of every command. */
enum {
    TG_EXIT_OK = 0,
    TG_EXIT_FAILED = 1, /* it could not be done; stderr says why */
    TG_EXIT_USAGE = 2, /* the command line is wrong; nothing was done */
    TG_EXIT_PARTLY = 3 /* done, but something needs a look: rejected rows, differences found */
};

struct tg_option {
    const char *name; /* without the dashes */
    const char *value; /* what to call its value, "FILE"; NULL: a flag */
    const char *help;
};

#define TG_ARGS_OPTIONS_MAX 32
struct tg_command;
struct tg_args {
    const struct tg_command *command;
    const char *values[TG_ARGS_OPTIONS_MAX]; /* by the option's place in the table; a flag's is "" */
    int argc; /* what is left behind the options */
    char **argv;
};
/* The option's value, NULL when it was not given. The name must be in the table: asserted. */
const char *tg_args_get(const struct tg_args *args, const char *name);
bool tg_args_has(const struct tg_args *args, const char *name);
/* A whole number between min and max, or fallback when it was not given; -1 after a message on stderr. */
int tg_args_int(const struct tg_args *args, const char *name, long min, long max, long fallback, long *n_r);

struct tg_command {
    const char *name; /* "import cdrs" */
    const char *operands; /* "FILE", "" none, "[ARGS…]" */
    int n_operands_min, n_operands_max; /* -1: any, and options end at the first operand; -2: or at a foreign option */
    const char *summary; /* half a line */
    const char *details; /* paragraphs for --help and the manual */
    const struct tg_option *options; /* ends with a NULL name; NULL: none */
    int (*run)(const struct tg_args *args);
};

/* Finds the command, parses, runs it; its exit code. */
int tg_cli_main(const struct tg_command *const *commands, int argc, char **argv);
/* Says "tollgate <command>: …" on stderr; returns TG_EXIT_FAILED. */
int tg_cli_fail(const struct tg_args *args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Made from the table. */
void tg_cli_print_completion(const struct tg_command *const *commands);
void tg_cli_print_manual(const struct tg_command *const *commands);

/* The table, NULL terminated (src/cli/commands.c). */
extern const struct tg_command *const tg_commands[];

#endif

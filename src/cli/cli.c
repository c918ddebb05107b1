/* cli - see cli.h. Options are long only (getopt_long_only would accept "-url"); they may stand anywhere before "--". */
#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tg_option no_options[] = {{NULL, NULL, NULL}};

static const struct tg_option *options_of(const struct tg_command *cmd)
{
    return cmd->options != NULL ? cmd->options : no_options;
}

static size_t option_index(const struct tg_command *cmd, const char *name)
{
    const struct tg_option *options = options_of(cmd);
    size_t i = 0;
    while (options[i].name != NULL && strcmp(options[i].name, name) != 0)
        ++i;
    assert(options[i].name != NULL);
    return i;
}

const char *tg_args_get(const struct tg_args *args, const char *name)
{
    return args->values[option_index(args->command, name)];
}

bool tg_args_has(const struct tg_args *args, const char *name)
{
    return tg_args_get(args, name) != NULL;
}

int tg_args_int(const struct tg_args *args, const char *name, long min, long max, long fallback, long *n_r)
{
    const char *text = tg_args_get(args, name);
    char *end;
    if (text == NULL) {
        *n_r = fallback;
        return 0;
    }
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < min || n > max) {
        fprintf(stderr, "tollgate %s: --%s: a whole number from %ld to %ld, not '%s'\n", args->command->name, name, min,
                max, text);
        return -1;
    }
    *n_r = n;
    return 0;
}

int tg_cli_fail(const struct tg_args *args, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "tollgate %s: ", args->command->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return TG_EXIT_FAILED;
}

static void print_usage(FILE *out, const struct tg_command *cmd)
{
    fprintf(out, "usage: tollgate %s%s%s%s\n", cmd->name, cmd->options != NULL ? " [OPTIONS]" : "",
            *cmd->operands != '\0' ? " " : "", cmd->operands);
}

static void print_options(const struct tg_command *cmd)
{
    for (const struct tg_option *o = options_of(cmd); o->name != NULL; ++o) {
        char head[64];
        snprintf(head, sizeof(head), "--%s%s%s", o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        printf("  %-24s %s\n", head, o->help);
    }
    printf("  %-24s %s\n", "--help", "this text");
}

static void print_help(const struct tg_command *cmd)
{
    print_usage(stdout, cmd);
    printf("\n%s.\n\n%s\n\nOptions:\n", cmd->summary, cmd->details);
    print_options(cmd);
    printf("\nExit codes: 0 done, 1 failed, 2 wrong command line, 3 done with something to look at.\n");
}

static void print_overview(FILE *out, const struct tg_command *const *commands)
{
    fprintf(out,
            "usage: tollgate COMMAND [OPTIONS] [OPERANDS]\n\nCharges, bills and gets paid for AI call centers.\n\n");
    for (; *commands != NULL; ++commands)
        fprintf(out, "  %-26s %s\n", (*commands)->name, (*commands)->summary);
    fprintf(out, "\n`tollgate COMMAND --help` says more; `man tollgate` says all.\n");
}

/* The command whose words argv begins with; *n_words_r of them. The longest wins. */
static const struct tg_command *find_command(const struct tg_command *const *commands, int argc, char **argv,
                                             int *n_words_r)
{
    char two[128];
    const struct tg_command *found = NULL;
    snprintf(two, sizeof(two), "%s %s", argv[0], argc > 1 ? argv[1] : "");
    for (; *commands != NULL; ++commands) {
        bool has_two = strchr((*commands)->name, ' ') != NULL;
        if (strcmp((*commands)->name, has_two ? two : argv[0]) != 0)
            continue;
        found = *commands;
        *n_words_r = has_two ? 2 : 1;
        if (has_two)
            break;
    }
    return found;
}

/* Prints the commands that begin with the word; false when there is none. */
static bool print_group(FILE *out, const struct tg_command *const *commands, const char *word)
{
    size_t len = strlen(word);
    bool found = false;
    for (; *commands != NULL; ++commands)
        if (strncmp((*commands)->name, word, len) == 0 && (*commands)->name[len] == ' ') {
            if (!found)
                fprintf(out, "usage:\n");
            found = true;
            fprintf(out, "  tollgate %-26s %s\n", (*commands)->name, (*commands)->summary);
        }
    return found;
}

/* 0: go on, 1: --help was asked, -1: wrong. argv[0] is skipped by getopt. */
static int parse(const struct tg_command *cmd, int argc, char **argv, struct tg_args *args)
{
    const struct tg_option *options = options_of(cmd);
    struct option table[TG_ARGS_OPTIONS_MAX + 2];
    int n = 0, c, which;
    memset(table, 0, sizeof(table));
    for (; options[n].name != NULL; ++n) {
        assert(n < TG_ARGS_OPTIONS_MAX);
        table[n] = (struct option){options[n].name, options[n].value != NULL, NULL, 'o'};
    }
    table[n] = (struct option){"help", 0, NULL, 'h'};
    optind = 0; /* GNU: start anew */
    opterr = 0;
    for (;;) {
        const int at = optind == 0 ? 1 : optind;
        if ((c = getopt_long(argc, argv, cmd->n_operands_max < 0 ? "+:h" : ":h", table, &which)) == -1)
            break;
        if (c == 'h')
            return 1;
        if (c == '?' && cmd->n_operands_max == -2) {
            optind = at;
            break;
        }
        if (c != 'o') {
            fprintf(stderr, "tollgate %s: %s %s\n", cmd->name, argv[optind - 1],
                    c == ':' ? "needs a value" : "is not an option of it");
            return -1;
        }
        args->values[which] = optarg != NULL ? optarg : "";
    }
    args->command = cmd;
    args->argc = argc - optind;
    args->argv = argv + optind;
    if (args->argc < cmd->n_operands_min || (cmd->n_operands_max >= 0 && args->argc > cmd->n_operands_max)) {
        fprintf(stderr, "tollgate %s: %s\n", cmd->name,
                args->argc < cmd->n_operands_min ? "an operand is missing" : "too many operands");
        return -1;
    }
    return 0;
}

int tg_cli_main(const struct tg_command *const *commands, int argc, char **argv)
{
    struct tg_args args;
    int n_words = 0;
    memset(&args, 0, sizeof(args));
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_overview(argc < 2 ? stderr : stdout, commands);
        return argc < 2 ? TG_EXIT_USAGE : TG_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    const struct tg_command *cmd = find_command(commands, argc - 1, argv + 1, &n_words);
    if (cmd == NULL) {
        const bool asks = argc == 3 && strcmp(argv[2], "--help") == 0;
        if (!print_group(asks ? stdout : stderr, commands, argv[1]))
            fprintf(stderr, "tollgate: '%s' is not a command; `tollgate help` lists them\n", argv[1]);
        else if (asks)
            return TG_EXIT_OK;
        return TG_EXIT_USAGE;
    }
    switch (parse(cmd, argc - n_words, argv + n_words, &args)) {
    case 0: return cmd->run(&args);
    case 1: print_help(cmd); return TG_EXIT_OK;
    default: print_usage(stderr, cmd); return TG_EXIT_USAGE;
    }
}

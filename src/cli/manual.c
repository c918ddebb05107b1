/* manual - the shell completion and the manual page, made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* "import" once for "import deck" and "import cdrs". */
static void print_first_words(const struct tg_command *const *commands)
{
    for (size_t i = 0; commands[i] != NULL; ++i) {
        size_t len = strcspn(commands[i]->name, " ");
        bool is_new = true;
        for (size_t j = 0; j != i; ++j)
            if (strncmp(commands[j]->name, commands[i]->name, len) == 0 && strchr(" ", commands[j]->name[len]) != NULL)
                is_new = false;
        if (is_new)
            printf("%s%.*s", i ? " " : "", (int)len, commands[i]->name);
    }
}

static void print_second_words(const struct tg_command *const *commands)
{
    for (size_t i = 0; commands[i] != NULL; ++i) {
        const char *space = strchr(commands[i]->name, ' ');
        if (space != NULL)
            printf("        %.*s) second=\"$second %s\" ;;&\n", (int)(space - commands[i]->name), commands[i]->name,
                   space + 1);
    }
}

void tg_cli_print_completion(const struct tg_command *const *commands)
{
    printf("# bash completion for tollgate; made by `tollgate completion`\n"
           "_tollgate() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} second= options=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    print_first_words(commands);
    printf("\" -- \"$word\"))\n        return\n    fi\n    case $first in\n");
    print_second_words(commands);
    printf("    esac\n"
           "    if [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$second\" ]; then\n"
           "        COMPREPLY=($(compgen -W \"$second\" -- \"$word\"))\n        return\n    fi\n"
           "    case \"$first ${COMP_WORDS[2]}\" in\n");
    for (; *commands != NULL; ++commands) {
        printf("        \"%s\"%s) options=\"", (*commands)->name, strchr((*commands)->name, ' ') ? "" : "\\ *");
        for (const struct tg_option *o = (*commands)->options; o != NULL && o->name != NULL; ++o)
            printf("--%s ", o->name);
        printf("--help\" ;;\n");
    }
    printf("    esac\n"
           "    case $word in\n"
           "        -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
           "        *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
           "    esac\n}\n"
           "complete -o filenames -F _tollgate tollgate\n");
}

/* roff: a backslash and a dot or quote at the beginning of a line are special, a hyphen would become typographic. */
static void print_escaped(const char *text)
{
    bool at_line_start = true;
    for (; *text != '\0'; ++text) {
        if (at_line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        at_line_start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\n' && text[1] == '\n') {
            fputs("\n.PP\n", stdout);
            ++text;
            at_line_start = true;
        } else
            putchar(*text);
    }
}

static void print_roff(const char *text)
{
    print_escaped(text);
    putchar('\n');
}

void tg_cli_print_manual(const struct tg_command *const *commands)
{
    printf(".TH TOLLGATE 1 \"\" \"Tollgate " TG_VERSION "\" \"\"\n.SH NAME\n"
           "tollgate \\- charges, bills and gets paid for AI call centers, in real time\n"
           ".SH SYNOPSIS\n.B tollgate\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIOPERANDS\\fR]\n.SH COMMANDS\n");
    for (; *commands != NULL; ++commands) {
        printf(".SS tollgate %s %s\n", (*commands)->name, (*commands)->operands);
        print_roff((*commands)->summary);
        printf(".PP\n");
        print_roff((*commands)->details);
        for (const struct tg_option *o = (*commands)->options; o != NULL && o->name != NULL; ++o) {
            printf(".TP\n\\fB\\-\\-");
            print_escaped(o->name);
            if (o->value != NULL)
                printf("\\fR \\fI%s", o->value);
            printf("\\fR\n");
            print_roff(o->help);
        }
    }
    printf(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong command line, 3 done with something to look at.\n"
           ".SH ENVIRONMENT\n.TP\n.B TOLLGATE_DATABASE_URL\nmysql://user:password@host/database?socket=PATH\n"
           ".TP\n.B TOLLGATE_REDIS_URL\nunix:///PATH or redis://host:port\n"
           ".TP\n.B TOLLGATE_FAULTS\nnamed faults to inject, in builds for tests\n");
}

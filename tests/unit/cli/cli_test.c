/* cli_test - the command line: words, options, operands, and what is said when they are wrong. */
#include "../../../src/cli/cli.c"

#include "tap.h"

static struct tg_args seen;

static int note(const struct tg_args *args)
{
    seen = *args;
    return 42;
}

static const struct tg_option options[] = {{"deck", "ID", "the deck"},
                                           {"json", NULL, "as JSON"},
                                           {"rows", "N", "rows"},
                                           {NULL, NULL, NULL}};
static const struct tg_command import_cdrs = {"import cdrs", "FILE", 1, 1, "s", "d", options, note};
static const struct tg_command version = {"version", "", 0, 0, "s", "d", NULL, note};
static const struct tg_command lua = {"lua", "FILE [ARGS…]", 1, -1, "s", "d", options, note};
static const struct tg_command busted = {"busted", "[ARGS…]", 0, -2, "s", "d", options, note};
static const struct tg_command *const table[] = {&import_cdrs, &version, &lua, &busted, NULL};

static int run_line(const char *line)
{
    static char copy[256], *argv[16];
    int argc = 0;
    snprintf(copy, sizeof(copy), "tollgate %s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    memset(&seen, 0, sizeof(seen));
    return tg_cli_main(table, argc, argv);
}

TEST(options_may_stand_before_and_behind_operands)
{
    is_int(run_line("import cdrs --deck d1 file.csv --json"), 42);
    is_str(tg_args_get(&seen, "deck"), "d1");
    ok(tg_args_has(&seen, "json"), "a flag");
    ok(!tg_args_has(&seen, "rows"), "not given");
    is_str(seen.argv[0], "file.csv");
    is_int(run_line("import cdrs --deck=d2 file.csv"), 42);
    is_str(tg_args_get(&seen, "deck"), "d2");
}

TEST(behind_the_first_operand_a_script_has_its_own_options)
{
    is_int(run_line("lua --deck x script.lua --json --whatever"), 42);
    is_int(seen.argc, 3);
    is_str(seen.argv[2], "--whatever");
    ok(!tg_args_has(&seen, "json"), "the script's");
}

TEST(what_another_program_understands_is_left_to_it)
{
    is_int(run_line("busted --deck x --output=TAP --json spec.lua"), 42);
    is_str(tg_args_get(&seen, "deck"), "x");
    is_int(seen.argc, 3);
    is_str(seen.argv[0], "--output=TAP");
    is_int(run_line("busted -vx specs"), 42);
    is_int(seen.argc, 2);
    is_str(seen.argv[0], "-vx");
    is_int(run_line("lua --output=TAP x.lua"), TG_EXIT_USAGE);
}

TEST(a_wrong_line_does_nothing_and_exits_with_2)
{
    static const char *const lines[] = {"",
                                        "nonsense",
                                        "import",
                                        "import nonsense",
                                        "import cdrs",
                                        "import cdrs a b",
                                        "import cdrs a --nonsense",
                                        "import cdrs a --deck",
                                        "version extra",
                                        "version -v"};
    for (size_t i = 0; i != sizeof(lines) / sizeof(lines[0]); ++i) {
        ok(run_line(lines[i]) == TG_EXIT_USAGE, "'%s'", lines[i]);
        ok(seen.command == NULL, "'%s' runs nothing", lines[i]);
    }
}

TEST(help_is_not_an_error)
{
    is_int(run_line("--help"), TG_EXIT_OK);
    is_int(run_line("help"), TG_EXIT_OK);
    is_int(run_line("import cdrs --help"), TG_EXIT_OK);
    is_int(run_line("import --help"), TG_EXIT_OK);
    is_int(run_line("nonsense --help"), TG_EXIT_USAGE);
    is_int(run_line("--version"), 42);
}

TEST(numbers_have_bounds)
{
    long n = 0;
    is_int(run_line("import cdrs f --rows 17"), 42);
    is_int(tg_args_int(&seen, "rows", 1, 100, 5, &n), 0);
    is_int(n, 17);
    is_int(run_line("import cdrs f"), 42);
    is_int(tg_args_int(&seen, "rows", 1, 100, 5, &n), 0);
    is_int(n, 5);
    static const char *const bad[] = {"0", "101", "x", "1x", "99999999999999999999"};
    for (size_t i = 0; i != sizeof(bad) / sizeof(bad[0]); ++i) {
        char line[80];
        snprintf(line, sizeof(line), "import cdrs f --rows %s", bad[i]);
        is_int(run_line(line), 42);
        ok(tg_args_int(&seen, "rows", 1, 100, 5, &n) == -1, "%s", bad[i]);
    }
}

TAP_MAIN()

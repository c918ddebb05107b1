/* cmd_rating_test - `tollgate rating cases` says what passed, what failed where, and what it left out. */
#include "../../../src/cli/cmd_rating.c"

#include "tap.h"

const struct tg_command *const tg_commands[] = {&tg_cmd_rating_cases, NULL};

static char output[16384];

/* Runs the command line; what it printed is in output. */
static int run_line(const char *line)
{
    static char copy[512], *argv[16];
    int argc = 0;
    snprintf(copy, sizeof(copy), "tollgate rating cases %s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    FILE *file = tmpfile();
    fflush(stdout);
    int before = dup(1);
    dup2(fileno(file), 1);
    int status = tg_cli_main(tg_commands, argc, argv);
    fflush(stdout);
    dup2(before, 1);
    close(before);
    rewind(file);
    output[fread(output, 1, sizeof(output) - 1, file)] = '\0';
    fclose(file);
    return status;
}

static void write_cases(char *path, const char *text)
{
    strcpy(path, "/tmp/tollgate-cases-XXXXXX");
    int fd = mkstemp(path);
    ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "a file");
    close(fd);
}

static int run_text(const char *text, const char *more)
{
    char path[64], line[256];
    write_cases(path, text);
    snprintf(line, sizeof(line), "%s %s", path, more);
    int status = run_line(line);
    unlink(path);
    return status;
}

#define PLAN "\"plan\":{\"deck\":[{\"prefix\":\"1\",\"per_minute\":\"0.06\"}]}"
#define GOOD                                                                                                           \
    "{\"id\":\"G\",\"title\":\"good\",\"op\":\"rate\",\"input\":{" PLAN                                                \
    ",\"event\":{\"to\":\"+12125550100\",\"duration_ms\":60000}},\"expected\":{\"total\":\"0.060000\"}}"
#define BAD                                                                                                            \
    "{\"id\":\"B\",\"title\":\"bad\",\"op\":\"rate\",\"input\":{" PLAN                                                 \
    ",\"event\":{\"to\":\"+12125550100\",\"duration_ms\":60000}},\"expected\":{\"total\":\"0.07\"}}"
#define LATER "{\"id\":\"L\",\"op\":\"forecast\",\"input\":{},\"expected\":{}}"

TEST(a_file_that_passes_ends_with_the_numbers_alone_on_a_line)
{
    is_int(run_line("tests/fixtures/rating/cases.json"), TG_EXIT_OK);
    const char *last = strstr(output, "\n80 passed, 0 failed\n");
    ok(last != NULL && strlen(last) == strlen("\n80 passed, 0 failed\n"), "%s", output);
    tap_contains(__FILE__, __LINE__, output, "ok T-A1 - 60.000 s");
}

TEST(a_case_that_fails_is_shown_and_fails_the_command)
{
    is_int(run_text("[" GOOD "," BAD "," LATER "," LATER "]", ""), TG_EXIT_FAILED);
    tap_contains(__FILE__, __LINE__, output, "ok G - good\nnot ok B - bad\n  differs at /total\n");
    tap_contains(__FILE__, __LINE__, output, "expected {\"total\":\"0.07\"}");
    tap_contains(__FILE__, __LINE__, output, "2 skipped: forecast\n1 passed, 1 failed\n");
}

TEST(json_is_one_line)
{
    is_int(run_text("{\"cases\":[" GOOD "," BAD "," LATER "]}", "--json"), TG_EXIT_FAILED);
    json_t *line = json_loads(output, 0, NULL);
    is_int(json_integer_value(json_object_get(line, "passed")), 1);
    is_int(json_integer_value(json_object_get(line, "failed")), 1);
    is_int(json_integer_value(json_object_get(json_object_get(line, "skipped"), "forecast")), 1);
    const json_t *failure = json_array_get(json_object_get(line, "failures"), 0);
    is_str(json_string_value(json_object_get(failure, "place")), "/total");
    json_decref(line);
}

TEST(what_cannot_be_read_is_said_and_runs_nothing)
{
    is_int(run_line("not-there.json"), TG_EXIT_FAILED);
    is_int(run_text("{", ""), TG_EXIT_FAILED);
    is_int(run_text("{\"cases\":7}", ""), TG_EXIT_FAILED);
    is_int(run_text("[" GOOD "]", "--lua-dir not-there"), TG_EXIT_FAILED);
    is_int(run_line(""), TG_EXIT_USAGE);
    is_int(run_text("[{\"op\":\"rate\"},{\"op\":\"rate\",\"input\":{}}]", ""), TG_EXIT_FAILED);
    tap_contains(__FILE__, __LINE__, output, "input.plan: an object expected");
    tap_contains(__FILE__, __LINE__, output, "0 passed, 2 failed");
}

TEST(a_case_without_expectation_fails)
{
    is_int(run_text("[{\"op\":\"normalize\",\"input\":{\"numbers\":[]}}]", ""), TG_EXIT_FAILED);
    tap_contains(__FILE__, __LINE__, output, "expected is missing");
}

TEST(decks_are_looked_for_where_one_says)
{
    const char *text = "[{\"op\":\"import_deck\",\"input\":{\"file\":\"damaged-deck.csv\"},\"expected\":{\"rows\":9}}]";
    is_int(run_text(text, "--decks tests/fixtures/rating"), TG_EXIT_OK);
    is_int(run_text(text, ""), TG_EXIT_FAILED);
    tap_contains(__FILE__, __LINE__, output, "there is no file damaged-deck.csv");
}

TAP_MAIN()

/* tap - a tiny harness for unit tests that speaks TAP.
 *
 *     #include "../../../src/base/decimal.c"
 *     #include "tap.h"
 *
 *     TEST(rounds_half_to_even_so_that_many_small_lines_do_not_drift) {
 *         is_int(round_half_even(25, 10), 2);
 *         ok(fits(x), "x fits");
 *     }
 *
 *     TAP_MAIN()
 *
 * Each TEST is one line `ok N - rounds half to even …`; a failed check prints
 * where and what, and the test goes on, so one run shows every fault. Tests run
 * in the order of the file. `program WORD` runs those whose name holds WORD.
 * Exit code 0 when all passed, 1 otherwise.
 */
#ifndef TG_TESTS_TAP_H
#define TG_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_TESTS_MAX 512

struct tap_test {
    const char *name;
    void (*run)(void);
};

static struct {
    struct tap_test tests[TAP_TESTS_MAX];
    size_t count;
    int checks_failed; /* of the running test */
    const char *skipped; /* why the running test was not run, or NULL */
    char label[160]; /* the row of a table of cases being checked */
} tap;

/* Defines a test and puts it on the list. */
#define TEST(name)                                                                                                     \
    static void test_##name(void);                                                                                     \
    __attribute__((constructor)) static void tap_register_##name(void)                                                 \
    {                                                                                                                  \
        tap_register(#name, test_##name);                                                                              \
    }                                                                                                                  \
    static void test_##name(void)

#define TAP_MAIN()                                                                                                     \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        return tap_run(argc, argv);                                                                                    \
    }

/* Leaves the running test, which then counts as skipped with this reason. */
#define TAP_SKIP(reason)                                                                                               \
    do {                                                                                                               \
        tap.skipped = (reason);                                                                                        \
        return;                                                                                                        \
    } while (0)

/* Names the row of a table that the following checks are about; printed when one fails. */
#define tap_case(...) ((void)snprintf(tap.label, sizeof(tap.label), __VA_ARGS__))
#define tap_note(...) (printf("# "), printf(__VA_ARGS__), (void)putchar('\n'))

/* Checks. Each is true when it held, so a test can stop: if (!ok(p != NULL, "found")) return; */
#define ok(condition, ...) tap_ok(__FILE__, __LINE__, (condition) ? true : false, __VA_ARGS__)
#define is_true(condition) tap_ok(__FILE__, __LINE__, (condition) ? true : false, "%s", #condition)
#define is_false(condition) tap_ok(__FILE__, __LINE__, !(condition), "not %s", #condition)
#define is_int(got, expected) tap_is_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(expected))
#define is_uint(got, expected) tap_is_uint(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(expected))
#define is_str(got, expected) tap_is_str(__FILE__, __LINE__, #got, (got), (expected))
#define is_mem(got, got_len, expected, expected_len)                                                                   \
    tap_is_mem(__FILE__, __LINE__, #got, (got), (got_len), (expected), (expected_len))
#define is_ptr(got, expected) tap_ok(__FILE__, __LINE__, (const void *)(got) == (const void *)(expected), "%s", #got)
#define is_null(got) tap_ok(__FILE__, __LINE__, (got) == NULL, "%s is NULL", #got)
#define contains(text, part) tap_contains(__FILE__, __LINE__, (text), (part))
/* The statement must abort the process (an assertion on what only a bug can cause). Runs it in a child. */
#define dies(statement)                                                                                                \
    do {                                                                                                               \
        pid_t tap_child = tap_fork_quiet();                                                                            \
        if (tap_child == 0) {                                                                                          \
            statement;                                                                                                 \
            _exit(0);                                                                                                  \
        }                                                                                                              \
        tap_ok(__FILE__, __LINE__, tap_died(tap_child), "dies: %s", #statement);                                       \
    } while (0)

static inline void tap_register(const char *name, void (*run)(void))
{
    if (tap.count == TAP_TESTS_MAX) {
        printf("Bail out! more than %d tests in one file\n", TAP_TESTS_MAX);
        exit(1);
    }
    tap.tests[tap.count++] = (struct tap_test){name, run};
}

static inline void tap_where(const char *file, int line)
{
    const char *base = strrchr(file, '/');
    tap.checks_failed++;
    printf("#   failed at %s:%d", base == NULL ? file : base + 1, line);
    if (tap.label[0] != '\0')
        printf(" [%s]", tap.label);
    printf(": ");
}

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(const char *file, int line, bool held, const char *fmt,
                                                                ...)
{
    if (held)
        return true;
    va_list args;
    tap_where(file, line);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    return false;
}

static inline bool tap_is_int(const char *file, int line, const char *what, int64_t got, int64_t expected)
{
    if (got == expected)
        return true;
    tap_where(file, line);
    printf("%s: got %" PRId64 ", expected %" PRId64 "\n", what, got, expected);
    return false;
}

static inline bool tap_is_uint(const char *file, int line, const char *what, uint64_t got, uint64_t expected)
{
    if (got == expected)
        return true;
    tap_where(file, line);
    printf("%s: got %" PRIu64 ", expected %" PRIu64 "\n", what, got, expected);
    return false;
}

static inline bool tap_is_str(const char *file, int line, const char *what, const char *got, const char *expected)
{
    if (got == expected || (got != NULL && expected != NULL && strcmp(got, expected) == 0))
        return true;
    tap_where(file, line);
    printf("%s:\n#     got      %s\n#     expected %s\n", what, got == NULL ? "(NULL)" : got,
           expected == NULL ? "(NULL)" : expected);
    return false;
}

static inline bool tap_is_mem(const char *file, int line, const char *what, const void *got, size_t got_len,
                              const void *expected, size_t expected_len)
{
    if (got_len == expected_len && (got_len == 0 || memcmp(got, expected, got_len) == 0))
        return true;
    tap_where(file, line);
    printf("%s:\n#     got      %zu bytes: %.*s\n#     expected %zu bytes: %.*s\n", what, got_len, (int)got_len,
           got == NULL ? "" : (const char *)got, expected_len, (int)expected_len,
           expected == NULL ? "" : (const char *)expected);
    return false;
}

static inline bool tap_contains(const char *file, int line, const char *text, const char *part)
{
    if (text != NULL && strstr(text, part) != NULL)
        return true;
    tap_where(file, line);
    printf("'%s' is not in '%s'\n", part, text == NULL ? "(NULL)" : text);
    return false;
}

static inline pid_t tap_fork_quiet(void)
{
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
            _exit(0);
    }
    return child;
}

static inline bool tap_died(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    return WIFSIGNALED(status);
}

/* Prints "rounds half to even" for rounds_half_to_even. */
static inline void tap_print_name(const char *name)
{
    for (; *name != '\0'; name++)
        putchar(*name == '_' ? ' ' : *name);
}

static inline int tap_run(int argc, char **argv)
{
    size_t number = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < tap.count; i++) {
        const struct tap_test *test = &tap.tests[i];
        if (argc > 1 && strstr(test->name, argv[1]) == NULL)
            continue;
        tap.checks_failed = 0;
        tap.skipped = NULL;
        tap.label[0] = '\0';
        test->run();
        printf("%sok %zu - ", tap.checks_failed == 0 ? "" : "not ", ++number);
        tap_print_name(test->name);
        if (tap.skipped != NULL)
            printf(" # SKIP %s", tap.skipped);
        putchar('\n');
        failed += tap.checks_failed != 0;
    }
    printf("1..%zu\n", number);
    return failed == 0 && number > 0 ? 0 : 1;
}

#endif

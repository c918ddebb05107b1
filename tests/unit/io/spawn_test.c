/* spawn_test - TG_TSAN - real programs: what they read, write and inherit, how they end, and how they are ended. */
#include "../../../src/io/spawn.c"
#include "tap.h"

#include <dirent.h>
#include <pthread.h>

/* Runs a shell script; the caller frees result_r->output when it is 0. */
static int run_sh(const char *script, const char *input, uint32_t timeout_ms, struct tg_spawn_result *result_r,
                  struct tg_err *err_r)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct tg_spawn spawn = {
        .argv = argv,
        .input = input,
        .input_len = input == NULL ? 0 : strlen(input),
        .output_max = 1000000,
        .timeout_ms = timeout_ms,
    };
    return tg_spawn_run(&spawn, result_r, err_r);
}

static int n_open_files(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

TEST(bytes_go_in_and_come_out)
{
    struct tg_err err;
    struct tg_spawn_result result;
    if (!ok(run_sh("cat; echo 'an error' >&2; exit 7", "one\ntwo", 10000, &result, &err) == 0, "runs"))
        return;
    is_int(result.exit_code, 7);
    is_int(result.signal, 0);
    is_mem(result.output, result.output_len, "one\ntwo", 7);
    is_str(result.errors, "an error\n");
    free(result.output);
}

TEST(a_program_that_reads_nothing_is_given_much_and_one_that_writes_much_is_read_to_its_end)
{
    struct tg_err err;
    struct tg_spawn_result result;
    const size_t len = 3000000;
    char *input = malloc(len + 1);
    memset(input, 'x', len);
    input[len] = '\0';
    if (ok(run_sh("head -c 900000 /dev/zero; head -c 900000 /dev/zero >&2", input, 10000, &result, &err) == 0,
           "runs")) {
        is_uint(result.output_len, 900000);
        is_int(result.exit_code, 0);
        free(result.output);
    }
    if (ok(run_sh("wc -c", input, 10000, &result, &err) == 0, "runs")) {
        is_str(result.output, "3000000\n");
        free(result.output);
    }
    free(input);
}

TEST(the_deadline_ends_it_and_its_children)
{
    struct tg_err err = {.code = TG_ERR_NONE};
    struct tg_spawn_result result;
    const uint64_t began_us = tg_clock_mono_us();
    is_int(run_sh("sleep 100 & while :; do :; done", NULL, 200, &result, &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    contains(err.text, "/bin/sh: ran longer than 200 ms");
    is_true(tg_clock_mono_us() - began_us < 5000000);
    /* Closing its output is no end, nor is writing errors for ever. */
    is_int(run_sh("exec >&- 2>&-; sleep 100", NULL, 100, &result, &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    is_int(run_sh("yes >&2", NULL, 100, &result, &err), -1);
    is_int(err.code, TG_ERR_BUSY);
    is_int(waitpid(-1, NULL, WNOHANG), -1); /* nothing was left to be reaped */
}

TEST(its_end_is_the_end_whoever_keeps_the_output_open)
{
    struct tg_err err;
    struct tg_spawn_result result;
    const uint64_t began_us = tg_clock_mono_us();
    if (!ok(run_sh("sleep 100 & echo done", NULL, 20000, &result, &err) == 0, "runs"))
        return;
    is_str(result.output, "done\n");
    is_true(tg_clock_mono_us() - began_us < 10000000);
    free(result.output);
}

TEST(too_much_output_ends_it)
{
    struct tg_err err;
    struct tg_spawn_result result;
    is_int(run_sh("yes", NULL, 20000, &result, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    contains(err.text, "wrote more than 1000000 bytes");
}

TEST(a_signal_is_told_from_an_exit)
{
    struct tg_err err;
    struct tg_spawn_result result;
    if (!ok(run_sh("kill -SEGV $$", NULL, 10000, &result, &err) == 0, "runs"))
        return;
    is_int(result.exit_code, -1);
    is_int(result.signal, SIGSEGV);
    free(result.output);
}

TEST(a_program_that_is_not_there_is_an_error)
{
    struct tg_err err;
    struct tg_spawn_result result;
    const char *const argv[] = {"/nowhere/at/all", NULL};
    const struct tg_spawn spawn = {.argv = argv, .output_max = 10, .timeout_ms = 1000};
    is_int(tg_spawn_run(&spawn, &result, &err), -1);
    is_int(err.code, TG_ERR_UPSTREAM);
    is_int(err.native, ENOENT);
    contains(err.text, "/nowhere/at/all: cannot be started: No such file");
}

TEST(it_inherits_no_file_no_environment_and_no_signal_of_ours)
{
    struct tg_err err;
    struct tg_spawn_result result;
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    const int kept = open("/dev/null", O_RDONLY); /* not close-on-exec */
    setenv("TOLLGATE_SECRET", "secret", 1);
    const int n_before = n_open_files();
    /* The two ignored signals above 31 are the C library's own. */
    const char *script = "ls /proc/$$/fd; echo \"[$TOLLGATE_SECRET]\"; while read key value; do case $key in"
                         "    SigBlk:) echo blocked $((0x$value)) ;;"
                         "    SigIgn:) echo ignored $((0x$value & 0x7fffffff)) ;;"
                         "esac; done </proc/self/status";
    if (ok(run_sh(script, NULL, 10000, &result, &err) == 0, "runs")) {
        is_str(result.output, "0\n1\n2\n[]\nblocked 0\nignored 0\n");
        free(result.output);
    }
    is_int(n_open_files(), n_before);
    close(kept);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void *run_some(void *arg)
{
    int *n_wrong = arg;
    for (int i = 0; i < 10; i++) {
        struct tg_err err;
        struct tg_spawn_result result;
        char input[32];
        (void)snprintf(input, sizeof(input), "%p %d", arg, i);
        if (run_sh("cat", input, 20000, &result, &err) != 0) {
            ++*n_wrong;
            continue;
        }
        *n_wrong += strcmp(result.output, input) != 0;
        free(result.output);
    }
    return NULL;
}

TEST(threads_do_not_see_each_others_files)
{
    pthread_t threads[4];
    int n_wrong[4] = {0};
    const int n_before = n_open_files();
    for (int i = 0; i < 4; i++)
        is_int(pthread_create(&threads[i], NULL, run_some, &n_wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        is_int(n_wrong[i], 0);
    }
    is_int(n_open_files(), n_before);
}

TAP_MAIN()

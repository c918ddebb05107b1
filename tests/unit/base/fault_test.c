/* fault_test - named points where a test makes the world fail. TG_TSAN */
#include "../../../src/base/fault.c"
#include "tap.h"

#ifdef TG_FAULTS

#include "base/clock.h"

static void arm_or_bail(const char *spec)
{
    struct tg_err err = {0};
    tg_fault_disarm_all();
    ok(tg_fault_arm(spec, &err) == 0, "%s: %s", spec, err.text);
}

/* The visits, of n, on which the point is hit: "0110". */
static const char *visits(const char *name, int n)
{
    static char text[32];
    for (int i = 0; i < n; i++)
        text[i] = tg_fault_hit(name) ? '1' : '0';
    text[n] = '\0';
    return text;
}

TEST(nothing_armed_nothing_happens)
{
    tg_fault_disarm_all();
    is_str(visits("base_test_a", 3), "000");
    is_false(TG_FAULT("base_test_a"));
    TG_FAULT_POINT("base_test_a");
}

TEST(hits_from_the_nth_visit_so_many_times)
{
    arm_or_bail("base_test_a=hit");
    is_str(visits("base_test_a", 3), "111");
    is_str(visits("base_test_b", 3), "000");
    arm_or_bail("base_test_a=hit:3");
    is_str(visits("base_test_a", 5), "00111");
    arm_or_bail("base_test_a=hit:2x2");
    is_str(visits("base_test_a", 5), "01100");
    arm_or_bail("base_test_a=hitx1");
    is_str(visits("base_test_a", 3), "100");
}

TEST(faults_are_added_and_the_same_name_begins_anew)
{
    arm_or_bail("base_test_a=hitx1,base_test_b=hit:2x1");
    is_str(visits("base_test_a", 2), "10");
    is_str(visits("base_test_b", 3), "010");
    is_int(tg_fault_arm("base_test_a=hitx1", NULL), 0);
    is_str(visits("base_test_a", 2), "10");
    is_int(tg_fault_arm("", NULL), 0);
}

TEST(kills_the_process_at_its_visit)
{
    arm_or_bail("base_test_a=kill:3");
    dies(visits("base_test_a", 3));
    pid_t child = tap_fork_quiet();
    if (child == 0) {
        visits("base_test_a", 2);
        _exit(0);
    }
    is_false(tap_died(child));
}

TEST(sleeps_and_goes_on)
{
    arm_or_bail("base_test_a=sleep-30x1");
    uint64_t start = tg_clock_mono_us();
    is_str(visits("base_test_a", 2), "00");
    uint64_t usecs = tg_clock_mono_us() - start;
    ok(usecs >= 30000, "%" PRIu64 " us", usecs);
}

TEST(a_spec_that_is_wrong_is_refused_and_quoted)
{
    static const char *const specs[] = {
        "x",
        "x=",
        "=hit",
        "x=miss",
        "x=hit:",
        "x=hit:0",
        "x=hit:-1",
        "x=hit:x2",
        "x=hit:1x",
        "x=hit:1x0",
        "x=hit:1y2",
        "x=sleep",
        "x=sleep-",
        "x=sleep-0",
        "x=sleep-600001",
        "x=hit y=hit",
        "x=hit:99999999999999999999",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=hit",
        ",",
    };
    tg_fault_disarm_all();
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        struct tg_err err = {0};
        tap_case("%s", specs[i]);
        is_int(tg_fault_arm(specs[i], &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        contains(err.text, "name=hit|kill|sleep-");
    }
    is_false(tg_fault_hit("x"));
}

TEST(there_is_a_most)
{
    char spec[32];
    struct tg_err err = {0};
    tg_fault_disarm_all();
    for (int i = 0; i < ARMED_MAX; i++) {
        snprintf(spec, sizeof(spec), "base_test_%d=hit", i);
        is_int(tg_fault_arm(spec, &err), 0);
    }
    is_int(tg_fault_arm("base_test_more=hit", &err), -1);
    contains(err.text, "more than 32");
    tg_fault_disarm_all();
}

TEST(the_environment_arms)
{
    tg_fault_disarm_all();
    unsetenv("TOLLGATE_FAULTS");
    is_int(tg_fault_arm_from_environment(NULL), 0);
    setenv("TOLLGATE_FAULTS", "base_test_a=hit:2", 1);
    is_int(tg_fault_arm_from_environment(NULL), 0);
    is_str(visits("base_test_a", 2), "01");
    setenv("TOLLGATE_FAULTS", "nonsense", 1);
    struct tg_err err = {0};
    is_int(tg_fault_arm_from_environment(&err), -1);
    contains(err.text, "nonsense");
    unsetenv("TOLLGATE_FAULTS");
    tg_fault_disarm_all();
}

static void *visit_often(void *arg)
{
    int *hits = arg;
    for (int i = 0; i < 1000; i++)
        *hits += tg_fault_hit("base_test_a");
    return NULL;
}

TEST(threads_share_the_count)
{
    pthread_t threads[4];
    int hits[4] = {0};
    arm_or_bail("base_test_a=hit:100x7");
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, visit_often, &hits[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    is_int(hits[0] + hits[1] + hits[2] + hits[3], 7);
    tg_fault_disarm_all();
}

#else

TEST(a_release_build_has_no_faults)
{
    is_false(TG_FAULT("base_test_a"));
    TG_FAULT_POINT("base_test_a");
}

#endif

TAP_MAIN()

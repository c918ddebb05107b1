/* id_test - TypeID 0.3 and UUIDv7: the specification's vectors, order, threads. TG_TSAN */
#include "../../../src/base/id.c"
#include "tap.h"

#include <ctype.h>

#include "base/hash.h"

#define IDS 20000

static struct tg_id id_of_hex(const char *uuid)
{
    struct tg_id id = {{0}};
    int n = 0;
    for (; *uuid != '\0'; uuid++)
        if (*uuid != '-') {
            int digit = isdigit((unsigned char)*uuid) ? *uuid - '0' : *uuid - 'a' + 10;
            id.bytes[n / 2] = (uint8_t)(id.bytes[n / 2] << 4 | digit);
            n++;
        }
    return id;
}

TEST(the_specifications_valid_ids)
{
    static const struct {
        const char *text, *prefix, *uuid;
    } cases[] = {
        {"00000000000000000000000000", "", "00000000-0000-0000-0000-000000000000"},
        {"00000000000000000000000001", "", "00000000-0000-0000-0000-000000000001"},
        {"0000000000000000000000000a", "", "00000000-0000-0000-0000-00000000000a"},
        {"0000000000000000000000000g", "", "00000000-0000-0000-0000-000000000010"},
        {"00000000000000000000000010", "", "00000000-0000-0000-0000-000000000020"},
        {"7zzzzzzzzzzzzzzzzzzzzzzzzz", "", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        {"prefix_0123456789abcdefghjkmnpqrs", "prefix", "0110c853-1d09-52d8-d73e-1194e95b5f19"},
        {"prefix_01h455vb4pex5vsknk084sn02q", "prefix", "01890a5d-ac96-774b-bcce-b302099a8057"},
        {"pre_fix_00000000000000000000000000", "pre_fix", "00000000-0000-0000-0000-000000000000"},
        {"inv_01h2xcejqtf2nbrexx3vqjhp41", "inv", "0188bac7-4afa-78aa-bc3b-bd1eef28d881"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_id expected = id_of_hex(cases[i].uuid), id;
        struct tg_err err = {0};
        char text[TG_ID_TEXT_SIZE];
        tap_case("%s", cases[i].text);
        is_int(tg_id_format(expected, cases[i].prefix, text), strlen(cases[i].text));
        is_str(text, cases[i].text);
        is_int(tg_id_parse(cases[i].text, strlen(cases[i].text), cases[i].prefix, &id, &err), 0);
        is_true(tg_id_equal(id, expected));
    }
}

TEST(the_specifications_invalid_ids)
{
    static const struct {
        const char *text, *prefix;
    } cases[] = {
        {"PREFIX_00000000000000000000000000", "prefix"}, /* capitals */
        {"prefix_00000000000000000000000000", "prefi"}, /* another prefix, shorter */
        {"prefix_00000000000000000000000000", "prefixx"}, /* longer */
        {"prefix_00000000000000000000000000", "prefiy"}, /* other */
        {"prefix_00000000000000000000000000", ""}, /* none wanted */
        {"00000000000000000000000000", "prefix"}, /* none there */
        {"_00000000000000000000000000", ""}, /* a separator without a prefix */
        {"_", ""},
        {"", ""},
        {"", "prefix"},
        {"prefix_", "prefix"},
        {"prefix-00000000000000000000000000", "prefix"},
        {"prefix_1234567890123456789012345", "prefix"}, /* 25 */
        {"prefix_123456789012345678901234567", "prefix"}, /* 27 */
        {"prefix_1234567890123456789012345 ", "prefix"},
        {" prefix_1234567890123456789012345", "prefix"},
        {"prefix_0123456789ABCDEFGHJKMNPQRS", "prefix"}, /* upper case */
        {"prefix_123456789-123456789-123456", "prefix"},
        {"prefix_ooooooiiiiiiuuuuuuulllllll", "prefix"}, /* not of the alphabet */
        {"prefix_i23456789ol23456789oi23456", "prefix"}, /* what Crockford would forgive */
        {"prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz", "prefix"}, /* 2^128 and more */
        {"prefix_zzzzzzzzzzzzzzzzzzzzzzzzzz", "prefix"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_id id = {{77}};
        struct tg_err err = {0};
        tap_case("'%s' as %s", cases[i].text, cases[i].prefix);
        is_int(tg_id_parse(cases[i].text, strlen(cases[i].text), cases[i].prefix, &id, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        is_int(id.bytes[0], 77);
    }
    struct tg_id id;
    struct tg_err err = {0};
    is_int(tg_id_parse("co_0000000000000000000000000\0", 29, "co", &id, &err), -1);
    contains(err.text, "'co_'");
}

TEST(each_byte_is_of_the_alphabet_or_refused)
{
    for (int c = 0; c < 256; c++) {
        struct tg_id id;
        char text[] = "co_00000000000000000000000000";
        text[28] = (char)c;
        const char *place = c == 0 ? NULL : strchr(alphabet, c);
        tap_case("byte %d", c);
        is_int(tg_id_parse(text, 29, "co", &id, NULL), place == NULL ? -1 : 0);
        if (place != NULL)
            is_int(id.bytes[15], place - alphabet);
    }
}

TEST(a_prefix_that_is_none_is_a_bug)
{
    char text[TG_ID_TEXT_SIZE];
    struct tg_id id = {{0}};
    dies(tg_id_format(id, "Inv", text));
    dies(tg_id_format(id, "_inv", text));
    dies(tg_id_format(id, "inv_", text));
    dies(tg_id_format(id, "in9", text));
    dies(tg_id_format(id, "abcdefghijklmnopq", text)); /* 17 */
    is_int(tg_id_format(id, "abcdefghijklmnop", text), TG_ID_TEXT_SIZE - 1);
}

TEST(a_new_id_is_a_uuid_v7_of_this_millisecond)
{
    tg_clock_set_us(INT64_C(1784109600123456));
    struct tg_id id = tg_id_new();
    char hex[33];
    tg_hex(id.bytes, sizeof(id.bytes), hex);
    is_mem(hex, 12, "019f65380d7b", 12); /* 1784109600123 */
    is_int(id.bytes[6] >> 4, 7);
    is_int(id.bytes[8] >> 6, 2);
    tg_clock_set_us(-5); /* before 1970 there are no ids: they begin there */
    id = tg_id_new();
    tg_hex(id.bytes, 6, hex);
    is_str(hex, "000000000000");
    tg_clock_unset();
}

TEST(ids_of_one_millisecond_ascend_through_every_carry)
{
    tg_clock_set_us(INT64_C(1784109600000000));
    struct tg_id before = tg_id_new();
    for (int i = 0; i < IDS; i++) {
        struct tg_id after = tg_id_new();
        if (!ok(tg_id_cmp(before, after) < 0, "id %d is greater", i))
            break;
        before = after;
    }
    last.low = (UINT64_MAX >> 2) - 1; /* the next steps carry into the bits before the variant, */
    for (int i = 0; i < 5; i++) {
        struct tg_id after = tg_id_new();
        if (i > 0)
            is_true(tg_id_cmp(before, after) < 0);
        before = after;
        is_int(after.bytes[6] >> 4, 7);
        is_int(after.bytes[8] >> 6, 2);
    }
    last.low = UINT64_MAX - 1; /* and into the highest ten */
    for (int i = 0; i < 5; i++) {
        struct tg_id after = tg_id_new();
        if (i > 0)
            is_true(tg_id_cmp(before, after) < 0);
        before = after;
    }
    tg_clock_set_us(INT64_C(1784109600001000));
    is_true(tg_id_cmp(before, tg_id_new()) < 0);
    tg_clock_unset();
}

static void *make_ids(void *arg)
{
    struct tg_id *ids = arg;
    for (int i = 0; i < IDS; i++)
        ids[i] = tg_id_new();
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct tg_id));
}

TEST(threads_never_make_the_same_id)
{
    struct tg_id *ids = calloc(4 * IDS, sizeof(*ids));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, make_ids, ids + i * IDS);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, 4 * IDS, sizeof(*ids), compare_ids);
    int same = 0;
    for (int i = 1; i < 4 * IDS; i++)
        same += tg_id_equal(ids[i - 1], ids[i]);
    is_int(same, 0);
    free(ids);
}

TEST(a_forked_child_does_not_repeat_its_parents_ids)
{
    int pipe_fds[2];
    struct tg_id mine, its = {{0}};
    if (!ok(pipe(pipe_fds) == 0, "pipe"))
        return;
    tg_clock_set_us(INT64_C(1784109600000000));
    (void)tg_id_new();
    fflush(stdout);
    pid_t child = fork();
    mine = tg_id_new();
    if (child == 0)
        _exit(write(pipe_fds[1], &mine, sizeof(mine)) == sizeof(mine) ? 0 : 1);
    is_int(read(pipe_fds[0], &its, sizeof(its)), sizeof(its));
    waitpid(child, NULL, 0);
    is_false(tg_id_equal(mine, its));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    tg_clock_unset();
}

TEST(every_random_id_survives_its_own_text)
{
    for (int i = 0; i < 10000 && tap.checks_failed < 5; i++) {
        struct tg_id id, back = {{0}};
        char text[TG_ID_TEXT_SIZE];
        tg_random(id.bytes, sizeof(id.bytes));
        size_t len = tg_id_format(id, "co", text);
        tap_case("%s", text);
        is_int(tg_id_parse(text, len, "co", &back, NULL), 0);
        is_true(tg_id_equal(id, back));
    }
}

TEST(texts_are_ordered_as_their_ids)
{
    for (int i = 0; i < 1000 && tap.checks_failed < 5; i++) {
        struct tg_id a, b;
        char text_a[TG_ID_TEXT_SIZE], text_b[TG_ID_TEXT_SIZE];
        tg_random(a.bytes, sizeof(a.bytes));
        tg_random(b.bytes, sizeof(b.bytes));
        tg_id_format(a, "co", text_a);
        tg_id_format(b, "co", text_b);
        is_int(tg_id_cmp(a, b) < 0, strcmp(text_a, text_b) < 0);
    }
}

TEST(random_bytes_differ_and_may_be_many)
{
    static uint8_t a[100000], b[100000];
    tg_random(a, sizeof(a));
    tg_random(b, sizeof(b));
    ok(memcmp(a + sizeof(a) - 16, b + sizeof(b) - 16, 16) != 0, "the ends differ");
    tg_random(a, 0);
}

TAP_MAIN()

/* deck_test - a trie of rows finds what a walk over all rows finds. TG_TSAN */
#include "../../../src/rt/deck.c"

#include <pthread.h>

#include "tap.h"

static struct tg_deck_row row_of(const char *prefix, int price, int64_t from_us, int64_t to_us)
{
    struct tg_deck_row row = {.initial_s = 1, .increment_s = 1, .from_us = from_us, .to_us = to_us};
    snprintf(row.prefix, sizeof(row.prefix), "%s", prefix);
    row.per_minute = tg_decimal_from_int(price);
    return row;
}

static struct tg_deck_row always(const char *prefix, int price)
{
    return row_of(prefix, price, INT64_MIN, INT64_MAX);
}

static struct tg_deck *deck_of(const struct tg_deck_row *rows, size_t n)
{
    struct tg_err err;
    struct tg_deck *deck = NULL;
    struct tg_deck_builder *builder = tg_deck_builder_new();
    for (size_t i = 0; i < n; i++)
        ok(tg_deck_builder_add(builder, &rows[i], &err) == 0, "row %zu: %s", i, err.text);
    ok(tg_deck_build(&builder, &deck, &err) == 0, "%s", err.text);
    is_true(builder == NULL);
    return deck;
}

static const struct tg_deck_row *find(const struct tg_deck *deck, const char *digits, int64_t at_us, int64_t *until_us)
{
    int64_t ignored;
    return tg_deck_find(deck, digits, strlen(digits), at_us, NULL, NULL, until_us ? until_us : &ignored);
}

static int64_t price_of(const struct tg_deck_row *row)
{
    int64_t price = -1;
    if (row != NULL)
        (void)tg_decimal_to_int(row->per_minute, &price);
    return price;
}

TEST(the_longest_prefix_wins)
{
    struct tg_deck_row rows[] = {always("44", 1), always("447", 2),  always("4477009", 3),
                                 always("1", 4),  always("1340", 5), always("0", 6)};
    struct tg_deck *deck = deck_of(rows, 6);
    is_int(price_of(find(deck, "447700900123", 0, NULL)), 3);
    is_int(price_of(find(deck, "447911123456", 0, NULL)), 2);
    is_int(price_of(find(deck, "442079460958", 0, NULL)), 1);
    is_int(price_of(find(deck, "13407771234", 0, NULL)), 5);
    is_int(price_of(find(deck, "134", 0, NULL)), 4);
    is_int(price_of(find(deck, "44", 0, NULL)), 1);
    is_int(price_of(find(deck, "4", 0, NULL)), -1);
    is_int(price_of(find(deck, "33", 0, NULL)), -1);
    is_int(price_of(find(deck, "", 0, NULL)), -1);
    is_int(price_of(find(deck, "44a", 0, NULL)), 1);
    is_uint(tg_deck_n_rows(deck), 6);
    is_uint(tg_deck_row_number(deck, find(deck, "1340", 0, NULL)), 4);
    tg_deck_unref(&deck);
    is_true(deck == NULL);
}

TEST(an_empty_deck_finds_nothing_for_ever)
{
    int64_t until;
    struct tg_deck *deck = deck_of(NULL, 0);
    is_true(find(deck, "12125550100", 5, &until) == NULL);
    is_int(until, INT64_MAX);
    tg_deck_unref(&deck);
}

TEST(a_row_is_valid_from_its_first_instant_to_before_its_last)
{
    int64_t until;
    struct tg_deck_row rows[] = {row_of("1", 1, 100, 200), row_of("1", 2, 200, 300)};
    struct tg_deck *deck = deck_of(rows, 2);
    is_true(find(deck, "1", 99, &until) == NULL);
    is_int(until, 100);
    is_int(price_of(find(deck, "1", 100, &until)), 1);
    is_int(until, 200);
    is_int(price_of(find(deck, "1", 199, NULL)), 1);
    is_int(price_of(find(deck, "1", 200, &until)), 2);
    is_int(until, 300);
    is_true(find(deck, "1", 300, &until) == NULL);
    is_int(until, INT64_MAX);
    tg_deck_unref(&deck);
}

TEST(where_rows_overlap_the_one_that_began_last_wins_and_a_longer_prefix_to_come_ends_the_answer)
{
    int64_t until;
    struct tg_deck_row rows[] = {row_of("1", 1, INT64_MIN, INT64_MAX), row_of("1", 2, 100, 200),
                                 row_of("12", 3, 150, 160)};
    struct tg_deck *deck = deck_of(rows, 3);
    is_int(price_of(find(deck, "1299", 0, &until)), 1);
    is_int(until, 100);
    is_int(price_of(find(deck, "1299", 120, &until)), 2);
    is_int(until, 150);
    is_int(price_of(find(deck, "1299", 150, &until)), 3);
    is_int(until, 160);
    is_int(price_of(find(deck, "1299", 199, &until)), 2);
    is_int(until, 200);
    is_int(price_of(find(deck, "1299", 200, &until)), 1);
    is_int(until, INT64_MAX);
    tg_deck_unref(&deck);
}

/* "odd" is open in odd tens of µs, "even" in even ones, "late" from 1000 on with the highest priority. */
static bool window(const char *when, int64_t at_us, int *priority_r, int64_t *until_us_r, void *arg)
{
    int64_t ten = at_us / 10;
    ++*(int *)arg;
    if ((ten + 1) * 10 < *until_us_r)
        *until_us_r = (ten + 1) * 10;
    *priority_r = when[0] == 'l' ? 2 : 1;
    return when[0] == 'l' ? at_us >= 1000 : (ten % 2 == 1) == (when[0] == 'o');
}

TEST(an_open_window_beats_none_and_the_higher_priority_beats_the_later_from)
{
    int64_t until;
    int asked = 0;
    struct tg_deck_row rows[] = {always("1", 1), always("1", 2), always("1", 3), row_of("1", 4, 500, INT64_MAX)};
    strcpy(rows[1].when, "odd");
    strcpy(rows[2].when, "late");
    struct tg_deck *deck = deck_of(rows, 4);
    is_int(price_of(tg_deck_find(deck, "1", 1, 5, window, &asked, &until)), 1);
    is_int(until, 10);
    is_int(price_of(tg_deck_find(deck, "1", 1, 10, window, &asked, &until)), 2);
    is_int(price_of(tg_deck_find(deck, "1", 1, 520, window, &asked, &until)), 4);
    is_int(price_of(tg_deck_find(deck, "1", 1, 530, window, &asked, &until)), 2);
    is_int(price_of(tg_deck_find(deck, "1", 1, 1010, window, &asked, &until)), 3);
    is_int(until, 1020);
    is_true(asked > 0);
    is_int(price_of(find(deck, "1", 1010, NULL)), 4);
    tg_deck_unref(&deck);
}

TEST(rows_that_say_nothing_or_too_much_are_refused_by_name)
{
    struct tg_deck_step steps[9] = {{.after_s = 60}, {.after_s = 60}};
    struct tg_err err;
    static const struct {
        const char *what;
        int field;
    } cases[] = {{"prefix", 0},    {"prefix", 1},      {"per_minute", 2}, {"connect_fee", 3},
                 {"initial_s", 4}, {"increment_s", 5}, {"min_s", 6},      {"effective_to", 7},
                 {"when", 8},      {"ascend", 9},      {"at most 8", 10}, {"steps: per_minute", 11}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_deck_row row = always("1", 1);
        struct tg_deck_builder *builder = tg_deck_builder_new();
        tap_case("%s", cases[i].what);
        switch (cases[i].field) {
        case 0: row.prefix[0] = '\0'; break;
        case 1: row.prefix[0] = '*'; break;
        case 2: row.per_minute = tg_decimal_from_int(-1); break;
        case 3: row.connect_fee = tg_decimal_from_int(-1); break;
        case 4: row.initial_s = 0; break;
        case 5: row.increment_s = TG_DECK_SECONDS_MAX + 1; break;
        case 6: row.min_s = TG_DECK_SECONDS_MAX + 1; break;
        case 7: row.to_us = row.from_us; break;
        case 8: memset(row.when, 'x', sizeof(row.when)); break;
        case 9:
            row.n_steps = 2;
            row.steps = steps;
            break;
        case 10:
            row.n_steps = 9;
            row.steps = steps;
            break;
        default:
            steps[0].per_minute = tg_decimal_from_int(-1);
            row.n_steps = 1;
            row.steps = steps;
            break;
        }
        is_int(tg_deck_builder_add(builder, &row, &err), -1);
        is_int(err.code, TG_ERR_INPUT);
        tap_contains(__FILE__, __LINE__, err.text, cases[i].what);
        tg_deck_builder_free(&builder);
    }
}

TEST(two_rows_that_begin_at_the_same_instant_are_refused_unless_their_windows_differ)
{
    struct tg_err err;
    struct tg_deck *deck = NULL;
    struct tg_deck_row a = row_of("1", 1, 10, 20), b = row_of("1", 2, 10, 30);
    struct tg_deck_builder *builder = tg_deck_builder_new();
    is_int(tg_deck_builder_add(builder, &a, &err), 0);
    is_int(tg_deck_builder_add(builder, &b, &err), 0);
    is_int(tg_deck_build(&builder, &deck, &err), -1);
    is_true(deck == NULL && builder == NULL);
    tap_contains(__FILE__, __LINE__, err.text, "rows 1 and 2: prefix 1 begins twice");
    strcpy(b.when, "peak");
    struct tg_deck_row rows[] = {a, b};
    deck = deck_of(rows, 2);
    tg_deck_unref(&deck);
}

TEST(steps_are_copied)
{
    struct tg_deck_step step = {60, tg_decimal_from_int(7)};
    struct tg_deck_row row = always("1", 1);
    row.n_steps = 1;
    row.steps = &step;
    struct tg_deck *deck = deck_of(&row, 1);
    step.after_s = 0;
    is_int(find(deck, "12", 0, NULL)->steps[0].after_s, 60);
    tg_deck_unref(&deck);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* R5 over all rows, without a trie. */
static const struct tg_deck_row *walk_all(const struct tg_deck_row *rows, size_t n, const char *digits, int64_t at_us)
{
    const struct tg_deck_row *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct tg_deck_row *row = &rows[i];
        size_t len = strlen(row->prefix);
        if (strncmp(row->prefix, digits, len) != 0 || row->from_us > at_us || row->to_us <= at_us)
            continue;
        if (best == NULL || len > strlen(best->prefix) || (len == strlen(best->prefix) && row->from_us > best->from_us))
            best = row;
    }
    return best;
}

TEST(a_trie_of_random_rows_answers_as_a_walk_over_all_of_them_and_until_is_kept)
{
    enum { N = 400 };
    static struct tg_deck_row rows[N];
    uint32_t seed = 7;
    for (int i = 0; i < N; i++) {
        char prefix[16];
        unsigned len = 1 + next_random(&seed) % 5;
        for (unsigned j = 0; j < len; j++)
            prefix[j] = (char)('0' + next_random(&seed) % 3);
        prefix[len] = '\0';
        int64_t from = i * 2 % 500; /* each prefix and `from` once */
        rows[i] = row_of(prefix, i, from * 1000 + i, from * 1000 + i + 1 + next_random(&seed) % 200000);
    }
    struct tg_deck *deck = deck_of(rows, N);
    for (int i = 0; i < 20000; i++) {
        char digits[8];
        int64_t at = next_random(&seed) % 700000, until;
        snprintf(digits, sizeof(digits), "%u%u%u%u%u%u", next_random(&seed) % 3, next_random(&seed) % 3,
                 next_random(&seed) % 3, next_random(&seed) % 3, next_random(&seed) % 3, next_random(&seed) % 10);
        const struct tg_deck_row *got = find(deck, digits, at, &until);
        if (!is_int(price_of(got), price_of(walk_all(rows, N, digits, at))))
            break;
        int64_t later = until == INT64_MAX ? at + 1000000 : until - 1;
        if (!is_int(price_of(walk_all(rows, N, digits, later)), price_of(got)))
            break;
    }
    tg_deck_unref(&deck);
}

static void *look_up(void *arg)
{
    struct tg_deck *deck = arg;
    for (int i = 0; i < 1000; i++) {
        struct tg_deck *mine = tg_deck_ref(deck);
        if (price_of(find(mine, "447700900123", i, NULL)) != 1)
            abort();
        tg_deck_unref(&mine);
    }
    tg_deck_unref(&deck);
    return NULL;
}

TEST(threads_share_a_deck_and_the_last_one_frees_it)
{
    struct tg_deck_row row = always("44", 1);
    struct tg_deck *deck = deck_of(&row, 1);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        is_int(pthread_create(&threads[i], NULL, look_up, tg_deck_ref(deck)), 0);
    tg_deck_unref(&deck);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

TAP_MAIN()

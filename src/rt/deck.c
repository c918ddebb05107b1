/* deck - a rate deck as an immutable prefix trie, shared by threads.
 *
 * The rows are sorted by prefix, so the rows below a node are one range of them. The trie is laid out breadth first:
 * the children of a node stand side by side, and a node needs only the set of its digits and where the first child is.
 * A node is 16 bytes; a deck of 30,000 rows has about 40,000.
 */
#include "rt/deck.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct node {
    uint32_t first_child; /* node of the lowest digit in `digits` */
    uint32_t first_row; /* the rows of exactly this prefix */
    uint32_t n_rows;
    uint16_t digits; /* bit d: there is a child for the digit d */
};

struct tg_deck {
    atomic_uint n_refs;
    struct tg_deck_row *rows; /* by prefix; of one prefix the latest `from` first */
    uint32_t *numbers; /* number of each row, as added */
    size_t n_rows;
    struct node *nodes; /* nodes[0] is the empty prefix */
    size_t n_nodes;
};

struct tg_deck_builder {
    struct tg_deck_row *rows;
    size_t n_rows, capacity;
};

/* --- building ------------------------------------------------------------------------------------------------------ */

struct tg_deck_builder *tg_deck_builder_new(void)
{
    return TG_NEW(struct tg_deck_builder);
}

static int check_prefix(const struct tg_deck_row *row, struct tg_err *err_r)
{
    size_t len = strnlen(row->prefix, sizeof(row->prefix));
    if (len == 0 || len > TG_DECK_PREFIX_MAX || strspn(row->prefix, "0123456789") != len)
        return tg_err_set(err_r, TG_ERR_INPUT, "prefix: 1 to %d digits expected, got '%.*s'", TG_DECK_PREFIX_MAX,
                          TG_DECK_PREFIX_MAX, row->prefix);
    return 0;
}

static int check_steps(const struct tg_deck_row *row, struct tg_err *err_r)
{
    if (row->n_steps > TG_DECK_STEPS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "steps: at most %d", TG_DECK_STEPS_MAX);
    for (int i = 0; i < row->n_steps; i++) {
        if (tg_decimal_is_negative(row->steps[i].per_minute))
            return tg_err_set(err_r, TG_ERR_INPUT, "steps: per_minute must not be negative");
        if (i > 0 && row->steps[i].after_s <= row->steps[i - 1].after_s)
            return tg_err_set(err_r, TG_ERR_INPUT, "steps: after_s must ascend");
    }
    return 0;
}

static int check_row(const struct tg_deck_row *row, struct tg_err *err_r)
{
    if (check_prefix(row, err_r) != 0 || check_steps(row, err_r) != 0)
        return -1;
    if (tg_decimal_is_negative(row->per_minute))
        return tg_err_set(err_r, TG_ERR_INPUT, "per_minute must not be negative");
    if (tg_decimal_is_negative(row->connect_fee))
        return tg_err_set(err_r, TG_ERR_INPUT, "connect_fee must not be negative");
    if (row->initial_s == 0 || row->initial_s > TG_DECK_SECONDS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "initial_s must be from 1 to %d", TG_DECK_SECONDS_MAX);
    if (row->increment_s == 0 || row->increment_s > TG_DECK_SECONDS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "increment_s must be from 1 to %d", TG_DECK_SECONDS_MAX);
    if (row->min_s > TG_DECK_SECONDS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "min_s must be at most %d", TG_DECK_SECONDS_MAX);
    if (row->from_us >= row->to_us)
        return tg_err_set(err_r, TG_ERR_INPUT, "effective_to must be after effective_from");
    if (memchr(row->when, '\0', sizeof(row->when)) == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "when: at most %zu characters", sizeof(row->when) - 1);
    return 0;
}

int tg_deck_builder_add(struct tg_deck_builder *b, const struct tg_deck_row *row, struct tg_err *err_r)
{
    if (check_row(row, err_r) != 0)
        return -1;
    if (b->n_rows == TG_DECK_ROWS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "a deck has at most %d rows", TG_DECK_ROWS_MAX);
    if (b->n_rows == b->capacity) {
        b->capacity = b->capacity == 0 ? 64 : b->capacity * 2;
        b->rows = tg_realloc(b->rows, b->capacity * sizeof(*b->rows));
    }
    struct tg_deck_row *copy = &b->rows[b->n_rows++];
    *copy = *row;
    copy->steps = NULL;
    if (row->n_steps > 0)
        copy->steps = tg_memdup(row->steps, row->n_steps * sizeof(*row->steps));
    return 0;
}

static void free_rows(struct tg_deck_row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++)
        free((void *)rows[i].steps);
    free(rows);
}

void tg_deck_builder_free(struct tg_deck_builder **b)
{
    if (*b == NULL)
        return;
    free_rows((*b)->rows, (*b)->n_rows);
    free(*b);
    *b = NULL;
}

/* By prefix, then the latest `from` first, then the name of the window; rows that are equal in all are refused later. */
static int compare_rows(const void *a_arg, const void *b_arg, void *rows_arg)
{
    const struct tg_deck_row *rows = rows_arg;
    uint32_t a_number = *(const uint32_t *)a_arg, b_number = *(const uint32_t *)b_arg;
    const struct tg_deck_row *a = &rows[a_number], *b = &rows[b_number];
    int order = strcmp(a->prefix, b->prefix);
    if (order == 0 && a->from_us != b->from_us)
        order = a->from_us > b->from_us ? -1 : 1;
    if (order == 0)
        order = strcmp(a->when, b->when);
    return order != 0 ? order : a_number < b_number ? -1 : a_number > b_number;
}

static int check_ambiguous(const struct tg_deck *deck, struct tg_err *err_r)
{
    for (size_t i = 1; i < deck->n_rows; i++) {
        const struct tg_deck_row *a = &deck->rows[i - 1], *b = &deck->rows[i];
        if (a->from_us == b->from_us && strcmp(a->prefix, b->prefix) == 0 && strcmp(a->when, b->when) == 0)
            return tg_err_set(err_r, TG_ERR_INPUT, "rows %u and %u: prefix %s begins twice at the same instant%s%s",
                              deck->numbers[i - 1] + 1, deck->numbers[i] + 1, a->prefix,
                              a->when[0] == '\0' ? "" : " in the window ", a->when);
    }
    return 0;
}

/* Splits the rows [lo, hi), which share `depth` digits, into the node's own and the ranges of its children, which are
 * appended to the queue. */
static void lay_node(struct tg_deck *deck, size_t index, uint32_t *lo_of, uint32_t *hi_of, uint8_t *depth_of)
{
    struct node *node = &deck->nodes[index];
    uint32_t at = lo_of[index], hi = hi_of[index];
    unsigned depth = depth_of[index];
    node->first_row = at;
    while (at < hi && deck->rows[at].prefix[depth] == '\0')
        at++;
    node->n_rows = at - node->first_row;
    node->first_child = (uint32_t)deck->n_nodes;
    while (at < hi) {
        char digit = deck->rows[at].prefix[depth];
        size_t child = deck->n_nodes++;
        lo_of[child] = at;
        while (at < hi && deck->rows[at].prefix[depth] == digit)
            at++;
        hi_of[child] = at;
        depth_of[child] = (uint8_t)(depth + 1);
        node->digits |= (uint16_t)(1u << (digit - '0'));
    }
}

/* Nodes are at most one for each digit that a prefix does not share with the prefix before it. */
static size_t count_nodes(const struct tg_deck *deck)
{
    size_t n = 1;
    const char *before = "";
    for (size_t i = 0; i < deck->n_rows; i++) {
        const char *prefix = deck->rows[i].prefix;
        size_t shared = 0;
        while (before[shared] != '\0' && before[shared] == prefix[shared])
            shared++;
        n += strlen(prefix) - shared;
        before = prefix;
    }
    return n;
}

static void lay_trie(struct tg_deck *deck)
{
    size_t n = count_nodes(deck);
    deck->nodes = tg_calloc(n, sizeof(*deck->nodes));
    uint32_t *lo_of = tg_calloc(n, sizeof(*lo_of)), *hi_of = tg_calloc(n, sizeof(*hi_of));
    uint8_t *depth_of = tg_calloc(n, sizeof(*depth_of));
    hi_of[0] = (uint32_t)deck->n_rows;
    deck->n_nodes = 1;
    for (size_t i = 0; i < deck->n_nodes; i++)
        lay_node(deck, i, lo_of, hi_of, depth_of);
    assert(deck->n_nodes == n);
    free(lo_of);
    free(hi_of);
    free(depth_of);
}

int tg_deck_build(struct tg_deck_builder **b, struct tg_deck **deck_r, struct tg_err *err_r)
{
    struct tg_deck *deck = TG_NEW(struct tg_deck);
    size_t n = (*b)->n_rows;
    atomic_init(&deck->n_refs, 1);
    deck->n_rows = n;
    deck->numbers = tg_calloc(n + 1, sizeof(*deck->numbers));
    deck->rows = tg_calloc(n + 1, sizeof(*deck->rows));
    for (size_t i = 0; i < n; i++)
        deck->numbers[i] = (uint32_t)i;
    qsort_r(deck->numbers, n, sizeof(*deck->numbers), compare_rows, (*b)->rows);
    for (size_t i = 0; i < n; i++)
        deck->rows[i] = (*b)->rows[deck->numbers[i]];
    (*b)->n_rows = 0; /* the steps now belong to the deck */
    tg_deck_builder_free(b);
    if (check_ambiguous(deck, err_r) != 0) {
        tg_deck_unref(&deck);
        return -1;
    }
    lay_trie(deck);
    *deck_r = deck;
    return 0;
}

/* --- sharing ------------------------------------------------------------------------------------------------------- */

struct tg_deck *tg_deck_ref(struct tg_deck *deck)
{
    atomic_fetch_add_explicit(&deck->n_refs, 1, memory_order_relaxed);
    return deck;
}

void tg_deck_unref(struct tg_deck **deck)
{
    struct tg_deck *old = *deck;
    *deck = NULL;
    if (old == NULL || atomic_fetch_sub_explicit(&old->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    free_rows(old->rows, old->n_rows);
    free(old->numbers);
    free(old->nodes);
    free(old);
}

size_t tg_deck_n_rows(const struct tg_deck *deck)
{
    return deck->n_rows;
}

size_t tg_deck_row_number(const struct tg_deck *deck, const struct tg_deck_row *row)
{
    assert(row >= deck->rows && row < deck->rows + deck->n_rows);
    return deck->numbers[row - deck->rows];
}

/* --- looking up ---------------------------------------------------------------------------------------------------- */

/* The nodes on the way that have rows, shortest prefix first. */
static size_t walk(const struct tg_deck *deck, const char *digits, size_t len,
                   const struct node *path[TG_DECK_PREFIX_MAX + 1])
{
    size_t n = 0;
    const struct node *node = &deck->nodes[0];
    for (size_t i = 0; i < len && i < TG_DECK_PREFIX_MAX; i++) {
        unsigned digit = (unsigned char)digits[i] - (unsigned)'0';
        if (digit > 9 || (node->digits >> digit & 1) == 0)
            break;
        unsigned below = node->digits & ((1u << digit) - 1);
        node = &deck->nodes[node->first_child + (unsigned)__builtin_popcount(below)];
        if (node->n_rows > 0)
            path[n++] = node;
    }
    return n;
}

static void lower(int64_t *until_us, int64_t at_us)
{
    if (at_us < *until_us)
        *until_us = at_us;
}

/* The winner among the rows of one prefix. Rows come with the latest `from` first, so only a higher priority beats. */
static const struct tg_deck_row *choose(const struct tg_deck *deck, const struct node *node, int64_t at_us,
                                        tg_deck_window_fn *window, void *arg, int64_t *until_us)
{
    const struct tg_deck_row *best = NULL;
    int best_priority = 0;
    for (uint32_t i = 0; i < node->n_rows; i++) {
        const struct tg_deck_row *row = &deck->rows[node->first_row + i];
        int priority = 0;
        if (row->to_us <= at_us)
            continue;
        if (row->from_us > at_us) {
            lower(until_us, row->from_us);
            continue;
        }
        lower(until_us, row->to_us);
        if (row->when[0] != '\0' && (window == NULL || !window(row->when, at_us, &priority, until_us, arg)))
            continue;
        if (best == NULL || priority > best_priority) {
            best = row;
            best_priority = priority;
        }
    }
    return best;
}

const struct tg_deck_row *tg_deck_find(const struct tg_deck *deck, const char *digits, size_t len, int64_t at_us,
                                       tg_deck_window_fn *window, void *arg, int64_t *until_us_r)
{
    const struct node *path[TG_DECK_PREFIX_MAX + 1];
    const struct tg_deck_row *row = NULL;
    int64_t until_us = INT64_MAX;
    size_t n = walk(deck, digits, len, path);
    while (row == NULL && n > 0)
        row = choose(deck, path[--n], at_us, window, arg, &until_us);
    assert(until_us > at_us);
    *until_us_r = until_us;
    return row;
}

/* queue_test - who goes next: companies in turn, keys one at a time, those that must wait do not stop the others. */
#include "../../../src/charge/queue.c"

#include "tap.h"

static struct tg_op ops[200];
static struct tg_queued items[200];
static size_t n_items;

static struct tg_queued *add_of(struct tg_queue *queue, enum tg_opkind kind, char company, size_t n_rows,
                                const char *key)
{
    struct tg_op *op = &ops[n_items];
    struct tg_queued *q = &items[n_items++];
    *op = (struct tg_op){.kind = kind, .deadline_mono_us = 1000};
    if (kind == TG_OP_USAGE)
        op->usage.idempotency_key = key;
    memset(op->caller_company.bytes, company, 16);
    *q = (struct tg_queued){.item.op = op, .n_rows = n_rows};
    tg_queue_push(queue, q);
    return q;
}

static struct tg_queued *add(struct tg_queue *queue, char company, size_t n_rows, const char *key)
{
    return add_of(queue, TG_OP_USAGE, company, n_rows, key);
}

/* Takes a batch; the companies' letters in order, in a static buffer. */
static const char *take(struct tg_queue *queue, uint64_t now_us, size_t rows_max, size_t ops_max)
{
    static char text[100];
    struct tg_queued *out[100];
    uint64_t next_us = 0;
    const size_t n = tg_queue_take(queue, now_us, rows_max, out, ops_max, &next_us);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)out[i]->item.op->caller_company.bytes[0];
    text[n] = '\0';
    if (n == 0 && next_us != UINT64_MAX)
        snprintf(text, sizeof(text), "until %d", (int)next_us);
    return text;
}

TEST(companies_take_turns_and_a_busy_one_does_not_hold_up_another)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    for (int i = 0; i < 10; i++)
        add(queue, 'a', 10, NULL);
    add(queue, 'b', 10, NULL);
    add(queue, 'c', 10, NULL);
    is_str(take(queue, 0, 50, 100), "abcaa");
    add(queue, 'b', 10, NULL);
    is_str(take(queue, 0, 20, 100), "ab");
    is_str(take(queue, 0, 1000, 3), "aaa");
    is_str(take(queue, 0, 1000, 100), "aaa");
    ok(tg_queue_is_empty(queue), "empty");
    is_str(take(queue, 0, 1000, 100), "");
    tg_queue_free(&queue);
}

TEST(an_operation_that_does_not_fit_opens_the_next_batch_and_a_huge_one_goes_alone)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    add(queue, 'a', 40, NULL);
    add(queue, 'b', 70, NULL);
    add(queue, 'c', 500, NULL);
    add(queue, 'd', 1, NULL);
    is_str(take(queue, 0, 100, 100), "a");
    is_str(take(queue, 0, 100, 100), "b");
    is_str(take(queue, 0, 100, 100), "c");
    is_str(take(queue, 0, 100, 100), "d");
    tg_queue_free(&queue);
}

TEST(calls_go_before_usage_and_usage_gets_its_turn)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    add(queue, 'u', 1, NULL);
    add(queue, 'v', 50, NULL);
    add_of(queue, TG_OP_RENEW, 'b', 4, NULL);
    add_of(queue, TG_OP_AUTHORIZE, 'a', 4, NULL);
    add_of(queue, TG_OP_AUTHORIZE, 'b', 4, NULL);
    is_str(take(queue, 0, 100, 100), "babu");
    for (int i = 0; i < 8; i++)
        add_of(queue, TG_OP_SETTLE, 'c', 4, NULL);
    is_str(take(queue, 0, 100, 4), "ccc"); /* a place is kept for usage, but it has too many rows to go with calls */
    is_str(take(queue, 0, 100, 4), "cccv");
    is_str(take(queue, 0, 100, 4), "cc");
    ok(tg_queue_is_empty(queue), "empty");
    tg_queue_free(&queue);
}

TEST(one_company_alone_is_each_in_turn)
{
    struct tg_queue *queue = tg_queue_new();
    struct tg_queued *out[100];
    uint64_t next_us;
    n_items = 0;
    for (int i = 0; i < 3; i++) {
        add_of(queue, TG_OP_RENEW, 'a', 4, NULL);
        add_of(queue, TG_OP_RENEW, 'b', 4, NULL);
        add(queue, 'u', 40, NULL);
    }
    static const struct {
        char company;
        size_t n;
    } turns[] = {{'a', 3}, {'u', 2}, {'b', 3}, {'u', 1}};
    for (size_t i = 0; i < 4; i++) {
        is_int(tg_queue_take_company(queue, 0, 80, out, 100, &next_us), turns[i].n);
        is_int(out[0]->item.op->caller_company.bytes[0], turns[i].company);
    }
    ok(tg_queue_is_empty(queue), "empty");
    is_int(tg_queue_take_company(queue, 0, 80, out, 100, &next_us), 0);
    tg_queue_free(&queue);
}

TEST(one_key_of_a_company_is_in_a_batch_once)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    add(queue, 'a', 1, "k");
    add(queue, 'a', 1, "k");
    add(queue, 'a', 1, "l");
    add(queue, 'b', 1, "k");
    is_str(take(queue, 0, 100, 100), "aba");
    is_str(take(queue, 0, 100, 100), "a");
    tg_queue_free(&queue);
}

TEST(who_must_wait_is_passed_over_and_says_until_when)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    add(queue, 'a', 1, NULL)->not_before_us = 500;
    struct tg_queued *second = add(queue, 'a', 1, NULL);
    add(queue, 'b', 1, NULL)->not_before_us = 300;
    is_str(take(queue, 100, 100, 100), "a");
    is_str(take(queue, 100, 100, 100), "until 300");
    is_str(take(queue, 300, 100, 100), "b");
    tg_queue_push_front(queue, second);
    is_str(take(queue, 500, 100, 100), "aa");
    tg_queue_free(&queue);
}

TEST(what_has_expired_is_taken_wherever_it_stands)
{
    struct tg_queue *queue = tg_queue_new();
    n_items = 0;
    add(queue, 'a', 1, NULL);
    struct tg_queued *b = add(queue, 'b', 1, NULL), *last = add(queue, 'b', 1, NULL);
    last->item.op->deadline_mono_us = 10;
    ok(tg_queue_take_expired(queue, 9) == NULL, "not yet");
    ok(tg_queue_take_expired(queue, 10) == last, "the last of b");
    ok(tg_queue_take_expired(queue, 10) == NULL, "no other");
    tg_queue_push(queue, last);
    is_str(take(queue, 0, 100, 100), "abb");
    ok(b->next == NULL && last->next == NULL, "unlinked");
    tg_queue_free(&queue);
}

TAP_MAIN()

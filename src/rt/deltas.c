/* deltas - how often each difference in money was seen. */
#include "rt/deltas.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The place of the amount, or where it belongs. */
static size_t place_of(const struct tg_deltas *deltas, struct tg_decimal amount)
{
    size_t low = 0, high = deltas->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tg_decimal_cmp(deltas->list[middle].amount, amount) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct tg_decimal two_digits(struct tg_decimal amount)
{
    __int128 unit = 1, units = amount.units;
    while (units / unit >= 100 || units / unit <= -100)
        unit *= 10;
    return (struct tg_decimal){units / unit * unit};
}

static bool is_at(const struct tg_deltas *deltas, size_t place, struct tg_decimal amount)
{
    return place < deltas->n && tg_decimal_cmp(deltas->list[place].amount, amount) == 0;
}

void tg_deltas_add(struct tg_deltas *deltas, struct tg_decimal amount)
{
    if (tg_decimal_is_zero(amount))
        return;
    size_t place = place_of(deltas, amount);
    if (!is_at(deltas, place, amount) && deltas->n >= TG_DELTAS_EXACT_MAX) {
        amount = two_digits(amount);
        place = place_of(deltas, amount);
    }
    if (is_at(deltas, place, amount)) {
        deltas->list[place].n++;
        return;
    }
    if (deltas->n == deltas->capacity) {
        deltas->capacity = deltas->capacity == 0 ? 8 : 2 * deltas->capacity;
        deltas->list = tg_realloc(deltas->list, deltas->capacity * sizeof(*deltas->list));
    }
    memmove(&deltas->list[place + 1], &deltas->list[place], (deltas->n - place) * sizeof(*deltas->list));
    deltas->list[place] = (struct tg_delta){amount, 1};
    deltas->n++;
}

void tg_deltas_write(const struct tg_deltas *deltas, struct tg_jsonw *w)
{
    tg_jsonw_object(w);
    for (size_t i = 0; i < deltas->n; i++) {
        char text[TG_DECIMAL_TEXT_SIZE];
        tg_decimal_format(deltas->list[i].amount, text);
        tg_jsonw_key(w, text);
        tg_jsonw_int(w, (int64_t)deltas->list[i].n);
    }
    tg_jsonw_object_end(w);
}

void tg_deltas_deinit(struct tg_deltas *deltas)
{
    free(deltas->list);
    *deltas = (struct tg_deltas){NULL, 0, 0};
}

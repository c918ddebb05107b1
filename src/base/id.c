/* id - TypeID 0.3: a prefix and a UUIDv7 in Crockford base32.
 *
 * Ids of one thread and millisecond ascend by one from a random start (RFC 9562 section 6.2, method 2): one
 * getrandom() a millisecond, and two threads meet only with a chance of about n / 2^73.
 */
#include "base/id.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define SUFFIX_LEN 26
#define NEVER INT64_MIN

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* The thread's last id: its millisecond and its 74 random bits, as 10 and 64. */
static _Thread_local struct {
    int64_t ms;
    uint16_t high;
    uint64_t low;
} last = {NEVER, 0, 0};
static pthread_once_t watched = PTHREAD_ONCE_INIT;

void tg_random(void *out, size_t len)
{
    uint8_t *at = out;
    while (len != 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fprintf(stderr, "getrandom: %s\n", strerror(errno));
            abort();
        }
        at += n;
        len -= (size_t)n;
    }
}

/* A child would go on with its parent's counter, in the same millisecond. */
static void on_fork_child(void)
{
    last.ms = NEVER;
}

static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, on_fork_child);
}

/* Moves `last` on. The top random bit starts as zero: the counter has room to climb. */
static void advance(int64_t ms)
{
    if (ms == last.ms) {
        if (++last.low == 0)
            last.high++;
        assert(last.high < 1 << 10);
        return;
    }
    uint8_t random[10];
    tg_random(random, sizeof(random));
    memcpy(&last.low, random, sizeof(last.low));
    memcpy(&last.high, random + sizeof(last.low), sizeof(last.high));
    last.high &= 0x1ff;
    last.ms = ms;
}

struct tg_id tg_id_new(void)
{
    struct tg_id id;
    pthread_once(&watched, watch_fork);
    int64_t now_us = tg_clock_now_us();
    advance(now_us < 0 ? 0 : now_us / 1000);
    uint64_t ms = (uint64_t)last.ms;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    /* version 7, 12 bits, variant 10, 62 bits: together the 74, in order */
    uint16_t a = (uint16_t)(last.high << 2 | last.low >> 62);
    uint64_t b = UINT64_C(2) << 62 | (last.low & (UINT64_MAX >> 2));
    id.bytes[6] = (uint8_t)(0x70 | a >> 8);
    id.bytes[7] = (uint8_t)a;
    for (int i = 0; i < 8; i++)
        id.bytes[8 + i] = (uint8_t)(b >> (56 - 8 * i));
    return id;
}

/* TypeID: [a-z]([a-z_]*[a-z])?, here at most 16 of them; none at all also leaves the '_' out. */
static bool is_prefix(const char *prefix, size_t len)
{
    if (len > TG_ID_PREFIX_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool inside = i > 0 && i + 1 < len;
        if (!((prefix[i] >= 'a' && prefix[i] <= 'z') || (inside && prefix[i] == '_')))
            return false;
    }
    return true;
}

size_t tg_id_format(struct tg_id id, const char *prefix, char out[static TG_ID_TEXT_SIZE])
{
    size_t len = strlen(prefix);
    assert(is_prefix(prefix, len));
    memcpy(out, prefix, len);
    if (len != 0)
        out[len++] = '_';
    /* 26 groups of 5 bits from the end, the first of them only 3 wide: 12 of the low half, one of both, 13 of the high */
    uint64_t high, low;
    memcpy(&high, id.bytes, sizeof(high));
    memcpy(&low, id.bytes + 8, sizeof(low));
    high = be64toh(high);
    low = be64toh(low);
    char *text = out + len;
    for (int i = SUFFIX_LEN - 1; i > 13; i--, low >>= 5)
        text[i] = alphabet[low & 31];
    text[13] = alphabet[(low | high << 4) & 31];
    high >>= 1;
    for (int i = 12; i >= 0; i--, high >>= 5)
        text[i] = alphabet[high & 31];
    out[len + SUFFIX_LEN] = '\0';
    return len + SUFFIX_LEN;
}

static int digit_value(char c)
{
    static const int8_t values[] = {/* of a … z; i, l, o and u are none */
                                    10, 11, 12, 13, 14, 15, 16, 17, -1, 18, 19, -1, 20,
                                    21, -1, 22, 23, 24, 25, 26, -1, 27, 28, 29, 30, 31};
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'z' ? values[c - 'a'] : -1;
}

static int bad_id(const char *prefix, struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_INPUT, "not an id: '%s%s' and 26 characters of 0-9 and a-z are wanted", prefix,
                      prefix[0] == '\0' ? "" : "_");
}

int tg_id_parse(const char *str, size_t len, const char *prefix, struct tg_id *id_r, struct tg_err *err_r)
{
    size_t prefix_len = strlen(prefix);
    assert(is_prefix(prefix, prefix_len));
    size_t suffix_at = prefix_len == 0 ? 0 : prefix_len + 1;
    if (len != suffix_at + SUFFIX_LEN || memcmp(str, prefix, prefix_len) != 0 ||
        (prefix_len != 0 && str[prefix_len] != '_'))
        return bad_id(prefix, err_r);
    unsigned __int128 value = 0;
    for (size_t i = 0; i < SUFFIX_LEN; i++) {
        int digit = digit_value(str[suffix_at + i]);
        if (digit < 0 || (i == 0 && digit > 7)) /* beyond 2^128 */
            return bad_id(prefix, err_r);
        value = value << 5 | (unsigned)digit;
    }
    for (int i = 15; i >= 0; i--, value >>= 8)
        id_r->bytes[i] = (uint8_t)value;
    return 0;
}

bool tg_id_equal(struct tg_id a, struct tg_id b)
{
    return tg_id_cmp(a, b) == 0;
}

int tg_id_cmp(struct tg_id a, struct tg_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes));
}

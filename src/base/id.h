/* id - ids that say what they are: TypeID 0.3 (prefix + '_' + UUIDv7 in
 * Crockford base32, 26 characters), https://github.com/jetify-com/typeid/tree/main/spec
 *
 * In C and in the database an id is 16 bytes, ordered by time; text only at the edges.
 */
#ifndef TG_BASE_ID_H
#define TG_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TG_ID_PREFIX_MAX 16
#define TG_ID_TEXT_SIZE (TG_ID_PREFIX_MAX + 1 + 26 + 1)

struct tg_id {
    uint8_t bytes[16];
};

/* A fresh UUIDv7 (RFC 9562): milliseconds of tg_clock_now_us, then randomness;
 * ids made by one thread in one millisecond ascend. */
struct tg_id tg_id_new(void);
/* Writes "prefix_xxxxxxxxxxxxxxxxxxxxxxxxxx" and returns its length. */
size_t tg_id_format(struct tg_id id, const char *prefix, char out[static TG_ID_TEXT_SIZE]);
/* Accepts exactly `prefix`, lower case, canonical form; INPUT otherwise. */
int tg_id_parse(const char *str, size_t len, const char *prefix, struct tg_id *id_r,
                struct tg_err *err_r) TG_MUST_CHECK;
bool tg_id_equal(struct tg_id a, struct tg_id b);
int tg_id_cmp(struct tg_id a, struct tg_id b);

/* len cryptographically random bytes (getrandom); ends the process when there are none. */
void tg_random(void *out, size_t len);

#endif

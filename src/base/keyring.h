/* keyring - the master keys, under which the secrets in the database are sealed.
 *
 * A key ring is a text, one key a line: 32 random bytes in base64url (43 characters). Empty lines and what begins with
 * '#' are comments. The last key seals; each of them opens. A key's id is made from the key (the first four bytes of its
 * SHA-256), so that it cannot be given wrongly; a sealed value begins with it.
 *
 * On several nodes a new key first stands above the last line, until every node has read it: then all can open what
 * the first of them seals.
 *
 * Immutable once made: any thread. No error's text has a part of a key in it.
 */
#ifndef TG_BASE_KEYRING_H
#define TG_BASE_KEYRING_H

#include "base/err.h"
#include "base/seal.h"

#define TG_KEYRING_MAX 16 /* keys */
#define TG_KEY_ID_LEN 4
#define TG_KEYRING_OVERHEAD (1 + TG_KEY_ID_LEN + TG_SEAL_OVERHEAD) /* the format (1), the key's id, the sealed text */

struct tg_keyring;
/* Commas end lines, too: in an environment's variable. */
int tg_keyring_parse(const char *text, struct tg_keyring **ring_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Of a file that nobody but its owner can read. */
int tg_keyring_read(const char *path, struct tg_keyring **ring_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Wipes it. Sets *ring to NULL. */
void tg_keyring_free(struct tg_keyring **ring);

/* Adds a fresh key to the file's end; makes the file (mode 0600) when there is none. The file is replaced in one step.
 * id_r: of the new key. */
int tg_keyring_add(const char *path, uint8_t id_r[static TG_KEY_ID_LEN], struct tg_err *err_r) TG_MUST_CHECK;

/* Of the key that seals. Borrowed: TG_KEY_ID_LEN bytes. */
const uint8_t *tg_keyring_newest(const struct tg_keyring *ring);
/* out gets len + TG_KEYRING_OVERHEAD bytes. */
void tg_keyring_seal(const struct tg_keyring *ring, struct tg_purpose purpose, const void *text, size_t len,
                     uint8_t *out);
/* out gets len - TG_KEYRING_OVERHEAD bytes. INPUT: sealed under a key that is not here (its id is said), for another
 * purpose, or changed. */
int tg_keyring_open(const struct tg_keyring *ring, struct tg_purpose purpose, const uint8_t *sealed, size_t len,
                    uint8_t *out, struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* base64 - base64url without padding (RFC 4648 §5): one text for some bytes, and no other is taken for them. */
#ifndef TG_BASE_BASE64_H
#define TG_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#define TG_BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* Writes TG_BASE64URL_LEN(len) characters, no NUL. */
void tg_base64url(const void *bytes, size_t len, char *out);
/* out has room for len bytes. false: it is not the one way to write any bytes; *n_r is then untouched. */
bool tg_unbase64url(const char *text, size_t len, void *out, size_t *n_r);

#endif

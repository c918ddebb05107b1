/* utf8 - RFC 3629: is it, and where does it stop being it. */
#ifndef TG_BASE_UTF8_H
#define TG_BASE_UTF8_H

#include <stddef.h>

/* The number of leading bytes that are whole, valid UTF-8; == len when all are. */
size_t tg_utf8_valid_len(const char *str, size_t len);
/* Characters of valid UTF-8. */
size_t tg_utf8_count(const char *str, size_t len);
/* Each byte that is no part of valid UTF-8 becomes '?'; a character that the end cuts is dropped. */
void tg_utf8_repair(char *str);

#endif

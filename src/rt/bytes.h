/* bytes - a byte buffer that Lua passes around without copying it into a Lua
 * string: request bodies on their way to a worker thread. */
#ifndef TG_RT_BYTES_H
#define TG_RT_BYTES_H

#include <stddef.h>

#include <lua.h>

struct tg_bytes { /* reference counted (atomic), immutable */
    size_t len;
    const char *bytes; /* NUL behind */
};
struct tg_bytes *tg_bytes_new(const void *bytes, size_t len); /* copies */
struct tg_bytes *tg_bytes_ref(struct tg_bytes *b);
void tg_bytes_unref(struct tg_bytes **b);
/* Pushes userdata with __len and :text(); takes a reference of its own. */
void tg_bytes_push(lua_State *L, struct tg_bytes *b);
/* Of the userdata (or a string, copied) at idx; a reference for the caller; raises on anything else. */
struct tg_bytes *tg_bytes_check(lua_State *L, int idx);

#endif

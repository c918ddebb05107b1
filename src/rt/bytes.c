/* bytes - a byte buffer that Lua passes around; the userdata is one pointer that owns one reference. */
#include "rt/bytes.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"

#define METATABLE "tg.bytes"

struct counted { /* what tg_bytes_new makes; `pub` first */
    struct tg_bytes pub;
    atomic_uint refs;
    char content[];
};

struct tg_bytes *tg_bytes_new(const void *bytes, size_t len)
{
    struct counted *c = tg_malloc(sizeof(*c) + len + 1);
    if (len > 0)
        memcpy(c->content, bytes, len);
    c->content[len] = '\0';
    c->pub = (struct tg_bytes){.len = len, .bytes = c->content};
    atomic_init(&c->refs, 1);
    return &c->pub;
}

struct tg_bytes *tg_bytes_ref(struct tg_bytes *b)
{
    atomic_fetch_add(&((struct counted *)b)->refs, 1);
    return b;
}

void tg_bytes_unref(struct tg_bytes **b)
{
    struct counted *c = (struct counted *)*b;
    *b = NULL;
    if (c != NULL && atomic_fetch_sub(&c->refs, 1) == 1)
        free(c);
}

static struct tg_bytes **self(lua_State *L)
{
    return luaL_checkudata(L, 1, METATABLE);
}

static int l_gc(lua_State *L)
{
    tg_bytes_unref(self(L));
    return 0;
}

static int l_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)(*self(L))->len);
    return 1;
}

static int l_text(lua_State *L)
{
    const struct tg_bytes *b = *self(L);
    lua_pushlstring(L, b->bytes, b->len);
    return 1;
}

void tg_bytes_push(lua_State *L, struct tg_bytes *b)
{
    static const luaL_Reg methods[] = {{"text", l_text}, {NULL, NULL}};
    struct tg_bytes **slot = lua_newuserdatauv(L, sizeof(struct tg_bytes *), 0);
    *slot = NULL;
    if (luaL_newmetatable(L, METATABLE)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, l_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, l_len);
        lua_setfield(L, -2, "__len");
    }
    lua_setmetatable(L, -2);
    *slot = tg_bytes_ref(b);
}

struct tg_bytes *tg_bytes_check(lua_State *L, int idx)
{
    if (lua_type(L, idx) == LUA_TSTRING) {
        size_t len;
        const char *text = lua_tolstring(L, idx, &len);
        return tg_bytes_new(text, len);
    }
    struct tg_bytes **b = luaL_checkudata(L, idx, METATABLE);
    assert(*b != NULL);
    return tg_bytes_ref(*b);
}

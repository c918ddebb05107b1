/* json_fuzz - JSON that Lua was given is written, read and written again the same. */
#include <lauxlib.h>

#include "fuzz.h"
#include "rt/json.h"
#include "rt/num.h"

/* What is read exactly is read the same when it may be rounded, and nothing makes the reader of others' bodies raise. */
static void rounded(lua_State *L, const char *text, size_t len)
{
    struct tg_err err;
    lua_settop(L, 0);
    lua_getglobal(L, "json");
    lua_getfield(L, -1, "decode_rounded");
    lua_pushlstring(L, text, len);
    assert(lua_pcall(L, 1, 1, 0) == LUA_OK);
    const bool is_read = !lua_isnil(L, -1);
    assert(tg_json_push(L, text, len, &err) != 0 || is_read);
}

/* (lightuserdata to a struct tg_strbuf, text) → nothing: reads text and writes it into the buffer. */
static int there_and_back(lua_State *L)
{
    struct tg_strbuf *out = lua_touserdata(L, 1);
    struct tg_err err = {0};
    size_t len;
    const char *text = lua_tolstring(L, 2, &len);
    int top = lua_gettop(L);
    if (tg_json_push(L, text, len, &err) != 0) {
        assert(lua_gettop(L) == top && err.code == TG_ERR_INPUT && err.text[0] != '\0');
        return 0;
    }
    assert(lua_gettop(L) == top + 1);
    assert(tg_json_write(L, -1, out, &err) == 0);
    return 0;
}

static void run(lua_State *L, const char *text, size_t len, struct tg_strbuf *out)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, there_and_back);
    lua_pushlightuserdata(L, out);
    lua_pushlstring(L, text, len);
    assert(lua_pcall(L, 2, 0, 0) == LUA_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_strbuf first, second;
    lua_State *L = luaL_newstate(); /* a new one for each: what is left over is a leak */
    tg_num_open(L);
    tg_json_open(L);
    lua_setglobal(L, "json");
    rounded(L, (const char *)bytes, len);
    tg_strbuf_init(&first, 1 << 24);
    tg_strbuf_init(&second, 1 << 24);
    run(L, (const char *)bytes, len, &first);
    if (first.len != 0) {
        run(L, first.bytes, first.len, &second);
        assert(second.len == first.len && memcmp(first.bytes, second.bytes, first.len) == 0);
    }
    tg_strbuf_deinit(&first);
    tg_strbuf_deinit(&second);
    lua_close(L);
    return 0;
}

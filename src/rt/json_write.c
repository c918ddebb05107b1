/* json_write - Lua values to JSON text.
 *
 * Raw access only: no metamethod runs. Keys of an object are sorted by bytes, so that the same value is always the same
 * text (hashes of bodies and snapshots depend on it). What JSON or money cannot say — a float, a function, a list with
 * holes — is a bug of ours, named by its path.
 */
#include "rt/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "base/mem.h"
#include "rt/num.h"

#define DEPTH_MAX 63 /* one less than jsonw asserts */
#define KEYS_ON_STACK 24

struct key {
    const char *str; /* anchored by its table */
    size_t len;
};

struct step { /* of the path to the value being written: a key, or an index from 0 */
    struct key key;
    lua_Integer index;
};

struct writer {
    lua_State *L;
    struct tg_jsonw json;
    struct tg_err *err;
    int depth;
    struct step path[DEPTH_MAX + 1];
};

static int refuse(struct writer *w, const char *what)
{
    char path[160] = "";
    size_t len = 0;
    for (int i = 1; i <= w->depth && len < sizeof(path) - 1; i++) {
        const struct step *step = &w->path[i];
        int n = step->key.str != NULL
                    ? snprintf(path + len, sizeof(path) - len, "/%.*s", (int)step->key.len, step->key.str)
                    : snprintf(path + len, sizeof(path) - len, "/%lld", (long long)step->index);
        len += (size_t)n;
    }
    return tg_err_set(w->err, TG_ERR_BUG, "%s at %s", what, path[0] == '\0' ? "the top" : path);
}

static int write_value(struct writer *w, int idx);

static int write_array(struct writer *w, int idx)
{
    lua_Integer n = (lua_Integer)lua_rawlen(w->L, idx);
    tg_jsonw_array(&w->json);
    for (lua_Integer i = 1; i <= n; i++) {
        w->path[w->depth] = (struct step){.index = i - 1};
        lua_rawgeti(w->L, idx, i);
        if (write_value(w, lua_gettop(w->L)) != 0)
            return -1;
        lua_pop(w->L, 1);
    }
    tg_jsonw_array_end(&w->json);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    size_t shorter = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->str, y->str, shorter);
    if (order != 0)
        return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

static int write_members(struct writer *w, int idx, const struct key *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w->path[w->depth] = (struct step){.key = keys[i]};
        tg_jsonw_key_n(&w->json, keys[i].str, keys[i].len);
        lua_pushlstring(w->L, keys[i].str, keys[i].len);
        lua_rawget(w->L, idx);
        if (write_value(w, lua_gettop(w->L)) != 0)
            return -1;
        lua_pop(w->L, 1);
    }
    return 0;
}

/* n keys, all of them strings. */
static int write_object(struct writer *w, int idx, size_t n)
{
    struct key on_stack[KEYS_ON_STACK], *keys = on_stack;
    if (n > KEYS_ON_STACK)
        keys = tg_malloc(n * sizeof(*keys));
    size_t i = 0;
    for (lua_pushnil(w->L); lua_next(w->L, idx) != 0; lua_pop(w->L, 1), i++) {
        assert(i < n);
        keys[i].str = lua_tolstring(w->L, -2, &keys[i].len);
    }
    assert(i == n);
    qsort(keys, n, sizeof(*keys), by_bytes);
    tg_jsonw_object(&w->json);
    int status = write_members(w, idx, keys, n);
    if (status == 0)
        tg_jsonw_object_end(&w->json);
    if (keys != on_stack)
        free(keys);
    return status;
}

/* A table is a list when it is marked as one or has integer keys; a list has exactly 1..n. */
static int write_table(struct writer *w, int idx)
{
    size_t n_strings = 0, n_integers = 0;
    if (w->depth == DEPTH_MAX || !lua_checkstack(w->L, 8))
        return refuse(w, "nested too deep (or in a circle)");
    for (lua_pushnil(w->L); lua_next(w->L, idx) != 0; lua_pop(w->L, 1)) {
        if (lua_type(w->L, -2) == LUA_TSTRING)
            n_strings++;
        else if (lua_isinteger(w->L, -2))
            n_integers++;
        else
            return refuse(w, "a key that is neither a string nor an integer");
    }
    bool is_array = n_integers > 0 || tg_json_is_array(w->L, idx);
    if (is_array && n_strings > 0)
        return refuse(w, "a table that is half list, half object");
    if (is_array && lua_rawlen(w->L, idx) != n_integers)
        return refuse(w, "a list with holes");
    w->depth++;
    int status = is_array ? write_array(w, idx) : write_object(w, idx, n_strings);
    if (status == 0)
        w->depth--;
    return status;
}

static int write_number(struct writer *w, int idx)
{
    if (!lua_isinteger(w->L, idx))
        return refuse(w, "a float (use an integer or a decimal)");
    tg_jsonw_int(&w->json, lua_tointeger(w->L, idx));
    return 0;
}

static int write_other(struct writer *w, int idx)
{
    char what[64];
    if (tg_num_is(w->L, idx)) {
        tg_jsonw_decimal(&w->json, tg_num_check(w->L, idx, "json"));
        return 0;
    }
    snprintf(what, sizeof(what), "a %s", lua_typename(w->L, lua_type(w->L, idx)));
    return refuse(w, what);
}

/* idx is absolute. The Lua stack is as before on success. */
static int write_value(struct writer *w, int idx)
{
    size_t len;
    const char *str;
    switch (lua_type(w->L, idx)) {
    case LUA_TTABLE: return write_table(w, idx);
    case LUA_TNUMBER: return write_number(w, idx);
    case LUA_TBOOLEAN: tg_jsonw_bool(&w->json, lua_toboolean(w->L, idx)); return 0;
    case LUA_TSTRING:
        str = lua_tolstring(w->L, idx, &len);
        tg_jsonw_str_n(&w->json, str, len);
        return 0;
    case LUA_TLIGHTUSERDATA:
        if (tg_json_is_null(w->L, idx)) {
            tg_jsonw_null(&w->json);
            return 0;
        }
        return refuse(w, "a light userdata");
    default: return write_other(w, idx);
    }
}

int tg_json_write(lua_State *L, int idx, struct tg_strbuf *out, struct tg_err *err_r)
{
    struct writer w = {.L = L, .err = err_r};
    int top = lua_gettop(L);
    tg_jsonw_init(&w.json, out);
    int status = write_value(&w, lua_absindex(L, idx));
    lua_settop(L, top);
    assert(status != 0 || w.depth == 0);
    return status;
}

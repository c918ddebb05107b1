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
#define MEMBERS_FIRST 16

struct member { /* of an object; the Lua stack holds its key and, at `value`, its value */
    const char *key;
    size_t len;
    int value;
};

struct members {
    struct member *list; /* `first` while they fit */
    size_t n, capacity;
    struct member first[MEMBERS_FIRST];
};

struct step { /* of the path to the value being written: a key, or with NULL an index from 0 */
    const char *key;
    size_t len;
    lua_Integer index;
};

struct writer {
    lua_State *L;
    struct tg_jsonw json;
    struct tg_err *err;
    int depth;
    struct step path[DEPTH_MAX + 1]; /* the first `depth` after [0] are set */
};

static int refuse(struct writer *w, const char *what)
{
    char path[160] = "";
    size_t len = 0;
    for (int i = 1; i <= w->depth && len < sizeof(path) - 1; i++) {
        const struct step *step = &w->path[i];
        int n = step->key != NULL ? snprintf(path + len, sizeof(path) - len, "/%.*s", (int)step->len, step->key)
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
        w->path[w->depth].key = NULL;
        w->path[w->depth].index = i - 1;
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
    const struct member *x = a, *y = b;
    size_t shorter = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->key, y->key, shorter);
    if (order != 0)
        return order;
    return x->len < y->len ? -1 : x->len > y->len;
}

static void grow(struct members *m)
{
    struct member *list = tg_malloc(2 * m->capacity * sizeof(*list));
    memcpy(list, m->list, m->n * sizeof(*list));
    if (m->list != m->first)
        free(m->list);
    m->list = list;
    m->capacity *= 2;
}

/* Leaves every key and value on the Lua stack, so that none is looked up again. false: a key is no string. */
static bool push_members(struct writer *w, int idx, struct members *m)
{
    for (lua_pushnil(w->L); lua_next(w->L, idx) != 0; lua_pushvalue(w->L, -2)) {
        if (lua_type(w->L, -2) != LUA_TSTRING || !lua_checkstack(w->L, 4))
            return false;
        if (m->n == m->capacity)
            grow(m);
        struct member *member = &m->list[m->n++];
        member->key = lua_tolstring(w->L, -2, &member->len);
        member->value = lua_gettop(w->L);
    }
    return true;
}

static int write_members(struct writer *w, struct members *m)
{
    if (m->n > 1)
        qsort(m->list, m->n, sizeof(m->list[0]), by_bytes);
    tg_jsonw_object(&w->json);
    for (size_t i = 0; i < m->n; i++) {
        const struct member *member = &m->list[i];
        w->path[w->depth].key = member->key;
        w->path[w->depth].len = member->len;
        tg_jsonw_key_n(&w->json, member->key, member->len);
        if (write_value(w, member->value) != 0)
            return -1;
    }
    tg_jsonw_object_end(&w->json);
    return 0;
}

/* 0: it is a list, exactly 1..n. */
static int check_list(struct writer *w, int idx)
{
    size_t n_strings = 0, n_integers = 0;
    for (lua_pushnil(w->L); lua_next(w->L, idx) != 0; lua_pop(w->L, 1)) {
        if (lua_type(w->L, -2) == LUA_TSTRING)
            n_strings++;
        else if (lua_isinteger(w->L, -2))
            n_integers++;
        else
            return refuse(w, "a key that is neither a string nor an integer");
    }
    if (n_strings > 0)
        return refuse(w, "a table that is half list, half object");
    if (lua_rawlen(w->L, idx) != n_integers)
        return refuse(w, "a list with holes");
    return 0;
}

/* A table is a list when it is marked as one or has integer keys. */
static int write_table(struct writer *w, int idx)
{
    struct members members = {.n = 0, .capacity = MEMBERS_FIRST};
    const int top = lua_gettop(w->L);
    int status;
    if (w->depth == DEPTH_MAX || !lua_checkstack(w->L, 8))
        return refuse(w, "nested too deep (or in a circle)");
    members.list = members.first;
    if (lua_rawlen(w->L, idx) == 0 && !tg_json_is_array(w->L, idx) && push_members(w, idx, &members)) {
        w->depth++;
        status = write_members(w, &members);
    } else {
        lua_settop(w->L, top);
        if (check_list(w, idx) != 0) {
            status = -1;
        } else {
            w->depth++;
            status = write_array(w, idx);
        }
    }
    if (status == 0)
        w->depth--;
    if (members.list != members.first)
        free(members.list);
    lua_settop(w->L, top);
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
    struct writer w; /* most of it is the path, which is set as it grows */
    int top = lua_gettop(L);
    w.L = L;
    w.err = err_r;
    w.depth = 0;
    tg_jsonw_init(&w.json, out);
    int status = write_value(&w, lua_absindex(L, idx));
    lua_settop(L, top);
    assert(status != 0 || w.depth == 0);
    return status;
}

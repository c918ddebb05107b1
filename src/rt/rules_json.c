/* rules_json - JSON values in and out of a rule VM. JSON text never gets there. */
#include "rt/rules.h"

#include <string.h>

#include <lauxlib.h>

#include "rt/num.h"

#define DEPTH_MAX 16
#define VALUES_MAX 200000
#define BYTES_MAX (4u << 20)

static void push_object(lua_State *L, const json_t *json)
{
    const char *name;
    json_t *value;
    lua_createtable(L, 0, (int)json_object_size(json));
    json_object_foreach((json_t *)json, name, value)
    {
        if (json_is_null(value))
            continue;
        lua_pushstring(L, name);
        tg_rules_push_json(L, value);
        lua_rawset(L, -3);
    }
}

static void push_array(lua_State *L, const json_t *json)
{
    lua_createtable(L, (int)json_array_size(json), 0);
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (json_is_null(json_array_get(json, i)))
            return;
        tg_rules_push_json(L, json_array_get(json, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

void tg_rules_push_json(lua_State *L, const json_t *json)
{
    luaL_checkstack(L, 4, "JSON is too deep");
    switch (json_typeof(json)) {
    case JSON_OBJECT: push_object(L, json); break;
    case JSON_ARRAY: push_array(L, json); break;
    case JSON_STRING: lua_pushlstring(L, json_string_value(json), json_string_length(json)); break;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(json)); break;
    case JSON_TRUE: lua_pushboolean(L, 1); break;
    case JSON_FALSE: lua_pushboolean(L, 0); break;
    case JSON_NULL: lua_pushnil(L); break;
    default: luaL_error(L, "a number with a fraction stands in a plan: amounts are strings"); break;
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------- */

/* A table or text that stands in many places is copied into each: what a rule may keep in 2 MiB can be more than any
 * memory holds. */
struct reader {
    lua_State *L;
    struct tg_err *err_r;
    size_t n_values, n_bytes;
};

static json_t *read_value(struct reader *r, int idx, int depth);

static json_t *refuse(const struct reader *r, const char *what)
{
    (void)tg_err_set(r->err_r, TG_ERR_BUG, "the result has %s", what);
    return NULL;
}

/* lua_tolstring would turn an integer key into a string under lua_next: keys are looked at by type. */
static json_t *read_object(struct reader *r, int idx, int depth)
{
    lua_State *L = r->L;
    json_t *json = json_object();
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1)) {
        json_t *value = NULL;
        size_t len;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &len) : NULL;
        if (name == NULL)
            (void)refuse(r, "a table with mixed keys");
        else if ((r->n_bytes += len) > BYTES_MAX)
            (void)refuse(r, "too many bytes of text");
        else
            value = read_value(r, lua_gettop(L), depth + 1);
        if (value != NULL && json_object_setn_new(json, name, len, value) == 0)
            continue;
        if (value != NULL) /* taken, also when the name is refused */
            (void)refuse(r, "a key that is not UTF-8");
        lua_pop(L, 2);
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *read_array(struct reader *r, int idx, int depth)
{
    json_t *json = json_array();
    size_t n = lua_rawlen(r->L, idx);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(r->L, idx, (lua_Integer)i);
        json_t *value = read_value(r, lua_gettop(r->L), depth + 1);
        lua_pop(r->L, 1);
        if (value == NULL) {
            json_decref(json);
            return NULL;
        }
        (void)json_array_append_new(json, value);
    }
    return json;
}

static json_t *read_table(struct reader *r, int idx, int depth)
{
    lua_State *L = r->L;
    if (depth > DEPTH_MAX || !lua_checkstack(L, 4)) {
        (void)tg_err_set(r->err_r, TG_ERR_BUG, "the result is deeper than %d", DEPTH_MAX);
        return NULL;
    }
    size_t n = 0, len = lua_rawlen(L, idx);
    for (lua_pushnil(L); lua_next(L, idx) != 0; lua_pop(L, 1))
        n++;
    if (len == 0 && n > 0)
        return read_object(r, idx, depth);
    return len == n ? read_array(r, idx, depth) : refuse(r, "a table with mixed keys");
}

static json_t *read_text(struct reader *r, int idx)
{
    size_t len;
    const char *text = lua_tolstring(r->L, idx, &len);
    r->n_bytes += len;
    if (r->n_bytes > BYTES_MAX)
        return refuse(r, "too many bytes of text");
    json_t *json = json_stringn(text, len);
    return json != NULL ? json : refuse(r, "a text that is not UTF-8");
}

static json_t *read_value(struct reader *r, int idx, int depth)
{
    lua_State *L = r->L;
    char text[TG_DECIMAL_TEXT_SIZE];
    if (++r->n_values > VALUES_MAX)
        return refuse(r, "too many values");
    switch (lua_type(L, idx)) {
    case LUA_TTABLE: return read_table(r, idx, depth);
    case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, idx));
    case LUA_TSTRING: return read_text(r, idx);
    case LUA_TNUMBER:
        if (lua_isinteger(L, idx))
            return json_integer(lua_tointeger(L, idx));
        break;
    default: break;
    }
    if (tg_num_is(L, idx)) {
        const size_t len = tg_decimal_format(tg_num_check(L, idx, "result"), text);
        return json_stringn(text, len);
    }
    (void)tg_err_set(r->err_r, TG_ERR_BUG, "the result has a %s, which is no data",
                     lua_type(L, idx) == LUA_TNUMBER ? "float" : lua_typename(L, lua_type(L, idx)));
    return NULL;
}

json_t *tg_rules_read_json(lua_State *L, int idx, struct tg_err *err_r)
{
    struct reader r = {L, err_r, 0, 0};
    return read_value(&r, lua_absindex(L, idx), 0);
}

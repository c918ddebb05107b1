/* stmt - statements that Lua declares; see stmt.h. Parsing and binding; stmt_rows.c makes Lua of results. */
#include "rt/stmt.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include <lauxlib.h>

#include "base/strbuf.h"
#include "rt/co.h"
#include "rt/json.h"
#include "rt/num.h"

#define METATABLE "tg.statement"
#define SQL_LEN_MAX (256u << 10)

/* --- parsing ------------------------------------------------------------------------------------------------------ */

struct parser {
    const char *at, *end;
    struct tg_strbuf sql;
    struct tg_stmt *stmt;
    bool scoped;
    struct tg_err *err;
};

static int refuse(struct parser *p, const char *what)
{
    return tg_err_set(p->err, TG_ERR_INPUT, "statement '%s': %s", p->stmt->name, what);
}

/* What a quote or a comment opens is copied to its end. Returns 1 when there was one. */
static int copy_opaque(struct parser *p)
{
    const char *start = p->at, *end;
    size_t left = (size_t)(p->end - start);
    if (*start == '\'' || *start == '"' || *start == '`') {
        for (end = start + 1; end < p->end && *end != *start; end++) {
            if (*end == '\\' && *start != '`')
                end++;
        }
        if (end >= p->end)
            return refuse(p, "a quote that does not close");
        end++;
    } else if (*start == '#' || (left > 2 && memcmp(start, "-- ", 3) == 0)) {
        end = memchr(start, '\n', left);
        end = end == NULL ? p->end : end;
    } else if (left > 1 && memcmp(start, "/*", 2) == 0) {
        end = memmem(start + 2, left - 2, "*/", 2);
        if (end == NULL)
            return refuse(p, "a comment that does not close");
        end += 2;
    } else {
        return 0;
    }
    tg_strbuf_append(&p->sql, start, (size_t)(end - start));
    p->at = end;
    return 1;
}

static bool kind_of(const char *text, size_t len, enum tg_bindkind *kind_r)
{
    static const struct {
        const char *name;
        enum tg_bindkind kind;
    } kinds[] = {{"id", TG_BIND_ID}, {"time", TG_BIND_TIME}, {"json", TG_BIND_JSON}, {"hex", TG_BIND_HEX}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, text, len) == 0) {
            *kind_r = kinds[i].kind;
            return true;
        }
    }
    return false;
}

static int parse_parameter(struct parser *p)
{
    const char *start = p->at + 1, *name_end = start;
    enum tg_bindkind kind = TG_BIND_VALUE;
    while (name_end < p->end && (isalnum((unsigned char)*name_end) || *name_end == '_'))
        name_end++;
    const char *close = memchr(name_end, '}', (size_t)(p->end - name_end));
    if (name_end == start || close == NULL)
        return refuse(p, "a '{' that begins no parameter");
    if (*name_end == ':' && !kind_of(name_end + 1, (size_t)(close - name_end) - 1, &kind))
        return refuse(p, "a parameter's kind is id, time, json or hex");
    if (*name_end != ':' && name_end != close)
        return refuse(p, "a '{' that begins no parameter");
    if (p->stmt->n_binders == TG_STMT_PARAMETERS_MAX)
        return refuse(p, "too many parameters");
    size_t len = (size_t)(name_end - start);
    if (len == 5 && memcmp(start, "scope", 5) == 0) {
        kind = TG_BIND_SCOPE;
        p->scoped = true;
    }
    p->stmt->binders[p->stmt->n_binders++] = (struct tg_binder){kind, tg_intern(start, len)};
    tg_strbuf_append_char(&p->sql, '?');
    p->at = close + 1;
    return 0;
}

static int parse_text(struct parser *p)
{
    while (p->at < p->end) {
        int copied = copy_opaque(p);
        if (copied < 0)
            return -1;
        if (copied == 1)
            continue;
        if (*p->at == '?')
            return refuse(p, "'?' is not used: parameters have names, {like_this}");
        if (*p->at == '}')
            return refuse(p, "a '}' that closes nothing");
        if (*p->at != '{')
            tg_strbuf_append_char(&p->sql, *p->at++);
        else if (parse_parameter(p) != 0)
            return -1;
    }
    return 0;
}

/* The place of "(…)" behind the first VALUES of an INSERT whose parameters are all inside it. */
static void find_row(struct tg_stmt *stmt)
{
    const char *sql = stmt->sql, *values = strcasestr(sql, "values");
    while (isspace((unsigned char)*sql))
        sql++;
    if (strncasecmp(sql, "insert", 6) != 0 || values == NULL || memchr(stmt->sql, '?', (size_t)(values - stmt->sql)))
        return;
    const char *open = values + 6;
    while (isspace((unsigned char)*open))
        open++;
    if (*open != '(')
        return;
    int depth = 0;
    const char *at = open;
    do {
        if (*at == '\'' || *at == '"' || *at == '\0')
            return; /* a literal inside: leave it alone */
        depth += (*at == '(') - (*at == ')');
        at++;
    } while (depth > 0);
    if (strchr(at, '?') != NULL)
        return;
    stmt->row_start = (size_t)(open - stmt->sql);
    stmt->row_len = (size_t)(at - open);
}

static int l_tostring(lua_State *L)
{
    const struct tg_stmt *stmt = tg_stmt_check(L, 1);
    lua_pushfstring(L, "statement %s: %s", stmt->name, stmt->sql);
    return 1;
}

static void set_metatable(lua_State *L)
{
    if (luaL_newmetatable(L, METATABLE)) {
        lua_pushcfunction(L, l_tostring);
        lua_setfield(L, -2, "__tostring");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

int tg_stmt_push(lua_State *L, const char *name, const char *text, size_t len, bool unscoped, struct tg_err *err_r)
{
    struct tg_stmt *stmt = lua_newuserdatauv(L, sizeof(*stmt), 1);
    memset(stmt, 0, sizeof(*stmt));
    stmt->name = tg_intern(name, strlen(name));
    struct parser p = {.at = text, .end = text + len, .stmt = stmt, .err = err_r};
    tg_strbuf_init(&p.sql, SQL_LEN_MAX);
    int status = memchr(text, '\0', len) == NULL ? parse_text(&p) : refuse(&p, "has a NUL");
    if (status == 0 && tg_strbuf_overflowed(&p.sql))
        status = refuse(&p, "too long");
    if (status == 0 && p.scoped == unscoped)
        status = refuse(&p, p.scoped ? "has {scope} and says it has none"
                                     : "has no {scope}; write {unscoped = \"why\", sql = …} when it must not");
    if (status == 0)
        stmt->sql = tg_intern(p.sql.bytes, p.sql.len);
    tg_strbuf_deinit(&p.sql);
    if (status != 0) {
        lua_pop(L, 1);
        return -1;
    }
    find_row(stmt);
    set_metatable(L);
    lua_pushvalue(L, -1); /* anchored for ever: results in flight refer to it */
    lua_rawsetp(L, LUA_REGISTRYINDEX, stmt);
    return 0;
}

struct tg_stmt *tg_stmt_check(lua_State *L, int idx)
{
    if (lua_type(L, idx) != LUA_TUSERDATA)
        luaL_error(L, "a statement of tg.db.declare expected, got %s", luaL_typename(L, idx));
    return luaL_checkudata(L, idx, METATABLE);
}

const char *tg_stmt_sql_for_rows(const struct tg_stmt *stmt, size_t n_rows)
{
    assert(stmt->row_len > 0 && n_rows >= 1 && n_rows <= TG_STMT_BULK_ROWS_MAX);
    struct tg_strbuf sql;
    tg_strbuf_init(&sql, strlen(stmt->sql) + n_rows * (stmt->row_len + 2) + 1);
    tg_strbuf_append(&sql, stmt->sql, stmt->row_start);
    for (size_t i = 0; i < n_rows; i++) {
        if (i > 0)
            tg_strbuf_append_str(&sql, ", ");
        tg_strbuf_append(&sql, stmt->sql + stmt->row_start, stmt->row_len);
    }
    tg_strbuf_append_str(&sql, stmt->sql + stmt->row_start + stmt->row_len);
    assert(!tg_strbuf_overflowed(&sql));
    const char *text = tg_intern(sql.bytes, sql.len);
    tg_strbuf_deinit(&sql);
    return text;
}

/* --- binding ------------------------------------------------------------------------------------------------------ */

static void raise_type(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b, const char *expected)
{
    luaL_error(L, "statement '%s': {%s} must be %s, not %s", stmt->name, b->name, expected, luaL_typename(L, -1));
}

static struct tg_dbval bind_plain(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b)
{
    size_t len;
    const char *str;
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: return TG_DBVAL_INT(lua_toboolean(L, -1));
    case LUA_TSTRING: str = lua_tolstring(L, -1, &len); return TG_DBVAL_BYTES(str, len);
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            return TG_DBVAL_INT(lua_tointeger(L, -1));
        raise_type(L, stmt, b, "an integer or a decimal (never a float)");
        break;
    default:
        if (tg_num_is(L, -1))
            return TG_DBVAL_DEC(tg_num_check(L, -1, b->name));
    }
    raise_type(L, stmt, b, "an integer, a string, a boolean or a decimal");
    return TG_DBVAL_NULL;
}

static int bind_id(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b, struct tg_id *id,
                   struct tg_err *err_r)
{
    char prefix[TG_ID_PREFIX_MAX + 1];
    size_t len;
    if (lua_type(L, -1) != LUA_TSTRING)
        raise_type(L, stmt, b, "the text of an id");
    const char *text = lua_tolstring(L, -1, &len), *line = memrchr(text, '_', len);
    size_t prefix_len = line == NULL ? 0 : (size_t)(line - text);
    if (prefix_len == 0 || prefix_len > TG_ID_PREFIX_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: not an id", b->name);
    memcpy(prefix, text, prefix_len);
    prefix[prefix_len] = '\0';
    if (tg_id_parse(text, len, prefix, id, err_r) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: not an id", b->name);
    return 0;
}

/* Replaces the value on top by its JSON text. */
static void make_json(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b)
{
    struct tg_strbuf out;
    struct tg_err err;
    tg_strbuf_init(&out, 16u << 20);
    int status = tg_json_write(L, -1, &out, &err);
    if (status == 0 && tg_strbuf_overflowed(&out))
        status = tg_err_set(&err, TG_ERR_BUG, "too much JSON");
    if (status == 0)
        lua_pushlstring(L, out.bytes, out.len);
    tg_strbuf_deinit(&out);
    if (status != 0)
        luaL_error(L, "statement '%s': {%s}: %s", stmt->name, b->name, err.text);
    lua_replace(L, -2);
}

static int hex_digit(char c)
{
    const char *at = c == '\0' ? NULL : strchr("0123456789abcdef", tolower((unsigned char)c));
    return at == NULL ? -1 : (int)(at - "0123456789abcdef");
}

/* Replaces the hex text on top by its bytes. */
static int make_bytes(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b, struct tg_err *err_r)
{
    luaL_Buffer buffer;
    size_t len;
    if (lua_type(L, -1) != LUA_TSTRING)
        raise_type(L, stmt, b, "hex digits");
    const char *hex = lua_tolstring(L, -1, &len);
    char *out = luaL_buffinitsize(L, &buffer, len / 2 + 1);
    bool good = len % 2 == 0;
    for (size_t i = 0; good && i < len; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        good = high >= 0 && low >= 0;
        if (good)
            out[i / 2] = (char)(high << 4 | low);
    }
    luaL_pushresultsize(&buffer, good ? len / 2 : 0);
    lua_replace(L, -2);
    return good ? 0 : tg_err_set(err_r, TG_ERR_INPUT, "%s: not hex digits", b->name);
}

/* Binds the value on top. *keep_r: it must stay on the stack, the binding points into it. */
static int bind_value(lua_State *L, const struct tg_stmt *stmt, const struct tg_binder *b, struct tg_dbval *value,
                      struct tg_id *id, bool *keep_r, struct tg_err *err_r)
{
    if (lua_isnil(L, -1) || (b->kind != TG_BIND_JSON && tg_json_is_null(L, -1))) {
        *value = TG_DBVAL_NULL;
        return 0;
    }
    switch (b->kind) {
    case TG_BIND_ID:
        if (bind_id(L, stmt, b, id, err_r) != 0)
            return -1;
        *value = TG_DBVAL_ID(*id);
        return 0;
    case TG_BIND_TIME:
        if (!lua_isinteger(L, -1))
            raise_type(L, stmt, b, "microseconds, an integer");
        *value = TG_DBVAL_TIME(lua_tointeger(L, -1));
        return 0;
    case TG_BIND_JSON: make_json(L, stmt, b); break;
    case TG_BIND_HEX:
        if (make_bytes(L, stmt, b, err_r) != 0)
            return -1;
        break;
    default: *value = bind_plain(L, stmt, b); return 0;
    }
    size_t len;
    const char *bytes = lua_tolstring(L, -1, &len);
    *value = TG_DBVAL_BYTES(bytes, len);
    *keep_r = true;
    return 0;
}

int tg_stmt_bind(lua_State *L, const struct tg_stmt *stmt, int args, struct tg_dbval *values, struct tg_id *ids,
                 struct tg_err *err_r)
{
    luaL_checkstack(L, (int)stmt->n_binders + 8, "parameters");
    if (!lua_isnoneornil(L, args) && !lua_istable(L, args))
        luaL_error(L, "statement '%s': the arguments must be a table", stmt->name);
    for (size_t i = 0; i < stmt->n_binders; i++) {
        const struct tg_binder *b = &stmt->binders[i];
        if (b->kind == TG_BIND_SCOPE) {
            const struct tg_principal *principal = tg_co_context(L)->principal;
            if (principal == NULL)
                luaL_error(L, "statement '%s' needs a company, and nobody is signed in", stmt->name);
            ids[i] = principal->company;
            values[i] = TG_DBVAL_ID(ids[i]);
            continue;
        }
        bool keep = false;
        if (lua_istable(L, args))
            lua_getfield(L, args, b->name);
        else
            lua_pushnil(L);
        if (bind_value(L, stmt, b, &values[i], &ids[i], &keep, err_r) != 0)
            return -1;
        if (!keep)
            lua_pop(L, 1);
    }
    return 0;
}

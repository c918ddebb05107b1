/* stmt_test - declaring statements: what becomes of their text, what is refused. */
#include "../../../src/rt/stmt.c"

#include "tap.h"

static const char *parsed(lua_State *L, const char *text, bool unscoped)
{
    static struct tg_err err;
    lua_settop(L, 0);
    if (tg_stmt_push(L, "it", text, strlen(text), unscoped, &err) != 0) {
        is_int(lua_gettop(L), 0);
        return err.text;
    }
    return tg_stmt_check(L, -1)->sql;
}

TEST(parameters_become_question_marks_and_quotes_and_comments_stay)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"SELECT 1 WHERE a = {scope}", "SELECT 1 WHERE a = ?"},
        {"SELECT '{x}', \"{y}\", `{z}` WHERE a={scope} AND b={b_1:id}",
         "SELECT '{x}', \"{y}\", `{z}` WHERE a=? AND b=?"},
        {"SELECT 'it''s \\' {x}' {scope}", "SELECT 'it''s \\' {x}' ?"},
        {"SELECT 1 -- {x} it's\n, {scope}", "SELECT 1 -- {x} it's\n, ?"},
        {"SELECT 1 # {x}\n, {scope}", "SELECT 1 # {x}\n, ?"},
        {"SELECT 1 /* {x} ? ' */ , {scope}", "SELECT 1 /* {x} ? ' */ , ?"},
        {"SELECT '?', 5-3, {scope}", "SELECT '?', 5-3, ?"},
        {"{scope} {a:time} {a:json} {a:hex} {a}", "? ? ? ? ?"},
    };
    struct tg_err err;
    lua_State *L = luaL_newstate();
    is_int(tg_stmt_push(L, "it", "SELECT 1\0 {scope}", 17, false, &err), -1);
    is_str(err.text, "statement 'it': has a NUL");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        is_str(parsed(L, cases[i].text, false), cases[i].expected);
    }
    lua_close(L);
}

TEST(binders_are_in_order_with_their_kinds)
{
    lua_State *L = luaL_newstate();
    parsed(L, "{scope} {a:id} {b:time} {c:json} {d:hex} {e} {a}", false);
    const struct tg_stmt *stmt = tg_stmt_check(L, -1);
    static const enum tg_bindkind kinds[] = {TG_BIND_SCOPE, TG_BIND_ID,    TG_BIND_TIME, TG_BIND_JSON,
                                             TG_BIND_HEX,   TG_BIND_VALUE, TG_BIND_VALUE};
    is_int(stmt->n_binders, 7);
    for (size_t i = 0; i < 7; i++)
        is_int(stmt->binders[i].kind, kinds[i]);
    is_str(stmt->binders[6].name, "a");
    ok(stmt->binders[1].name == stmt->binders[6].name, "names are interned");
    lua_close(L);
}

TEST(what_is_not_safe_or_not_clear_is_refused)
{
    static const struct {
        const char *text;
        bool unscoped;
        const char *expected;
    } cases[] = {
        {"SELECT 1", false, "statement 'it': has no {scope}; write {unscoped = \"why\", sql = …} when it must not"},
        {"SELECT '{scope}'", false,
         "statement 'it': has no {scope}; write {unscoped = \"why\", sql = …} when it must not"},
        {"SELECT {scope}", true, "statement 'it': has {scope} and says it has none"},
        {"SELECT ?", true, "statement 'it': '?' is not used: parameters have names, {like_this}"},
        {"SELECT {x", true, "statement 'it': a '{' that begins no parameter"},
        {"SELECT { x}", true, "statement 'it': a '{' that begins no parameter"},
        {"SELECT {}", true, "statement 'it': a '{' that begins no parameter"},
        {"SELECT {x y}", true, "statement 'it': a '{' that begins no parameter"},
        {"SELECT {x:uuid}", true, "statement 'it': a parameter's kind is id, time, json or hex"},
        {"SELECT }", true, "statement 'it': a '}' that closes nothing"},
        {"SELECT 'x", true, "statement 'it': a quote that does not close"},
        {"SELECT 'x\\'", true, "statement 'it': a quote that does not close"},
        {"SELECT /* x", true, "statement 'it': a comment that does not close"},
    };
    lua_State *L = luaL_newstate();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        is_str(parsed(L, cases[i].text, cases[i].unscoped), cases[i].expected);
    }
    lua_close(L);
}

TEST(an_insert_of_one_row_becomes_one_of_many)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"INSERT INTO t (a, b) VALUES ({scope}, {b})", "INSERT INTO t (a, b) VALUES (?, ?), (?, ?), (?, ?)"},
        {"  insert ignore into t values ({scope},COALESCE({b},0))\n ON DUPLICATE KEY UPDATE b = VALUES(b)",
         "  insert ignore into t values (?,COALESCE(?,0)), (?,COALESCE(?,0)), (?,COALESCE(?,0))\n ON DUPLICATE KEY "
         "UPDATE b = VALUES(b)"},
        {"UPDATE t SET a = 1 WHERE b = {scope}", NULL},
        {"INSERT INTO t SELECT {scope}", NULL},
        {"INSERT INTO t VALUES ({scope}) ON DUPLICATE KEY UPDATE a = {a}", NULL},
        {"INSERT INTO t VALUES ('(', {scope})", NULL},
    };
    lua_State *L = luaL_newstate();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tap_case("%s", cases[i].text);
        parsed(L, cases[i].text, false);
        const struct tg_stmt *stmt = tg_stmt_check(L, -1);
        is_str(stmt->row_len == 0 ? NULL : tg_stmt_sql_for_rows(stmt, 3), cases[i].expected);
    }
    lua_close(L);
}

TEST(the_same_text_is_interned_once)
{
    char a[] = "SELECT 1", text[20];
    const char *first = tg_intern(a, 8);
    a[0] = 'X';
    is_str(first, "SELECT 1");
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        const char *once = tg_intern(text, strlen(text));
        ok(once != text && once == tg_intern(text, strlen(text)), "%s", text);
    }
    ok(first == tg_intern("SELECT 1;", 8), "still the same");
}

TAP_MAIN()

/* stmt_fuzz - the text of a statement becomes SQL with a `?` for each binder, or is refused with a sentence. */
#include <lauxlib.h>

#include "fuzz.h"
#include "rt/stmt.h"

#define INTERNED_MAX (64u << 20) /* texts live for the process: a long search ends here */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static size_t interned;
    struct tg_err err = {0};
    if (len == 0 || interned > INTERNED_MAX)
        return 0;
    bool unscoped = bytes[0] == 'u';
    lua_State *L = luaL_newstate();
    if (tg_stmt_push(L, "fuzz", (const char *)bytes + 1, len - 1, unscoped, &err) == 0) {
        const struct tg_stmt *stmt = tg_stmt_check(L, -1);
        size_t n_marks = 0, n_scopes = 0;
        for (const char *at = stmt->sql; *at != '\0'; at++)
            n_marks += *at == '?';
        for (size_t i = 0; i < stmt->n_binders; i++)
            n_scopes += stmt->binders[i].kind == TG_BIND_SCOPE;
        assert(n_marks >= stmt->n_binders && stmt->n_binders <= TG_STMT_PARAMETERS_MAX);
        assert(unscoped == (n_scopes == 0)); /* nothing unscoped passes for scoped */
        assert(stmt->row_start + stmt->row_len <= strlen(stmt->sql));
        interned += len;
        if (stmt->row_len > 0) {
            const char *sql = tg_stmt_sql_for_rows(stmt, 3);
            assert(strlen(sql) == strlen(stmt->sql) + 2 * (stmt->row_len + 2));
            interned += strlen(sql);
        }
    } else {
        assert(err.code == TG_ERR_INPUT && err.text[0] != '\0' && lua_gettop(L) == 0);
    }
    lua_close(L);
    return 0;
}

/* script - Lua scripts outside the server: our interpreter with the whole of
 * tg.*, on a loop of its own. What waits in the server blocks here.
 *
 * The database and Redis are those of the environment; without them tg.db and
 * tg.redis answer "not configured".
 */
#ifndef TG_CLI_SCRIPT_H
#define TG_CLI_SCRIPT_H

#include <lua.h>

#include "base/err.h"
#include "rt/vm.h"

struct tg_script;
/* package.path begins with lua_dir. as_owner: with the rights of $TOLLGATE_OWNER_URL when that is set. */
int tg_script_open(const char *lua_dir, int as_owner, struct tg_script **script_r, struct tg_err *err_r) TG_MUST_CHECK;
/* With more libraries in tg.* (rt/vm.h); with the rights of the server. */
int tg_script_open_with(const char *lua_dir, const struct tg_vm_lib *libs, struct tg_script **script_r,
                        struct tg_err *err_r) TG_MUST_CHECK;
void tg_script_close(struct tg_script **script);
lua_State *tg_script_state(struct tg_script *script);
/* Calls the function below n_args arguments on the stack, protected, with a traceback; 0 or -1 (nothing left on the
 * stack, the text in err_r). n_results as lua_pcall. */
int tg_script_call(struct tg_script *script, int n_args, int n_results, struct tg_err *err_r) TG_MUST_CHECK;
/* Sets the global `arg` and runs the file with the arguments. */
int tg_script_run_file(struct tg_script *script, const char *path, int argc, char **argv,
                       struct tg_err *err_r) TG_MUST_CHECK;

#endif

/* asking - what Lua asks about a live call: arguments of tg.calls, read without raising.
 *
 * They are copied into memory that lives until the answer. -1: err and pointer say what is wrong, and where.
 */
#ifndef TG_CHARGE_ASKING_H
#define TG_CHARGE_ASKING_H

#include "charge/op.h"
#include "rt/co.h"

#define TG_ASKING_POINTER_SIZE 64

struct tg_asking { /* an operation from the call to its answer */
    struct tg_await *aw;
    struct tg_op op;
    char *call_id, *request, *to, *agent_id, *status;
    struct tg_call_usage *usage;
    size_t n_usage;
    struct tg_err err; /* of an argument, or of the queue */
    char pointer[TG_ASKING_POINTER_SIZE]; /* "" none */
};
/* All but aw; Lua is not needed. */
void tg_asking_free(struct tg_asking *a);

/* Fields of the table at index `table`: company?, call_id. */
int tg_asking_read_call(lua_State *L, struct tg_asking *a, int table) TG_MUST_CHECK;
/* Of the table at 1, into a->op. */
int tg_asking_read_authorize(lua_State *L, struct tg_asking *a) TG_MUST_CHECK;
int tg_asking_read_renew(lua_State *L, struct tg_asking *a) TG_MUST_CHECK;
int tg_asking_read_settle(lua_State *L, struct tg_asking *a) TG_MUST_CHECK;

#endif

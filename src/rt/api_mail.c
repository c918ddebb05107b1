/* api_mail - letters, handed over on a worker thread. */
#include "rt/api_mail.h"

#include <stdlib.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "io/mail.h"
#include "rt/api_db.h"
#include "rt/vm_private.h"

struct sending { /* on its way to a worker and back */
    struct tg_await *aw;
    const struct tg_mailer *mailer;
    struct tg_letter letter; /* copies */
    int status;
    struct tg_err err;
};

static void sending_free(struct sending *s)
{
    free((char *)s->letter.id);
    free((char *)s->letter.to);
    free((char *)s->letter.subject);
    free((char *)s->letter.body);
    free(s);
}

static void run(void *arg) /* on a worker */
{
    struct sending *s = arg;
    s->status = tg_mailer_send(s->mailer, &s->letter, &s->err);
}

static int push_true(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushboolean(L, 1);
    return 1;
}

static void on_run(void *arg)
{
    struct sending *s = arg;
    if (s->status == 0)
        tg_await_resume(&s->aw, push_true, NULL);
    else
        tg_await_resume_err(&s->aw, &s->err);
    sending_free(s);
}

/* The text stays on the stack until the copies are made: an error in between leaves nothing behind. */
static const char *text_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    return luaL_checkstring(L, -1);
}

static int l_send(lua_State *L)
{
    struct tg_err err;
    const struct tg_mailer *mailer = lua_touserdata(L, lua_upvalueindex(1));
    const struct tg_services *services = tg_vm_services(tg_vm_of(L));
    luaL_checktype(L, 1, LUA_TTABLE);
    struct tg_letter letter = {text_field(L, "id"), text_field(L, "to"), text_field(L, "subject"),
                               text_field(L, "body"), 0};
    lua_getfield(L, 1, "date");
    letter.date_us = luaL_checkinteger(L, -1);
    if (mailer == NULL || services->work == NULL)
        return tg_return_not_configured(L, "mail");
    struct tg_await *aw = tg_await_new(L);
    struct sending *s = TG_NEW(struct sending);
    *s = (struct sending){.aw = aw, .mailer = mailer};
    s->letter = (struct tg_letter){tg_strdup(letter.id), tg_strdup(letter.to), tg_strdup(letter.subject),
                                   tg_strdup(letter.body), letter.date_us};
    if (tg_work_submit(services->work, services->loop, run, on_run, s, &err) != 0) {
        sending_free(s);
        tg_await_cancel(&aw);
        return tg_return_err(L, &err);
    }
    return tg_await_yield(L, aw);
}

int tg_api_open_mail(lua_State *L)
{
    static const luaL_Reg library[] = {{"send", l_send}, {NULL, NULL}};
    luaL_newlibtable(L, library);
    lua_pushvalue(L, 1); /* the mailer */
    luaL_setfuncs(L, library, 1);
    return 1;
}

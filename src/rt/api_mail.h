/* api_mail - tg.mail.send{id, to, subject, body, date}: a letter, on a worker thread. Waits. true | nil, err: "input" it
 * is refused for good, "upstream" not now, "uncertain" it may have been taken. A tg_vm_lib {"mail", tg_api_open_mail,
 * mailer}; without a mailer every letter is UPSTREAM "not configured". */
#ifndef TG_RT_API_MAIL_H
#define TG_RT_API_MAIL_H

#include <lua.h>

int tg_api_open_mail(lua_State *L);

#endif

/* origins - pages of which origins may ask at all, whoever asks: those that any company has named.
 *
 * Who asks with a key or a session is answered by the list of its own company (rt/principal.h). A preflight, a public
 * route and a token that is refused belong to nobody: they are answered by the union of all lists, which `origins()` of
 * lua/app.lua gives. Each thread keeps it, and reads it anew when somebody's rights have changed (TG_AUTH_CHANNEL) and
 * every half minute. So a stranger can find out that some company has named an origin, and not which.
 */
#ifndef TG_WEB_ORIGINS_H
#define TG_WEB_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "io/loop.h"

#define TG_ORIGINS_MAX 20000

struct tg_web_thread;

struct tg_origins { /* of a thread; zeroed memory is its beginning */
    char **list; /* sorted */
    size_t n;
    bool is_loading;
    struct tg_timer timer;
};

/* Reads them, in a moment: several that ask for it are one. On the thread, which serves a generation. */
void tg_origins_reload(struct tg_web_thread *thread);
/* Nothing is read any more. */
void tg_origins_stop(struct tg_web_thread *thread);
void tg_origins_deinit(struct tg_origins *origins);
bool tg_origins_has(const struct tg_origins *origins, const char *origin, size_t len);

#endif

/* principal - who asks: resolved once a request, carried by its coroutine, bound
 * into every scoped statement. Immutable, reference counted, one thread. */
#ifndef TG_RT_PRINCIPAL_H
#define TG_RT_PRINCIPAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

#define TG_PERMISSIONS_MAX 256 /* distinct names in one generation's route table */

struct tg_principal {
    struct tg_id company; /* the company acted for: what {scope} binds */
    struct tg_id actor; /* the API key's or the user's id */
    char actor_prefix[8]; /* "key" or "usr" */
    struct tg_id session; /* a user's, when has_session */
    bool has_session;
    int64_t expires_us; /* of this cached resolution's credential; 0: never */
    char *policy; /* NULL: nothing forbids what the permissions allow; else what to ask the rule with, as JSON */
    char *origins; /* of pages that may ask with its key or session: "\nhttps://a.example\n…\n"; NULL: none */
    bool all_permissions;
    uint64_t permissions[TG_PERMISSIONS_MAX / 64]; /* bit: the generation's number of the name */
    unsigned refs;
};

struct tg_principal *tg_principal_new(void); /* one reference, all zero else */
struct tg_principal *tg_principal_ref(struct tg_principal *p);
void tg_principal_unref(struct tg_principal **p);
bool tg_principal_may(const struct tg_principal *p, unsigned permission);

#endif

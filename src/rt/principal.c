/* principal - who asks; see principal.h. */
#include "rt/principal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct tg_principal *tg_principal_new(void)
{
    struct tg_principal *p = TG_NEW(struct tg_principal);
    p->refs = 1;
    return p;
}

struct tg_principal *tg_principal_ref(struct tg_principal *p)
{
    assert(p->refs > 0);
    p->refs++;
    return p;
}

void tg_principal_unref(struct tg_principal **p)
{
    struct tg_principal *principal = *p;
    *p = NULL;
    if (principal == NULL)
        return;
    assert(principal->refs > 0);
    if (--principal->refs != 0)
        return;
    free(principal->policy);
    free(principal->origins);
    free(principal);
}

bool tg_principal_may(const struct tg_principal *p, unsigned permission)
{
    assert(permission < TG_PERMISSIONS_MAX);
    return p->all_permissions || (p->permissions[permission / 64] >> (permission % 64) & 1) != 0;
}

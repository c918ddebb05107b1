/* masterkey_test - where the key ring of a process comes from, and that it does not stay there. */
#include "../../../src/cli/masterkey.c"

#include <stdio.h>

#include "tap.h"

#define KEY "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

TEST(without_a_ring_there_is_none_and_no_error)
{
    struct tg_keyring *ring = (void *)&ring;
    struct tg_err err;
    unsetenv("TOLLGATE_MASTER_KEY");
    is_int(tg_masterkey_open(NULL, &ring, &err), 0);
    ok(ring == NULL, "none");
    setenv("TOLLGATE_MASTER_KEY", "", 1);
    is_int(tg_masterkey_open(NULL, &ring, &err), 0);
    ok(ring == NULL, "none in an empty variable");
    is_int(tg_masterkey_open("/nowhere/at/all", &ring, &err), -1);
    ok(strstr(err.text, "/nowhere/at/all") != NULL, "%s", err.text);
}

TEST(the_environment_wins_over_the_file_and_is_wiped)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    setenv("TOLLGATE_MASTER_KEY", KEY, 1);
    const char *place = getenv("TOLLGATE_MASTER_KEY");
    is_int(tg_masterkey_open("/nowhere/at/all", &ring, &err), 0);
    ok(ring != NULL, "a ring");
    ok(getenv("TOLLGATE_MASTER_KEY") == NULL, "the variable has gone");
    is_int(place[0], 0);
    tg_keyring_free(&ring);
}

TEST(a_wrong_key_is_refused_by_its_variable_and_not_told)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    setenv("TOLLGATE_MASTER_KEY", "hunter2", 1);
    is_int(tg_masterkey_open(NULL, &ring, &err), -1);
    is_str(err.text, "TOLLGATE_MASTER_KEY: line 1 is no key: 43 characters of base64url");
    ok(getenv("TOLLGATE_MASTER_KEY") == NULL && ring == NULL, "wiped all the same");
}

TAP_MAIN()

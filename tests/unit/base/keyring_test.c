/* keyring_test - key rings, read and grown; what is sealed under them. */
#include "../../../src/base/keyring.c"
#include "tap.h"

#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"

static const struct tg_purpose purpose = {"table/row", 9};

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/tollgate-keyring.XXXXXX");
        ok(mkdtemp(folder) != NULL, "a folder");
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static struct tg_keyring *parsed(const char *text)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    if (!ok(tg_keyring_parse(text, &ring, &err) == 0, "it is a key ring"))
        tap_note("%s", err.text);
    return ring;
}

TEST(a_text_is_a_key_ring_or_is_refused_without_telling_a_key)
{
    static const struct {
        const char *text, *refusal; /* NULL: it is one */
    } cases[] = {
        {A, NULL},
        {A "\n" B "\n", NULL},
        {A "," B, NULL},
        {"# a comment\r\n\r\n" A " \t\r\n", NULL},
        {"", "no key"},
        {"# " A, "no key"},
        {A "\n" A, "line 2 has a key that is there already"},
        {A "\n" B "B", "line 2 is no key"},
        {"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF", "line 1 is no key"}, /* bits that say nothing */
        {"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=", "line 1 is no key"},
        {" " A, "line 1 is no key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tg_keyring *ring = NULL;
        struct tg_err err = {0};
        tap_case("%.60s", cases[i].text);
        is_int(tg_keyring_parse(cases[i].text, &ring, &err), cases[i].refusal == NULL ? 0 : -1);
        if (cases[i].refusal != NULL)
            ok(strstr(err.text, cases[i].refusal) != NULL && strstr(err.text, "AQEB") == NULL, "%s", err.text);
        tg_keyring_free(&ring);
    }
}

TEST(the_last_key_seals_and_each_of_them_opens)
{
    struct tg_keyring *old = parsed(A), *both = parsed(A "\n" B), *new = parsed(B);
    uint8_t sealed[6 + TG_KEYRING_OVERHEAD], text[6];
    struct tg_err err;
    tg_keyring_seal(old, purpose, "secret", 6, sealed);
    is_mem(sealed + 1, TG_KEY_ID_LEN, tg_keyring_newest(old), TG_KEY_ID_LEN);
    is_int(tg_keyring_open(both, purpose, sealed, sizeof(sealed), text, &err), 0);
    is_mem(text, 6, "secret", 6);
    is_int(tg_keyring_open(new, purpose, sealed, sizeof(sealed), text, &err), -1);
    ok(strstr(err.text, "the master key 66687aad, which is not here") != NULL, "%s", err.text);
    tg_keyring_seal(both, purpose, "secret", 6, sealed);
    is_mem(sealed + 1, TG_KEY_ID_LEN, tg_keyring_newest(new), TG_KEY_ID_LEN);
    is_int(tg_keyring_open(new, purpose, sealed, sizeof(sealed), text, &err), 0);
    tg_keyring_free(&old);
    tg_keyring_free(&both);
    tg_keyring_free(&new);
}

TEST(a_value_that_was_moved_or_changed_does_not_open)
{
    struct tg_keyring *ring = parsed(A);
    uint8_t sealed[6 + TG_KEYRING_OVERHEAD], text[6];
    struct tg_err err;
    tg_keyring_seal(ring, purpose, "secret", 6, sealed);
    is_int(tg_keyring_open(ring, (struct tg_purpose){"table/other", 11}, sealed, sizeof(sealed), text, &err), -1);
    for (size_t len = 0; len < sizeof(sealed); len++)
        is_int(tg_keyring_open(ring, purpose, sealed, len, text, &err), -1);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        is_int(tg_keyring_open(ring, purpose, sealed, sizeof(sealed), text, &err), -1);
        sealed[i] ^= 1;
    }
    is_int(tg_keyring_open(ring, purpose, sealed, sizeof(sealed), text, &err), 0);
    tg_keyring_free(&ring);
}

TEST(a_file_that_others_can_read_is_refused)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    uint8_t id[TG_KEY_ID_LEN];
    const char *path = in_folder("open");
    is_int(tg_keyring_read(path, &ring, &err), -1);
    ok(strstr(err.text, "No such file") != NULL, "%s", err.text);
    is_int(tg_keyring_add(path, id, &err), 0);
    chmod(path, 0640);
    is_int(tg_keyring_read(path, &ring, &err), -1);
    ok(strstr(err.text, "chmod 600") != NULL, "%s", err.text);
    is_int(tg_keyring_add(path, id, &err), -1);
    is_int(tg_keyring_read(folder, &ring, &err), -1);
    unlink(path);
}

TEST(a_ring_grows_at_its_end_and_keeps_what_is_there)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    struct stat st;
    uint8_t first[TG_KEY_ID_LEN], id[TG_KEY_ID_LEN];
    const char *path = in_folder("ring");
    is_int(tg_keyring_add(path, first, &err), 0);
    is_int(stat(path, &st), 0);
    is_uint(st.st_mode & 0777, 0600);
    for (int i = 1; i < TG_KEYRING_MAX; i++)
        is_int(tg_keyring_add(path, id, &err), 0);
    is_int(tg_keyring_read(path, &ring, &err), 0);
    is_uint(ring->n, TG_KEYRING_MAX);
    is_mem(ring->keys[0].id, TG_KEY_ID_LEN, first, TG_KEY_ID_LEN);
    is_mem(tg_keyring_newest(ring), TG_KEY_ID_LEN, id, TG_KEY_ID_LEN);
    is_int(tg_keyring_add(path, id, &err), -1);
    ok(strstr(err.text, "more than 16 keys") != NULL, "%s", err.text);
    tg_keyring_free(&ring);
    unlink(path);
    rmdir(folder);
}

TAP_MAIN()

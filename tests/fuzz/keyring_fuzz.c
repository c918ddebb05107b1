/* keyring_fuzz - a key ring is read, and then seals and opens; or refused with a sentence that tells nothing of it. */
#include "base/keyring.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_keyring *ring = NULL;
    struct tg_err err = {0};
    uint8_t sealed[1 + TG_KEYRING_OVERHEAD], back;
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = '\0';
    if (tg_keyring_parse(text, &ring, &err) == 0) {
        tg_keyring_seal(ring, (struct tg_purpose){"p", 1}, "s", 1, sealed);
        if (tg_keyring_open(ring, (struct tg_purpose){"p", 1}, sealed, sizeof(sealed), &back, &err) != 0 || back != 's')
            abort();
    } else {
        assert(ring == NULL && err.code == TG_ERR_INPUT && err.text[0] != '\0');
    }
    tg_keyring_free(&ring);
    free(text);
    return 0;
}

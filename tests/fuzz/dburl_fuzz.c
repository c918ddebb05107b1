/* dburl_fuzz - a database url is taken apart, or refused with a sentence and nothing left behind. */
#include "fuzz.h"
#include "io/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_dburl url = {0};
    struct tg_err err = {0};
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = '\0';
    if (tg_dburl_parse(text, &url, &err) == 0) {
        assert(url.user[0] != '\0' && url.host[0] != '\0' && url.database[0] != '\0' && url.port != 0);
        tg_dburl_deinit(&url);
    } else {
        assert(err.code == TG_ERR_INPUT && err.text[0] != '\0');
        assert(url.user == NULL && url.password == NULL && url.host == NULL && url.database == NULL);
    }
    free(text);
    return 0;
}

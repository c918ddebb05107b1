/* redisurl_fuzz - a Redis url is taken apart, or refused with a sentence that repeats nothing of it. */
#include "fuzz.h"
#include "io/redisurl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_redisurl url = {0};
    struct tg_err err = {0};
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = '\0';
    if (tg_redisurl_parse(text, &url, &err) == 0) {
        assert((url.path != NULL && url.path[0] == '/') != (url.host != NULL && url.host[0] != '\0'));
        assert(url.db >= 0 && (url.path != NULL || url.port != 0));
        tg_redisurl_deinit(&url);
    } else {
        assert(err.code == TG_ERR_INPUT && strncmp(err.text, "redis url: ", 11) == 0);
        assert(url.path == NULL && url.host == NULL && url.user == NULL && url.password == NULL);
    }
    free(text);
    return 0;
}

/* route_fuzz - any path finds a route or none, and its parameters lie inside the path. */
#include "fuzz.h"
#include "web/route.h"

static struct tg_routes *routes_for_all(void)
{
    static const char *const patterns[] = {"/", "/v1/wallets", "/v1/wallets/{id}/entries", "/v1/wallets/all/{what}",
                                           "/v1/{a}/{b}/{c}"};
    struct tg_routes *routes = tg_routes_new();
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        struct tg_route proto = {.method = TG_GET, .handler = (unsigned)i + 1, .permission = -1};
        assert(tg_routes_add(routes, patterns[i], &proto, NULL) == 0);
    }
    return routes;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_routes *routes = routes_for_all();
    struct tg_route_match match;
    struct tg_err err = {0};
    char *pattern = malloc(len + 1);
    memcpy(pattern, bytes, len);
    pattern[len] = '\0';
    if (tg_routes_find(routes, TG_GET, (const char *)bytes, len, &match) == TG_ROUTE_FOUND)
        for (unsigned i = 0; i < match.route->n_params; i++)
            assert(match.params[i].len != 0 && (size_t)match.params[i].at + match.params[i].len <= len);
    struct tg_route proto = {.method = TG_POST, .handler = 9, .permission = -1};
    if (tg_routes_add(routes, pattern, &proto, &err) != 0)
        assert(err.code == TG_ERR_INPUT && err.text[0] != '\0');
    free(pattern);
    tg_routes_unref(&routes);
    return 0;
}

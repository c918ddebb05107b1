/* route_test - which handler a method and a path belong to. */
#include "../../../src/web/route.c"

#include "tap.h"

static int add(struct tg_routes *routes, enum tg_method method, const char *pattern, unsigned handler)
{
    struct tg_err err;
    struct tg_route proto = {.method = method, .handler = handler, .permission = -1};
    return tg_routes_add(routes, pattern, &proto, &err);
}

static struct tg_routes *some_routes(void)
{
    struct tg_routes *routes = tg_routes_new();
    is_int(add(routes, TG_GET, "/", 1), 0);
    is_int(add(routes, TG_GET, "/v1/wallets", 2), 0);
    is_int(add(routes, TG_GET, "/v1/wallets/{id}", 3), 0);
    is_int(add(routes, TG_GET, "/v1/wallets/mine", 4), 0);
    is_int(add(routes, TG_GET, "/v1/wallets/{id}/entries", 5), 0);
    is_int(add(routes, TG_POST, "/v1/wallets/mine/topups", 6), 0);
    is_int(add(routes, TG_PUT, "/v1/{a}/x/{b_c}", 7), 0);
    return routes;
}

TEST(a_path_finds_its_route)
{
    static const struct {
        enum tg_method method;
        const char *path;
        enum tg_route_result result;
        unsigned handler;
        const char *param; /* the first */
    } cases[] = {
        {TG_GET, "/", TG_ROUTE_FOUND, 1, NULL},
        {TG_HEAD, "/", TG_ROUTE_FOUND, 1, NULL},
        {TG_GET, "/v1/wallets", TG_ROUTE_FOUND, 2, NULL},
        {TG_GET, "/v1/wallets/7", TG_ROUTE_FOUND, 3, "7"},
        {TG_GET, "/v1/wallets/mine", TG_ROUTE_FOUND, 4, NULL},
        {TG_GET, "/v1/wallets/7/entries", TG_ROUTE_FOUND, 5, "7"},
        {TG_GET, "/v1/wallets/mine/entries", TG_ROUTE_FOUND, 5, "mine"}, /* back from the literal */
        {TG_PUT, "/v1/wallets/x/9", TG_ROUTE_FOUND, 7, "wallets"},
        {TG_GET, "/v1/wallets/", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "/v1//wallets", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "/v1/wallets//entries", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "/v1", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "/v1/wallets/7/entries/8", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "/v1/Wallets", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_GET, "*", TG_ROUTE_NO_PATH, 0, NULL},
        {TG_POST, "/v1/wallets", TG_ROUTE_NO_METHOD, 0, NULL},
        {TG_OPTIONS, "/v1/wallets", TG_ROUTE_NO_METHOD, 0, NULL},
    };
    struct tg_routes *routes = some_routes();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tg_route_match match;
        tap_case("%s %s", tg_method_name(cases[i].method), cases[i].path);
        is_int(tg_routes_find(routes, cases[i].method, cases[i].path, strlen(cases[i].path), &match), cases[i].result);
        if (cases[i].result != TG_ROUTE_FOUND) {
            is_null(match.route);
            continue;
        }
        is_uint(match.route->handler, cases[i].handler);
        if (cases[i].param != NULL)
            is_mem(cases[i].path + match.params[0].at, match.params[0].len, cases[i].param, strlen(cases[i].param));
    }
    tg_routes_unref(&routes);
}

TEST(a_route_knows_the_names_of_its_parameters)
{
    struct tg_routes *routes = some_routes();
    const struct tg_route *route = tg_routes_get(routes, 6);
    is_uint(route->n_params, 2);
    is_mem(route->params[0].name, route->params[0].len, "a", 1);
    is_mem(route->params[1].name, route->params[1].len, "b_c", 3);
    tg_routes_unref(&routes);
}

TEST(a_bad_pattern_is_refused)
{
    static const char *const bad[] = {"",
                                      "v1",
                                      "/v1/",
                                      "//",
                                      "/a//b",
                                      "/{}",
                                      "/{A}",
                                      "/x{id}",
                                      "/{id}x",
                                      "/{id",
                                      "/a%20b",
                                      "/a?b",
                                      "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
                                      "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    struct tg_routes *routes = tg_routes_new();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tap_case("%s", bad[i]);
        is_int(add(routes, TG_GET, bad[i], 1), -1);
    }
    is_uint(tg_routes_n(routes), 0);
    is_int(add(routes, TG_GET, "/a", 1), 0);
    is_int(add(routes, TG_GET, "/a", 2), -1);
    is_int(add(routes, TG_POST, "/a", 2), 0);
    tg_routes_unref(&routes);
}

TEST(allow_lists_what_there_is)
{
    char text[96];
    tg_methods_format(1u << TG_GET | 1u << TG_DELETE, text, sizeof(text));
    is_str(text, "OPTIONS, GET, DELETE, HEAD");
    tg_methods_format(0x1f, text, sizeof(text));
    is_str(text, "OPTIONS, GET, POST, PUT, PATCH, DELETE, HEAD");
}

TEST(methods_are_told_by_exact_case)
{
    is_int(tg_method_parse("GET", 3), TG_GET);
    is_int(tg_method_parse("get", 3), TG_METHOD_OTHER);
    is_int(tg_method_parse("OPTIONS", 7), TG_OPTIONS);
    is_int(tg_method_parse("TRACE", 5), TG_METHOD_OTHER);
    is_int(tg_method_parse("", 0), TG_METHOD_OTHER);
}

TEST(permissions_have_numbers)
{
    struct tg_routes *routes = tg_routes_new();
    uint64_t bits[TG_PERMISSIONS_MAX / 64] = {0};
    char name[32];
    is_int(tg_routes_permission_add(routes, "usage:read"), 0);
    is_int(tg_routes_permission_add(routes, "usage:write"), 1);
    is_int(tg_routes_permission_add(routes, "usage:read"), 0);
    is_int(tg_routes_permission_add(routes, "usages:read"), 2);
    is_int(tg_routes_permission_find(routes, "usage:delete", 12), -1);
    tg_routes_permissions_below(routes, "usage:", 6, bits);
    is_uint(bits[0], 3);
    for (int i = 3; i < TG_PERMISSIONS_MAX; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        is_int(tg_routes_permission_add(routes, name), i);
    }
    is_int(tg_routes_permission_add(routes, "one too many"), -1);
    tg_routes_unref(&routes);
}

TAP_MAIN()

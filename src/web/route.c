/* route - which handler a method and a path belong to: a trie of path segments. */
#include "web/route.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rt/principal.h"

static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};

struct node { /* what a path of literals and parameters leads to */
    char *literal; /* NULL: the root, or a parameter */
    size_t len;
    struct node *children, *next; /* children with a literal */
    struct node *param; /* the child for any segment, or NULL */
    struct tg_route *routes[TG_METHODS_ROUTED];
    unsigned methods;
};

struct tg_routes {
    unsigned refs;
    struct node root;
    struct tg_route *routes[TG_ROUTES_MAX];
    size_t n_routes;
    char *permissions[TG_PERMISSIONS_MAX];
    int n_permissions;
};

enum tg_method tg_method_parse(const char *name, size_t len)
{
    for (int i = 0; i <= TG_OPTIONS; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return (enum tg_method)i;
    return TG_METHOD_OTHER;
}

const char *tg_method_name(enum tg_method method)
{
    return method < TG_METHOD_OTHER ? names[method] : "other";
}

size_t tg_methods_format(unsigned methods, char *out, size_t size)
{
    int n = snprintf(out, size, "OPTIONS");
    if ((methods & 1u << TG_GET) != 0)
        methods |= 1u << TG_HEAD;
    for (int i = 0; i <= TG_HEAD; i++)
        if ((methods & 1u << i) != 0)
            n += snprintf(out + n, size - (size_t)n, ", %s", names[i]);
    assert((size_t)n < size);
    return (size_t)n;
}

/* --- Life ----------------------------------------------------------------------------------------------------------- */

struct tg_routes *tg_routes_new(void)
{
    struct tg_routes *routes = TG_NEW(struct tg_routes);
    routes->refs = 1;
    return routes;
}

struct tg_routes *tg_routes_ref(struct tg_routes *routes)
{
    routes->refs++;
    return routes;
}

static void deinit_node(struct node *node)
{
    for (struct node *child = node->children, *next; child != NULL; child = next) {
        next = child->next;
        deinit_node(child);
        free(child);
    }
    if (node->param != NULL) {
        deinit_node(node->param);
        free(node->param);
    }
    free(node->literal);
}

void tg_routes_unref(struct tg_routes **routes_p)
{
    struct tg_routes *routes = *routes_p;
    *routes_p = NULL;
    if (routes == NULL || --routes->refs != 0)
        return;
    deinit_node(&routes->root);
    for (size_t i = 0; i < routes->n_routes; i++) {
        free(routes->routes[i]->pattern);
        free(routes->routes[i]);
    }
    for (int i = 0; i < routes->n_permissions; i++)
        free(routes->permissions[i]);
    free(routes);
}

/* --- Building ------------------------------------------------------------------------------------------------------- */

static struct node *literal_child(struct node *node, const char *text, size_t len)
{
    for (struct node *child = node->children; child != NULL; child = child->next)
        if (child->len == len && memcmp(child->literal, text, len) == 0)
            return child;
    struct node *child = TG_NEW(struct node);
    child->literal = tg_memdup(text, len);
    child->len = len;
    child->next = node->children;
    node->children = child;
    return child;
}

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!islower((unsigned char)text[i]) && text[i] != '_')
            return false;
    return len != 0;
}

/* The node of one segment of route->pattern. */
static int add_segment(struct node **node, struct tg_route *route, const char *segment, size_t len,
                       struct tg_err *err_r)
{
    if (len == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the path %s has an empty segment", route->pattern);
    if (segment[0] != '{') {
        if (strcspn(segment, "{}%?#") < len)
            return tg_err_set(err_r, TG_ERR_INPUT, "the path %s: a segment is either literal or {name}",
                              route->pattern);
        *node = literal_child(*node, segment, len);
        return 0;
    }
    if (segment[len - 1] != '}' || !is_name(segment + 1, len - 2))
        return tg_err_set(err_r, TG_ERR_INPUT, "the path %s: a parameter is {name}, of a-z and _", route->pattern);
    if (route->n_params == TG_ROUTE_PARAMS_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "the path %s has more than %d parameters", route->pattern,
                          TG_ROUTE_PARAMS_MAX);
    route->params[route->n_params].name = segment + 1;
    route->params[route->n_params++].len = len - 2;
    if ((*node)->param == NULL)
        (*node)->param = TG_NEW(struct node);
    *node = (*node)->param;
    return 0;
}

static int add_pattern(struct tg_routes *routes, struct tg_route *route, struct tg_err *err_r)
{
    struct node *node = &routes->root;
    const char *p = route->pattern;
    int n_segments = 0;
    if (*p != '/')
        return tg_err_set(err_r, TG_ERR_INPUT, "the path %s does not begin with /", p);
    for (const char *segment = p + 1, *end; segment[0] != '\0'; segment = *end == '/' ? end + 1 : end) {
        end = segment + strcspn(segment, "/");
        if (++n_segments > TG_ROUTE_SEGMENTS_MAX)
            return tg_err_set(err_r, TG_ERR_INPUT, "the path %s has more than %d segments", p, TG_ROUTE_SEGMENTS_MAX);
        if (add_segment(&node, route, segment, (size_t)(end - segment), err_r) != 0)
            return -1;
        if (*end == '/' && end[1] == '\0')
            return tg_err_set(err_r, TG_ERR_INPUT, "the path %s ends with /", p);
    }
    if (node->routes[route->method] != NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s %s stands here twice", names[route->method], p);
    node->routes[route->method] = route;
    node->methods |= 1u << route->method;
    return 0;
}

int tg_routes_add(struct tg_routes *routes, const char *pattern, const struct tg_route *proto, struct tg_err *err_r)
{
    assert(proto->method < TG_METHODS_ROUTED);
    if (routes->n_routes == TG_ROUTES_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "more than %d routes", TG_ROUTES_MAX);
    struct tg_route *route = tg_memdup(proto, sizeof(*proto));
    route->pattern = tg_strdup(pattern);
    route->n_params = 0;
    if (add_pattern(routes, route, err_r) != 0) {
        free(route->pattern);
        free(route);
        return -1;
    }
    routes->routes[routes->n_routes++] = route;
    return 0;
}

size_t tg_routes_n(const struct tg_routes *routes)
{
    return routes->n_routes;
}

const struct tg_route *tg_routes_get(const struct tg_routes *routes, size_t i)
{
    assert(i < routes->n_routes);
    return routes->routes[i];
}

int tg_routes_permission_find(const struct tg_routes *routes, const char *name, size_t len)
{
    for (int i = 0; i < routes->n_permissions; i++)
        if (strlen(routes->permissions[i]) == len && memcmp(routes->permissions[i], name, len) == 0)
            return i;
    return -1;
}

int tg_routes_permission_add(struct tg_routes *routes, const char *name)
{
    int i = tg_routes_permission_find(routes, name, strlen(name));
    if (i != -1 || routes->n_permissions == TG_PERMISSIONS_MAX)
        return i;
    routes->permissions[routes->n_permissions] = tg_strdup(name);
    return routes->n_permissions++;
}

void tg_routes_permissions_below(const struct tg_routes *routes, const char *prefix, size_t len, uint64_t *bits)
{
    for (int i = 0; i < routes->n_permissions; i++)
        if (strncmp(routes->permissions[i], prefix, len) == 0)
            bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* --- Finding -------------------------------------------------------------------------------------------------------- */

/* The node for the rest of the path, which begins behind a slash; n_params: taken so far. */
static const struct node *walk(const struct node *node, const char *path, const char *rest, const char *end,
                               unsigned n_params, struct tg_route_match *match)
{
    const char *slash = memchr(rest, '/', (size_t)(end - rest));
    size_t len = (size_t)((slash == NULL ? end : slash) - rest);
    const struct node *found = NULL;
    for (const struct node *child = node->children; child != NULL; child = child->next)
        if (child->len == len && memcmp(child->literal, rest, len) == 0) {
            found = slash == NULL ? child : walk(child, path, slash + 1, end, n_params, match);
            if (found != NULL && found->methods != 0)
                return found;
            break;
        }
    if (node->param == NULL || len == 0 || n_params == TG_ROUTE_PARAMS_MAX)
        return NULL;
    match->params[n_params].at = (uint16_t)(rest - path);
    match->params[n_params].len = (uint16_t)len;
    found = slash == NULL ? node->param : walk(node->param, path, slash + 1, end, n_params + 1, match);
    return found != NULL && found->methods != 0 ? found : NULL;
}

enum tg_route_result tg_routes_find(const struct tg_routes *routes, enum tg_method method, const char *path, size_t len,
                                    struct tg_route_match *match_r)
{
    const struct node *node = &routes->root;
    match_r->route = NULL;
    match_r->methods = 0;
    if (len == 0 || path[0] != '/' || len > UINT16_MAX)
        return TG_ROUTE_NO_PATH;
    if (len > 1)
        node = walk(node, path, path + 1, path + len, 0, match_r);
    if (node == NULL || node->methods == 0)
        return TG_ROUTE_NO_PATH;
    match_r->methods = node->methods;
    if (method == TG_HEAD)
        method = TG_GET;
    if (method >= TG_METHODS_ROUTED || node->routes[method] == NULL)
        return TG_ROUTE_NO_METHOD;
    match_r->route = node->routes[method];
    return TG_ROUTE_FOUND;
}

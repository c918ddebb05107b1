/* route - which handler a method and a path belong to.
 *
 * A pattern is literal segments and parameters: /v1/wallets/{id}/entries. Literal wins over parameter, segment by
 * segment; a trailing slash is another path; an empty segment matches nothing. Routes of one generation are built
 * once and then only read.
 */
#ifndef TG_WEB_ROUTE_H
#define TG_WEB_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TG_ROUTES_MAX 1000
#define TG_ROUTE_PARAMS_MAX 8
#define TG_ROUTE_SEGMENTS_MAX 16

enum tg_method { TG_GET, TG_POST, TG_PUT, TG_PATCH, TG_DELETE, TG_HEAD, TG_OPTIONS, TG_METHOD_OTHER };
#define TG_METHODS_ROUTED TG_HEAD /* the ones before it can have routes; HEAD is answered by GET's */

enum tg_method tg_method_parse(const char *name, size_t len); /* exact case, as RFC 9110 has it */
const char *tg_method_name(enum tg_method method);

struct tg_route {
    char *pattern;
    enum tg_method method;
    unsigned handler; /* the application's number of it, from 1 */
    int permission; /* number of the name, -1: public */
    size_t body_max; /* 0: the server's limit */
    bool bulk; /* may take the bulk timeout */
    unsigned n_params;
    struct {
        const char *name; /* inside pattern */
        size_t len;
    } params[TG_ROUTE_PARAMS_MAX];
};

struct tg_route_match {
    const struct tg_route *route; /* NULL unless FOUND */
    unsigned methods; /* bits of the methods that the path has */
    struct {
        uint16_t at, len; /* the value, inside the path, still percent-encoded */
    } params[TG_ROUTE_PARAMS_MAX];
};

struct tg_routes; /* reference counted, of one thread at a time */
struct tg_routes *tg_routes_new(void);
struct tg_routes *tg_routes_ref(struct tg_routes *routes);
void tg_routes_unref(struct tg_routes **routes);

/* Adds a copy of proto (pattern is copied, params filled in). INPUT says what is wrong with the pattern. */
int tg_routes_add(struct tg_routes *routes, const char *pattern, const struct tg_route *proto,
                  struct tg_err *err_r) TG_MUST_CHECK;
size_t tg_routes_n(const struct tg_routes *routes);
const struct tg_route *tg_routes_get(const struct tg_routes *routes, size_t i);
/* The number of a permission's name, given when it is new; -1: there are TG_PERMISSIONS_MAX already. */
int tg_routes_permission_add(struct tg_routes *routes, const char *name);
/* -1 when no route asks for it. */
int tg_routes_permission_find(const struct tg_routes *routes, const char *name, size_t len);
/* Every permission below "resource:" gets its bit set, for "resource:*". */
void tg_routes_permissions_below(const struct tg_routes *routes, const char *prefix, size_t len, uint64_t *bits);

enum tg_route_result { TG_ROUTE_FOUND, TG_ROUTE_NO_METHOD, TG_ROUTE_NO_PATH };
/* path: without the query. HEAD is looked up as GET; OPTIONS and others are NO_METHOD (methods says which there are). */
enum tg_route_result tg_routes_find(const struct tg_routes *routes, enum tg_method method, const char *path, size_t len,
                                    struct tg_route_match *match_r);
/* "GET, HEAD, OPTIONS" for the bits; returns the length. */
size_t tg_methods_format(unsigned methods, char *out, size_t size);

#endif

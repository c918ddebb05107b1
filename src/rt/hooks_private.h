/* hooks_private - the compiled types, for hooks*.c. */
#ifndef TG_RT_HOOKS_PRIVATE_H
#define TG_RT_HOOKS_PRIVATE_H

#include "rt/hooks.h"

#define TG_HOOKS_FIELDS_MAX 64 /* of a record: the bits of `required` */
#define TG_HOOKS_ANYTHING 0 /* the first node: any data */
#define TG_HOOKS_ENTRIES_MAX 10000 /* of a list or map that says nothing else */

enum tg_hooks_kind {
    TG_HOOKS_ANY,
    TG_HOOKS_INTEGER,
    TG_HOOKS_DECIMAL,
    TG_HOOKS_STRING,
    TG_HOOKS_BOOLEAN,
    TG_HOOKS_ENUM,
    TG_HOOKS_LIST,
    TG_HOOKS_MAP,
    TG_HOOKS_RECORD
};
struct tg_hooks_node {
    enum tg_hooks_kind kind;
    bool optional, open, is_bounded;
    uint32_t first,
        n; /* record: its fields; enum: its words, as names of fields; list, map: first is the type inside */
    int64_t min, max; /* of the number, of the bytes, of the entries */
    uint64_t required; /* record: a bit for each field that must be there */
};
struct tg_hooks_field {
    const void *key; /* the address of the interned string, as lua_topointer() has it */
    const char *name; /* its text */
    uint32_t node;
};

#endif

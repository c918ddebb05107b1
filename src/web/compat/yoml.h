/* yoml - the tree of a YAML file in the layout that libh2o's configurators read.
 *
 * libh2o's public header <h2o/configurator.h> includes "yoml.h", which its packages do not install; this is that
 * header, with the layout of h2o 2.2 (deps/yoml/yoml.h, MIT licence, Copyright (c) 2014 DeNA Co., Ltd.), so that the
 * library and we agree on each member's place. Names are therefore the library's and not ours. The tree is made by
 * web/yaml.c; every part of it comes from malloc(), as the library frees and reallocates some.
 */
#ifndef yoml_h
#define yoml_h

#include <stdlib.h>
#include <string.h>

typedef enum enum_yoml_type_t {
    YOML_TYPE_SCALAR,
    YOML_TYPE_SEQUENCE,
    YOML_TYPE_MAPPING,
    YOML__TYPE_UNRESOLVED_ALIAS /* never in a tree of ours */
} yoml_type_t;

typedef struct st_yoml_t yoml_t;

typedef struct st_yoml_sequence_t {
    size_t size;
    yoml_t *elements[1];
} yoml_sequence_t;

typedef struct st_yoml_mapping_element_t {
    yoml_t *key;
    yoml_t *value;
} yoml_mapping_element_t;

typedef struct st_yoml_mapping_t {
    size_t size;
    yoml_mapping_element_t elements[1];
} yoml_mapping_t;

struct st_yoml_t {
    yoml_type_t type;
    char *filename;
    size_t line; /* see TG_YAML_MARK in web/yaml.h: line and column in one number */
    size_t column;
    char *anchor;
    char *tag;
    size_t _refcnt;
    union {
        char *scalar;
        yoml_sequence_t sequence;
        yoml_mapping_t mapping;
        char *alias;
    } data;
};

/* The value of a mapping's key, or NULL. */
static inline yoml_t *yoml_get(yoml_t *node, const char *name)
{
    if (node->type != YOML_TYPE_MAPPING)
        return NULL;
    for (size_t i = 0; i != node->data.mapping.size; ++i) {
        yoml_t *key = node->data.mapping.elements[i].key;
        if (key->type == YOML_TYPE_SCALAR && strcmp(key->data.scalar, name) == 0)
            return node->data.mapping.elements[i].value;
    }
    return NULL;
}

#endif

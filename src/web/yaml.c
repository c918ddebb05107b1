/* yaml - reads a YAML file (libyaml) into the tree that libh2o's configurators take. */
#include "web/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <yaml.h>

#include "base/mem.h"

struct reader {
    const char *path;
    yaml_document_t doc;
    size_t *n_nodes; /* of all files read for one tree */
    int n_files; /* included one in another, down to this one */
    int depth;
    struct tg_err *err;
};

static int load(const char *path, size_t *n_nodes, int n_files, yoml_t **root_r, struct tg_err *err_r);

static void unref(yoml_t *node)
{
    if (node == NULL || --node->_refcnt != 0)
        return;
    switch (node->type) {
    case YOML_TYPE_SEQUENCE:
        for (size_t i = 0; i != node->data.sequence.size; i++)
            unref(node->data.sequence.elements[i]);
        break;
    case YOML_TYPE_MAPPING:
        for (size_t i = 0; i != node->data.mapping.size; i++) {
            unref(node->data.mapping.elements[i].key);
            unref(node->data.mapping.elements[i].value);
        }
        break;
    default: free(node->data.scalar); break;
    }
    free(node->filename);
    free(node->anchor);
    free(node->tag);
    free(node);
}

static int fail(struct reader *r, const yaml_mark_t *mark, const char *text)
{
    return tg_err_set(r->err, TG_ERR_INPUT, "%s:%zu:%zu: %s", r->path, mark->line + 1, mark->column + 1, text);
}

/* A node with room for n elements of a sequence (or mapping). */
static yoml_t *new_node(const struct reader *r, const yaml_node_t *from, yoml_type_t type, size_t size)
{
    yoml_t *node = tg_calloc(1, size < sizeof(*node) ? sizeof(*node) : size);
    node->type = type;
    node->filename = tg_strdup(r->path);
    node->line = TG_YAML_MARK(from->start_mark.line, from->start_mark.column);
    node->column = from->start_mark.column;
    node->_refcnt = 1;
    return node;
}

static int convert(struct reader *r, int index, yoml_t **node_r);

/* "NAME" or "NAME=default". */
static int convert_env(struct reader *r, const yaml_node_t *from, yoml_t **node_r)
{
    char *name = tg_strdup((const char *)from->data.scalar.value);
    char *fallback = strchr(name, '=');
    if (fallback != NULL)
        *fallback++ = '\0';
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0')
        value = fallback;
    if (value == NULL) {
        char text[160];
        snprintf(text, sizeof(text), "the environment variable %.80s is not set and has no default", name);
        free(name);
        return fail(r, &from->start_mark, text);
    }
    yoml_t *node = new_node(r, from, YOML_TYPE_SCALAR, 0);
    node->data.scalar = tg_strdup(value);
    free(name);
    *node_r = node;
    return 0;
}

static int convert_scalar(struct reader *r, const yaml_node_t *from, yoml_t **node_r)
{
    const char *value = (const char *)from->data.scalar.value;
    const char *tag = from->tag == NULL ? "" : (const char *)from->tag;
    if (strlen(value) != from->data.scalar.length)
        return fail(r, &from->start_mark, "a value holds a NUL byte");
    if (strcmp(tag, "!env") == 0)
        return convert_env(r, from, node_r);
    if (strcmp(tag, "!file") == 0) {
        if (r->n_files == 4)
            return fail(r, &from->start_mark, "files are included more than 4 deep");
        return load(value, r->n_nodes, r->n_files + 1, node_r, r->err);
    }
    if (tag[0] == '!' && tag[1] != '\0')
        return fail(r, &from->start_mark, "an unknown tag: only !env and !file are");
    *node_r = new_node(r, from, YOML_TYPE_SCALAR, 0);
    (*node_r)->data.scalar = tg_strdup(value);
    return 0;
}

static int convert_sequence(struct reader *r, const yaml_node_t *from, yoml_t **node_r)
{
    size_t n = from->data.sequence.items.top - from->data.sequence.items.start;
    yoml_t *node =
        new_node(r, from, YOML_TYPE_SEQUENCE, offsetof(yoml_t, data.sequence.elements) + n * sizeof(yoml_t *));
    for (size_t i = 0; i < n; i++) {
        if (convert(r, from->data.sequence.items.start[i], &node->data.sequence.elements[i]) != 0) {
            unref(node);
            return -1;
        }
        node->data.sequence.size++;
    }
    *node_r = node;
    return 0;
}

static bool has_key(yoml_t *map, const yoml_t *key)
{
    return key->type == YOML_TYPE_SCALAR && yoml_get(map, key->data.scalar) != NULL;
}

static int convert_mapping(struct reader *r, const yaml_node_t *from, yoml_t **node_r)
{
    size_t n = from->data.mapping.pairs.top - from->data.mapping.pairs.start;
    yoml_t *node = new_node(r, from, YOML_TYPE_MAPPING,
                            offsetof(yoml_t, data.mapping.elements) + n * sizeof(yoml_mapping_element_t));
    for (size_t i = 0; i < n; i++) {
        const yaml_node_pair_t *pair = &from->data.mapping.pairs.start[i];
        yoml_t *key, *value;
        if (convert(r, pair->key, &key) != 0)
            goto Fail;
        if (has_key(node, key)) {
            char text[120];
            snprintf(text, sizeof(text), "'%.80s' stands here twice", key->data.scalar);
            fail(r, &yaml_document_get_node(&r->doc, pair->key)->start_mark, text);
            unref(key);
            goto Fail;
        }
        if (convert(r, pair->value, &value) != 0) {
            unref(key);
            goto Fail;
        }
        node->data.mapping.elements[node->data.mapping.size++] = (yoml_mapping_element_t){key, value};
    }
    *node_r = node;
    return 0;
Fail:
    unref(node);
    return -1;
}

static int convert(struct reader *r, int index, yoml_t **node_r)
{
    yaml_node_t *from = yaml_document_get_node(&r->doc, index);
    int ret = -1;
    if (++*r->n_nodes > TG_YAML_NODES_MAX)
        return fail(r, &from->start_mark, "the file is too large once its aliases are unfolded");
    if (r->depth >= TG_YAML_DEPTH_MAX)
        return fail(r, &from->start_mark, "nested too deeply");
    switch (from->type) {
    case YAML_SCALAR_NODE: return convert_scalar(r, from, node_r);
    case YAML_SEQUENCE_NODE:
    case YAML_MAPPING_NODE:
        r->depth++;
        ret = from->type == YAML_SEQUENCE_NODE ? convert_sequence(r, from, node_r) : convert_mapping(r, from, node_r);
        r->depth--;
        return ret;
    default: return fail(r, &from->start_mark, "an empty node");
    }
}

static int load(const char *path, size_t *n_nodes, int n_files, yoml_t **root_r, struct tg_err *err_r)
{
    struct reader r = {.path = path, .n_nodes = n_nodes, .n_files = n_files, .err = err_r};
    yaml_parser_t parser;
    int ret = -1;
    FILE *fp = fopen(path, "rbe");
    if (fp == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: cannot be read: %s", path, strerror(errno));
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_file(&parser, fp);
    if (!yaml_parser_load(&parser, &r.doc)) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s:%zu:%zu: %s", path, parser.problem_mark.line + 1,
                   parser.problem_mark.column + 1, parser.problem == NULL ? "is not YAML" : parser.problem);
        goto Exit;
    }
    if (yaml_document_get_root_node(&r.doc) == NULL)
        tg_err_set(err_r, TG_ERR_INPUT, "%s:1:1: the file is empty", path);
    else
        ret = convert(&r, 1, root_r);
    yaml_document_delete(&r.doc);
Exit:
    yaml_parser_delete(&parser);
    fclose(fp);
    return ret;
}

int tg_yaml_load(const char *path, yoml_t **root_r, struct tg_err *err_r)
{
    size_t n_nodes = 0;
    return load(path, &n_nodes, 1, root_r, err_r);
}

void tg_yaml_free(yoml_t **root)
{
    unref(*root);
    *root = NULL;
}

/* yaml_fuzz - a configuration is a tree of bounded size, or refused with the place and a sentence. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "web/yaml.h"

static size_t count(const yoml_t *node, unsigned depth)
{
    size_t n = 1;
    assert(node != NULL && depth <= 2 * TG_YAML_DEPTH_MAX && n <= TG_YAML_NODES_MAX);
    assert(node->_refcnt > 0);
    if (node->type == YOML_TYPE_SCALAR)
        assert(node->data.scalar != NULL);
    for (size_t i = 0; node->type == YOML_TYPE_SEQUENCE && i < node->data.sequence.size; i++)
        n += count(node->data.sequence.elements[i], depth + 1);
    for (size_t i = 0; node->type == YOML_TYPE_MAPPING && i < node->data.mapping.size; i++)
        n += count(node->data.mapping.elements[i].key, depth + 1) +
             count(node->data.mapping.elements[i].value, depth + 1);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[64];
    yoml_t *root = NULL;
    struct tg_err err = {0};
    if (memmem(bytes, len, "file", 4) != NULL) /* `!file /dev/zero`: not for a fuzzer to try */
        return 0;
    int fd = memfd_create("yaml", MFD_CLOEXEC);
    assert(fd != -1 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (tg_yaml_load(path, &root, &err) == 0)
        assert(count(root, 0) <= TG_YAML_NODES_MAX);
    else
        assert(root == NULL && err.code == TG_ERR_INPUT && strncmp(err.text, path, strlen(path)) == 0);
    tg_yaml_free(&root);
    close(fd);
    return 0;
}

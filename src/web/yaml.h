/* yaml - reads a YAML file (libyaml) into the tree that libh2o's configurators take.
 *
 * Two tags, for scalars: `!env NAME=default` is the environment variable or, when it is unset or empty, the default
 * (without `=`: an error), `!file PATH` is the tree of another file. Anchors and aliases work; a file that unfolds
 * into more than TG_YAML_NODES_MAX nodes is refused. A key that stands twice in one mapping is an error.
 *
 * libh2o prints where a directive is wrong by line only. So that we can say the column too, `line` of a node holds
 * both (TG_YAML_MARK), and whoever prints a place takes it apart again (TG_YAML_LINE, TG_YAML_COLUMN: from 1).
 */
#ifndef TG_WEB_YAML_H
#define TG_WEB_YAML_H

#include "base/err.h"

#include <yoml.h>

#define TG_YAML_NODES_MAX 20000
#define TG_YAML_DEPTH_MAX 32

#define TG_YAML_MARK(line0, column0) (((size_t)(line0) << 16) | ((column0)&0xffff))
#define TG_YAML_LINE(mark) (((mark) >> 16) + 1)
#define TG_YAML_COLUMN(mark) (((mark)&0xffff) + 1)

/* The error reads "file:line:column: sentence". */
int tg_yaml_load(const char *path, yoml_t **root_r, struct tg_err *err_r) TG_MUST_CHECK;
/* Sets *root to NULL; NULL inside is fine. */
void tg_yaml_free(yoml_t **root);

#endif

/* directives - every directive of h2o.conf that is ours: its name, place, default and what it is for.
 *
 * One table: the parser, `tollgate config check --list`, the manual and the test that compares it with the shipped
 * h2o.conf all read it. A directive is added here and in h2o.conf, nowhere else.
 */
#ifndef TG_WEB_DIRECTIVES_H
#define TG_WEB_DIRECTIVES_H

#include <stddef.h>

#include "web/conf.h"

struct tg_directive {
    const char *name;
    const char *level; /* "global", "path", "global, host", … */
    const char *value; /* what it takes: "seconds", "ON | OFF", … */
    const char *standard; /* the default, as text */
    const char *doc; /* one or more sentences */
};
/* In the order of the documentation. */
const struct tg_directive *tg_directives(size_t *n_r);

/* Registers all of them, and those of libh2o that we allow: never proxy, fastcgi, mruby, reproxy. */
void tg_directives_register(struct tg_conf *conf);
/* The configuration that a command of ours fills. */
struct tg_conf *tg_directives_conf(h2o_configurator_command_t *cmd);
/* The defaults. */
void tg_directives_init(struct tg_conf *conf);

#endif

/* faults - everything that is wrong with what somebody sent, not only the first: file, line, kind and a sentence each. */
#ifndef TG_RT_FAULTS_H
#define TG_RT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TG_FAULTS_MAX 100 /* what is more is counted only */

struct tg_rulefault {
    char path[128]; /* "pricing/rules.lua"; "" when it is of no one file */
    int line; /* 0: of the file as a whole */
    char what[32]; /* "path", "limit", "text", "syntax", "purity", "schema", "case", … */
    char message[512]; /* cut there */
};
struct tg_faults { /* zeroed: none */
    struct tg_rulefault *list;
    size_t n, n_dropped;
};

void tg_faults_add(struct tg_faults *faults, const char *path, int line, const char *what, const char *fmt, ...)
    TG_PRINTF(5, 6);
/* Files and lines of an error's text "pricing/rules.lua:41: message" become the fault's. */
void tg_faults_add_text(struct tg_faults *faults, const char *what, const char *text);
/* The first as an error (INPUT): for who has room for one. */
int tg_faults_err(const struct tg_faults *faults, struct tg_err *err_r);
void tg_faults_deinit(struct tg_faults *faults);

#endif

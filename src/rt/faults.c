/* faults - a list of what is wrong. */
#include "rt/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Cuts text at the size, between two characters. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size)
        len = tg_utf8_valid_len(text, size - 1);
    memcpy(to, text, len);
    to[len] = '\0';
}

static struct tg_rulefault *append(struct tg_faults *faults)
{
    if (faults->n == TG_FAULTS_MAX) {
        faults->n_dropped++;
        return NULL;
    }
    if (faults->list == NULL)
        faults->list = tg_calloc(TG_FAULTS_MAX, sizeof(*faults->list));
    return &faults->list[faults->n++];
}

void tg_faults_add(struct tg_faults *faults, const char *path, int line, const char *what, const char *fmt, ...)
{
    struct tg_rulefault *fault = append(faults);
    if (fault == NULL)
        return;
    char message[2 * sizeof(fault->message)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    copy_text(fault->message, sizeof(fault->message), message);
    copy_text(fault->path, sizeof(fault->path), path);
    copy_text(fault->what, sizeof(fault->what), what);
    fault->line = line;
}

void tg_faults_add_text(struct tg_faults *faults, const char *what, const char *text)
{
    char path[sizeof(faults->list->path)], *end;
    const char *colon = strchr(text, ':');
    const size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    if (len < 5 || len >= sizeof(path) || memcmp(colon - 4, ".lua", 4) != 0 || memchr(text, ' ', len) != NULL) {
        tg_faults_add(faults, "", 0, what, "%s", text);
        return;
    }
    memcpy(path, text, len);
    path[len] = '\0';
    long line = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != ':' || line < 0 || line > 1000000) {
        line = 0;
        end = (char *)colon;
    }
    tg_faults_add(faults, path, (int)line, what, "%s", end + 1 + (end[1] == ' '));
}

int tg_faults_err(const struct tg_faults *faults, struct tg_err *err_r)
{
    if (faults->n == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "no fault was found");
    const struct tg_rulefault *first = &faults->list[0];
    if (first->path[0] == '\0')
        return tg_err_set(err_r, TG_ERR_INPUT, "%s", first->message);
    if (first->line == 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", first->path, first->message);
    return tg_err_set(err_r, TG_ERR_INPUT, "%s:%d: %s", first->path, first->line, first->message);
}

void tg_faults_deinit(struct tg_faults *faults)
{
    free(faults->list);
    *faults = (struct tg_faults){NULL, 0, 0};
}

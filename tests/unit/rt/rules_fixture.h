/* rules_fixture - rule VMs for tests: from files of the test's own, called with JSON. */
#ifndef TG_TESTS_RULES_FIXTURE_H
#define TG_TESTS_RULES_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rt/rules.h"
#include "rt/vm.h"
#include "tap.h"

struct folder {
    char path[64];
};

static inline void write_file(const struct folder *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    for (char *slash = path + strlen(folder->path) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    if (!ok(file != NULL, "%s", path))
        return;
    fputs(text, file);
    fclose(file);
}

static inline struct folder make_folder(void)
{
    struct folder folder;
    strcpy(folder.path, "/tmp/tollgate-rules-XXXXXX");
    ok(mkdtemp(folder.path) != NULL, "a folder");
    return folder;
}

static inline void remove_folder(const struct folder *folder)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", folder->path);
    is_int(system(command), 0);
}

static inline int load(const struct folder *folder, struct tg_rules **rules_r, struct tg_err *err_r)
{
    struct tg_luasource *src;
    if (tg_luasource_read(folder->path, &src, err_r) != 0)
        return -1;
    int status = tg_rules_new_of_release(src, rules_r, err_r);
    tg_luasource_unref(&src);
    return status;
}

/* Rules of one file, a/rules.lua. */
static inline int load_text(const char *text, struct tg_rules **rules_r, struct tg_err *err_r)
{
    struct folder folder = make_folder();
    write_file(&folder, "a/rules.lua", text);
    int status = load(&folder, rules_r, err_r);
    remove_folder(&folder);
    return status;
}

/* A rule "a.b" whose decide has this body. */
static inline int load_body(const char *needs, const char *body, struct tg_rules **rules_r, struct tg_err *err_r)
{
    char text[4096];
    snprintf(text, sizeof(text), "return {hook='a.b', api=1, needs={%s}, decide=function(input, cap)\n%s\nend}", needs,
             body);
    return load_text(text, rules_r, err_r);
}

static inline void push_json(lua_State *L, void *arg)
{
    tg_rules_push_json(L, arg);
}

static inline int read_json(lua_State *L, int index, void *arg, struct tg_err *err_r)
{
    json_t **json = arg;
    *json = tg_rules_read_json(L, index, err_r);
    return *json == NULL ? -1 : 0;
}

/* The result as JSON text in `out`; -1: err_r. */
static inline int call(struct tg_rules *rules, const char *input, const struct tg_deck *deck, char *out, size_t size,
                       struct tg_err *err_r)
{
    json_t *json = json_loads(input, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *result = NULL;
    struct tg_rules_snapshot snap = {.deck = deck};
    int status = tg_rules_call(rules, "a.b", &snap, push_json, json, read_json, &result, NULL, err_r);
    json_decref(json);
    if (status != 0)
        return -1;
    char *text = json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    snprintf(out, size, "%s", text);
    free(text);
    json_decref(result);
    return 0;
}

/* What a rule with this body answers: JSON, or "error: …". */
static inline const char *answer(const char *needs, const char *body, const char *input)
{
    static char out[2048];
    struct tg_err err;
    struct tg_rules *rules;
    out[0] = '\0';
    if (load_body(needs, body, &rules, &err) != 0) {
        snprintf(out, sizeof(out), "load: %s", err.text);
        return out;
    }
    if (call(rules, input, NULL, out, sizeof(out), &err) != 0)
        snprintf(out, sizeof(out), "%s: %s", tg_errcode_name(err.code), err.text);
    tg_rules_free(&rules);
    return out;
}

#endif

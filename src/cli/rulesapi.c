/* rulesapi - see rulesapi.h. */
#include "cli/rulesapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "rt/bundle.h"
#include "rt/vm.h"

bool tg_rulesapi_is_bundle(const char *text)
{
    if (strcmp(text, "active") == 0 || strcmp(text, "release") == 0)
        return true;
    return strlen(text) == TG_BUNDLE_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == TG_BUNDLE_ID_SIZE - 1;
}

int tg_rulesapi_files(const char *dir, json_t **files_r, struct tg_err *err_r)
{
    struct tg_luasource *src;
    if (tg_luasource_read(dir, &src, err_r) != 0)
        return -1;
    json_t *files = json_array();
    for (size_t i = 0; i < tg_luasource_n(src); i++) {
        size_t len;
        const char *path = tg_luasource_path(src, i), *text = tg_luasource_file(src, path, &len);
        if (tg_bundle_has_path(path))
            json_array_append_new(files, json_pack("{s:s, s:o}", "path", path, "source", json_stringn(text, len)));
    }
    tg_luasource_unref(&src);
    if (json_array_size(files) == 0) {
        json_decref(files);
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: there is no file like pricing/rules.lua below it", dir);
    }
    *files_r = files;
    return 0;
}

/* "pricing/rules.lua:41: message"; without a file "/files/0/path: detail". */
static void print_fault(const json_t *fault)
{
    const char *path = json_string_value(json_object_get(fault, "path"));
    const char *pointer = json_string_value(json_object_get(fault, "pointer"));
    const char *detail = json_string_value(json_object_get(fault, "detail"));
    const long long line = (long long)json_integer_value(json_object_get(fault, "line"));
    detail = detail != NULL ? detail : "";
    if (path != NULL && line > 0)
        fprintf(stderr, "%s:%lld: %s\n", path, line, detail);
    else if (path != NULL || (pointer != NULL && *pointer != '\0' && strcmp(pointer, "/files") != 0))
        fprintf(stderr, "%s: %s\n", path != NULL ? path : pointer, detail);
    else
        fprintf(stderr, "%s\n", detail);
}

bool tg_rulesapi_print_problem(const json_t *problem)
{
    size_t i;
    const json_t *one, *errors = json_object_get(problem, "errors"), *reasons = json_object_get(problem, "reasons");
    json_array_foreach(errors, i, one) print_fault(one);
    json_array_foreach(reasons, i, one) fprintf(stderr, "%s\n", json_string_value(one));
    return json_array_size(errors) + json_array_size(reasons) > 0;
}

static void fail(const struct tg_args *args, const struct tg_api_answer *answer)
{
    struct tg_err err;
    if (tg_rulesapi_print_problem(answer->json)) {
        const char *title = json_string_value(json_object_get(answer->json, "title"));
        tg_cli_fail(args, "%s", title != NULL ? title : "the server refuses it");
        return;
    }
    (void)tg_api_problem(answer, &err);
    tg_cli_fail(args, "%s", err.text);
}

json_t *tg_rulesapi_send(const struct tg_args *args, struct tg_api *api, const char *method, const char *path,
                         json_t *body, bool once)
{
    struct tg_err err;
    char key[TG_ID_TEXT_SIZE];
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct tg_api_answer answer = {0, NULL};
    struct tg_api_request req = {
        method, path, text != NULL ? "application/json" : NULL, text, text != NULL ? strlen(text) : 0, NULL};
    json_t *json = NULL;
    if (once) {
        tg_id_format(tg_id_new(), "cli", key);
        req.idempotency_key = key;
    }
    if (tg_api_send(api, &req, &answer, &err) != 0)
        tg_cli_fail(args, "%s", err.text);
    else if (answer.status >= 300 || answer.json == NULL)
        fail(args, &answer);
    else
        json = json_incref(answer.json);
    tg_api_answer_free(&answer);
    free(text);
    json_decref(body);
    return json;
}

json_t *tg_rulesapi_publish(const struct tg_args *args, struct tg_api *api, const char *dir, const char *base,
                            const char *note)
{
    struct tg_err err;
    json_t *files;
    if (tg_rulesapi_files(dir, &files, &err) != 0) {
        tg_cli_fail(args, "%s", err.text);
        return NULL;
    }
    json_t *body = json_pack("{s:o, s:s*, s:s*}", "files", files, "base", base, "note", note);
    return tg_rulesapi_send(args, api, "POST", "/v1/rules/bundles", body, true);
}

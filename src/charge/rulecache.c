/* rulecache - the last good copy of the active rules: {"revision", "id", "files"} in one file, written beside and renamed. */
#include "charge/rulecache.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

static int fail(const char *path, struct tg_err *err_r)
{
    return tg_err_set(err_r, TG_ERR_UPSTREAM, "%s: %s", path, strerror(errno));
}

static int write_file(const char *path, const char *text, struct tg_err *err_r)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return fail(path, err_r);
    const bool written = fputs(text, file) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    const int written_errno = errno;
    if (fclose(file) == 0 && written)
        return 0;
    errno = written ? errno : written_errno;
    return fail(path, err_r);
}

static char *to_text(uint64_t revision, const struct tg_bundle *bundle)
{
    json_t *copy = bundle == NULL ? json_object() : tg_bundle_to_json(bundle);
    json_object_set_new(copy, "revision", json_integer((json_int_t)revision));
    json_object_set_new(copy, "id", bundle == NULL ? json_null() : json_string(tg_bundle_id(bundle)));
    char *text = json_dumps(copy, JSON_COMPACT);
    json_decref(copy);
    return text;
}

int tg_rulecache_write(const char *dir, uint64_t revision, const struct tg_bundle *bundle, struct tg_err *err_r)
{
    char path[PATH_SIZE], beside[PATH_SIZE + 16];
    if (snprintf(path, sizeof(path), "%s/active.json", dir) >= (int)sizeof(path) - 8)
        return tg_err_set(err_r, TG_ERR_INPUT, "the path of the rules' copy is too long");
    snprintf(beside, sizeof(beside), "%s.%d", path, (int)getpid());
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return fail(dir, err_r);
    char *text = to_text(revision, bundle);
    int status =
        text == NULL ? tg_err_set(err_r, TG_ERR_BUG, "the rules have no JSON") : write_file(beside, text, err_r);
    free(text);
    if (status == 0 && rename(beside, path) != 0)
        status = fail(path, err_r);
    if (status != 0)
        unlink(beside);
    return status;
}

static int read_bundle(const json_t *copy, const char *path, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    const char *id = json_string_value(json_object_get(copy, "id"));
    struct tg_faults faults = {0};
    struct tg_bundle *bundle = NULL;
    if (json_is_null(json_object_get(copy, "id"))) { /* the release's own */
        *bundle_r = NULL;
        return 0;
    }
    /* of the copy's members only `files` is the bundle's */
    json_t *files = json_pack("{s:O}", "files", json_object_get(copy, "files"));
    int status = files == NULL ? -1 : tg_bundle_from_json(files, &faults, &bundle);
    json_decref(files);
    tg_faults_deinit(&faults);
    if (status != 0 || id == NULL || strcmp(tg_bundle_id(bundle), id) != 0) {
        tg_bundle_unref(&bundle);
        return tg_err_set(err_r, TG_ERR_BUG, "%s: the rules are not what their id says", path);
    }
    *bundle_r = bundle;
    return 0;
}

int tg_rulecache_read(const char *dir, uint64_t *revision_r, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    char path[PATH_SIZE];
    json_error_t fault;
    snprintf(path, sizeof(path), "%s/active.json", dir);
    if (access(path, F_OK) != 0)
        return 0;
    json_t *copy = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
    if (copy == NULL)
        return tg_err_set(err_r, TG_ERR_BUG, "%s:%d: %s", path, fault.line, fault.text);
    int status = 1;
    const json_t *revision = json_object_get(copy, "revision");
    if (!json_is_integer(revision) || json_integer_value(revision) < 0)
        status = tg_err_set(err_r, TG_ERR_BUG, "%s: it has no revision", path);
    else if (read_bundle(copy, path, bundle_r, err_r) != 0)
        status = -1;
    else
        *revision_r = (uint64_t)json_integer_value(revision);
    json_decref(copy);
    return status;
}

/* import_state - see import_state.h. */
#include "cli/import_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/id.h"

static const struct {
    const char *key;
    size_t offset;
} count_fields[] = {
    {"rows", offsetof(struct tg_import_counts, rows)},
    {"rated", offsetof(struct tg_import_counts, rated)},
    {"not_billable", offsetof(struct tg_import_counts, not_billable)},
    {"no_rate", offsetof(struct tg_import_counts, no_rate)},
    {"duplicate", offsetof(struct tg_import_counts, duplicate)},
    {"conflict", offsetof(struct tg_import_counts, conflict)},
    {"rejected", offsetof(struct tg_import_counts, rejected)},
    {"other", offsetof(struct tg_import_counts, other)},
};
#define N_COUNT_FIELDS (sizeof(count_fields) / sizeof(count_fields[0]))

/* mkdir -p of everything before the last slash. */
static int make_parents(char *path, struct tg_err *err_r)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, 0700);
        if (rc != 0 && errno != EEXIST) {
            tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
            *slash = '/';
            return -1;
        }
        *slash = '/';
    }
    return 0;
}

static int make_path(const char *identity, struct tg_import_state *state, struct tg_err *err_r)
{
    const char *home = getenv("XDG_STATE_HOME"), *below = "";
    uint8_t digest[TG_SHA256_LEN];
    char name[2 * TG_SHA256_LEN + 1];
    if (home == NULL || *home == '\0') {
        home = getenv("HOME");
        below = "/.local/state";
    }
    if (home == NULL || *home == '\0')
        return tg_err_set(err_r, TG_ERR_INPUT, "neither XDG_STATE_HOME nor HOME is set: nowhere to keep the progress");
    tg_sha256(identity, strlen(identity), digest);
    tg_hex(digest, 16, name);
    int n = snprintf(state->path, sizeof(state->path), "%s%s/tollgate/imports/%s.json", home, below, name);
    if (n < 0 || (size_t)n >= sizeof(state->path))
        return tg_err_set(err_r, TG_ERR_INPUT, "the path of the state directory is too long");
    return make_parents(state->path, err_r);
}

int tg_import_state_open(const char *identity, struct tg_import_state *state_r, bool *resumed_r, struct tg_err *err_r)
{
    struct tg_import_state state;
    memset(&state, 0, sizeof(state));
    if (make_path(identity, &state, err_r) != 0)
        return -1;
    json_t *json = json_load_file(state.path, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "import_id"));
    *resumed_r = id != NULL && strlen(id) < sizeof(state.import_id);
    if (*resumed_r) {
        snprintf(state.import_id, sizeof(state.import_id), "%s", id);
        state.batches_done = (uint64_t)json_integer_value(json_object_get(json, "batches_done"));
        for (size_t i = 0; i != N_COUNT_FIELDS; ++i)
            *(uint64_t *)((char *)&state.counts + count_fields[i].offset) =
                (uint64_t)json_integer_value(json_object_get(json, count_fields[i].key));
    } else {
        tg_id_format(tg_id_new(), "import", state.import_id);
    }
    json_decref(json);
    *state_r = state;
    return *resumed_r ? 0 : tg_import_state_save(state_r, err_r);
}

static int write_durably(const char *path, const char *text, struct tg_err *err_r)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool written = fd != -1 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (!written)
        tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    if (fd != -1)
        close(fd);
    return written ? 0 : -1;
}

int tg_import_state_save(const struct tg_import_state *state, struct tg_err *err_r)
{
    char aside[sizeof(state->path) + 8];
    json_t *json =
        json_pack("{s:s, s:I}", "import_id", state->import_id, "batches_done", (json_int_t)state->batches_done);
    for (size_t i = 0; i != N_COUNT_FIELDS; ++i)
        json_object_set_new(json, count_fields[i].key,
                            json_integer((json_int_t) *
                                         (const uint64_t *)((const char *)&state->counts + count_fields[i].offset)));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    snprintf(aside, sizeof(aside), "%s.new", state->path);
    int rc = write_durably(aside, text, err_r);
    if (rc == 0 && rename(aside, state->path) != 0)
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", state->path);
    free(text);
    return rc;
}

void tg_import_state_remove(struct tg_import_state *state)
{
    unlink(state->path);
}

/* bundle - the rule files that decide, and nothing else: immutable, under the SHA-256 of their content.
 *
 * A bundle holds <feature>/rules.lua and <feature>/lib/<name>.lua. The environment of rules and the declarations of
 * hooks (core/allow.lua, core/hooks.lua) belong to the release, so the same bundle has the same id on every release.
 * Reference counted, any thread.
 */
#ifndef TG_RT_BUNDLE_H
#define TG_RT_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/err.h"
#include "rt/faults.h"

#define TG_BUNDLE_FILES_MAX 200
#define TG_BUNDLE_FILE_BYTES_MAX (64u << 10)
#define TG_BUNDLE_PATH_LEN_MAX 120
#define TG_BUNDLE_ID_SIZE 65 /* hex and NUL */

struct tg_luasource; /* rt/vm.h */
struct tg_bundle;
struct tg_bundle_file {
    const char *path; /* "pricing/lib/tiers.lua" */
    const char *text; /* NUL terminated */
    size_t len;
};

/* Whether a file of that path is one of a bundle: [a-z][a-z0-9_]* in each place, and not types/, where annotations
 * for editors live. */
bool tg_bundle_has_path(const char *path);
/* Copies 1 to 200 files of at most 64 KiB of UTF-8 text without NUL. On -1 there is at least one fault more, and one
 * for each thing that is wrong. */
int tg_bundle_new(const struct tg_bundle_file *files, size_t n, struct tg_faults *faults,
                  struct tg_bundle **bundle_r) TG_MUST_CHECK;
/* The release's rules: all files of src that are of a bundle. May be none. */
int tg_bundle_of_source(struct tg_luasource *src, struct tg_bundle **bundle_r, struct tg_err *err_r) TG_MUST_CHECK;
struct tg_bundle *tg_bundle_ref(struct tg_bundle *bundle);
void tg_bundle_unref(struct tg_bundle **bundle);

const char *tg_bundle_id(const struct tg_bundle *bundle); /* hex */
size_t tg_bundle_n(const struct tg_bundle *bundle);
const struct tg_bundle_file *tg_bundle_file(const struct tg_bundle *bundle, size_t i); /* ascending by path */
const struct tg_bundle_file *tg_bundle_find(const struct tg_bundle *bundle, const char *path); /* or NULL */

/* The compiled form of a file, once a VM has left it here: whoever makes more VMs of a bundle, one a thread, need not
 * parse it again (most of what a VM costs). Never from outside: only what lua_dump gave of the file's text. Any thread. */
struct tg_bundle_code {
    size_t len;
    char bytes[];
};
const struct tg_bundle_code *tg_bundle_code(const struct tg_bundle *bundle, const struct tg_bundle_file *file);
/* Takes code, which is from malloc; the first that comes stays. */
void tg_bundle_set_code(const struct tg_bundle *bundle, const struct tg_bundle_file *file, struct tg_bundle_code *code);

/* {"files": [{"path": …, "source": …}, …]} */
json_t *tg_bundle_to_json(const struct tg_bundle *bundle);
int tg_bundle_from_json(const json_t *json, struct tg_faults *faults, struct tg_bundle **bundle_r) TG_MUST_CHECK;

#endif

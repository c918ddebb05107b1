/* bundle - rule files under the hash of their content. */
#include "rt/bundle.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rt/vm.h"

struct tg_bundle {
    atomic_uint refs;
    size_t n;
    struct tg_bundle_file *files; /* ascending by path; path and text are ours */
    _Atomic(struct tg_bundle_code *) *code; /* for each file; NULL: not compiled yet */
    char id[TG_BUNDLE_ID_SIZE];
};

/* --- what may be in one ------------------------------------------------------------------------------------------- */

/* The length of the name at `at`; 0: there is none. */
static size_t name_len(const char *at)
{
    if (*at < 'a' || *at > 'z')
        return 0;
    return strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

bool tg_bundle_has_path(const char *path)
{
    const size_t feature_len = name_len(path);
    const char *rest = path + feature_len;
    if (feature_len == 0 || strlen(path) > TG_BUNDLE_PATH_LEN_MAX ||
        (feature_len == 5 && memcmp(path, "types", 5) == 0))
        return false;
    if (strncmp(rest, "/lib/", 5) != 0)
        return strcmp(rest, "/rules.lua") == 0;
    const size_t len = name_len(rest + 5);
    return len > 0 && strcmp(rest + 5 + len, ".lua") == 0;
}

static int line_of(const char *text, size_t len)
{
    int line = 1;
    for (size_t i = 0; i < len; i++)
        line += text[i] == '\n';
    return line;
}

static void check_file(const struct tg_bundle_file *file, struct tg_faults *faults)
{
    const char *path = file->path, *nul;
    if (!tg_bundle_has_path(path))
        tg_faults_add(faults, path, 0, "path", "a path is like pricing/rules.lua or pricing/lib/tiers.lua");
    if (file->len > TG_BUNDLE_FILE_BYTES_MAX) {
        tg_faults_add(faults, path, 0, "limit", "%zu bytes: at most %u", file->len, TG_BUNDLE_FILE_BYTES_MAX);
        return;
    }
    const size_t valid = tg_utf8_valid_len(file->text, file->len);
    if (file->len > 0 && file->text[0] == '\x1b')
        tg_faults_add(faults, path, 1, "text", "compiled Lua is refused: send its source");
    else if ((nul = memchr(file->text, '\0', file->len)) != NULL)
        tg_faults_add(faults, path, line_of(file->text, (size_t)(nul - file->text)), "text", "a NUL is in the text");
    else if (valid != file->len)
        tg_faults_add(faults, path, line_of(file->text, valid), "text", "not UTF-8");
    else if (file->len >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0)
        tg_faults_add(faults, path, 1, "text", "it begins with a byte order mark: leave it out");
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tg_bundle_file *)a)->path, ((const struct tg_bundle_file *)b)->path);
}

/* files are sorted. */
static void check_files(const struct tg_bundle_file *files, size_t n, struct tg_faults *faults)
{
    for (size_t i = 0; i < n; i++) {
        check_file(&files[i], faults);
        if (i > 0 && strcmp(files[i - 1].path, files[i].path) == 0)
            tg_faults_add(faults, files[i].path, 0, "path", "the path is there twice");
    }
}

/* --- making ------------------------------------------------------------------------------------------------------- */

/* Each file as its path's length, path, size and text, numbers as eight bytes, least first: no two bundles give the
 * same bytes. */
static void compute_id(struct tg_bundle *bundle)
{
    struct tg_iov *pieces = tg_calloc(4 * bundle->n + 1, sizeof(*pieces));
    uint64_t *sizes = tg_calloc(2 * bundle->n + 1, sizeof(*sizes));
    uint8_t hash[TG_SHA256_LEN];
    for (size_t i = 0; i < bundle->n; i++) {
        const struct tg_bundle_file *file = &bundle->files[i];
        sizes[2 * i] = htole64(strlen(file->path));
        sizes[2 * i + 1] = htole64(file->len);
        pieces[4 * i] = (struct tg_iov){&sizes[2 * i], sizeof(*sizes)};
        pieces[4 * i + 1] = (struct tg_iov){file->path, strlen(file->path)};
        pieces[4 * i + 2] = (struct tg_iov){&sizes[2 * i + 1], sizeof(*sizes)};
        pieces[4 * i + 3] = (struct tg_iov){file->text, file->len};
    }
    tg_sha256_v(pieces, 4 * bundle->n, hash);
    tg_hex(hash, sizeof(hash), bundle->id);
    free(pieces);
    free(sizes);
}

/* files are sorted and checked. */
static struct tg_bundle *make(const struct tg_bundle_file *files, size_t n)
{
    struct tg_bundle *bundle = TG_NEW(struct tg_bundle);
    bundle->refs = 1;
    bundle->n = n;
    bundle->files = tg_calloc(n + 1, sizeof(*bundle->files));
    bundle->code = tg_calloc(n + 1, sizeof(*bundle->code));
    for (size_t i = 0; i < n; i++)
        bundle->files[i] =
            (struct tg_bundle_file){tg_strdup(files[i].path), tg_memdup(files[i].text, files[i].len), files[i].len};
    compute_id(bundle);
    return bundle;
}

int tg_bundle_new(const struct tg_bundle_file *files, size_t n, struct tg_faults *faults, struct tg_bundle **bundle_r)
{
    const size_t n_before = faults->n + faults->n_dropped;
    if (n == 0 || n > TG_BUNDLE_FILES_MAX) {
        tg_faults_add(faults, "", 0, "limit", "a bundle has 1 to %d files, this one has %zu", TG_BUNDLE_FILES_MAX, n);
        return -1;
    }
    struct tg_bundle_file *sorted = tg_memdup(files, n * sizeof(*files));
    qsort(sorted, n, sizeof(*sorted), by_path);
    check_files(sorted, n, faults);
    const bool is_right = faults->n + faults->n_dropped == n_before;
    if (is_right)
        *bundle_r = make(sorted, n);
    free(sorted);
    return is_right ? 0 : -1;
}

int tg_bundle_of_source(struct tg_luasource *src, struct tg_bundle **bundle_r, struct tg_err *err_r)
{
    struct tg_bundle_file files[TG_BUNDLE_FILES_MAX];
    struct tg_faults faults = {NULL, 0, 0};
    size_t n = 0;
    for (size_t i = 0; i < tg_luasource_n(src); i++) {
        const char *path = tg_luasource_path(src, i);
        if (!tg_bundle_has_path(path))
            continue;
        if (n == TG_BUNDLE_FILES_MAX)
            return tg_err_set(err_r, TG_ERR_INPUT, "more than %d rule files", TG_BUNDLE_FILES_MAX);
        files[n].path = path;
        files[n].text = tg_luasource_file(src, path, &files[n].len);
        n++;
    }
    if (n == 0)
        *bundle_r = make(files, 0);
    else if (tg_bundle_new(files, n, &faults, bundle_r) != 0) {
        (void)tg_faults_err(&faults, err_r);
        tg_faults_deinit(&faults);
        return -1;
    }
    return 0;
}

struct tg_bundle *tg_bundle_ref(struct tg_bundle *bundle)
{
    atomic_fetch_add(&bundle->refs, 1);
    return bundle;
}

void tg_bundle_unref(struct tg_bundle **bundle)
{
    struct tg_bundle *b = *bundle;
    *bundle = NULL;
    if (b == NULL || atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    for (size_t i = 0; i < b->n; i++) {
        free((char *)b->files[i].path);
        free((char *)b->files[i].text);
        free(b->code[i]);
    }
    free(b->files);
    free(b->code);
    free(b);
}

/* --- compiled ----------------------------------------------------------------------------------------------------- */

const struct tg_bundle_code *tg_bundle_code(const struct tg_bundle *bundle, const struct tg_bundle_file *file)
{
    return atomic_load(&bundle->code[file - bundle->files]);
}

void tg_bundle_set_code(const struct tg_bundle *bundle, const struct tg_bundle_file *file, struct tg_bundle_code *code)
{
    struct tg_bundle_code *none = NULL;
    if (!atomic_compare_exchange_strong(&bundle->code[file - bundle->files], &none, code))
        free(code);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

const char *tg_bundle_id(const struct tg_bundle *bundle)
{
    return bundle->id;
}

size_t tg_bundle_n(const struct tg_bundle *bundle)
{
    return bundle->n;
}

const struct tg_bundle_file *tg_bundle_file(const struct tg_bundle *bundle, size_t i)
{
    assert(i < bundle->n);
    return &bundle->files[i];
}

const struct tg_bundle_file *tg_bundle_find(const struct tg_bundle *bundle, const char *path)
{
    const struct tg_bundle_file wanted = {path, NULL, 0};
    return bsearch(&wanted, bundle->files, bundle->n, sizeof(wanted), by_path);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

json_t *tg_bundle_to_json(const struct tg_bundle *bundle)
{
    json_t *files = json_array();
    for (size_t i = 0; i < bundle->n; i++) {
        const struct tg_bundle_file *file = &bundle->files[i];
        (void)json_array_append_new(files,
                                    json_pack("{s:s, s:s%}", "path", file->path, "source", file->text, file->len));
    }
    return json_pack("{s:o}", "files", files);
}

int tg_bundle_from_json(const json_t *json, struct tg_faults *faults, struct tg_bundle **bundle_r)
{
    struct tg_bundle_file files[TG_BUNDLE_FILES_MAX];
    const json_t *list = json_object_get(json, "files");
    const size_t n = json_array_size(list);
    if (n > TG_BUNDLE_FILES_MAX)
        return tg_bundle_new(files, n, faults, bundle_r); /* which says so */
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *path = json_object_get(entry, "path"), *source = json_object_get(entry, "source");
        if (!json_is_string(path) || !json_is_string(source) ||
            strlen(json_string_value(path)) != json_string_length(path)) {
            tg_faults_add(faults, "", 0, "schema", "files[%zu] must be {\"path\", \"source\"}, both text", i);
            return -1;
        }
        files[i] =
            (struct tg_bundle_file){json_string_value(path), json_string_value(source), json_string_length(source)};
    }
    return tg_bundle_new(files, n, faults, bundle_r);
}

/* luasource - an immutable snapshot of the lua/ directory.
 *
 * Read once for a generation: whatever happens to the directory afterwards, every thread builds from the same bytes.
 * A file is taken whole or the snapshot is refused; links, oversized files and text that is not UTF-8 are named.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "rt/vm.h"

#define FILES_MAX 2000
#define FILE_BYTES_MAX (1u << 20)
#define FOLDER_DEPTH_MAX 8
#define PATH_LEN_MAX 255

struct source_file {
    char *path, *text;
    size_t len;
};

struct tg_luasource {
    atomic_uint refs;
    size_t n;
    struct source_file *files; /* ascending by path */
    char digest[2 * TG_SHA256_LEN + 1];
};

static void source_free(struct tg_luasource *src)
{
    for (size_t i = 0; i < src->n; i++) {
        free(src->files[i].path);
        free(src->files[i].text);
    }
    free(src->files);
    free(src);
}

/* Reads fd to its end; -1 when it is larger than allowed or cannot be read. */
static int read_whole(int fd, const char *path, struct source_file *file, struct tg_err *err_r)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, strerror(errno));
    if (st.st_size > (off_t)FILE_BYTES_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: larger than %u bytes", path, FILE_BYTES_MAX);
    char *text = tg_malloc((size_t)st.st_size + 1);
    size_t len = 0;
    while (len < (size_t)st.st_size) {
        ssize_t n = read(fd, text + len, (size_t)st.st_size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    if (len != (size_t)st.st_size) {
        free(text);
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: changed while it was read", path);
    }
    if (tg_utf8_valid_len(text, len) != len) {
        free(text);
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: not UTF-8", path);
    }
    *file = (struct source_file){.path = tg_strdup(path), .text = text, .len = len};
    return 0;
}

static int add_file(struct tg_luasource *src, int dir_fd, const char *name, const char *path, struct tg_err *err_r)
{
    if (src->n == FILES_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "more than %d Lua files", FILES_MAX);
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path,
                          errno == ELOOP ? "a symbolic link, which is not followed" : strerror(errno));
    int status = read_whole(fd, path, &src->files[src->n], err_r);
    close(fd);
    if (status == 0)
        src->n++;
    return status;
}

static int add_folder(struct tg_luasource *src, int dir_fd, const char *prefix, int depth, struct tg_err *err_r);

static int add_entry(struct tg_luasource *src, int dir_fd, const char *prefix, const char *name, int depth,
                     struct tg_err *err_r)
{
    char path[PATH_LEN_MAX + 2];
    struct stat st;
    assert(prefix != NULL && name != NULL);
    size_t len = strlen(name);
    int n = snprintf(path, sizeof(path), "%s%s", prefix, name);
    if (n > PATH_LEN_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s%s: the path is too long", prefix, name);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return len > 4 && strcmp(name + len - 4, ".lua") == 0 ? add_file(src, dir_fd, name, path, err_r) : 0;
    if (depth == FOLDER_DEPTH_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: folders nested more than %d deep", path, FOLDER_DEPTH_MAX);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, strerror(errno));
    path[n] = '/';
    path[n + 1] = '\0';
    return add_folder(src, fd, path, depth + 1, err_r);
}

/* Takes dir_fd. */
static int add_folder(struct tg_luasource *src, int dir_fd, const char *prefix, int depth, struct tg_err *err_r)
{
    int status = 0;
    const struct dirent *entry;
    DIR *dir = fdopendir(dir_fd);
    assert(dir != NULL);
    while (status == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            status = add_entry(src, dirfd(dir), prefix, entry->d_name, depth, err_r);
    }
    closedir(dir);
    return status;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct source_file *)a)->path, ((const struct source_file *)b)->path);
}

/* Over "path NUL text NUL" of each file. */
static void compute_digest(struct tg_luasource *src)
{
    struct tg_iov *pieces = tg_calloc(2 * src->n + 1, sizeof(*pieces));
    uint8_t digest[TG_SHA256_LEN];
    for (size_t i = 0; i < src->n; i++) {
        pieces[2 * i] = (struct tg_iov){src->files[i].path, strlen(src->files[i].path) + 1};
        pieces[2 * i + 1] = (struct tg_iov){src->files[i].text, src->files[i].len + 1};
    }
    tg_sha256_v(pieces, 2 * src->n, digest);
    tg_hex(digest, sizeof(digest), src->digest);
    free(pieces);
}

int tg_luasource_read(const char *dir, struct tg_luasource **src_r, struct tg_err *err_r)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", dir, strerror(errno));
    struct tg_luasource *src = TG_NEW(struct tg_luasource);
    src->refs = 1;
    src->files = tg_calloc(FILES_MAX, sizeof(*src->files));
    if (add_folder(src, fd, "", 0, err_r) != 0) {
        source_free(src);
        return -1;
    }
    src->files = tg_realloc(src->files, (src->n + 1) * sizeof(*src->files));
    qsort(src->files, src->n, sizeof(*src->files), by_path);
    compute_digest(src);
    *src_r = src;
    return 0;
}

struct tg_luasource *tg_luasource_of(const char *const *paths, const char *const *texts, size_t n)
{
    struct tg_luasource *src = TG_NEW(struct tg_luasource);
    src->refs = 1;
    src->n = n;
    src->files = tg_calloc(n + 1, sizeof(*src->files));
    for (size_t i = 0; i < n; i++)
        src->files[i] = (struct source_file){tg_strdup(paths[i]), tg_strdup(texts[i]), strlen(texts[i])};
    qsort(src->files, src->n, sizeof(*src->files), by_path);
    compute_digest(src);
    return src;
}

struct tg_luasource *tg_luasource_ref(struct tg_luasource *src)
{
    atomic_fetch_add(&src->refs, 1);
    return src;
}

void tg_luasource_unref(struct tg_luasource **src)
{
    struct tg_luasource *s = *src;
    *src = NULL;
    if (s != NULL && atomic_fetch_sub(&s->refs, 1) == 1)
        source_free(s);
}

const char *tg_luasource_file(const struct tg_luasource *src, const char *path, size_t *len_r)
{
    size_t low = 0, high = src->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(path, src->files[middle].path);
        if (order == 0) {
            *len_r = src->files[middle].len;
            return src->files[middle].text;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t tg_luasource_n(const struct tg_luasource *src)
{
    return src->n;
}

const char *tg_luasource_path(const struct tg_luasource *src, size_t i)
{
    assert(i < src->n);
    return src->files[i].path;
}

const char *tg_luasource_digest(const struct tg_luasource *src)
{
    return src->digest;
}

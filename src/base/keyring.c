/* keyring - the master keys, under which the secrets in the database are sealed. */
#include "base/keyring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"

#define FORMAT 1
#define TEXT_LEN TG_BASE64URL_LEN(TG_SEAL_KEY_LEN)
#define FILE_MAX 8192

struct key {
    uint8_t id[TG_KEY_ID_LEN], bytes[TG_SEAL_KEY_LEN];
};

struct tg_keyring {
    size_t n; /* at least one; the last one seals */
    struct key keys[TG_KEYRING_MAX];
};

static void key_id(const uint8_t bytes[static TG_SEAL_KEY_LEN], uint8_t id[static TG_KEY_ID_LEN])
{
    uint8_t digest[TG_SHA256_LEN];
    tg_sha256(bytes, TG_SEAL_KEY_LEN, digest);
    memcpy(id, digest, TG_KEY_ID_LEN);
}

static const struct key *find(const struct tg_keyring *ring, const uint8_t id[static TG_KEY_ID_LEN])
{
    for (size_t i = 0; i < ring->n; i++)
        if (memcmp(ring->keys[i].id, id, TG_KEY_ID_LEN) == 0)
            return &ring->keys[i];
    return NULL;
}

static int add_line(struct tg_keyring *ring, const char *line, size_t len, size_t number, struct tg_err *err_r)
{
    size_t n = 0;
    uint8_t bytes[TEXT_LEN], id[TG_KEY_ID_LEN];
    if (ring->n == TG_KEYRING_MAX)
        return tg_err_set(err_r, TG_ERR_INPUT, "more than %d keys", TG_KEYRING_MAX);
    if (len != TEXT_LEN || !tg_unbase64url(line, len, bytes, &n)) {
        OPENSSL_cleanse(bytes, sizeof(bytes));
        return tg_err_set(err_r, TG_ERR_INPUT, "line %zu is no key: 43 characters of base64url", number);
    }
    assert(n == TG_SEAL_KEY_LEN);
    key_id(bytes, id);
    int rc = 0;
    if (find(ring, id) != NULL) {
        rc = tg_err_set(err_r, TG_ERR_INPUT, "line %zu has a key that is there already", number);
    } else {
        memcpy(ring->keys[ring->n].id, id, sizeof(id));
        memcpy(ring->keys[ring->n++].bytes, bytes, TG_SEAL_KEY_LEN);
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return rc;
}

int tg_keyring_parse(const char *text, struct tg_keyring **ring_r, struct tg_err *err_r)
{
    struct tg_keyring *ring = TG_NEW(struct tg_keyring);
    size_t number = 1;
    for (const char *line = text;; number++) {
        size_t len = strcspn(line, "\n,"), trimmed = len;
        while (trimmed > 0 && strchr(" \t\r", line[trimmed - 1]) != NULL)
            trimmed--;
        if (trimmed > 0 && line[0] != '#' && add_line(ring, line, trimmed, number, err_r) != 0)
            goto Fail;
        if (line[len] == '\0')
            break;
        line += len + 1;
    }
    if (ring->n == 0) {
        tg_err_set(err_r, TG_ERR_INPUT, "there is no key in it");
        goto Fail;
    }
    *ring_r = ring;
    return 0;
Fail:
    tg_keyring_free(&ring);
    return -1;
}

/* The whole file as a text, into FILE_MAX bytes. 1; 0: there is none; -1. */
static int read_file(const char *path, char *text, struct tg_err *err_r)
{
    struct stat st;
    ssize_t n = 0;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1 && errno == ENOENT)
        return 0;
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s is no file", path);
        goto Fail;
    }
    if ((st.st_mode & 077) != 0) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s can be read by others: chmod 600 it", path);
        goto Fail;
    }
    while (len < FILE_MAX - 1 && (n = read(fd, text + len, FILE_MAX - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    if (n < 0 || len == FILE_MAX - 1 || strlen(text) != len) {
        tg_err_set(err_r, TG_ERR_INPUT, "%s is no key ring: %s", path,
                   n < 0 ? "it cannot be read" : "too long, or no text");
        goto Fail;
    }
    close(fd);
    return 1;
Fail:
    close(fd);
    return -1;
}

int tg_keyring_read(const char *path, struct tg_keyring **ring_r, struct tg_err *err_r)
{
    char text[FILE_MAX] = "";
    struct tg_err err;
    int rc = read_file(path, text, err_r);
    if (rc == 0)
        rc = tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, strerror(ENOENT));
    else if (rc == 1 && (rc = tg_keyring_parse(text, ring_r, &err)) != 0)
        tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, err.text);
    OPENSSL_cleanse(text, sizeof(text));
    return rc;
}

void tg_keyring_free(struct tg_keyring **ring)
{
    if (*ring == NULL)
        return;
    OPENSSL_cleanse(*ring, sizeof(**ring));
    free(*ring);
    *ring = NULL;
}

/* Beside the file, then in its place: whoever reads meanwhile sees the old one or the new one. */
static int replace(const char *path, const char *text, struct tg_err *err_r)
{
    char beside[4096];
    size_t len = strlen(text);
    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return tg_err_set(err_r, TG_ERR_INPUT, "the path is too long");
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", beside);
    bool good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    good = close(fd) == 0 && good && rename(beside, path) == 0;
    if (good)
        return 0;
    tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    unlink(beside);
    return -1;
}

int tg_keyring_add(const char *path, uint8_t id_r[static TG_KEY_ID_LEN], struct tg_err *err_r)
{
    char text[FILE_MAX + TEXT_LEN + 2] = "";
    uint8_t bytes[TG_SEAL_KEY_LEN];
    struct tg_keyring *ring = NULL;
    struct tg_err err;
    int rc = read_file(path, text, err_r);
    if (rc == -1)
        return -1;
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] != '\n')
        text[len++] = '\n';
    tg_random(bytes, sizeof(bytes));
    tg_base64url(bytes, sizeof(bytes), text + len);
    text[len + TEXT_LEN] = '\n';
    text[len + TEXT_LEN + 1] = '\0';
    rc = tg_keyring_parse(text, &ring, &err);
    if (rc == 0)
        rc = replace(path, text, err_r);
    else
        tg_err_set(err_r, TG_ERR_INPUT, "%s: %s", path, err.text);
    if (rc == 0)
        memcpy(id_r, tg_keyring_newest(ring), TG_KEY_ID_LEN);
    tg_keyring_free(&ring);
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return rc;
}

const uint8_t *tg_keyring_newest(const struct tg_keyring *ring)
{
    return ring->keys[ring->n - 1].id;
}

void tg_keyring_seal(const struct tg_keyring *ring, struct tg_purpose purpose, const void *text, size_t len,
                     uint8_t *out)
{
    const struct key *key = &ring->keys[ring->n - 1];
    out[0] = FORMAT;
    memcpy(out + 1, key->id, TG_KEY_ID_LEN);
    tg_seal(key->bytes, purpose, text, len, out + 1 + TG_KEY_ID_LEN);
}

int tg_keyring_open(const struct tg_keyring *ring, struct tg_purpose purpose, const uint8_t *sealed, size_t len,
                    uint8_t *out, struct tg_err *err_r)
{
    char id[2 * TG_KEY_ID_LEN + 1];
    if (len < TG_KEYRING_OVERHEAD || sealed[0] != FORMAT)
        return tg_err_set(err_r, TG_ERR_INPUT, "this is no sealed value");
    const struct key *key = find(ring, sealed + 1);
    const size_t head = 1 + TG_KEY_ID_LEN;
    tg_hex(sealed + 1, TG_KEY_ID_LEN, id);
    if (key == NULL)
        return tg_err_set(err_r, TG_ERR_INPUT, "sealed under the master key %s, which is not here", id);
    if (!tg_unseal(key->bytes, purpose, sealed + head, len - head, out))
        return tg_err_set(err_r, TG_ERR_INPUT, "sealed for another purpose, or changed");
    return 0;
}

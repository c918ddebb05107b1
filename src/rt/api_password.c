/* api_password - argon2id (RFC 9106) on a worker thread: one hash takes 19 MiB and some 30 ms, which no loop has.
 * Parameters: the minimum OWASP names (m = 19 MiB, t = 2, p = 1); they stand in the encoded text. */
#include "rt/api_password.h"

#include <argon2.h>
#include <lauxlib.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "rt/api_db.h"

#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define SALT_LEN 16
#define HASH_LEN 32
#define ENCODED_SIZE 256
#define PASSWORD_LEN_MAX 1024

struct hashing {
    struct tg_await *aw;
    size_t password_len;
    int status; /* argon2's */
    char encoded[ENCODED_SIZE];
    char password[PASSWORD_LEN_MAX];
};

static void hashing_free(struct hashing *h)
{
    OPENSSL_cleanse(h->password, sizeof(h->password));
    free(h);
}

static void run_hash(void *arg) /* on a worker */
{
    struct hashing *h = arg;
    uint8_t salt[SALT_LEN];
    tg_random(salt, sizeof(salt));
    h->status = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, h->password, h->password_len, salt, sizeof(salt),
                                      HASH_LEN, h->encoded, sizeof(h->encoded));
}

static void run_verify(void *arg) /* on a worker */
{
    struct hashing *h = arg;
    h->status = argon2id_verify(h->encoded, h->password, h->password_len);
}

static int push_encoded(lua_State *L, void *arg)
{
    const struct hashing *h = arg;
    if (h->status != ARGON2_OK)
        return luaL_error(L, "argon2id: %s", argon2_error_message(h->status));
    lua_pushstring(L, h->encoded);
    return 1;
}

/* A text that is no argon2id hash verifies nothing: false, as a wrong password. */
static int push_verified(lua_State *L, void *arg)
{
    const struct hashing *h = arg;
    lua_pushboolean(L, h->status == ARGON2_OK);
    return 1;
}

static void on_hashed(void *arg)
{
    struct hashing *h = arg;
    tg_await_resume(&h->aw, push_encoded, h);
    hashing_free(h);
}

static void on_verified(void *arg)
{
    struct hashing *h = arg;
    tg_await_resume(&h->aw, push_verified, h);
    hashing_free(h);
}

static int submit(lua_State *L, const char *encoded, tg_loop_fn *run, tg_loop_fn *done)
{
    struct tg_err err;
    size_t len;
    const char *password = luaL_checklstring(L, 1, &len);
    const struct tg_services *services = &tg_vm_of(L)->services;
    if (len > PASSWORD_LEN_MAX) {
        tg_err_set(&err, TG_ERR_INPUT, "a password has at most %d bytes", PASSWORD_LEN_MAX);
        return tg_return_err(L, &err);
    }
    struct tg_await *aw = tg_await_new(L);
    if (services->work == NULL) {
        tg_await_cancel(&aw);
        return tg_return_not_configured(L, "a worker thread");
    }
    struct hashing *h = TG_NEW(struct hashing);
    h->aw = aw;
    h->password_len = len;
    memcpy(h->password, password, len);
    if (encoded != NULL)
        snprintf(h->encoded, sizeof(h->encoded), "%s", encoded); /* its length was checked */
    if (tg_work_submit(services->work, services->loop, run, done, h, &err) != 0) {
        hashing_free(h);
        tg_await_cancel(&aw);
        return tg_return_err(L, &err);
    }
    return tg_await_yield(L, aw);
}

int tg_api_argon2id(lua_State *L)
{
    return submit(L, NULL, run_hash, on_hashed);
}

int tg_api_argon2id_verify(lua_State *L)
{
    size_t len;
    const char *encoded = luaL_checklstring(L, 2, &len);
    if (len >= ENCODED_SIZE) {
        lua_pushboolean(L, 0);
        return 1;
    }
    return submit(L, encoded, run_verify, on_verified);
}

/* tls - a listener's certificates: the `ssl` property, and SSL_CTXs made from it. */
#include "web/listen.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include <h2o/configurator.h>
#include <openssl/err.h>

#include "base/id.h"
#include "base/mem.h"

#define complain h2o_configurator_errprintf

/* Without CBC (Lucky 13) and without plain RSA (no forward secrecy). */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* What the default context carries: the contexts of the other certificates, by name. Freed with it. */
struct tls_names {
    size_t n;
    struct {
        const char *name; /* of the listener's certificate, which outlives us */
        SSL_CTX *ctx; /* a reference */
    } entries[];
};

/* --- The property --------------------------------------------------------------------------------------------------- */

void tg_certificate_deinit(struct tg_certificate *cert)
{
    for (size_t i = 0; cert->names != NULL && cert->names[i] != NULL; i++)
        free(cert->names[i]);
    free(cert->names);
    free(cert->certificate_file);
    free(cert->key_file);
    free(cert->cipher_suite);
    free(cert->cipher_suite_13);
    *cert = (struct tg_certificate){0};
}

static int read_version(h2o_configurator_command_t *cmd, yoml_t *node, int *version_r)
{
    if (strcasecmp(node->data.scalar, "TLSv1.2") == 0)
        *version_r = TLS1_2_VERSION;
    else if (strcasecmp(node->data.scalar, "TLSv1.3") == 0)
        *version_r = TLS1_3_VERSION;
    else {
        complain(cmd, node, "the versions are TLSv1.2 and TLSv1.3");
        return -1;
    }
    return 0;
}

static int read_property(h2o_configurator_command_t *cmd, yoml_t *key, yoml_t *value, struct tg_certificate *cert)
{
    static const struct {
        const char *name;
        size_t offset;
    } texts[] = {{"certificate-file", offsetof(struct tg_certificate, certificate_file)},
                 {"key-file", offsetof(struct tg_certificate, key_file)},
                 {"cipher-suite", offsetof(struct tg_certificate, cipher_suite)},
                 {"cipher-suite-tls1.3", offsetof(struct tg_certificate, cipher_suite_13)}};
    if (key->type != YOML_TYPE_SCALAR || value->type != YOML_TYPE_SCALAR) {
        complain(cmd, value, "the properties of ssl are single values");
        return -1;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(key->data.scalar, texts[i].name) == 0) {
            *(char **)(void *)((char *)cert + texts[i].offset) = tg_strdup(value->data.scalar);
            return 0;
        }
    if (strcmp(key->data.scalar, "min-version") == 0 || strcmp(key->data.scalar, "minimum-version") == 0)
        return read_version(cmd, value, &cert->min_version);
    if (strcmp(key->data.scalar, "max-version") == 0 || strcmp(key->data.scalar, "maximum-version") == 0)
        return read_version(cmd, value, &cert->max_version);
    if (strcmp(key->data.scalar, "cipher-preference") == 0) {
        ssize_t which = h2o_configurator_get_one_of(cmd, value, "server,client");
        cert->prefer_client = which == 1;
        return which == -1 ? -1 : 0;
    }
    complain(cmd, key, "unknown property of ssl: %s", key->data.scalar);
    return -1;
}

static int read_certificate(h2o_configurator_command_t *cmd, yoml_t *node, struct tg_certificate *cert)
{
    if (node->type != YOML_TYPE_MAPPING) {
        complain(cmd, node, "`ssl` must be a mapping");
        return -1;
    }
    for (size_t i = 0; i < node->data.mapping.size; i++)
        if (read_property(cmd, node->data.mapping.elements[i].key, node->data.mapping.elements[i].value, cert) != 0)
            return -1;
    if (cert->certificate_file == NULL || cert->key_file == NULL) {
        complain(cmd, node, "`certificate-file` and `key-file` are both needed");
        return -1;
    }
    return 0;
}

static void add_name(struct tg_certificate *cert, const char *host)
{
    size_t n = 0;
    while (cert->names != NULL && cert->names[n] != NULL)
        n++;
    cert->names = tg_realloc(cert->names, (n + 2) * sizeof(*cert->names));
    cert->names[n] = tg_strdup(host);
    cert->names[n + 1] = NULL;
}

int tg_tls_on_property(h2o_configurator_command_t *cmd, yoml_t *node, struct tg_listener *listener, const char *host)
{
    struct tg_certificate cert = {.min_version = TLS1_2_VERSION};
    struct tg_err err;
    SSL_CTX *tls;
    if (read_certificate(cmd, node, &cert) != 0)
        goto Fail;
    for (size_t i = 0; i < listener->n_certificates; i++)
        if (host != NULL && strcmp(listener->certificates[i].certificate_file, cert.certificate_file) == 0) {
            add_name(&listener->certificates[i], host);
            tg_certificate_deinit(&cert);
            goto Load;
        }
    if (listener->n_certificates == TG_CERTIFICATES_MAX) {
        complain(cmd, node, "more than %d certificates at one address", TG_CERTIFICATES_MAX);
        goto Fail;
    }
    if (host != NULL)
        add_name(&cert, host);
    listener->certificates[listener->n_certificates++] = cert;
Load:
    if (tg_listener_tls_load(listener, &tls, &err) != 0) {
        complain(cmd, node, "%s", err.text);
        return -1;
    }
    SSL_CTX_free(listener->tls);
    listener->tls = tls;
    return 0;
Fail:
    tg_certificate_deinit(&cert);
    return -1;
}

/* --- Contexts ------------------------------------------------------------------------------------------------------- */

static void free_names(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct tls_names *names = ptr;
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    for (size_t i = 0; names != NULL && i < names->n; i++)
        SSL_CTX_free(names->entries[i].ctx);
    free(names);
}

static int names_slot(void)
{
    static int slot = -1; /* made while the configuration is read: one thread */
    if (slot == -1)
        slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_names);
    assert(slot != -1);
    return slot;
}

static bool name_matches(const char *pattern, const char *name)
{
    if (pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = strchr(name, '.');
        return dot != NULL && strcasecmp(pattern + 1, dot) == 0;
    }
    return strcasecmp(pattern, name) == 0;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_names *names = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name != NULL && i < names->n; i++)
        if (name_matches(names->entries[i].name, name)) {
            SSL_set_SSL_CTX(ssl, names->entries[i].ctx);
            break;
        }
    return SSL_TLSEXT_ERR_OK;
}

static int fail(const char *what, const char *file, struct tg_err *err_r)
{
    char text[160] = "";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof(text));
    ERR_clear_error();
    return tg_err_set(err_r, TG_ERR_INPUT, "%s %s: %s", what, file, text[0] == '\0' ? strerror(errno) : text);
}

static int load_files(SSL_CTX *ctx, const struct tg_certificate *cert, struct tg_err *err_r)
{
    struct stat st;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert->certificate_file) != 1)
        return fail("cannot use the certificate", cert->certificate_file, err_r);
    if (stat(cert->key_file, &st) == 0 && (st.st_mode & 007) != 0)
        return tg_err_set(err_r, TG_ERR_INPUT, "the key %s can be read by everybody: chmod 600 it", cert->key_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, cert->key_file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return fail("cannot use the key", cert->key_file, err_r);
    if (SSL_CTX_set_cipher_list(ctx, cert->cipher_suite != NULL ? cert->cipher_suite : CIPHERS) != 1)
        return fail("cannot use the cipher-suite", cert->cipher_suite, err_r);
    if (cert->cipher_suite_13 != NULL && SSL_CTX_set_ciphersuites(ctx, cert->cipher_suite_13) != 1)
        return fail("cannot use the cipher-suite-tls1.3", cert->cipher_suite_13, err_r);
    return 0;
}

/* id: the session id context; all of one listener share it, so a session resumes under each of its names. */
static int new_context(const struct tg_listener *listener, const struct tg_certificate *cert,
                       const uint8_t id[static 16], SSL_CTX **ctx_r, struct tg_err *err_r)
{
    static const h2o_iovec_t only_http1[] = {{(char *)"http/1.1", 8}, {NULL, 0}};
    uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        abort();
    if (!cert->prefer_client)
        options |= SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    SSL_CTX_set_options(ctx, options);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_min_proto_version(ctx, cert->min_version);
    SSL_CTX_set_max_proto_version(ctx, cert->max_version);
    SSL_CTX_set_session_id_context(ctx, id, 16);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do it without memory of ours */
    SSL_CTX_set_num_tickets(ctx, 1);
    h2o_ssl_register_alpn_protocols(ctx, listener->http2 ? h2o_alpn_protocols : only_http1);
    if (load_files(ctx, cert, err_r) != 0) {
        SSL_CTX_free(ctx);
        return -1;
    }
    *ctx_r = ctx;
    return 0;
}

static size_t count_names(const struct tg_listener *listener)
{
    size_t n = 0;
    for (size_t i = 0; i < listener->n_certificates; i++)
        for (char **name = listener->certificates[i].names; name != NULL && *name != NULL; name++)
            n++;
    return n;
}

int tg_listener_tls_load(const struct tg_listener *listener, SSL_CTX **tls_r, struct tg_err *err_r)
{
    uint8_t id[16];
    size_t n = count_names(listener);
    struct tls_names *names = tg_calloc(1, sizeof(*names) + n * sizeof(names->entries[0]));
    SSL_CTX *first = NULL;
    assert(listener->n_certificates != 0);
    tg_random(id, sizeof(id));
    for (size_t i = 0; i < listener->n_certificates; i++) {
        SSL_CTX *ctx;
        if (new_context(listener, &listener->certificates[i], id, &ctx, err_r) != 0) {
            free_names(NULL, names, NULL, 0, 0, NULL);
            SSL_CTX_free(first);
            return -1;
        }
        /* the first one needs no entry: it is what a name that nobody has gets */
        for (char **name = listener->certificates[i].names; i != 0 && name != NULL && *name != NULL; name++) {
            SSL_CTX_up_ref(ctx);
            names->entries[names->n].name = *name;
            names->entries[names->n++].ctx = ctx;
        }
        if (i == 0)
            first = ctx;
        else
            SSL_CTX_free(ctx);
    }
    SSL_CTX_set_ex_data(first, names_slot(), names);
    if (names->n != 0) {
        SSL_CTX_set_tlsext_servername_callback(first, on_server_name);
        SSL_CTX_set_tlsext_servername_arg(first, names);
    }
    *tls_r = first;
    return 0;
}

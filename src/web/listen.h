/* listen - the sockets that accept, and their certificates.
 *
 * `listen` is spelt as in H2O, whose library does not have it. Reading the directive resolves addresses and loads
 * certificates; tg_listener_open() opens the socket. One SSL_CTX (and so one set of ticket keys, one session id
 * context) belongs to one listener; host-level certificates are chosen by the name the client asks for.
 *
 * tg_listener_tls_load() makes a new SSL_CTX from the same files, for a reload; the accepting threads take it over by
 * reference, connections keep the one they began with, the last reference frees all of it.
 */
#ifndef TG_WEB_LISTEN_H
#define TG_WEB_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <h2o.h>
#include <openssl/ssl.h>

#include "base/err.h"

#include <yoml.h>

#define TG_CERTIFICATES_MAX 32 /* of one listener */

struct tg_certificate { /* as the file says it */
    char *certificate_file, *key_file, *cipher_suite, *cipher_suite_13;
    int min_version, max_version; /* TLS1_2_VERSION …; max 0: the newest */
    bool prefer_client;
    char **names; /* the hosts it is for, NULL terminated; NULL: the listener's default */
};

struct tg_listener {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char name[128]; /* "127.0.0.1:8080", "[::1]:8443", "/run/x.sock" */
    int fd; /* -1 until opened */
    int backlog;
    unsigned permission; /* of a unix socket; 0: as umask says */
    bool http2, proxy_protocol, is_global;
    h2o_hostconf_t **hosts; /* NULL terminated */
    struct tg_certificate certificates[TG_CERTIFICATES_MAX];
    size_t n_certificates; /* 0: no TLS */
    SSL_CTX *tls; /* of the default certificate, the others behind it; a reference */
};

struct st_h2o_configurator_command_t;
struct st_h2o_configurator_context_t;
/* The configurator's callback. */
int tg_listen_on_directive(struct st_h2o_configurator_command_t *cmd, struct st_h2o_configurator_context_t *ctx,
                           yoml_t *node);

/* Reads the mapping `ssl` and loads the certificate; host NULL: the listener's default. */
int tg_tls_on_property(struct st_h2o_configurator_command_t *cmd, yoml_t *node, struct tg_listener *listener,
                       const char *host);
void tg_certificate_deinit(struct tg_certificate *cert);

/* Binds and listens. The error names the address. */
int tg_listener_open(struct tg_listener *listener, struct tg_err *err_r) TG_MUST_CHECK;
/* Closes the socket (its dups are others' business) and removes a unix socket's file. */
void tg_listener_close(struct tg_listener *listener);
/* A new context from the certificate files; a reference for the caller. The error names the file. */
int tg_listener_tls_load(const struct tg_listener *listener, SSL_CTX **tls_r, struct tg_err *err_r) TG_MUST_CHECK;
void tg_listener_free(struct tg_listener **listener);

#endif

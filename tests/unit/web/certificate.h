/* certificate - a self-signed certificate for tests, made here. */
#ifndef TG_TESTS_CERTIFICATE_H
#define TG_TESTS_CERTIFICATE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* Writes the certificate (of this name) and its key, mode 0600. */
static inline void certificate_make(const char *cert_path, const char *key_path, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    FILE *fp = fopen(cert_path, "w");
    if (fp == NULL || PEM_write_X509(fp, cert) != 1 || fclose(fp) != 0)
        abort();
    fp = fopen(key_path, "w");
    if (fp == NULL || PEM_write_PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(fp) != 0 ||
        chmod(key_path, 0600) != 0)
        abort();
    X509_free(cert);
    EVP_PKEY_free(key);
}

#endif

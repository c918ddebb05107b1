/* certificates - a CA and a server certificate for "localhost", made for one run of a test program. */
#ifndef TG_TESTS_IO_CERTIFICATES_H
#define TG_TESTS_IO_CERTIFICATES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char tls_dir[64];

static inline bool make_certificates(void)
{
    static const char script[] =
        "cd '%s' && exec >/dev/null 2>&1 && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=TestCA "
        "-keyout ca.key -out ca.pem && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout s.key -out "
        "s.csr && "
        "printf 'subjectAltName=DNS:localhost' >ext && "
        "openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out s.pem && "
        "chmod 711 . && chmod 644 s.key s.pem";
    char command[1024];
    const char *tmp = getenv("TMPDIR");
    if (tls_dir[0] != '\0')
        return true;
    snprintf(tls_dir, sizeof(tls_dir), "%.40s/tg-tls-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(tls_dir) == NULL)
        return false;
    snprintf(command, sizeof(command), script, tls_dir);
    return system(command) == 0;
}

__attribute__((destructor)) static inline void remove_certificates(void)
{
    static const char *const files[] = {"ca.key", "ca.pem", "ca.srl", "s.key", "s.csr", "s.pem", "ext", "hello"};
    char path[100];
    for (size_t i = 0; tls_dir[0] != '\0' && i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", tls_dir, files[i]);
        unlink(path);
    }
    if (tls_dir[0] != '\0')
        rmdir(tls_dir);
}

static inline const char *tls_file(const char *name)
{
    static char paths[3][100];
    static int next;
    char *path = paths[next++ % 3];
    snprintf(path, sizeof(paths[0]), "%s/%s", tls_dir, name);
    return path;
}

#endif

/* services - a private MariaDB and Redis for one test program, through scripts/services.
 *
 * They live in a directory of their own under $TMPDIR. A guardian process waits
 * for the test program to end, however it ends, then kills both by their process
 * ids and removes the directory.
 */
#ifndef TG_TESTS_IO_SERVICES_H
#define TG_TESTS_IO_SERVICES_H

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/db.h"

static struct {
    char dir[64];
    int guard_fd; /* the guardian reads the other end: it sees our end as end of file */
    char database_url[256], redis_url[256];
} services;

static inline void services_sleep_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* Signals the server of a pid file and waits until it is gone. */
static inline void services_kill(const char *pid_file, int signal_number)
{
    char path[128];
    long pid = 0;
    snprintf(path, sizeof(path), "%s/%s", services.dir, pid_file);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    if (fscanf(file, "%ld", &pid) == 1 && pid > 1 && kill((pid_t)pid, signal_number) == 0 && signal_number != SIGSTOP &&
        signal_number != SIGCONT) {
        for (int i = 0; i < 1000 && kill((pid_t)pid, 0) == 0; i++)
            services_sleep_ms(10);
        unlink(path);
    }
    fclose(file);
}

#define services_kill_db() services_kill("mysql/mysql.pid", SIGKILL)
#define services_kill_redis() services_kill("redis.pid", SIGKILL)

static inline void services_guard(int fd)
{
    char byte, command[128];
    setsid();
    while (read(fd, &byte, 1) > 0)
        ;
    services_kill_db();
    services_kill_redis();
    snprintf(command, sizeof(command), "rm -rf '%s'", services.dir);
    _exit(system(command) == 0 ? 0 : 1);
}

static inline void services_read_env(void)
{
    char path[128], line[300], value[256];
    snprintf(path, sizeof(path), "%s/env", services.dir);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "TOLLGATE_OWNER_URL='%255[^']'", value) == 1)
            memcpy(services.database_url, value, sizeof(value));
        if (sscanf(line, "TOLLGATE_REDIS_URL='%255[^']'", value) == 1)
            memcpy(services.redis_url, value, sizeof(value));
    }
    fclose(file);
}

/* Starts what does not run. False with a note when that fails. */
static inline bool services_start(void)
{
    char command[256];
    if (services.dir[0] == '\0') {
        const char *tmp = getenv("TMPDIR");
        snprintf(services.dir, sizeof(services.dir), "%.40s/tg-io-XXXXXX", tmp == NULL ? "/tmp" : tmp);
        int fds[2];
        if (mkdtemp(services.dir) == NULL || chmod(services.dir, 0711) != 0 || pipe2(fds, O_CLOEXEC) != 0)
            return false;
        signal(SIGPIPE, SIG_IGN);
        fflush(NULL);
        if (fork() == 0) {
            close(fds[1]);
            int null_fd = open("/dev/null", O_RDWR);
            dup2(null_fd, 1);
            dup2(null_fd, 2);
            services_guard(fds[0]);
        }
        close(fds[0]);
        services.guard_fd = fds[1];
    }
    snprintf(command, sizeof(command), "env -u LD_PRELOAD scripts/services start '%s' >'%s/services.out' 2>&1",
             services.dir, services.dir);
    int status = system(command);
    services_read_env();
    if (status != 0 || services.database_url[0] == '\0') {
        printf("# scripts/services failed (%d)\n", status);
        return false;
    }
    return true;
}

static inline struct tg_dburl services_dburl(void)
{
    struct tg_dburl url;
    struct tg_err err;
    if (!services_start() || tg_dburl_parse(services.database_url, &url, &err) != 0) {
        printf("Bail out! no private MariaDB\n");
        exit(1);
    }
    return url;
}

#endif

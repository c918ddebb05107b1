/* mapfile - see mapfile.h. */
#include "cli/mapfile.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int tg_mapfile_open(const char *path, struct tg_mapfile *file_r, struct tg_err *err_r)
{
    struct stat st;
    void *bytes = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return tg_err_set(err_r, TG_ERR_INPUT, "%s is not a file", path);
    }
    if (st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return tg_err_set(err_r, TG_ERR_INPUT, "%s: %m", path);
    *file_r = (struct tg_mapfile){bytes, (size_t)st.st_size};
    return 0;
}

void tg_mapfile_close(struct tg_mapfile *file)
{
    if (file->len > 0)
        munmap((void *)file->bytes, file->len);
    *file = (struct tg_mapfile){"", 0};
}
